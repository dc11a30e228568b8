"""The state of a table view: what is sorted, filtered, searched and chosen of one frame. No widget is needed to test it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from boxnb.frames.cells import plain, time_texts
from boxnb.local.encoding import as_text

BYTES = re.compile(r"^(size|bytes|hidden_bytes|wasted|largest|space_\w+|max_upload_size)$")
"""Columns that hold bytes, shown as people read them."""

UNITS = ("B", "kB", "MB", "GB", "TB")
_COMPARE = re.compile(r"^(>=|<=|>|<|=)\s*(.+)$")
_EXAMPLES = {
    "number": "a number such as 5",
    "bytes": "bytes such as 1 GB",
    "time": "a date such as 2026-01-01",
}
"""What the kinds of columns that can be compared are compared with."""

CELL = 300
"""Characters of a cell that are sent to the browser."""


def _labels(frame: pd.DataFrame) -> list[str]:
    """The names of the columns as texts, no two alike: what a view asks for by name has to be one column."""
    found: list[str] = []
    for name in frame.columns:
        label = as_text(" / ".join(map(str, name)) if isinstance(name, tuple) else str(name))
        while label in found:
            label += "_"
        found.append(label)
    return found


def bytes_text(size: float) -> str:
    """As people write it, in powers of a thousand as Box does: ``11.8 GB``."""
    power = 0
    while abs(size) >= 999.5 and power < len(UNITS) - 1:  # what would round to 1000 is one of the next unit
        size, power = size / 1000, power + 1
    return f"{size:.0f} {UNITS[power]}" if power == 0 or abs(size) >= 99.95 else f"{size:.1f} {UNITS[power]}"


def files_text(size: float, files: float) -> str:
    """``1.3 GB, 1,155 files``."""
    return f"{bytes_text(size)}, {int(files):,} file{'s' if files != 1 else ''}"


def cut(text: object, most: int) -> str:
    """The beginning, where it is longer than so many characters."""
    shown = str(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def kind_of(name: str, values: pd.Series) -> str:
    """``bytes``, ``number``, ``time``, ``truth`` or ``text``: how a column is shown and filtered."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return "truth"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "bytes" if BYTES.match(name) else "number"
    return "time" if pd.api.types.is_datetime64_any_dtype(values.dtype) else "text"


def texts(values: pd.Series, kind: str, most: int | None = CELL) -> list[str]:
    """What a reader sees in the cells, of a text at most so many characters; nothing for what is missing."""
    missing = values.isna()
    found = values.astype("object")
    if kind == "bytes":
        shown = [
            bytes_text(float(value)) if not gone else "" for value, gone in zip(found, missing, strict=True)
        ]
    elif kind == "time":
        local = values.dt.tz_localize(None) if isinstance(values.dtype, pd.DatetimeTZDtype) else values
        shown = [
            (time or "").replace("T", " ") for time in plain(local, lambda times: time_texts(times, "m"))
        ]
    elif kind == "number":
        shown = [_number(value) if not gone else "" for value, gone in zip(found, missing, strict=True)]
    elif kind == "truth":
        shown = ["" if gone else "yes" if value else "no" for value, gone in zip(found, missing, strict=True)]
    else:
        shown = [
            "" if gone else as_text(str(value)[:most]) for value, gone in zip(found, missing, strict=True)
        ]
    return shown


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, np.integer)) else f"{value:,.4g}"


