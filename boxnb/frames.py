"""Pages of JSON in, one tidy DataFrame out: same columns and dtypes for no rows, one row, a million rows.

Each page is decoded straight into typed records, and these into Arrow columns, so that a long pull holds columns
and no JSON. An entry that does not fit its schema (another type, a field Box added since) takes a slower way on
which no value is lost: what its column cannot hold stands in ``extra``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import pyarrow as pa

from .errors import BoxUnavailableError
from .schema import Column

BATCH = 8192
"""Rows whose values are held as Python objects before they become Arrow columns."""

_ARROW = {"integer": pa.int64(), "truth": pa.bool_()}
_PYTHON: dict[str, Any] = {"integer": int | None, "truth": bool | None, "json": msgspec.Raw}
_IGNORED = ("type", "sequence_id", "etag")
"""Fields of nested mini objects that carry nothing a reader asks for."""

_Tree = dict[str, Any]
_SKIP = object()


class Page(msgspec.Struct):
    """What a page says besides its entries."""

    limit: int | None = None
    offset: int | None = None
    total_count: int | None = None
    next_marker: msgspec.Raw = msgspec.Raw()
    next_stream_position: msgspec.Raw = msgspec.Raw()
    rows: int = 0

    @property
    def marker(self) -> str | None:
        """The next marker as text, whatever type Box gave it; ``None`` where it is null, empty or absent."""
        return _text_of(self.next_marker)

    @property
    def stream_position(self) -> str | None:
        """The next stream position as text: it can exceed 2^53."""
        return _text_of(self.next_stream_position)


def _text_of(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode().strip('"') if raw else ""
    return None if text in ("", "null") else text


class Table:
    """Collects pages; :meth:`frame` gives the DataFrame.

    Parameters
    ----------
    columns : sequence of Column
        From :mod:`boxnb.schema`.
    computed : sequence of Column
        Columns of our own that come after them, the same value for all rows of a page.
    """

    def __init__(self, columns: Sequence[Column], computed: Sequence[Column] = ()) -> None:
        self._reader = _reader(tuple(columns))
        self._schema = tuple(columns)
        shown = [column for column in columns if column.kind != "skip"]
        self._columns = (*shown, *computed, Column("extra", "text"))
        self._values: list[list[Any]] = [[] for _ in self._columns]
        self._chunks: list[list[pa.Array]] = [[] for _ in self._columns]
        self.rows = 0

    def add(self, content: bytes, *computed: Any) -> Page:
        """Take one page as it came, with the values of the computed columns.

        Raises
        ------
        BoxUnavailableError
            It is no page: broken JSON, or something else than a page.
        """
        try:
            page = self._reader.page.decode(content)
            entries = page.entries or []
            values, extra = self._reader.flat(entries), [None] * len(entries)
        except (msgspec.DecodeError, UnicodeDecodeError):
            page, values, extra = self._add_oddly(content)
        page.rows = len(extra)
        own = [[value] * page.rows for value in computed]
        for held, more in zip(self._values, (*values, *own, extra), strict=True):
            held.extend(more)
        page.entries = None
        self.rows += page.rows
        if len(self._values[-1]) >= BATCH:
            self._flush()
        return page  # type: ignore[no-any-return]

    def _add_oddly(self, content: bytes) -> tuple[Any, list[list[Any]], list[Any]]:
        """A page with at least one odd entry: each on its own, the odd ones value by value."""
        rows: list[list[Any]] = []
        extra: list[str | None] = []
        page, entries = _loose(content)
        for entry in entries:
            try:
                rows.append([values[0] for values in self._reader.flat([self._reader.entry.decode(entry)])])
                extra.append(None)
            except (msgspec.DecodeError, UnicodeDecodeError):
                row, left = _odd(entry, self._schema)
                rows.append(row)
                extra.append(json.dumps(left) if left else None)
        columns = (
            [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in self._columns]
        )
        return page, columns, extra

    def _flush(self) -> None:
        extra = self._values[-1]
        for number, column in enumerate(self._columns):
            array, odd = _array(self._values[number], column.kind)
            self._chunks[number].append(array)
            for row, value in odd.items():
                extra[row] = json.dumps({**json.loads(extra[row] or "{}"), column.name: value})
        self._values = [[] for _ in self._values]

    def frame(self) -> pd.DataFrame:
        """
        The DataFrame of all pages so far.

        Returns
        -------
        pandas.DataFrame
            Shape (rows, len(columns) + 1), index 0..n-1, in Box's order. The last column, ``extra``, is JSON text of
            what the schema does not know, or knows with another type; missing where there is nothing.
        """
        self._flush()
        made = {
            column.name: _series(pa.chunked_array(chunks), column.kind)
            for column, chunks in zip(self._columns, self._chunks, strict=True)
        }
        return pd.DataFrame(made)


def _loose(content: bytes) -> tuple[Any, list[bytes]]:
    """A page whose entries are left as they came; what msgspec is too strict for, Python's own reader takes."""
    try:
        page = _RAW_PAGE.decode(content)
        return page, [bytes(entry) for entry in page.entries or []]
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        found = json.loads(content)
        entries = found["entries"] or []
        if not isinstance(entries, list):
            raise TypeError("entries")
    except (ValueError, TypeError, KeyError):
        raise BoxUnavailableError(
            "The answer is no page of entries: it was cut off, or a proxy answered in Box's place; try again.",
            status=200,
        ) from None
    page = _RAW_PAGE.decode(b"{}")
    for name in ("limit", "offset", "total_count"):
        if type(found.get(name)) is int:
            setattr(page, name, found[name])
    for name in ("next_marker", "next_stream_position"):
        setattr(page, name, msgspec.Raw(json.dumps(found.get(name)).encode()))
    return page, [json.dumps(entry).encode() for entry in entries]


