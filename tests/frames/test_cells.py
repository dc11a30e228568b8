"""Cells at the limits of a spreadsheet, a file or a view: text never runs, and every value can be read back."""

from __future__ import annotations

import csv
import datetime
import io
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from boxnb import export, frames
from boxnb.datasets import event_log, event_ranges, listing
from boxnb.errors import BoxNotebookError, ExportError, RangeError
from boxnb.frames import schema
from boxnb.frames.cells import guarded, unguarded
from boxnb.reports import shape
from boxnb.runs import attachments
from boxnb.transfer.results import Row, frame_of
from boxnb.widgets import charts
from boxnb.widgets.table import Table
from boxnb.widgets.tree_state import Branches

RUNS = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\ufeff]*[=+\-@＝＋－＠]")
ALPHABET = [
    *"=+-@,;|\t\r\n\"' ab07/",
    "＝",
    "－",
    "\x00",
    "\x0b",
    "\x85",
    "\xa0",
    "\u200b",
    "\u2028",
    "\ufeff",
    "🎉",
]
SEPARATORS = (",", ";", "\t", "|")


def hostile(rng: random.Random, max_length: int = 10) -> str:
    """Return a random string of characters that are special in spreadsheets."""
    return "".join(rng.choices(ALPHABET, k=rng.randint(0, max_length)))


def read_as(text: str) -> Iterator[str]:
    """Yield every cell that a spreadsheet may see, for one or all separators, with or without quotes."""
    for separator in SEPARATORS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
                yield from row
    yield from re.split(r"[,;\t|\r\n]", text)


def frames_of(seed: int, count: int) -> Iterator[pd.DataFrame]:
    """Yield DataFrames with hostile cells, headings and indexes."""
    rng = random.Random(seed)
    for _ in range(count):
        rows = rng.randint(0, 5)
        columns = {
            hostile(rng, 6): pd.Series(
                [
                    rng.choice([None, hostile(rng), hostile(rng), rng.choice(["NA", "nan", "007"])])
                    for _ in range(rows)
                ],
                dtype="str",
            )
            for _ in range(rng.randint(2, 4))
        }
        frame = pd.DataFrame(columns)
        yield frame if rng.random() < 0.7 else frame.set_index(frame.columns[0])


def test_cells_never_run_with_any_separator() -> None:
    """In 1,000 random DataFrames, no cell starts a formula for comma, semicolon, tab or bar, with and without quotes."""
    for frame in frames_of(7, 1_000):
        text = export.csv_text(frame)
        assert [cell for cell in read_as(text) if RUNS.match(cell)] == []


def test_written_csv_reads_back_unchanged(tmp_path: Path) -> None:
    """Text, headings, an index and missing values are the same after reading, and the text NA stays text."""
    for frame in frames_of(8, 300):
        expected = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
        result = export.read_csv(export.to_csv(frame, tmp_path / "a.csv"))
        assert list(result.columns) == list(expected.columns)
        assert result.astype("object").where(result.notna(), None).to_numpy().tolist() == (
            expected.astype("object").where(expected.notna(), None).to_numpy().tolist()
        )


def test_guard_can_be_removed() -> None:
    """20,000 strings are the same after guarding and unguarding, including those with their own apostrophe."""
    rng = random.Random(9)
    for _ in range(20_000):
        text = hostile(rng)
        assert unguarded(guarded(text)) == text
        assert not export.FORMULA.search(guarded(text))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("quarter;=1+1;.xlsx", "quarter;'=1+1;.xlsx"),
        ('plan;"=1"', 'plan;\'"=1"'),
        ("see\r\n=cmd", "see\r\n'=cmd"),
        ("\t=1", "'\t'=1"),
        ("a, ＝1", "a,' ＝1"),
        ("plan - final; v2 (a=b).txt", "plan - final; v2 (a=b).txt"),
        ("O'Neil, 2026-01-01", "O'Neil, 2026-01-01"),
    ],
)
def test_guard_is_only_where_a_cell_may_begin(text: str, safe: str) -> None:
    """Names stay readable, because an apostrophe is added only there."""
    assert guarded(text) == safe


