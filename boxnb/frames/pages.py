"""What a page of a listing says, however Box wrote it: no oddity of one entry or field costs another."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import msgspec

from ..errors import BoxUnavailableError


class Page(msgspec.Struct):
    """What a page says besides its entries; what Box leaves out, or writes in another type, costs no row."""

    raw_limit: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="limit")
    raw_offset: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="offset")
    raw_total: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="total_count")
    raw_chunk: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="chunk_size")
    raw_marker: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="next_marker")
    raw_position: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="next_stream_position")
    rows: int = 0
    odd: tuple[int, ...] = ()
    """The rows with a value that its column cannot hold; ``unread`` of them are not objects at all."""
    unread: int = 0
    null: bool = False
    """Whether ``entries`` is null."""

    @property
    def limit(self) -> int | None:
        """Entries of a full page; ``None`` where that is not a number above 0."""
        return whole_number(_value(self.raw_limit)) or None

    @property
    def total_count(self) -> int | None:
        """What Box counts; ``None`` where it does not say."""
        return whole_number(_value(self.raw_total))

    @property
    def marker(self) -> str | None:
        """The next marker as text, whatever type Box gave it; ``None`` where it is null, empty, 0 or absent."""
        found = _value(self.raw_marker)
        if found is None or (isinstance(found, str) and not found.strip()):
            return None
        text = found if isinstance(found, str) else str(whole_number(found) or 0)
        return text if text != "0" and is_text(text) else None

    @property
    def is_marker_odd(self) -> bool:
        """Whether there is something in the marker's place that cannot be one."""
        return self.marker is None and _value(self.raw_marker) not in (None, "", 0, "0")

    @property
    def stream_position(self) -> str | None:
        """The next stream position as text: it can exceed 2^53. ``None`` where it is not a number above 0."""
        number = whole_number(_value(self.raw_position))
        return str(number) if number else None

    @property
    def is_null(self) -> bool:
        """Whether its entries are null although nothing says that there are none."""
        return self.null and 0 not in (self.total_count, whole_number(_value(self.raw_chunk)))


def whole_number(found: Any) -> int | None:
    """A whole number that is not negative, written as a number or as text; ``None`` for all else."""
    if isinstance(found, str) and re.fullmatch(r"\s*[0-9]{1,100}\s*", found):
        return int(found)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return found if type(found) is int and found >= 0 else None


def _value(raw: msgspec.Raw) -> Any:
    """What stands there; ``None`` where that cannot be read."""
    try:
        return loads(bytes(raw)) if raw else None
    except (ValueError, RecursionError):
        return None


def loads(content: bytes) -> Any:
    """JSON as Python reads it, with what it would stop at: bytes that are not UTF-8 become half surrogates, which
    no column takes, and numbers of thousands of digits stay text.

    Raises
    ------
    ValueError, RecursionError
        It is not JSON, or nested too deeply.
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
    """JSON, and not a page of entries."""


def loose(content: bytes) -> tuple[Page, list[bytes]]:
    """A page whose entries are left as they came; what msgspec is too strict for, Python's own reader takes."""
    try:
        raw = _RAW_PAGE.decode(content)
        if raw.entries is not msgspec.UNSET:
            entries = [bytes(entry) for entry in raw.entries or []]
            raw.null, raw.entries = raw.entries is None, None
            return raw, entries
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = loads(content)
        json.dumps(found)
    except RecursionError:
        raise NotAPageError(NOT_A_PAGE, status=200) from None
    except ValueError:
        raise BoxUnavailableError(NOT_A_PAGE, status=200) from None
    listed = found.get("entries", 0) if isinstance(found, dict) else 0
    if listed is not None and not isinstance(listed, list):
        raise NotAPageError(NOT_A_PAGE, status=200)
    page = Page(null=listed is None)
    for name, field in _NAMES.items():
        if name in found:
            setattr(page, field, msgspec.Raw(json.dumps(found[name]).encode()))
    return page, [json.dumps(entry).encode() for entry in listed or []]


_NAMES = {
    field.encode_name: field.name for field in msgspec.structs.fields(Page) if field.name.startswith("raw_")
}


class _RawPage(Page):
    entries: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET


_RAW_PAGE = msgspec.json.Decoder(_RawPage)


_PAGE = msgspec.json.Decoder(Page)


def marker_of(content: bytes) -> str | None:
    """The marker of a page before its rows are read; ``None`` also for what is no page, which its reader will say."""
    try:
        return _PAGE.decode(content).marker
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class Folder(NamedTuple):
    """What a walk needs of a folder in a listing."""

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
    """The folders on a page, and what may be one and cannot be opened: ``id``, ``name`` and ``why``.

    An odd entry costs no other: it is read on its own, by what is good in it.
    """
    try:
        entries = _MINIS.decode(content).entries or []
        if all(entry.id.isdecimal() for entry in entries):
            found = (entry for entry in entries if entry.type == "folder")
            return [
                Folder(each.id, each.name, each.owned_by.id if each.owned_by else "") for each in found
            ], []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    folders, lost = [], []
    for raw in loose(content)[1]:
        try:
            entry = loads(raw)
        except (ValueError, RecursionError):
            entry = None
        kind, which, name, owner = (
            value_of(at(entry, source), "text")[0] for source in (("type",), ("id",), ("name",), _OWNED_BY)
        )
        which = which and which.strip()
        if kind == "folder" and which:
            folders.append(Folder(which, name or NAMELESS, owner or ""))
        elif kind in (None, "", "folder"):
            why = "a folder without an id" if kind else "an entry without a type, perhaps a folder"
            lost.append({"id": which or None, "name": name, "why": why})
    return folders, lost


_OWNED_BY = ("owned_by", "id")
NAMELESS = "(no name)"
"""What stands for a name that cannot be read: in the ``path`` of what lies below a folder, in trees and charts."""


def paging_of(content: bytes) -> Page:
    """What a page says of itself, its entries left alone; with the number of its rows.

    Raises
    ------
    BoxUnavailableError
        It is not a page.
    """
    page, entries = loose(content)
    page.rows = len(entries)
    return page


def at(entry: Any, source: tuple[str, ...]) -> Any:
    """The value that keys lead to; ``None`` where the way ends before."""
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
            return (found, True) if is_text(found) else (None, False)
        whole = type(found) is int and kind != "time"  # ids are text, whatever Box sends
        return (str(found), True) if whole else (None, False)
    if kind == "truth":
        return (found, True) if isinstance(found, bool) else (None, False)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    fits = type(found) is int and -(2**63) <= found < 2**63
    return (found, True) if fits else (None, False)


def is_text(found: str) -> bool:
    """Whether it can be written as UTF-8; half a surrogate pair cannot."""
    try:
        found.encode()
    except UnicodeEncodeError:
        return False
    return True
