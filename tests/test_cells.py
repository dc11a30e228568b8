"""Cells at the edge of what a spreadsheet, a file or a view can hold: nothing runs, nothing is lost, and the way back is tested."""

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
from boxnb.transfer.calls import Row, frame_of
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


def hostile(chance: random.Random, longest: int = 10) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randint(0, longest)))


def read_as(text: str) -> Iterator[str]:
    """Every cell that a spreadsheet may see: one separator or all of them, with quotes or without."""
    for separator in SEPARATORS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
                yield from row
    yield from re.split(r"[,;\t|\r\n]", text)


def frames_of(seed: int, count: int) -> Iterator[pd.DataFrame]:
    """Frames with hostile cells, headings and an index."""
    chance = random.Random(seed)
    for _ in range(count):
        rows = chance.randint(0, 5)
        columns = {
            hostile(chance, 6): pd.Series(
                [
                    chance.choice(
                        [None, hostile(chance), hostile(chance), chance.choice(["NA", "nan", "007"])]
                    )
                    for _ in range(rows)
                ],
                dtype="str",
            )
            for _ in range(chance.randint(2, 4))
        }
        frame = pd.DataFrame(columns)
        yield frame if chance.random() < 0.7 else frame.set_index(frame.columns[0])


def test_no_cell_runs_whatever_the_separator_and_all_come_back() -> None:
    """1,000 random frames: comma, semicolon, tab, bar, all of them, with and without quotes."""
    for frame in frames_of(7, 1_000):
        text = export.csv_text(frame)
        assert [cell for cell in read_as(text) if RUNS.match(cell)] == []


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    """Texts letter by letter, headings, an index, and what was missing; a name NA is a name."""
    for frame in frames_of(8, 300):
        whole = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
        again = export.read_csv(export.to_csv(frame, tmp_path / "a.csv"))
        assert list(again.columns) == list(whole.columns)
        assert again.astype("object").where(again.notna(), None).to_numpy().tolist() == (
            whole.astype("object").where(whole.notna(), None).to_numpy().tolist()
        )


def test_the_guard_can_be_taken_off() -> None:
    """20,000 texts, also with a ' of their own, which is not the guard's."""
    chance = random.Random(9)
    for _ in range(20_000):
        text = hostile(chance)
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
def test_the_guard_stands_where_a_cell_may_begin(text: str, safe: str) -> None:
    """And nowhere else, so that names stay readable."""
    assert guarded(text) == safe


def test_a_negative_number_begins_no_formula() -> None:
    """Where ';' parts, it and the text after it are one cell; a text in quotes there is no part of a formula."""
    text = export.csv_text(pd.DataFrame({"n": [-5, 2], "t": ["0+cmd|'/C calc'!A0", "x"]}))
    assert text.splitlines()[1] == "-5,\"0+cmd|'/C calc'!A0\""
    assert pd.read_csv(io.StringIO(text))["n"].tolist() == [-5, 2]


def odd_frames() -> dict[str, Any]:
    beyond = pd.Series(pd.to_datetime(["9999-12-31T23:59:59Z", None], utc=True)).astype("datetime64[us, UTC]")
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
        "two columns of one name": pd.DataFrame([[1, "=x"]], columns=["a", "a"]),
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
                "a": beyond + pd.Timedelta("8h"),
                "b": pd.to_datetime(["0001-01-01", "1850-01-01"], format="ISO8601"),
            }
        ),
        "times among texts": pd.DataFrame({"n": range(9), "t": pd.Series(objects, dtype="object")}),
        "half an emoji": pd.DataFrame({"h": pd.Series(["\ud83d=x", "b"], dtype="object")}),
        "a series": pd.Series([1, 2], index=["=a", "b"]),
    }


