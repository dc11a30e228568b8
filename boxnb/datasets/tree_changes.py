"""Detect changes during a tree walk. Each item appears once, at the last path where its folder was listed.

The walk of a whole enterprise follows a different rule, in `seen_by_many`: each item has the path that its owner sees.
"""

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
"""A walk watches for changes if it has more than this number of folders. For a shorter walk, watching is not worth the calls."""


class Watch:
    """Watches the user's own event stream for changes during a walk. This takes two calls, or more after many changes.

    Every change that this user can see is in the stream immediately (Box guide *User events*). If the stream cannot be read,
    the walk continues, and ``attrs["watched"]`` gives the reason.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._position: str | None = None
        pull.attrs |= {"moved": [], "changed": [], "watched": False}

    def begin(self) -> None:
        """Start to watch. Further calls have no effect."""
        if self._position is not None:
            return
        self._position = ""
        try:
            content = self._pull.fetch("/events", stream_position="now", limit=1, stream_type="changes")
            self._position = paging_of(content).stream_position or ""
            if not self._position:
                self._pull.attrs["watched"] = (
                    "The server did not return a stream position, so boxnb cannot watch for changes."
                )
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
                if isinstance(entry, dict):  # keyed by id, because the stream repeats events
                    changes.setdefault(event_id or f"without an id {len(changes)}", _change(entry))
            return page

        try:
            pages = by_position(
                self._pull.fetch, take, "/events", position=self._position, stream_type="changes"
            )
            while True:
                next(pages)
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

    ``attrs["changed"]`` keeps only the changes to items and folders of this walk.
    """
    attrs = frame.attrs
    key = frame["type"].astype("str") + " " + frame["id"]
    repeated = key.duplicated(keep="last") & key.notna()  # rows without an id are not duplicates
    repeated_ids = set(frame.loc[repeated, "id"])
    if repeated.any():
        frame = frame[~repeated].reset_index(drop=True)
        _update_paths(frame)
    changed = attrs["changed"]
    if changed:
        walk_ids = {folder_id, *frame["id"]}
        changed = [
            change for change in changed if change["id"] in walk_ids or change["parent_id"] in walk_ids
        ]
    moved = repeated_ids | {change["id"] for change in changed if change["event"] == "ITEM_MOVE"}
    frame.attrs.update({**attrs, "changed": changed, "moved": sorted(moved)})
    if moved:
        warn(
            f"{len(moved)} items moved during this walk; attrs['moved'] lists them. They and everything below them may be missing "
            "or have their old path. Walk those folders again."
        )
    return frame


def _update_paths(frame: pd.DataFrame) -> None:
    """Compute ``path`` and ``depth`` again from the last listing of each folder."""
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
        if chain and parents[chain[-1]] is None:  # otherwise the chain does not reach the top
            paths[parent] = [names[folder] for folder in reversed(chain)]
    has_path = below_top & frame["parent_id"].isin(list(paths))
    frame.loc[has_path, "path"] = frame.loc[has_path, "parent_id"].map(lambda parent: "/".join(paths[parent]))
    frame.loc[has_path, "depth"] = frame.loc[has_path, "parent_id"].map(lambda parent: len(paths[parent]) + 1)
