"""The event log: the year before the start, then what happens in the sandbox (box-facts 4.7).

Three orders of the same events. `admin_logs`: by the time of the event, each visible a minute to five minutes later
and one in twenty up to half an hour later, so a late one can appear behind a window already read.
`admin_logs_streaming`: by arrival, about 12 s after the event but shuffled within 90 s, one in thirty twice, 14 days.
User streams: at once, 21 days (31 for `sync`). Delays are on the sandbox clock; their figures are guesses except
where box-facts gives one.
"""

from __future__ import annotations

import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .history import TYPES, Columns, hash_of
from .people import NOBODY, Doc
from .state import State
from .times import DAY, iso
from .tree import Item
from .world import World

SHIFT = 21  # a position is milliseconds, then the number of the event within them: beyond 2^53 on purpose
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
    """One event; `subject` is what it is about. One that happened here has a number from `LIVE` on."""

    number: int
    created: float
    kind: str
    actor: str
    subject: tuple[str, str]
    address: str

    @property
    def position(self) -> int:
        """Its place in the order of events."""
        return (int(self.created * 1000) << SHIFT) + (self.number & (1 << SHIFT) - 1)

    @property
    def key(self) -> str:
        """What its id and its delays are made from."""
        return f"event {self.number} {self.created:.3f} {self.kind} {self.actor}"


class Log:
    """All events; new ones are written into the state."""

    def __init__(self, world: World, state: State, make_history: Callable[[], Columns]) -> None:
        self.world, self._state, self._make_history = world, state, make_history
        self._arrivals: list[tuple[int, int]] | None = None
        self.live: list[Event] = [
            self._happened(row["seq"], row["created"], row["kind"], row["actor"], row["address"], row["doc"])
            for row in state.all("SELECT * FROM events ORDER BY seq")
        ]

    @cached_property
    def history(self) -> Columns:
        """The events before the first start; made when first asked for, since half of a start's time would go there."""
        return self._make_history()

    def make(self) -> None:
        """Make the history now. Raises `ValueError` for a row of the company that makes no sense."""
        _ = self.history

    @staticmethod
    def _happened(seq: int, created: float, kind: str, actor: str, address: str, doc: str) -> Event:
        """An event that happened here, without what was written down: that stays in the state."""
        item_kind, item_id = json.loads(doc)["item"] or ("", "")
        subject = (sys.intern(item_kind), item_id)
        return Event(LIVE + seq, created, sys.intern(kind), sys.intern(actor), subject, sys.intern(address))

    def written(self, event: Event) -> Doc | None:
        """`source` and `details` of an event that happened here; None for one of the history."""
        if event.number < LIVE:
            return None
        found: Doc = json.loads(
            self._state.just("SELECT doc FROM events WHERE seq=?", (event.number - LIVE,))["doc"]
        )
        return found

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
        """Write down what just happened; like the history to the second, so that times compare as they are shown."""
        created = float(int(created))
        doc = json.dumps(
            {"source": source, "details": details, "item": [item.kind, item.id] if item else None}
        )
        seq = self._state.run(
            "INSERT INTO events (created, kind, actor, address, doc) VALUES (?, ?, ?, ?, ?)",
            (created, kind, actor, address, doc),
        )
        self.live.append(self._happened(seq, created, kind, actor, address, doc))

    def at(self, index: int) -> Event:
        """An event of the history."""
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
        """The position behind everything that has happened by now."""
        last = self.live[-1].position + 1 if self.live else 0
        return max(int(now) * 1000 << SHIFT, last if self.live and self.live[-1].created <= now else 0)

    def since(self, position: int, kinds: set[str] | None = None) -> Iterator[Event]:
        """Events from a position on, in the order of their times."""
        past = self.history
        wanted = None if kinds is None else {number for number, name in enumerate(TYPES) if name in kinds}
        late = sorted((one for one in self.live if one.position >= position), key=lambda one: one.position)
        if kinds is not None:
            late = [one for one in late if one.kind in kinds]
        start = bisect_left(past.created, (position >> SHIFT) / 1000 - 0.0005)
        for index in range(start, len(past)):
            if wanted is not None and past.types[index] not in wanted:
                continue
            event = self.at(index)
            if event.position < position:
                continue
            while late and late[0].position < event.position:
                yield late.pop(0)
            yield event
        yield from late

    def chronological(
        self, position: int, until: float, kinds: set[str] | None, now: float
    ) -> Iterator[Event]:
        """`admin_logs`: events up to `until` that are visible by now."""
        for event in self.since(position, kinds):
            if event.created > until:
                return
            if event.created + LATEST <= now or event.created + admin_delay(event) <= now:
                yield event

    def arriving(self, position: int, kinds: set[str] | None, now: float) -> Iterator[tuple[int, Event]]:
        """`admin_logs_streaming`: (position, event) by arrival, some twice."""
        if self._arrivals is None:
            start = bisect_left(self.history.created, self.world.day - (STREAMING_DAYS + 1) * DAY)
            self._arrivals = sorted(
                (place, index)
                for index in range(start, len(self.history))
                for place in arrivals(self.at(index))
            )
        fresh = sorted((place, event.number) for event in self.live for place in arrivals(event))
        by_number = {event.number: event for event in self.live}
        horizon = int(now * 1000) + 1 << SHIFT
        for place, number in merged(self._arrivals, fresh, position):
            if place >= horizon:
                return
            event = by_number[number] if number >= LIVE else self.at(number)
            if kinds is None or event.kind in kinds:
                yield place, event


