"""Box's three ways to turn a page, as generators over any ``get(path, **params)`` that returns decoded JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Get = Callable[..., dict[str, Any]]


def by_marker(get: Get, path: str, *, limit: int = 1000, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Pages of entries by ``next_marker``; ends where it is null, empty or absent (Box guide *Marker-based paging*)."""
    marker: Any = None
    while True:
        more = {} if marker is None else {"marker": marker}
        page = get(path, usemarker="true", limit=limit, **params, **more)
        yield page.get("entries") or []
        following = page.get("next_marker")
        if following in (None, "") or following == marker:
            return
        marker = following


def by_offset(get: Get, path: str, *, limit: int = 1000, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Pages of entries by ``offset``, advanced by the limit the *answer* names (Box guide *Offset-based paging*)."""
    offset = 0
    while True:
        page = get(path, offset=offset, limit=limit, **params)
        yield page.get("entries") or []
        step = int(page.get("limit") or limit)
        offset += step
        # total_count is one past the last offset, not the number of rows this user may see.
        if offset >= int(page.get("total_count") or 0):
            return
