"""Create the practice company of a sandbox that first starts at a chosen time, in this process and without a server."""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from boxnb import frames
from boxnb.frames import schema
from boxnb.sandbox.server.company import past_year, times
from boxnb.sandbox.server.company.company import World
from boxnb.sandbox.server.company.event_log import Log, tenant_doc
from boxnb.sandbox.server.company.people import USER_FULL, USER_STANDARD, shape
from boxnb.sandbox.server.company.state import State
from boxnb.sandbox.server.company.tree import Item
from boxnb.sandbox.server.context import EVENTS

SEED = "1"  # the default of the sandbox
TIME = re.compile(r"\d{4}-\d\d-\d\dT.*")


@dataclass
class Company:
    """All users, all content and a year of events, in a sandbox that first starts at `born` (epoch seconds)."""

    born: float
    world: World
    year: past_year.Columns
    moved: int

    @classmethod
    def at(cls, born: float) -> Company:
        """Return the company of a sandbox that first starts at this time."""
        gc.disable()  # creating a company leaves no garbage, and collection would take a third of the time
        try:
            world = World("small", State.in_memory(), born)
            maker = past_year.Maker(world, EVENTS, SEED)
            return cls(born, world, maker.make(world.rows("incidents")), maker.days_later)
        finally:
            gc.enable()

    def users(self) -> pd.DataFrame:
        """Return the DataFrame that ``box.users()`` returns."""
        fields = ",".join([*USER_STANDARD, *USER_FULL])
        return frames.frame((shape(user, fields) for user in self.world.users.values()), schema.USERS)

    def events(self) -> pd.DataFrame:
        """Return the DataFrame that ``box.events(since="365D")`` returns."""
        log = Log(self.world, State.in_memory(), lambda: self.year)
        docs = (tenant_doc(self.world, log.at(number), None) for number in range(len(self.year)))
        return frames.frame(docs, schema.EVENTS)

    def people_and_content(self) -> str:
        """Return a hash of all rows, with times relative to the day of the first start."""
        return fingerprint(self._rows())

    def who_did_what(self) -> str:
        """Return a hash of the year's events without their times: who did what, to what, from where, and how often."""
        year = self.year
        rows = zip(year.types, year.actors, year.about, year.places, strict=True)
        return fingerprint(
            sorted(
                (past_year.TYPES[event_type], year.people[actor], year.subjects[about], year.addresses[place])
                for event_type, actor, about, place in rows
            )
        )

    def calendar(self) -> str:
        """Return a hash of the whole year's events, in order, with times relative to the day of the first start."""
        year = self.year
        times_since = np.asarray(year.created) - self.world.day
        columns = [
            column.tobytes() for column in (times_since, year.types, year.actors, year.about, year.places)
        ]
        return fingerprint([*columns, year.people, year.subjects, year.addresses])

    def _rows(self) -> Iterator[Any]:
        day = self.world.day
        for docs in (self.world.users, self.world.groups, self.world.memberships):
            for doc in docs.values():
                dates = [times.parse(doc[name]) - day for name in ("created_at", "modified_at")]
                rest = [value for name, value in doc.items() if name not in ("created_at", "modified_at")]
                yield (
                    dates,
                    [doc[name][19:] for name in ("created_at", "modified_at")] if "login" in doc else [],
                    rest,
                )
        for item in self.world.tree.everything():
            yield self._item(item)
        for collab in self.world.access.collabs.values():
            ends = None if collab.expires is None else collab.expires - day
            yield collab.id, collab.role, collab.status, collab.created - day, collab.modified - day, ends
        for section, entries in self.world.governance.sections.items():
            yield section, self._without_day(entries)
        register = self.world.governance.with_metadata("documentRegister")
        yield [(item.id, self._without_day(values)) for item, values in register]

    def _without_day(self, value: Any) -> Any:
        """Return a value with every time as seconds since the day of the first start, whatever its offset."""
        if isinstance(value, dict):
            return {key: self._without_day(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._without_day(entry) for entry in value]
        if isinstance(value, str) and value[10:11] == "T" and TIME.fullmatch(value):
            return times.parse(value) - self.world.day
        return value

    def _item(self, item: Item) -> Any:
        day = self.world.day
        ends = None if item.link is None or item.link.expires is None else item.link.expires - day
        trashed = None if item.trashed is None else item.trashed - day
        return (
            item.id,
            item.name,
            item.owner,
            item.size,
            item.created - day,
            item.modified - day,
            trashed,
            ends,
        )


def age(text: str) -> pd.Timedelta:
    """Return how far an age in the data files is from the start of the day on which the sandbox first starts.

    ``-412d 09:15:07+09:00`` is 412 days earlier, at 09:15:07 in that time zone.
    """
    days, clock, offset = text[: text.index("d")], text[text.index(" ") + 1 :][:8], text[-6:]
    zone = pd.Timedelta(f"{offset[1:]}:00") if offset[0] in "+-" else pd.Timedelta(0)
    return pd.Timedelta(days=int(days)) + pd.Timedelta(clock) - (zone if offset[0] == "+" else -zone)


def fingerprint(rows: Any) -> str:
    """Return a hash of the rows that is the same in every process."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
