"""DataFrames keep their schema and never change a value silently."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interrupting import interrupted

from boxnb import frames
from boxnb.frames import Table, children, frame, schema

ENTRY: dict[str, Any] = {
    "type": "user",
    "id": "9007199254740993",
    "name": "Zoë",
    "space_used": 2**53 + 1,
    "created_at": "2026-03-01T10:00:00-08:00",
    "enterprise": {"type": "enterprise", "id": "7", "name": "Acme"},
    "status": "active",
}


def test_dtypes_are_the_same_for_no_rows_and_for_one() -> None:
    """An empty response gives the same columns and dtypes as a full one."""
    empty, full = frame([], schema.USERS), frame([ENTRY], schema.USERS)
    assert list(empty.columns) == list(full.columns)
    assert [str(kind) for kind in empty.dtypes] == [str(kind) for kind in full.dtypes]


def test_values_arrive_unchanged() -> None:
    """Ids stay text, large integers stay exact, times become UTC, and nested names are flattened."""
    row = frame([ENTRY], schema.USERS).iloc[0]
    assert row["id"] == "9007199254740993"
    assert row["space_used"] == 2**53 + 1
    assert row["created_at"] == pd.Timestamp("2026-03-01T18:00:00Z")
    assert (row["enterprise_id"], row["enterprise_name"]) == ("7", "Acme")
    assert pd.isna(row["extra"])


def test_unknown_field_is_kept() -> None:
    """A field that Box adds later goes into ``extra``."""
    table = frame([{**ENTRY, "favourite_tea": "oolong"}], schema.USERS)
    assert json.loads(table["extra"][0]) == {"favourite_tea": "oolong"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("space_used", "12 MB"),
        ("space_used", 1.23e31),
        ("created_at", "yesterday"),
        ("created_at", 17),
        ("name", ["a"]),
        ("is_platform_access_only", "no"),
    ],
)
def test_value_of_the_wrong_type_goes_into_extra(field: str, value: Any) -> None:
    """The value is neither converted for its column nor lost."""
    table = frame([{**ENTRY, field: value}], schema.USERS)
    assert pd.isna(table[field][0])
    assert json.loads(table["extra"][0])[field] == value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from([c.source[0] for c in schema.USERS]), ANYTHING), max_size=5))
def test_any_entry_gives_the_same_schema(entries: list[dict[str, Any]]) -> None:
    """Entries may have nulls, missing keys, wrong types, huge numbers and any Unicode."""
    table = frame(entries, schema.USERS)
    assert len(table) == len(entries)
    assert [str(kind) for kind in table.dtypes] == [str(kind) for kind in frame([], schema.USERS).dtypes]


def test_lists_become_tables_joined_by_id() -> None:
    """There is one row per element, in order. An empty list has no rows, and odd elements are kept."""
    codes = [
        {"type": "tracking_code", "name": "department", "value": "Sales"},
        {"name": "cost centre", "value": 7},
    ]
    users = frame(
        [
            {"id": "1", "tracking_codes": codes},
            {"id": "2", "tracking_codes": []},
            {"id": "3"},
            {"id": "4", "tracking_codes": ["loose", {"name": None, "colour": "red"}]},
        ],
        schema.USERS,
    )
    table = children(users, "tracking_codes")
    assert list(table.columns) == ["id", "position", "name", "value", "extra"]
    assert table[["id", "position", "name", "value"]].fillna("").to_numpy().tolist() == [
        ["1", 0, "department", "Sales"],
        ["1", 1, "cost centre", "7"],
        ["4", 0, "", "loose"],
        ["4", 1, "", ""],
    ]
    assert json.loads(table["extra"][3]) == {"colour": "red"}
    empty = children(frame([], schema.USERS), "tracking_codes")
    assert empty.dtypes.equals(table.dtypes)
    assert len(users.merge(table, on="id")) == 4


def test_ancestor_folders_become_a_table() -> None:
    """There is one row per ancestor folder of an item, top first. Top-level items have no rows."""
    entries = [
        {"type": "folder", "id": "1", "name": "a/b", "parent": {"id": "0"}, "tags": ["x", "y"]},
        {"type": "folder", "id": "2", "name": "c", "parent": {"id": "1"}},
        {"type": "file", "id": "3", "name": "d", "parent": {"id": "2"}},
    ]
    tree = frame(entries, schema.ITEMS)
    tree["path"] = ["", "a/b", "a/b/c"]
    table = children(tree, "path")
    assert table[["id", "position", "folder_id", "folder_name"]].to_numpy().tolist() == [
        ["2", 0, "1", "a/b"],
        ["3", 0, "1", "a/b"],
        ["3", 1, "2", "c"],
    ]
    assert children(tree, "tags")["value"].tolist() == ["x", "y"]


@pytest.mark.parametrize("column", ["name", "tracking_codes", "unicorns"])
def test_column_without_lists_is_refused(column: str) -> None:
    """The message names the list columns that the DataFrame has."""
    with pytest.raises(ValueError, match=r"has \['tags'\]"):
        children(frame([], schema.ITEMS), column)


def test_rows_from_a_time_on_are_dropped() -> None:
    """Rows at that time or later are dropped from all pages and columns, and rows without a time stay."""
    table = Table((schema.Column("id", "text"), schema.Column("created_at", "time")))
    for day in range(4):
        rows = [
            {"id": f"{day}-{hour}", "created_at": f"2026-11-0{day + 1}T{hour:02}:00:00Z"} for hour in (0, 12)
        ]
        table.add(json.dumps({"entries": rows * 300}).encode())
    table.add(json.dumps({"entries": [{"id": "none", "created_at": None}]}).encode())
    table.drop_from("created_at", pd.Timestamp("2026-11-03T12:00:00Z"))
    result = table.frame()
    assert table.rows == len(result) == 4 * 300 + 300 + 1
    assert result["created_at"].max() == pd.Timestamp("2026-11-03T00:00:00Z")
    assert result["id"].iloc[-1] == "none"


def test_first_and_last_value_are_never_missing() -> None:
    """If the first or last row has no time, that of the nearest row with a time is returned."""
    columns = (schema.Column("id", "text"), schema.Column("created_at", "time"))
    for rows in (2, frames.BATCH):
        table = Table(columns)
        assert table.first("created_at") is None
        entries = [
            {},
            *({"created_at": f"2026-11-0{day}T00:00:00Z"} for day in (2, 3)),
            *({} for _ in range(rows)),
        ]
        table.add(json.dumps({"entries": entries}).encode())
        assert table.first("created_at") == pd.Timestamp("2026-11-02", tz="UTC")
        assert table.last("created_at") == pd.Timestamp("2026-11-03", tz="UTC")
        assert table.last("id") is None


PAGE_ROWS = 400


def page(number: int) -> bytes:
    """Return one page of entries as JSON."""
    entries = [
        {"id": f"{number}-{row}", "size": row, "created_at": f"2026-11-0{number + 1}T00:00:00Z"}
        for row in range(PAGE_ROWS)
    ]
    return json.dumps({"entries": entries}).encode()


def test_interrupt_at_any_moment_keeps_complete_pages() -> None:
    """After an interrupt between any two lines, the table has complete pages, in order."""
    kinds = {"id": "text", "size": "integer", "created_at": "time"}
    columns = tuple(schema.Column(name, kind) for name, kind in kinds.items())
    pages = [page(number) for number in range(3)]
    ids = [f"{number}-{row}" for number in range(3) for row in range(PAGE_ROWS)]
    lines_run = 0
    while True:
        table, other = Table(columns), Table(columns)

        def work(table: Table = table, other: Table = other) -> None:
            table.add(pages[0])
            table.add(pages[1])
            other.add(pages[2])
            table.join(other)
            table.drop_from("created_at", pd.Timestamp("2026-12-01", tz="UTC"))

        error = interrupted(work, lines_run + 1, frames.table.__file__.__eq__)
        if error is None:
            break
        assert isinstance(error, KeyboardInterrupt)
        lines_run += 1
        result = table.frame()
        assert len(result) == table.rows
        assert result["id"].tolist() == ids[: len(result)]
        assert result["created_at"].notna().all()
        assert len(result) % PAGE_ROWS == 0
    assert lines_run > 50


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("1500-06-01T12:00:00+05:30", "1500-06-01T06:30:00"),
        ("2026-01-01", "2026-01-01T00:00:00"),
        ("2026-01-01T10:00", "2026-01-01T10:00:00"),
        ("2026-01-01 10:00:00 +0530", "2026-01-01T04:30:00"),
        ("2026-01-01t10:00:00.5z", "2026-01-01T10:00:00.500000"),
        ("9999-12-31T23:59:59-08:00", None),  # the year 10000 in UTC, which pandas can hold but not show
        ("0001-01-01T00:00:00+00:01", None),
        ("0000-01-01T00:00:00Z", None),
        ("2016-12-31T23:59:60Z", None),
        ("2026-01-01-08:00", None),
        ("2026-01-01 tuesday", None),
        ("2026-01-01T10:00:00+5:00", None),
        ("2026-01-01T10:00:00+99:00", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T10:00:00Z\n", None),
        ("２０２６-01-01T00:00:00Z", None),
        ("2026-01-01T10:00:00 PST", None),
    ],
)
@pytest.mark.parametrize("with_others", [True, False])
def test_time_is_exact_or_in_extra(text: str, utc: str | None, with_others: bool) -> None:
    """Any time that Box sends can be printed, and a time that does not fit the column is text in ``extra``."""
    entries = [{**ENTRY, "created_at": text}, *([ENTRY] if with_others else [])]
    table = frame(entries, schema.USERS)
    assert repr(table) and table._repr_html_()
    if utc is None:
        assert pd.isna(table["created_at"][0])
        assert json.loads(table["extra"][0]) == {"created_at": text}
    else:
        assert table["created_at"][0] == pd.Timestamp(utc, tz="UTC")
        assert pd.isna(table["extra"][0])


def test_first_and_last_time_fit_their_column() -> None:
    """Times that the column cannot hold are ignored, because a range of events resumes from the last time."""
    table = Table((schema.Column("created_at", "time"),))
    times = [
        "2016-12-31T23:59:60Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "9999-12-31T23:59:59-08:00",
    ]
    table.add(json.dumps({"entries": [{"created_at": time} for time in times]}).encode())
    assert table.first("created_at") == pd.Timestamp("2026-11-02", tz="UTC")
    assert table.last("created_at") == pd.Timestamp("2026-11-03", tz="UTC")
