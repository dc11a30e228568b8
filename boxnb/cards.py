"""Cards: small HTML tables that show one object in a notebook, such as a Box object or the saved profiles."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_STYLE = "text-align:left;white-space:normal"


class Alert(str):
    """Cell text that a card shows in red."""


def card_html(rows: Iterable[Sequence[str]], *, caption: str = "", columns: Sequence[str] = ()) -> str:
    """
    Return an HTML table of escaped text. The first cell of each row is the row's heading.

    Parameters
    ----------
    rows : iterable of sequences of str
        The cells of each row. An :class:`Alert` is shown in red.
    caption : str, optional
        A title above the table.
    columns : sequence of str, optional
        Column headings, including the heading of the first column.
    """
    title = f"<caption style='text-align:left'><b>{html.escape(caption)}</b></caption>" if caption else ""
    headings = "".join(f"<th style='{_STYLE}'>{html.escape(name)}</th>" for name in columns)
    head = f"<thead><tr>{headings}</tr></thead>" if columns else ""
    return f"<table>{title}{head}<tbody>{''.join(map(_row, rows))}</tbody></table>"


def _row(cells: Sequence[str]) -> str:
    heading, *values = cells
    columns = "".join(
        f"<td style='{_STYLE}{';color:#c62828' if isinstance(value, Alert) else ''}'>{html.escape(value)}</td>"
        for value in values
    )
    return f"<tr><th scope='row' style='{_STYLE}'>{html.escape(heading)}</th>{columns}</tr>"
