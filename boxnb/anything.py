"""Any other listing of Box as a DataFrame, with types inferred only where nothing can go wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import BoxNotebookError, BoxUnavailableError
from .frames import Table
from .paging import by_marker, by_offset
from .pull import Pull, pulled
from .records import Page, paging_of
from .schema import Column, Kind

if TYPE_CHECKING:
    from .box import Box

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def frame(box: Box, path: str, *, as_user: str | None = None, **params: Any) -> pd.DataFrame:
    """
    Any listing, one row an entry: ``box.frame("/webhooks")``, ``box.frame("/folders/0/items", fields="name,size")``.

    Pages are turned by marker where the answer has one, else by offset, else there is one page.

    Parameters
    ----------
    box : Box
    path : str
        Below the API's address; a listing (an object with ``entries``) or a single object, which becomes one row.
    as_user : str, optional
    **params
        Box's own parameters.

    Returns
    -------
    pandas.DataFrame
        One column a field, nested objects flattened with ``_`` (``owned_by_login``), in the order they are first met. A
        column whose values are all whole numbers is ``Int64``, all truths ``boolean``, all full times with an offset
        ``datetime64[us, UTC]``; ids and everything else are text, lists JSON text.

    Raises
    ------
    ApiError
        Box refused.
    """
    held: list[bytes] = []

    def keep(content: bytes) -> Page:
        page = paging_of(content)
        held.append(content)
        return page

    def work(pull: Pull) -> None:
        limit = int(params.pop("limit", 1000))
        first = pull.fetch(path, limit=limit, **params)
        answer = _decoded(first)
        if "entries" not in answer:
            held.append(json.dumps({"entries": [answer]}).encode())
            return
        page = keep(first)
        params.pop("usemarker", None)  # every page by marker asks for it
        if page.marker is not None:
            pull.follow(
                by_marker(pull.fetch, keep, path, limit=limit, marker=page.marker, **params), "marker"
            )
        elif page.total_count is not None and page.offset is not None:
            step = page.limit or limit
            if page.total_count > step:
                pull.follow(by_offset(pull.fetch, keep, path, limit=limit, offset=step, **params), "offset")

    def made(attrs: Any) -> pd.DataFrame:
        found = _made([entry for content in held for entry in _decoded(content)["entries"] or []])
        found.attrs.update({**attrs, "dataset": "frame", "pages": len(held)})
        return found

    try:
        attrs = pulled(box, f"frame {path}", (), {"path": path, **params}, work, as_user=as_user).attrs
    except BoxNotebookError as error:
        if error.partial is not None:
            error.partial = box.last_partial = made(error.partial.attrs)
        raise
    return made(attrs)


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise BoxUnavailableError("The answer is no JSON object: often a company proxy's page.", status=200)
    return answer


def _made(entries: list[Any]) -> pd.DataFrame:
    rows = [dict(_flat(entry)) if isinstance(entry, dict) else {"entry": entry} for entry in entries]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = tuple(Column(name, _kind(name, [row.get(name) for row in rows])) for name in names)
    table = Table(columns)
    table.add(json.dumps({"entries": rows}).encode())
    made = table.frame()
    return made.drop(columns="extra") if made["extra"].isna().all() else made


def _flat(entry: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in entry.items():
        if isinstance(value, dict) and value:
            found += _flat(value, f"{prefix}{key}_")
        else:
            found.append((prefix + key, value))
    return found


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