@pytest.mark.parametrize("name", odd_frames())
@pytest.mark.filterwarnings("ignore:Replaced characters")
def test_any_frame_goes_to_every_file_or_one_sentence_says_why(name: str, tmp_path: Path) -> None:
    """CSV, Excel and HTML take all of them; Parquet says what it cannot hold; no draft stays behind."""
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
        assert "Parquet" in str(error) or "Give a DataFrame" in str(error)
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
def test_any_frame_is_shown_searched_and_copied(name: str) -> None:
    """The view gives every column a name of its own."""
    made = Table(odd_frames()[name])
    sent: list[Any] = []
    made.send = lambda content, buffers=None: sent.append(content)
    made._send_rows(0, 10)
    made._send_file("text")
    assert len(sent[0]["rows"]) == len(made.rows.frame)
    assert not [
        cell
        for line in sent[1]["text"].split("\n")
        for cell in line.split("\t")
        if RUNS.match(cell) and not _number(cell)
    ]
    made.rows.change(search="x", filters=dict.fromkeys(made.rows.kinds, "1"))
    assert len(made.rows.order) <= len(made.rows.frame)


def test_a_copy_is_whole_and_runs_nothing() -> None:
    """Headings too, texts beyond what a cell shows, and negative numbers stay numbers."""
    frame = pd.DataFrame({"=a;=b": ["x" * 1_000, "a\t=1"], "n": [-5, 1]})
    made = Table(frame)
    sent: list[Any] = []
    made.send = lambda content, buffers=None: sent.append(content)
    made._send_file("text")
    assert [line.split("\t") for line in sent[0]["text"].split("\n")] == [
        ["'=a;'=b", "n"],
        ["x" * 1_000, "-5"],
        ["a =1", "1"],
    ]


def test_a_file_that_cannot_be_made_is_said_in_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a log that nobody reads; so is what Excel could not hold."""
    made = Table(pd.DataFrame({"a": ["\x00", "b"]}))
    sent: list[Any] = []
    made.send = lambda content, buffers=None: sent.append(content)
    made._send_file("xlsx")
    assert "Replaced characters" in sent[-1]["said"]
    monkeypatch.setattr(export, "SHEET_ROWS", 1)
    made._send_file("xlsx")
    assert sent[-1]["type"] == "failed" and "An Excel sheet holds 1" in sent[-1]["why"]


def test_excel_says_what_it_could_not_hold(tmp_path: Path) -> None:
    """Counted as Excel counts, cut without halving an emoji, and the cell itself shows that it goes on."""
    frame = pd.DataFrame({"text": ["😀" * 32_767, "x" * 32_767, "y" * 32_768, "a\rb\r\nc"]})
    with pytest.warns(UserWarning, match=r"Cut 2 texts of 'text' to the 32,767 characters"):
        sheet = openpyxl.load_workbook(export.to_excel(frame, tmp_path / "a.xlsx")).active
    emojis, exact, longer, broken = [cell.value for (cell,) in sheet.iter_rows(min_row=2)]
    assert emojis == "😀" * 16_383 + "…"
    assert (exact, longer, broken) == ("x" * 32_767, "y" * 32_766 + "…", "a\nb\nc")


def test_excel_holds_what_it_can_and_the_rest_as_text(tmp_path: Path) -> None:
    """Nothing becomes another number, another time or an error."""
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


def test_sheets_have_names_that_excel_takes(tmp_path: Path) -> None:
    """Not longer than 31 units, no two alike, none that Excel keeps for itself."""
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


def test_a_csv_keeps_fractions_of_seconds_and_years_of_any_length(tmp_path: Path) -> None:
    """To the digit; the year 10000 and the year 1 are read as well as this one."""
    times = pd.Series(
        np.array(["0001-01-01T00:00:00", "2026-01-01T00:00:00.000001", "NaT"], dtype="datetime64[us]")
    )
    frame = pd.DataFrame({"name": ["a", "b", "c"], "time": times.dt.tz_localize("UTC")})
    assert export.csv_text(frame).splitlines()[1:3] == [
        "a,0001-01-01T00:00:00.000000+0000",
        "b,2026-01-01T00:00:00.000001+0000",
    ]
    again = export.read_csv(export.to_csv(frame, tmp_path / "a.csv"))
    assert (
        pd.to_datetime(again["time"], utc=True, format="ISO8601")
        .astype("datetime64[us, UTC]")
        .equals(frame["time"])
    )
    late = frame.iloc[:1].assign(time=pd.Series(np.array(["10000-01-01"], dtype="datetime64[s]")))
    assert "10000-01-01T00:00:00" in export.csv_text(late)
    assert "10000-01-01 00:00" in export.table_html(late)
    assert Table(late).rows.page(0, 1) == [["a", "10000-01-01 00:00"]]


def test_an_index_that_says_something_is_written(tmp_path: Path) -> None:
    """The groups of a sum; not the numbers of rows that a filter left."""
    sums = pd.DataFrame({"owner": ["=a", "b"], "size": [1, 2]}).groupby("owner").sum()
    assert export.csv_text(sums).splitlines() == ["owner,size", "'=a,1", "b,2"]
    assert "<th scope='col'>owner</th>" in export.table_html(sums)
    sheet = openpyxl.load_workbook(export.to_excel(sums, tmp_path / "a.xlsx")).active
    assert sheet["A2"].value == "=a"
    left = pd.DataFrame({"n": range(9)}).iloc[[3, 5]]
    assert export.csv_text(left).splitlines() == ["n", "3", "5"]


@pytest.mark.parametrize("write", [export.to_csv, export.to_excel, export.to_parquet, export.to_html])
def test_what_cannot_be_written_is_a_sentence_and_leaves_the_old_file(write: Any, tmp_path: Path) -> None:
    """A folder in its place, a file in the way, a name no disk holds, no table."""
    frame = pd.DataFrame({"a": [1]})
    file = write(frame, tmp_path / "file")
    before = file.read_bytes()
    (tmp_path / "folder").mkdir()
    for place in ("folder", "file/below", "n" * 300, "a\0b"):
        with pytest.raises(ExportError, match=r"^(Cannot write|.* is a folder)"):
            write(frame, tmp_path / place)
    with pytest.raises(ExportError):
        write([frame], file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert issubclass(ExportError, BoxNotebookError)


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a workbook, and by Interrupt."""
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


