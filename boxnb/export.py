"""Take a table away: CSV, Excel, Parquet, one HTML page. Names that people chose never run in what reads them.

A spreadsheet takes a text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and a browser takes ``<`` for markup; anybody who
may name a file in your Box can write such a name (OWASP, *CSV Injection*). Each function gives the path it wrote.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import require

StrPath = str | os.PathLike[str]
FORMULA = re.compile(r"^[\s\x00-\x20]*[=+\-@＝＋－＠]|^[\t\r\n]")
"""What a spreadsheet may take for a formula; with the wide forms some locales know, and after blanks."""

_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
SHEET_ROWS = 1_048_575
CELL_CHARACTERS = 32_767
HTML_ROWS = 5_000


def guarded(text: str) -> str:
    """The text with a ``'`` in front where a spreadsheet would take it for a formula."""
    return "'" + text if FORMULA.search(text) else text


def _guard(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value


def _is_text(values: pd.Series) -> bool:
    return bool(
        pd.api.types.is_string_dtype(values.dtype)
        or pd.api.types.is_object_dtype(values.dtype)
        or isinstance(values.dtype, pd.CategoricalDtype)
    )


def _place(path: StrPath) -> Path:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def csv_text(frame: pd.DataFrame) -> str:
    """The CSV of :func:`to_csv` as text."""
    safe = frame.copy()
    for name in frame.columns:
        if _is_text(frame[name]):
            safe[name] = frame[name].astype("object").map(_guard)
        elif isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            safe[name] = frame[name].dt.tz_convert("UTC")
    safe.columns = pd.Index([guarded(str(name)) for name in frame.columns])
    return str(safe.to_csv(index=False, lineterminator="\r\n", date_format="%Y-%m-%dT%H:%M:%S%z"))


def to_csv(frame: pd.DataFrame, path: StrPath) -> Path:
    """
    Write a CSV file that a spreadsheet opens as UTF-8 and runs nothing of.

    Parameters
    ----------
    frame : DataFrame
    path : str or path
        Missing folders are made; a file that is there is replaced.

    Returns
    -------
    Path
        What was written. Texts that look like a formula have a ``'`` in front; times are ISO 8601 in UTC.
    """
    place = _place(path)
    # The mark at the beginning is how Excel learns that it is UTF-8.
    place.write_bytes(csv_text(frame).encode("utf-8-sig", "backslashreplace"))
    return place


def to_excel(frames: pd.DataFrame | Mapping[str, pd.DataFrame], path: StrPath) -> Path:
    """
    Write an Excel workbook, one sheet a frame; needs the extra ``explore``.

    Parameters
    ----------
    frames : DataFrame or dict of DataFrame
        A dict names the sheets.
    path : str or path

    Returns
    -------
    Path
        What was written. All text is text, also what begins with ``=``; ids keep their digits; times are UTC without saying so,
        because Excel knows no zones.

    Raises
    ------
    ValueError
        A frame has more rows than a sheet.
    MissingPackageError
        The extra ``explore`` is not installed.
    """
    require("An Excel workbook", "boxnb[explore]", "openpyxl")
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    sheets = {"Sheet1": frames} if isinstance(frames, pd.DataFrame) else frames
    book = openpyxl.Workbook(write_only=True)
    taken: set[str] = set()
    for name, frame in sheets.items():
        if len(frame) > SHEET_ROWS:
            raise ValueError(
                f"{name!r} has {len(frame)} rows, a sheet holds {SHEET_ROWS}: write CSV or Parquet."
            )
        sheet = book.create_sheet(_sheet_name(name, taken))
        sheet.freeze_panes = "A2"

        def cell(value: Any, *, bold: bool = False, sheet: Any = sheet) -> Any:
            if not isinstance(value, str):
                return value
            text = _ILLEGAL.sub("\ufffd", value)[:CELL_CHARACTERS]
            if not (bold or FORMULA.search(text)):
                return text
            made = WriteOnlyCell(sheet, text)
            made.data_type = "s"  # openpyxl would make a formula of what begins with =
            made.quotePrefix = True  # and Excel, of what is edited and left
            if bold:
                made.font = Font(bold=True)
            return made

        sheet.append([cell(str(column), bold=True) for column in frame.columns])
        columns = [_cells(frame[column]) for column in frame.columns]
        for row in zip(*columns, strict=True):
            sheet.append([cell(value) for value in row])
    place = _place(path)
    book.save(place)
    return place


def _cells(values: pd.Series) -> list[Any]:
    """Python values a sheet can hold, None for what is missing."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None).dt.floor("ms")
    missing = values.isna()
    found = values.astype("object")
    return [
        None if gone else (value.to_pydatetime() if isinstance(value, pd.Timestamp) else _simple(value))
        for value, gone in zip(found, missing, strict=True)
    ]


def _simple(value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)):
        return value
    return value.item() if hasattr(value, "item") else str(value)


def _sheet_name(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", str(name)).strip("' ")[:31] or "Sheet"
    number, made = 1, plain
    while made.casefold() in taken:
        number += 1
        made = f"{plain[: 30 - len(str(number))]} {number}"
    taken.add(made.casefold())
    return made


def to_parquet(frame: pd.DataFrame, path: StrPath) -> Path:
    """
    Write a Parquet file, which keeps every dtype; text is as it is, because nothing runs it.

    Parameters
    ----------
    frame : DataFrame
    path : str or path

    Returns
    -------
    Path
        ``pandas.read_parquet`` gives the same frame back.
    """
    place = _place(path)
    frame.to_parquet(place)
    return place


def to_html(things: Any, path: StrPath, *, title: str = "Report") -> Path:
    """
    Write one page that opens in any browser without a network, with tables and charts.

    Parameters
    ----------
    things : DataFrame, chart, or dict of them
        A dict gives each its heading. A chart is one of :mod:`boxnb.widgets.charts`, or a plotly figure.
    path : str or path
    title : str

    Returns
    -------
    Path
        What was written. All names are escaped; the page may load nothing. Of a long table come the first 5,000 rows, with a line that says so.
    """
    parts = []
    scripted = False
    for name, thing in (things if isinstance(things, Mapping) else {"": things}).items():
        heading = f"<h2>{html.escape(str(name))}</h2>" if name else ""
        if isinstance(thing, pd.DataFrame):
            parts.append(heading + table_html(thing))
            continue
        figure = getattr(thing, "figure", thing)
        drawn = figure.to_html(full_html=False, include_plotlyjs=not scripted, config={"displaylogo": False})
        parts.append(heading + drawn)
        scripted = True
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
    if scripted:
        policy += "; script-src 'unsafe-inline' 'unsafe-eval'"
    place = _place(path)
    page = PAGE.format(title=html.escape(title), policy=policy, parts="\n".join(parts))
    place.write_text(page, encoding="utf-8", errors="backslashreplace")
    return place


def table_html(frame: pd.DataFrame, most: int = HTML_ROWS, *, of: int | None = None) -> str:
    """The first ``most`` rows as an HTML table of escaped text; ``of`` says how many there are where ``frame`` is a part."""
    total = len(frame) if of is None else of
    head = frame.head(most)
    heads = "".join(f"<th scope='col'>{html.escape(str(name))}</th>" for name in head.columns)
    columns = [_texts(head[name]) for name in head.columns]
    right = [pd.api.types.is_numeric_dtype(head[name]) for name in head.columns]
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if number else ''}><bdi>{html.escape(text)}</bdi></td>"
            for text, number in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in zip(*columns, strict=True)
    )
    shown = len(head)
    told = f"{total:,} rows" if shown == total else f"The first {shown:,} of {total:,} rows."
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table><p>{told}</p>"


def _texts(values: pd.Series) -> list[str]:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return [
            "" if pd.isna(value) else f"{value:%Y-%m-%d %H:%M} UTC" for value in values.dt.tz_convert("UTC")
        ]
    missing = values.isna()
    return ["" if gone else str(value) for value, gone in zip(values.astype("object"), missing, strict=True)]


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }}
table {{ border-collapse: collapse; display: block; overflow-x: auto }}
th, td {{ border-bottom: 1px solid #8886; padding: .25rem .6rem; text-align: left; vertical-align: top; max-width: 30rem; overflow-wrap: anywhere }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
</style></head><body><h1>{title}</h1>
{parts}
</body></html>
"""
