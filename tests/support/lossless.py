"""Check that a row of a DataFrame has every value of its entry."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from boxnb.frames import schema

QUIET = ("type", "sequence_id", "etag")
"""Fields that do not need a column in nested objects; ``type`` does not need one in the entry either."""


def same(value: Any, cell: Any, kind: str) -> bool:
    """Return whether a cell has the value that Box sent."""
    if kind == "json":
        return bool(json.loads(cell) == value)
    if kind == "time":
        time = pd.Timestamp(value)
        return bool(cell == (time.tz_localize("UTC") if time.tzinfo is None else time))
    if kind in ("text", "category"):
        return bool(cell == (value if isinstance(value, str) else str(value)))
    return bool(cell == value) and isinstance(value, bool) == (kind == "boolean")


def check(entry: Any, row: dict[str, Any], columns: schema.Columns) -> None:
    """Check that each value of an entry is in its column or in ``extra``, unless its field is skipped."""
    extra = json.loads(row["extra"]) if isinstance(row["extra"], str) else {}
    by_source = {column.source: column for column in columns}
    within = {source[:length] for source in by_source for length in range(1, len(source))}
    names_in_extra: set[str] = set()

    def check_value(value: Any, path: tuple[str, ...]) -> None:
        column = by_source.get(path)
        name = column.name if column else "_".join(path)
        if value is None or (column and column.kind == "skip"):
            return
        if column and not pd.isna(row[name]):
            assert same(value, row[name], column.kind), (path, value, row[name])
        elif path in within and isinstance(value, dict):
            for key, child in value.items():
                check_value(child, (*path, key))
        elif column or not (path[-1] in QUIET and (len(path) > 1 or path == ("type",))):
            assert name in extra, (path, value)
            assert json.dumps(extra[name], sort_keys=True) == json.dumps(value, sort_keys=True)
            names_in_extra.add(name)

    if not isinstance(entry, dict):
        assert extra == {"entry": entry}
        return
    for key, value in entry.items():
        check_value(value, (key,))
    known = {name for name, value in extra.items() if value is not None}
    assert known <= names_in_extra, "extra has a value that was not sent"