def test_negative_number_is_not_a_formula() -> None:
    """With the separator ";" the number and the text after it are one cell, so the text is in quotes."""
    text = export.csv_text(pd.DataFrame({"n": [-5, 2], "t": ["0+cmd|'/C calc'!A0", "x"]}))
    assert text.splitlines()[1] == "-5,\"0+cmd|'/C calc'!A0\""
    assert pd.read_csv(io.StringIO(text))["n"].tolist() == [-5, 2]


def odd_frames() -> dict[str, Any]:
    """Return unusual DataFrames by their description."""
    late_times = pd.Series(pd.to_datetime(["9999-12-31T23:59:59Z", None], utc=True)).astype(
        "datetime64[us, UTC]"
    )
    objects = [
        pd.Timestamp("2026-01-01", tz="Asia/Tokyo"),
        "never",
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        datetime.date(1800, 1, 1),
        datetime.time(1, 2, tzinfo=datetime.UTC),
        datetime.timedelta(-1),
        np.datetime64("0001-01-01"),
        np.timedelta64(1, "D"),
        pd.NaT,
    ]
    return {
        "two columns with the same name": pd.DataFrame([[1, "=x"]], columns=["a", "a"]),
        "headings that are numbers or missing": pd.DataFrame([[1, "=x", 3]], columns=["a", 5, None]),
        "headings of two levels": pd.DataFrame(
            [[1, 2]], columns=pd.MultiIndex.from_tuples([("=a", "b"), ("c", "")])
        ),
        "an index of two levels": pd.DataFrame(
            {"n": [1]}, index=pd.MultiIndex.from_tuples([("=a", 1)], names=["w", None])
        ),
        "an index named like a column": pd.DataFrame({"n": [1]}, index=pd.Index(["=1"], name="n")),
        "categories": pd.DataFrame(
            {"c": pd.Categorical(["=x", None]), "t": pd.Categorical(pd.to_datetime(["2020", "2021"]))}
        ),
        "intervals and periods": pd.DataFrame(
            {"i": pd.cut(pd.Series([-3, 2]), [-5, 0, 5]), "p": pd.period_range("2020", periods=2, freq="M")}
        ),
        "lists": pd.DataFrame({"l": [[1, "=2"], None], "d": [{"a": "=1"}, np.array([1, 2])]}),
        "nothing": pd.DataFrame(),
        "no rows": pd.DataFrame(columns=["a", "b"]),
        "numbers": pd.DataFrame(
            {"n": [10**30, 2], "f": [np.inf, -np.inf], "d": [Decimal("1.5"), Decimal("-Infinity")]}
        ),
        "times": pd.DataFrame(
            {
                "a": late_times + pd.Timedelta("8h"),
                "b": pd.to_datetime(["0001-01-01", "1850-01-01"], format="ISO8601"),
            }
        ),
        "times mixed with text": pd.DataFrame({"n": range(9), "t": pd.Series(objects, dtype="object")}),
        "half an emoji": pd.DataFrame({"h": pd.Series(["\ud83d=x", "b"], dtype="object")}),
        "a series": pd.Series([1, 2], index=["=a", "b"]),
    }


