"""Any other listing of Box as a DataFrame, with types inferred only where nothing can go wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..api.arguments import query, text
from ..errors import ApiError, BoxUnavailableError
from ..frames import Table
from ..frames.pages import Page, loads, loose, marker_of, paging_of
from ..frames.schema import Column, Kind
from ..local.encoding import as_text
from .paging import CEILING, TWICE, Take, Turning, by_marker, by_offset, by_position, further, number_of
from .pull import Pull, is_refusal, pulled

if TYPE_CHECKING:
    from ..api.connection import Connection

EXTRA = "extra"
"""The column of :class:`boxnb.frames.Table` for what fits in no other."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


_Way = tuple[str, ...]


def frame(box: Connection, path: str, *, as_user: str | None = None, **params: Any) -> pd.DataFrame:
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
    path = text(path, "path")
    counts = {
        name: number_of(params[name], name) for name in ("limit", "offset") if params.get(name) is not None
    }
    asked: dict[str, Any] = {"limit": 1000, **query(params), **counts}
    if "marker" in asked:
        asked["usemarker"] = "true"

    def work(pull: Pull) -> None:
        pull.attrs["dataset"] = "frame"
        pull.beside = lambda: sum(map(len, pages))

        def tidy(_: pd.DataFrame) -> pd.DataFrame:
            made = _made(list(chain.from_iterable(pages)))
            pull.odd = int(made[EXTRA].notna().sum()) if EXTRA in made else 0
            return made

        def keep(content: bytes) -> Page:
            page, raw = loose(content)
            page.rows = len(raw)
            entries = [_entry(each) for each in raw]
            if unread := sum(not isinstance(entry, dict) for entry in entries):
                pull.miss(f"{unread} entries that are not objects, see the column entry")
            if position := page.stream_position:
                pull.attrs["position"] = further(pull.attrs.get("position", "0"), position)
            pages.append(entries)
            pull.pages += 1
            pull.report()
            return page

        pull.tidy = tidy
        first = pull.fetch(path, **asked)
        if not (answer := _decoded(first)):
            raise BoxUnavailableError(
                "The answer is an empty object: neither a listing nor one thing with a value. Check the path; "
                "often a company proxy answers with a page of its own.",
                status=200,
            )
        if "entries" not in answer:
            pages.append([answer])
            pull.pages += 1
            return
        total = paging_of(first).total_count
        if total is not None and total > CEILING and not asked.get("offset") and not marker_of(first):
            marked = pull.fetch(path, **{**asked, "usemarker": "true"})
            first = marked if marker_of(marked) is not None else first
        pull.follow(*_way(pull, keep, path, first, asked))

    return pulled(box, f"frame {path}", (), {"path": path, **params}, work, as_user=as_user)


def _way(pull: Pull, keep: Take, path: str, first: bytes, asked: dict[str, Any]) -> tuple[Turning, str]:
    """How the pages are turned, and what the argument is called that continues; the first page is there already."""
    turned = ("marker", "usemarker", "offset", "stream_position")
    rest = {name: value for name, value in asked.items() if name not in turned}
    page, waiting = paging_of(first), [first]

    def fetch(path: str, **params: Any) -> bytes:
        return waiting.pop() if waiting else pull.fetch(path, **params)

    if page.raw_position or page.raw_chunk:
        position = str(asked.get("stream_position") or "0")
        pull.attrs["position"] = position
        return by_position(fetch, keep, path, position=position, **rest), "stream_position"
    offset = number_of(asked.get("offset") or 0, "offset")
    by_offsets = by_offset(fetch, keep, path, offset=offset, **rest)
    if not (page.raw_marker or "marker" in asked or "usemarker" in asked):
        if page.raw_total or page.raw_offset:
            return by_offsets, "offset"
        if page.rows >= (page.limit or 1):
            return _perhaps(by_offsets), "offset"
    elif page.marker is None and page.total_count is not None and "usemarker" not in asked:
        return by_offsets, "offset"  # it has room for both, and was not asked for markers
    return by_marker(fetch, keep, path, marker=asked.get("marker"), **rest), "marker"


def _perhaps(pages: Turning) -> Turning:
    """A full page that says nothing of others: there may be more, or no such thing as a second page."""
    following = next(pages)
    yield following
    try:
        doubt: str | None = yield from pages
    except ApiError as error:
        if not is_refusal(error):
            raise
        doubt = TWICE
    return None if doubt == TWICE else doubt


def _entry(raw: bytes) -> Any:
    """One entry; what Python cannot read stays text."""
    try:
        return loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="backslashreplace")


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        answer = loads(content)
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