@dataclass
class Rows:
    """One frame as a view shows it.

    Parameters
    ----------
    frame : DataFrame
        Is not changed.
    name : str
        What the frame is called in the notebook, for :attr:`code`.
    """

    frame: pd.DataFrame
    name: str = "frame"
    search: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    sort: str = ""
    ascending: bool = True
    hidden: set[str] = field(default_factory=set)
    first: list[str] = field(default_factory=list)
    """Columns before all others, in this order."""
    chosen: set[int] = field(default_factory=set)
    mask: np.ndarray[Any, Any] | None = None
    """What another view lets through, one truth a row; None for all."""
    mask_code: str = ""
    """The pandas that does the same to ``rows``, beginning with ``rows = ...``."""

    def __post_init__(self) -> None:
        labels = _labels(self.frame)
        self._renamed = labels != list(self.frame.columns)
        if self._renamed:
            self.frame = self.frame.set_axis(labels, axis=1)
        self.kinds = {name: kind_of(name, self.frame[name]) for name in labels}
        self._lower: dict[str, pd.Series] = {}
        self._order: np.ndarray[Any, Any] | None = None

    def change(self, **news: Any) -> None:
        """Set fields; what is shown is worked out again when it is asked for."""
        for name, value in news.items():
            setattr(self, name, value)
        self.chosen = set()
        self._order = None

    def _folded(self, name: str) -> pd.Series:
        """What a reader sees of a column, in small letters; kept, since one types letter after letter."""
        if name not in self._lower:
            values, kind = self.frame[name], self.kinds[name]
            held = kind == "text" and not pd.api.types.is_object_dtype(values.dtype)
            shown = values.astype("str") if held else pd.Series(texts(values, kind, None), dtype="str")
            self._lower[name] = shown.str.lower()
        return self._lower[name]

    @property
    def order(self) -> np.ndarray[Any, Any]:
        """Positions in the frame of the rows shown, in the order shown."""
        if self._order is None:
            self._order = self._worked_out()
        return self._order

    def _worked_out(self) -> np.ndarray[Any, Any]:
        keep = np.ones(len(self.frame), dtype=bool)
        if self.mask is not None:
            keep &= self.mask
        for name, text in self.filters.items():
            if text.strip() and name in self.kinds:
                keep &= self._passes(name, text.strip())
        if self.search.strip():
            found = np.zeros(len(self.frame), dtype=bool)
            for name, kind in self.kinds.items():
                if kind == "text":
                    hits = self._folded(name).str.contains(self.search.strip().lower(), regex=False)
                    found |= hits.fillna(False).to_numpy(dtype=bool)
            keep &= found
        positions = np.flatnonzero(keep)
        if not self.sort:
            return positions
        part = self.frame[self.sort].iloc[positions]
        if self.kinds[self.sort] == "text":
            part = self._folded(self.sort).iloc[positions]
        ranked = part.reset_index(drop=True).sort_values(
            ascending=self.ascending, kind="stable", na_position="last"
        )
        ordered: np.ndarray[Any, Any] = positions[ranked.index.to_numpy()]
        return ordered

    @property
    def misread(self) -> str:
        """A sentence on the first filter that compares with what is no value of its column; empty where all are read."""
        for name, text in self.filters.items():
            compare = _COMPARE.match(text.strip())
            kind = self.kinds.get(name, "")
            if compare and kind in _EXAMPLES and _limit(compare[2], kind) is None:
                return f"The filter of {name} is not understood: after {compare[1]} write {_EXAMPLES[kind]}."
        return ""

    def _passes(self, name: str, text: str) -> np.ndarray[Any, Any]:
        """A filter: part of the text; for numbers, bytes and times also ``> 5``, ``<= 2026-01-01``, ``>1GB``."""
        values = self.frame[name]
        compare = _COMPARE.match(text)
        if compare and self.kinds[name] in _EXAMPLES:
            limit = _limit(compare[2], self.kinds[name])
            if limit is None:
                return np.zeros(len(self.frame), dtype=bool)
            if isinstance(limit, pd.Timestamp) and not isinstance(values.dtype, pd.DatetimeTZDtype):
                limit = limit.tz_convert("UTC").tz_localize(None)
            sign = {">": "gt", ">=": "ge", "<": "lt", "<=": "le", "=": "eq"}[compare[1]]
            return np.asarray(getattr(values, sign)(limit).fillna(False), dtype=bool)
        hits = self._folded(name).str.contains(text.lower(), regex=False)
        return hits.fillna(False).to_numpy(dtype=bool)

    def page(self, start: int, count: int) -> list[list[str]]:
        """Rows ``start`` to ``start + count`` of what is shown, as texts of the visible columns."""
        some = self.frame.iloc[self.order[start : start + count]]
        columns = [texts(some[name], self.kinds[name]) for name in self.visible]
        return [list(row) for row in zip(*columns, strict=True)]

    @property
    def visible(self) -> list[str]:
        """The columns shown: the first ones in the order asked for, then the others in the frame's."""
        ordered = [*self.first, *(name for name in self.kinds if name not in self.first)]
        return [name for name in ordered if name in self.kinds and name not in self.hidden]

    def choose(self, numbers: list[int]) -> None:
        """Mark rows by their place in the view."""
        self.chosen = {number for number in numbers if 0 <= number < len(self.order)}

    @property
    def shown(self) -> pd.DataFrame:
        """The rows that pass the filters, in the order shown, with all columns."""
        return self.frame.iloc[self.order]

    @property
    def selected(self) -> pd.DataFrame:
        """The rows that were chosen; where none was, those that are shown."""
        return self.shown.iloc[sorted(self.chosen)] if self.chosen else self.shown

    @property
    def code(self) -> str:
        """The pandas that gives the same rows."""
        lines = [self.mask_code or f"rows = {self.name}"]
        if self._renamed:
            lines.append(f"rows = rows.set_axis({list(self.kinds)!r}, axis=1)")
        if any(self._by_what_is_shown(name, text.strip()) for name, text in self.filters.items()):
            lines.insert(0, "from boxnb.widgets.table_state import texts")
        for name, text in self.filters.items():
            if text.strip() and name in self.kinds:
                lines.append(f"rows = rows[{self._as_code(name, text.strip())}]")
        if self.search.strip():
            words = [name for name, kind in self.kinds.items() if kind == "text"]
            lines.append(
                f"rows = rows[rows[{words!r}].apply(lambda texts: texts.astype('str').str.contains("
                f"{self.search.strip()!r}, case=False, regex=False, na=False)).any(axis=1)]"
            )
        if self.sort:
            key = (
                ", key=lambda texts: texts.astype('str').str.lower()"
                if self.kinds[self.sort] == "text"
                else ""
            )
            lines.append(
                f"rows = rows.sort_values({self.sort!r}, ascending={self.ascending}, kind='stable'{key})"
            )
        if self.chosen:
            lines.append(f"rows = rows.iloc[{sorted(self.chosen)!r}]")
        return "\n".join([*lines, "rows"])

    def _by_what_is_shown(self, name: str, text: str) -> bool:
        """Whether a filter looks for part of what is no text."""
        kind = self.kinds.get(name, "text")
        return bool(text) and kind != "text" and not (kind in _EXAMPLES and _COMPARE.match(text))

    def _as_code(self, name: str, text: str) -> str:
        compare = _COMPARE.match(text)
        if compare and self.kinds[name] in _EXAMPLES:
            limit = _limit(compare[2], self.kinds[name])
            sign = "==" if compare[1] == "=" else compare[1]
            value = f"'{limit}'" if self.kinds[name] == "time" else repr(limit)
            return f"rows[{name!r}] {sign} {value}" if limit is not None else "[False] * len(rows)"
        if self._by_what_is_shown(name, text):  # as it is shown: 1.3 GB, 1,155, yes
            shown = f"pd.Series(texts(rows[{name!r}], {self.kinds[name]!r}), index=rows.index, dtype='str')"
            return f"{shown}.str.contains({text!r}, case=False, regex=False, na=False)"
        return f"rows[{name!r}].astype('str').str.contains({text!r}, case=False, regex=False, na=False)"


def _limit(text: str, kind: str) -> Any:
    """A number, bytes with a unit, or a time; None for what is neither."""
    try:
        if kind == "time":
            time = pd.Timestamp(text.strip())
            return time.tz_localize("UTC") if time.tzinfo is None else time
        match = re.match(r"^([\d.,_]+)\s*([kmgt]?b?)$", text.strip().lower())
        if match is None:
            return None
        power = {"k": 3, "m": 6, "g": 9, "t": 12}.get(match[2][:1], 0)
        digits = match[1].replace("_", "")
        grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits)
        number = float(digits.replace(",", "" if grouped else "."))  # 1,000 is a thousand, 1,5 one and a half
        value = number * 10**power
        return int(value) if value == int(value) else value
    except ValueError:
        return None
