"""Collaborations and shared links: harvests that are made from the harvest of the content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..datasets.sharing import LINK_COLUMNS
from ..frames import Table, schema
from ..frames.pages import Page
from ..frames.schema import Column
from . import parts
from .kinds import Kind
from .request import Request

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .manifest import Round

REQUESTED = (Column("asked_type", "text"), Column("asked_id", "text"), Column("asked_depth", "integer"))
"""The item whose collaborations were listed. Box repeats a collaboration for every folder below the one it was made for."""

LINKS = tuple(column for column in schema.ITEMS if column.name in LINK_COLUMNS)


@dataclass(frozen=True)
class Derived(Kind):
    """A harvest that is made from the rows of another one."""

    source: str = "content"

    def start_from(self, arguments: dict[str, Any], rows: pa.Table) -> list[Request]:
        """Return the requests with which a round starts, from the rows of the source."""
        return []

    def copied(self, rows: pa.Table) -> pa.Table | None:
        """Return the rows that need no call, without the columns of times; ``None`` if there are none."""
        return None


class Collaborations(Derived):
    """The collaborations on all folders, one call for each folder that an active user can see."""

    def start_from(self, arguments: dict[str, Any], rows: pa.Table) -> list[Request]:
        """Return a request for each folder and, with ``files``, for each file that Box flags as having collaborators."""
        types, flags = rows.column("type"), pc.fill_null(rows.column("has_collaborations"), fill_value=True)
        is_folder = pc.equal(types, "folder")
        wanted = pc.and_(is_folder, flags) if arguments.get("flagged") else is_folder
        if arguments.get("files"):
            wanted = pc.or_(wanted, pc.and_(pc.equal(types, "file"), flags))
        chosen = rows.filter(wanted).sort_by(
            [("depth", "ascending"), ("type", "descending"), ("id", "ascending")]
        )
        names = ("type", "id", "depth", "seen_as")
        columns = [chosen.column(name).to_pylist() for name in names]
        return [_collaborations_of(*row) for row in zip(*columns, strict=True) if row[1] is not None]

    def take(self, table: Table, content: bytes, request: Request) -> Page:
        """Add a page to a table, with the item whose collaborations it lists."""
        return table.add(content, request.memo["type"], request.memo["id"], request.memo["depth"])

    def settled(
        self,
        found: pa.Table,
        old: pa.Table,
        current: Round,
        notes: dict[str, dict[str, str]],
        skipped: list[dict[str, Any]],
    ) -> pa.Table:
        """Return each collaboration once, on the highest item that lists it."""
        ordered = found.sort_by([("asked_depth", "ascending"), ("asked_id", "ascending")])
        return super().settled(ordered, old, current, notes, skipped)

    def unseen(self, rows: pa.Table, skipped: list[dict[str, Any]]) -> Any:
        """Return a mask of the collaborations on items that could not be read."""
        return self.of_skipped(rows, "asked_id", skipped)


def _collaborations_of(item_type: str, item: str, depth: int, viewer: str) -> Request:
    """Return the request for the first page of collaborations on an item, as a user who can see it."""
    path = f"/{item_type}s/{quote(item, safe='')}/collaborations"
    params = {"fields": schema.fields(schema.COLLABORATIONS)}
    memo = {"type": item_type, "id": item, "depth": depth}
    return Request(path, params=params, as_user=viewer, memo=memo, key=f"{item_type} {item}")


class SharedLinks(Derived):
    """The shared links on all content. They come with the walk, so they need no further calls."""

    def copied(self, rows: pa.Table) -> pa.Table | None:
        """Return the items that have a shared link."""
        links = rows.filter(rows.column("shared_link_url").is_valid())
        names = [
            column.name for column in self.fetched if column.name not in [seen.name for seen in parts.SEEN]
        ]
        extra = pa.nulls(len(links), pa.large_string())
        return links.set_column(links.column_names.index("extra"), "extra", extra).select(names)

    def unseen(self, rows: pa.Table, skipped: list[dict[str, Any]]) -> Any:
        """Return a mask that selects no row: the harvest of the content decides whether an item is gone."""
        return np.zeros(len(rows), dtype=bool)

    def update_cost(self, box: Connection, rounds: list[Round]) -> str:
        """Return what the next update costs."""
        return "that of the content, see box.harvest('content')"
