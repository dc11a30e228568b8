"""Every dataset with Box's own examples and with any other page: no crash, and no value changed or lost silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lossless import check

from boxnb.frames import Table, frame, schema
from boxnb.frames.schema import Column

EXAMPLES = json.loads(
    (Path(__file__).parents[1] / "support" / "box-examples.json").read_text(encoding="utf-8")
)
DATASETS = {name: getattr(schema, name) for name in EXAMPLES}
DTYPES = {"integer": "Int64", "boolean": "boolean", "time": "datetime64[us, UTC]", "category": "category"}


def rows(entries: list[Any], columns: schema.Columns) -> list[dict[str, Any]]:
    return [dict(row) for row in frame(entries, columns).to_dict("records")]


def dtypes(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(str(name), str(kind)) for name, kind in table.dtypes.items()]


@pytest.mark.parametrize("name", DATASETS)
def test_examples_of_box(name: str) -> None:
    """All known fields of the examples in Box's OpenAPI description are in columns, the rest in ``extra``."""
    columns, entries = DATASETS[name], EXAMPLES[name]
    for entry, row in zip(entries, rows(entries, columns), strict=True):
        check(entry, row, columns)
        for column in columns:
            if column.kind != "skip" and len(column.source) == 1 and entry.get(column.source[0]) is not None:
                assert not pd.isna(row[column.name]), (column.name, "fell into extra")


@pytest.mark.parametrize("name", DATASETS)
def test_requested_fields_fill_every_column(name: str) -> None:
    """Every column except boxnb's own has a source in Box's description."""
    known = {key for entry in EXAMPLES[name] for key in entry}
    unknown = {column.source[0] for column in DATASETS[name]} - known
    assert unknown <= {"ip_address", "recorded_at", "restored_by", "uploader_display_name", "url"}, unknown


@pytest.mark.parametrize("name", DATASETS)
def test_columns_are_the_same_for_any_number_of_rows(name: str) -> None:
    """No page, a null page, an empty entry, Box's example and thousands of it give the same columns."""
    columns = DATASETS[name]
    shown = [column for column in columns if column.kind != "skip"]
    expected = [(column.name, DTYPES.get(column.kind, "str")) for column in shown] + [("extra", "str")]
    assert dtypes(Table(columns).frame()) == expected
    null = Table(columns)
    for page in (b'{"entries": null}', b'{"entries": []}', b"{}" if name == "none" else b'{"entries": [{}]}'):
        null.add(page)
    assert dtypes(null.frame()) == expected
    assert dtypes(frame(EXAMPLES[name], columns)) == expected
    assert dtypes(frame(EXAMPLES[name] * 3_000, columns)) == expected


def test_fields_with_the_same_flattened_name_are_both_kept() -> None:
    """``created_by_login`` and ``created_by.login`` have the same flattened name."""
    entry = {"id": "1", "created_by_login": 5, "created_by": {"login": ["x"], "a_b": 1, "a": {"b": 2}}}
    (row,) = rows([entry], schema.ITEMS)
    assert json.loads(row["extra"]) == {
        "created_by_login": 5,
        "created_by_login_": ["x"],
        "created_by_a_b": 1,
        "created_by_a": {"b": 2},
    }


TEXTS = st.text(max_size=8) | st.sampled_from(
    ["2024-01-01", "12", "1e5", "NaN", "null", "true", "", "\ud800", "\x00", "=1+1", "é́", "9" * 40]
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40, 1.0, 1e300, -0.0])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
TIMES = st.builds(
    lambda time, offset, digits: f"{time.isoformat(timespec='seconds')}{digits}{offset}",
    st.datetimes(
        min_value=pd.Timestamp("1700-01-01").to_pydatetime(),
        max_value=pd.Timestamp("2200-01-01").to_pydatetime(),
    ),
    st.sampled_from(["Z", "-07:00", "-08:00", "+00:00", "+05:45", "+14:00", "+0530", ""]),
    st.sampled_from(["", ".5", ".123", ".123456", ".123456789"]),
)
RIGHT = {
    "text": TEXTS,
    "category": st.sampled_from(["active", "admin", "größer"]),
    "time": TIMES,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "json": ANYTHING,
    "skip": ANYTHING,
}


def shaped(columns: schema.Columns) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for entries like the schema, with gaps, nulls, wrong types and unknown fields."""
    tree: dict[str, Any] = {}
    for column in columns:
        node = tree
        for key in column.source[:-1]:
            node = node.setdefault(key, {})
        node[column.source[-1]] = column

    def strategy(node: dict[str, Any] | Column) -> st.SearchStrategy[Any]:
        if isinstance(node, Column):
            return RIGHT[node.kind] | st.none() | ANYTHING
        known = st.fixed_dictionaries({}, optional={key: strategy(below) for key, below in node.items()})
        unknown = st.dictionaries(TEXTS.filter(lambda key: key not in node), ANYTHING, max_size=1)
        whole = st.builds(lambda one, more: {**more, **one}, known, unknown)
        return whole if node is tree else whole | st.none() | ANYTHING

    return strategy(tree)


@pytest.mark.parametrize("name", DATASETS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_entry_is_kept_completely(name: str, data: st.DataObject) -> None:
    """Nulls, gaps, new fields, wrong types, huge numbers, odd times and any Unicode are in a column or in ``extra``."""
    columns = DATASETS[name]
    entries = data.draw(st.lists(shaped(columns) | ANYTHING, max_size=3))
    table = frame(entries, columns)
    assert dtypes(table) == dtypes(frame([], columns))
    for entry, row in zip(entries, table.to_dict("records"), strict=True):
        check(entry, dict(row), columns)
