"""Compare the entries of a response with the columns that boxnb's dataset makes from them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from ..frames.schema import Column, Columns
from .answers import Answer
from .shapes import Finding, Path
from .words import shape

KINDS = {
    "text": "text",
    "category": "text",
    "time": "a time with an offset",
    "integer": "a whole number of at most 63 bits, not below 0",
    "boolean": "true or false",
}


MAY_BE_NEGATIVE = "space_amount"
"""The only number that can be less than 0: -1 stands for unlimited storage."""


def column_findings(answer: Answer) -> Iterator[Finding]:
    """Yield the values that do not fit into their columns, and the columns that no entry has a field for."""
    objects = answer.objects()
    listing = isinstance(answer.doc, dict) and "entries" in answer.doc
    for column in answer.probe.columns:
        if column.kind == "skip":
            continue
        values = [value for entry in objects for value in _values(entry, column)]
        path = (("entries", "[]") if listing else ()) + column.source
        misfit = next((value for value in values if not fits(column, value)), None)
        if misfit is not None:
            yield Finding(path, "type", KINDS.get(column.kind, "any value"), shape(misfit))


def _values(entry: dict[str, Any], column: Column) -> Iterator[Any]:
    node: Any = entry
    for key in column.source:
        if not isinstance(node, dict) or key not in node:
            return
        node = node[key]
    if node is not None:
        yield node


def fits(column: Column, value: Any) -> bool:
    """Return whether a value that is not null fits into a column."""
    if column.kind == "integer":
        is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        return is_whole and (value >= 0 or column.name == MAY_BE_NEGATIVE)
    if column.kind == "boolean":
        return isinstance(value, bool)
    if column.kind == "json":
        return True
    if not isinstance(value, str):
        return False
    return column.kind != "time" or _is_time(value)


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def column_at(columns: Columns, path: Path) -> str | None:
    """Return the name of the column that is made from the value at a path, or None."""
    keys = tuple(key for key in path if not key.startswith("["))
    keys = keys[1:] if keys[:1] == ("entries",) else keys
    for column in columns:
        if column.kind != "skip" and keys and keys[: len(column.source)] == column.source:
            return column.name
    for column in columns:
        if keys and column.source[: len(keys)] == keys:
            return column.name
    return None
