"""The text of tables, trees and charts: readable sizes and counts, messages, and the plain fallback."""

from __future__ import annotations

from typing import Any, Final

UNITS: Final = ("B", "kB", "MB", "GB", "TB")
SEE_SELECTED: Final = "This front end cannot show it; see .selected."
EXPLORER: Final = f"Tree, chart and table. {SEE_SELECTED}"
FOLDER_TREE: Final = f"A folder tree. {SEE_SELECTED}"
NOTHING_PULLED: Final = "Nothing has been pulled yet."
NOTHING_TO_SHOW: Final = "Nothing to show."
SMALLER: Final = "(smaller)"
ALL_CONTENT: Final = "All content"
ALL_FILES: Final = "All Files"

_EXAMPLES: Final = {
    "number": "a number such as 5",
    "bytes": "a size such as 1 GB",
    "time": "a date such as 2026-01-01",
}


def bytes_text(size: float) -> str:
    """Return a size as people write it, in powers of a thousand as Box does: ``11.8 GB``."""
    power = 0
    # 999.5 kB would round to 1000 kB, so it becomes 1.0 MB.
    while abs(size) >= 999.5 and power < len(UNITS) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.0f} {UNITS[power]}" if power == 0 or abs(size) >= 99.95 else f"{size:.1f} {UNITS[power]}"


def files_text(size: float, files: float) -> str:
    """Return a size and a file count: ``1.3 GB, 1,155 files``."""
    return f"{bytes_text(size)}, {counted(int(files), 'file')}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``1,155 rows``."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def cut(text: object, max_length: int) -> str:
    """Return the text, cut to at most ``max_length`` characters."""
    string = str(text)
    return string if len(string) <= max_length else string[: max_length - 1] + "…"


def unreadable_filter(column: str, sign: str, kind: str) -> str:
    """Return the message for a filter whose value cannot be compared with its column, such as ``> lots``."""
    return f"Cannot read the filter on {column}. After {sign}, write {_EXAMPLES[kind]}."


def table_summary(rows: int) -> str:
    """Return what a front end without widgets shows instead of a table."""
    return f"Table of {counted(rows, 'row')}. {SEE_SELECTED}"


def chart_summary(title: str, rows: int) -> str:
    """Return what a front end without plotly shows instead of a chart."""
    return f"{title}: {counted(rows, 'row')}. This front end cannot draw it; see .data."


def incomplete_folder(reason: str) -> str:
    """Return the message for a listing that ended early: the listing's reason, and what it means for the folder."""
    return f"{reason}, so there may be more in this folder."


def with_fallback(bundle: Any, html_text: str, plain_text: str) -> Any:
    """Return a widget's MIME bundle with a plain fallback, which pages without a kernel show instead of the widget.

    Parameters
    ----------
    bundle
        What the base class's ``_repr_mimebundle_`` returned: a dict, a pair of dicts, or None.
    """
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    if isinstance(data, dict):
        data["text/html"], data["text/plain"] = html_text, plain_text
    return bundle