@pytest.mark.parametrize("name", odd_frames())
@pytest.mark.filterwarnings("ignore:Replaced characters")
def test_any_dataframe_is_exported_or_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    """CSV, Excel and HTML accept all. For Parquet, the message names what it cannot store. Drafts are deleted."""
    frame = odd_frames()[name]
    rows = len(frame)
    text = export.to_csv(frame, tmp_path / "a.csv").read_text("utf-8-sig")
    assert not [
        cell
        for row in csv.reader(io.StringIO(text, newline=""))
        for cell in row
        if RUNS.match(cell) and not _number(cell)
    ]
    assert len(export.read_csv(tmp_path / "a.csv")) == rows
    sheet = openpyxl.load_workbook(export.to_excel(frame, tmp_path / "a.xlsx")).active
    assert max(0, sheet.max_row - 1) == rows
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d", "b"}
    assert f"{rows} rows" in export.to_html(frame, tmp_path / "a.html").read_text("utf-8")
    try:
        assert len(pd.read_parquet(export.to_parquet(frame, tmp_path / "a.parquet"))) == rows
    except ExportError as error:
        assert "Parquet" in str(error) or "Pass a DataFrame" in str(error)
    assert not list(tmp_path.glob(".*"))


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "name", [name for name, frame in odd_frames().items() if isinstance(frame, pd.DataFrame)]
)
def test_any_dataframe_can_be_shown_searched_and_copied(name: str) -> None:
    """The view handles columns with the same name, and with any values."""
    table = Table(odd_frames()[name])
    messages: list[Any] = []
    table.send = lambda content, buffers=None: messages.append(content)
    table._send_rows(0, 10)
    table._send_file("text")
    assert len(messages[0]["rows"]) == len(table.rows.frame)
    assert not [
        cell
        for line in messages[1]["text"].split("\n")
        for cell in line.split("\t")
        if RUNS.match(cell) and not _number(cell)
    ]
    table.rows.change(search="x", filters=dict.fromkeys(table.rows.kinds, "1"))
    assert len(table.rows.order) <= len(table.rows.frame)


def test_copied_text_is_complete_and_never_runs() -> None:
    """Headings and long values are complete, and negative numbers stay numbers."""
    frame = pd.DataFrame({"=a;=b": ["x" * 1_000, "a\t=1"], "n": [-5, 1]})
    table = Table(frame)
    messages: list[Any] = []
    table.send = lambda content, buffers=None: messages.append(content)
    table._send_file("text")
    assert [line.split("\t") for line in messages[0]["text"].split("\n")] == [
        ["'=a;'=b", "n"],
        ["x" * 1_000, "-5"],
        ["a =1", "1"],
    ]


def test_failed_export_is_reported_in_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """The view shows the error, and a warning about values that Excel cannot store."""
    table = Table(pd.DataFrame({"a": ["\x00", "b"]}))
    messages: list[Any] = []
    table.send = lambda content, buffers=None: messages.append(content)
    table._send_file("xlsx")
    assert "Replaced characters" in messages[-1]["remark"]
    monkeypatch.setattr(export, "SHEET_ROWS", 1)
    table._send_file("xlsx")
    assert messages[-1]["type"] == "failed" and "An Excel sheet holds 1" in messages[-1]["why"]


def test_excel_export_reports_what_was_cut(tmp_path: Path) -> None:
    """Characters are counted as in Excel, an emoji is never cut in half, and the cell ends with an ellipsis."""
    frame = pd.DataFrame({"text": ["😀" * 32_767, "x" * 32_767, "y" * 32_768, "a\rb\r\nc"]})
    with pytest.warns(UserWarning, match=r"Cut 2 values of 'text' to the 32,767 characters"):
        sheet = openpyxl.load_workbook(export.to_excel(frame, tmp_path / "a.xlsx")).active
    emojis, exact, longer, broken = [cell.value for (cell,) in sheet.iter_rows(min_row=2)]
    assert emojis == "😀" * 16_383 + "…"
    assert (exact, longer, broken) == ("x" * 32_767, "y" * 32_766 + "…", "a\nb\nc")


