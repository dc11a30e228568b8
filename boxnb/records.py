"""Pages of JSON into typed values, one list a column; nothing is lost where an entry does not fit its schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from .errors import BoxUnavailableError
from .schema import Column

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
    text = bytes(raw).decode() if raw else "null"
    if text.startswith('"'):
        text = json.loads(text)
    return None if text in ("", "null") else text


def _loose(content: bytes) -> tuple[Page, list[bytes]]:
    """A page whose entries are left as they came; what msgspec is too strict for, Python's own reader takes."""
    try:
        raw = _RAW_PAGE.decode(content)
        entries = [bytes(entry) for entry in raw.entries or []]
        raw.entries = None
        return raw, entries
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        found = json.loads(content)
        loose = found["entries"] or []
        if not isinstance(loose, list):
            raise TypeError("entries")
    except (ValueError, TypeError, KeyError):
        raise BoxUnavailableError(
            "The answer is no page of entries: it was cut off, or a proxy answered in Box's place; try again.",
            status=200,
        ) from None
    page = Page()
    for name in ("limit", "offset", "total_count"):
        if type(found.get(name)) is int:
            setattr(page, name, found[name])
    for name in ("next_marker", "next_stream_position"):
        setattr(page, name, msgspec.Raw(json.dumps(found.get(name)).encode()))
    return page, [json.dumps(entry).encode() for entry in loose]


class _RawPage(Page):
    entries: list[msgspec.Raw] | None = None


_RAW_PAGE = msgspec.json.Decoder(_RawPage)


_PAGE = msgspec.json.Decoder(Page)


def marker_of(content: bytes) -> str | None:
    """The marker of a page before its rows are read; ``None`` also for what is no page, which its reader will say."""
    try:
        return _PAGE.decode(content).marker
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Reader:
    """Decodes and flattens pages of one schema; get one with :func:`reader`."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        tree = _tree(columns)
        record = _record("Entry", tree, top=True)
        page = msgspec.defstruct("TypedPage", [("entries", list[record] | None, None)], bases=(Page,))  # type: ignore[valid-type]
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
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._read_oddly(content)
        entries, page.entries = page.entries or [], None
        page.rows = len(entries)
        return page, self._flat(entries), [None] * page.rows

    def _read_oddly(self, content: bytes) -> tuple[Page, list[list[Any]], list[str | None]]:
        """A page with at least one odd entry: each on its own, the odd ones value by value."""
        rows: list[list[Any]] = []
        extra: list[str | None] = []
        page, entries = _loose(content)
        for entry in entries:
            try:
                rows.append([values[0] for values in self._flat([self._entry.decode(entry)])])
                extra.append(None)
            except (msgspec.DecodeError, UnicodeDecodeError):
                row, left = _odd(entry, self._columns)
                rows.append(row)
                extra.append(json.dumps(left) if left else None)
        page.rows = len(rows)
        if not rows:
            return page, self._flat([]), extra
        return page, [list(column) for column in zip(*rows, strict=True)], extra


@functools.lru_cache(maxsize=64)
def reader(columns: tuple[Column, ...]) -> Reader:
    """The reader of a schema; made once, for making record types takes a while."""
    return Reader(columns)


def paging_of(content: bytes) -> Page:
    """What a page says of itself, its entries left alone; the type :meth:`Table.add` gives back, without rows.

    Raises
    ------
    BoxUnavailableError
        It is no page.
    """
    page, entries = _loose(content)
    page.rows = len(entries)
    return page


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


def _odd(content: bytes, columns: Sequence[Column]) -> tuple[list[Any], dict[str, Any]]:
    """The values of one odd entry, and what no column holds."""
    entry = json.loads(content)
    shown = [column for column in columns if column.kind != "skip"]
    if not isinstance(entry, dict):
        return [None] * len(shown), {"entry": entry}
    left: dict[str, Any] = {}
    for name, unknown in _leaves(entry, _tree(columns)):
        _keep(left, name, unknown)
    row = []
    for column in shown:
        found = _at(entry, column.source)
        value, fits = value_of(found, column.kind)
        row.append(value)
        if not fits:
            _keep(left, column.name, found)
    return row, left


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


def _at(entry: Any, source: tuple[str, ...]) -> Any:
    for key in source:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def value_of(found: Any, kind: str) -> tuple[Any, bool]:
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
