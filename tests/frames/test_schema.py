"""Every dataset with Box's own examples and with random pages: values are never changed or lost silently."""

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
    """Return the rows of the DataFrame of these entries."""
    return [dict(row) for row in frame(entries, columns).to_dict("records")]


def dtypes(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the name and the dtype of each column."""
    return [(str(name), str(kind)) for name, kind in table.dtypes.items()]


@pytest.mark.parametrize("name", DATASETS)
def test_examples_of_box(name: str) -> None:
    """The fields of the examples in Box's OpenAPI description are in their columns, and the others in ``extra``."""
    columns, entries = DATASETS[name], EXAMPLES[name]
    for entry, row in zip(entries, rows(entries, columns), strict=True):
        check(entry, row, columns)
        for column in columns:
            if column.kind != "skip" and len(column.source) == 1 and entry.get(column.source[0]) is not None:
                assert not pd.isna(row[column.name]), (column.name, "is only in extra")


@pytest.mark.parametrize("name", DATASETS)
def test_requested_fields_fill_every_column(name: str) -> None:
    """Every column has a field in Box's description, except a few that it lacks."""
    documented = {key for entry in EXAMPLES[name] for key in entry}
    undocumented = {column.source[0] for column in DATASETS[name]} - documented
    assert undocumented <= {"ip_address", "recorded_at", "restored_by", "uploader_display_name", "url"}, (
        undocumented
    )


@pytest.mark.parametrize("name", DATASETS)
def test_columns_are_the_same_for_any_number_of_rows(name: str) -> None:
    """A table without pages, null entries, an empty entry and thousands of Box's examples give the same columns."""
    columns = DATASETS[name]
    visible = [column for column in columns if column.kind != "skip"]
    expected = [(column.name, DTYPES.get(column.kind, "str")) for column in visible] + [("extra", "str")]
    assert dtypes(Table(columns).frame()) == expected
    empty_table = Table(columns)
    for page in (b'{"entries": null}', b'{"entries": []}', b"{}" if name == "none" else b'{"entries": [{}]}'):
        empty_table.add(page)
    assert dtypes(empty_table.frame()) == expected
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


STRINGS = st.text(max_size=8) | st.sampled_from(
    ["2024-01-01", "12", "1e5", "NaN", "null", "true", "", "\ud800", "\x00", "=1+1", "é́", "9" * 40]
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40, 1.0, 1e300, -0.0])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(STRINGS, inner, max_size=2),
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
VALID = {
    "text": STRINGS,
    "category": st.sampled_from(["active", "admin", "größer"]),
    "time": TIMES,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "json": ANYTHING,
    "skip": ANYTHING,
}


def shaped(columns: schema.Columns) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for entries of this schema, with gaps, nulls, wrong types and unknown fields."""
    tree: dict[str, Any] = {}
    for column in columns:
        node = tree
        for key in column.source[:-1]:
            node = node.setdefault(key, {})
        node[column.source[-1]] = column

    def strategy(node: dict[str, Any] | Column) -> st.SearchStrategy[Any]:
        if isinstance(node, Column):
            return VALID[node.kind] | st.none() | ANYTHING
        known_fields = st.fixed_dictionaries(
            {}, optional={key: strategy(child) for key, child in node.items()}
        )
        unknown_fields = st.dictionaries(STRINGS.filter(lambda key: key not in node), ANYTHING, max_size=1)
        objects = st.builds(lambda fields, others: {**others, **fields}, known_fields, unknown_fields)
        return objects if node is tree else objects | st.none() | ANYTHING

    return strategy(tree)


@pytest.mark.parametrize("name", DATASETS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_entry_is_kept_completely(name: str, data: st.DataObject) -> None:
    """Every value, of any type or in an unknown field, is in its column or in ``extra``."""
    columns = DATASETS[name]
    entries = data.draw(st.lists(shaped(columns) | ANYTHING, max_size=3))
    table = frame(entries, columns)
    assert dtypes(table) == dtypes(frame([], columns))
    for entry, row in zip(entries, table.to_dict("records"), strict=True):
        check(entry, dict(row), columns)
