"""The state of a folder tree: what is known of each folder, fetched when it is opened. No widget is needed to test it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.api import ids
from boxnb.datasets.paging import by_marker
from boxnb.errors import BoxNotebookError, ListingError
from boxnb.frames import Table, schema
from boxnb.frames.cells import time_texts
from boxnb.frames.pages import NAMELESS, Page
from boxnb.widgets.table_state import bytes_text

if TYPE_CHECKING:
    from boxnb.box import Box

ORDER = {"folder": 0, "file": 1, "web_link": 2}
Pages = Callable[[str], Iterator[pd.DataFrame]]


def from_box(box: Box, as_user: str | None = None) -> Pages:
    """One call for each opened folder (and one more for each further 1000 items), page by page as they come."""
    as_user = ids.as_user(as_user)

    def pages(folder_id: str) -> Iterator[pd.DataFrame]:
        found: list[bytes] = []

        def fetch(path: str, **params: Any) -> bytes:
            return box.session.get_bytes(path, as_user=as_user, **params)

        def take(content: bytes) -> Page:
            found.append(content)
            return Table(schema.ITEMS).add(content)

        path = f"/folders/{ids.one(folder_id, 'folder_id', 'folder')}/items"
        turning = by_marker(fetch, take, path, fields=schema.fields(schema.ITEMS))
        while True:
            try:
                next(turning)
            except StopIteration as end:
                if end.value is not None:
                    raise ListingError(f"{end.value}, so there may be more in this folder.") from None
                return
            table = Table(schema.ITEMS)
            table.add(found.pop())
            yield table.frame()

    return pages


def from_frame(items: pd.DataFrame) -> Pages:
    """Out of a walk that is there already: no call."""
    known = set(items.loc[items["type"] == "folder", "id"])
    above = items["parent_id"].where(items["parent_id"].isin(known), "0").astype("str")
    places = items.groupby(above).indices

    def pages(folder_id: str) -> Iterator[pd.DataFrame]:
        yield items.iloc[places.get(folder_id, [])]

    return pages


class Branches:
    """What a tree knows.

    Parameters
    ----------
    pages : callable
        A folder's id to frames of its items: :func:`from_box` or :func:`from_frame`.
    root : str
        Where the tree begins.
    """

    def __init__(self, pages: Pages, root: str = "0") -> None:
        self._pages = pages
        self.root = root
        self.items: dict[str, pd.DataFrame] = {}
        self._parts: set[str] = (
            set()
        )  # folders of which only some pages came; opened again, they are asked for again
        self.chosen: list[tuple[str, str]] = []

    def open(self, folder_id: str) -> Iterator[dict[str, Any]]:
        """Messages for the browser: the folder's rows page by page, then that this is all, or one sentence why not."""
        if folder_id in self.items and folder_id not in self._parts:
            yield {"type": "children", "id": folder_id, "rows": _rows(self.items[folder_id]), "done": True}
            return
        held: list[pd.DataFrame] = []
        try:
            for frame in self._pages(folder_id):
                held.append(frame)
                yield {"type": "children", "id": folder_id, "rows": _rows(frame), "done": False}
        except BoxNotebookError as error:
            if held:  # what is on the screen can be chosen
                self._parts.add(folder_id)
                self.items[folder_id] = pd.concat(held, ignore_index=True)
            yield {"type": "failed", "id": folder_id, "why": str(error)}
            return
        self._parts.discard(folder_id)
        whole = pd.concat(held, ignore_index=True) if len(held) != 1 else held[0]
        self.items[folder_id] = whole
        yield {"type": "children", "id": folder_id, "rows": [], "done": True}

    def choose(self, kind: str, item_id: str, *, more: bool = False) -> None:
        """Choose one item, or add it to those chosen (or take it out again)."""
        one = (kind, item_id)
        if not more:
            self.chosen = [] if self.chosen == [one] else [one]
        elif one in self.chosen:
            self.chosen.remove(one)
        else:
            self.chosen.append(one)

    @property
    def selected(self) -> pd.DataFrame:
        """The chosen items as rows; where none was chosen, all that were loaded."""
        known = list(self.items.values())
        if not known:
            return pd.DataFrame()
        whole = known[0] if len(known) == 1 else pd.concat(known, ignore_index=True)
        if not self.chosen:
            return whole.reset_index(drop=True)
        keys = pd.MultiIndex.from_arrays([whole["type"].astype("str"), whole["id"].astype("str")])
        return whole[keys.isin(self.chosen)].reset_index(drop=True)


def _rows(frame: pd.DataFrame) -> list[list[str]]:
    """Kind, id, name, size and date of each, folders first, by name."""
    if frame.empty:
        return []
    sizes = ["" if pd.isna(size) else bytes_text(float(size)) for size in frame["size"].astype("object")]
    dates = [time or "" for time in time_texts(frame["modified_at"], "D", mark="")]
    kinds, names = frame["type"].astype("str"), frame["name"].astype("str").fillna(NAMELESS).str[:300]
    rows = [list(row) for row in zip(kinds, frame["id"].astype("str"), names, sizes, dates, strict=True)]
    return sorted(rows, key=lambda row: (ORDER.get(row[0], 3), row[2].casefold()))
