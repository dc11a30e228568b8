"""Pages of JSON in, one tidy DataFrame out: same columns and dtypes for no rows, one row, a million rows.

Each page is decoded straight into typed records, and these into Arrow columns, so that a long pull holds columns
and no JSON. An entry that does not fit its schema (another type, a field Box added since) takes a slower way on
which no value is lost: what its column cannot hold stands in ``extra``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .decode import reader
from .pages import Page, value_of
from .schema import CHILDREN, Column

BATCH = 1000
"""Rows whose values are held as Python objects before they become Arrow columns: a page, still in the processor's cache."""

_FIRST, _END = -62_135_596_800_000_000, 253_402_300_800_000_000
"""Microseconds of the years 1 and 10000, UTC: what Python and pandas can show lies between."""

_FULL = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)? ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)

_ARROW = {"integer": pa.int64(), "truth": pa.bool_()}


class _Held(NamedTuple):
    """What a table has; replaced as a whole, so that Interrupt between two lines leaves all columns as long."""

    batches: list[list[pa.Array]]
    pages: list[list[list[Any]]]  # not Arrow columns yet
    rows: int
    unread: int = 0
    odd: int = 0  # rows of the batches
    marks: frozenset[int] = frozenset()  # odd rows of the pages


class Table:
    """Collects pages; :meth:`frame` gives the DataFrame.

    Parameters
    ----------
    columns : sequence of Column
        From :mod:`boxnb.frames.schema`.
    computed : sequence of Column
        Columns of our own that come after them, the same value for all rows of a page.
    """

    def __init__(self, columns: Sequence[Column], computed: Sequence[Column] = ()) -> None:
        self._made_of = (columns, computed)
        self._reader = reader(tuple(columns))
        shown = [column for column in columns if column.kind != "skip"]
        self._columns = (*shown, *computed, Column("extra", "text"))
        self._held = _Held([], [], 0)

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self._held.rows

    @property
    def odd(self) -> int:
        """Rows with a value that its column cannot hold: it stands in ``extra``."""
        self._flush()
        return self._held.odd

    @property
    def unread(self) -> int:
        """Entries that are not objects: rows without a value."""
        return self._held.unread

    def add(self, content: bytes, *computed: Any) -> Page:
        """Take one page as it came, with the values of the computed columns.

        Raises
        ------
        BoxUnavailableError
            It is no page: broken JSON, or something else than a page.
        """
        page, values, extra = self._reader.read(content)
        own = [[value] * page.rows for value in computed]
        held = self._held
        pages = [*held.pages, [*values, *own, extra]]
        waiting = sum(len(columns[-1]) for columns in held.pages)
        marks = held.marks | {waiting + row for row in page.odd}
        rows, unread = held.rows + page.rows, held.unread + page.unread
        self._held = held._replace(pages=pages, rows=rows, unread=unread, marks=marks)
        if sum(len(columns[-1]) for columns in pages) >= BATCH:
            self._flush()
        return page

    def emptied(self) -> Table:
        """A new table of the same columns."""
        return Table(*self._made_of)

    def join(self, other: Table) -> None:
        """Take over the rows of a table of the same columns, which is empty afterwards."""
        self._flush()
        other._flush()
        mine, more = self._held, other._held
        other._held = _Held([], [], 0)
        self._held = _Held(
            mine.batches + more.batches,
            [],
            mine.rows + more.rows,
            mine.unread + more.unread,
            mine.odd + more.odd,
        )

    def drop_from(self, name: str, end: pd.Timestamp) -> None:
        """Drop the rows whose time is not before ``end``; what has no time stays."""
        self._flush()
        number = self._number(name)
        batches = []
        for batch in self._held.batches:
            times = batch[number]
            keep = pc.fill_null(pc.less(times, pa.scalar(end, times.type)), fill_value=True)
            batches.append(batch if keep.true_count == len(keep) else [array.filter(keep) for array in batch])
        rows = sum(len(batch[number]) for batch in batches)
        self._held = self._held._replace(batches=batches, pages=[], rows=rows)

    def first(self, name: str) -> Any:
        """The first value of one column that is not missing, as the frame will have it; ``None`` where there is none."""
        return self._end(name, 0)

    def last(self, name: str) -> Any:
        """The last value of one column, as :meth:`first`."""
        return self._end(name, -1)

    def _end(self, name: str, place: int) -> Any:
        number = self._number(name)
        kind = self._columns[number].kind
        held = [batch[number] for batch in self._held.batches] + [page[number] for page in self._held.pages]
        for values in held if place == 0 else reversed(held):
            if isinstance(values, list):  # a page: one value that its column can hold is enough
                ordered = values if place == 0 else reversed(values)
                values = _array(
                    [next((each for each in ordered if each is not None and _fits(each, kind)), None)], kind
                )[0]
            if len(there := values.drop_null()):
                value = there[place].as_py()
                return pd.Timestamp(value) if kind == "time" else value
        return None

    def _number(self, name: str) -> int:
        return [column.name for column in self._columns].index(name)

    def _flush(self) -> None:
        held = self._held
        if held.batches and not held.pages:
            return  # nothing new, and the types of the columns are known
        pages = held.pages or [[[] for _ in self._columns]]
        values = [list(chain.from_iterable(own)) for own in zip(*pages, strict=True)]
        extra, batch, marks = values[-1], [], set(held.marks)
        for column, own in zip(self._columns, values, strict=True):
            array, odd = _array(own, column.kind)
            batch.append(array)
            marks.update(odd)
            for row, value in odd.items():
                extra[row] = json.dumps({**json.loads(extra[row] or "{}"), column.name: value})
        self._held = _Held([*held.batches, batch], [], held.rows, held.unread, held.odd + len(marks))

    def frame(self) -> pd.DataFrame:
        """
        The DataFrame of all pages so far.

        Returns
        -------
        pandas.DataFrame
            Shape (rows, len(columns) + 1), index 0..n-1, in Box's order. The last column, ``extra``, is JSON text of
            what the schema does not know, or knows with another type; missing where there is nothing. There, too, is what no
            column can hold: a text with half a surrogate pair, a leap second, a time before the year 1 or after 9999 in UTC.
        """
        self._flush()
        made = {
            column.name: _series(pa.chunked_array(arrays), column.kind)
            for column, arrays in zip(self._columns, zip(*self._held.batches, strict=True), strict=True)
        }
        return pd.DataFrame(made)