def test_values_that_excel_cannot_store_become_text(tmp_path: Path) -> None:
    """A value never becomes another number, another time or an error."""
    frame = pd.DataFrame(
        {
            "name": ["#N/A", "TRUE", "1e5"],
            "number": [10**15, 10**15 - 1, -1],
            "real": [np.inf, 0.1, np.nan],
            "time": pd.to_datetime(["1900-02-28", "1900-03-01", "9999-12-31"]).astype("datetime64[s]"),
        }
    )
    sheet = openpyxl.load_workbook(export.to_excel(frame, tmp_path / "a.xlsx")).active
    assert [[cell.value for cell in column] for column in sheet.iter_cols(min_row=2)] == [
        ["#N/A", "TRUE", "1e5"],
        [str(10**15), 10**15 - 1, -1],
        ["inf", 0.1, None],
        ["1900-02-28T00:00:00", datetime.datetime(1900, 3, 1), datetime.datetime(9999, 12, 31)],
    ]
    assert sheet["A2"].data_type == "s"


def test_sheet_names_are_valid_in_excel(tmp_path: Path) -> None:
    """Sheet names have at most 31 UTF-16 units, are unique, and are not reserved by Excel."""
    names = ["History", "😀" * 20, "😀" * 21, "'a'", "a", "[]", "\ud800", "b\x00\n", "c" * 40, "C" * 40]
    frame = pd.DataFrame({"a": [1]})
    book = openpyxl.load_workbook(export.to_excel(dict.fromkeys(names, frame), tmp_path / "a.xlsx"))
    assert book.sheetnames == [
        "History 2",
        "😀" * 15,
        "😀" * 14 + " 2",
        "a",
        "a 2",
        "Sheet",
        "Sheet 2",
        "b",
        "c" * 31,
        "C" * 29 + " 2",
    ]


def test_csv_keeps_fractions_of_seconds_and_any_year(tmp_path: Path) -> None:
    """Every digit is written, and the years 1 and 10000 can be read, too."""
    times = pd.Series(
        np.array(["0001-01-01T00:00:00", "2026-01-01T00:00:00.000001", "NaT"], dtype="datetime64[us]")
    )
    frame = pd.DataFrame({"name": ["a", "b", "c"], "time": times.dt.tz_localize("UTC")})
    assert export.csv_text(frame).splitlines()[1:3] == [
        "a,0001-01-01T00:00:00.000000+0000",
        "b,2026-01-01T00:00:00.000001+0000",
    ]
    result = export.read_csv(export.to_csv(frame, tmp_path / "a.csv"))
    assert (
        pd.to_datetime(result["time"], utc=True, format="ISO8601")
        .astype("datetime64[us, UTC]")
        .equals(frame["time"])
    )
    year_10000 = frame.iloc[:1].assign(time=pd.Series(np.array(["10000-01-01"], dtype="datetime64[s]")))
    assert "10000-01-01T00:00:00" in export.csv_text(year_10000)
    assert "10000-01-01 00:00" in export.table_html(year_10000)
    assert Table(year_10000).rows.page(0, 1) == [["a", "10000-01-01 00:00"]]


def test_meaningful_index_is_written(tmp_path: Path) -> None:
    """The groups of a sum are written, but not the row numbers of a filtered DataFrame."""
    sums = pd.DataFrame({"owner": ["=a", "b"], "size": [1, 2]}).groupby("owner").sum()
    assert export.csv_text(sums).splitlines() == ["owner,size", "'=a,1", "b,2"]
    assert "<th scope='col'>owner</th>" in export.table_html(sums)
    sheet = openpyxl.load_workbook(export.to_excel(sums, tmp_path / "a.xlsx")).active
    assert sheet["A2"].value == "=a"
    filtered = pd.DataFrame({"n": range(9)}).iloc[[3, 5]]
    assert export.csv_text(filtered).splitlines() == ["n", "3", "5"]


