"""Turn the pages of a listing in Box's three ways: by marker, by offset, by stream position.

``fetch(path, **params)`` returns the bytes of one page. ``take(content)`` adds them to a table and returns what the page
says about itself. Each function is a generator. It yields, after every page, the argument that resumes from there, and
returns a sentence if the listing may have more rows than it gave: Box's API description calls every field of a page
optional, and not all servers fill them in.
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from typing import Any

from ..api.arguments import described
from ..errors import ListingError
from ..frames.pages import Page, loose, marker_of, whole_number

Fetch = Callable[..., bytes]
Take = Callable[[bytes], Page]

CEILING = 10_000
"""Rows that Box returns by offset. Beyond these only markers work (Box guide *Offset-based paging*)."""

HANDOVER = 0.0002
"""Seconds to let a thread send the call just submitted. Otherwise it waits for the GIL until this page is decoded."""

NULL = "The server gave a page whose entries are null"

TWICE = "The server gave the same page twice"

EMPTY = 100
"""Empty pages in a row, each with a marker to the next, after which a listing counts as ended."""

Turning = Generator[Any, None, str | None]


def by_marker(
    fetch: Fetch,
    take: Take,
    path: str,
    *,
    limit: int = 1000,
    marker: str | None = None,
    pool: Executor | None = None,
    **params: Any,
) -> Turning:
    """Follow ``next_marker`` to its end: null, empty or absent (Box guide *Marker-based paging*).

    With a pool, each page is requested while the one before it is decoded.

    Yields
    ------
    str or None
        After each page, the marker that resumes from there; ``None`` after the last.
    """

    def query(marker: str | None) -> dict[str, Any]:
        resumed = {} if marker is None else {"marker": marker}
        return {"usemarker": "true", "limit": limit, **params, **resumed}

    ahead: Future[bytes] | None = None
    seen, empty_pages = {marker}, 0
    try:
        while True:
            content = fetch(path, **query(marker)) if ahead is None else ahead.result()
            ahead = None
            if pool is not None and (following := marker_of(content)) not in {None, *seen}:
                ahead = pool.submit(fetch, path, **query(following))
                time.sleep(HANDOVER)
            page = take(content)
            marker, doubt = page.marker, _doubt_of(page)
            empty_pages = 0 if page.rows else empty_pages + 1
            if page.is_marker_odd:
                doubt = "The server gave a marker that cannot be followed"
            elif marker is not None and marker in seen:
                doubt = "The server gave the same marker twice"  # following it would never end
            elif empty_pages == EMPTY:
                doubt = f"The server gave {EMPTY} empty pages in a row"
            yield None if doubt else marker
            if doubt or marker is None:
                return doubt
            seen.add(marker)
    finally:
        if ahead is not None:
            ahead.cancel()


def number_of(value: Any, argument: str) -> int:
    """Return an argument that is a count or an offset as an ``int``; NumPy integers and digits as text are accepted.

    Raises
    ------
    ListingError
        It is not a whole number, or it is below 0.
    """
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            value = operator.index(value)
    number = whole_number(value)
    if number is None:
        raise ListingError(f"{argument} takes a whole number of 0 or more, not {described(value)}.")
    return number


def _doubt_of(page: Page) -> str | None:
    return NULL if page.is_null else None


def by_offset(
    fetch: Fetch,
    take: Take,
    path: str,
    *,
    limit: int = 1000,
    offset: int = 0,
    ceiling: int = CEILING,
    pool: Executor | None = None,
    **params: Any,
) -> Turning:
    """Turn pages by ``offset``, in parallel if there is a pool (Box guide *Offset-based paging*).

    The step is the limit that the *response* names, because Box clamps it. ``total_count`` is one past the last offset, not
    the number of rows this user may see, and is read again from each page. If it is missing or cannot be right, an empty
    page is the end. If a full page would be the last, one more is fetched: a server may count the page only.

    Yields
    ------
    int or None
        After each page, the offset that resumes from there; ``None`` after the last.

    Raises
    ------
    ListingError
        The listing continues beyond the ceiling, where Box responds with 400.
    """
    ahead: dict[int, Future[bytes]] = {}
    offset, limit = number_of(offset, "offset"), number_of(limit, "limit") or 1
    previous: list[bytes] = []
    total, rows, empty_pages, start = None, 0, 0, offset
    try:
        while True:
            future = ahead.pop(offset, None)
            content = (
                future.result() if future is not None else fetch(path, offset=offset, limit=limit, **params)
            )
            entries = loose(content)[1]
            if entries and entries == previous:
                yield None
                return None if total == start + rows else TWICE
            page = take(content)
            previous, rows = entries, rows + page.rows
            empty_pages = 0 if page.rows else empty_pages + 1
            doubt = _doubt_of(page)
            total = page.total_count if page.total_count is not None else total
            total_is_plausible = total is not None and total >= offset + page.rows
            step = (
                max(page.limit or page.rows or limit, page.rows) if total_is_plausible else page.rows or limit
            )
            if pool is not None and offset == start and total is not None:
                for later in range(offset + step, min(total, ceiling), step):
                    ahead[later] = pool.submit(fetch, path, offset=later, limit=limit, **params)
            offset += step
            ended = not page.rows and (not total_is_plausible or empty_pages == 3)
            if total_is_plausible and total is not None and offset >= total:
                ended = ended or page.rows < (page.limit or limit)
            if doubt or ended:
                yield None
                return doubt or _missing(total, start + rows)
            if offset >= ceiling:
                count = "more entries" if total is None else f"{total:,} entries"
                raise ListingError(
                    f"The server lists {count} here but returns only the first {ceiling:,}. Narrow the request with a filter."
                )
            yield offset
    finally:
        for future in ahead.values():
            future.cancel()


def _missing(total: int | None, reached: int) -> str | None:
    """Return the sentence for a listing that returned fewer rows than Box counts."""
    if total is None or reached >= total:
        return None
    return f"The server counts {total:,} entries but returned {reached:,}; this user may not see the others"


def by_position(
    fetch: Fetch, take: Take, path: str, *, limit: int = 500, position: str = "0", **params: Any
) -> Turning:
    """Follow ``next_stream_position`` until a page is empty or the position stays the same (Box guide *Events*).

    A short page is not the end. Positions are text: they exceed 2^53.

    Yields
    ------
    str or None
        After each page, the position that resumes from there; ``None`` at the end.
    """
    while True:
        page = take(fetch(path, stream_position=position, limit=limit, **params))
        following, doubt = further(position, page.stream_position), _doubt_of(page)
        if not page.rows or following == position:
            yield None
            if page.rows and page.stream_position != position:
                doubt = "The server gave events but no position to continue from"
            return doubt
        yield following
        position = following


def further(position: str, following: str | None) -> str:
    """Return the later of two stream positions. One that is earlier, missing or unreadable never replaces another."""
    if following is None or (position.isdecimal() and int(following) < int(position)):
        return position
    return following
