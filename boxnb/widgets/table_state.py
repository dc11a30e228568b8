"""The state of a table's rows in the kernel; `table_state.js` is the state of one view in the browser.

It says how one DataFrame is sorted, filtered and searched, and which rows are chosen. This module can be tested without a widget.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from boxnb.frames.cells import plain, time_texts
from boxnb.local.encoding import as_text
from boxnb.widgets.text import bytes_text, unreadable_filter

BYTES = re.compile(r"^(size|bytes|hidden_bytes|wasted|largest|space_\w+|max_upload_size)$")
"""Names of columns that contain sizes in bytes. Their numbers are shown with units."""

_COMPARE = re.compile(r"^(>=|<=|>|<|=)\s*(.+)$")
_COMPARABLE = ("number", "bytes", "time")
"""The kinds of columns for which a filter can be a comparison, such as ``> 5``."""

CELL = 300
"""The maximum number of characters that are sent to the browser for each cell."""


def _labels(frame: pd.DataFrame) -> list[str]:
    """Return the column names as distinct strings, so that a view can ask for a column by name."""
    labels: list[str] = []
    for name in frame.columns:
        label = as_text(" / ".join(map(str, name)) if isinstance(name, tuple) else str(name))
        while label in labels:
            label += "_"
        labels.append(label)
    return labels


def kind_of(name: str, values: pd.Series) -> str:
    """Return how a column is shown and filtered: as ``bytes``, ``number``, ``time``, ``truth`` or ``text``."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return "truth"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "bytes" if BYTES.match(name) else "number"
    return "time" if pd.api.types.is_datetime64_any_dtype(values.dtype) else "text"


def texts(values: pd.Series, kind: str, max_length: int | None = CELL) -> list[str]:
    """Return the cells as a reader sees them, cut to ``max_length`` characters. A missing value becomes an empty string."""
    if kind == "time":
        local = values.dt.tz_localize(None) if isinstance(values.dtype, pd.DatetimeTZDtype) else values
        minutes = plain(local, lambda times: time_texts(times, "m"))
        return [(time or "").replace("T", " ") for time in minutes]
    formats: dict[str, Callable[[Any], str]] = {
        "bytes": lambda value: bytes_text(float(value)),
        "number": _number,
        "truth": lambda value: "yes" if value else "no",
    }
    as_read = formats.get(kind, lambda value: as_text(str(value)[:max_length]))
    cells = zip(values.astype("object"), values.isna(), strict=True)
    return ["" if missing else as_read(value) for value, missing in cells]


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, np.integer)) else f"{value:,.4g}"