def merged(
    first: list[tuple[int, int]], second: list[tuple[int, int]], position: int
) -> Iterator[tuple[int, int]]:
    """Two sorted lists as one, from a position on."""
    here, there = bisect_left(first, (position, -1)), bisect_left(second, (position, -1))
    while here < len(first) or there < len(second):
        if there >= len(second) or (here < len(first) and first[here] < second[there]):
            yield first[here]
            here += 1
        else:
            yield second[there]
            there += 1


LATEST = 1800
"""Seconds after which `admin_logs` surely shows an event."""


def admin_delay(event: Event) -> float:
    """Seconds after which `admin_logs` shows an event."""
    number = hash_of(event.key)
    return 60 + number % 240 if number % 20 else 60 + number % 1740


def arrivals(event: Event) -> list[int]:
    """Where an event stands in the streaming order: once or twice."""
    number = hash_of(event.key + "arrival")
    seconds = [event.created + 12 + number % 90]
    if number % 30 == 7:
        seconds.append(seconds[0] + 5 + number // 90 % 600)
    return [(int(one * 1000) << SHIFT) + (event.number & (1 << SHIFT) - 1) for one in seconds]


def identity(event: Event) -> str:
    """The id of an event, the same in every stream."""
    text = hashlib.sha256(event.key.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def item_source(world: World, item: Item) -> Doc:
    """The source of most events about items."""
    above = item.parent
    named = {"type": "folder", "id": "0", "name": "All Files"}
    if above is not None:
        named = {"type": "folder", "id": above.id, "name": above.name}
    return {
        "item_type": item.kind,
        "item_id": item.id,
        "item_name": item.name,
        "parent": named,
        "owned_by": world.person(item.owner),
    }


def source_of(world: World, event: Event) -> Doc | None:
    """What an event of the history is about; None when it is gone."""
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
        one = world.memberships.get(key)
        if one is None:
            return None
        group_name = world.groups[one["group_id"]]["name"]
        person = world.person(one["user_id"])
        named = {"user_id": person["id"], "user_name": person["name"]}
        return {**named, "group_id": one["group_id"], "group_name": group_name}
    return collab_source(world, key)


def collab_source(world: World, collab_id: str) -> Doc | None:
    """The source of an event about a collaboration."""
    collab = world.access.collabs.get(collab_id)
    if collab is None:
        return None
    item = world.tree.of(collab.item_type).get(collab.item_id)
    out: Doc = {}
    if item is not None:
        above = item.parent
        out = {f"{item.kind}_id": item.id, f"{item.kind}_name": item.name}
        out["parent"] = {"type": "folder", "id": above.id, "name": above.name} if above else None
        out["owned_by"] = world.person(item.owner)
    if collab.group:
        group = world.groups.get(collab.group)
        out.update(group_id=collab.group, group_name=group["name"] if group else "")
    else:
        person = world.person(collab.user) if collab.user else {"id": "", "name": ""}
        out.update(user_id=person["id"], user_name=person["name"] or collab.email)
    return out


def details_of(world: World, event: Event) -> Doc:
    """`additional_details` of an event of the history."""
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
    """An event as the two tenant streams answer it; `live` is what `Log.written` says."""
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
    """The item an event is about, through its collaboration if need be."""
    kind, key = event.subject
    if kind == "collaboration":
        collab = world.access.collabs.get(key)
        kind, key = (collab.item_type, collab.item_id) if collab else ("", "")
    return world.tree.of(kind).get(key) if kind in ("file", "folder", "web_link") else None
