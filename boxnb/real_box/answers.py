"""One call to Box and its response, and one difference from what boxnb expects of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..frames.schema import Columns


@dataclass(frozen=True)
class Probe:
    """One read: what to call, and what boxnb expects.

    Attributes
    ----------
    name : str
        Names the read on the page, and finds the same read of the sandbox.
    operation : str
        The path as Box's description writes it, such as ``/users/{user_id}``.
    path : str
        The path of the call; the ids in it stay on this computer.
    claim : str
        The part of boxnb that depends on the response.
    expect : tuple of int
        The statuses that boxnb expects.
    optional : dict of int to str
        Statuses that only mean that the app or the enterprise lacks something, and what the page says about each.
    columns : Columns
        The columns that the dataset makes from the response.
    dataset : str
        The dataset with those columns, such as ``box.users()``.
    token : {"current", "old", "none"}
        Which access token to send.
    """

    name: str
    operation: str
    path: str
    claim: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: tuple[int, ...] = (200,)
    optional: Mapping[int, str] = field(default_factory=dict)
    columns: Columns = ()
    dataset: str = ""
    token: str = "current"

    @property
    def call(self) -> str:
        """The call as the page shows it."""
        return f"GET {self.operation}"


@dataclass(frozen=True)
class Answer:
    """The response to one read. ``doc`` is the decoded JSON, or ``None`` if the body is empty or not JSON."""

    probe: Probe
    status: int
    headers: Mapping[str, str]
    content: bytes
    doc: Any = None
    is_json: bool = False

    @classmethod
    def of(cls, probe: Probe, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
        """Return the answer with its body decoded."""
        try:
            doc, is_json = json.loads(content), True
        except (ValueError, RecursionError):
            doc, is_json = None, False
        return cls(probe, status, headers, content, doc, is_json)

    @property
    def ok(self) -> bool:
        """Whether the call succeeded with a status that boxnb expects."""
        return self.status in self.probe.expect and self.status < 400

    @property
    def entries(self) -> list[Any]:
        """The entries of a listing; empty if the body has none."""
        entries = self.doc.get("entries") if isinstance(self.doc, dict) else None
        return entries if isinstance(entries, list) else []

    def objects(self) -> list[dict[str, Any]]:
        """The entries that are objects, or the body itself if it is one object and not a listing."""
        if isinstance(self.doc, dict) and "entries" not in self.doc:
            return [self.doc]
        return [entry for entry in self.entries if isinstance(entry, dict)]


class Difference(NamedTuple):
    """One difference between Box and what boxnb expects. Its texts do not contain values that Box returned.

    ``where`` is a field such as ``entries[].status``, a header, or ``status``; ``claim`` is the part of boxnb that it affects.
    """

    call: str
    where: str
    expected: str
    found: str
    claim: str
