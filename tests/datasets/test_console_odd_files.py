"""Console reports that were copied, zipped, cut off, or saved again by a spreadsheet in another country."""

from __future__ import annotations

import datetime
import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb

USERS = "user_details_run_on_2026-03-01-10-00-00"
HEADER = "Name,Email,Storage Allocated,Storage Used (GB),Status,Last Login"
ADA, BO = "Ada,ada@example.com,10,1.5,Active,2026-02-01 10:00:00", "Bo,bo@example.com,20,2,Active,Never"
GB = 1024**3


@pytest.fixture(scope="module")
def box(home: Path) -> Iterator[boxnb.Box]:
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        sign_in(sandbox)
        yield boxnb.connect("acme")


def lines(*rows: str, end: str = "\n") -> bytes:
    return "".join(row + end for row in rows).encode()


def read(
    box: boxnb.Box, folder: Path, files: dict[str, bytes], report: str = "user_details", **options: Any
) -> pd.DataFrame:
    """Write files and read a report from them, without warnings."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return box.console(report, where=folder, **{"zone": "UTC", **options})


def reasons(frame: pd.DataFrame) -> str:
    return " ".join(entry["why"] for entry in frame.attrs["skipped"])


@pytest.mark.parametrize("copy", [f"more/{USERS}_Page_1.csv", f"{USERS}_Page_1 (1).csv"])
def test_a_page_that_is_there_twice_is_read_once(box: boxnb.Box, tmp_path: Path, copy: str) -> None:
    """A second download of the same page adds no rows; a different file with the same page number is named."""
    file = lines(HEADER, ADA, BO)
    frame = read(box, tmp_path / "same", {f"{USERS}_Page_1.csv": file, copy: file})
    assert frame["name"].tolist() == ["Ada", "Bo"]
    assert "was found twice" in " ".join(frame.attrs["notes"])
    assert frame.attrs["complete"] is True
    frame = read(box, tmp_path / "other", {f"{USERS}_Page_1.csv": file, copy: lines(HEADER, BO)})
    assert len(frame) in (1, 2)
    assert "another file is also page 1" in reasons(frame)


def test_a_header_between_the_rows_is_not_a_row(box: boxnb.Box, tmp_path: Path) -> None:
    """Pages that someone has joined by hand contain their headers."""
    frame = read(box, tmp_path, {f"{USERS}_Page_1.csv": lines(HEADER, ADA, HEADER, BO)})
    assert frame["name"].tolist() == ["Ada", "Bo"]
    assert "extra" not in frame


QUOTES = {
    "a row that ends in quotes": (lines(HEADER, ADA) + b'"Bo,bo@exa', ["Ada"], "its last row is cut off"),
    "a quote inside a name": (lines(HEADER, ADA.replace("Ada", '5" disk'), BO), ['5" disk', "Bo"], ""),
    "a quote that does not end": (
        lines(HEADER, ADA, '"Cy' + BO[2:], *[BO] * 5),
        ["Ada", *["Bo"] * 5],
        "1 row has a quote that does not end",
    ),
    "a quote before a million letters": (
        lines(HEADER, ADA, '"Cy' + BO[2:], *[BO] * 40_000),
        ["Ada", *["Bo"] * 40_000],
        "1 row has a quote that does not end",
    ),
}


@pytest.mark.parametrize("case", QUOTES)
def test_a_quote_does_not_take_other_rows_with_it(box: boxnb.Box, tmp_path: Path, case: str) -> None:
    """Only the row with the quote is lost, and ``attrs`` says so."""
    content, names, why = QUOTES[case]
    frame = read(box, tmp_path, {f"{USERS}_Page_1.csv": content})
    assert frame["name"].tolist() == names
    assert frame.attrs["complete"] is (not why)
    assert why in reasons(frame)


def test_a_file_that_may_be_cut_off_in_its_last_cell(box: boxnb.Box, tmp_path: Path) -> None:
    """A number whose last digits may be lost is not told from a whole one, so a note says that the file has no last line break."""
    whole, cut = lines(HEADER, ADA), lines(HEADER, BO)[:-1]
    alone = read(box, tmp_path / "alone", {f"{USERS}_Page_1.csv": cut})
    assert "the file does not end with a line break" in " ".join(alone.attrs["notes"])
    pages = {f"{USERS}_Page_1.csv": whole, f"{USERS}_Page_2.csv": cut}
    both = read(box, tmp_path / "pages", pages)
    assert "as the other pages do" in reasons(both)


NUMBERS: dict[str, tuple[list[str], list[int | None]]] = {
    "decimal commas": (
        ["1,5", "1.024", "1.024,5", "0,25"],
        [int(1.5 * GB), 1024 * GB, int(1024.5 * GB), GB // 4],
    ),
    "decimal points": (
        ["1.5", "1,024", "1,024.5", "0.250"],
        [int(1.5 * GB), 1024 * GB, int(1024.5 * GB), GB // 4],
    ),
    "points that are decimal": (["1.024"], [round(1.024 * GB)]),
    "other separators": (["1 024", "1'024", "1\u00a0024", "1.024.000"], [1024 * GB] * 3 + [1_024_000 * GB]),
    "units": (["10 GB", "512 MB", "2.5TB", "1024 bytes", "1 KB"], [10 * GB, GB // 2, 2560 * GB, 1024, 1024]),
    "no limit": (["Unlimited", "-1", "无限"], [None, None, None]),
    "no number": (["nan", "inf", "1e400", "-5", "0x10", "9" * 30, "1,2,3"], [None] * 7),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_of_other_countries_are_read(box: boxnb.Box, tmp_path: Path, case: str) -> None:
    """Separators, units and decimal commas are understood; what cannot be a number is kept as text."""
    cells, expected = NUMBERS[case]
    rows = [f'A{number};a{number}@example.com;"{cell}"' for number, cell in enumerate(cells)]
    frame = read(box, tmp_path, {f"{USERS}.csv": lines("Name;Email;Storage Allocated", *rows)})
    found = [None if pd.isna(value) else int(value) for value in frame["space_amount"]]
    assert found == expected
    if case == "no number":
        assert [json.loads(cell)["space_amount"] for cell in frame["extra"]] == cells


def test_sizes_are_exact(box: boxnb.Box, tmp_path: Path) -> None:
    """A size beyond 2 to the power of 53 keeps all its digits."""
    name = "folder_and_file_tree_run_on_2026-03-01-10-00-00_Page_1.csv"
    file = lines("Item Name,Item ID,Size (bytes)", "a,1,9007199254740993", "b,2,Never")
    frame = read(box, tmp_path, {name: file}, "folders_and_files")
    assert frame["size"].iloc[0] == 9007199254740993


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("01.03.2026", "2026-03-01"),
        ("13.03.2026 08:05", "2026-03-13 08:05"),
        ("1.3.2026 08:05:09", "2026-03-01 08:05:09"),
        ("2026-03-01 08:00:00 UTC", "2026-03-01 08:00"),
    ],
)
def test_times_of_other_countries_are_read(box: boxnb.Box, tmp_path: Path, cell: str, expected: str) -> None:
    """Dates with dots begin with the day."""
    frame = read(box, tmp_path, {f"{USERS}.csv": lines("Name,Email,Last Login", f"Ada,a@example.com,{cell}")})
    assert frame["last_sign_in"].tolist() == [pd.Timestamp(expected, tz="UTC")]


@pytest.mark.parametrize(
    ("encoding", "name", "is_certain"),
    [
        ("cp1252", "Jürgen Müller-Größe", False),
        ("cp1252", "José Peña, São Paulo", False),
        ("cp932", "山田太郎", True),
        ("utf-16-le", "Jürgen 山田", True),
        ("utf-16-be", "Jürgen", True),
    ],
)
def test_a_file_that_a_spreadsheet_has_saved_keeps_its_names(
    box: boxnb.Box, tmp_path: Path, encoding: str, name: str, is_certain: bool
) -> None:
    """Western letters do not become Japanese ones."""
    content = f'Name;Email;Status\n"{name}";a@example.com;Active\n'.encode(encoding)
    frame = read(box, tmp_path, {f"{USERS}.csv": content})
    assert frame["name"].tolist() == [name]
    assert frame.attrs["complete"] is is_certain


def test_headers_of_another_report_are_said(box: boxnb.Box, tmp_path: Path) -> None:
    """A file with the name of one report and the columns of another is not taken for what it is not."""
    file = lines("Date,User Name,User Email,Action", "2026-03-01 08:00:00,Ada,a@example.com,Downloaded")
    frame = read(box, tmp_path, {f"{USERS}_Page_1.csv": file})
    assert frame.attrs["notes"][0] == (
        "its headers are those of user_activity, although its name is that of user_details"
    )


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def test_security_logs_are_read_from_their_workbook(box: boxnb.Box, tmp_path: Path) -> None:
    """The one report that Box writes as an Excel file has its seven columns, in the admin's zone."""
    headers = ["Date/Time", "Email Address", "User IP", "Category", "Setting", "From", "Changed To"]
    moment = datetime.datetime(2026, 3, 1, 8)
    content = workbook(headers, [moment, "ada@example.com", "192.0.2.1", "Security", "Length", 8, 12])
    name = "security_logs_run_on_2026-03-05__09-00-00-AM.xlsx"
    frame = read(box, tmp_path, {name: content}, "security_logs", zone="Asia/Tokyo")
    assert frame["created_at"].tolist() == [pd.Timestamp("2026-02-28T23:00:00Z")]
    assert frame.attrs["columns"]["added"] == []
    assert frame.iloc[0, 1:].tolist() == ["ada@example.com", "192.0.2.1", "Security", "Length", "8", "12"]


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"PK", b""])
def test_a_damaged_workbook_is_said(box: boxnb.Box, tmp_path: Path, content: bytes) -> None:
    """It has no rows, and the report is not complete."""
    frame = read(box, tmp_path, {"security_logs_run_on_2026-03-05-09-00-00.xlsx": content}, "security_logs")
    assert len(frame) == 0
    assert frame.attrs["complete"] is (content == b"PK")


def test_a_folder_that_was_downloaded_as_an_archive(box: boxnb.Box, tmp_path: Path) -> None:
    """Box sends a folder as a ZIP archive; its pages are joined, and files that are not reports are left alone."""
    with zipfile.ZipFile(tmp_path / "User Details run on 2026-03-01 10-00-00.zip", "w") as archive:
        for number, row in enumerate((ADA, BO), 1):
            archive.writestr(f"User Details run on 2026/{USERS}_Page_{number}.csv", lines(HEADER, row))
        archive.writestr("readme.csv", "a,b\n")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    frame = read(box, tmp_path, {})
    assert frame["name"].tolist() == ["Ada", "Bo"]
    assert box.console(where=tmp_path)["report"].tolist() == ["user_details"]
