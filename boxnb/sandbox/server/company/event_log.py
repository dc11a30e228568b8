"""The event log: the generated past year, then what happens in the sandbox (box-facts 4.7).

The streams show the same events, in different orders and with different delays.

`admin_logs` is ordered by the time of the event. It shows an event one to five minutes later, or up to half an hour
later for one event in twenty, so a late event can appear in a time window that was already read.
`admin_logs_streaming` is ordered by arrival. An event arrives 12 s after it happened, plus a random delay of up to 90 s;
one event in thirty arrives twice. This stream keeps events for 14 days. User streams show events immediately and keep
them for 21 days (31 for `sync`). Delays use the sandbox clock. Their lengths are guesses, except where box-facts gives them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .company import World
from .past_year import TYPES, Columns, hash_of
from .people import NOBODY, Doc
from .state import State
from .times import DAY, iso
from .tree import Item

# A position is the time in milliseconds, followed by this many bits of the event's number.
# It is deliberately above 2^53.
SHIFT = 21
LIVE = 1_500_000
ADMIN_DAYS, STREAMING_DAYS, USER_DAYS, SYNC_DAYS = 365, 14, 21, 31
USER_NAMES = {
    "ITEM_CREATE": "ITEM_CREATE",
    "UPLOAD": "ITEM_UPLOAD",
    "EDIT": "ITEM_MODIFY",
    "DOWNLOAD": "ITEM_DOWNLOAD",
    "PREVIEW": "ITEM_PREVIEW",
    "DELETE": "ITEM_TRASH",
    "UNDELETE": "ITEM_UNDELETE_VIA_TRASH",
    "COPY": "ITEM_COPY",
    "MOVE": "ITEM_MOVE",
    "RENAME": "ITEM_RENAME",
    "SHARE": "ITEM_SHARED_CREATE",
    "UNSHARE": "ITEM_SHARED_UNSHARE",
    "ITEM_SHARED_UPDATE": "ITEM_SHARED_UPDATE",
    "LOCK": "LOCK_CREATE",
    "UNLOCK": "LOCK_DESTROY",
    "COLLABORATION_INVITE": "COLLAB_INVITE_COLLABORATOR",
    "COLLABORATION_ACCEPT": "COLLAB_ADD_COLLABORATOR",
    "COLLABORATION_REMOVE": "COLLAB_REMOVE_COLLABORATOR",
    "COLLABORATION_ROLE_CHANGE": "COLLAB_ROLE_CHANGE",
}
NO_CHANGES = frozenset({"ITEM_DOWNLOAD", "ITEM_PREVIEW"})
BY_NOBODY = frozenset({"COLLABORATION_EXPIRATION", "SHARE_EXPIRATION"})


@dataclass(slots=True)
class Event:
    """One event. `subject` is the kind and the id of what it is about.

    Events that happened in the sandbox are numbered from `LIVE` up.
    """

    number: int
    created: float
    kind: str
    actor: str
    subject: tuple[str, str]
    address: str

    @property
    def position(self) -> int:
        """The event's position in chronological order."""
        return (int(self.created * 1000) << SHIFT) + (self.number & (1 << SHIFT) - 1)

    @property
    def key(self) -> str:
        """The string from which the event's id and delays are derived."""
        return f"event {self.number} {self.created:.3f} {self.kind} {self.actor}"


