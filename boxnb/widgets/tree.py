"""A folder tree that fetches a folder when it is opened: a thin view over :class:`boxnb.widgets.tree_state.Branches`.

Custom messages from the front end to the kernel::

    {"type": "open", "id": ..., "view": ...}                       replies: one or more "children", or "failed"
    {"type": "choose", "kind": ..., "id": ..., "more": false}      reply: "chosen"

The replies to "open" repeat ``view``, because every view of the widget receives them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import pandas as pd
import traitlets

from boxnb import export
from boxnb.api import ids
from boxnb.widgets import javascript
from boxnb.widgets.table import FALLBACK_ROWS
from boxnb.widgets.table_state import texts
from boxnb.widgets.text import ALL_CONTENT, ALL_FILES, FOLDER_TREE, with_fallback
from boxnb.widgets.tree_state import Branches, from_box, from_frame

if TYPE_CHECKING:
    from boxnb.box import Box

_HERE = Path(__file__).parent


class Folders(anywidget.AnyWidget):
    """The widget of a folder tree. ``.selected`` is a DataFrame of the chosen items."""

    _esm = javascript.join_modules(_HERE / "tree_view.js")
    _css = (_HERE / "tree.css").read_text(encoding="utf-8")
    root = traitlets.Unicode("0").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)

    def __init__(self, branches: Branches, label: str) -> None:
        self.branches = branches
        self.on_choice: Callable[[], None] | None = None
        super().__init__(root=branches.root, label=label)
        self.on_msg(self._on_message)

    @property
    def selected(self) -> pd.DataFrame:
        """The chosen items. If none is chosen, all loaded items."""
        return self.branches.selected

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        match content.get("type"):
            case "open":
                for message in self.branches.open(str(content["id"])):
                    self.send(message | {"view": content.get("view")})
            case "choose":
                self.branches.choose(str(content["kind"]), str(content["id"]), more=bool(content.get("more")))
                self.send(
                    {"type": "chosen", "keys": [f"{kind} {item}" for kind, item in self.branches.chosen]}
                )
                if self.on_choice is not None:
                    self.on_choice()

    def __repr__(self) -> str:
        return FOLDER_TREE

    def fallback(self) -> str:
        """Return the first rows of ``selected`` as plain HTML."""
        items = self.branches.selected
        columns = [name for name in ("type", "name", "size", "modified_at") if name in items]
        preview = items[columns].head(FALLBACK_ROWS)
        if "size" in preview:
            sizes = pd.Series(texts(preview["size"], "bytes"), index=preview.index, dtype="str")
            preview = preview.assign(size=sizes)
        return export.table_html(preview, of=len(items))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**options), self.fallback(), repr(self))


def folders(source: Box | pd.DataFrame, *, root: str = "0", as_user: str | None = None) -> Folders:
    """
    Show a folder tree where the user can open folders, search, and choose items.

    Parameters
    ----------
    source : Box or DataFrame
        With a Box, each folder is fetched when it is opened, with one call per 1000 items. A DataFrame from
        ``reports.content`` or ``box.tree`` needs no call.
    root : str
        The folder at the top of the tree.
    as_user : str, optional
        See what this user sees. Only with a Box.

    Returns
    -------
    Folders
        ``.selected`` is a DataFrame of the chosen items.
    """
    root = ids.one(root, "root", "folder")
    pages = from_frame(source) if isinstance(source, pd.DataFrame) else from_box(source, as_user)
    branches = Branches(pages, root)
    for _ in branches.open(root):
        pass  # loads the first level before the tree is shown
    return Folders(branches, ALL_CONTENT if isinstance(source, pd.DataFrame) else ALL_FILES)
