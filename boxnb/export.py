"""Export a DataFrame as CSV, Excel, Parquet or an HTML page. Text in a cell never runs as a formula or as markup.

A spreadsheet runs text that starts with ``=``, ``+``, ``-`` or ``@`` as a formula, and a browser reads ``<`` as markup. Anyone
who can name a file in your Box can give it a name like that (OWASP, *CSV Injection*). Each function returns the path it wrote,
and replaces an existing file only once the new one is complete.
"""

from __future__ import annotations

import contextlib
import csv
import html
import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from .errors import ExportError, require
from .frames.cells import FORMULA, ExcelCells, columns_of, guarded, plain, sheet_name, time_texts, unguarded
from .local.encoding import as_text
from .local.replaced_file import StrPath, replacing

__all__ = ["FORMULA", "guarded", "read_csv", "to_csv", "to_excel", "to_html", "to_parquet", "unguarded"]

SHEET_ROWS = 1_048_575
SHEET_COLUMNS = 16_384
HTML_ROWS = 5_000

_QUOTED = re.compile(r'[",;|\t-\r\x1c-\x1f\x85\u2028\u2029]|^[\s\ufeff]')
"""Matches text that needs quotes, because some CSV readers would split or trim it."""


def csv_text(frame: pd.DataFrame | pd.Series) -> str:
    """Return the text of the file that :func:`to_csv` writes."""
    columns = columns_of(frame)
    values_by_column = [plain(values, time_texts) for _, values in columns]
    # A spreadsheet that splits only at ';' reads a whole line as one cell. If the line starts with a negative number,
    # as in '-5,0+...', the cell runs as a formula. Quotes around all text prevent that.
    quote_all = bool(values_by_column) and any(
        not isinstance(value, str) and value is not None and value < 0 for value in values_by_column[0]
    )
    single_column = len(values_by_column) == 1  # CSV readers skip empty lines

    def field(value: Any) -> str:
        if value is None:
            return '""' if single_column else ""
        if not isinstance(value, str):
            return str(value)
        text = guarded(value)
        return (
            '"' + text.replace('"', '""') + '"'
            if quote_all or not text or text[-1].isspace() or _QUOTED.search(text)
            else text
        )

    headings = ",".join(field(name) for name, _ in columns)
    rows = zip(*([field(value) for value in values] for values in values_by_column), strict=True)
    return "".join([f"{headings}\r\n", *(",".join(row) + "\r\n" for row in rows)])


def to_csv(frame: pd.DataFrame | pd.Series, path: StrPath) -> Path:
    """
    Write a CSV file that a spreadsheet opens as UTF-8 and whose values never run as formulas.

    Parameters
    ----------
    frame : DataFrame or Series
        An index that has a name, or does not consist of integers, becomes the first columns.
    path : str or path
        Missing folders are created. An existing file is replaced once the new one is complete.

    Returns
    -------
    Path
        The path of the file. A ``'`` precedes everything that a spreadsheet would run as a formula, both at the start of a
        value and after each ``,``, ``;``, ``|``, tab and line break in it. :func:`read_csv` removes it. Times are ISO 8601
        in UTC. A missing value is empty, and an empty string is ``""``. A lone surrogate, which UTF-8 cannot encode, is
        written as a backslash and its code (``ud83d``).

    Raises
    ------
    ExportError
        The file cannot be written; an existing file is unchanged.

    Notes
    -----
    This does not protect spreadsheets that are set to split at spaces, ``:`` or letters. Use :func:`to_excel` for those.
    """
    with replacing(path, "CSV") as draft:
        # Excel recognizes UTF-8 by the byte order mark.
        draft.write_bytes(csv_text(frame).encode("utf-8-sig", "backslashreplace"))
    return Path(path)


