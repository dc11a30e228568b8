"""The content of the Admin Console's files as rows of text: CSV files in any encoding, Excel workbooks, and files in ZIP archives."""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from ..errors import ConsoleError, require

_ARCHIVE = b"PK\x03\x04"
"""How ZIP archives begin. An Excel workbook is one."""
_END = "\0end\0"
"""A row that is added to a CSV file. If the reader does not return it, the file ends inside a quoted cell."""
_LONGEST_CELL = 2**31 - 1
_MOST_OPEN_QUOTES = 50
"""After how many quotes that do not end boxnb stops looking for rows."""
_UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What openpyxl raises for a damaged workbook; XML that is not well-formed is a `SyntaxError`."""
_limit = Lock()


def rows_of(content: bytes) -> tuple[list[list[str]], list[str], bool]:
    """Return the rows of a file as text, what is wrong with it, and whether its last row ends with a line break."""
    if content.startswith(_ARCHIVE):
        rows, problems = _workbook(content)
        return rows, problems, True
    text, problems = _decoded(content)
    rows, more = _parsed(text)
    return rows, [*problems, *more], text.endswith(("\n", "\r"))


def _parsed(text: str) -> tuple[list[list[str]], list[str]]:
    """Return the rows of a CSV file. After a quote that does not end, reading goes on in the next line."""
    separator = _separator(text)
    rows: list[list[str]] = []
    open_quotes = 0
    is_at_end = False
    while open_quotes < _MOST_OPEN_QUOTES:
        lines = io.StringIO(text, newline="").readlines()
        found, used = _until_open_quote(lines, separator)
        rows += found
        if used is None:
            break
        open_quotes += 1
        is_at_end = used + 1 >= len(lines)
        text = "".join(lines[used + 1 :])
    if not open_quotes:
        return rows, []
    if open_quotes == _MOST_OPEN_QUOTES:
        return rows, [f"{open_quotes} rows have a quote that does not end, and all that follows was not read"]
    if open_quotes == 1 and is_at_end:
        return rows, ["it ends inside a quoted cell, so its last row is cut off"]
    what = "1 row has a quote" if open_quotes == 1 else f"{open_quotes} rows have a quote"
    return rows, [f"{what} that does not end, and cannot be read"]


def _until_open_quote(lines: list[str], separator: str) -> tuple[list[list[str]], int | None]:
    """Return the rows before a quote that does not end, and the number of its line; ``None`` if there is no such quote."""
    ending = "" if not lines or lines[-1].endswith(("\n", "\r")) else "\n"
    reader = csv.reader([*lines[:-1], *(line + ending for line in lines[-1:]), _END], delimiter=separator)
    rows: list[list[str]] = []
    before = 0
    with _limit:
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            for row in reader:
                if reader.line_num > len(lines):
                    return rows, None if row == [_END] else before
                rows.append(row)
                before = reader.line_num
        finally:
            csv.field_size_limit(limit)
    return rows, None


def _decoded(content: bytes) -> tuple[str, list[str]]:
    """Decode a file. Box writes UTF-8, with or without a mark; a spreadsheet may have saved it in another encoding."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace"), []
    start = content[:4000]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if start and zeros.count(0) * 4 > len(start):
            return content.decode(encoding, "replace"), []
    if _is_encoded_as(content, "utf-8-sig"):
        return content.decode("utf-8-sig"), []
    if content[:-1].isascii() or any(_is_encoded_as(content[:-cut], "utf-8") for cut in (1, 2, 3)):
        return content.decode("utf-8-sig", "ignore"), []  # cut off inside a character
    if _is_japanese(content):
        return content.decode("cp932", "replace"), []
    return content.decode("cp1252", "replace"), ["it is not UTF-8, so some letters may be wrong"]


def _is_japanese(content: bytes) -> bool:
    """Return whether a file is in Windows' Japanese encoding, whose characters mostly begin with bytes that are not letters in the Western one."""
    if not _is_encoded_as(content, "cp932"):
        return False
    japanese = sum(content.count(byte) for byte in range(0x81, 0xA0))
    western = sum(content.count(byte) for byte in range(0xC0, 0x100))
    return japanese > western


def _is_encoded_as(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _workbook(content: bytes) -> tuple[list[list[str]], list[str]]:
    """Return the rows of the first sheet of an Excel workbook."""
    require("An Excel workbook", "boxnb[explore]", "openpyxl")
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = book.worksheets
        rows = [[_cell(value) for value in row] for row in sheets[0].iter_rows(values_only=True)]
        book.close()
    except _UNREADABLE as error:
        return [], [f"it is not an Excel workbook or a CSV file that can be read ({type(error).__name__})"]
    more = len(sheets) - 1
    return rows, [
        f"its other {more} sheets were not read" if more > 1 else "its other sheet was not read"
    ] * (more > 0)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def members(file: Path) -> Iterator[str]:
    """Yield the names of the files in a ZIP archive; none if it is not one."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        yield from sorted(entry.filename for entry in archive.infolist() if not entry.is_dir())


def member(file: Path, name: str) -> bytes:
    """Return a file of a ZIP archive. Raises `ConsoleError` if it cannot be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.read(name)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ConsoleError(
            f"Cannot read {name!r} in the ZIP archive {str(file)!r} ({error}). Extract it, and pass the folder."
        ) from None
