"""A folder tree that fetches a folder when it is opened: a thin view over :class:`boxnb.widgets.tree_state.Branches`.

Front end to kernel, custom messages: ``{"type": "open", "id": ..., "view": ...}``, answered by "children" (one or more) or
"failed" with the same ``view``, for all views of the widget hear them;
``{"type": "choose", "kind": ..., "id": ..., "more": false}``, answered by "chosen".
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
from boxnb.widgets.tree_state import Branches, from_box, from_frame

if TYPE_CHECKING:
    from boxnb.box import Box

_HERE = Path(__file__).parent


class Folders(anywidget.AnyWidget):
    """The tree; ``.selected`` is a DataFrame of what was chosen in it."""

    _esm = javascript.joined(_HERE / "tree_view.js")
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
        """The chosen items; where none was chosen, all that were loaded."""
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
        return "A folder tree; this front end cannot show it, see .selected"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for pages without a kernel what was loaded as plain HTML."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            some = self.branches.selected
            columns = [name for name in ("type", "name", "size", "modified_at") if name in some]
            first = some[columns].head(FALLBACK_ROWS)
            if "size" in first:
                first = first.assign(
                    size=pd.Series(texts(first["size"], "bytes"), index=first.index, dtype="str")
                )
            data["text/html"] = export.table_html(first, of=len(some))
            data["text/plain"] = repr(self)
        return bundle


def folders(source: Box | pd.DataFrame, *, root: str = "0", as_user: str | None = None) -> Folders:
    """
    Show a folder tree to open, search and choose from.

    Parameters
    ----------
    source : Box or DataFrame
        A Box fetches each folder when it is opened, one call for up to 1000 items; a frame from ``reports.content`` or ``box.tree``
        costs none.
    root : str
        Where to begin.
    as_user : str, optional
        Look as this user; for a Box.

    Returns
    -------
    Folders
        ``.selected`` is a DataFrame of what was chosen.
    """
    root = ids.one(root, "root", "folder")
    pages = from_frame(source) if isinstance(source, pd.DataFrame) else from_box(source, as_user)
    branches = Branches(pages, root)
    for _ in branches.open(root):
        pass  # the first level is there before the tree is on screen
    return Folders(branches, "All content" if isinstance(source, pd.DataFrame) else "All Files")