class Log:
    """All events. New events are saved in the state."""

    def __init__(self, world: World, state: State, make_history: Callable[[], Columns]) -> None:
        self.world, self._state, self._make_history = world, state, make_history
        self._arrivals: list[tuple[int, int]] | None = None
        self.live: list[Event] = [
            self._live_event(
                row["seq"], row["created"], row["kind"], row["actor"], row["address"], row["doc"]
            )
            for row in state.all("SELECT * FROM events ORDER BY seq")
        ]

    @cached_property
    def history(self) -> Columns:
        """The events of the year before the first start.

        They are generated on first use, because generating them takes half of the start-up time.
        """
        return self._make_history()

    def generate_history(self) -> None:
        """Generate the history now. Raises `ValueError` for an invalid row in the company's data."""
        _ = self.history

    @staticmethod
    def _live_event(seq: int, created: float, kind: str, actor: str, address: str, doc: str) -> Event:
        """Build an event that happened in the sandbox, without its document, which stays in the state."""
        item_kind, item_id = json.loads(doc)["item"] or ("", "")
        subject = (sys.intern(item_kind), item_id)
        return Event(LIVE + seq, created, sys.intern(kind), sys.intern(actor), subject, sys.intern(address))

    def saved_document(self, event: Event) -> Doc | None:
        """Return `source` and `details` of an event that happened in the sandbox, or None for one in the history."""
        if event.number < LIVE:
            return None
        document: Doc = json.loads(
            self._state.required_row("SELECT doc FROM events WHERE seq=?", (event.number - LIVE,))["doc"]
        )
        return document

    def add(
        self,
        kind: str,
        created: float,
        actor: str,
        address: str,
        source: Doc | None,
        details: Doc,
        item: Item | None = None,
    ) -> None:
        """Record an event.

        Its time is truncated to whole seconds, as in the history, so that comparisons agree with the times in responses.
        """
        created = float(int(created))
        doc = json.dumps(
            {"source": source, "details": details, "item": [item.kind, item.id] if item else None}
        )
        seq = self._state.run(
            "INSERT INTO events (created, kind, actor, address, doc) VALUES (?, ?, ?, ?, ?)",
            (created, kind, actor, address, doc),
        )
        self.live.append(self._live_event(seq, created, kind, actor, address, doc))

    def at(self, index: int) -> Event:
        """Return the event at this index in the history."""
        past = self.history
        return Event(
            index,
            past.created[index],
            TYPES[past.types[index]],
            past.people[past.actors[index]],
            past.subjects[past.about[index]],
            past.addresses[past.places[index]],
        )

    def position(self, now: float) -> int:
        """Return the position after everything that has happened by now."""
        last = self.live[-1].position + 1 if self.live else 0
        return max(int(now) * 1000 << SHIFT, last if self.live and self.live[-1].created <= now else 0)

    def since(self, position: int, kinds: set[str] | None = None) -> Iterator[Event]:
        """Yield the events at and after a position, ordered by time."""
        past = self.history
        type_numbers = (
            None if kinds is None else {number for number, name in enumerate(TYPES) if name in kinds}
        )
        live = sorted(
            (event for event in self.live if event.position >= position), key=lambda event: event.position
        )
        if kinds is not None:
            live = [event for event in live if event.kind in kinds]
        start = bisect_left(past.created, (position >> SHIFT) / 1000 - 0.0005)
        for index in range(start, len(past)):
            if type_numbers is not None and past.types[index] not in type_numbers:
                continue
            event = self.at(index)
            own_position = event.position
            if own_position < position:
                continue
            while live and live[0].position < own_position:
                yield live.pop(0)
            yield event
        yield from live

    def chronological(
        self, position: int, until: float, kinds: set[str] | None, now: float
    ) -> Iterator[Event]:
        """Yield the events of `admin_logs` up to `until` that are visible by now."""
        for event in self.since(position, kinds):
            if event.created > until:
                return
            if event.created + MAX_ADMIN_DELAY <= now or event.created + admin_delay(event) <= now:
                yield event

    def arriving(self, position: int, kinds: set[str] | None, now: float) -> Iterator[tuple[int, Event]]:
        """Yield (position, event) for `admin_logs_streaming` in order of arrival. Some events arrive twice."""
        if self._arrivals is None:
            start = bisect_left(self.history.created, self.world.day - (STREAMING_DAYS + 1) * DAY)
            self._arrivals = sorted(
                (arrival, index)
                for index in range(start, len(self.history))
                for arrival in arrivals(self.at(index))
            )
        live_arrivals = sorted((arrival, event.number) for event in self.live for arrival in arrivals(event))
        by_number = {event.number: event for event in self.live}
        horizon = int(now * 1000) + 1 << SHIFT
        for arrival, number in merge(self._arrivals, live_arrivals, position):
            if arrival >= horizon:
                return
            event = by_number[number] if number >= LIVE else self.at(number)
            if kinds is None or event.kind in kinds:
                yield arrival, event


def merge(
    first: list[tuple[int, int]], second: list[tuple[int, int]], position: int
) -> Iterator[tuple[int, int]]:
    """Merge two sorted lists, starting at a position."""
    i, j = bisect_left(first, (position, -1)), bisect_left(second, (position, -1))
    while i < len(first) or j < len(second):
        if j >= len(second) or (i < len(first) and first[i] < second[j]):
            yield first[i]
            i += 1
        else:
            yield second[j]
            j += 1


MAX_ADMIN_DELAY = 1800
"""The longest delay, in seconds, until `admin_logs` shows an event."""


def admin_delay(event: Event) -> float:
    """Return the seconds until `admin_logs` shows an event."""
    number = hash_of(event.key)
    return 60 + number % 240 if number % 20 else 60 + number % 1740


