"""Decode pages of JSON into typed values, one list per column. Values that do not fit the schema are kept as JSON text."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from .pages import Page, at, loads, loose, value_of
from .pages import paging_of as paging_of
from .schema import Column

_PYTHON: dict[str, Any] = {"integer": int | None, "boolean": bool | None, "json": msgspec.Raw}
_IGNORED = ("type", "sequence_id", "etag")
"""Fields of nested mini objects that are dropped, because reports do not need them."""


class _Node(NamedTuple):
    """A field of an entry: a value with a column, a skipped value, or an object with ``fields`` of its own."""

    column: int | None = None
    type: Any = None
    """The type that msgspec decodes the value as."""
    fields: dict[str, _Node] | None = None

    @property
    def is_skipped(self) -> bool:
        return self.column is None and self.fields is None


class Reader:
    """Decodes and flattens the pages of one schema. Get a reader with :func:`reader`."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        tree = _tree(columns)
        record = _record("Entry", tree, top=True)
        entries: Any = list[record] | None  # type: ignore[valid-type]
        fields = [("entries", entries | msgspec.UnsetType, msgspec.UNSET)]
        page = msgspec.defstruct("TypedPage", fields, bases=(Page,))
        self._page = msgspec.json.Decoder(page)
        self._entry = msgspec.json.Decoder(record)
        self._flat = _flattener(tree, columns)

    def read(self, content: bytes) -> tuple[Page, list[list[Any]], list[str | None]]:
        """Decode one page. Return its paging fields, one list of values per column, and for each row the values without a column as JSON text.

        Raises
        ------
        BoxUnavailableError
            The content is not a page, or not valid JSON.
        """
        try:
            page: Any = self._page.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_loosely(content)
        if page.entries is msgspec.UNSET:
            return self._read_loosely(content)
        entries, page.null, page.entries = page.entries or [], page.entries is None, None
        page.rows = len(entries)
        return page, self._flat(entries), [None] * page.rows

    def _read_loosely(self, content: bytes) -> tuple[Page, list[list[Any]], list[str | None]]:
        """Decode each entry of a page separately, and value by value if it does not fit the schema."""
        rows: list[list[Any]] = []
        extra: list[str | None] = []
        page, entries = loose(content)
        for entry in entries:
            try:
                rows.append([values[0] for values in self._flat([self._entry.decode(entry)])])
                extra.append(None)
                continue
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
            row, leftover, fits = _decode_loosely(entry, self._columns)
            rows.append(row)
            extra.append(json.dumps(leftover) if leftover else None)
            page.odd += () if fits else (len(rows) - 1,)
            page.unread += "entry" in leftover and all(value is None for value in row)
        page.rows = len(rows)
        if not rows:
            return page, self._flat([]), extra
        return page, [list(column) for column in zip(*rows, strict=True)], extra


@functools.lru_cache(maxsize=64)
def reader(columns: tuple[Column, ...]) -> Reader:
    """Return the reader for a schema. Readers are cached, because creating record types is slow."""
    return Reader(columns)


def _tree(columns: Sequence[Column]) -> dict[str, _Node]:
    """Return the columns as a tree. Fields that contain other fields are its inner nodes."""
    tree: dict[str, _Node] = {}
    number = 0
    for column in columns:
        fields = tree
        *outer, last = column.source
        for key in outer:
            node = fields.setdefault(key, _Node(fields={}))
            fields = node.fields if node.fields is not None else {}
        if column.kind == "skip":
            fields[last] = _Node(type=Any)
            continue
        fields[last] = _Node(number, _PYTHON.get(column.kind, str | None))
        number += 1
    return tree


def _record(name: str, tree: dict[str, _Node], *, top: bool = False) -> type[msgspec.Struct]:
    """Return a strict record type: decoding an entry with an unknown field raises an error, and the slow path takes over."""
    fields: list[tuple[str, Any, Any]] = []
    for key, node in tree.items():
        if node.fields is not None:
            fields.append((key, _record(key, node.fields) | None, None))
        else:
            fields.append((key, node.type, msgspec.Raw() if node.type is msgspec.Raw else None))
    ignored = ("type",) if top else _IGNORED
    fields += [(key, Any, None) for key in ignored if key not in tree]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)


def _flattener(tree: dict[str, _Node], columns: Sequence[Column]) -> Any:
    """Return a function that turns records into one list of values per column."""
    visible = [column for column in columns if column.kind != "skip"]
    raw = {number for number, column in enumerate(visible) if column.kind == "json"}

    def flatten(records: Sequence[Any], fields: dict[str, _Node], out: list[list[Any]]) -> None:
        # Take one field of all records at a time: a tuple per record would keep the garbage collector busy.
        for key, node in fields.items():
            if node.is_skipped:
                continue
            values = list(map(attrgetter(key), records))
            if node.fields is not None:
                empty = empty_records[id(node)]
                flatten([empty if value is None else value for value in values], node.fields, out)
                continue
            if node.column is not None:
                out[node.column] = [_json(value) for value in values] if node.column in raw else values

    empty_records: dict[int, Any] = {}

    def prepare(fields: dict[str, _Node]) -> None:
        for key, node in fields.items():
            if node.fields is not None:
                empty_records[id(node)] = _record(key, node.fields)()
                prepare(node.fields)

    prepare(tree)

    def flat(records: Sequence[Any]) -> list[list[Any]]:
        out: list[list[Any]] = [[] for _ in visible]
        if records:
            flatten(records, tree, out)
        return out

    return flat


def _json(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode() if raw else "null"
    return None if text == "null" else text


def _decode_loosely(content: bytes, columns: Sequence[Column]) -> tuple[list[Any], dict[str, Any], bool]:
    """Decode one odd entry. Return its values, the values that no column can hold, and whether every value fits its column."""
    visible = [column for column in columns if column.kind != "skip"]
    no_values: list[Any] = [None] * len(visible)
    try:
        entry = loads(content)
    except (ValueError, RecursionError):
        return no_values, {"entry": content.decode(errors="backslashreplace")}, False
    if not isinstance(entry, dict):
        return no_values, {"entry": entry}, False
    leftover: dict[str, Any] = {}
    tree, all_fit = _tree(columns), True
    for name, unknown in _unknown_values(entry, tree):
        _add(leftover, name, unknown)
        all_fit = all_fit and not (name in tree and tree[name].fields is not None)
    row = []
    for column in visible:
        received = at(entry, column.source)
        value, fits = value_of(received, column.kind)
        row.append(value)
        if not fits:
            _add(leftover, column.name, received)
            all_fit = False
    return row, leftover, all_fit


def _add(leftover: dict[str, Any], name: str, value: Any) -> None:
    """Add a value under its flattened name; append ``_`` if another field has flattened to the same name."""
    while name in leftover:
        name += "_"
    leftover[name] = value


def _unknown_values(
    entry: dict[str, Any], tree: dict[str, _Node], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield each value of an entry that does not have a column, with its flattened name."""
    for key, value in entry.items():
        node = tree.get(key)
        if node is not None and node.fields is not None:
            if isinstance(value, dict):
                yield from _unknown_values(value, node.fields, f"{prefix}{key}_")
            elif value is not None:
                yield f"{prefix}{key}", value
        elif node is None and key not in (("type",) if not prefix else _IGNORED):
            yield f"{prefix}{key}", value
