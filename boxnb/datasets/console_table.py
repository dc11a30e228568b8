"""The table ``console_columns.csv``: which header of a console report means which column, and which word means which value.

Each row has a report, a column, the type of its values, their unit or word list, and the headers that Box gives the column in any
layout and language, separated by ``|``. The reports ``words:...`` list the words of cells. A table in the same form that a
caller passes is read before this one.

The columns are those of Box's documentation. Of the Japanese headers, those of ``user_activity`` and the dates of
``collaborations`` are from real files; all others are translations that nobody has compared with a file.
"""

from __future__ import annotations

import csv
import functools
import io
import re
import unicodedata
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..errors import ConsoleError

Type = Literal["text", "time", "integer", "boolean", "size", "words", "path"]
TYPES = ("text", "time", "integer", "boolean", "size", "words", "path")
UNITS = {"size": ("B", "KB", "MB", "GB"), "time": ("local", "UTC", "unknown")}
HEADINGS = ["report", "column", "type", "unit", "headers"]
FILE = Path(__file__).with_name("console_columns.csv")


class ConsoleColumn(NamedTuple):
    """A column that boxnb knows. The first of its headers is that of the newest English layout."""

    report: str
    name: str
    type: str
    unit: str
    headers: tuple[str, ...]


class ConsoleTable(NamedTuple):
    """All known columns by report, and all known words by list."""

    columns: dict[str, list[ConsoleColumn]]
    words: dict[str, dict[str, str]]

    def known(self, report: str) -> dict[str, ConsoleColumn]:
        """Return the columns of a report by header, in the form of :func:`plain_header`."""
        return {
            plain_header(header): column
            for column in reversed(self.columns.get(report, []))
            for header in column.headers
        }

    def best_report(self, headers: list[str]) -> tuple[str, int]:
        """Return the report that knows most of these headers, and how many; ``("", 0)`` if none knows two of them."""
        plain = {plain_header(header) for header in headers}
        counts = {report: len(plain & set(self.known(report))) for report in self.columns}
        report = max(counts, key=lambda name: counts[name], default="")
        return (report, counts[report]) if report and counts[report] >= 2 else ("", 0)


def plain_header(header: str) -> str:
    """Return a header without case, marks, extra spaces and the ``(User)`` that Box's pages print before some names."""
    text = unicodedata.normalize("NFKC", header).replace("\ufeff", "").strip().strip("*").casefold()
    return re.sub(r"\s+", " ", re.sub(r"^\((user|file)\) ", r"\1 ", text)).strip()


def plain_word(word: str) -> str:
    """Return a word of a cell in the form in which words are compared."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", word).strip().casefold())


@functools.cache
def own_table() -> ConsoleTable:
    """Return the table that comes with boxnb."""
    return _read(FILE.read_text(encoding="utf-8"), FILE.name)


def with_own_rows(path: Path | None) -> ConsoleTable:
    """Return boxnb's table, preceded by the rows of a caller's file.

    Raises
    ------
    ConsoleError
        The file cannot be read, or a row of it is not usable; the message names it.
    """
    if path is None:
        return own_table()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConsoleError(f"Cannot read the table of columns {path}: {error}.") from None
    first, second = _read(text, path.name), own_table()
    reports = dict.fromkeys([*first.columns, *second.columns])
    columns = {report: first.columns.get(report, []) + second.columns.get(report, []) for report in reports}
    lists = {*first.words, *second.words}
    words = {name: {**second.words.get(name, {}), **first.words.get(name, {})} for name in lists}
    return ConsoleTable(columns, words)


def _read(text: str, name: str) -> ConsoleTable:
    columns: dict[str, list[ConsoleColumn]] = {}
    words: dict[str, dict[str, str]] = {}
    reader = csv.DictReader(io.StringIO(text))
    if [heading.strip() for heading in reader.fieldnames or []] != HEADINGS:
        raise ConsoleError(f"The first row of {name} must be {','.join(HEADINGS)}.")
    for number, row in enumerate(reader, 2):
        cells: dict[str, Any] = {heading: (row[heading] or "").strip() for heading in HEADINGS}
        headers = tuple(header.strip() for header in cells["headers"].split("|") if header.strip())
        if cells["report"].startswith("words:"):
            known = words.setdefault(cells["report"].partition(":")[2], {})
            known.update({plain_word(word): cells["column"] for word in headers})
            continue
        units = UNITS.get(cells["type"], (cells["unit"],))
        if not (cells["report"] and cells["column"] and headers) or cells["type"] not in TYPES:
            raise ConsoleError(
                f"Row {number} of {name} needs a report, a column, headers, and one of the types {', '.join(TYPES)}."
            )
        if cells["unit"] not in units:
            raise ConsoleError(f"Row {number} of {name} needs one of the units {', '.join(units)}.")
        column = ConsoleColumn(cells["report"], cells["column"], cells["type"], cells["unit"], headers)
        columns.setdefault(cells["report"], []).append(column)
    return ConsoleTable(columns, words)