def arrivals(event: Event) -> list[int]:
    """Return the positions of an event in the streaming order: one or two."""
    number = hash_of(event.key + "arrival")
    seconds = [event.created + 12 + number % 90]
    if number % 30 == 7:
        seconds.append(seconds[0] + 5 + number // 90 % 600)
    return [(int(second * 1000) << SHIFT) + (event.number & (1 << SHIFT) - 1) for second in seconds]


def identity(event: Event) -> str:
    """Return the id of an event, the same in every stream."""
    digest = hashlib.sha256(event.key.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def item_source(world: World, item: Item) -> Doc:
    """Return the `source` that most events about items have."""
    folder = item.parent
    parent = {"type": "folder", "id": "0", "name": "All Files"}
    if folder is not None:
        parent = {"type": "folder", "id": folder.id, "name": folder.name}
    return {
        "item_type": item.kind,
        "item_id": item.id,
        "item_name": item.name,
        "parent": parent,
        "owned_by": world.person(item.owner),
    }


def source_of(world: World, event: Event) -> Doc | None:
    """Return the `source` of an event in the history, or None if what it is about no longer exists."""
    kind, key = event.subject
    if kind in ("file", "folder", "web_link"):
        item = world.tree.of(kind).get(key)
        return None if item is None else item_source(world, item)
    if kind == "user":
        return world.person(key)
    if kind == "group":
        group = world.groups.get(key)
        return None if group is None else {"group_id": key, "group_name": group["name"]}
    if kind == "membership":
        membership = world.memberships.get(key)
        if membership is None:
            return None
        group_name = world.groups[membership["group_id"]]["name"]
        person = world.person(membership["user_id"])
        user = {"user_id": person["id"], "user_name": person["name"]}
        return {**user, "group_id": membership["group_id"], "group_name": group_name}
    return collab_source(world, key)


def collab_source(world: World, collab_id: str) -> Doc | None:
    """Return the `source` of an event about a collaboration, or None if the collaboration no longer exists."""
    collab = world.access.collabs.get(collab_id)
    if collab is None:
        return None
    item = world.tree.of(collab.item_type).get(collab.item_id)
    source: Doc = {}
    if item is not None:
        folder = item.parent
        source = {f"{item.kind}_id": item.id, f"{item.kind}_name": item.name}
        source["parent"] = {"type": "folder", "id": folder.id, "name": folder.name} if folder else None
        source["owned_by"] = world.person(item.owner)
    if collab.group:
        group = world.groups.get(collab.group)
        source.update(group_id=collab.group, group_name=group["name"] if group else "")
    else:
        person = world.person(collab.user) if collab.user else {"id": "", "name": ""}
        source.update(user_id=person["id"], user_name=person["name"] or collab.email)
    return source


def details_of(world: World, event: Event) -> Doc:
    """Return the `additional_details` of an event in the history."""
    kind, key = event.subject
    if kind == "collaboration":
        collab = world.access.collabs.get(key)
        role = collab.role if collab else ""
        return {"collab_id": key, "role": role, "type": "collab", "is_performed_by_admin": False}
    if kind == "file" and event.kind in ("UPLOAD", "EDIT", "DOWNLOAD", "PREVIEW"):
        item = world.tree.files.get(key)
        size, version = (item.size, item.version) if item else (0, "")
        return {"size": size, "version_id": version, "service_id": "1", "service_name": "Box Web Application"}
    if event.kind == "CHANGE_ADMIN_ROLE":
        return {"old_role": "user", "new_role": "coadmin"}
    return {"service_name": "Box Web Application"}


def tenant_doc(world: World, event: Event, live: Doc | None) -> Doc:
    """Return an event as the two enterprise streams show it; `live` comes from `Log.saved_document`."""
    doc: Doc = {
        "type": "event",
        "event_id": identity(event),
        "event_type": event.kind,
        "created_at": iso(event.created),
        "session_id": None,
        "source": source_of(world, event) if live is None else live["source"],
        "additional_details": details_of(world, event) if live is None else live["details"],
        "ip_address": event.address,
    }
    if event.kind not in BY_NOBODY:
        doc["created_by"] = world.person(event.actor or NOBODY["id"])
    return doc


def item_of(world: World, event: Event) -> Item | None:
    """Return the item that an event is about, directly or through a collaboration, or None."""
    kind, key = event.subject
    if kind == "collaboration":
        collab = world.access.collabs.get(key)
        kind, key = (collab.item_type, collab.item_id) if collab else ("", "")
    return world.tree.of(kind).get(key) if kind in ("file", "folder", "web_link") else None
