"""All content of the enterprise: a walk as each user; an update lists only the folders that events name.

The walk follows the rules of `reports.content`. It lists the top level of every active user, and then the folders that the
user owns. Then it lists folders of others, one after another, each as the user with the lowest id who can see it.

An update reads the users and the admin events since the last round. `further` turns them into folders to list, and then
looks at the listed folders: one that is new, or now belongs to someone else, is walked; one whose etag changed without an
event, or that now has its first collaborator or no collaborator any more, is listed. Every other folder is skipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..datasets.event_ranges import Span
from ..datasets.seen_by_many import seen_as, with_paths
from ..frames import Table
from ..frames.pages import Page, folders_of
from ..frames.schema import Column
from ..frames.table import from_arrow, to_arrow
from . import parts, viewers
from .events import REREAD, timestamp
from .kinds import Kind, unread, users_of
from .listings import ROOT, Known, events_of, grown, known, left, named, visit
from .request import Outcome, Request

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .manifest import Manifest, Round

PLACED = (Column("path", "text"), Column("depth", "integer"), Column("ownership", "category"))
"""Where an item is, and the kind of its owner, as in `reports.content`."""

MARGIN = pd.Timedelta("5min")
"""How much earlier than necessary an update reads events, because this computer knows the server's clock only roughly."""


