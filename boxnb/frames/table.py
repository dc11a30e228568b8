"""Build one tidy DataFrame from pages of JSON, with the same columns and dtypes for any number of rows.

Each page is decoded into typed records and then into Arrow columns, so that a long pull holds columns instead of JSON.
An entry that does not fit its schema, because a value has a different type or Box has added a field, takes the slow
path. The values that no column can hold are then put into ``extra``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .ancestors import ancestors
from .decode import reader
from .pages import Page, value_of
from .schema import CHILDREN, Column

BATCH = 1000
"""Rows to buffer as Python objects before converting them to Arrow. This is one page, which is then still in the CPU cache."""

_YEAR_1, _YEAR_10000 = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The start of the years 1 and 10000 in microseconds, UTC: the range of times that Python and pandas can show."""

_FULL = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)? ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)

_ARROW = {"integer": pa.int64(), "boolean": pa.bool_()}


class _Content(NamedTuple):
    """The content of a table, replaced as a whole, so that all columns still have the same length after an interrupt."""

    batches: list[list[pa.Array]]
    pages: list[list[list[Any]]]  # not converted to Arrow yet
    rows: int
    unread: int = 0
    odd: int = 0  # the number of odd rows in the batches
    odd_in_pages: frozenset[int] = frozenset()  # the odd rows of the pages, by position


class Table:
    """Collects pages, and returns them as a DataFrame.

    Parameters
    ----------
    columns : sequence of Column
        From :mod:`boxnb.frames.schema`.
    computed : sequence of Column
        Columns that boxnb adds after those in ``columns``, each with one value for all rows of a page.
    """

    def __init__(self, columns: Sequence[Column], computed: Sequence[Column] = ()) -> None:
        self._arguments = (columns, computed)
        self._reader = reader(tuple(columns))
        visible = [column for column in columns if column.kind != "skip"]
        self._columns = (*visible, *computed, Column("extra", "text"))
        self._content = _Content([], [], 0)

    @property
    def rows(self) -> int:
        """The number of rows so far."""
        return self._content.rows

    @property
    def odd(self) -> int:
        """The number of rows that have a value in ``extra`` because its column cannot hold it."""
        self._flush()
        return self._content.odd

    @property
    def unread(self) -> int:
        """The number of entries that are not objects; their rows have no values."""
        return self._content.unread

    def add(self, content: bytes, *computed: Any) -> Page:
        """Add one page as received, with the values of the computed columns.

        Raises
        ------
        BoxUnavailableError
            The content is not a page, or not valid JSON.
        """
        page, values, extra = self._reader.read(content)
        added = [[value] * page.rows for value in computed]
        before = self._content
        pages = [*before.pages, [*values, *added, extra]]
        buffered = sum(len(columns[-1]) for columns in before.pages)
        odd_in_pages = before.odd_in_pages | {buffered + row for row in page.odd}
        rows, unread = before.rows + page.rows, before.unread + page.unread
        self._content = before._replace(pages=pages, rows=rows, unread=unread, odd_in_pages=odd_in_pages)
        if sum(len(columns[-1]) for columns in pages) >= BATCH:
            self._flush()
        return page

    def emptied(self) -> Table:
        """Return an empty table with the same columns."""
        return Table(*self._arguments)

    def join(self, other: Table) -> None:
        """Move the rows of another table with the same columns into this one."""
        self._flush()
        other._flush()
        own, others = self._content, other._content
        other._content = _Content([], [], 0)
        self._content = _Content(
            own.batches + others.batches,
            [],
            own.rows + others.rows,
            own.unread + others.unread,
            own.odd + others.odd,
        )

    def drop_from(self, name: str, end: pd.Timestamp) -> None:
        """Drop the rows with a time at or after ``end``, and keep rows without a time."""
        self._keep(name, lambda times: pc.less(times, pa.scalar(end, times.type)))

    def drop_before(self, name: str, begin: pd.Timestamp) -> None:
        """Drop the rows with a time before ``begin``, and keep rows without a time."""
        self._keep(name, lambda times: pc.greater_equal(times, pa.scalar(begin, times.type)))

    def _keep(self, name: str, condition: Callable[[pa.Array], pa.Array]) -> None:
        self._flush()
        number = self._number(name)
        batches = []
        for batch in self._content.batches:
            kept = pc.fill_null(condition(batch[number]), fill_value=True)
            batches.append(batch if kept.true_count == len(kept) else [array.filter(kept) for array in batch])
        rows = sum(len(batch[number]) for batch in batches)
        self._content = self._content._replace(batches=batches, pages=[], rows=rows)

    def first(self, name: str) -> Any:
        """Return the first value of a column that is not missing, with its type in the DataFrame; ``None`` if all are missing."""
        return self._end(name, 0)

    def last(self, name: str) -> Any:
        """Return the last value of a column that is not missing, like :meth:`first`."""
        return self._end(name, -1)

    def _end(self, name: str, position: int) -> Any:
        number = self._number(name)
        kind = self._columns[number].kind
        parts = [batch[number] for batch in self._content.batches] + [
            page[number] for page in self._content.pages
        ]
        for values in parts if position == 0 else reversed(parts):
            # Not converted yet: convert only one value, the first or last that the column can hold.
            if isinstance(values, list):
                ordered = values if position == 0 else reversed(values)
                values = _array(
                    [next((value for value in ordered if value is not None and _fits(value, kind)), None)],
                    kind,
                )[0]
            if len(present := values.drop_null()):
                value = present[position].as_py()
                return pd.Timestamp(value) if kind == "time" else value
        return None

    def _number(self, name: str) -> int:
        return [column.name for column in self._columns].index(name)

    def _flush(self) -> None:
        before = self._content
        if before.batches and not before.pages:
            return  # nothing is buffered, and a first batch has set the types
        pages = before.pages or [[[] for _ in self._columns]]
        values = [list(chain.from_iterable(parts)) for parts in zip(*pages, strict=True)]
        extra, batch, odd_rows = values[-1], [], set(before.odd_in_pages)
        for column, column_values in zip(self._columns, values, strict=True):
            array, odd = _array(column_values, column.kind)
            batch.append(array)
            odd_rows.update(odd)
            for row, value in odd.items():
                extra[row] = json.dumps({**json.loads(extra[row] or "{}"), column.name: value})
        self._content = _Content(
            [*before.batches, batch], [], before.rows, before.unread, before.odd + len(odd_rows)
        )

    def frame(self) -> pd.DataFrame:
        """
        Return all pages so far as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            Index 0..n-1, in Box's order. The last column, ``extra``, is JSON text with the fields that are not in the
            schema or have a different type there; it is missing if there are none. It also holds the values that no column
            can hold: text with a lone surrogate, a leap second, or a time outside the years 1 to 9999.
        """
        return from_arrow(self.arrow(), self._columns)

    def arrow(self) -> pa.Table:
        """Return all pages so far as an Arrow table, with the columns and the order of :meth:`frame`."""
        self._flush()
        arrays = [pa.chunked_array(arrays) for arrays in zip(*self._content.batches, strict=True)]
        return pa.Table.from_arrays(arrays, [column.name for column in self._columns])


