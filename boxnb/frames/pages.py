"""Read pages of a listing tolerantly: an odd entry or field does not affect the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ..errors import BoxUnavailableError


class Page(msgspec.Struct):
    """The fields of a page besides its entries. They may be missing or have any type without affecting the rows."""

    raw_limit: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="limit")
    raw_offset: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="offset")
    raw_total: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="total_count")
    raw_chunk: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="chunk_size")
    raw_marker: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="next_marker")
    raw_position: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="next_stream_position")
    rows: int = 0
    odd: tuple[int, ...] = ()
    """The numbers of the rows with a value that does not fit its column; ``unread`` counts the entries that are not objects."""
    unread: int = 0
    null: bool = False
    """Whether ``entries`` is null."""

    @property
    def limit(self) -> int | None:
        """The number of entries on a full page; ``None`` if it is not a number above 0."""
        return whole_number(_value(self.raw_limit)) or None

    @property
    def total_count(self) -> int | None:
        """The number of entries in the listing according to Box; ``None`` if it is missing."""
        return whole_number(_value(self.raw_total))

    @property
    def marker(self) -> str | None:
        """The next marker as text, whatever its type in the response; ``None`` if it is null, empty, 0 or absent."""
        marker = _value(self.raw_marker)
        if marker is None or (isinstance(marker, str) and not marker.strip()):
            return None
        text = marker if isinstance(marker, str) else str(whole_number(marker) or 0)
        return text if text != "0" and is_text(text) else None

    @property
    def is_marker_odd(self) -> bool:
        """Whether the marker field has a value that cannot be a marker."""
        return self.marker is None and _value(self.raw_marker) not in (None, "", 0, "0")

    @property
    def stream_position(self) -> str | None:
        """The next stream position as text, because it can exceed 2^53; ``None`` if it is not a number above 0."""
        number = whole_number(_value(self.raw_position))
        return str(number) if number else None

    @property
    def is_null(self) -> bool:
        """Whether ``entries`` is null although neither the total nor the chunk size is 0."""
        return self.null and 0 not in (self.total_count, whole_number(_value(self.raw_chunk)))


def whole_number(value: Any) -> int | None:
    """Return a whole number of 0 or more from a number or string; ``None`` for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,100}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _value(raw: msgspec.Raw) -> Any:
    """Return the value of a raw field; ``None`` if it cannot be decoded."""
    try:
        return loads(bytes(raw)) if raw else None
    except (ValueError, RecursionError):
        return None


def loads(content: bytes) -> Any:
    """Decode JSON with Python's own decoder, but accept bytes that are not UTF-8 and numbers of any length.

    Such bytes become lone surrogates, which no column accepts. Numbers with thousands of digits become strings.

    Raises
    ------
    ValueError, RecursionError
        The content is not JSON, or is nested too deeply.
    """
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        text = content.decode(encoding, "surrogateescape")
    return json.loads(text, parse_int=_integer)


def _integer(text: str) -> int | str:
    return int(text) if len(text) < 4000 else text


NOT_A_PAGE = "The response is not a page of entries. It was truncated, or a proxy replied instead of the server. Check the proxy, then try again."


class NotAPageError(BoxUnavailableError):
    """The content is JSON, but not a page of entries."""


def loose(content: bytes) -> tuple[Page, list[bytes]]:
    """Return a page and its entries, undecoded. Content that msgspec rejects is decoded with :func:`loads`."""
    try:
        raw = _RAW_PAGE.decode(content)
        if raw.entries is not msgspec.UNSET:
            entries = [bytes(entry) for entry in raw.entries or []]
            raw.null, raw.entries = raw.entries is None, None
            return raw, entries
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        decoded = loads(content)
        json.dumps(decoded)
    except RecursionError:
        raise NotAPageError(NOT_A_PAGE, status=200) from None
    except ValueError:
        raise BoxUnavailableError(NOT_A_PAGE, status=200) from None
    raw_entries = decoded.get("entries", 0) if isinstance(decoded, dict) else 0
    if raw_entries is not None and not isinstance(raw_entries, list):
        raise NotAPageError(NOT_A_PAGE, status=200)
    page = Page(null=raw_entries is None)
    for name, field in _NAMES.items():
        if name in decoded:
            setattr(page, field, msgspec.Raw(json.dumps(decoded[name]).encode()))
    return page, [json.dumps(entry).encode() for entry in raw_entries or []]


