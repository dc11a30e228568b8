"""What moved while a walk went on: told, each item once, every row under the place its folder was met last."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from .errors import BoxNotebookError
from .paging import by_position
from .records import Page, paging_of

if TYPE_CHECKING:
    import pandas as pd

    from .pull import Pull

LONG = 100
"""Folders from which on a walk takes long enough for things to move; a shorter one spends no call on asking."""


class Watch:
    """Asks the user's own event stream what changed between two moments of a walk: two calls, more where much did.

    It tells at once of everything this user may see (Box guide *User events*). Where it does not answer the walk
    goes on, and ``attrs["watched"]`` says why.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._position: str | None = None
        pull.attrs |= {"moved": [], "changed": [], "watched": False}

    def begin(self) -> None:
        """From here on; only the first time counts."""
        if self._position is not None:
            return
        self._position = ""
        try:
            content = self._pull.fetch("/events", stream_position="now", limit=1, stream_type="changes")
            self._position = paging_of(content).stream_position or ""
        except BoxNotebookError as error:
            self._pull.attrs["watched"] = str(error)

    def end(self) -> None:
        """Up to here: the changes stand in ``attrs["changed"]``, oldest first."""
        if not self._position:
            return
        found: dict[str, dict[str, Any]] = {}

        def take(content: bytes) -> Page:
            page = paging_of(content)
            for entry in json.loads(content)["entries"] if page.rows else ():
                if isinstance(entry, dict):
                    found.setdefault(str(entry.get("event_id")), _change(entry))  # the stream repeats itself
            return page

        try:
            for _ in by_position(
                self._pull.fetch, take, "/events", position=self._position, stream_type="changes"
            ):
                pass
        except BoxNotebookError as error:
            self._pull.attrs["watched"] = str(error)
            return
        changed = sorted(found.values(), key=lambda change: str(change["at"]))
        self._pull.attrs |= {"watched": True, "changed": changed}


def _change(entry: dict[str, Any]) -> dict[str, Any]:
    source = entry.get("source") or {}
    parent = source.get("parent") or {}
    return {
        "event": entry.get("event_type"),
        "at": entry.get("created_at"),
        "type": source.get("type"),
        "id": source.get("id"),
        "name": source.get("name"),
        "parent_id": parent.get("id"),
    }


def settled(frame: pd.DataFrame, folder_id: str) -> pd.DataFrame:
    """A walk's frame with each item once, where it was met last, and what moved in ``attrs["moved"]``.

    ``attrs["changed"]`` keeps what concerns this walk only.
    """
    attrs = frame.attrs
    twice = (frame["type"].astype("str") + " " + frame["id"]).duplicated(keep="last")
    met_twice = set(frame.loc[twice, "id"])
    if twice.any():
        frame = frame[~twice].reset_index(drop=True)
        _place(frame)
    changed = attrs["changed"]
    if changed:
        here = {folder_id, *frame["id"]}
        changed = [each for each in changed if each["id"] in here or each["parent_id"] in here]
    moved = met_twice | {each["id"] for each in changed if each["event"] == "ITEM_MOVE"}
    frame.attrs.update({**attrs, "changed": changed, "moved": sorted(moved)})
    if moved:
        warnings.warn(
            f"{len(moved)} items moved while this walk went on, see attrs['moved']: they and what lies below them "
            "may stand at their old place or be missing; walk those folders again.",
            stacklevel=3,
        )
    return frame


def _place(frame: pd.DataFrame) -> None:
    """``path`` and ``depth`` again, from the folders as they were met last."""
    folders = frame[frame["type"] == "folder"]
    above = {
        each: (None if depth == 1 else parent, name)
        for each, parent, name, depth in zip(
            folders["id"], folders["parent_id"], folders["name"], folders["depth"], strict=True
        )
    }
    names: dict[str, list[str] | None] = {}

    def way(folder: str) -> list[str] | None:
        """Names from the top to a folder; None where the folders no longer hang together."""
        chain: list[str] = []
        here: str | None = folder
        while here is not None:
            if here in chain or here not in above:
                return None
            chain.append(here)
            here = above[here][0]
        return [above[each][1] for each in reversed(chain)]

    deep = frame["depth"] > 1
    for parent in frame.loc[deep, "parent_id"].unique():
        names[parent] = way(parent)
    known = deep & frame["parent_id"].map(lambda parent: names.get(parent) is not None)
    frame.loc[known, "path"] = frame.loc[known, "parent_id"].map(lambda parent: "/".join(names[parent] or ()))
    frame.loc[known, "depth"] = frame.loc[known, "parent_id"].map(lambda parent: len(names[parent] or ()) + 1)
