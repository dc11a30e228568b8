"""Pull any other listing from Box's API as a DataFrame. A dtype is inferred only if every value fits it."""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..api import endpoints
from ..api.arguments import choice, query, text
from ..api.endpoints import METHODS
from ..errors import ApiError, BoxUnavailableError
from ..frames import Table
from ..frames.pages import Page, loads, loose, marker_of, paging_of
from ..frames.schema import Column, Kind
from ..local.encoding import as_text
from .paging import CEILING, TWICE, Turning, by_marker, by_offset, by_position, later_position, number_of
from .pull import Pull, is_refusal, run_pull

if TYPE_CHECKING:
    from ..api.connection import Connection

EXTRA = "extra"
"""The column of :class:`boxnb.frames.Table` for values that do not fit into any other column."""

LIMITS = {"search": 200, "events": 500}
"""The most entries per page, where that is not 1000 (Box's description, ``limit``)."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")

_Keys = tuple[str, ...]


def frame(
    box: Connection,
    path: str,
    *,
    method: Method = "GET",
    json: Any = None,
    version: str | None = None,
    as_user: str | None = None,
    **params: Any,
) -> pd.DataFrame:
    """
    Pull any listing, one row per entry, as in ``box.frame("/webhooks")``.

    The first response shows how to request any further pages: by marker, by stream position or by offset. Box returns at
    most 10,000 rows by offset. If there are more, the pull starts again with markers, if Box offers them. With ``method="POST"``,
    the body takes the marker: ``box.frame("/metadata_queries/execute_read", method="POST", json=query)`` returns all rows of
    a metadata query.

    Parameters
    ----------
    box : Box
    path : str
        A path relative to the API's base URL. The response is a listing, which is an object with ``entries``, or a single
        object, which becomes one row.
    method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
        A write is repeated only after 429, or if no connection was made. If Box returns nothing, there are no rows.
    json : dict or list, optional
        The body, for all methods but GET.
    version : str, optional
        The version of the API that the endpoint needs, such as ``"2025.0"`` for ``/hubs``; the default is 2024.0.
    as_user : str, optional
    **params
        Box's own parameters, such as ``fields="name,size"``. To resume a pull that ended early, add those in
        ``error.partial.attrs["resume"]``.

    Returns
    -------
    pandas.DataFrame
        One column per field, in the order in which the fields first appear. Nested objects are flattened, and their names
        are joined by ``_`` (``owned_by_login``). If a name is already used, as ``extra`` is, ``_`` is appended. A column is
        ``Int64`` if all its values are whole numbers, ``boolean`` if all are booleans, and ``datetime64[us, UTC]`` if all
        are complete times with an offset. Lists become JSON text; ids and everything else become text.

    Raises
    ------
    ApiError
        Box refused the request. If the endpoint needs another version, the message names it.
    ListingError
        There are more than 10,000 rows, and Box does not offer markers for this listing.
    """
    path, verb = text(path, "path"), choice(method, "method", METHODS)
    counts = {
        name: number_of(params[name], name) for name in ("limit", "offset") if params.get(name) is not None
    }
    query_params: dict[str, Any] = {**query(params), **counts}
    options = {"json": json, "version": version}
    if verb == "GET":
        query_params = {"limit": LIMITS.get(path.strip("/"), 1000), **query_params}
        if "marker" in query_params:
            query_params["usemarker"] = "true"

    def work(pull: FramePull) -> None:
        pull.attrs["dataset"] = "frame"
        pull.request = verb, options
        if verb != "GET":
            pull.send_all(path, query_params)
            return
        first = pull.fetch(path, **query_params)
        if not (response := _object_of(first)):
            raise BoxUnavailableError(
                "The response is an empty object, so it is neither a listing nor an item. Check the path. "
                "If it is right, a company proxy may have replied instead.",
                status=200,
            )
        if "entries" not in response:
            pull.entries.append(response)
            pull.pages += 1
            return
        total = paging_of(first).total_count
        if total is not None and total > CEILING and not query_params.get("offset") and not marker_of(first):
            with_marker = pull.fetch(path, **{**query_params, "usemarker": "true"})
            first = with_marker if marker_of(with_marker) is not None else first
        pull.follow(*_pages_after(pull, path, first, query_params))

    recorded_query = {"path": path, **params}
    if verb != "GET":
        recorded_query["method"] = verb
    name = f"frame {path}" if verb == "GET" else f"frame {verb} {path}"
    return run_pull(box, name, (), recorded_query, work, as_user=as_user, pull_class=FramePull)


class FramePull(Pull):
    """A pull that holds decoded entries, because their columns are known only at the end."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.entries: list[Any] = []
        self.request: tuple[str, dict[str, Any]] = ("GET", {})

    def fetch(self, path: str, **params: Any) -> bytes:
        """Return the body of one response to this pull's request; thread-safe."""
        session = self._box.session
        method, options = self.request
        if method == "GET" and options.get("version") is None and options.get("json") is None:
            return super().fetch(endpoints.url_of(session, method, path), **params)
        self.check_stopped()
        return endpoints.send(session, method, path, params, as_user=self._as_user, **options).content

    def send_all(self, path: str, params: dict[str, Any]) -> None:
        """Send a request that is not a GET. If its response has a next marker, send the same body again with that marker."""
        method, options = self.request
        marker = params.pop("marker", None)

        def fetch(path: str, **paging: Any) -> bytes:
            if (marker := paging.get("marker")) is not None:
                body = options["json"] if isinstance(options["json"], dict) else {}
                self.request = method, {**options, "json": {**body, "marker": marker}}
            return self.fetch(path, **params)

        first = fetch(path, marker=marker)
        response = _object_of(first) if first.strip() else {}
        if "entries" in response:
            fetched = [first]
            pages = by_marker(
                lambda *args, **paging: fetched.pop() if fetched else fetch(*args, **paging),
                self.add_page,
                path,
                marker=marker,
            )
            self.follow(pages, "marker")
        elif response:
            self.entries.append(response)
            self.pages += 1

    def rows_in_flight(self) -> int:
        """Return the number of rows fetched so far."""
        return len(self.entries)

    def tidy(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the entries as a DataFrame."""
        frame = frame_of(self.entries)
        self.odd = int(frame[EXTRA].notna().sum()) if EXTRA in frame else 0
        return frame

    def add_page(self, content: bytes) -> Page:
        """Decode and collect the entries of one page, and return its paging fields."""
        page, raw_entries = loose(content)
        page.rows = len(raw_entries)
        if position := page.stream_position:
            self.attrs["position"] = later_position(self.attrs.get("position", "0"), position)
        self.add_entries([_entry(raw) for raw in raw_entries])
        return page

    def add_entries(self, entries: list[Any]) -> None:
        """Add the decoded entries of one page."""
        if unread := sum(not isinstance(entry, dict) for entry in entries):
            self.record_missing(f"{unread} entries that are not objects (see the column entry)")
        self.entries += entries
        self.pages += 1
        self.report()


def _pages_after(pull: FramePull, path: str, first: bytes, query: dict[str, Any]) -> tuple[Turning, str]:
    """Return a generator that fetches the pages, and the name of the argument that resumes the pull.

    The first page has already been fetched.
    """
    paging = ("marker", "usemarker", "offset", "stream_position")
    other_params = {name: value for name, value in query.items() if name not in paging}
    page, fetched = paging_of(first), [first]
    add_page = pull.add_page

    def fetch(path: str, **params: Any) -> bytes:
        return fetched.pop() if fetched else pull.fetch(path, **params)

    if page.raw_position or page.raw_chunk:
        position = str(query.get("stream_position") or "0")
        pull.attrs["position"] = position
        return by_position(fetch, add_page, path, position=position, **other_params), "stream_position"
    offset = number_of(query.get("offset") or 0, "offset")
    by_offsets = by_offset(fetch, add_page, path, offset=offset, **other_params)
    if not (page.raw_marker or "marker" in query or "usemarker" in query):
        if page.raw_total or page.raw_offset:
            return by_offsets, "offset"
        if page.rows >= (page.limit or 1):
            return _beyond_full_page(by_offsets), "offset"
    elif page.marker is None and page.total_count is not None and "usemarker" not in query:
        return by_offsets, "offset"  # Box offers offsets and markers here, and markers were not requested
    return by_marker(fetch, add_page, path, marker=query.get("marker"), **other_params), "marker"


def _beyond_full_page(pages: Turning) -> Turning:
    """Fetch the pages that follow a full first page without paging fields.

    The listing may have more pages, or no paging at all. If the second page is refused or equals the first, the listing
    has ended.
    """
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
    """Return one decoded entry, or its text if Python cannot decode it."""
    try:
        return loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="backslashreplace")


def _object_of(content: bytes) -> dict[str, Any]:
    try:
        response = loads(content)
    except (ValueError, RecursionError):
        response = None
    if not isinstance(response, dict):
        raise BoxUnavailableError(
            "The response is not a JSON object, so it is not a listing. Check the path and the proxy "
            "settings: this often means that a company proxy replied.",
            status=200,
        )
    return response


def frame_of(entries: list[Any]) -> pd.DataFrame:
    """Return a DataFrame of decoded entries, with inferred dtypes; see :func:`frame`."""
    rows = [dict(_flat(entry if isinstance(entry, dict) else {"entry": entry})) for entry in entries]
    names: dict[_Keys, str] = {}
    for keys in dict.fromkeys(keys for row in rows for keys in row):
        name = as_text("_".join(keys))
        while name == EXTRA or name in names.values():
            name += "_"
        names[keys] = name
    # The schema uses short field names, because Box's own may contain any character, as in `$parent`.
    fields = {keys: f"c{number}" for number, keys in enumerate(names)}
    columns = [
        Column(name, _infer_kind(keys[-1], [row.get(keys) for row in rows]), (fields[keys],))
        for keys, name in names.items()
    ]
    table = Table(columns)
    flat = [{fields[keys]: value for keys, value in row.items()} for row in rows]
    table.add(json_format.dumps({"entries": flat}).encode())
    frame = table.frame()
    return frame.drop(columns=EXTRA) if frame[EXTRA].isna().all() else frame


def _flat(entry: dict[str, Any], outer: _Keys = ()) -> Iterator[tuple[_Keys, Any]]:
    """Yield the values of an entry, each with the keys that lead to it."""
    for key, value in entry.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*outer, key))
        else:
            yield (*outer, key), value


def _infer_kind(name: str, values: list[Any]) -> Kind:
    """Infer the kind of a column from its name and values; ids are never numbers."""
    present = [value for value in values if value is not None]
    if any(isinstance(value, (list, dict)) for value in present):
        return "json"
    if name == "id" or name.endswith("_id") or not present:
        return "text" if all(isinstance(value, (str, int)) for value in present) else "json"
    if all(isinstance(value, bool) for value in present):
        return "boolean"
    if all(type(value) is int and -(2**63) <= value < 2**63 for value in present):
        return "integer"
    if all(isinstance(value, str) for value in present):
        return "time" if all(_TIME.fullmatch(value) for value in present) else "text"
    return "json"
