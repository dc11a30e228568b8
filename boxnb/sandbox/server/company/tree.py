"""Folders, files and web links: what they are, where they lie, and how changes are kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from . import file_bytes, times
from .state import State

Row = dict[str, str]
Doc = dict[str, Any]
KINDS = ("folder", "file", "web_link")
ROOT = "0"
TRASH_DAYS = 30


@dataclass(slots=True)
class Link:
    """A shared link; `expires` is epoch seconds."""

    access: str
    expires: float | None = None
    password: str = ""
    download: bool = True
    vanity: str = ""

    def alive(self, now: float) -> bool:
        """Does it still open?"""
        return self.expires is None or now < self.expires


class Item:
    """A folder, file or web link. `parent` None is the top level of its owner (folder 0 of that person).

    `key` makes the bytes of a file that nobody uploaded (see `content`); empty for uploaded ones, which are kept by
    SHA-1. `total` is the size of a folder's subtree once counted, -1 before.
    """

    __slots__ = (
        "children",
        "created",
        "created_by",
        "description",
        "etag",
        "extra",
        "history",
        "id",
        "key",
        "kind",
        "link",
        "modified",
        "modified_by",
        "name",
        "owner",
        "parent",
        "restricted",
        "sha1",
        "size",
        "tags",
        "total",
        "trashed",
        "url",
        "version",
        "versions",
    )

    def __init__(self, kind: str, doc: Doc) -> None:
        self.kind = kind
        self.id: str = doc["id"]
        self.name: str = doc["name"]
        self.owner: str = doc.get("owner", "")
        self.created_by: str = doc["created_by"]
        self.created: float = doc["created"]
        self.modified_by: str = doc["modified_by"]
        self.modified: float = doc["modified"]
        self.description: str = doc.get("description", "")
        self.tags: tuple[str, ...] = tuple(doc.get("tags", ()))
        self.restricted: bool = doc.get("restricted", False)
        self.link: Link | None = Link(**doc["link"]) if doc.get("link") else None
        self.trashed: float | None = doc.get("trashed")
        self.size: int = doc.get("size", 0)
        self.sha1: str = doc.get("sha1", "")
        self.key: str = doc.get("key", "")
        self.versions: int = doc.get("versions", 1)
        self.version: str = doc.get("version") or str(int(self.id) * 100 + self.versions)
        self.history: list[Doc] | None = doc.get("history")
        self.url: str = doc.get("url", "")
        moved_on = self.versions - 1 + (self.modified > self.created)
        self.etag: int = doc.get("etag", moved_on)
        self.extra: Doc = doc.get("extra", {})
        self.total = -1
        self.parent: Item | None = None
        self.children: dict[tuple[str, str], Item] | None = {} if kind == "folder" else None

    def doc(self) -> Doc:
        """Everything worth keeping, as JSON can hold it."""
        out: Doc = {name: getattr(self, name) for name in self.__slots__ if name not in _DERIVED}
        out["parent"] = self.parent.id if self.parent else ROOT
        out["link"] = asdict(self.link) if self.link else None
        return out

    def up(self) -> Iterator[Item]:
        """The item and every folder above it."""
        here: Item | None = self
        while here is not None:
            yield here
            here = here.parent

    def is_trashed(self) -> bool:
        """Is it, or a folder above it, in the trash?"""
        return any(item.trashed is not None for item in self.up())

    def below(self) -> Iterator[Item]:
        """Everything inside, trashed items and their content left out."""
        for child in (self.children or {}).values():
            if child.trashed is None:
                yield child
                yield from child.below()

    def bytes_below(self) -> int:
        """Bytes of a file, or of everything inside a folder."""
        if self.children is None:
            return self.size
        if self.total < 0:
            self.total = sum(child.bytes_below() for child in self.children.values() if child.trashed is None)
        return self.total

    def earlier(self) -> list[Doc]:
        """The versions before the current one, newest first; made from the row where none was uploaded."""
        if self.history is not None:
            return list(reversed(self.history))
        out: list[Doc] = []
        for number in range(self.versions - 1, 0, -1):
            share = number / self.versions
            key = f"{self.key}.{number}"
            out.append(
                {
                    "id": str(int(self.id) * 100 + number),
                    "name": self.name,
                    "size": max(0, int(self.size * share)),
                    "sha1": file_bytes.claimed(key),
                    "key": key,
                    "by": self.created_by if number == 1 else self.modified_by,
                    "created": self.created + (self.modified - self.created) * (number - 1) / self.versions,
                }
            )
        return out


_DERIVED = {"children", "kind", "parent", "total", "link"}


class Tree:
    """Every item of the company, and every change of it in the state."""

    def __init__(self, state: State, day: float, person: Callable[[str], str]) -> None:
        self._state, self._day, self._person = state, day, person
        self.folders: dict[str, Item] = {}
        self.files: dict[str, Item] = {}
        self.web_links: dict[str, Item] = {}
        self.tops: dict[str, dict[tuple[str, str], Item]] = {}
        self._above: dict[tuple[str, str], str] = {}

    def of(self, kind: str) -> dict[str, Item]:
        """The items of one kind by id."""
        return {"folder": self.folders, "file": self.files, "web_link": self.web_links}[kind]

    def read_row(self, kind: str, row: Row) -> None:
        """Take one row of a CSV file; raises `ValueError` naming the row when a cell makes no sense."""
        try:
            self._take(kind, self._doc_of(kind, row))
        except (ValueError, KeyError) as error:
            raise ValueError(f"{kind} {row.get('id')} of the practice company: {error}") from error

    def _doc_of(self, kind: str, row: Row) -> Doc:
        def when(name: str) -> float | None:
            return times.read(row[name], self._day) if row.get(name) else None

        doc: Doc = {name: row[name] for name in ("id", "name", "description")}
        doc["parent"] = row["parent_id" if kind == "folder" else "folder_id"] or ROOT
        doc["owner"] = self._person(row["owner"]) if row.get("owner") else ""
        doc["created_by"] = self._person(row["created_by"])
        doc["modified_by"] = self._person(row["modified_by"])
        doc["created"] = times.read(row["created_at"], self._day)
        doc["modified"] = times.read(row["modified_at"], self._day)
        doc["trashed"] = when("trashed_at")
        doc["tags"] = [tag.strip() for tag in row.get("tags", "").split(",") if tag.strip()]
        doc["restricted"] = row.get("restricted") == "yes"
        doc["url"] = row.get("url", "")
        if row.get("link"):
            doc["link"] = {
                "access": row["link"],
                "expires": when("link_expires"),
                "password": row.get("link_password", ""),
                "download": row.get("link_download") != "no",
            }
        if kind == "file":
            doc["size"], doc["versions"] = int(row["size"]), int(row["versions"] or 1)
            doc["key"] = row["same_as"] or row["id"]
            doc["sha1"] = row["sha1"]
            if not doc["sha1"]:
                small = doc["size"] <= file_bytes.HASH_CEILING
                doc["sha1"] = (
                    file_bytes.sha1(doc["key"], doc["size"]) if small else file_bytes.claimed(doc["key"])
                )
        return doc

    def _take(self, kind: str, doc: Doc) -> Item:
        item = Item(kind, doc)
        self.of(kind)[item.id] = item
        self._above[kind, item.id] = doc["parent"]
        return item

    def finish(self) -> None:
        """After the rows: the changes of the state, then everything into its folder, owners from the top down."""
        for kind in KINDS:
            for one, doc in self._state.changes(kind).items():
                if doc is None:
                    self.of(kind).pop(one, None)
                else:
                    self._take(kind, doc)
        for kind in KINDS:
            for item in self.of(kind).values():
                above = self._above[kind, item.id]
                if above != ROOT and above not in self.folders:
                    raise ValueError(f"{kind} {item.id} of the practice company lies in no folder: {above}")
                self._place(item, self.folders[above] if above != ROOT else None)
        for item in itertools.chain(self.folders.values(), self.files.values(), self.web_links.values()):
            item.owner = next(above for above in item.up() if above.parent is None).owner
            if not item.owner:
                raise ValueError(f"{item.kind} {item.id} of the practice company has no owner")
        for item in [*self.folders.values(), *self.files.values(), *self.web_links.values()]:
            if item.parent is None:
                self.tops.setdefault(item.owner, {})[item.kind, item.id] = item
        self._above.clear()

    def _place(self, item: Item, parent: Item | None) -> None:
        item.parent = parent
        if parent is not None and parent.children is not None:
            parent.children[item.kind, item.id] = item

    def everything(self) -> Iterator[Item]:
        """Folders, files, web links, in the order of their ids as read."""
        return itertools.chain(self.folders.values(), self.files.values(), self.web_links.values())

    def siblings(self, owner: str, parent: Item | None) -> dict[tuple[str, str], Item]:
        """What lies in a folder, or on somebody's top level."""
        if parent is None:
            return self.tops.setdefault(owner, {})
        return parent.children if parent.children is not None else {}

    def named(self, owner: str, parent: Item | None, name: str) -> Item | None:
        """The item of this name, whatever its case, in a folder; trashed ones do not count."""
        wanted = name.casefold()
        for item in self.siblings(owner, parent).values():
            if item.trashed is None and item.name.casefold() == wanted:
                return item
        return None

    def stale(self, parent: Item | None) -> None:
        """Forget the counted sizes from here up."""
        for above in parent.up() if parent else ():
            above.total = -1

    def add(self, kind: str, doc: Doc, owner: str, parent: Item | None) -> Item:
        """A new item."""
        item = Item(kind, doc)
        item.owner = parent.owner if parent else owner
        self.of(kind)[item.id] = item
        self.put(item, parent)
        self.keep(item)
        return item

    def put(self, item: Item, parent: Item | None) -> None:
        """Lay an item into a folder (None: its owner's top level)."""
        item.parent = parent
        self.siblings(item.owner, parent)[item.kind, item.id] = item
        self.stale(parent)

    def take_out(self, item: Item) -> None:
        """Take an item out of its folder."""
        self.siblings(item.owner, item.parent).pop((item.kind, item.id), None)
        self.stale(item.parent)

    def move(self, item: Item, owner: str, parent: Item | None) -> None:
        """Into another folder; all below goes with it and belongs to who owns that folder."""
        self.take_out(item)
        new_owner = parent.owner if parent else owner
        changed = [item]
        if new_owner != item.owner:
            changed += [below for below in descend(item) if below is not item]
        for one in changed:
            one.owner = new_owner
        self.put(item, parent)
        for one in changed:
            self.keep(one)

    def keep(self, item: Item) -> None:
        """Write an item's present form into the state."""
        self._state.change(item.kind, item.id, item.doc())
        self.stale(item.parent)

    def purge(self, item: Item) -> list[Item]:
        """Remove an item and all below for good; what was removed."""
        gone = list(descend(item))
        self.take_out(item)
        for one in gone:
            self.of(one.kind).pop(one.id, None)
            self._state.change(one.kind, one.id, None)
        return gone


def descend(item: Item) -> Iterator[Item]:
    """The item and everything below, trashed or not."""
    yield item
    for child in list((item.children or {}).values()):
        yield from descend(child)
