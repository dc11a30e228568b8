"""Pages of JSON into typed values, one list a column; nothing is lost where an entry does not fit its schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from .pages import Page, at, loads, loose, value_of
from .pages import paging_of as paging_of
from .schema import Column

_PYTHON: dict[str, Any] = {"integer": int | None, "truth": bool | None, "json": msgspec.Raw}
_IGNORED = ("type", "sequence_id", "etag")
"""Fields of nested mini objects that carry nothing a reader asks for."""

_Tree = dict[str, Any]
_SKIP = object()


class Reader:
    """Decodes and flattens pages of one schema; get one with :func:`reader`."""

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
        """One page: what it says of itself, one list of values a column, and what no column holds, as JSON text.

        Raises
        ------
        BoxUnavailableError
            It is no page: broken JSON, or something else than a page.
        """
        try:
            page: Any = self._page.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_oddly(content)
        if page.entries is msgspec.UNSET:
            return self._read_oddly(content)
        entries, page.null, page.entries = page.entries or [], page.entries is None, None
        page.rows = len(entries)
        return page, self._flat(entries), [None] * page.rows

    def _read_oddly(self, content: bytes) -> tuple[Page, list[list[Any]], list[str | None]]:
        """A page with at least one odd entry: each on its own, the odd ones value by value."""
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
            row, left, fits = _odd(entry, self._columns)
            rows.append(row)
            extra.append(json.dumps(left) if left else None)
            page.odd += () if fits else (len(rows) - 1,)
            page.unread += "entry" in left and all(value is None for value in row)
        page.rows = len(rows)
        if not rows:
            return page, self._flat([]), extra
        return page, [list(column) for column in zip(*rows, strict=True)], extra


@functools.lru_cache(maxsize=64)
def reader(columns: tuple[Column, ...]) -> Reader:
    """The reader of a schema; made once, for making record types takes a while."""
    return Reader(columns)


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
    shown = [column for column in columns if column.kind != "skip"]
    raw = {number for number, column in enumerate(shown) if column.kind == "json"}

    def flatten(records: Sequence[Any], node: _Tree, out: list[list[Any]]) -> None:
        # One field of all records at a time: a tuple for each record would have the collector run all the time.
        for key, child in node.items():
            if child is _SKIP:
                continue
            values = list(map(attrgetter(key), records))
            if isinstance(child, dict):
                empty = empties[id(child)]
                flatten([empty if value is None else value for value in values], child, out)
                continue
            number = child[0] if isinstance(child, tuple) else child
            out[number] = [_json(value) for value in values] if number in raw else values

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


def _odd(content: bytes, columns: Sequence[Column]) -> tuple[list[Any], dict[str, Any], bool]:
    """The values of one odd entry, what no column holds, and whether every column holds what it should."""
    shown = [column for column in columns if column.kind != "skip"]
    blank: list[Any] = [None] * len(shown)
    try:
        entry = loads(content)
    except (ValueError, RecursionError):
        return blank, {"entry": content.decode(errors="backslashreplace")}, False
    if not isinstance(entry, dict):
        return blank, {"entry": entry}, False
    left: dict[str, Any] = {}
    tree, all_fit = _tree(columns), True
    for name, unknown in _leaves(entry, tree):
        _keep(left, name, unknown)
        all_fit = all_fit and not isinstance(tree.get(name), dict)
    row = []
    for column in shown:
        found = at(entry, column.source)
        value, fits = value_of(found, column.kind)
        row.append(value)
        if not fits:
            _keep(left, column.name, found)
            all_fit = False
    return row, left, all_fit


def _keep(left: dict[str, Any], name: str, value: Any) -> None:
    """Under its flattened name, or one like it where two fields come to the same."""
    while name in left:
        name += "_"
    left[name] = value


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
