"""The files of the Admin Console's reports: which run they belong to, their rows, and their pages joined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from .console_content import rows_of
from .console_table import ConsoleTable, plain_header

STEMS = {
    "user_details": "user_details",
    "user_activity": "user_activity",
    "user_statistics": "user_statistics",
    "security_logs": "security_logs",
    "folder_and_file_tree": "folders_and_files",
    "collaborations": "collaborations",
    "outbound_collaborations": "outbound_collaborations",
    "shared_links": "shared_links",
    "shield_classification": "classification",
    "legal_holds": "legal_holds",
    "data_retention": "retention",
    "retention": "retention",
    "disposition": "disposition",
    "sign_aggregation": "sign_aggregation",
    "user_engagement": "user_engagement",
    "bandwidth_usage_by_files_and_folders": "bandwidth",
    "geographic_activity": "geographic_activity",
}
"""The reports by the start of their file names; folder names read the same, with spaces. A longer name follows for one policy."""

_STAMP = r"(\d{4})-(\d\d)-(\d\d)[-_ ]{1,2}(\d\d)-(\d\d)-(\d\d)(?:-([AP]M))?"
_FILE = re.compile(
    rf"(?P<stem>.+?)_run_on_{_STAMP}(?:_[^\d.]*_?(?P<page>\d+))?(?: ?\(\d+\))?\.(?P<type>csv|xlsx)",
    re.IGNORECASE,
)
_FOLDER = re.compile(rf"(?P<stem>.+?) run on {_STAMP}", re.IGNORECASE)
_INFORMATION_ROWS = 20
"""How many rows before the header are searched for it. Some governance reports begin with an information block."""


class Name(NamedTuple):
    """What the name of a file or a folder says."""

    report: str
    run_at: pd.Timestamp
    page: int
    is_csv: bool


class Rows(NamedTuple):
    """The rows of one file as text, and what is wrong with it."""

    headers: list[str]
    rows: list[list[str]]
    information: list[list[str]]
    problems: list[str]
    is_ended: bool
    """Whether the last row ends with a line break."""


def read_name(name: str) -> Name | None:
    """Return what a name says about its run; ``None`` if it is not that of a console report.

    The word before the page number is in the admin's language, and so only its place counts.
    """
    match = _FILE.fullmatch(name.strip()) or _FOLDER.fullmatch(name.strip())
    if match is None:
        return None
    groups = match.groups()
    year, month, day, hour, minute, second = (int(part) for part in groups[1:7])
    if groups[7]:
        hour = hour % 12 + (12 if groups[7].upper() == "PM" else 0)
    try:
        run_at = pd.Timestamp(year, month, day, hour, minute, second)
    except ValueError:
        return None
    named = match.groupdict()
    page = int(named.get("page") or 1)
    return Name(report_of(match["stem"]), run_at, page, (named.get("type") or "csv").lower() == "csv")


def report_of(stem: str) -> str:
    """Return the report with this start of a file or folder name; the start itself for an unknown one."""
    plain = re.sub(r"[\s_]+", "_", stem.strip().casefold())
    for known, report in sorted(STEMS.items(), key=lambda entry: -len(entry[0])):
        if plain == known or plain.startswith(f"{known}_"):
            return report
    return plain


def read_file(content: bytes, table: ConsoleTable) -> Rows:
    """Return the rows of a file. A row with too few or too many cells is left out, and a problem says so."""
    lines, problems, is_ended = rows_of(content)
    information, lines = _split_information(lines, table)
    if not lines:
        return Rows([], [], information, problems or ["it has no rows, not even a header"], is_ended)
    first = lines[0]
    headers = _unique([header.replace("\ufeff", "").strip() for header in first])
    while headers and not headers[-1] and all(len(line) < len(headers) or not line[-1] for line in lines[1:]):
        headers = headers[:-1]
    is_header_again = len(headers) > 1
    rows = [
        line
        for line in lines[1:]
        if any(cell.strip() for cell in line) and not (is_header_again and line == first)
    ]
    width = len(headers)
    fitting = [line[:width] for line in rows if len(line) >= width and not any(line[width:])]
    if odd := len(rows) - len(fitting):
        what = "1 row has" if odd == 1 else f"{odd} rows have"
        problems.append(f"{what} another number of cells than the header")
    if rows and len(rows[-1]) < width and not is_ended:
        problems[-1] = (
            "its last row is cut off" if odd == 1 else f"{problems[-1]}, and the last one is cut off"
        )
    return Rows(headers, fitting, information, problems, is_ended)


def _split_information(
    lines: list[list[str]], table: ConsoleTable
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the information block before the header, and the rest. Without known headers, the first row is the header."""
    filled = [line for line in lines if any(cell.strip() for cell in line)]
    counts = [table.best_report(line)[1] for line in filled[:_INFORMATION_ROWS]]
    best = max(counts, default=0)
    first = counts.index(best) if best else 0
    return filled[:first], filled[first:]


def _unique(headers: list[str]) -> list[str]:
    names: list[str] = []
    for header in headers:
        name, number = header, 1
        while name and name in names:
            number += 1
            name = f"{header} ({number})"
        names.append(name)
    return names


def join_pages(
    pages: Iterable[tuple[int, str, Rows]],
) -> tuple[list[str], list[list[str]], list[dict[str, str]]]:
    """Return the headers and rows of all pages of a run, in order, and what is missing from them.

    A page with the same headers in another order is put in order. A page with other headers belongs to another report, and is
    left out.
    """
    ordered = sorted(pages, key=lambda page: page[0])
    skipped = [{"file": name, "why": problem} for _, name, page in ordered for problem in page.problems]
    readable = [entry for entry in ordered if entry[2].headers]
    if not readable:
        return [], [], skipped
    headers = readable[0][2].headers
    plain = [plain_header(header) for header in headers]
    rows: list[list[str]] = []
    for _, name, page in readable:
        own = [plain_header(header) for header in page.headers]
        if sorted(own) != sorted(plain):
            skipped.append({"file": name, "why": "its header is not that of the first page"})
        elif own == plain:
            rows += page.rows
        else:
            order = [own.index(header) for header in plain]
            rows += [[row[position] for position in order] for row in page.rows]
    numbers = {number for number, _, _ in ordered}
    if missing := sorted(set(range(1, max(numbers) + 1)) - numbers):
        skipped.append({"file": f"page {', '.join(map(str, missing))}", "why": "it is missing"})
    return headers, rows, skipped
