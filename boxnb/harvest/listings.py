"""Which folders an update of content lists: those that events name, and those that then differ from what is known."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from ..frames import schema
from ..frames.pages import at, decoded_entries, value_of
from ..frames.table import parsed_time
from . import viewers
from .events import microseconds
from .request import Request

FIELDS = {"fields": schema.fields(schema.ITEMS)}

ROOT = "0"

Known = dict[str, tuple[Any, ...]]


def visit(folder: str, viewer: str, *, turn: int = 0, walk: bool = True, named: bool = False) -> Request:
    """Return the request for the first page of a folder, as ``viewer``. With ``walk``, all folders below it are listed too.

    ``named`` means that an event named the folder, so it may no longer exist.
    """
    key = f"top {viewer}" if folder == ROOT else f"folder {folder}"
    path = f"/folders/{quote(folder, safe='')}/items"
    memo = {"id": folder, "walk": walk, "named": named}
    return Request(path, params=FIELDS, as_user=viewer, turn=turn, key=key, memo=memo)


def events_of(content: bytes) -> list[tuple[str, str]]:
    """Return the id of each event that names an item, and what it names as JSON."""
    events = []
    for entry in decoded_entries(content):

        def text(*source: str, entry: Any = entry) -> str | None:
            value: str | None = value_of(at(entry, source), "text")[0]
            return value

        event_id = text("event_id")
        item_type, item = text("source", "item_type"), text("source", "item_id")
        for kind in ("file", "folder"):
            if item is None and text("source", f"{kind}_id"):
                item_type, item = kind, text("source", f"{kind}_id")
        created = text("created_at")
        if text("event_type") in _MEMBERS:
            item_type, item = "user", text("source", "user_id")
        if event_id is None or item is None or created is None or text("event_type") in _READ:
            continue
        moment = parsed_time(created)
        named = {
            "at": 0 if moment is None else microseconds(moment),  # 0: the next update looks at it again
            "type": item_type,
            "id": item,
            "parent": text("source", "parent", "id"),
        }
        named |= {"owner": text("source", "owned_by", "id"), "user": text("source", "user_id")}
        events.append((event_id, json.dumps(named)))
    return events


_READ = {"DOWNLOAD", "PREVIEW", "ITEM_OPEN", "SHARED_LINK_SEND", "FILE_WATERMARKED_DOWNLOAD"}
"""Events that do not change an item."""


_MEMBERS = {"GROUP_ADD_USER", "GROUP_REMOVE_USER"}
"""Events after which a user sees what is shared with a group, or sees it no longer."""


def known(rows: pa.Table) -> Known:
    """Return for each known item its parent, the user it was seen as, its owner, its etag, and whether it has collaborators."""
    names = ("type", "id", "parent_id", "seen_as", "owned_by_id", "etag", "has_collaborations")
    types, ids, *rest = (rows.column(name).to_pylist() for name in names)
    return dict(zip(map("{} {}".format, types, ids), zip(*rest, strict=True), strict=True))


def named(event: dict[str, Any], known: Known, active: set[str], first: dict[str, str]) -> list[Request]:
    """Return the folders to list because of an event: the one that has the item now, and the one that had it before."""
    owner, found = event["owner"], []
    if event["user"] in active:  # a user was invited to something, or joined a group
        found.append(visit(ROOT, event["user"], walk=False))
    before = known.get(f"{event['type']} {event['id']}")
    places = [(event["parent"], owner)] if event["parent"] else []
    if before is not None:
        places.append((before[0] or ROOT, before[1]))
    for folder, viewer in places:
        as_user = _lister(folder, known, active, first) or viewer
        if as_user in active:
            found.append(visit(folder, as_user, walk=False, named=True))
    return found


def _lister(folder: str, known: Known, active: set[str], first: dict[str, str]) -> str | None:
    """Return a user who can list a known folder; ``None`` if nobody is known to."""
    row = known.get(f"folder {folder}")
    if row is not None and row[1] in active:
        return str(row[1])
    passed: set[str] = set()
    while row is not None and folder not in passed:
        if (user := first.get(f"folder {folder}")) is not None:
            return user
        passed.add(folder)
        folder = row[0] or ROOT
        row = known.get(f"folder {folder}")
    return None


def left(
    known: Known,
    shared: dict[str, set[str]],
    left: set[str],
    notes: dict[str, dict[str, str]],
    active: set[str],
) -> list[Request]:
    """Return the folders to list because users left: where others see their content, and what they were invited to.

    The content of a deleted user may be gone, so everyone who saw it is asked.
    """
    gone = left - notes.get("user", {}).keys()
    listed, before = notes.get("listed", {}), notes.get(viewers.SHARED, {})
    first = viewers.first_of(shared)
    found = []
    for user, items in shared.items() if left else ():
        of_left = [(known[item][2], item) for item in items if item in known]
        if any(owner in gone or (owner in left and first[item] == user) for owner, item in of_left):
            found.append(visit(ROOT, user, walk=False))
    for user in gone:
        for item in json.loads(before.get(user, "[]")):
            if item in known and known[item][2] in active:
                found.append(visit(known[item][0] or ROOT, known[item][2], walk=False, named=True))
    return [request for request in found if request.key.removeprefix("folder ") not in listed]


def grown(
    fetched: pa.Table, known: Known, explained: set[str], listed: dict[str, str], active: set[str]
) -> list[Request]:
    """Return the folders in listings that are new, belong to someone else now, or changed without an event."""
    requests = []
    names = ("type", "id", "owned_by_id", "etag", "has_collaborations", "seen_as")
    for item_type, item, owner, etag, flag, viewer in zip(
        *(fetched.column(name).to_pylist() for name in names), strict=True
    ):
        if item_type != "folder" or item is None or item in listed:
            continue
        before = known.get(f"folder {item}")
        if before is None or (before[2] != owner and viewer == owner):
            requests.append(visit(item, viewer, turn=int(owner in active and owner != viewer)))
        elif before[4] != flag or (
            before[3] != etag and f"folder {item}" not in explained and viewer in (before[1], owner)
        ):
            requests.append(visit(item, viewer, walk=False))
    return requests
