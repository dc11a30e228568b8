"""Take a table away: CSV, Excel, Parquet, one HTML page. Text in a cell never runs as a formula or as markup.

A spreadsheet takes a text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and a browser takes ``<`` for markup; anybody who
may name a file in your Box can write such a name (OWASP, *CSV Injection*). Each function returns the path it wrote, and replaces a file
that is there only once the new one is complete.
"""

from __future__ import annotations

import contextlib
import csv
import html
import io
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from .errors import BoxNotebookError, ExportError, require
from .frames.cells import FORMULA, ExcelCells, columns_of, guarded, plain, sheet_name, time_texts, unguarded
from .local.encoding import as_text

__all__ = ["FORMULA", "guarded", "read_csv", "to_csv", "to_excel", "to_html", "to_parquet", "unguarded"]


StrPath = str | os.PathLike[str]
SHEET_ROWS = 1_048_575
SHEET_COLUMNS = 16_384
HTML_ROWS = 5_000

_QUOTED = re.compile(r'[",;|\t-\r\x1c-\x1f\x85\u2028\u2029]|^[\s\ufeff]')
"""Texts that some reader of CSV would part or trim."""


@contextlib.contextmanager
def written(path: StrPath, kind: str) -> Iterator[Path]:
    """A draft beside the file, which takes its place when it is complete; whatever fails is one sentence."""
    draft: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise ExportError(f"{path} is a folder. Add the name of a file.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            yield target  # a device or a pipe, which nothing may replace
            return
        draft = target.with_name(f".boxnb-{secrets.token_hex(6)}.part")
        yield draft
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    except (BoxNotebookError, MemoryError):
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        closed = "Close it where it is open, or choose" if isinstance(error, PermissionError) else "Choose"
        raise ExportError(f"Cannot write {path} ({reason}). {closed} another place.") from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0][:200]
        raise ExportError(f"Cannot write this table as {kind} ({type(error).__name__}: {reason}).") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def csv_text(frame: pd.DataFrame | pd.Series) -> str:
    """The CSV of :func:`to_csv` as text."""
    columns = columns_of(frame)
    held = [plain(values, time_texts) for _, values in columns]
    # Where ';' is the separator, a negative number that begins a line and the text after it are one cell: '-5,0+...' is a formula.
    # A text in quotes there makes it none.
    quote = bool(held) and any(
        not isinstance(value, str) and value is not None and value < 0 for value in held[0]
    )
    alone = len(held) == 1  # an empty line is skipped by those who read it

    def field(value: Any) -> str:
        if value is None:
            return '""' if alone else ""
        if not isinstance(value, str):
            return str(value)
        text = guarded(value)
        return (
            '"' + text.replace('"', '""') + '"'
            if quote or not text or text[-1].isspace() or _QUOTED.search(text)
            else text
        )

    heads = ",".join(field(name) for name, _ in columns)
    rows = zip(*([field(value) for value in values] for values in held), strict=True)
    return "".join([f"{heads}\r\n", *(",".join(row) + "\r\n" for row in rows)])


def to_csv(frame: pd.DataFrame | pd.Series, path: StrPath) -> Path:
    """
    Write a CSV file that a spreadsheet opens as UTF-8 and runs nothing of.

    Parameters
    ----------
    frame : DataFrame or Series
        An index that has a name, or is not numbers, comes first.
    path : str or path
        Missing folders are made; a file that is there is replaced once the new one is complete.

    Returns
    -------
    Path
        What was written. A ``'`` stands before whatever a spreadsheet would take for a formula, at the beginning of a text and after
        each ``,`` ``;`` ``|``, tab and line break in it; :func:`read_csv` takes it off again. Times are ISO 8601 in UTC. Missing is
        nothing, an empty text is ``""``. Half a surrogate pair, which UTF-8 does not have, is written as its number (``ud83d`` after a
        backslash).

    Raises
    ------
    ExportError
        It cannot be written; nothing was changed.

    Notes
    -----
    A spreadsheet that was told to part at blanks, ``:`` or letters is not covered: use :func:`to_excel` there.
    """
    with written(path, "CSV") as draft:
        # The mark at the beginning is how Excel learns that it is UTF-8.
        draft.write_bytes(csv_text(frame).encode("utf-8-sig", "backslashreplace"))
    return Path(path)


