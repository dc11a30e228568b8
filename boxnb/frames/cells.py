"""Convert values to cells for files and views: text that does not run as a formula, times in any year, and numbers."""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ExportError

EXCEL_CHARACTERS = 32_767
"""The most UTF-16 code units that an Excel cell can hold."""

EXCEL_DIGITS = 15
"""The most digits that a number can have in Excel."""

_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
_BREAKS = "\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029"
"""The white space that can also separate cells: the tab and all line breaks."""
_INVISIBLE = "\\s\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_SEPARATORS = ",;|"

FORMULA = re.compile(f"^[{_INVISIBLE}]*[{_SIGNS}]|^[\t\r\n]")
"""Matches text that a spreadsheet may run as a formula, even after white space or with a full-width sign."""

_FILLER = f"[{_INVISIBLE}{_SEPARATORS}'\"]"
_NEEDS_GUARD = re.compile(
    f"^{_FILLER}*+[{_SIGNS}]|^'*[\t\r\n]"
    f"|(?<!{_FILLER})(?:(?![{_BREAKS}])[{_INVISIBLE}'\"])*+[{_SEPARATORS}{_BREAKS}]{_FILLER}*+[{_SIGNS}]"
)
"""Matches text that needs a guard. Matching takes linear time, because no match starts inside a run of spaces and separators."""

