"""Check that a row of a DataFrame has every value of the entry that it was created from."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from boxnb.frames import schema

WITHOUT_COLUMN = ("type", "sequence_id", "etag")
"""Fields of nested objects that need no column. On the entry itself, only ``type`` needs none."""


def has_value(cell: Any, value: Any, column_kind: str) -> bool:
    """Return whether a cell has the value that Box sent."""
    if column_kind == "json":
        return bool(json.loads(cell) == value)
    if column_kind == "time":
        time = pd.Timestamp(value)
        return bool(cell == (time.tz_localize("UTC") if time.tzinfo is None else time))
    if column_kind in ("text", "category"):
        return bool(cell == (value if isinstance(value, str) else str(value)))
    return bool(cell == value) and isinstance(value, bool) == (column_kind == "boolean")


def check(entry: Any, row: dict[str, Any], columns: schema.Columns) -> None:
    """Check that each value of an entry is in its column or in ``extra``, unless it needs no column."""
    extra = json.loads(row["extra"]) if isinstance(row["extra"], str) else {}
    by_source = {column.source: column for column in columns}
    parents = {source[:length] for source in by_source for length in range(1, len(source))}
    extra_names: set[str] = set()

    def check_value(value: Any, path: tuple[str, ...]) -> None:
        column = by_source.get(path)
        name = column.name if column else "_".join(path)
        if value is None or (column and column.kind == "skip"):
            return
        if column and not pd.isna(row[name]):
            assert has_value(row[name], value, column.kind), (path, value, row[name])
        elif path in parents and isinstance(value, dict):
            for key, child in value.items():
                check_value(child, (*path, key))
        elif column or not (path[-1] in WITHOUT_COLUMN and (len(path) > 1 or path == ("type",))):
            assert name in extra, (path, value)
            assert json.dumps(extra[name], sort_keys=True) == json.dumps(value, sort_keys=True)
            extra_names.add(name)

    if not isinstance(entry, dict):
        assert extra == {"entry": entry}
        return
    for key, value in entry.items():
        check_value(value, (key,))
    filled = {name for name, value in extra.items() if value is not None}
    assert filled <= extra_names, "extra contains a field that was not sent"