@pytest.mark.parametrize("write", [export.to_csv, export.to_excel, export.to_parquet, export.to_html])
def test_failed_write_is_reported_in_one_sentence_and_keeps_the_old_file(write: Any, tmp_path: Path) -> None:
    """The target may be a folder, be below a file or have an impossible name, or the content may not be a table."""
    frame = pd.DataFrame({"a": [1]})
    file = write(frame, tmp_path / "file")
    before = file.read_bytes()
    (tmp_path / "folder").mkdir()
    for name in ("folder", "file/below", "n" * 300, "a\0b"):
        with pytest.raises(ExportError, match=r"^(Cannot write|.* is a folder)"):
            write(frame, tmp_path / name)
    with pytest.raises(ExportError):
        write([frame], file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert issubclass(ExportError, BoxNotebookError)


def test_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt comes while a workbook is written."""
    file = export.to_excel(pd.DataFrame({"a": [1]}), tmp_path / "a.xlsx")
    before = file.read_bytes()

    class Broken:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    for broken in (
        pd.DataFrame({"a": [Broken()]}),
        {"ok": pd.DataFrame({"a": [1]}), "no": pd.DataFrame({"a": [Broken()]})},
    ):
        with pytest.raises(KeyboardInterrupt):
            export.to_excel(broken, file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_link_and_permissions_are_kept(tmp_path: Path) -> None:
    """The target of a link is replaced, and keeps its permissions."""
    target = tmp_path / "behind.csv"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    assert export.to_csv(pd.DataFrame({"a": [1]}), link) == link
    assert link.is_symlink() and target.read_text("utf-8-sig").startswith("a")
    assert target.stat().st_mode & 0o777 == 0o640
    assert export.to_csv(pd.DataFrame({"a": [1]}), "/dev/null").is_char_device()


def test_too_wide_or_missing_table_is_refused(tmp_path: Path) -> None:
    """The error is raised before anything is written."""
    with pytest.raises(ExportError, match=r"16,385 columns"):
        export.to_excel(pd.DataFrame([range(16_385)]), tmp_path / "a.xlsx")
    with pytest.raises(ExportError, match="no table"):
        export.to_excel({}, tmp_path / "a.xlsx")
    with pytest.raises(ExportError, match="Cannot show a str"):
        export.to_html({"a": "text"}, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_parquet_error_names_the_columns(tmp_path: Path) -> None:
    """The message names the columns to convert."""
    frame = pd.DataFrame({"fine": [1, 2], "mixed": pd.Series([1, "x"], dtype="object")})
    with pytest.raises(ExportError, match=r"hold the values of 'mixed'\. .* astype\('str'\)"):
        export.to_parquet(frame, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_invalid_csv_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """A missing file, a folder, uneven rows and invalid UTF-8 are refused. An empty file is an empty DataFrame."""
    (tmp_path / "uneven.csv").write_text("a,b\r\n1\r\n")
    (tmp_path / "latin.csv").write_bytes(b"a\r\n\xfc\r\n")
    (tmp_path / "empty.csv").write_bytes(b"")
    for name in ("none.csv", "", "uneven.csv", "latin.csv"):
        with pytest.raises(ExportError, match="Cannot read"):
            export.read_csv(tmp_path / name)
    assert export.read_csv(tmp_path / "empty.csv").empty


def test_attached_page_has_complete_values_and_all_rows(tmp_path: Path) -> None:
    """Values and tables longer than pandas or an exported page would show are complete and escaped."""
    frame = pd.DataFrame({"name": ["<b>" + "x" * 500, *map(str, range(6_000))]})
    attachments.write(frame, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" + "x" * 500 in page and "<bdi>5999</bdi>" in page and "<b>" not in page


@pytest.mark.parametrize("thing", [object(), Path("/nowhere/at/all"), pd.DataFrame({"a": [1]})])
def test_refused_attachment_does_not_leave_a_file(thing: Any, tmp_path: Path) -> None:
    """An unknown object, a missing file, and a table as an image are refused."""
    with pytest.raises(ExportError):
        attachments.write(thing, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


NOW = pd.Timestamp("2026-11-24T12:00:00Z")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("9999-12-31T23:59:59-08:00", "9999-12-31T23:59:59+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59+00:00"),
        (datetime.datetime.max, "9999-12-31T23:59:59+00:00"),
        (np.datetime64("12000-01-01"), "9999-12-31T23:59:59+00:00"),
        ("0001-01-01", "0001-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+00:00"),
        (pd.Timestamp.max, "2262-04-11T23:47:16+00:00"),
        ("100000D", "1753-02-08T12:00:00+00:00"),
    ],
)
def test_range_may_end_in_the_far_future(when: Any, expected: str) -> None:
    """Users write such dates to mean "forever", and Box accepts only years of four digits."""
    assert event_ranges.rfc3339(event_log.time_of(when, NOW)) == expected


@pytest.mark.parametrize(
    "when", ["2016-12-31T23:59:60Z", "9999999D", datetime.timedelta.max, pd.NaT, "10000-01-01"]
)
def test_impossible_time_is_reported_in_one_sentence(when: Any) -> None:
    """The error is one of boxnb, not of pandas."""
    with pytest.raises(RangeError, match=r"Cannot read .* as a time"):
        event_log.time_of(when, NOW)


def test_reports_count_days_from_any_year() -> None:
    """The reports use microseconds, because pandas cannot subtract the year 9999 in nanoseconds."""
    clock = SimpleNamespace(session=SimpleNamespace(auth=SimpleNamespace(now=lambda: 1_795_521_600.25)))
    times = pd.Series(pd.to_datetime(["9999-12-31", "0001-01-01", None], utc=True, format="ISO8601"))
    days = shape.days_since(times.astype("datetime64[us, UTC]"), shape.now(clock))  # type: ignore[arg-type]
    assert days.tolist() == [-2_912_115, 739_943, pd.NA]


def test_item_without_a_name_is_in_tree_and_treemap() -> None:
    """If Box sends null or half an emoji as a name, the item is shown as nameless."""
    rows = [
        {"type": "folder", "id": "1", "name": None, "modified_at": "0001-01-01T00:00:00Z"},
        {"type": "file", "id": "2", "name": "a \ud83d", "size": None, "parent": {"id": "1"}},
        {"type": "file", "id": "3", "name": "b", "size": 5, "parent": {"id": "1"}},
    ]
    items = frames.frame(rows, schema.ITEMS)
    (message, _) = list(Branches(lambda _: iter([items])).open("0"))
    assert [row[:3] + row[4:] for row in message["rows"]] == [
        ["folder", "1", "(no name)", "0001-01-01"],
        ["file", "2", "(no name)", ""],
        ["file", "3", "b", ""],
    ]
    chart = charts.treemap(items)
    assert "(no name)" in chart._repr_mimebundle_()["text/html"]
    assert "nan" not in chart._repr_mimebundle_()["text/html"]


def test_filter_works_on_times_without_a_time_zone() -> None:
    """Times without a time zone may be in a user's own DataFrame."""
    table = Table(pd.DataFrame({"time": pd.to_datetime(["2026-01-01", "2026-03-01"])}))
    table.rows.change(filters={"time": "> 2026-02-01"})
    assert table.rows.order.tolist() == [1]


def test_transfer_table_can_contain_any_name() -> None:
    """Half an emoji from Box, and a byte in a path that is not UTF-8, are escaped."""
    table = frame_of([Row("/d/caf\udce9.txt", "photo \ud83d.jpg", problem="odd \ud800")])
    assert table.loc[0, ["path", "name", "problem"]].tolist() == [
        "/d/caf\\udce9.txt",
        "photo \\ud83d.jpg",
        "odd \\ud800",
    ]
    assert repr(table)


def test_listing_accepts_any_key() -> None:
    """Half an emoji in a key is escaped in the name of the column, and the values are kept."""
    frame = listing.frame_of([{"id": "1", "a\ud83d": "x"}])
    assert frame.iloc[0].tolist() == ["1", "x"] and list(frame.columns) == ["id", "a\\ud83d"]