@dataclass
class Rows:
    """The rows of one DataFrame as a view shows them.

    Parameters
    ----------
    frame : DataFrame
        It is not changed.
    name : str
        The DataFrame's name in the notebook, for :attr:`code`.
    """

    frame: pd.DataFrame
    name: str = "frame"
    search: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    sort: str = ""
    ascending: bool = True
    hidden: set[str] = field(default_factory=set)
    first: list[str] = field(default_factory=list)
    """Columns to show before all others, in this order."""
    chosen: set[int] = field(default_factory=set)
    mask: np.ndarray[Any, Any] | None = None
    """One boolean per row: whether another view lets the row through. None lets all rows through."""
    mask_code: str = ""
    """The pandas code that applies :attr:`mask`. It starts with ``rows = ...``."""

    def __post_init__(self) -> None:
        labels = _labels(self.frame)
        self._renamed = labels != list(self.frame.columns)
        if self._renamed:
            self.frame = self.frame.set_axis(labels, axis=1)
        self.kinds = {name: kind_of(name, self.frame[name]) for name in labels}
        self._lower: dict[str, pd.Series] = {}
        self._order: np.ndarray[Any, Any] | None = None

    def change(self, **changes: Any) -> None:
        """Set attributes and clear the chosen rows. :attr:`order` is computed again when it is next needed."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.chosen = set()
        self._order = None

    def _folded(self, name: str) -> pd.Series:
        """Return a column as a reader sees it, in lower case. It is cached, because each typed letter starts a search."""
        if name not in self._lower:
            values, kind = self.frame[name], self.kinds[name]
            is_text = kind == "text" and not pd.api.types.is_object_dtype(values.dtype)
            cells = values.astype("str") if is_text else pd.Series(texts(values, kind, None), dtype="str")
            self._lower[name] = cells.str.lower()
        return self._lower[name]

    @property
    def order(self) -> np.ndarray[Any, Any]:
        """The positions of the shown rows in the DataFrame, in the order in which they are shown."""
        if self._order is None:
            self._order = self._compute_order()
        return self._order

    def _compute_order(self) -> np.ndarray[Any, Any]:
        passing = np.ones(len(self.frame), dtype=bool)
        if self.mask is not None:
            passing &= self.mask
        for name, text in self.filters.items():
            if text.strip() and name in self.kinds:
                passing &= self._passes(name, text.strip())
        if self.search.strip():
            matching = np.zeros(len(self.frame), dtype=bool)
            for name, kind in self.kinds.items():
                if kind == "text":
                    hits = self._folded(name).str.contains(self.search.strip().lower(), regex=False)
                    matching |= hits.fillna(False).to_numpy(dtype=bool)
            passing &= matching
        positions = np.flatnonzero(passing)
        if not self.sort:
            return positions
        by_text = self.kinds[self.sort] == "text"
        values = self._folded(self.sort) if by_text else self.frame[self.sort]
        ranked = (
            values.iloc[positions]
            .reset_index(drop=True)
            .sort_values(ascending=self.ascending, kind="stable", na_position="last")
        )
        ordered: np.ndarray[Any, Any] = positions[ranked.index.to_numpy()]
        return ordered

    @property
    def misread(self) -> str:
        """A message about the first filter whose value cannot be compared with its column, or an empty string."""
        for name, text in self.filters.items():
            comparison = _COMPARE.match(text.strip())
            kind = self.kinds.get(name, "")
            if comparison and kind in _COMPARABLE and _limit(comparison[2], kind) is None:
                return unreadable_filter(name, comparison[1], kind)
        return ""

    def _passes(self, name: str, text: str) -> np.ndarray[Any, Any]:
        """Return which rows a filter lets through.

        A filter is text that a row's displayed cell must contain. For numbers, bytes and times, it can also be a
        comparison: ``> 5``, ``>1GB``, ``<= 2026-01-01``.
        """
        values = self.frame[name]
        comparison = _COMPARE.match(text)
        if comparison and self.kinds[name] in _COMPARABLE:
            limit = _limit(comparison[2], self.kinds[name])
            if limit is None:
                return np.zeros(len(self.frame), dtype=bool)
            if isinstance(limit, pd.Timestamp) and not isinstance(values.dtype, pd.DatetimeTZDtype):
                limit = limit.tz_convert("UTC").tz_localize(None)
            method = {">": "gt", ">=": "ge", "<": "lt", "<=": "le", "=": "eq"}[comparison[1]]
            return np.asarray(getattr(values, method)(limit).fillna(False), dtype=bool)
        hits = self._folded(name).str.contains(text.lower(), regex=False)
        return hits.fillna(False).to_numpy(dtype=bool)

    def page(self, start: int, count: int) -> list[list[str]]:
        """Return the visible cells of the shown rows ``start`` to ``start + count``, as strings."""
        rows = self.frame.iloc[self.order[start : start + count]]
        columns = [texts(rows[name], self.kinds[name]) for name in self.visible]
        return [list(row) for row in zip(*columns, strict=True)]

    @property
    def visible(self) -> list[str]:
        """The columns that are shown: those in :attr:`first`, then the others in the order of the DataFrame."""
        ordered = [*self.first, *(name for name in self.kinds if name not in self.first)]
        return [name for name in ordered if name in self.kinds and name not in self.hidden]

    def choose(self, numbers: list[int]) -> None:
        """Choose rows by their position in the view."""
        self.chosen = {number for number in numbers if 0 <= number < len(self.order)}

    @property
    def shown(self) -> pd.DataFrame:
        """The rows that pass the filters, with all columns, in the order in which they are shown."""
        return self.frame.iloc[self.order]

    @property
    def selected(self) -> pd.DataFrame:
        """The chosen rows. If none is chosen, all rows that are shown."""
        return self.shown.iloc[sorted(self.chosen)] if self.chosen else self.shown

    @property
    def code(self) -> str:
        """The pandas code that returns the same rows as :attr:`selected`."""
        lines = [self.mask_code or f"rows = {self.name}"]
        if self._renamed:
            lines.append(f"rows = rows.set_axis({list(self.kinds)!r}, axis=1)")
        if any(self._searches_shown_text(name, text.strip()) for name, text in self.filters.items()):
            lines.insert(0, "from boxnb.widgets.table_state import texts")
        for name, text in self.filters.items():
            if text.strip() and name in self.kinds:
                lines.append(f"rows = rows[{self._as_code(name, text.strip())}]")
        if self.search.strip():
            columns = [name for name, kind in self.kinds.items() if kind == "text"]
            lines.append(
                f"rows = rows[rows[{columns!r}].apply(lambda texts: texts.astype('str').str.contains("
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

    def _searches_shown_text(self, name: str, text: str) -> bool:
        """Return whether a filter searches the displayed text of a column that does not hold text."""
        kind = self.kinds.get(name, "text")
        return bool(text) and kind != "text" and not (kind in _COMPARABLE and _COMPARE.match(text))

    def _as_code(self, name: str, text: str) -> str:
        comparison = _COMPARE.match(text)
        if comparison and self.kinds[name] in _COMPARABLE:
            limit = _limit(comparison[2], self.kinds[name])
            sign = "==" if comparison[1] == "=" else comparison[1]
            value = f"'{limit}'" if self.kinds[name] == "time" else repr(limit)
            return f"rows[{name!r}] {sign} {value}" if limit is not None else "[False] * len(rows)"
        if self._searches_shown_text(name, text):  # such as 1.3 GB, 1,155 or yes
            shown = f"pd.Series(texts(rows[{name!r}], {self.kinds[name]!r}), index=rows.index, dtype='str')"
            return f"{shown}.str.contains({text!r}, case=False, regex=False, na=False)"
        return f"rows[{name!r}].astype('str').str.contains({text!r}, case=False, regex=False, na=False)"


def _limit(text: str, kind: str) -> Any:
    """Return the value of text that is a number, a size with a unit, or a time. None for other text."""
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
        # 1,000 is a thousand, but 1,5 is one and a half.
        number = float(digits.replace(",", "" if grouped else "."))
        value = number * 10**power
        return int(value) if value == int(value) else value
    except ValueError:
        return None
