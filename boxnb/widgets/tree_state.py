"""The state of a folder tree in the kernel; `tree_state.js` is the state of one view in the browser.

Each folder is fetched when it is opened. This module can be tested without a widget.
"""

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
from boxnb.widgets.text import bytes_text, incomplete_folder

if TYPE_CHECKING:
    from boxnb.box import Box

TYPE_ORDER = {"folder": 0, "file": 1, "web_link": 2}
Pages = Callable[[str], Iterator[pd.DataFrame]]


def from_box(box: Box, as_user: str | None = None) -> Pages:
    """Return a function that fetches a folder's items page by page, with one call per 1000 items."""
    as_user = ids.as_user(as_user)

    def pages(folder_id: str) -> Iterator[pd.DataFrame]:
        contents: list[bytes] = []

        def fetch(path: str, **params: Any) -> bytes:
            return box.session.get_bytes(path, as_user=as_user, **params)

        def decode_page(content: bytes) -> Page:
            contents.append(content)
            return Table(schema.ITEMS).add(content)

        path = f"/folders/{ids.one(folder_id, 'folder_id', 'folder')}/items"
        listing = by_marker(fetch, decode_page, path, fields=schema.fields(schema.ITEMS))
        while True:
            try:
                next(listing)
            except StopIteration as end:
                if end.value is not None:
                    raise ListingError(incomplete_folder(end.value)) from None
                return
            table = Table(schema.ITEMS)
            table.add(contents.pop())
            yield table.frame()

    return pages


def from_frame(items: pd.DataFrame) -> Pages:
    """Return a function that looks up a folder's items in the result of a walk, without a call to Box."""
    folders = set(items.loc[items["type"] == "folder", "id"])
    parents = items["parent_id"].where(items["parent_id"].isin(folders), "0").astype("str")
    positions = items.groupby(parents).indices

    def pages(folder_id: str) -> Iterator[pd.DataFrame]:
        yield items.iloc[positions.get(folder_id, [])]

    return pages


class Branches:
    """The loaded folders of a tree, and the chosen items.

    Parameters
    ----------
    pages : callable
        Takes a folder's id and yields DataFrames of its items: :func:`from_box` or :func:`from_frame`.
    root : str
        The folder at the top of the tree.
    """

    def __init__(self, pages: Pages, root: str = "0") -> None:
        self._pages = pages
        self.root = root
        self.items: dict[str, pd.DataFrame] = {}
        self._incomplete: set[str] = set()  # folders with failed pages; opening one again fetches it again
        self.chosen: list[tuple[str, str]] = []

    def open(self, folder_id: str) -> Iterator[dict[str, Any]]:
        """Yield messages for the browser: the folder's rows page by page, then "done", or why the listing failed."""
        if folder_id in self.items and folder_id not in self._incomplete:
            yield {"type": "children", "id": folder_id, "rows": _rows(self.items[folder_id]), "done": True}
            return
        frames: list[pd.DataFrame] = []
        try:
            for frame in self._pages(folder_id):
                frames.append(frame)
                yield {"type": "children", "id": folder_id, "rows": _rows(frame), "done": False}
        except BoxNotebookError as error:
            if frames:  # the rows on screen can be chosen
                self._incomplete.add(folder_id)
                self.items[folder_id] = pd.concat(frames, ignore_index=True)
            yield {"type": "failed", "id": folder_id, "why": str(error)}
            return
        self._incomplete.discard(folder_id)
        self.items[folder_id] = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        yield {"type": "children", "id": folder_id, "rows": [], "done": True}

    def choose(self, kind: str, item_id: str, *, more: bool = False) -> None:
        """Choose one item. With ``more``, add it to the chosen items, or remove it from them."""
        item = (kind, item_id)
        if not more:
            self.chosen = [] if self.chosen == [item] else [item]
        elif item in self.chosen:
            self.chosen.remove(item)
        else:
            self.chosen.append(item)

    @property
    def selected(self) -> pd.DataFrame:
        """The chosen items as rows. If none is chosen, all loaded items."""
        frames = list(self.items.values())
        if not frames:
            return pd.DataFrame()
        loaded = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        if not self.chosen:
            return loaded.reset_index(drop=True)
        keys = pd.MultiIndex.from_arrays([loaded["type"].astype("str"), loaded["id"].astype("str")])
        return loaded[keys.isin(self.chosen)].reset_index(drop=True)


def _rows(frame: pd.DataFrame) -> list[list[str]]:
    """Return the type, id, name, size and date of each item, folders first, then by name."""
    if frame.empty:
        return []
    sizes = ["" if pd.isna(size) else bytes_text(float(size)) for size in frame["size"].astype("object")]
    dates = [time or "" for time in time_texts(frame["modified_at"], "D", suffix="")]
    types, names = frame["type"].astype("str"), frame["name"].astype("str").fillna(NAMELESS).str[:300]
    rows = [list(row) for row in zip(types, frame["id"].astype("str"), names, sizes, dates, strict=True)]
    return sorted(rows, key=lambda row: (TYPE_ORDER.get(row[0], 3), row[2].casefold()))
