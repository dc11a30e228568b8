"""Any other listing of Box as a DataFrame, with types inferred only where nothing can go wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from .disk import as_text
from .errors import BoxUnavailableError
from .frames import Table
from .paging import CEILING, Take, by_marker, by_offset, by_position
from .pull import Pull, pulled
from .records import Page, marker_of, paging_of
from .schema import Column, Kind

if TYPE_CHECKING:
    from .box import Box

EXTRA = "extra"
"""The column of :class:`boxnb.frames.Table` for what fits in no other."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


_Way = tuple[str, ...]


def frame(box: Box, path: str, *, as_user: str | None = None, **params: Any) -> pd.DataFrame:
    """
    Any listing, one row an entry: ``box.frame("/webhooks")``, ``box.frame("/folders/0/items", fields="name,size")``.

    Pages are turned as the answer says: by marker, by stream position, by offset, else there is one page. Beyond the
    10,000 rows Box gives by offset it begins anew by marker, where Box has one.

    Parameters
    ----------
    box : Box
    path : str
        Below the API's address; a listing (an object with ``entries``) or a single object, which becomes one row.
    as_user : str, optional
    **params
        Box's own parameters; also ``error.partial.attrs["resume"]`` of a pull that ended early, beside the others.

    Returns
    -------
    pandas.DataFrame
        One column a field, nested objects flattened with ``_`` (``owned_by_login``), in the order they are first met; a
        name that is taken, as ``extra`` is, gets a ``_`` more. A column whose values are all whole numbers is ``Int64``,
        all truths ``boolean``, all full times with an offset ``datetime64[us, UTC]``; ids and everything else are text,
        lists JSON text.

    Raises
    ------
    ApiError
        Box refused.
    ListingError
        More than 10,000 rows, and no markers.
    """
    pages: list[list[Any]] = []
    asked: dict[str, Any] = {**params, "limit": int(params.get("limit", 1000))}
    if "marker" in asked:
        asked["usemarker"] = "true"

    def work(pull: Pull) -> None:
        pull.attrs["dataset"] = "frame"
        pull.tidy = lambda _: _made(list(chain.from_iterable(pages)))
        pull.beside = lambda: sum(map(len, pages))

        def keep(content: bytes) -> Page:
            page = paging_of(content)
            pages.append(_decoded(content)["entries"] or [])
            pull.pages += 1
            pull.report()
            return page

        first = pull.fetch(path, **asked)
        answer = _decoded(first)
        if "entries" not in answer:
            pages.append([answer])
            pull.pages += 1
            return
        page = keep(first)
        if page.total_count is not None and page.total_count > CEILING and not asked.get("offset"):
            marked = b"" if page.marker else pull.fetch(path, **{**asked, "usemarker": "true"})
            if marker_of(marked) is not None:
                pages.clear()
                page = keep(marked)
        _follow(pull, keep, path, page, asked)

    return pulled(box, f"frame {path}", (), {"path": path, **params}, work, as_user=as_user)


def _follow(pull: Pull, keep: Take, path: str, page: Page, asked: dict[str, Any]) -> None:
    """Whatever comes after the first page."""
    turned = ("marker", "usemarker", "offset", "stream_position")
    rest = {name: value for name, value in asked.items() if name not in turned}
    turn: Iterator[Any]
    following: Any
    if page.marker is not None:
        name, following = "marker", page.marker
        turn = by_marker(pull.fetch, keep, path, marker=following, **rest)
    elif page.stream_position is not None and page.rows:
        name, following = "stream_position", page.stream_position
        turn = by_position(pull.fetch, keep, path, position=following, **rest)
    elif page.total_count is not None and page.offset is not None:
        name, following = "offset", page.offset + (page.limit or asked["limit"])
        if page.total_count <= following:
            return
        turn = by_offset(pull.fetch, keep, path, offset=following, **rest)
    else:
        return
    pull.attrs["resume"] = {name: following}
    pull.follow(turn, name)


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise BoxUnavailableError(
            "The answer is not a JSON object, so it is not a listing of the API. Check the path; "
            "often a company proxy answers with a page of its own.",
            status=200,
        )
    return answer


def _made(entries: list[Any]) -> pd.DataFrame:
    rows = [dict(_flat(entry if isinstance(entry, dict) else {"entry": entry})) for entry in entries]
    names: dict[_Way, str] = {}
    for way in dict.fromkeys(way for row in rows for way in row):
        name = as_text("_".join(way))
        while name == EXTRA or name in names.values():
            name += "_"
        names[way] = name
    # Read under keys of our own: Box's can be anything, `$parent` for one.
    keys = {way: f"c{number}" for number, way in enumerate(names)}
    columns = [
        Column(name, _kind(way[-1], [row.get(way) for row in rows]), (keys[way],))
        for way, name in names.items()
    ]
    table = Table(columns)
    plain = [{keys[way]: value for way, value in row.items()} for row in rows]
    table.add(json.dumps({"entries": plain}).encode())
    made = table.frame()
    return made.drop(columns=EXTRA) if made[EXTRA].isna().all() else made


def _flat(entry: dict[str, Any], above: _Way = ()) -> Iterator[tuple[_Way, Any]]:
    """The values of an entry, each with the keys that lead to it."""
    for key, value in entry.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*above, key))
        else:
            yield (*above, key), value


def _kind(name: str, values: list[Any]) -> Kind:
    there = [value for value in values if value is not None]
    if any(isinstance(value, (list, dict)) for value in there):
        return "json"
    if name == "id" or name.endswith("_id") or not there:
        return "text" if all(isinstance(value, (str, int)) for value in there) else "json"
    if all(isinstance(value, bool) for value in there):
        return "truth"
    if all(type(value) is int and -(2**63) <= value < 2**63 for value in there):
        return "integer"
    if all(isinstance(value, str) for value in there):
        return "time" if all(_TIME.fullmatch(value) for value in there) else "text"
    return "json"