def frame(entries: Iterable[dict[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """A DataFrame of entries that were decoded already, as :meth:`Table.frame` makes it."""
    table = Table(columns)
    table.add(json.dumps({"entries": list(entries)}).encode())
    return table.frame()


def children(parents: pd.DataFrame, column: str, *, key: str = "id") -> pd.DataFrame:
    """
    A column that holds lists as a table of its own, one row an element, joined by id. No call is made.

    ``children(box.users(), "tracking_codes")`` has the codes, ``children(box.tree(), "tags")`` the tags, and
    ``children(box.tree(), "path")`` the folders above each item, from the top. ``accessible_by`` of a collaboration is
    one person or group and stands in columns already.

    Parameters
    ----------
    parents : DataFrame
        Of a dataset that has the column.
    column : {"tracking_codes", "tags", "path"}
    key : str
        Column of ``parents`` that identifies a row.

    Returns
    -------
    pandas.DataFrame
        ``key`` (text), ``position`` (``Int64``, 0 for the first element), the columns of
        :data:`boxnb.frames.schema.CHILDREN`, all text, and ``extra``; the same when empty. Rows in the order of ``parents``; who
        has an empty list, or none, has no row.

    Raises
    ------
    ValueError
        There is no such list, or this frame lacks it.
    """
    if column not in CHILDREN or column not in parents:
        known = [name for name in CHILDREN if name in parents]
        raise ValueError(f"{column!r} is no column of lists in this frame, which has {known or 'none'}.")
    lists = _above(parents) if column == "path" else [_elements(text) for text in parents[column]]
    keys = [which for which, held in zip(parents[key], lists, strict=True) for _ in held]
    places = [place for held in lists for place in range(len(held))]
    entries = [each if isinstance(each, dict) else {"value": each} for held in lists for each in held]
    table = frame(entries, CHILDREN[column])
    table.insert(0, key, pd.Series(keys, dtype=parents[key].dtype))
    table.insert(1, "position", pd.Series(places, dtype="Int64"))
    table.attrs.update({**parents.attrs, "dataset": f"{parents.attrs.get('dataset', 'frame')}.{column}"})
    return table


def _elements(text: Any) -> list[Any]:
    """The list that a cell holds as JSON text; what is no list is the only element of one."""
    if not isinstance(text, str):
        return []
    found = json.loads(text)
    return found if isinstance(found, list) else [found]


def _above(tree: pd.DataFrame) -> list[list[dict[str, str]]]:
    """The folders above each item of a walk, as far as the walk knows them."""
    folders = tree[tree["type"] == "folder"]
    named = dict(zip(folders["id"], zip(folders["name"], folders["parent_id"], strict=True), strict=True))
    ways: dict[Any, list[dict[str, str]]] = {}
    found = []
    for parent in tree["parent_id"]:
        if parent not in ways:
            way: list[dict[str, str]] = []
            here = parent
            while here in named and len(way) < len(named):
                way.insert(0, {"folder_id": here, "folder_name": named[here][0]})
                here = named[here][1]
            ways[parent] = way
        found.append(ways[parent])
    return found


def _array(values: list[Any], kind: str) -> tuple[pa.Array, dict[int, Any]]:
    """An Arrow column, and the values it cannot hold by row."""
    try:
        array = pa.array(values, _ARROW.get(kind, pa.large_string()))
        return (_times(array) if kind == "time" else array), {}
    except (pa.ArrowInvalid, OverflowError):
        odd = {row: value for row, value in enumerate(values) if not _fits(value, kind)}
        kept = [None if row in odd else value for row, value in enumerate(values)]
        if kind != "time":
            return pa.array(kept, _ARROW.get(kind, pa.large_string())), odd
        times = [None if value is None else _time(value) for value in kept]
        return pa.array(times, pa.timestamp("us", "UTC")), odd


def _times(array: pa.Array) -> pa.Array:
    """Arrow's own reading; it takes times that no Python and no pandas can show, and those go the slow way."""
    times = array.cast(pa.timestamp("us", "UTC"))
    ends = pc.min_max(times.cast(pa.int64()))
    if ends["min"].is_valid and not (ends["min"].as_py() >= _FIRST and ends["max"].as_py() < _END):
        raise pa.ArrowInvalid("a time outside the years 1 to 9999")
    return times


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    return _time(value) is not None if kind == "time" else value_of(value, kind)[1]


def _time(text: str) -> pd.Timestamp | None:
    """A time with its offset, in UTC.

    ``None`` for what is not a full date (pandas guesses the rest: ``2026-01-01-08:00`` would be eight o'clock), is outside the years 1
    to 9999 in UTC, or holds more than microseconds.
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
    return time if _FIRST <= int(time.asm8.astype("int64")) < _END else None  # .value is in nanoseconds


def _series(values: pa.ChunkedArray, kind: str) -> pd.Series:
    # from_arrow is how pandas takes Arrow memory over without a copy; its stubs do not know it.
    taken: Any = {
        "integer": pd.Int64Dtype(),
        "truth": pd.BooleanDtype(),
        "text": pd.StringDtype(na_value=float("nan")),
    }
    if kind == "time":
        return pd.Series(values.to_pandas())
    series: pd.Series = pd.Series(taken.get(kind, taken["text"]).__from_arrow__(values))
    return series.astype("category") if kind == "category" else series
