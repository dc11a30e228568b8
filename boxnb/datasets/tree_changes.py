"""Detect changes during a tree walk. Each item appears once, under the last path its folder was seen at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BoxNotebookError
from ..frames.ancestors import ancestors
from ..frames.pages import NAMELESS, Page, at, loads, paging_of, value_of
from .paging import by_position
from .pull import warn

if TYPE_CHECKING:
    import pandas as pd

    from .pull import Pull

LONG = 100
"""Folders above which a walk takes long enough for items to move. A shorter walk spends no calls on watching."""


class Watch:
    """Watches the user's own event stream for changes during a walk, at the cost of two calls, or more after many changes.

    The stream shows at once every change that this user may see (Box guide *User events*). If it cannot be read, the
    walk continues, and ``attrs["watched"]`` says why.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._position: str | None = None
        pull.attrs |= {"moved": [], "changed": [], "watched": False}

    def begin(self) -> None:
        """Watch from now on. Only the first call has an effect."""
        if self._position is not None:
            return
        self._position = ""
        try:
            content = self._pull.fetch("/events", stream_position="now", limit=1, stream_type="changes")
            self._position = paging_of(content).stream_position or ""
            if not self._position:
                self._pull.attrs["watched"] = "The server gave no stream position to watch events from."
        except BoxNotebookError as error:
            self._pull.attrs["watched"] = str(error)

    def end(self) -> None:
        """Stop watching and put the changes into ``attrs["changed"]``, oldest first."""
        if not self._position:
            return
        changes: dict[str, dict[str, Any]] = {}
        watched: bool | str = True

        def take(content: bytes) -> Page:
            page = paging_of(content)
            for entry in loads(content)["entries"] if page.rows else ():
                event_id = value_of(at(entry, ("event_id",)), "text")[0]
                if isinstance(entry, dict):  # by id, because the stream repeats events
                    changes.setdefault(event_id or f"without an id {len(changes)}", _change(entry))
            return page

        try:
            turning = by_position(
                self._pull.fetch, take, "/events", position=self._position, stream_type="changes"
            )
            while True:
                next(turning)
        except StopIteration as end:
            watched = end.value or True
        except BoxNotebookError as error:
            self._pull.attrs["watched"] = str(error)
            return
        changed = sorted(changes.values(), key=lambda change: str(change["at"]))
        self._pull.attrs |= {"watched": watched, "changed": changed}


_SOURCES = {
    "event": ("event_type",),
    "at": ("created_at",),
    "type": ("source", "type"),
    "id": ("source", "id"),
    "name": ("source", "name"),
    "parent_id": ("source", "parent", "id"),
}


def _change(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value_of(at(entry, source), "text")[0] for name, source in _SOURCES.items()}


def with_final_paths(frame: pd.DataFrame, folder_id: str) -> pd.DataFrame:
    """Return a walk's DataFrame with each item once, at its last path, and the ids of moved items in ``attrs["moved"]``.

    ``attrs["changed"]`` is reduced to the changes that concern this walk.
    """
    attrs = frame.attrs
    key = frame["type"].astype("str") + " " + frame["id"]
    repeated = key.duplicated(keep="last") & key.notna()  # rows without an id are not duplicates
    seen_twice = set(frame.loc[repeated, "id"])
    if repeated.any():
        frame = frame[~repeated].reset_index(drop=True)
        _update_paths(frame)
    changed = attrs["changed"]
    if changed:
        walked = {folder_id, *frame["id"]}
        changed = [change for change in changed if change["id"] in walked or change["parent_id"] in walked]
    moved = seen_twice | {change["id"] for change in changed if change["event"] == "ITEM_MOVE"}
    frame.attrs.update({**attrs, "changed": changed, "moved": sorted(moved)})
    if moved:
        warn(
            f"{len(moved)} items moved during this walk, see attrs['moved']. They and everything below them may be missing "
            "or have their old path. Walk those folders again."
        )
    return frame


def _update_paths(frame: pd.DataFrame) -> None:
    """Compute ``path`` and ``depth`` again, from where the folders were seen last."""
    folders = frame[(frame["type"] == "folder") & frame["id"].notna()]
    names = dict(zip(folders["id"], folders["name"].fillna(NAMELESS), strict=True))
    parents = {
        item: None if depth == 1 else parent
        for item, parent, depth in zip(folders["id"], folders["parent_id"], folders["depth"], strict=True)
    }
    paths: dict[Any, list[str]] = {}
    below_top = frame["depth"] > 1
    for parent in frame.loc[below_top, "parent_id"].unique():
        chain = ancestors(parent, parents)
        if chain and parents[chain[-1]] is None:  # otherwise the folders are no longer connected to the top
            paths[parent] = [names[folder] for folder in reversed(chain)]
    known = below_top & frame["parent_id"].isin(list(paths))
    frame.loc[known, "path"] = frame.loc[known, "parent_id"].map(lambda parent: "/".join(paths[parent]))
    frame.loc[known, "depth"] = frame.loc[known, "parent_id"].map(lambda parent: len(paths[parent]) + 1)
