"""What moved while a walk went on: told, each item once, every row under the place its folder was met last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BoxNotebookError
from ..frames.pages import NAMELESS, Page, at, loads, paging_of, value_of
from .paging import by_position
from .pull import warn

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
            if not self._position:
                self._pull.attrs["watched"] = "The server gave no position to watch its events from."
        except BoxNotebookError as error:
            self._pull.attrs["watched"] = str(error)

    def end(self) -> None:
        """Up to here: the changes stand in ``attrs["changed"]``, oldest first."""
        if not self._position:
            return
        found: dict[str, dict[str, Any]] = {}
        watched: bool | str = True

        def take(content: bytes) -> Page:
            page = paging_of(content)
            for entry in loads(content)["entries"] if page.rows else ():
                which = value_of(at(entry, ("event_id",)), "text")[0]
                if isinstance(entry, dict):  # the stream repeats itself
                    found.setdefault(which or f"without an id {len(found)}", _change(entry))
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
        changed = sorted(found.values(), key=lambda change: str(change["at"]))
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


def settled(frame: pd.DataFrame, folder_id: str) -> pd.DataFrame:
    """A walk's frame with each item once, where it was met last, and what moved in ``attrs["moved"]``.

    ``attrs["changed"]`` keeps what concerns this walk only.
    """
    attrs = frame.attrs
    key = frame["type"].astype("str") + " " + frame["id"]
    twice = key.duplicated(keep="last") & key.notna()  # what has no id is not a double
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
        warn(
            f"{len(moved)} items moved while this walk went on, see attrs['moved']: they and what lies below them "
            "may stand at their old place or be missing; walk those folders again."
        )
    return frame


def _place(frame: pd.DataFrame) -> None:
    """``path`` and ``depth`` again, from the folders as they were met last."""
    folders = frame[(frame["type"] == "folder") & frame["id"].notna()]
    above = {
        each: (None if depth == 1 else parent, name)
        for each, parent, name, depth in zip(
            folders["id"],
            folders["parent_id"],
            folders["name"].fillna(NAMELESS),
            folders["depth"],
            strict=True,
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
