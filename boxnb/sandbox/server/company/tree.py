"""Folders, files and web links: their properties, the folders they are in, and how changes are saved."""

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
    """A shared link; `expires` is in epoch seconds."""

    access: str
    expires: float | None = None
    password: str = ""
    download: bool = True
    vanity: str = ""

    def alive(self, now: float) -> bool:
        """Return whether the link has not expired."""
        return self.expires is None or now < self.expires


class Item:
    """A folder, file or web link. `parent` is None at the top level of its owner (folder 0 of that user).

    `key` generates the bytes of a file that was never uploaded (see `file_bytes`). It is empty for uploaded files, whose
    bytes are saved under their SHA-1. `total` is the size of everything in a folder, or -1 until it is calculated.
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
        changes = self.versions - 1 + (self.modified > self.created)
        self.etag: int = doc.get("etag", changes)
        self.extra: Doc = doc.get("extra", {})
        self.total = -1
        self.parent: Item | None = None
        self.children: dict[tuple[str, str], Item] | None = {} if kind == "folder" else None

    def doc(self) -> Doc:
        """Return everything to save, as JSON values."""
        document: Doc = {name: getattr(self, name) for name in self.__slots__ if name not in _DERIVED}
        document["parent"] = self.parent.id if self.parent else ROOT
        document["link"] = asdict(self.link) if self.link else None
        return document

    def up(self) -> Iterator[Item]:
        """Yield the item and its ancestor folders, from the bottom up."""
        item: Item | None = self
        while item is not None:
            yield item
            item = item.parent

    def is_trashed(self) -> bool:
        """Return whether the item or an ancestor folder is in the trash."""
        return any(item.trashed is not None for item in self.up())

    def below(self) -> Iterator[Item]:
        """Yield everything in the folder, except trashed items and what is in them."""
        for child in (self.children or {}).values():
            if child.trashed is None:
                yield child
                yield from child.below()

    def bytes_below(self) -> int:
        """Return the size of a file, or of everything in a folder."""
        if self.children is None:
            return self.size
        if self.total < 0:
            self.total = sum(child.bytes_below() for child in self.children.values() if child.trashed is None)
        return self.total

    def earlier(self) -> list[Doc]:
        """Return the versions before the current one, newest first. If none was uploaded, they are made up from the row."""
        if self.history is not None:
            return list(reversed(self.history))
        versions: list[Doc] = []
        for number in range(self.versions - 1, 0, -1):
            share = number / self.versions
            key = f"{self.key}.{number}"
            versions.append(
                {
                    "id": str(int(self.id) * 100 + number),
                    "name": self.name,
                    "size": max(0, int(self.size * share)),
                    "sha1": file_bytes.made_up_sha1(key),
                    "key": key,
                    "by": self.created_by if number == 1 else self.modified_by,
                    "created": self.created + (self.modified - self.created) * (number - 1) / self.versions,
                }
            )
        return versions


_DERIVED = {"children", "kind", "parent", "total", "link"}


class Tree:
    """All items of the company. Changes to them are saved in the state."""

    def __init__(self, state: State, day: float, person: Callable[[str], str]) -> None:
        self._state, self._day, self._person = state, day, person
        self.folders: dict[str, Item] = {}
        self.files: dict[str, Item] = {}
        self.web_links: dict[str, Item] = {}
        self.tops: dict[str, dict[tuple[str, str], Item]] = {}
        self._parent_ids: dict[tuple[str, str], str] = {}

    def of(self, kind: str) -> dict[str, Item]:
        """Return the items of one kind by id."""
        return {"folder": self.folders, "file": self.files, "web_link": self.web_links}[kind]

    def read_row(self, kind: str, row: Row) -> None:
        """Add the item in a row of a CSV file. Raises `ValueError` with the row's id if a cell is invalid."""
        try:
            self._add_doc(kind, self._doc_of(kind, row))
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
                    file_bytes.sha1(doc["key"], doc["size"]) if small else file_bytes.made_up_sha1(doc["key"])
                )
        return doc

    def _add_doc(self, kind: str, doc: Doc) -> Item:
        item = Item(kind, doc)
        self.of(kind)[item.id] = item
        self._parent_ids[kind, item.id] = doc["parent"]
        return item

    def finish(self) -> None:
        """Apply the changes saved in the state, put every item into its folder, and set the owners."""
        for kind in KINDS:
            for item_id, doc in self._state.changes(kind).items():
                if doc is None:
                    self.of(kind).pop(item_id, None)
                else:
                    self._add_doc(kind, doc)
        for kind in KINDS:
            for item in self.of(kind).values():
                folder_id = self._parent_ids[kind, item.id]
                if folder_id != ROOT and folder_id not in self.folders:
                    raise ValueError(
                        f"{kind} {item.id} of the practice company has an unknown parent folder: {folder_id}"
                    )
                self._place(item, self.folders[folder_id] if folder_id != ROOT else None)
        for item in itertools.chain(self.folders.values(), self.files.values(), self.web_links.values()):
            item.owner = next(ancestor for ancestor in item.up() if ancestor.parent is None).owner
            if not item.owner:
                raise ValueError(f"{item.kind} {item.id} of the practice company has no owner")
        for item in [*self.folders.values(), *self.files.values(), *self.web_links.values()]:
            if item.parent is None:
                self.tops.setdefault(item.owner, {})[item.kind, item.id] = item
        self._parent_ids.clear()

    def _place(self, item: Item, parent: Item | None) -> None:
        item.parent = parent
        if parent is not None and parent.children is not None:
            parent.children[item.kind, item.id] = item

    def everything(self) -> Iterator[Item]:
        """Yield all folders, then all files, then all web links, each kind in the order in which its items were read."""
        return itertools.chain(self.folders.values(), self.files.values(), self.web_links.values())

    def siblings(self, owner: str, parent: Item | None) -> dict[tuple[str, str], Item]:
        """Return the items in a folder, or at a user's top level."""
        if parent is None:
            return self.tops.setdefault(owner, {})
        return parent.children if parent.children is not None else {}

    def find_by_name(self, owner: str, parent: Item | None, name: str) -> Item | None:
        """Return the item with this name in a folder, or None. Case is ignored, and so are trashed items."""
        folded_name = name.casefold()
        for item in self.siblings(owner, parent).values():
            if item.trashed is None and item.name.casefold() == folded_name:
                return item
        return None

    def discard_sizes(self, parent: Item | None) -> None:
        """Discard the calculated totals of this folder and its ancestors."""
        for folder in parent.up() if parent else ():
            folder.total = -1

    def add(self, kind: str, doc: Doc, owner: str, parent: Item | None) -> Item:
        """Create an item, put it into a folder and save it."""
        item = Item(kind, doc)
        item.owner = parent.owner if parent else owner
        self.of(kind)[item.id] = item
        self.put(item, parent)
        self.save(item)
        return item

    def put(self, item: Item, parent: Item | None) -> None:
        """Put an item into a folder, or at its owner's top level if `parent` is None."""
        item.parent = parent
        self.siblings(item.owner, parent)[item.kind, item.id] = item
        self.discard_sizes(parent)

    def take_out(self, item: Item) -> None:
        """Take an item out of its folder."""
        self.siblings(item.owner, item.parent).pop((item.kind, item.id), None)
        self.discard_sizes(item.parent)

    def move(self, item: Item, owner: str, parent: Item | None) -> None:
        """Move an item to another folder. The item and its content then belong to the owner of that folder."""
        self.take_out(item)
        new_owner = parent.owner if parent else owner
        changed = [item]
        if new_owner != item.owner:
            changed += [descendant for descendant in descend(item) if descendant is not item]
        for changed_item in changed:
            changed_item.owner = new_owner
        self.put(item, parent)
        for changed_item in changed:
            self.save(changed_item)

    def save(self, item: Item) -> None:
        """Save the current properties of an item in the state."""
        self._state.change(item.kind, item.id, item.doc())
        self.discard_sizes(item.parent)

    def purge(self, item: Item) -> list[Item]:
        """Remove an item and its content permanently. Return the removed items."""
        removed = list(descend(item))
        self.take_out(item)
        for removed_item in removed:
            self.of(removed_item.kind).pop(removed_item.id, None)
            self._state.change(removed_item.kind, removed_item.id, None)
        return removed


def descend(item: Item) -> Iterator[Item]:
    """Yield the item and its content, including trashed items."""
    yield item
    for child in list((item.children or {}).values()):
        yield from descend(child)