class _RawPage(Page):
    entries: list[msgspec.Raw] | None = None


_RAW_PAGE = msgspec.json.Decoder(_RawPage)


class _Reader(NamedTuple):
    """What decodes and flattens entries of one schema; made once, for making record types takes a while."""

    page: Any
    entry: Any
    flat: Callable[[Sequence[Any]], list[list[Any]]]


@functools.lru_cache(maxsize=64)
def _reader(columns: tuple[Column, ...]) -> _Reader:
    tree = _tree(columns)
    record = _record("Entry", tree, top=True)
    page = msgspec.defstruct("TypedPage", [("entries", list[record] | None, None)], bases=(Page,))  # type: ignore[valid-type]
    return _Reader(msgspec.json.Decoder(page), msgspec.json.Decoder(record), _flattener(tree, columns))


def frame(entries: Iterable[dict[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """A DataFrame of entries that were decoded already, as :meth:`Table.frame` makes it."""
    table = Table(columns)
    table.add(json.dumps({"entries": list(entries)}).encode())
    return table.frame()


def _tree(columns: Sequence[Column]) -> _Tree:
    """The columns by the keys that lead to them."""
    tree: _Tree = {}
    number = 0
    for column in columns:
        node = tree
        *way, last = column.source
        for key in way:
            node = node.setdefault(key, {})
        if column.kind == "skip":
            node[last] = _SKIP
            continue
        node[last] = (number, _PYTHON[column.kind]) if column.kind in _PYTHON else number
        number += 1
    return tree


def _record(name: str, tree: _Tree, *, top: bool = False) -> type[msgspec.Struct]:
    """A strict record type; anything it does not know sends the entry the slow way."""
    fields: list[tuple[str, Any, Any]] = []
    for key, node in tree.items():
        if isinstance(node, dict):
            fields.append((key, _record(key, node) | None, None))
        elif node is _SKIP:
            fields.append((key, Any, None))
        elif isinstance(node, tuple):
            kind = node[1]
            fields.append((key, kind, msgspec.Raw() if kind is msgspec.Raw else None))
        else:
            fields.append((key, str | None, None))
    ignored = ("type",) if top else _IGNORED
    fields += [(key, Any, None) for key in ignored if key not in tree]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)


def _flattener(tree: _Tree, columns: Sequence[Column]) -> Any:
    """A function from records to one list of values a column."""
    astuple = msgspec.structs.astuple
    shown = [column for column in columns if column.kind != "skip"]
    raw = {number for number, column in enumerate(shown) if column.kind == "json"}

    def flatten(records: Sequence[Any], node: _Tree, out: list[list[Any]]) -> None:
        fields = list(zip(*map(astuple, records), strict=True))
        for key, values in zip(node, fields, strict=False):
            child = node[key]
            if isinstance(child, dict):
                empty = empties[id(child)]
                flatten([empty if value is None else value for value in values], child, out)
                continue
            if child is _SKIP:
                continue
            number = child[0] if isinstance(child, tuple) else child
            out[number] = [_json(value) for value in values] if number in raw else list(values)

    empties: dict[int, Any] = {}

    def prepare(node: _Tree) -> None:
        for key, child in node.items():
            if isinstance(child, dict):
                empties[id(child)] = _record(key, child)()
                prepare(child)

    prepare(tree)

    def flat(records: Sequence[Any]) -> list[list[Any]]:
        out: list[list[Any]] = [[] for _ in shown]
        if records:
            flatten(records, tree, out)
        return out

    return flat


def _json(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode() if raw else "null"
    return None if text == "null" else text


def _odd(content: bytes, columns: Sequence[Column]) -> tuple[list[Any], dict[str, Any]]:
    """The values of one odd entry, and what no column holds."""
    entry = json.loads(content)
    shown = [column for column in columns if column.kind != "skip"]
    if not isinstance(entry, dict):
        return [None] * len(shown), {"entry": entry}
    left = dict(_leaves(entry, _tree(columns)))
    row = []
    for column in shown:
        found = _at(entry, column.source)
        value, fits = _value(found, column.kind)
        row.append(value)
        if not fits:
            left[column.name] = found
    return row, left


def _leaves(entry: dict[str, Any], tree: _Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in an entry and in no column, by its flattened name."""
    for key, value in entry.items():
        node = tree.get(key)
        if isinstance(node, dict):
            if isinstance(value, dict):
                yield from _leaves(value, node, f"{prefix}{key}_")
            elif value is not None:
                yield f"{prefix}{key}", value
        elif node is None and key not in (("type",) if not prefix else _IGNORED):
            yield f"{prefix}{key}", value


def _at(entry: Any, source: tuple[str, ...]) -> Any:
    for key in source:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def _value(found: Any, kind: str) -> tuple[Any, bool]:
    """The value as its column holds it, and whether it fits there; nothing is changed silently."""
    if found is None:
        return None, True
    if kind == "json":
        return json.dumps(found), True
    if kind in ("text", "category", "time"):
        if isinstance(found, str):
            return (found, True) if _is_text(found) else (None, False)
        whole = type(found) is int and kind != "time"  # ids are text, whatever Box sends
        return (str(found), True) if whole else (None, False)
    if kind == "truth":
        return (found, True) if isinstance(found, bool) else (None, False)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    fits = type(found) is int and -(2**63) <= found < 2**63
    return (found, True) if fits else (None, False)


def _is_text(found: str) -> bool:
    """Whether it can be written as UTF-8; half a surrogate pair cannot."""
    try:
        found.encode()
    except UnicodeEncodeError:
        return False
    return True


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
    return array.cast(pa.timestamp("us", "UTC"))


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    return _time(value) is not None if kind == "time" else _value(value, kind)[1]


def _time(text: str) -> pd.Timestamp | None:
    """A time with its offset, in UTC; ``None`` for what is no full date, or holds more than microseconds."""
    if len(text) < 10 or not text[:4].isdigit():
        return None
    try:
        time = pd.Timestamp(text)
    except ValueError:
        return None
    if pd.isna(time) or time.nanosecond:
        return None
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


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