def read_csv(path: StrPath) -> pd.DataFrame:
    """
    Read a file written by :func:`to_csv`, with the original text in every cell.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    DataFrame
        All columns are ``str``: an id keeps its leading zeros, and the names ``NA``, ``null`` and ``1e5`` are unchanged. Missing
        values are missing here too, except in a table with one column, where they become empty strings. To convert numbers
        and times: ``frame.astype({"size": "Int64"})``, ``pandas.to_datetime(frame["created_at"], format="ISO8601")``.

    Raises
    ------
    ExportError
        The file cannot be read, or is not a CSV file.
    """
    try:
        content = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
        headings = next(csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")), [])
        if not headings:
            return pd.DataFrame()
        names = [str(number) for number in range(len(headings))]
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=len(content) + 1),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except (OSError, ValueError, csv.Error) as error:  # Arrow's errors are ValueErrors
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ExportError(f"Cannot read {path} as CSV ({reason}).") from error
    series = [
        pd.Series([None if text is None else unguarded(text) for text in column.to_pylist()[1:]], dtype="str")
        for column in table.columns
    ]
    frame = pd.concat(series, axis=1)
    frame.columns = pd.Index([unguarded(name) for name in headings])
    return frame


def to_excel(frames: pd.DataFrame | pd.Series | Mapping[str, pd.DataFrame], path: StrPath) -> Path:
    """
    Write an Excel workbook with one sheet per DataFrame. This needs the extra ``explore``.

    Parameters
    ----------
    frames : DataFrame, Series or dict of DataFrame
        The keys of a dict name the sheets. An index that has a name, or does not consist of integers, becomes the first columns.
    path : str or path
        As for :func:`to_csv`.

    Returns
    -------
    Path
        The path of the file. Text stays text, even if it starts with ``=``. Numbers with more than 15 digits, times before
        1900-03-01 or after 9999, and infinity become text, because Excel cannot store them otherwise. Times are in UTC but
        do not say so, because Excel has no time zones. ``pandas.read_excel(path, keep_default_na=False)`` returns the same text.

    Warns
    -----
    UserWarning
        A value was cut to Excel's limit of 32,767 characters, or a character that Excel cannot store became ``\ufffd``.

    Raises
    ------
    MissingPackageError
        The extra ``explore`` is not installed.
    ExportError
        A DataFrame does not fit into a sheet, or the file cannot be written; an existing file is unchanged.
    """
    require("An Excel workbook", "boxnb[explore]", "openpyxl")
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    sheets = frames if isinstance(frames, Mapping) else {"Sheet1": frames}
    if not sheets:
        raise ExportError("There is no table to write. Pass at least one DataFrame.")
    excel_cells = ExcelCells()
    with replacing(path, "an Excel file") as draft:
        book = openpyxl.Workbook(write_only=True)
        used_names = {"history"}  # Excel reserves this name
        try:
            for name, frame in sheets.items():
                columns = columns_of(frame)
                if len(frame) > SHEET_ROWS or len(columns) > SHEET_COLUMNS:
                    raise ExportError(
                        f"{name!r} has {len(frame):,} rows and {len(columns):,} columns. An Excel sheet holds {SHEET_ROWS:,} rows "
                        f"and {SHEET_COLUMNS:,} columns. Write CSV or Parquet, or export less."
                    )
                cells = [excel_cells.column(values, heading) for heading, values in columns]
                sheet = book.create_sheet(sheet_name(name, used_names))
                sheet.freeze_panes = "A2"

                def text(value: str, *, bold: bool = False, sheet: Any = sheet) -> Any:
                    if not (bold or FORMULA.search(value) or value.startswith("#")):
                        return value
                    cell = WriteOnlyCell(sheet, value)
                    # Otherwise openpyxl turns text that starts with = into a formula, and #N/A into an error.
                    cell.data_type = "s"
                    # Otherwise Excel does so as soon as the user edits the cell.
                    cell.quotePrefix = True
                    if bold:
                        cell.font = Font(bold=True)
                    return cell

                sheet.append([text(excel_cells.text(heading, heading), bold=True) for heading, _ in columns])
                for row in zip(*cells, strict=True):
                    sheet.append([text(value) if isinstance(value, str) else value for value in row])
            book.save(draft)
        except BaseException:
            for sheet in book.worksheets:  # otherwise openpyxl prints an error for each sheet
                with contextlib.suppress(Exception):
                    sheet.close()
            raise
    for warning in excel_cells.warnings():
        warnings.warn(warning, stacklevel=2)
    return Path(path)