def read_csv(path: StrPath) -> pd.DataFrame:
    """
    Read a file of :func:`to_csv` with every text as it was.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    DataFrame
        All columns are ``str``: an id keeps its zeros, and a name ``NA``, ``null`` or ``1e5`` is that name. Only what was missing is
        missing, but in a table of one column it is an empty text. Numbers and times: ``frame.astype({"size": "Int64"})``,
        ``pandas.to_datetime(frame["created_at"], format="ISO8601")``.

    Raises
    ------
    ExportError
        The file cannot be read, or is not such a CSV file.
    """
    try:
        content = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
        heads = next(csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")), [])
        if not heads:
            return pd.DataFrame()
        names = [str(number) for number in range(len(heads))]
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
    texts = [
        pd.Series([None if text is None else unguarded(text) for text in column.to_pylist()[1:]], dtype="str")
        for column in table.columns
    ]
    frame = pd.concat(texts, axis=1)
    frame.columns = pd.Index([unguarded(name) for name in heads])
    return frame


def to_excel(frames: pd.DataFrame | pd.Series | Mapping[str, pd.DataFrame], path: StrPath) -> Path:
    """
    Write an Excel workbook, one sheet a frame; needs the extra ``explore``.

    Parameters
    ----------
    frames : DataFrame, Series or dict of DataFrame
        A dict names the sheets. An index that has a name, or is not numbers, comes first.
    path : str or path
        As for :func:`to_csv`.

    Returns
    -------
    Path
        What was written. All text is text, also what begins with ``=``; numbers of more than 15 digits, times before 1900-03-01 or
        after 9999 and infinity are text, because Excel cannot hold them otherwise. Times are UTC without saying so, because Excel
        knows no zones. Line breaks are line feeds. ``pandas.read_excel(path, keep_default_na=False)`` reads the texts as they were.

    Warns
    -----
    UserWarning
        A text was cut after 32,767 characters, where Excel ends, or held a control character that Excel cannot and is ``\ufffd`` there.

    Raises
    ------
    ValueError
        A frame has more rows than a sheet.
    MissingPackageError
        The extra ``explore`` is not installed.
    ExportError
        A frame has more rows or columns than a sheet, or it cannot be written; nothing was changed.
    """
    require("An Excel workbook", "boxnb[explore]", "openpyxl")
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    sheets = frames if isinstance(frames, Mapping) else {"Sheet1": frames}
    if not sheets:
        raise ExportError("There is no table to write. Give at least one DataFrame.")
    fit = ExcelCells()
    with written(path, "an Excel file") as draft:
        book = openpyxl.Workbook(write_only=True)
        taken = {"history"}  # Excel keeps that name for itself
        try:
            for name, frame in sheets.items():
                columns = columns_of(frame)
                if len(frame) > SHEET_ROWS or len(columns) > SHEET_COLUMNS:
                    raise ExportError(
                        f"{name!r} has {len(frame):,} rows and {len(columns):,} columns. A sheet holds {SHEET_ROWS:,} and "
                        f"{SHEET_COLUMNS:,}: write CSV or Parquet, or fewer rows."
                    )
                held = [fit.column(values, head) for head, values in columns]
                sheet = book.create_sheet(sheet_name(name, taken))
                sheet.freeze_panes = "A2"

                def text(value: str, *, bold: bool = False, sheet: Any = sheet) -> Any:
                    if not (bold or FORMULA.search(value) or value.startswith("#")):
                        return value
                    made = WriteOnlyCell(sheet, value)
                    made.data_type = (
                        "s"  # openpyxl would make a formula of what begins with =, an error of #N/A
                    )
                    made.quotePrefix = True  # and Excel, of what is edited and left
                    if bold:
                        made.font = Font(bold=True)
                    return made

                sheet.append([text(fit.text(head, head), bold=True) for head, _ in columns])
                for row in zip(*held, strict=True):
                    sheet.append([text(value) if isinstance(value, str) else value for value in row])
            book.save(draft)
        except BaseException:
            for sheet in book.worksheets:  # else openpyxl complains of each on the screen, after the sentence
                with contextlib.suppress(Exception):
                    sheet.close()
            raise
    for trouble in fit.troubles():
        warnings.warn(trouble, stacklevel=2)
    return Path(path)


def to_parquet(frame: pd.DataFrame, path: StrPath) -> Path:
    """
    Write a Parquet file, which keeps every dtype; text is as it is, because nothing runs it.

    Parameters
    ----------
    frame : DataFrame
    path : str or path
        As for :func:`to_csv`.

    Returns
    -------
    Path
        ``pandas.read_parquet`` gives the same frame back.

    Raises
    ------
    ExportError
        Parquet cannot hold it, for instance two columns of one name, or numbers and texts in one column.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ExportError(f"Cannot export a {type(frame).__name__}. Give a DataFrame.")
    with written(path, "Parquet") as draft:
        odd = [
            name for number, name in enumerate(frame.columns) if not _fits_parquet(frame.iloc[:, [number]])
        ]
        if odd:
            raise ExportError(
                f"Parquet cannot hold the values of {', '.join(map(repr, odd[:5]))}, often of several types in one column. "
                "Convert them, such as with astype('str'), or write CSV."
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
    Write one page that opens in any browser without a network, with tables and charts.

    Parameters
    ----------
    things : DataFrame, chart, or dict of them
        A dict gives each its heading. A chart is one of :mod:`boxnb.widgets.charts`, or a plotly figure.
    path : str or path
        As for :func:`to_csv`.
    title : str

    Returns
    -------
    Path
        What was written. All names are escaped; the page may load nothing. Of a long table come the first 5,000 rows, with a line that says so.
        What is neither a table nor a chart is an ``ExportError``.
    """
    with written(path, "HTML") as draft:
        draft.write_text(html_text(things, title=title), encoding="utf-8", errors="backslashreplace")
    return Path(path)


def html_text(things: Any, *, title: str = "Report", most: int = HTML_ROWS) -> str:
    """The page of :func:`to_html` as text, with at most so many rows of each table."""
    parts = []
    scripted = False
    for name, thing in (things if isinstance(things, Mapping) else {"": things}).items():
        heading = f"<h2>{html.escape(str(name))}</h2>" if name else ""
        if isinstance(thing, (pd.DataFrame, pd.Series)):
            parts.append(heading + table_html(thing, most))
            continue
        figure = getattr(thing, "figure", thing)
        if not hasattr(figure, "to_html"):
            raise ExportError(f"Cannot show a {type(thing).__name__} on a page. Give a DataFrame or a chart.")
        drawn = figure.to_html(full_html=False, include_plotlyjs=not scripted, config={"displaylogo": False})
        parts.append(heading + drawn)
        scripted = True
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
    if scripted:
        policy += "; script-src 'unsafe-inline' 'unsafe-eval'"
    return PAGE.format(title=html.escape(title), policy=policy, parts="\n".join(parts))


def table_html(frame: pd.DataFrame | pd.Series, most: int = HTML_ROWS, *, of: int | None = None) -> str:
    """The first ``most`` rows as an HTML table of escaped text; ``of`` says how many there are where ``frame`` is a part."""
    total = len(frame) if of is None else of
    shown = min(len(frame), most)
    columns = columns_of(frame.head(most) if isinstance(frame, (pd.DataFrame, pd.Series)) else frame)
    heads = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name, _ in columns)
    texts = [plain(values, _minutes) for _, values in columns]
    right = [pd.api.types.is_numeric_dtype(values.dtype) for _, values in columns]
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if number else ''}><bdi>{'' if text is None else html.escape(as_text(str(text)))}</bdi></td>"
            for text, number in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in zip(*texts, strict=True)
    )
    told = f"{total:,} rows" if shown == total else f"The first {shown:,} of {total:,} rows."
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table><p>{told}</p>"


def _minutes(times: pd.Series) -> list[str | None]:
    return [text and text.replace("T", " ", 1) for text in time_texts(times, "m", mark=" UTC")]


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
