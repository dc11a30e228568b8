"""Fetch a unit: a page, or a few pages together. The result is their rows, and the pages that follow from them.

A unit does not use the manifest or the profile, so it can run in a thread, another process or on another computer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ..datasets.paging import Turning, by_marker, by_offset, by_position
from ..datasets.pull import is_refusal
from ..errors import ApiError, BoxNotebookError
from ..frames import Table
from ..frames.pages import Page
from ..frames.table import arrow_type
from . import parts
from .kinds import Kind
from .request import Outcome, Request

_DECODING = threading.Lock()
"""Decode in one thread at a time: two threads contend for the GIL and take twice as long."""


_PAGES: dict[str, tuple[Callable[..., Turning], str]] = {
    "marker": (by_marker, "marker"),
    "offset": (by_offset, "offset"),
    "position": (by_position, "position"),
}


@dataclass
class Result:
    """The outcomes of a unit, and the rows of its pages.

    ``error`` ended the unit early; the requests without an outcome are still needed. ``calls`` are those that a worker
    made without the ledger: endpoint, status, milliseconds, bytes, whether it was a retry.
    """

    outcomes: list[Outcome]
    rows: pa.Table
    bytes: int = 0
    error: BoxNotebookError | None = None
    calls: list[tuple[str, int, float, int, bool]] = field(default_factory=list)


Fetch = Callable[..., bytes]


def work(kind: Kind, requests: Sequence[Request], fetch: Fetch, seen: int) -> Result:
    """Fetch the pages of a unit with ``fetch(path, as_user=..., **params)``, and return its result.

    ``seen`` is the time of the round in microseconds, which becomes ``first_seen``, ``seen_since`` and ``last_seen`` of every row.
    """
    table = Table(kind.columns, kind.computed)
    result = Result([], None)
    for request in requests:
        try:
            result.outcomes.append(_page(kind, request, table, fetch, result))
        except ApiError as error:
            if is_refusal(error):
                why = error.code or type(error).__name__
                harmless = kind.is_harmless(request, error.status)
                notes = kind.finished(request) if harmless else []
                refused = None if harmless else (error.status, why)
                result.outcomes.append(Outcome(request, notes=notes, refused=refused))
                continue
            result.error = error
            break
        except BoxNotebookError as error:
            result.error = error
            break
    with _DECODING:
        result.rows = with_times(table.arrow(), seen)
    return result


def _page(kind: Kind, request: Request, table: Table, fetch: Fetch, result: Result) -> Outcome:
    """Fetch one page: a single step of the same generator that pulls a whole listing."""
    outcome = Outcome(request)
    content_of_page: list[bytes] = []
    empty_pages = request.memo.get("empty", 0)

    def fetch_page(path: str, **params: Any) -> bytes:
        content_of_page.append(fetch(path, as_user=request.as_user, **params))
        return content_of_page[-1]

    def take(content: bytes) -> Page:
        with _DECODING:
            own = table.emptied()
            page = kind.take(own, content, request)
            kind.trim(own, request, outcome)
            table.join(own)
        nonlocal empty_pages
        empty_pages = 0 if page.rows else empty_pages + 1
        return page

    pages, argument = _PAGES[request.paging]
    at = {} if request.at is None else {argument: request.at}
    if request.paging != "position":  # an empty page ends a stream
        at["empty_pages"] = empty_pages
    steps = pages(fetch_page, take, request.path, **at, **request.params)
    following = next(steps)
    content = content_of_page[-1]
    result.bytes += len(content)
    outcome.opened += kind.opens(request, content, outcome)
    if following is None:
        outcome.doubt = outcome.doubt or _end_of(steps)
        if outcome.doubt is None:
            outcome.notes += kind.finished(request)
    else:
        steps.close()
        outcome.opened[:0] = [
            opened._replace(memo={**opened.memo, "empty": empty_pages})
            if empty_pages or "empty" in opened.memo
            else opened
            for opened in kind.next_page(request, following, outcome)
        ]
    return outcome


def _end_of(steps: Turning) -> str | None:
    """Return the doubt with which a listing ended."""
    try:
        next(steps)
    except StopIteration as end:
        doubt: str | None = end.value
        return doubt
    raise AssertionError("a listing continued after its last page")


def with_times(table: pa.Table, seen: int) -> pa.Table:
    """Return a table with the columns of :data:`boxnb.harvest.parts.SEEN`."""
    times = pa.repeat(pa.scalar(seen, pa.int64()), len(table)).cast(arrow_type("time"))
    for column in parts.SEEN:
        table = table.append_column(column.name, times)
    return table
