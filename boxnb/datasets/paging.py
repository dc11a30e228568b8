"""Box's three ways to turn a page.

``fetch(path, **params)`` gives the bytes of one page, ``take(content)`` adds them to a table and gives back what the
page says of itself. Each function is a generator that yields, after every page, the argument that continues from there,
and returns a sentence where the listing may have more than it gave: Box's description calls every field of a page
optional, and not all servers fill them in.
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from typing import Any

from ..api.arguments import shown
from ..errors import ListingError
from ..frames.pages import Page, loose, marker_of, whole_number

Fetch = Callable[..., bytes]
Take = Callable[[bytes], Page]

CEILING = 10_000
"""Rows Box gives by offset; beyond, only markers go on (Box guide *Offset-based paging*)."""

HANDOVER = 0.0002
"""Seconds in which a thread can send the call it was given: else it waits until the rows of this page are read."""


NULL = "The server gave a page whose entries are null"

TWICE = "The server gave the same page twice"

EMPTY = 100
"""Empty pages in a row, each with a marker to the next, after which nobody waits for rows any more."""

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

    Where there is a pool a page is on its way while the one before it is taken.

    Yields
    ------
    str or None
        After each page the marker that continues from there; ``None`` after the last.
    """

    def asked(marker: str | None) -> dict[str, Any]:
        more = {} if marker is None else {"marker": marker}
        return {"usemarker": "true", "limit": limit, **params, **more}

    ahead: Future[bytes] | None = None
    before, empty = {marker}, 0
    try:
        while True:
            content = fetch(path, **asked(marker)) if ahead is None else ahead.result()
            ahead = None
            if pool is not None and (coming := marker_of(content)) not in {None, *before}:
                ahead = pool.submit(fetch, path, **asked(coming))
                time.sleep(HANDOVER)
            page = take(content)
            marker, doubt = page.marker, _doubt_of(page)
            empty = 0 if page.rows else empty + 1
            if page.is_marker_odd:
                doubt = "The server gave a marker that cannot be followed"
            elif marker is not None and marker in before:
                doubt = "The server gave the same marker twice"  # it would be asked for ever
            elif empty == EMPTY:
                doubt = f"The server gave {EMPTY} empty pages in a row"
            yield None if doubt else marker
            if doubt or marker is None:
                return doubt
            before.add(marker)
    finally:
        if ahead is not None:
            ahead.cancel()


def number_of(given: Any, argument: str) -> int:
    """A count or place that somebody gave: a whole number, numpy's or as text, too.

    Raises
    ------
    ListingError
        It is none, or below 0.
    """
    if not isinstance(given, bool):
        with contextlib.suppress(TypeError):
            given = operator.index(given)
    found = whole_number(given)
    if found is None:
        raise ListingError(f"{argument} takes a whole number from 0 on, not {shown(given)}.")
    return found


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
    """Turn pages by ``offset``, in parallel where there is a pool (Box guide *Offset-based paging*).

    The step is the limit the *answer* names, for Box clamps it. ``total_count`` is one past the last offset, not the
    number of rows this user may see, and is read again from each page. Where it is missing, or cannot be right, the end is
    an empty page; where a full page would be the last, one more is asked for, because a server may count only the page.

    Yields
    ------
    int or None
        After each page the offset that continues from there; ``None`` after the last.

    Raises
    ------
    ListingError
        The listing goes on beyond the ceiling, where Box answers 400.
    """
    ahead: dict[int, Future[bytes]] = {}
    offset, limit = number_of(offset, "offset"), number_of(limit, "limit") or 1
    before: list[bytes] = []
    total, rows, empty, begin = None, 0, 0, offset
    try:
        while True:
            waiting = ahead.pop(offset, None)
            content = (
                waiting.result() if waiting is not None else fetch(path, offset=offset, limit=limit, **params)
            )
            entries = loose(content)[1]
            if entries and entries == before:
                yield None
                return None if total == begin + rows else TWICE
            page = take(content)
            before, rows, empty = entries, rows + page.rows, 0 if page.rows else empty + 1
            doubt = _doubt_of(page)
            total = page.total_count if page.total_count is not None else total
            counted = total is not None and total >= offset + page.rows
            step = max(page.limit or page.rows or limit, page.rows) if counted else page.rows or limit
            if pool is not None and offset == begin and total is not None:
                for start in range(offset + step, min(total, ceiling), step):
                    ahead[start] = pool.submit(fetch, path, offset=start, limit=limit, **params)
            offset += step
            over = not page.rows and (not counted or empty == 3)
            if counted and total is not None and offset >= total:
                over = over or page.rows < (page.limit or limit)
            if doubt or over:
                yield None
                return doubt or _missing(total, begin + rows)
            if offset >= ceiling:
                known = "more" if total is None else f"{total:,} entries"
                raise ListingError(
                    f"The server lists {known} here and gives no more than the first {ceiling}. Narrow the request with a filter."
                )
            yield offset
    finally:
        for each in ahead.values():
            each.cancel()


def _missing(total: int | None, reached: int) -> str | None:
    """What is to be said where fewer rows came than were counted."""
    if total is None or reached >= total:
        return None
    return f"The server counts {total:,} entries and showed {reached:,}; this user may not see the others"


def by_position(
    fetch: Fetch, take: Take, path: str, *, limit: int = 500, position: str = "0", **params: Any
) -> Turning:
    """Follow ``next_stream_position`` until a page is empty or the position stays (Box guide *Events*).

    A short page is not the end. Positions are text: they exceed 2^53.

    Yields
    ------
    str or None
        After each page the position that continues from there; ``None`` at the end.
    """
    while True:
        page = take(fetch(path, stream_position=position, limit=limit, **params))
        following, doubt = further(position, page.stream_position), _doubt_of(page)
        if not page.rows or following == position:
            yield None
            if page.rows and page.stream_position != position:
                doubt = "The server gave events and no position to continue from"
            return doubt
        yield following
        position = following


def further(position: str, following: str | None) -> str:
    """The later of two stream positions. One that goes back, is missing or cannot be read never replaces another."""
    if following is None or (position.isdecimal() and int(following) < int(position)):
        return position
    return following
