"""Exported tables can be read back, and hostile names, such as those in the folder *Odd names*, stay text."""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import plotly.graph_objects as go
import pytest

from boxnb import export
from boxnb.widgets import charts

COMPANY = Path(__file__).parents[1] / "data" / "sandbox"
HOSTILE = [
    '=HYPERLINK("http://example.com","x")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>",
    "a,b;c\"d'e\nf",
    "\u202egnp.exe",
    "nul\x00byte",
    "日本語 ✓ 🗂️",
    "x" * 40_000,
]
PLAIN = ["plain", "2026-01-01", "a=b", "x-y", "O'Neil", ""]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return a DataFrame with hostile names and a column of each dtype."""
    names = [*HOSTILE, *PLAIN]
    count = len(names)
    return pd.DataFrame(
        {
            "id": pd.Series([str(9007199254740993 + number) for number in range(count)], dtype="str"),
            "name": pd.Series(names, dtype="str"),
            "kind": pd.Series((names[:3] * count)[:count]).astype("category"),
            "size": pd.Series([*range(count - 1), None], dtype="Int64"),
            "at": pd.Series([pd.Timestamp("2026-11-24 10:00:00.123456", tz="UTC")] * (count - 1) + [pd.NaT]),
            "is_open": pd.Series([True] * (count - 1) + [None], dtype="boolean"),
            "=evil()": pd.Series(["x"] * count, dtype="str"),
        }
    )


def company_names() -> list[str]:
    """Return every name in the practice company: of users, groups, folders and files."""
    tables = ("users", "groups", "folders", "files", "externals")
    names = [
        pd.read_csv(COMPANY / f"{name}.csv", dtype=str, keep_default_na=False)["name"] for name in tables
    ]
    return [str(name) for name in pd.concat(names)]


def test_csv_does_not_contain_formulas_or_lose_text(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Cells and headings never begin like a formula, and are unchanged once the guard is removed."""
    path = export.to_csv(frame, tmp_path / "deep" / "people.csv")
    text = path.read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == len(frame) + 1
    for row in rows:
        for cell in row:
            assert not export.FORMULA.search(cell), cell
    name = rows[0].index("name")
    for row, original in zip(rows[1:], frame["name"], strict=True):
        assert row[name] == export.guarded(original)
        assert export.unguarded(row[name]) == original
    assert rows[1][0] == "9007199254740993"
    assert "'=evil()" in rows[0]


def test_every_name_of_the_company_stays_text(tmp_path: Path) -> None:
    """In CSV, names never begin like a formula. In Excel, every name is unchanged text."""
    names = company_names()
    frame = pd.DataFrame({"name": pd.Series(names, dtype="str")})
    text = export.to_csv(frame, tmp_path / "n.csv").read_bytes().decode("utf-8-sig")
    cells = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert len(cells) == len(names)
    assert not [cell for cell in cells if export.FORMULA.search(cell)]
    book = openpyxl.load_workbook(export.to_excel(frame, tmp_path / "n.xlsx"))
    name_cells = [cell for (cell,) in book.active.iter_rows(min_row=2)]
    assert {cell.data_type for cell in name_cells} == {"s"}
    assert [cell.value for cell in name_cells] == names


def test_excel_holds_text_numbers_and_times(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Text that begins with = stays text, ids keep their digits, and times are times."""
    with pytest.warns(UserWarning) as caught_warnings:
        path = export.to_excel({"a/b:c": frame, "A B C": frame.head(2)}, tmp_path / "people.xlsx")
    assert [str(warning.message) for warning in caught_warnings] == [
        "Cut 1 value of 'name' to the 32,767 characters that an Excel cell holds. CSV and Parquet keep the original values.",
        "Replaced characters that Excel cannot store with '\ufffd' in 1 value of 'name'. CSV and Parquet keep the original values.",
    ]
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            assert b"<f>" not in package.read(name), name
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["a b c", "A B C 2"]
    rows = list(book["a b c"].iter_rows())
    assert [cell.value for cell in rows[0]] == list(frame.columns)
    assert all(cell.data_type != "f" for row in rows for cell in row)
    assert rows[1][0].value == "9007199254740993"
    assert rows[1][1].value == HOSTILE[0]
    assert rows[1][1].style and rows[1][1].quotePrefix
    assert rows[2][3].value == 1
    assert str(rows[1][4].value) == "2026-11-24 10:00:00.123000"
    assert rows[-1][3].value is None
    assert rows[-1][4].value is None


def test_excel_refuses_too_many_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error is raised before the file is written."""
    monkeypatch.setattr(export, "SHEET_ROWS", 3)
    with pytest.raises(ValueError, match="CSV or Parquet"):
        export.to_excel(pd.DataFrame({"a": range(4)}), tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()


def test_parquet_keeps_everything(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Dtypes and values are the same after reading."""
    result = pd.read_parquet(export.to_parquet(frame, tmp_path / "p.parquet"))
    assert result.dtypes.astype(str).tolist() == frame.dtypes.astype(str).tolist()
    assert result.astype(object).equals(frame.astype(object))


def test_html_escapes_every_name(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Markup in names, headings and the title is text, and the page cannot load anything."""
    markup = "<script>alert(1)</script>"
    content = {markup: frame, "chart": charts.counts(frame["name"], markup)}
    page = export.to_html(content, tmp_path / "r.html", title=markup).read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "default-src 'none'" in page
    tables = export.to_html(frame, tmp_path / "t.html").read_text(encoding="utf-8")
    assert "<script" not in tables
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in tables
    assert "2026-11-24 10:00 UTC" in tables
    plotly = export.to_html(go.Figure(), tmp_path / "g.html").read_text(encoding="utf-8")
    assert "cdn.plot.ly" not in plotly.split("Plotly.newPlot")[-1]


def test_a_long_html_table_is_cut(tmp_path: Path) -> None:
    """The page has 5,000 rows, and a line with the number of all rows."""
    page = export.to_html(pd.DataFrame({"a": range(6_000)}), tmp_path / "l.html").read_text(encoding="utf-8")
    assert page.count("<tr>") == export.HTML_ROWS + 1
    assert "first 5,000 of 6,000" in page


def test_times_of_other_zones_are_written_in_utc(tmp_path: Path) -> None:
    """CSV, HTML and Excel have the time in UTC."""
    berlin = pd.to_datetime(pd.Series(["2026-11-01T23:30:00Z"])).dt.tz_convert("Europe/Berlin").to_frame("at")
    assert "2026-11-01T23:30:00+0000" in export.to_csv(berlin, tmp_path / "a.csv").read_text("utf-8-sig")
    assert "2026-11-01 23:30 UTC" in export.to_html(berlin, tmp_path / "a.html").read_text("utf-8")
    sheet = openpyxl.load_workbook(export.to_excel(berlin, tmp_path / "a.xlsx")).active
    assert sheet.cell(2, 1).value == datetime.datetime(2026, 11, 1, 23, 30)


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_without_rows_and_with_one_row(frame: pd.DataFrame, tmp_path: Path, rows: int) -> None:
    """The result is still a table with its columns."""
    part = frame.head(rows)
    assert len(pd.read_csv(export.to_csv(part, tmp_path / "a.csv"))) == rows
    assert len(pd.read_excel(export.to_excel(part, tmp_path / "a.xlsx"))) == rows
    assert len(pd.read_parquet(export.to_parquet(part, tmp_path / "a.parquet"))) == rows
    assert "<table>" in export.to_html(part, tmp_path / "a.html").read_text(encoding="utf-8")
