"""A year of events, generated from the rows of the company and a seed. The same rows, seed and count give the same year.

The first events are those that follow from the rows: uploads, edits, links, invitations, deletions, new users. Next are
the bursts in `incidents.csv`. Last are everyday sign-ins, previews and downloads. They fall in the user's working hours
and only concern files that the user can see. The year ends at the last midnight UTC before the sandbox first started.

All random draws assume a year that ends on a Monday night, so that each user has the same events whatever the weekday
of the first start. Everyday events are then moved by up to three days, so that weekends are quiet on the real calendar.
The figures quoted in the notebooks must not depend on this move. Therefore, the users in a burst have no other events of
its type on the days around it, and every busy user signs in within the last month.
"""

from __future__ import annotations

import functools
import random
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from . import times
from .company import World
from .people import NOBODY, Doc, Row
from .times import DAY
from .tree import Item

TYPES = [
    *("LOGIN", "FAILED_LOGIN", "ADMIN_LOGIN", "ADD_LOGIN_ACTIVITY_DEVICE", "NEW_USER", "EDIT_USER"),
    *(
        "CHANGE_ADMIN_ROLE",
        "USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE",
        "GROUP_CREATION",
        "GROUP_ADD_USER",
    ),
    *(
        "COLLABORATION_INVITE",
        "COLLABORATION_ACCEPT",
        "COLLABORATION_EXPIRATION",
        "SHARE",
        "SHARE_EXPIRATION",
    ),
    *("UPLOAD", "EDIT", "DELETE", "DOWNLOAD", "PREVIEW", "MOVE", "RENAME", "COPY", "LOCK", "UNLOCK"),
]
NUMBER = {name: number for number, name in enumerate(TYPES)}
SPAN = 365
FIRST_WEEKDAY = 1  # weekday of the day after the assumed year; Monday is 0
MAX_DAYS_MOVED = 3
WEEKS = 364 * DAY  # a year of whole weeks
EVERYDAY = [("LOGIN", 34), ("PREVIEW", 38), ("DOWNLOAD", 20), ("OTHER", 8)]
RARE = [
    *(("FAILED_LOGIN", 12), ("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", 14), ("ADMIN_LOGIN", 4)),
    *(("ADD_LOGIN_ACTIVITY_DEVICE", 8), ("MOVE", 6), ("RENAME", 8), ("COPY", 8), ("LOCK", 3), ("UNLOCK", 3)),
]
ON_ITEMS = frozenset({"PREVIEW", "DOWNLOAD", "MOVE", "RENAME", "COPY", "LOCK", "UNLOCK"})
Subject = tuple[str, str]
Kind = TypeVar("Kind")


@dataclass
class Columns:
    """Events as columns; a million events take 30 MB.

    `people` contains user ids, `subjects` contains (kind, id) pairs, and `addresses` contains IP addresses.
    """

    created: array[float] = field(default_factory=lambda: array("d"))
    types: array[int] = field(default_factory=lambda: array("B"))
    actors: array[int] = field(default_factory=lambda: array("l"))
    about: array[int] = field(default_factory=lambda: array("l"))
    places: array[int] = field(default_factory=lambda: array("H"))
    people: list[str] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.created)

    def in_order(self) -> Columns:
        """Return the same events ordered by time."""
        order = sorted(range(len(self)), key=self.created.__getitem__)
        ordered = Columns(people=self.people, subjects=self.subjects, addresses=self.addresses)
        for name in ("created", "types", "actors", "about", "places"):
            column = getattr(self, name)
            setattr(ordered, name, array(column.typecode, map(column.__getitem__, order)))
        return ordered


class Numbers:
    """Distinct values, each with a number."""

    def __init__(self) -> None:
        self.values: list[str | Subject] = []
        self._numbers: dict[str | Subject, int] = {}

    def of(self, value: str | Subject) -> int:
        """Return the number of a value. A new value gets the next number."""
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number