def from_arrow(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame with the dtypes of a pull; ``columns`` gives the kind of each column."""
    kind_of = {column.name: column.kind for column in columns}
    return pd.DataFrame({name: _series(table.column(name), kind_of[name]) for name in table.column_names})


def to_arrow(frame: pd.DataFrame, columns: Sequence[Column]) -> pa.Table:
    """Return these columns of a DataFrame as an Arrow table, the reverse of :func:`from_arrow`."""
    return pa.Table.from_arrays(
        [
            pa.array(
                frame[column.name].astype("object").where(frame[column.name].notna(), None),
                arrow_type(column.kind),
            )
            if column.kind == "category"
            else pa.array(frame[column.name], arrow_type(column.kind), from_pandas=True)
            for column in columns
        ],
        [column.name for column in columns],
    )


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a kind of column."""
    return pa.timestamp("us", "UTC") if kind == "time" else _ARROW.get(kind, pa.large_string())


def frame(entries: Iterable[dict[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return a DataFrame of entries that are already decoded, like :meth:`Table.frame`."""
    table = Table(columns)
    table.add(json.dumps({"entries": list(entries)}).encode())
    return table.frame()


def children(parents: pd.DataFrame, column: str, *, key: str = "id") -> pd.DataFrame:
    """
    Return a list column as a separate DataFrame, one row per element, without making a call.

    ``children(box.users(), "tracking_codes")`` returns the tracking codes, ``children(box.tree(), "tags")`` the tags, and
    ``children(box.tree(), "path")`` the ancestor folders of each item, top first. ``accessible_by`` of a collaboration is
    always a single user or group, so it already has its own columns.

    Parameters
    ----------
    parents : DataFrame
        From a dataset that has the column.
    column : {"tracking_codes", "tags", "path"}
    key : str
        The column of ``parents`` that identifies a row, and that joins the result to ``parents``.

    Returns
    -------
    pandas.DataFrame
        The columns are ``key`` (text), ``position`` (``Int64``, 0 for the first element), those in
        :data:`boxnb.frames.schema.CHILDREN` (all text), and ``extra``, even if there are no rows. Rows are in the order
        of ``parents``; a parent with an empty or missing list has no rows.

    Raises
    ------
    ValueError
        The column is not a known list column, or this DataFrame lacks it.
    """
    if column not in CHILDREN or column not in parents:
        available = [name for name in CHILDREN if name in parents]
        raise ValueError(f"{column!r} is not a list column of this DataFrame. It has {available or 'none'}.")
    lists = _ancestors(parents) if column == "path" else [_elements(text) for text in parents[column]]
    keys = [item for item, elements in zip(parents[key], lists, strict=True) for _ in elements]
    positions = [position for elements in lists for position in range(len(elements))]
    entries = [
        element if isinstance(element, dict) else {"value": element}
        for elements in lists
        for element in elements
    ]
    table = frame(entries, CHILDREN[column])
    table.insert(0, key, pd.Series(keys, dtype=parents[key].dtype))
    table.insert(1, "position", pd.Series(positions, dtype="Int64"))
    table.attrs.update({**parents.attrs, "dataset": f"{parents.attrs.get('dataset', 'frame')}.{column}"})
    return table


def _elements(text: Any) -> list[Any]:
    """Return the list in a cell of JSON text; a value that is not a list becomes a list of one element."""
    if not isinstance(text, str):
        return []
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def _ancestors(tree: pd.DataFrame) -> list[list[dict[str, str]]]:
    """Return the ancestor folders of each item of a walk, top first, as far as the walk contains them."""
    folders = tree[tree["type"] == "folder"]
    names = dict(zip(folders["id"], folders["name"], strict=True))
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    paths: dict[Any, list[dict[str, str]]] = {}
    ancestors_by_row = []
    for parent in tree["parent_id"]:
        if parent not in paths:
            chain = reversed(ancestors(parent, parents))
            paths[parent] = [{"folder_id": folder, "folder_name": names[folder]} for folder in chain]
        ancestors_by_row.append(paths[parent])
    return ancestors_by_row


def _array(values: list[Any], kind: str) -> tuple[pa.Array, dict[int, Any]]:
    """Return an Arrow column, and a mapping from row numbers to the values that it cannot hold."""
    try:
        array = pa.array(values, _ARROW.get(kind, pa.large_string()))
        return (_times(array) if kind == "time" else array), {}
    except (pa.ArrowInvalid, OverflowError):
        odd = {row: value for row, value in enumerate(values) if not _fits(value, kind)}
        fitting = [None if row in odd else value for row, value in enumerate(values)]
        if kind != "time":
            return pa.array(fitting, _ARROW.get(kind, pa.large_string())), odd
        times = [None if value is None else parsed_time(value) for value in fitting]
        return pa.array(times, pa.timestamp("us", "UTC")), odd


def _times(array: pa.Array) -> pa.Array:
    """Parse times with Arrow. Raise an error for times that Python and pandas cannot show; these take the slow path."""
    times = array.cast(pa.timestamp("us", "UTC"))
    ends = pc.min_max(times.cast(pa.int64()))
    if ends["min"].is_valid and not (ends["min"].as_py() >= _YEAR_1 and ends["max"].as_py() < _YEAR_10000):
        raise pa.ArrowInvalid("a time outside the years 1 to 9999")
    return times


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    return parsed_time(value) is not None if kind == "time" else value_of(value, kind)[1]


def parsed_time(text: str) -> pd.Timestamp | None:
    """Parse a time and convert it to UTC.

    Return ``None`` if it is not a complete date (pandas would guess, and read ``2026-01-01-08:00`` as eight o'clock), is outside
    the years 1 to 9999 in UTC, or is more precise than microseconds.
    """
    if not _FULL.fullmatch(text):
        return None
    try:
        time = pd.Timestamp(text)
    except ValueError:
        return None
    if pd.isna(time) or time.nanosecond:
        return None
    time = (time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")).as_unit("us")
    microseconds = int(time.asm8.astype("int64"))  # not .value, which is in nanoseconds
    return time if _YEAR_1 <= microseconds < _YEAR_10000 else None


def _series(values: pa.ChunkedArray, kind: str) -> pd.Series:
    # __from_arrow__ lets pandas use Arrow memory without a copy. The type stubs of pandas lack it.
    dtypes: Any = {
        "integer": pd.Int64Dtype(),
        "boolean": pd.BooleanDtype(),
        "text": pd.StringDtype(na_value=float("nan")),
    }
    if kind == "time":
        return pd.Series(values.to_pandas())
    series: pd.Series = pd.Series(dtypes.get(kind, dtypes["text"]).__from_arrow__(values))
    return series.astype("category") if kind == "category" else series
