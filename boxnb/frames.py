"""Entries in, one tidy DataFrame out: same columns and dtypes for no rows, one row, a million rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from .schema import Column

_MISSING = object()


def frame(entries: Iterable[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    """
    Build a DataFrame from decoded entries.

    Parameters
    ----------
    entries : iterable of dict
        As Box sent them; any key may be missing or null.
    columns : tuple of Column
        From :mod:`boxnb.schema`.

    Returns
    -------
    pandas.DataFrame
        Shape (n, len(columns) + 1), index 0..n-1, in Box's order. The last column, ``extra``, holds as JSON text
        whatever the schema does not know, or knows with another type; missing where there is nothing.
    """
    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    extra: list[str | None] = []
    known = {column.source[0] for column in columns} | {"type"}
    for entry in entries:
        left = {key: value for key, value in entry.items() if key not in known}
        for column in columns:
            found = _at(entry, column.source)
            value, fits = _value(found, column.kind)
            values[column.name].append(value)
            if not fits:
                left[column.name] = found
        extra.append(json.dumps(left, ensure_ascii=False) if left else None)
    made = {column.name: _series(values[column.name], column.kind) for column in columns}
    return pd.DataFrame({**made, "extra": pd.Series(extra, dtype="str")})


def _at(entry: dict[str, Any], source: tuple[str, ...]) -> Any:
    """The value a path leads to, ``None`` where the path ends early; what stands in its way is given back whole."""
    value: Any = entry
    for key in source:
        if value is None:
            return None
        if not isinstance(value, dict):
            return value if len(source) > 1 else _MISSING
        value = value.get(key)
    return value


def _value(found: Any, kind: str) -> tuple[Any, bool]:
    """The value as its column holds it, and whether it fits there; nothing is ever changed silently."""
    if found is None:
        return None, True
    if kind == "json":
        return json.dumps(found, ensure_ascii=False), True
    if kind in ("text", "category"):
        if isinstance(found, str):
            return found, True
        return (str(found), True) if type(found) is int else (None, False)  # ids are text, whatever Box sends
    if kind == "truth":
        return (found, True) if isinstance(found, bool) else (None, False)
    if kind == "integer":
        return _integer(found)
    return _time(found)


def _integer(found: Any) -> tuple[int | None, bool]:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None, False
    if isinstance(found, float) and not found.is_integer():
        return None, False
    whole = int(found)
    return (whole, True) if -(2**63) <= whole < 2**63 else (None, False)


def _time(found: Any) -> tuple[pd.Timestamp | None, bool]:
    try:
        time = pd.Timestamp(found) if isinstance(found, str) and len(found) >= 10 else None
    except ValueError:
        time = None
    if time is None or pd.isna(time):
        return None, False
    return (time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")), True


def _series(values: list[Any], kind: str) -> pd.Series:
    if kind == "time":
        return pd.Series(pd.DatetimeIndex(values, tz="UTC").as_unit("us"), dtype="datetime64[us, UTC]")
    if kind == "category":
        return pd.Series(pd.Series(values, dtype="str"), dtype="category")
    dtype = {"integer": "Int64", "truth": "boolean"}.get(kind, "str")
    return pd.Series(values, dtype=dtype)
