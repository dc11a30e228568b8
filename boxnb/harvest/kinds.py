"""What can be harvested: for each dataset, where it starts, what a page opens, and which rows are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..frames import Table, schema
from ..frames.pages import Page, decoded_entries, loose, value_of
from ..frames.schema import Column
from . import parts
from .request import Outcome, Request

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .manifest import Manifest, Round


@dataclass(frozen=True)
class Kind:
    """A dataset, as a harvest fetches it.

    Attributes
    ----------
    name : str
    columns, computed : tuple of Column
        As for :class:`boxnb.frames.Table`.
    key : tuple of str
        The columns that identify a row.
    personal : str
        The personal data in it, for the card.
    appends : bool
        Whether rows never change, so that an update only adds rows.
    unit_cost, certainty : str
        What a page costs, and how certain :meth:`pages_left` is, for the card.
    """

    name: str
    columns: tuple[Column, ...]
    computed: tuple[Column, ...] = ()
    key: tuple[str, ...] = ("id",)
    personal: str = "names and logins"
    appends: bool = False
    unit_cost: str = "One call for every 1000 rows."
    certainty: str = "at least"

    @property
    def fetched(self) -> tuple[Column, ...]:
        """All columns of a fetched part."""
        visible = tuple(column for column in self.columns if column.kind != "skip")
        return (*visible, *self.computed, Column("extra", "text"), *parts.SEEN)

    @property
    def kept(self) -> tuple[Column, ...]:
        """All columns of the rows that are kept."""
        return self.fetched

    @property
    def times(self) -> str | None:
        """The column that the rows are sorted by, if there is one."""
        return "created_at" if self.appends else None

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the requests with which a round starts."""
        raise NotImplementedError

    def again(self, arguments: dict[str, Any], ranges: list[list[int | None]]) -> list[Request]:
        """Return the requests that fetch the rows of damaged parts again; ``ranges`` are the ranges of their ``created_at``."""
        return self.start(arguments)

    def retried(
        self, arguments: dict[str, Any], refused: list[Request], notes: dict[str, dict[str, str]]
    ) -> list[Request]:
        """Return the requests that fetch what the round before could not read, and add to the ``notes`` of the new round.

        A round that fetches everything does so anyway.
        """
        return []

    def take(self, table: Table, content: bytes, request: Request) -> Page:
        """Add a page to a table."""
        return table.add(content)

    def trim(self, table: Table, request: Request, outcome: Outcome) -> None:
        """Drop rows of a page that belong to another request."""
        outcome.rows = table.rows

    def opens(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        """Return the requests that follow from the entries of a page."""
        return []

    def next_page(self, request: Request, following: Any, outcome: Outcome) -> list[Request]:
        """Return the request for the page after this one."""
        listing = request.key.partition("@")[0]
        return [request._replace(at=following, key=f"{listing}@{following}", id=0)]

    def agree(self, outcome: Outcome, now: Request, rows: pa.Table) -> pa.Table:
        """Apply to a finished page what the driver changed in its request while it was fetched; return the rows to keep."""
        return rows

    def chain(self, request: Request) -> str:
        """Return what connects the pages of one listing whose rows are in order of time; empty if the order does not matter."""
        return ""

    def divide(self, requests: list[Request]) -> tuple[Request, Request] | None:
        """Split one of these requests, so that a further page can be fetched at the same time; ``None`` if none is worth splitting."""
        return None

    def round_arguments(
        self, arguments: dict[str, Any], now: int, previous: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Return the arguments of a new round: those of the harvest, and what follows from the ``previous`` round."""
        return dict(arguments)

    def settled(
        self,
        found: pa.Table,
        old: pa.Table,
        current: Round,
        notes: dict[str, dict[str, str]],
        skipped: list[dict[str, Any]],
    ) -> pa.Table:
        """Return the rows after a round, each once: those ``found``, and the ``old`` ones that it could not see."""
        keys = self.keys(found)
        ids = found.column(self.key[-1]).to_pandas().astype("object").fillna("")
        # Ids are numbers as text: the shorter is the smaller. The order is the same whichever page arrived first.
        order = np.lexsort((keys.astype("str"), ids, ids.str.len()))
        once = found.take(pa.array(order)).filter(pa.array(~keys[order].duplicated()))
        stays = ~self.keys(old).isin(keys) & self.unseen(old, skipped)
        return pa.concat_tables([once, old.filter(pa.array(stays))])

    def keys(self, rows: pa.Table) -> pd.Index:
        """Return what identifies each row. A row without an id is identified by all its values, and counted if others equal it."""
        columns = [rows.column(name).to_pandas().astype("object") for name in self.key]
        keys = columns[0] if len(columns) == 1 else columns[0].astype("str") + " " + columns[1].astype("str")
        equal: Counter[str] = Counter()
        for row in np.flatnonzero(keys.isna().to_numpy()):
            entry = rows.slice(row, 1).drop_columns([column.name for column in parts.SEEN]).to_pylist()[0]
            equal[str(entry)] += 1
            keys.iloc[row] = f"without an id: {entry} {equal[str(entry)]}"
        index: pd.Index = pd.Index(keys, dtype="object")
        return index

    def unseen(self, rows: pa.Table, skipped: list[dict[str, Any]]) -> Any:
        """Return a mask of earlier rows that a round could not see, so that it cannot tell whether they are gone."""
        return np.full(len(rows), bool(skipped))

    def finished(self, request: Request) -> list[tuple[str, str, str]]:
        """Return the notes for a listing that has been fetched to its end."""
        return []

    def is_harmless(self, request: Request, status: int) -> bool:
        """Return whether a refusal does not make the harvest incomplete."""
        return False

    def further(
        self, current: Round, notes: dict[str, dict[str, str]], old: pa.Table, fetched: pa.Table
    ) -> list[Request]:
        """Return requests that follow from all pages of a round together. Requests that the round already has are ignored."""
        return []

    def pages_left(self, requests: list[Request], waiting: int) -> int:
        """Return how many pages are left, as far as boxnb knows."""
        return waiting

    def update_cost(self, box: Connection, rounds: list[Round]) -> str:
        """Return what the next update costs, for the card."""
        calls = next((entry.calls for entry in reversed(rounds) if entry.ended is not None), 0)
        return f"about {calls:,} call{'s' * (calls != 1)}: everything is fetched again and compared"

    def doubts(self, manifest: Manifest, ended: list[Round]) -> list[tuple[str, str, int | None]]:
        """Return what a harvest of this dataset cannot know: what, why, and the calls that would settle it."""
        skipped = len(manifest.skipped(ended[-1].id))
        return [
            (f"{skipped:,} listings", "the server refused them, or may not have returned every entry", None)
        ] * bool(skipped)

    def remembered(self, current: Round, notes: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
        """Return the notes of a round that the next one needs."""
        return []

    def of_skipped(self, rows: pa.Table, column: str, skipped: list[dict[str, Any]], name: str = "id") -> Any:
        """Return a mask of the rows that belong to a skipped listing; all rows, if it is not known which listing."""
        ids = [entry.get(name) for entry in skipped]
        if None in ids:
            return np.full(len(rows), fill_value=True)
        return rows.column(column).to_pandas().isin(ids).to_numpy()


class Users(Kind):
    """The users of the enterprise, one call for every 1000."""

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the request for the first page of users."""
        params = {"user_type": arguments.get("user_type", "managed"), "fields": schema.fields(schema.USERS)}
        return [Request("/users", params=params, key="users")]


class Groups(Kind):
    """The groups of the enterprise. Box does not offer markers for them."""

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the request for the first page of groups."""
        return [Request("/groups", "offset", params={"fields": schema.fields(schema.GROUPS)}, key="groups")]


class _ForEach(Kind):
    """A dataset with one listing for each user or group. The users or groups are listed first."""

    each = ""

    def take(self, table: Table, content: bytes, request: Request) -> Page:
        """Add a page to a table, unless it lists the users or groups themselves."""
        return unread(content) if request.memo.get("lists") else table.add(content)

    def opens(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        """Return one request for each user or group on the page."""
        if not request.memo.get("lists"):
            return []
        return [self.of(item) for item in ids_of(content)]

    def of(self, item: str) -> Request:
        """Return the request for the first page of one user or group."""
        raise NotImplementedError


class Memberships(_ForEach):
    """The memberships of all groups, at least one call for each group."""

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the request for the first page of groups."""
        params = {"fields": schema.fields(schema.GROUPS)}
        return [Request("/groups", "offset", params=params, memo={"lists": True}, key="groups")]

    def of(self, item: str) -> Request:
        """Return the request for the first page of memberships of a group."""
        return Request(f"/groups/{item}/memberships", "offset", key=f"group {item}", memo={"id": item})

    def unseen(self, rows: pa.Table, skipped: list[dict[str, Any]]) -> Any:
        """Return a mask of the memberships of groups that could not be read."""
        return self.of_skipped(rows, "group_id", skipped)


class Trash(_ForEach):
    """The trash of all users, at least one call for each user, made as that user."""

    def take(self, table: Table, content: bytes, request: Request) -> Page:
        """Add a page of a user's trash to a table, with that user's id in ``seen_as``."""
        return unread(content) if request.memo.get("lists") else table.add(content, request.as_user)

    def start(self, arguments: dict[str, Any]) -> list[Request]:
        """Return the request for the first page of users."""
        params = {"user_type": "managed", "fields": "id,status"}
        return [Request("/users", params=params, memo={"lists": True}, key="users")]

    def opens(self, request: Request, content: bytes, outcome: Outcome) -> list[Request]:
        """Return one request for each active user on the page. Nobody can act as a suspended user."""
        if not request.memo.get("lists"):
            return []
        return [self.of(user) for user, status in users_of(content) if status != "inactive"]

    def of(self, item: str) -> Request:
        """Return the request for the first page of a user's trash."""
        fields = {"fields": schema.fields(schema.ITEMS)}
        return Request(
            "/folders/trash/items", params=fields, as_user=item, key=f"trash {item}", memo={"id": item}
        )

    def settled(
        self,
        found: pa.Table,
        old: pa.Table,
        current: Round,
        notes: dict[str, dict[str, str]],
        skipped: list[dict[str, Any]],
    ) -> pa.Table:
        """Return each item once, as its owner sees it if possible."""
        by_owner = pc.fill_null(
            pc.equal(found.column("seen_as"), found.column("owned_by_id")), fill_value=False
        )
        ranked = found.append_column("rank", pc.invert(by_owner)).sort_by(
            [("rank", "ascending"), ("seen_as", "ascending")]
        )
        return super().settled(ranked.drop_columns(["rank"]), old, current, notes, skipped)

    def unseen(self, rows: pa.Table, skipped: list[dict[str, Any]]) -> Any:
        """Return a mask of the items in a trash that could not be read."""
        return self.of_skipped(rows, "seen_as", skipped)


SEEN_AS = (Column("seen_as", "text"),)
"""The id of the user an item was seen as."""


def unread(content: bytes) -> Page:
    """Return a page whose entries are not rows of the dataset."""
    page, entries = loose(content)
    page.rows = len(entries)
    return page


def ids_of(content: bytes) -> list[str]:
    """Return the ids of the entries of a page."""
    return [item for item, _ in users_of(content)]


def users_of(content: bytes) -> list[tuple[str, str]]:
    """Return the id and status of each entry of a page that has an id."""
    found = []
    for entry in decoded_entries(content):
        if isinstance(entry, dict) and (item := value_of(entry.get("id"), "text")[0]):
            found.append((item, str(entry.get("status") or "")))
    return found
