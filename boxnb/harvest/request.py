"""The pages that a harvest needs, and what becomes of each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Request(NamedTuple):
    """One page that a harvest needs.

    Attributes
    ----------
    path : str
        The endpoint.
    paging : {"marker", "offset", "position"}
        How its pages are addressed; ``at`` is the marker, offset or stream position of this page, ``None`` for the first.
    params : dict
        The other parameters of the call.
    as_user : str or None
    memo : dict
        What the dataset must know when the page arrives.
    turn : int
        Requests with turn 1 wait until no others are left, and then run one after another.
    key : str
        Identifies the page within a round, so that no page is fetched twice.
    id : int
        The number in the manifest; 0 before it is saved.
    """

    path: str
    paging: str = "marker"
    at: Any = None
    params: dict[str, Any] = {}  # noqa: RUF012  never changed
    as_user: str | None = None
    memo: dict[str, Any] = {}  # noqa: RUF012
    turn: int = 0
    key: str = ""
    id: int = 0

    def to_json(self) -> str:
        """Return what the manifest saves."""
        return json.dumps([self.path, self.paging, self.at, self.params, self.as_user, self.memo])

    @classmethod
    def from_json(cls, text: str, number: int, turn: int, key: str) -> Request:
        """Return a request that the manifest has saved."""
        path, paging, at, params, as_user, memo = json.loads(text)
        return cls(path, paging, at, params, as_user, memo, turn, key, number)


@dataclass
class Outcome:
    """What became of one request.

    ``opened`` are the requests that follow from its page, ``notes`` what the dataset records in the manifest (kind, id, value),
    ``doubt`` why the listing may be incomplete, and ``refused`` Box's refusal (status, code).
    """

    request: Request
    rows: int = 0
    opened: list[Request] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    doubt: str | None = None
    refused: tuple[int, str] | None = None
    last: int | None = None
    """The latest ``created_at`` on the page, in microseconds."""
