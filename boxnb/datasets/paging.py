"""Fetch a listing page by page in one of Box's three ways: by marker, by offset or by stream position.

``fetch(path, **params)`` returns the bytes of one page. ``take(content)`` adds them to a table and returns the paging
fields. Each function is a generator that yields, after every page, the argument to resume from there. Box's API
description makes every field of a page optional, and some servers leave fields out. If the listing may therefore have more
rows than were received, the generator returns a message that says why.
"""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from typing import Any

from ..api.arguments import described
from ..errors import ArgumentError, ListingError
from ..frames.pages import Page, loose, marker_of, whole_number

Fetch = Callable[..., bytes]
Take = Callable[[bytes], Page]

CEILING = 10_000
"""The most rows that Box returns by offset. Beyond these, only markers work (Box guide *Offset-based paging*)."""

HANDOVER = 0.0002
"""Seconds to wait while a thread sends the call just submitted. Otherwise, it would get the GIL only after this page is decoded."""

NULL = "The server returned a page whose entries are null"

TWICE = "The server returned the same page twice"

EMPTY = 100
"""The number of consecutive empty pages after which a listing counts as ended, even if each has a next marker."""

Turning = Generator[Any, None, str | None]


def by_marker(
    fetch: Fetch,
    take: Take,
    path: str,
    *,
    limit: int = 1000,
    marker: str | None = None,
    empty_pages: int = 0,
    pool: Executor | None = None,
    **params: Any,
) -> Turning:
    """Follow ``next_marker`` until it is null, empty or missing (Box guide *Marker-based paging*).

    With a pool, each page is requested while the previous one is decoded. ``empty_pages`` is how many empty pages the caller
    has received directly before this one.

    Yields
    ------
    str or None
        After each page, the marker to resume from; ``None`` after the last.
    """

    def query(marker: str | None) -> dict[str, Any]:
        marker_param = {} if marker is None else {"marker": marker}
        return {"usemarker": "true", "limit": limit, **params, **marker_param}

    ahead: Future[bytes] | None = None
    markers = {marker}
    try:
        while True:
            content = fetch(path, **query(marker)) if ahead is None else ahead.result()
            ahead = None
            if pool is not None and (following := marker_of(content)) not in {None, *markers}:
                ahead = pool.submit(fetch, path, **query(following))
                time.sleep(HANDOVER)
            page = take(content)
            marker, doubt = page.marker, _doubt_of(page)
            empty_pages = 0 if page.rows else empty_pages + 1
            if page.is_marker_odd:
                doubt = "The server returned a marker that cannot be followed"
            elif marker is not None and marker in markers:
                doubt = "The server returned the same marker twice"  # following it would never end
            elif empty_pages >= EMPTY:
                doubt = f"The server returned {EMPTY} empty pages in a row"
            yield None if doubt else marker
            if doubt or marker is None:
                return doubt
            markers.add(marker)
    finally:
        if ahead is not None:
            ahead.cancel()


def number_of(value: Any, argument: str, *, least: int = 0) -> int:
    """Return a count or an offset as an ``int``; accept NumPy integers and strings of digits.

    Raises
    ------
    ArgumentError
        The value is not a whole number, or is below ``least``.
    """
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            value = operator.index(value)
    number = whole_number(value)
    if number is None or number < least:
        raise ArgumentError(f"{argument} takes a whole number of {least} or more, not {described(value)}.")
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
    empty_pages: int = 0,
    pool: Executor | None = None,
    **params: Any,
) -> Turning:
    """Fetch pages by ``offset``, in parallel if there is a pool (Box guide *Offset-based paging*).

    The step is the limit in the *response*, because Box clamps the requested one. ``total_count`` is one past the last
    offset, not the number of rows that this user can see, and is read again from each page. If it is missing or cannot be
    right, the listing ends at an empty page. After a full last page, one more is fetched, because some servers count only
    the rows on the page. ``empty_pages`` is as for :func:`by_marker`.

    Yields
    ------
    int or None
        After each page, the offset to resume from; ``None`` after the last.

    Raises
    ------
    ListingError
        The listing continues beyond the ceiling, where Box responds with 400.
    """
    ahead: dict[int, Future[bytes]] = {}
    offset, limit = number_of(offset, "offset"), number_of(limit, "limit") or 1
    previous: list[bytes] = []
    total, rows, start = None, 0, offset
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
            ended = not page.rows and (not total_is_plausible or empty_pages >= 3)
            if total_is_plausible and total is not None and offset >= total:
                ended = ended or page.rows < (page.limit or limit)
            if doubt or ended:
                yield None
                return doubt or _doubt_of_count(total, start + rows)
            if offset >= ceiling:
                count = "more entries" if total is None else f"{total:,} entries"
                raise ListingError(
                    f"The server lists {count} here but returns only the first {ceiling:,}. Narrow the request with a filter."
                )
            yield offset
    finally:
        for future in ahead.values():
            future.cancel()


def _doubt_of_count(total: int | None, received: int) -> str | None:
    """Return a message if the listing had fewer rows than Box counts, or else ``None``."""
    if total is None or received >= total:
        return None
    return f"The server counts {total:,} entries but returned {received:,}; this user may not be allowed to see the others"


def by_position(
    fetch: Fetch, take: Take, path: str, *, limit: int = 500, position: str = "0", **params: Any
) -> Turning:
    """Follow ``next_stream_position`` until a page is empty or the position stays the same (Box guide *Events*).

    A short page is not the end. Positions are strings, because they exceed 2^53.

    Yields
    ------
    str or None
        After each page, the position to resume from; ``None`` after the last.
    """
    while True:
        page = take(fetch(path, stream_position=position, limit=limit, **params))
        following, doubt = later_position(position, page.stream_position), _doubt_of(page)
        if not page.rows or following == position:
            yield None
            if page.rows and page.stream_position != position:
                doubt = "The server returned events but no position to continue from"
            return doubt
        yield following
        position = following


def later_position(position: str, following: str | None) -> str:
    """Return ``following`` as the new stream position, or ``position`` if ``following`` is earlier or missing."""
    if following is None or (position.isdecimal() and int(following) < int(position)):
        return position
    return following