def test_a_link_and_a_mode_stay_what_they_are(tmp_path: Path) -> None:
    """The file behind a link is replaced, and is as open as it was."""
    behind = tmp_path / "behind.csv"
    behind.write_text("old")
    behind.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(behind)
    assert export.to_csv(pd.DataFrame({"a": [1]}), link) == link
    assert link.is_symlink() and behind.read_text("utf-8-sig").startswith("a")
    assert behind.stat().st_mode & 0o777 == 0o640
    assert export.to_csv(pd.DataFrame({"a": [1]}), "/dev/null").is_char_device()


def test_too_wide_and_no_table_are_sentences(tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(ExportError, match=r"16,385 columns"):
        export.to_excel(pd.DataFrame([range(16_385)]), tmp_path / "a.xlsx")
    with pytest.raises(ExportError, match="no table"):
        export.to_excel({}, tmp_path / "a.xlsx")
    with pytest.raises(ExportError, match="Cannot show a str"):
        export.to_html({"a": "text"}, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_parquet_names_the_columns_it_cannot_hold(tmp_path: Path) -> None:
    """So that one knows what to convert."""
    frame = pd.DataFrame({"fine": [1, 2], "mixed": pd.Series([1, "x"], dtype="object")})
    with pytest.raises(ExportError, match=r"hold the values of 'mixed', .* astype\('str'\)"):
        export.to_parquet(frame, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_what_is_no_csv_is_a_sentence(tmp_path: Path) -> None:
    """No file, a folder, rows of different lengths, bytes that are not UTF-8; nothing at all is an empty table."""
    (tmp_path / "uneven.csv").write_text("a,b\r\n1\r\n")
    (tmp_path / "latin.csv").write_bytes(b"a\r\n\xfc\r\n")
    (tmp_path / "empty.csv").write_bytes(b"")
    for name in ("none.csv", "", "uneven.csv", "latin.csv"):
        with pytest.raises(ExportError, match="Cannot read"):
            export.read_csv(tmp_path / name)
    assert export.read_csv(tmp_path / "empty.csv").empty


def test_an_attached_page_has_whole_texts_and_all_rows(tmp_path: Path) -> None:
    """Longer than pandas shows, more than a page of a report shows, and escaped."""
    frame = pd.DataFrame({"name": ["<b>" + "x" * 500, *map(str, range(6_000))]})
    attachments.write(frame, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" + "x" * 500 in page and "<bdi>5999</bdi>" in page and "<b>" not in page


@pytest.mark.parametrize("thing", [object(), Path("/nowhere/at/all"), pd.DataFrame({"a": [1]})])
def test_what_cannot_be_attached_is_a_sentence_and_leaves_nothing(thing: Any, tmp_path: Path) -> None:
    """A kind without a form, a file that is not there, a table as a picture."""
    with pytest.raises(ExportError):
        attachments.write(thing, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


NOW = pd.Timestamp("2026-11-24T12:00:00Z")


@pytest.mark.parametrize(
    ("when", "asked"),
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
def test_a_range_may_end_at_the_end_of_time(when: Any, asked: str) -> None:
    """As people write for 'ever'; Box is asked with four digits of a year."""
    assert event_ranges.text(event_log._time(when, NOW)) == asked


@pytest.mark.parametrize(
    "when", ["2016-12-31T23:59:60Z", "9999999D", datetime.timedelta.max, pd.NaT, "10000-01-01"]
)
def test_a_moment_that_cannot_be_is_a_sentence(when: Any) -> None:
    """Not an error of pandas."""
    with pytest.raises(RangeError, match=r"Cannot read .* as a time"):
        event_log._time(when, NOW)


def test_reports_count_days_from_any_year() -> None:
    """The clock of the reports is in microseconds: in nanoseconds pandas cannot take the year 9999 from it."""
    clock = SimpleNamespace(session=SimpleNamespace(auth=SimpleNamespace(now=lambda: 1_795_521_600.25)))
    times = pd.Series(pd.to_datetime(["9999-12-31", "0001-01-01", None], utc=True, format="ISO8601"))
    days = shape.days_since(times.astype("datetime64[us, UTC]"), shape.now(clock))  # type: ignore[arg-type]
    assert days.tolist() == [-2_912_115, 739_943, pd.NA]


def test_an_item_without_a_name_is_in_the_tree_and_in_the_map() -> None:
    """Box sends null, or half an emoji; it stands there as without a name, beside the others."""
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
    drawn = charts.treemap(items)
    assert "(no name)" in drawn._repr_mimebundle_()["text/html"]
    assert "nan" not in drawn._repr_mimebundle_()["text/html"]


def test_a_filter_of_times_without_a_zone_is_read_as_well() -> None:
    """A person's own frame has them."""
    made = Table(pd.DataFrame({"time": pd.to_datetime(["2026-01-01", "2026-03-01"])}))
    made.rows.change(filters={"time": "> 2026-02-01"})
    assert made.rows.order.tolist() == [1]


def test_a_table_of_transfers_holds_any_name() -> None:
    """Half an emoji from Box, a byte of a disk that is not UTF-8: shown by their numbers."""
    table = frame_of([Row("/d/caf\udce9.txt", "photo \ud83d.jpg", problem="odd \ud800")])
    assert table.loc[0, ["path", "name", "problem"]].tolist() == [
        "/d/caf\\udce9.txt",
        "photo \\ud83d.jpg",
        "odd \\ud800",
    ]
    assert repr(table)


def test_a_listing_of_anything_takes_any_key() -> None:
    """A column cannot be called by half an emoji; its values are there all the same."""
    made = listing._frame_of([{"id": "1", "a\ud83d": "x"}])
    assert made.iloc[0].tolist() == ["1", "x"] and list(made.columns) == ["id", "a\\ud83d"]