class Maker:
    """Generates the year of events of one company."""

    def __init__(self, world: World, count: int, seed: str) -> None:
        self.world, self.count = world, count
        self.random = random.Random(f"events {seed}")  # noqa: S311  made-up events, not a secret
        self.seed = seed
        self.start, self.end = world.day - SPAN * DAY, world.day
        self.days_later = days_to_move(world.day)
        self.bursts: set[tuple[str, str, int]] = set()
        self.columns = Columns()
        self.people, self.subjects, self.addresses = Numbers(), Numbers(), Numbers()
        self.users_by_folder: dict[str, list[str]] = {}

    def make(self, incidents: Iterable[Row]) -> Columns:
        """Return all events, oldest first."""
        self.add_events_of_items()
        self.add_events_of_people()
        for row in incidents:
            self.add_incident(row)
        self.add_everyday_events()
        self.columns.people = [str(value) for value in self.people.values]
        self.columns.subjects = [value for value in self.subjects.values if isinstance(value, tuple)]
        self.columns.addresses = [str(value) for value in self.addresses.values]
        return self.columns.in_order()

    def add(self, kind: str, when: float, actor: str, subject: Subject, address: str = "") -> None:
        """Add an event if it is within the year and the count has not been reached yet."""
        columns = self.columns
        if not self.start <= when < self.end or len(columns.created) >= self.count:
            return
        columns.created.append(float(int(when)))
        columns.types.append(NUMBER[kind])
        columns.actors.append(self.people.of(actor))
        columns.about.append(self.subjects.of(subject))
        columns.places.append(self.addresses.of(address or self.address(actor)))

    def address(self, actor: str) -> str:
        """Return an IP address for a user, at the office or at home. All are reserved for documentation."""
        if self.random.random() < 0.6:
            return f"192.0.2.{10 + hash_of(actor) % 6}"
        return f"198.51.100.{1 + hash_of(actor + 'home') % 190}"

    def add_events_of_items(self) -> None:
        """Add the events that follow from the rows of items and collaborations."""
        for item in self.world.tree.everything():
            if item.modified < self.start and item.trashed is None and item.link is None:
                continue
            subject = (item.kind, item.id)
            if item.kind == "file":
                self.add("UPLOAD", item.created, item.created_by, subject)
                if item.modified > item.created:
                    self.add("EDIT", item.modified, item.modified_by, subject)
            if item.link is not None:
                since = max(item.created, self.start)
                shared = since + (self.end - since) * 0.9 * self.random.random()
                self.add("SHARE", shared, item.modified_by if item.modified < shared else item.owner, subject)
                if item.link.expires is not None:
                    self.add("SHARE_EXPIRATION", item.link.expires, NOBODY["id"], subject)
            if item.trashed is not None:
                self.add("DELETE", item.trashed, item.modified_by, subject)
        for collab in self.world.access.collabs.values():
            subject = ("collaboration", collab.id)
            self.add("COLLABORATION_INVITE", collab.created, collab.created_by, subject)
            if collab.status == "accepted":
                accepted_at = collab.created + self.random.expovariate(1 / 7200)
                self.add("COLLABORATION_ACCEPT", accepted_at, collab.user or collab.created_by, subject)
            if collab.expires is not None:
                self.add("COLLABORATION_EXPIRATION", collab.expires, NOBODY["id"], subject)

    def add_events_of_people(self) -> None:
        """Add the events that follow from the rows of users, groups and memberships."""
        admin = self.world.admin()["id"]
        for user in self.world.users.values():
            self.add("NEW_USER", times.parse(user["created_at"]), admin, ("user", user["id"]))
            self.add("EDIT_USER", times.parse(user["modified_at"]), admin, ("user", user["id"]))
        for group in self.world.groups.values():
            self.add("GROUP_CREATION", times.parse(group["created_at"]), admin, ("group", group["id"]))
        for membership in self.world.memberships.values():
            self.add(
                "GROUP_ADD_USER",
                times.parse(membership["created_at"]),
                admin,
                ("membership", membership["id"]),
            )

    def add_incident(self, row: Row) -> None:
        """Add the burst in a row of `incidents.csv`. Raises `ValueError` for an unknown event type."""
        start, seconds = times.read(row["when"], self.world.day), float(row["minutes"]) * 60
        last_day = self.age(start + seconds) - MAX_DAYS_MOVED - 1
        if row["event_type"] not in NUMBER:
            raise ValueError(f"incidents.csv: unknown event_type {row['event_type']!r}")
        files: list[Item] = []
        if row["folder_id"]:
            folder = self.world.tree.folders[row["folder_id"]]
            files = [item for item in folder.below() if item.kind == "file"] or [folder]
        user_ids = [user["id"] for user in self.world.users.values()]
        for number in range(int(row["count"])):
            when = start + seconds * (number + self.random.random()) / int(row["count"])
            if row["login"] == "*":
                actor = user_ids[(number * 7) % len(user_ids)]
            else:
                actor = self.world.person_id(row["login"])
            file = files[number % len(files)] if files else None
            subject = (file.kind, file.id) if file else ("user", actor)
            self.add(row["event_type"], when, actor, subject, row["ip_address"])
            for day in range(last_day, self.age(start) + MAX_DAYS_MOVED + 2):
                # Include the days at the other end of the year: `moved` can bring an event from there to this day.
                self.bursts.update((row["event_type"], actor, day + away) for away in (0, SPAN - 1))

    def age(self, when: float) -> int:
        """Return the days from a time to the end of the year, rounded up: 1 on the last day."""
        return int((self.end - when) // DAY) + 1

    def users_who_see(self, item: Item) -> list[str]:
        """Return the ids of the users who can see a file's folder, owner first."""
        folder = item.parent
        if folder is None:
            return [item.owner]
        user_ids = self.users_by_folder.get(folder.id)
        if user_ids is None:
            members: dict[str, None] = {item.owner: None}
            for ancestor in folder.up():
                for collab in self.world.access.on(ancestor):
                    if collab.gives_access(self.end):
                        group = self.world.of_group(collab.group) if collab.group else []
                        members.update(
                            dict.fromkeys([collab.user, *(membership["user_id"] for membership in group)])
                        )
            members.pop("", None)
            user_ids = self.users_by_folder[folder.id] = list(members)
        return user_ids

    def add_everyday_events(self) -> None:
        """Add sign-ins, previews, downloads and other everyday events until the count is reached."""
        pick = self.random
        self.add_sign_in_of_busy_users()
        users = self.active_users()
        weights = [1 + hash_of(user["id"] + "zeal") % 9 for user in users]
        files = [item for item in self.world.tree.files.values() if not item.is_trashed()]
        open_files = [item for item in files if is_open(item, self.end)]
        logins = pick_many(pick, users, weights)
        admins = [user["id"] for user in users if user["role"] != "user"]
        kinds = pick_many(pick, [name for name, _ in EVERYDAY], [weight for _, weight in EVERYDAY])
        rare = pick_many(pick, [name for name, _ in RARE], [weight for _, weight in RARE])
        ends = {user["id"]: self.last_event(user) for user in self.world.users.values()}
        offsets = {user["id"]: offset_hours(user) for user in self.world.users.values()}
        while len(self.columns.created) < self.count:
            kind = kinds()
            kind = rare() if kind == "OTHER" else kind
            if kind in ON_ITEMS and files:
                item = files[int(len(files) * pick.random())]
                people = self.users_who_see(item)
                actor = people[int(len(people) * pick.random() ** 2)]
                if kind in ("DOWNLOAD", "PREVIEW") and open_files and pick.random() < 0.03:
                    item, actor = pick.choice(open_files), NOBODY["id"]
                subject = (item.kind, item.id)
                since = max(item.created, self.start)
            else:
                kind = "LOGIN" if kind in ON_ITEMS else kind
                actor = pick.choice(admins) if kind == "ADMIN_LOGIN" else logins()["id"]
                subject, since = ("user", actor), self.start
            until = ends.get(actor, self.end)
            if since >= until:
                continue
            when = self.moment(since, until, offsets.get(actor, 0.0), pick)
            if (kind, actor, self.age(when)) not in self.bursts:
                self.add(kind, self.moved(when, since, until), actor, subject)

    def active_users(self) -> list[Doc]:
        """Return all users who can sign in."""
        return [user for user in self.world.users.values() if user["status"] != "inactive"]

    def add_sign_in_of_busy_users(self) -> None:
        """Add one sign-in in the last month for every busy user, so that only the quiet ones look inactive."""
        pick = random.Random(f"signs of life {self.seed}")  # noqa: S311  made-up events, not a secret
        for user in self.active_users():
            if not is_quiet(user):
                since, until = self.end - 25 * DAY, self.end - 5 * DAY
                when = self.moved(self.moment(since, until, offset_hours(user), pick), since, until)
                self.add("LOGIN", when, user["id"], ("user", user["id"]))

    def last_event(self, user: Doc) -> float:
        """Return when a user's everyday events end: long ago for quiet and inactive users."""
        return self.end - 210 * DAY if is_quiet(user) or user["status"] == "inactive" else self.end

    def moment(self, since: float, until: float, offset: float, pick: random.Random) -> float:
        """
        Return a time in working hours, rarely at night or on a weekend, to pass to `moved`.

        `offset` is how many hours the user's clock is ahead of UTC.
        """
        while True:
            age = self.age(since + (until - since) * pick.random())
            weekday = (FIRST_WEEKDAY - age) % 7
            if weekday >= 5 and pick.random() < 0.85:
                continue
            hour = pick.gauss(13.5, 2.6) - offset
            return min(max(self.end - age * DAY + hour * 3600, since), until - 0.001)

    def moved(self, when: float, since: float, until: float) -> float:
        """Return a time moved to the real calendar by up to three days.

        If the result is not between `since` and `until`, it wraps around by 52 weeks. If that is not between them either,
        the time is not moved.
        """
        shifted = when + self.days_later * DAY
        for moment in (shifted, shifted - WEEKS, shifted + WEEKS):
            if since <= moment < until:
                return moment
        return when


def days_to_move(day: float) -> int:
    """Return by how many days to move everyday events so that weekends are quiet in the year that ends at `day`."""
    weekday = int(day // DAY + 3) % 7  # 1 January 1970 was a Thursday
    return (FIRST_WEEKDAY - weekday + MAX_DAYS_MOVED) % 7 - MAX_DAYS_MOVED


def is_quiet(user: Doc) -> bool:
    """Return whether this is one of the few users who stopped using their accounts long ago."""
    return hash_of(user["id"] + "quiet") % 13 == 0 and user["role"] == "user"


def pick_many(pick: random.Random, values: list[Kind], weights: list[int]) -> Callable[[], Kind]:
    """Return a function that draws one of `values` by weight, in constant time."""
    bag = [value for value, weight in zip(values, weights, strict=True) for _ in range(weight)]
    return lambda: bag[int(len(bag) * pick.random())]


def is_open(item: Item, now: float) -> bool:
    """Return whether anyone can open the item, through an open link on it or on an ancestor folder."""
    links = [folder.link for folder in item.up() if folder.link is not None]
    return any(link.access == "open" and link.alive(now) and not link.password for link in links)


def offset_hours(user: Doc) -> float:
    """Return how many hours a user's clock is ahead of UTC, according to the times in their row."""
    offset = str(user["created_at"])[19:]
    if len(offset) < 6 or offset[0] not in "+-":
        return 0.0
    hours = int(offset[1:3]) + int(offset[4:6]) / 60
    return hours if offset[0] == "+" else -hours


@functools.lru_cache(4096)  # the same few users and files are hashed repeatedly
def hash_of(text: str) -> int:
    """Hash a string to a number that is the same in every process."""
    number = 2166136261
    for byte in text.encode():
        number = (number ^ byte) * 16777619 & 0xFFFFFFFF
    return number
