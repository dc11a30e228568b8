"""What a cell of a file or of a view holds: texts that no spreadsheet runs, times of any year, and numbers."""

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
"""UTF-16 units of a cell of Excel."""

EXCEL_DIGITS = 15
"""Digits of a number that Excel keeps."""

_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
_BREAKS = "\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029"
"""White space that can also part two cells: a tab, and every line break."""
_UNSEEN = "\\s\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_PARTS = ",;|"

FORMULA = re.compile(f"^[{_UNSEEN}]*[{_SIGNS}]|^[\t\r\n]")
"""What a spreadsheet may take for a formula; with the wide forms some locales know, and after blanks."""

_ANY = f"[{_UNSEEN}{_PARTS}'\"]"
_TOUCHED = re.compile(
    f"^{_ANY}*+[{_SIGNS}]|^'*[\t\r\n]"
    f"|(?<!{_ANY})(?:(?![{_BREAKS}])[{_UNSEEN}'\"])*+[{_PARTS}{_BREAKS}]{_ANY}*+[{_SIGNS}]"
)
"""Texts with something to guard, told in linear time: a search begins where blanks and separators do, never among them."""

_RUN = re.compile(f"^[{_SIGNS}]|({_ANY}++)([{_SIGNS}]?)")
_LAST = re.compile(f"(?s:.*)[{_PARTS}{_BREAKS}]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def guarded(text: str) -> str:
    """
    The text with a ``'`` before everything that a spreadsheet would take for a formula.

    Not only at the beginning: a spreadsheet that parts at ``;``, at tabs, at ``|`` or at line breaks begins a cell after each of
    them, also in the middle of a text and whatever quotes stand there. :func:`unguarded` gives the text back.
    """
    return _RUN.sub(_guard, text) if _TOUCHED.search(text) else text


def unguarded(text: str) -> str:
    """What :func:`guarded` was given; a text without its ``'`` stays as it is."""
    return _RUN.sub(_unguard, text) if _TOUCHED.search(text) else text


def _beginnings(run: re.Match[str]) -> list[int]:
    """Where in a run of blanks, quotes and separators a ``'`` has to stand: after the last separator before a sign.

    Quotes count as blanks: they may be part of the text or of the file, depending on the separator. The ``'`` of the guard is one of
    them, so that the places are the same before and after. A tab or line break at the beginning is dangerous by itself (OWASP).
    """
    blanks, sign = run[1] or "", run[2] if run[1] else run[0]
    first = run.start() == 0
    found = {0} if first and blanks.lstrip("'")[:1] in ("\t", "\r", "\n") else set()
    begin = _LAST.match(blanks)
    if sign and (begin or first):
        found.add(begin.end() if begin else 0)
    return sorted(found)


def _guard(run: re.Match[str]) -> str:
    edges = [0, *_beginnings(run), len(run[0])]
    return "'".join(run[0][begin:end] for begin, end in pairwise(edges))


def _unguard(run: re.Match[str]) -> str:
    drop = {place for place in _beginnings(run) if run[0][place] == "'"}
    return "".join(letter for place, letter in enumerate(run[0]) if place not in drop) if drop else run[0]


def columns_of(table: Any) -> list[tuple[str, pd.Series]]:
    """Heading and values of each column; an index that says something comes first."""
    if not isinstance(table, (pd.DataFrame, pd.Series)):
        raise ExportError(f"Cannot export a {type(table).__name__}. Give a DataFrame.")
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    index = frame.index
    named = any(name is not None for name in index.names)
    found = []
    if (
        isinstance(table, pd.Series)
        or named
        or not (index.empty or pd.api.types.is_integer_dtype(index.dtype))
    ):
        for number, name in enumerate(index.names):
            default = f"level_{number}" if index.nlevels > 1 else "index"
            found.append(
                (default if name is None else _heading(name), pd.Series(index.get_level_values(number)))
            )
    found += [(_heading(name), frame.iloc[:, number]) for number, name in enumerate(frame.columns)]
    return found


def _heading(name: Any) -> str:
    return " / ".join(str(level) for level in name if level != "") if isinstance(name, tuple) else str(name)


def plain(values: pd.Series, times: Callable[[pd.Series], list[Any]]) -> list[Any]:
    """
    The values of a column as ``None``, numbers, truths and texts; times as the given function makes them.

    Parameters
    ----------
    values : Series
        Of any dtype: what is neither a number nor a time becomes the text that Python shows.
    times : function
        From a Series of ``datetime64`` to a list of as many.
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        return times(values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return times(values)
    return [
        None if gone else _plain(value, times)
        for value, gone in zip(values.array, values.isna(), strict=True)
    ]


def _plain(value: Any, times: Callable[[pd.Series], list[Any]]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (datetime.datetime, np.datetime64)):
        return times(pd.Series([pd.Timestamp(value)]))[0]
    if isinstance(value, np.timedelta64):  # an integer to NumPy
        return str(pd.Timedelta(value))
    if isinstance(value, np.floating):
        return float(str(value))  # a float32 of 0.1 is 0.1 and not 0.10000000149
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, (bool, int, float, decimal.Decimal)):
        return value
    return str(value)


def naive(times: pd.Series) -> np.ndarray[Any, Any]:
    """Times as ``datetime64`` without a zone: UTC where they have one."""
    zoned = isinstance(times.dtype, pd.DatetimeTZDtype)
    return (times.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else times).to_numpy()


def time_texts(times: pd.Series, unit: Any = None, mark: str = "+0000") -> list[str | None]:
    """
    A column of times as ISO 8601, of any year; ``None`` for what is missing.

    Parameters
    ----------
    times : Series
        Of ``datetime64``; with a zone it is shown in UTC. Python's own ``strftime`` ends with the year 9999 and writes the year 1
        with one digit.
    unit : str, optional
        ``"m"`` for minutes, ``"s"``, ``"ms"``, ...; unless given the shortest that shows all there is, at least seconds.
    mark : str
        Follows each time of a column with a zone.
    """
    raw = naive(times)
    missing = np.isnat(raw)
    if unit is None:
        there = raw[~missing]
        units = ("s", "ms", "us", "ns")
        unit = next(
            (each for each in units if (there.astype(f"datetime64[{each}]") == there).all()), units[-1]
        )
    shown = np.datetime_as_string(raw.astype(f"datetime64[{unit}]"))
    mark = mark if isinstance(times.dtype, pd.DatetimeTZDtype) else ""
    return [None if gone else f"{text}{mark}" for text, gone in zip(shown, missing, strict=True)]


class ExcelCells:
    """Values as Excel holds them; what does not fit is made to fit and counted, so that it can be said."""

    def __init__(self) -> None:
        self._cut: dict[str, int] = {}
        self._replaced: dict[str, int] = {}

    def column(self, values: pd.Series, name: str) -> list[Any]:
        """The cells of one column: ``None``, numbers, truths, times without a zone and texts."""
        return [self._value(value, name) for value in plain(values, _moments)]

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
        """A text that fits; half an emoji is never left where it is cut."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        fit = _ILLEGAL.sub("\ufffd", text)
        if fit != text:
            self._replaced[column] = self._replaced.get(column, 0) + 1
        if 2 * len(fit) <= EXCEL_CHARACTERS or _units(fit) <= EXCEL_CHARACTERS:
            return fit
        self._cut[column] = self._cut.get(column, 0) + 1
        return _beginning(fit, EXCEL_CHARACTERS - 1) + "…"

    def troubles(self) -> list[str]:
        """A sentence on the texts that were cut, and one on those with replaced characters."""
        cut = f"Cut {{}} to the {EXCEL_CHARACTERS:,} characters that a cell of Excel holds"
        replaced = "Replaced characters that Excel cannot hold by '\ufffd' in {}"
        return [
            f"{what.format(_counted(counts))}. CSV and Parquet keep them whole."
            for what, counts in ((cut, self._cut), (replaced, self._replaced))
            if counts
        ]


def _counted(counts: dict[str, int]) -> str:
    """``3 texts of 'name', 'path'``."""
    texts = sum(counts.values())
    columns = ", ".join(repr(column[:40]) for column in list(counts)[:5])
    return f"{texts:,} text{'s' if texts != 1 else ''} of {columns}"


def _moments(times: pd.Series) -> list[Any]:
    """Times as Excel holds them, to the millisecond and without a zone; as text where it cannot."""
    found: list[Any] = list(time_texts(times))
    raw = naive(times)
    fits = (raw >= np.datetime64("1900-03-01")) & (raw < np.datetime64("10000-01-01"))
    for place in np.flatnonzero(fits):
        found[place] = raw[place].astype("datetime64[ms]").item()
    return found


def _units(text: str) -> int:
    """Characters as Excel counts them: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def _beginning(text: str, most: int) -> str:
    return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")


def sheet_name(name: Any, taken: set[str]) -> str:
    """A name that Excel takes for a sheet, unlike all that are ``taken``, which has it afterwards."""
    allowed = re.sub(r"[\[\]:*?/\\\x7f\t\r\n]", " ", _ILLEGAL.sub(" ", str(name)))
    wanted = _beginning(allowed.strip("' "), 31).strip("' ") or "Sheet"
    number, made = 1, wanted
    while made.casefold() in taken:
        number += 1
        made = f"{_beginning(wanted, 30 - len(str(number)))} {number}"
    taken.add(made.casefold())
    return made
