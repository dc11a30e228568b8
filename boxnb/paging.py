"""Box's three ways to turn a page.

``fetch(path, **params)`` gives the bytes of one page, ``take(content)`` adds them to a table and gives back what the
page says of itself. Each function is a generator that yields, after every page, the argument that continues from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from .errors import ListingError
from .records import Page, marker_of

Fetch = Callable[..., bytes]
Take = Callable[[bytes], Page]

CEILING = 10_000
"""Rows Box gives by offset; beyond, only markers go on (Box guide *Offset-based paging*)."""

HANDOVER = 0.0002
"""Seconds in which a thread can send the call it was given: else it waits until the rows of this page are read."""


def by_marker(
    fetch: Fetch,
    take: Take,
    path: str,
    *,
    limit: int = 1000,
    marker: str | None = None,
    pool: Executor | None = None,
    **params: Any,
) -> Iterator[str | None]:
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
    try:
        while True:
            content = fetch(path, **asked(marker)) if ahead is None else ahead.result()
            ahead = None
            if pool is not None and (coming := marker_of(content)) not in (None, marker):
                ahead = pool.submit(fetch, path, **asked(coming))
                time.sleep(HANDOVER)
            following = take(content).marker
            if following == marker:
                following = None  # a server that repeats itself would be asked for ever
            yield following
            if following is None:
                return
            marker = following
    finally:
        if ahead is not None:
            ahead.cancel()


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
) -> Iterator[int | None]:
    """Turn pages by ``offset``, in parallel where there is a pool (Box guide *Offset-based paging*).

    The step is the limit the *answer* names, for Box clamps it. ``total_count`` is one past the last offset, not the
    number of rows this user may see, and is read again from each page.

    Yields
    ------
    int or None
        After each page the offset that continues from there; ``None`` after the last.

    Raises
    ------
    ListingError
        The listing goes on beyond the ceiling, where Box answers 400.
    """
    page = take(fetch(path, offset=offset, limit=limit, **params))
    step = max(1, page.limit or limit)
    total = page.total_count or 0
    ahead: dict[int, Future[bytes]] = {}
    if pool is not None:
        for start in range(offset + step, min(total, ceiling), step):
            ahead[start] = pool.submit(fetch, path, offset=start, limit=limit, **params)
    try:
        while True:
            offset += step
            if offset >= total:
                yield None
                return
            if offset >= ceiling:
                raise ListingError(
                    f"Box lists {total} here and gives no more than the first {ceiling}: ask for less, with a filter."
                )
            yield offset
            waiting = ahead.pop(offset, None)
            content = (
                waiting.result() if waiting is not None else fetch(path, offset=offset, limit=limit, **params)
            )
            total = take(content).total_count or total
    finally:
        for each in ahead.values():
            each.cancel()


def by_position(
    fetch: Fetch, take: Take, path: str, *, limit: int = 500, position: str = "0", **params: Any
) -> Iterator[str | None]:
    """Follow ``next_stream_position`` until a page is empty or the position stays (Box guide *Events*).

    A short page is not the end. Positions are text: they exceed 2^53.

    Yields
    ------
    str or None
        After each page the position that continues from there; ``None`` at the end.
    """
    while True:
        page = take(fetch(path, stream_position=position, limit=limit, **params))
        following = page.stream_position
        if not page.rows or following in (None, position):
            yield None
            return
        yield following
        position = str(following)