def to_parquet(frame: pd.DataFrame, path: StrPath) -> Path:
    """
    Write a Parquet file, which keeps every dtype. Text is unchanged, because no program runs it as a formula.

    Parameters
    ----------
    frame : DataFrame
    path : str or path
        As for :func:`to_csv`.

    Returns
    -------
    Path
        The path of the file. ``pandas.read_parquet`` returns the same DataFrame.

    Raises
    ------
    ExportError
        Parquet cannot hold the DataFrame, for instance because two columns have the same name, or one column
        contains both numbers and text.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ExportError(f"Cannot export a {type(frame).__name__}. Pass a DataFrame.")
    with replacing(path, "Parquet") as draft:
        unsupported = [
            name for number, name in enumerate(frame.columns) if not _fits_parquet(frame.iloc[:, [number]])
        ]
        if unsupported:
            raise ExportError(
                f"Parquet cannot hold the values of {', '.join(map(repr, unsupported[:5]))}. Such a column usually has values of several types. "
                "Convert it, for example with astype('str'), or write CSV."
            )
        frame.to_parquet(draft)
    return Path(path)


def _fits_parquet(column: pd.DataFrame) -> bool:
    try:
        pa.Table.from_pandas(column, preserve_index=False)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return False
    return True


def to_html(things: Any, path: StrPath, *, title: str = "Report") -> Path:
    """
    Write an HTML page with tables and charts that opens in any browser, even offline.

    Parameters
    ----------
    things : DataFrame, chart, or dict of them
        The keys of a dict are the headings. A chart is one of :mod:`boxnb.widgets.charts`, or a plotly figure.
    path : str or path
        As for :func:`to_csv`.
    title : str

    Returns
    -------
    Path
        The path of the file. All names are escaped, and the page cannot load anything. A table shows
        at most its first 5,000 rows, and the line below it gives the total.

    Raises
    ------
    ExportError
        A value is neither a table nor a chart, or the file cannot be written.
    """
    with replacing(path, "HTML") as draft:
        draft.write_text(html_text(things, title=title), encoding="utf-8", errors="backslashreplace")
    return Path(path)


def html_text(things: Any, *, title: str = "Report", max_rows: int = HTML_ROWS) -> str:
    """Return the text of the page that :func:`to_html` writes, with at most ``max_rows`` rows of each table."""
    parts = []
    has_charts = False
    for name, thing in (things if isinstance(things, Mapping) else {"": things}).items():
        heading = f"<h2>{html.escape(str(name))}</h2>" if name else ""
        if isinstance(thing, (pd.DataFrame, pd.Series)):
            parts.append(heading + table_html(thing, max_rows))
            continue
        figure = getattr(thing, "figure", thing)
        if not hasattr(figure, "to_html"):
            raise ExportError(f"Cannot show a {type(thing).__name__} on a page. Pass a DataFrame or a chart.")
        chart_html = figure.to_html(
            full_html=False, include_plotlyjs=not has_charts, config={"displaylogo": False}
        )
        parts.append(heading + chart_html)
        has_charts = True
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
    if has_charts:
        policy += "; script-src 'unsafe-inline' 'unsafe-eval'"
    return PAGE.format(title=html.escape(title), policy=policy, parts="\n".join(parts))


def table_html(frame: pd.DataFrame | pd.Series, max_rows: int = HTML_ROWS, *, of: int | None = None) -> str:
    """Return the first ``max_rows`` rows as an HTML table. If ``frame`` does not have all rows, ``of`` is their total number."""
    total = len(frame) if of is None else of
    count = min(len(frame), max_rows)
    columns = columns_of(frame.head(max_rows) if isinstance(frame, (pd.DataFrame, pd.Series)) else frame)
    headings = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name, _ in columns)
    values_by_column = [plain(values, _minutes) for _, values in columns]
    numeric = [pd.api.types.is_numeric_dtype(values.dtype) for _, values in columns]
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if is_number else ''}><bdi>{'' if text is None else html.escape(as_text(str(text)))}</bdi></td>"
            for text, is_number in zip(row, numeric, strict=True)
        )
        + "</tr>"
        for row in zip(*values_by_column, strict=True)
    )
    caption = f"{total:,} rows" if count == total else f"The first {count:,} of {total:,} rows."
    return f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table><p>{caption}</p>"


def _minutes(times: pd.Series) -> list[str | None]:
    return [text and text.replace("T", " ", 1) for text in time_texts(times, "m", suffix=" UTC")]


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