_RUN = re.compile(f"^[{_SIGNS}]|({_FILLER}++)([{_SIGNS}]?)")
_LAST_SEPARATOR = re.compile(f"(?s:.*)[{_SEPARATORS}{_BREAKS}]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def guarded(text: str) -> str:
    """
    Return the text with a ``'`` before everything that a spreadsheet would run as a formula.

    A formula need not be at the start of the text: a spreadsheet that splits at ``;``, ``|``, tabs or line breaks starts a
    new cell after each of them, even inside quotes. :func:`unguarded` reverses this.
    """
    return _RUN.sub(_guard, text) if _NEEDS_GUARD.search(text) else text


def unguarded(text: str) -> str:
    """Return the original of a text that :func:`guarded` returned. Text without the guard's ``'`` is returned unchanged."""
    return _RUN.sub(_unguard, text) if _NEEDS_GUARD.search(text) else text


def _cell_starts(run: re.Match[str]) -> list[int]:
    """Return the positions for a ``'`` in a run of spaces, quotes and separators: after the last separator before a sign.

    Quotes count as spaces, because only the spreadsheet's separator decides whether they are part of the text. The guard's own
    ``'`` also counts as a space, so that guarded and unguarded text have the same positions. A tab or line break at the
    start is dangerous by itself (OWASP).
    """
    spaces, sign = run[1] or "", run[2] if run[1] else run[0]
    first = run.start() == 0
    starts = {0} if first and spaces.lstrip("'")[:1] in ("\t", "\r", "\n") else set()
    separator = _LAST_SEPARATOR.match(spaces)
    if sign and (separator or first):
        starts.add(separator.end() if separator else 0)
    return sorted(starts)


def _guard(run: re.Match[str]) -> str:
    edges = [0, *_cell_starts(run), len(run[0])]
    return "'".join(run[0][begin:end] for begin, end in pairwise(edges))


def _unguard(run: re.Match[str]) -> str:
    drop = {position for position in _cell_starts(run) if run[0][position] == "'"}
    return (
        "".join(letter for position, letter in enumerate(run[0]) if position not in drop) if drop else run[0]
    )


def columns_of(table: Any) -> list[tuple[str, pd.Series]]:
    """Return the heading and the values of each column. A named or non-integer index becomes the first
    columns.
    """
    if not isinstance(table, (pd.DataFrame, pd.Series)):
        raise ExportError(f"Cannot export a {type(table).__name__}. Pass a DataFrame.")
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    index = frame.index
    has_name = any(name is not None for name in index.names)
    columns = []
    if (
        isinstance(table, pd.Series)
        or has_name
        or not (index.empty or pd.api.types.is_integer_dtype(index.dtype))
    ):
        for number, name in enumerate(index.names):
            default = f"level_{number}" if index.nlevels > 1 else "index"
            columns.append(
                (default if name is None else _heading(name), pd.Series(index.get_level_values(number)))
            )
    columns += [(_heading(name), frame.iloc[:, number]) for number, name in enumerate(frame.columns)]
    return columns


def _heading(name: Any) -> str:
    return " / ".join(str(level) for level in name if level != "") if isinstance(name, tuple) else str(name)


def plain(values: pd.Series, times: Callable[[pd.Series], list[Any]]) -> list[Any]:
    """
    Return the values of a column as ``None``, numbers, booleans and text, with its times converted by ``times``.

    Parameters
    ----------
    values : Series
        A column of any dtype. A value of any other type becomes its ``str``.
    times : function
        Converts a Series of ``datetime64`` into a list of the same length.
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        return times(values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return times(values)
    return [
        None if missing else _plain_value(value, times)
        for value, missing in zip(values.array, values.isna(), strict=True)
    ]


def _plain_value(value: Any, times: Callable[[pd.Series], list[Any]]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (datetime.datetime, np.datetime64)):
        return times(pd.Series([pd.Timestamp(value)]))[0]
    if isinstance(value, np.timedelta64):  # NumPy treats it as an integer
        return str(pd.Timedelta(value))
    if isinstance(value, np.floating):
        return float(str(value))  # so that the float32 0.1 does not become 0.10000000149
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, (bool, int, float, decimal.Decimal)):
        return value
    return str(value)


def naive(times: pd.Series) -> np.ndarray[Any, Any]:
    """Return times as ``datetime64`` without a zone, converted to UTC if they have one."""
    zoned = isinstance(times.dtype, pd.DatetimeTZDtype)
    return (times.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else times).to_numpy()


def time_texts(times: pd.Series, unit: Any = None, suffix: str = "+0000") -> list[str | None]:
    """
    Return a column of times in any year as ISO 8601 strings; ``None`` for missing times.

    Parameters
    ----------
    times : Series
        A column of ``datetime64``; converted to UTC if it has a zone. ``strftime`` is not used, because it stops at the
        year 9999 and writes the year 1 with one digit.
    unit : str, optional
        ``"m"`` for minutes, ``"s"``, ``"ms"``, ...; by default seconds, or the coarsest finer unit that is exact for every time.
    suffix : str
        Appended to each time if the column has a zone.
    """
    raw = naive(times)
    missing = np.isnat(raw)
    if unit is None:
        present = raw[~missing]
        units = ("s", "ms", "us", "ns")
        unit = next(
            (name for name in units if (present.astype(f"datetime64[{name}]") == present).all()), units[-1]
        )
    formatted = np.datetime_as_string(raw.astype(f"datetime64[{unit}]"))
    suffix = suffix if isinstance(times.dtype, pd.DatetimeTZDtype) else ""
    return [
        None if is_missing else f"{text}{suffix}" for text, is_missing in zip(formatted, missing, strict=True)
    ]


class ExcelCells:
    """Converts values to cells that Excel can store, and counts the strings it had to change, for a warning."""

    def __init__(self) -> None:
        self._cut: dict[str, int] = {}
        self._replaced: dict[str, int] = {}

    def column(self, values: pd.Series, name: str) -> list[Any]:
        """Return the cells of one column: ``None``, numbers, booleans, times without a zone, and text."""
        return [self._value(value, name) for value in plain(values, _excel_times)]

    def _value(self, value: Any, column: str) -> Any:
        if isinstance(value, str):
            return self.text(value, column)
        if value is None or isinstance(value, (bool, datetime.datetime)):
            return value
        if isinstance(value, int):
            return value if abs(value) < 10**EXCEL_DIGITS else str(value)
        digits = len(value.as_tuple().digits) if isinstance(value, decimal.Decimal) else 0
        fits = math.isfinite(value) and digits <= EXCEL_DIGITS and abs(value) < 9e307
        return value if fits else str(value)

    def text(self, text: str, column: str) -> str:
        """Return the text, changed if Excel cannot store it and cut if it is too long. An emoji is never cut in half."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        fit = _ILLEGAL.sub("\ufffd", text)
        if fit != text:
            self._replaced[column] = self._replaced.get(column, 0) + 1
        if 2 * len(fit) <= EXCEL_CHARACTERS or _units(fit) <= EXCEL_CHARACTERS:
            return fit
        self._cut[column] = self._cut.get(column, 0) + 1
        return _beginning(fit, EXCEL_CHARACTERS - 1) + "…"

    def warnings(self) -> list[str]:
        """Return a warning about strings that were cut and one about replaced characters, if there are any."""
        cut = f"Cut {{}} to the {EXCEL_CHARACTERS:,} characters that an Excel cell holds"
        replaced = "Replaced characters that Excel cannot store with '\ufffd' in {}"
        return [
            f"{sentence.format(_count_in_words(counts))}. CSV and Parquet keep the original values."
            for sentence, counts in ((cut, self._cut), (replaced, self._replaced))
            if counts
        ]


def _count_in_words(counts: dict[str, int]) -> str:
    """Return a count in words: ``3 values of 'name', 'path'``."""
    total = sum(counts.values())
    columns = ", ".join(repr(column[:40]) for column in list(counts)[:5])
    return f"{total:,} value{'s' if total != 1 else ''} of {columns}"


def _excel_times(times: pd.Series) -> list[Any]:
    """Return times as Excel stores them, to the millisecond and without a zone. Times outside its range become text."""
    cells: list[Any] = list(time_texts(times))
    raw = naive(times)
    fits = (raw >= np.datetime64("1900-03-01")) & (raw < np.datetime64("10000-01-01"))
    for row in np.flatnonzero(fits):
        cells[row] = raw[row].astype("datetime64[ms]").item()
    return cells


def _units(text: str) -> int:
    """Return the number of characters as Excel counts them: an emoji counts as two."""
    return len(text.encode("utf-16-le")) // 2


def _beginning(text: str, length: int) -> str:
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore")


def sheet_name(name: Any, used_names: set[str]) -> str:
    """Return a valid sheet name that is not in ``used_names`` yet, and add it there."""
    allowed = re.sub(r"[\[\]:*?/\\\x7f\t\r\n]", " ", _ILLEGAL.sub(" ", str(name)))
    candidate = _beginning(allowed.strip("' "), 31).strip("' ") or "Sheet"
    number, unique = 1, candidate
    while unique.casefold() in used_names:
        number += 1
        unique = f"{_beginning(candidate, 30 - len(str(number)))} {number}"
    used_names.add(unique.casefold())
    return unique