@dataclass(frozen=True)
class Content(Kind):
    """Every folder, file and web link that an active user can see."""

    @property
    def kept(self) -> tuple[Column, ...]:
        """All columns of the rows that are kept: those of `reports.content`, and the times."""
        return (*self.fetched[: -len(parts.SEEN)], *PLACED, *parts.SEEN)

    def round_arguments(
        self, arguments: dict[str, Any], now: int, previous: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the range of the events of a round. Events before the last full walk do not matter."""
        walked = now if previous is None else previous["walked"]
        begin = max(walked, (now if previous is None else previous["end"]) - microseconds_of(REREAD))
        return {**arguments, "walked": walked, "begin": begin, "end": now}

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the requests for the first page of users and, for an update, of events."""
        memo = {"lists": "users", "walk": arguments["full"], "people_of": arguments.get("people_of")}
        params = {"user_type": "managed", "fields": "id,status"}
        requests = [Request("/users", params=params, memo=memo, key="users")]
        if arguments["full"]:
            arguments["walked"] = arguments["end"]
        else:
            span = Span(timestamp(arguments["begin"]) - MARGIN, timestamp(arguments["end"]))
            query = {"stream_type": "admin_logs", **span.query()}
            requests.append(
                Request("/events", "position", params=query, memo={"lists": "events"}, key="events")
            )
        return requests

    def retried(
        self, arguments: dict[str, Any], refused: list[Request], notes: dict[str, dict[str, str]]
    ) -> list[Request]:
        """Return the events that could not be read. Remember the folders for :meth:`further`, which knows who is active."""
        if arguments["full"]:
            return []
        folders = [request for request in refused if not request.memo.get("lists")]
        notes["refused"] = {request.key.partition("@")[0]: request.to_json() for request in folders}
        return [
            request._replace(key=f"again {request.key.removeprefix('again ')}", id=0)
            for request in refused
            if request.memo.get("lists") == "events"
        ]

    def take(self, table: Table, content: bytes, request: Request) -> Page:
        """Add a page of a folder to a table. Users and events are not rows."""
        return unread(content) if request.memo.get("lists") else table.add(content, request.as_user)

    def opens(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        """Return the requests that follow from a page: the top level of each user, or the folders in a folder."""
        lists = request.memo.get("lists")
        if lists == "users":
            return self._users(request, content, outcome)
        if lists == "events":
            outcome.notes += [("event", event, text) for event, text in events_of(content)]
            return []
        folders, unusable = folders_of(content)
        if unusable:
            outcome.doubt = str(unusable[0]["why"])
        if not request.memo["walk"]:
            return self._shared(request, content, outcome)
        viewer = request.as_user or ""
        is_top = request.memo["id"] == ROOT
        self._shared(request, content, outcome)
        return [visit(folder.id, viewer, turn=int(is_top and folder.owner != viewer)) for folder in folders]

    def _shared(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        """Note the items of others on a page of a user's top level. They open no request."""
        if request.memo["id"] == ROOT:
            items = viewers.shared_on(content, request.as_user or "")
            outcome.notes.append((viewers.ON_PAGE, request.key, json.dumps(items)))
        return []

    def _users(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        users, only = users_of(content), request.memo["people_of"]
        outcome.notes += [("user", user, status) for user, status in users]
        viewers = [user for user, status in users if status != "inactive" and (only is None or user in only)]
        return [visit(ROOT, viewer) for viewer in viewers] if request.memo["walk"] else []

    def finished(self, request: Request) -> list[tuple[str, str, str]]:
        """Return the note that a folder has been listed to its end."""
        if request.memo.get("lists"):
            return []
        folder = request.memo["id"]
        return [("listed", f"top {request.as_user}" if folder == ROOT else folder, "")]

    def is_harmless(self, request: Request, status: int) -> bool:
        """Return whether a refusal only means that a folder which an event named no longer exists."""
        return status == 404 and bool(request.memo.get("named"))

    def further(
        self, current: Round, notes: dict[str, dict[str, str]], old: pa.Table, fetched: pa.Table
    ) -> list[Request]:
        """Return the folders that an update must list, from its events and from what it has listed so far."""
        if current.arguments["full"]:
            return []
        only = current.arguments.get("people_of")
        active = {
            user
            for user, status in notes.get("user", {}).items()
            if status != "inactive" and (only is None or user in only)
        }
        before = notes.get("viewer", {})
        # A harvest of an earlier boxnb does not know what is on the top levels, so they are all listed once.
        unknown = active - (notes.get(viewers.SHARED, {}).keys() & before.keys())
        requests = [visit(ROOT, user, walk=False) for user in sorted(unknown, key=int)] if before else []
        for text in notes.get("refused", {}).values():
            again = Request.from_json(text, 0, 0, "")
            folder, viewer = again.memo["id"], again.as_user or ""
            if viewer in active:
                requests.append(visit(folder, viewer, walk=again.memo["walk"], named=folder != ROOT))
        items: Known = known(old)
        shared = viewers.shared_now(notes, active)
        requests += left(items, shared, before.keys() - active, notes, active)
        first = viewers.first_of(shared)
        known_events = notes.get("known event", {})
        explained: set[str] = set()
        for event_id, text in notes.get("event", {}).items():
            event = json.loads(text)
            explained.add(f"{event['type']} {event['id']}")
            if event_id not in known_events:
                requests += named(event, items, active, first)
        return requests + grown(fetched, items, explained, notes.get("listed", {}), active)

    def settled(
        self,
        found: pa.Table,
        old: pa.Table,
        current: Round,
        notes: dict[str, dict[str, str]],
        skipped: list[dict[str, Any]],
    ) -> pa.Table:
        """Return each item once, as its owner sees it if possible: items just listed, and earlier items in other folders."""
        statuses = notes.get("user", {})
        active = {user for user, status in statuses.items() if status != "inactive"}
        shared = viewers.shared_now(notes, active)
        listed, first = set(shared), viewers.first_of(shared)
        rows = new = from_arrow(found, self.fetched).assign(is_old=False)
        if len(old):
            kept = from_arrow(old, self.kept).drop(columns=[column.name for column in PLACED])
            kept = kept[_not_listed(kept, current, notes, skipped)].assign(is_old=True)
            rows = pd.concat([new, kept], ignore_index=True)
            rows = rows.astype({name: "category" for name in rows if kept[name].dtype == "category"})
            rows = _without_lost(rows, set(old.column("id").drop_null().to_pylist()))
            # Nobody sees what neither its owner nor a user on whose top level it is can list.
            nobody = seen_as(rows, listed, first).isna() & (
                ~rows["seen_as"].isin(active) | rows["seen_as"].isin(listed)
            )
            rows = rows[~(nobody & rows["is_old"])].reset_index(drop=True)
            _move_to_top_level(rows)
            _update_parent_names(rows)
        # The result must not depend on the order in which pages arrived. A newer row comes first.
        order = np.lexsort((rows["id"].fillna(""), rows["seen_as"].str.zfill(20), rows["is_old"]))
        rows = rows.iloc[order].drop(columns="is_old").reset_index(drop=True)
        return to_arrow(with_paths(rows, active, set(statuses), listed, first), self.kept)

    def remembered(self, current: Round, notes: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
        """Return what the next update needs: the active users, and the events that it will read again."""
        oldest = current.arguments["end"] - microseconds_of(REREAD)
        events = {**notes.get("known event", {}), **notes.get("event", {})}
        recent = [
            ("known event", event, text) for event, text in events.items() if json.loads(text)["at"] >= oldest
        ]
        active = {user for user, status in notes.get("user", {}).items() if status != "inactive"}
        shared = viewers.shared_now(notes, active)
        return [
            *recent,
            *(("viewer", user, "") for user in active),
            *((viewers.SHARED, user, json.dumps(sorted(items))) for user, items in shared.items()),
        ]

    def update_cost(self, box: Connection, rounds: list[Round]) -> str:
        """Return what the next update costs."""
        full = next((entry.calls for entry in reversed(rounds) if entry.kind != "update" and entry.ended), 0)
        return f"one call for each folder that changed, and a few for users and events (a full walk: about {full:,} calls)"

    def doubts(self, manifest: Manifest, ended: list[Round]) -> list[tuple[str, str, int | None]]:
        """Return what updates cannot learn from events, with the calls of a full walk."""
        found = super().doubts(manifest, ended)
        if ended[-1].kind != "update":
            return found
        full = next((entry.calls for entry in reversed(ended) if entry.kind != "update"), None)
        return [*found, *((what, why, full) for what, why in UNREPORTED)]


UNREPORTED = (
    (
        "size and modified time of folders above a change",
        "the event names only the folder that contains the item",
    ),
    ("descriptions, tags, folder settings and times set by a program", "Box has no event for them"),
    ("names of owners and of users who changed an item", "a renamed user does not change the item"),
    ("downloads and previews counted by a shared link", "Box counts them without changing the item"),
    (
        "content of other companies",
        "their users' actions are in the events of their enterprise, not of yours",
    ),
    (
        "content of users who left or of other companies that is shared with a group",
        "the event does not name everyone who gains or loses access",
    ),
    ("items that were moved to the folder where they already are", "Box has no event for it"),
    ("content that was given to another user together with the account", "Box has no event for it"),
    ("changes that arrive more than 48 hours late", "an update reads only the last 48 hours again"),
)
"""The kinds of change that no event reports: what, and why. A full walk finds them all."""


def microseconds_of(span: pd.Timedelta) -> int:
    """Return a span in microseconds."""
    return int(span // pd.Timedelta("1us"))


def _not_listed(
    rows: pd.DataFrame, current: Round, notes: dict[str, dict[str, str]], skipped: list[dict[str, Any]]
) -> Any:
    """Return a mask of the earlier rows whose folder was not listed in this round."""
    listed = set(notes.get("listed", {}))
    folders = set(rows.loc[rows["type"] == "folder", "id"].dropna())
    is_top = ~rows["parent_id"].isin(folders)
    refused = {entry.get("as_user") for entry in skipped if entry.get("id") == ROOT}
    # A full walk lists the top level of every user who is still there.
    tops = (
        rows["seen_as"].isin(refused)
        if current.arguments["full"]
        else ~("top " + rows["seen_as"]).isin(listed)
    )
    return np.where(is_top, tops, ~rows["parent_id"].isin(listed))


def _without_lost(rows: pd.DataFrame, earlier: set[str]) -> pd.DataFrame:
    """Drop the rows in folders that existed before and are gone, and everything below them."""
    while True:
        folders = set(rows.loc[rows["type"] == "folder", "id"].dropna())
        lost = rows["parent_id"].isin(earlier - folders)
        if not lost.any():
            return rows
        rows = rows[~lost].reset_index(drop=True)


def _move_to_top_level(rows: pd.DataFrame) -> None:
    """Place earlier items whose folder nobody sees any longer where a walk finds them: on a user's top level."""
    seen = set(rows.loc[rows["type"] == "folder", "id"].dropna()) | {ROOT}
    hidden = rows["is_old"] & rows["parent_id"].notna() & ~rows["parent_id"].isin(seen)
    if hidden.any():
        on_top = rows.loc[rows["parent_id"] == ROOT, "parent_name"].dropna()
        rows["parent_id"] = rows["parent_id"].astype("str").mask(hidden, ROOT)
        name = on_top.iloc[0] if len(on_top) else None
        rows["parent_name"] = rows["parent_name"].astype("str").mask(hidden, name)


def _update_parent_names(rows: pd.DataFrame) -> None:
    """Take the names of parent folders from their own rows: a renamed folder does not change the items in it."""
    folders = rows[(rows["type"] == "folder") & rows["id"].notna()].drop_duplicates("id")
    names = rows["parent_id"].map(dict(zip(folders["id"], folders["name"], strict=True)))
    rows["parent_name"] = names.where(names.notna(), rows["parent_name"]).astype("str")