_NAMES = {
    field.encode_name: field.name for field in msgspec.structs.fields(Page) if field.name.startswith("raw_")
}


class _RawPage(Page):
    entries: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


_RAW_PAGE = msgspec.json.Decoder(_RawPage)
_PAGE = msgspec.json.Decoder(Page)


def decoded_entries(content: bytes) -> Iterator[Any]:
    """Yield the entries of a page, decoded. An entry that cannot be decoded is left out and does not affect the others."""
    for raw in loose(content)[1]:
        try:
            entry = loads(raw)
        except (ValueError, RecursionError):
            continue
        yield entry


def marker_of(content: bytes) -> str | None:
    """Return the marker of a page without decoding its rows.

    ``None`` if the body is not a page; decoding it raises an error later.
    """
    try:
        return _PAGE.decode(content).marker
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Folder(NamedTuple):
    """The fields of a folder that a walk needs."""

    id: str
    name: str
    owner: str


class _Owner(msgspec.Struct):
    id: str = ""


class _Mini(msgspec.Struct):
    type: str
    id: str
    name: str
    owned_by: _Owner | None = None


class _Minis(msgspec.Struct):
    entries: list[_Mini] | None = None


_MINIS = msgspec.json.Decoder(_Minis)


def folders_of(content: bytes) -> tuple[list[Folder], list[dict[str, Any]]]:
    """Return the folders on a page, and the entries that may be folders but cannot be listed: ``id``, ``name``, ``why``.

    An odd entry does not affect the others: it is decoded separately, field by field.
    """
    try:
        entries = _MINIS.decode(content).entries or []
        if all(entry.id.isdecimal() for entry in entries):
            owned = ((entry, entry.owned_by) for entry in entries if entry.type == "folder")
            return [Folder(entry.id, entry.name, owner.id if owner else "") for entry, owner in owned], []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    folders, unusable = [], []
    for raw in loose(content)[1]:
        try:
            entry = loads(raw)
        except (ValueError, RecursionError):
            entry = None
        item_type, item_id, name, owner = (
            value_of(at(entry, source), "text")[0] for source in (("type",), ("id",), ("name",), _OWNED_BY)
        )
        item_id = item_id and item_id.strip()
        if item_type == "folder" and item_id:
            folders.append(Folder(item_id, name or NAMELESS, owner or ""))
        elif item_type in (None, "", "folder"):
            why = "a folder without an id" if item_type else "an entry without a type, perhaps a folder"
            unusable.append({"id": item_id or None, "name": name, "why": why})
    return folders, unusable


_OWNED_BY = ("owned_by", "id")
NAMELESS = "(no name)"
"""Replaces a folder name that cannot be read, in the ``path`` of the items below it, in trees and in charts."""


def paging_of(content: bytes) -> Page:
    """Return the paging fields of a page and the number of its rows, without decoding its entries.

    Raises
    ------
    BoxUnavailableError
        The content is not a page.
    """
    page, entries = loose(content)
    page.rows = len(entries)
    return page


def at(entry: Any, source: tuple[str, ...]) -> Any:
    """Return the value at a sequence of keys; ``None`` if a key is missing."""
    for key in source:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def value_of(value: Any, kind: str) -> tuple[Any, bool]:
    """Return a value as its column stores it, and whether it fits. A value that does not fit becomes ``None``."""
    if value is None:
        return None, True
    if kind == "json":
        return json.dumps(value), True
    if kind in ("text", "category", "time"):
        if isinstance(value, str):
            return (value, True) if is_text(value) else (None, False)
        is_id = type(value) is int and kind != "time"  # ids are text, even if Box sends a number
        return (str(value), True) if is_id else (None, False)
    if kind == "boolean":
        return (value, True) if isinstance(value, bool) else (None, False)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = type(value) is int and -(2**63) <= value < 2**63
    return (value, True) if fits else (None, False)


def is_text(text: str) -> bool:
    """Return whether a string can be encoded as UTF-8; a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
