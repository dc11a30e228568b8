"""The folders above some items, read as their owner, because anyone else sees only a part of the path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from boxnb.datasets import people
from boxnb.datasets.pull import Pull, is_refusal, run_pull
from boxnb.datasets.seen_by_many import ownership_of
from boxnb.errors import ApiError
from boxnb.frames import schema
from boxnb.frames.pages import at, loads
from boxnb.frames.schema import Column

from .enterprise import SEEN_AS

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

COLUMNS = (*schema.ITEMS, Column("path_collection", "skip"))
HIDDEN = "only the owner can see the folders above it, and boxnb cannot act as that user"
REFUSED = "the folders above it were read as another user than its owner, so some may be missing"


class _Start(NamedTuple):
    """An item to start from, the user who can see it, and the user who owns it."""

    type: str
    id: str
    viewer: str | None
    owner: str | None


def folders_above(box: Connection, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """
    Return the folders above the topmost of some items, one row each.

    Each topmost folder takes one call, and so does each folder above it. They are read as their owner if possible, because
    the path that Box returns to anyone else begins where that user's own access begins.

    Parameters
    ----------
    box : Box
    items : DataFrame
        The columns ``type``, ``id``, ``parent_id``, ``owned_by_id`` and ``seen_as``.
    users : DataFrame
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`, then ``seen_as`` and ``ownership``. ``attrs["skipped"]`` lists the
        items whose paths are not known completely.
    """
    active = set(users.loc[users["status"] != "inactive", "id"])

    def work(pull: Pull) -> None:
        me = (box.profile.account or {}).get("id") or people.me(box)["id"].iloc[0]
        reader = _Reader(pull, me)
        for start in _starts(items, me):
            viewer = start.viewer or me
            if start.owner is not None and start.owner in active:
                chain = reader.chain(start, start.owner)
                if chain is None and viewer != start.owner:
                    chain = reader.chain(start, viewer)
                    pull.record_missing(REFUSED, id=start.id)
            else:
                chain = reader.chain(start, viewer)
                pull.record_missing(HIDDEN, id=start.id)
            if chain is None:
                pull.record_missing("the folder above it could not be read", id=start.id)

    frame = run_pull(box, "folders above", COLUMNS, {"items": len(items)}, work, computed=SEEN_AS)
    frame["ownership"] = ownership_of(frame["owned_by_id"], active, set(users["id"]))
    return frame


def _starts(items: pd.DataFrame, me: str) -> list[_Start]:
    """Return where to start: the folders that contain the topmost items, or the items themselves at a user's top level."""
    folder_ids = set(items.loc[items["type"] == "folder", "id"])
    top = items[~items["parent_id"].isin(folder_ids) & items["id"].notna()]
    starts: dict[tuple[str, str], _Start] = {}
    columns = ("type", "id", "parent_id", "owned_by_id", "seen_as")
    values = (top[name].astype("object").where(top[name].notna(), None) for name in columns)
    for item_type, item_id, parent, owner, viewer in zip(*values, strict=True):
        if parent not in (None, "0"):
            starts.setdefault(("folder", parent), _Start("folder", parent, viewer, owner))
        elif owner != (viewer or me):
            starts.setdefault((item_type, item_id), _Start(item_type, item_id, viewer, owner))
    return list(starts.values())


class _Reader:
    """Reads folders as a user, each once."""

    def __init__(self, pull: Pull, me: str) -> None:
        self._pull, self._me = pull, me
        self._read: set[str] = set()

    def chain(self, start: _Start, user: str) -> list[str] | None:
        """Read an item and the folders above it as a user. Return their ids, or ``None`` if Box refuses the item."""
        try:
            document = self._get(start.type, start.id, user)
        except ApiError as error:
            if not is_refusal(error):
                raise
            return None
        entries = at(document, ("path_collection", "entries")) or []
        folders = [str(at(entry, ("id",))) for entry in entries if at(entry, ("id",)) not in (None, "0")]
        for folder in folders:
            if folder not in self._read:
                try:
                    self._get("folder", folder, user)
                except ApiError as error:
                    if not is_refusal(error):
                        raise
                    self._pull.record_missing(error.code or type(error).__name__, id=folder, as_user=user)
        return folders

    def _get(self, item_type: str, item_id: str, user: str) -> Any:
        fields = f"{schema.fields(COLUMNS)},path_collection"
        as_user = None if user == self._me else user
        content = self._pull.fetch(f"/{item_type}s/{item_id}", as_user=as_user, fields=fields)
        document = loads(content)
        if item_type == "folder" and item_id not in self._read:
            self._read.add(item_id)
            self._pull.take(b'{"entries":[' + content + b"]}", user)
        return document
