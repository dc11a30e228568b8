"""An interactive table: a thin view over :class:`boxnb.widgets.table_state.Rows`.

The rows stay in the kernel. The browser holds only the rows that it shows, and asks for others while the user scrolls, so
it needs no more memory for 100,000 rows than for 100. Cells are set as text, never as markup.

Custom messages from the front end to the kernel::

    {"type": "rows", "start": 0, "count": 100, "version": 3}    reply: "rows" with the cells and links
    {"type": "search", "text": ...}  {"type": "filter", "column": ..., "text": ...}  {"type": "sort", "column": ...}
    {"type": "show", "column": ..., "yes": true}  {"type": "choose", "rows": [0, 1]}
    {"type": "file", "kind": "csv"}                  reply: "file", "copy", or "failed" with "why"
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import pandas as pd
import traitlets

from boxnb import export
from boxnb.errors import BoxNotebookError
from boxnb.widgets import javascript
from boxnb.widgets.table_state import Rows, texts
from boxnb.widgets.text import table_summary, with_fallback

if TYPE_CHECKING:
    from boxnb.box import Box

_HERE = Path(__file__).parent
FALLBACK_ROWS = 20
COPY_ROWS = 10_000
WEB = "https://app.box.com"
TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def name_of(frame: pd.DataFrame) -> str:
    """Return the name that this DataFrame has in the notebook, or ``frame`` if it does not have one."""
    from IPython import get_ipython

    shell = get_ipython()
    variables = getattr(shell, "user_ns", {}) if shell is not None else {}
    return next(
        (name for name, value in variables.items() if value is frame and not name.startswith("_")), "frame"
    )


class Table(anywidget.AnyWidget):
    """A DataFrame shown as a table in which the user can sort, filter, search and choose rows.

    Parameters
    ----------
    frame : DataFrame
    box : Box, optional
        If given, each item links to its web page in Box. The sandbox does not have such pages, so its items get no links.
    columns : list of str, optional
        The columns to show at first, in this order. The user can show the others with the *Columns* menu.
    """

    _esm = javascript.join_modules(_HERE / "table_view.js")
    _css = (_HERE / "table.css").read_text(encoding="utf-8")
    shown = traitlets.Dict().tag(sync=True)

    def __init__(
        self, frame: pd.DataFrame, *, box: Box | None = None, columns: list[str] | None = None
    ) -> None:
        self.rows = Rows(frame.reset_index(drop=True), name_of(frame), first=list(columns or []))
        if columns is not None:
            self.rows.hidden = {name for name in self.rows.kinds if name not in columns}
        self.on_choice: Callable[[], None] | None = None
        real_box = box is not None and box.profile.client.server.name == "Box"
        self._web = WEB if real_box else ""
        self._version = 0
        super().__init__(shown=self._view_state())
        self.on_msg(self._on_message)

    @property
    def selected(self) -> pd.DataFrame:
        """The rows chosen in the view. If none is chosen, all rows that are shown, in the order shown."""
        return self.rows.selected

    @property
    def code(self) -> str:
        """The pandas code that returns the same rows as :attr:`selected`."""
        return self.rows.code

    def refresh(self) -> None:
        """Make the browser ask for its rows again."""
        self._version += 1
        self.shown = self._view_state()

    def _view_state(self) -> dict[str, Any]:
        rows = self.rows
        return {
            "version": self._version,
            "columns": [{"name": name, "kind": kind} for name, kind in rows.kinds.items()],
            "visible": rows.visible,
            "total": len(rows.frame),
            "shown": len(rows.order),
            "chosen": sorted(rows.chosen),
            "sort": rows.sort,
            "ascending": rows.ascending,
            "search": rows.search,
            "filters": rows.filters,
            "misread": rows.misread,
            "code": rows.code,
        }

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        rows, column = self.rows, str(content.get("column", ""))
        if column and column not in rows.kinds:
            return
        match content.get("type"):
            case "rows":
                self._send_rows(int(content["start"]), min(int(content["count"]), 500))
                return
            case "search":
                rows.change(search=str(content["text"]))
            case "filter":
                rows.change(filters={**rows.filters, column: str(content["text"])})
            case "sort":
                descending = rows.sort == column and not rows.ascending
                rows.change(sort="" if descending else column, ascending=rows.sort != column)
            case "show":
                rows.hidden = rows.hidden - {column} if content["yes"] else rows.hidden | {column}
            case "choose":
                rows.choose([int(number) for number in content["rows"]])
                self.shown = self._view_state()
                if self.on_choice is not None:
                    self.on_choice()
                return
            case "file":
                self._send_file(str(content["kind"]))
                return
        self.refresh()

    def _send_rows(self, start: int, count: int) -> None:
        links = self._links(start, count)
        self.send(
            {
                "type": "rows",
                "version": self._version,
                "start": start,
                "rows": self.rows.page(start, count),
                "links": links,
            }
        )

    def _links(self, start: int, count: int) -> list[str]:
        """Return the URL of each item's page in Box, or an empty list if no columns identify the item."""
        names = next(
            (
                pair
                for pair in (("item_type", "item_id"), ("type", "id"))
                if set(pair) <= set(self.rows.kinds)
            ),
            None,
        )
        if not self._web or names is None:
            return []
        items = self.rows.frame.iloc[self.rows.order[start : start + count]]
        return [
            f"{self._web}/{item_type}/{item_id}"
            if item_type in ("file", "folder") and str(item_id).isdigit()
            else ""
            for item_type, item_id in zip(items[names[0]].astype("str"), items[names[1]], strict=True)
        ]

    def _send_file(self, kind: str) -> None:
        """Send the visible columns of :attr:`selected` as a file to download, or as text to copy."""
        rows = self.selected[self.rows.visible]
        if kind == "text":
            copied = rows.head(COPY_ROWS)
            columns = (self._clipboard_cells(copied[name], name) for name in copied.columns)
            lines = map("\t".join, zip(*columns, strict=True))
            self.send({"type": "copy", "text": "\n".join(lines), "rows": len(copied), "of": len(rows)})
            return
        if kind not in TYPES:
            return
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            path = Path(folder) / f"{self.rows.name}.{kind}"
            try:
                (export.to_csv if kind == "csv" else export.to_excel)(rows, path)
            except BoxNotebookError as error:
                self.send({"type": "failed", "why": str(error)})
                return
            data = path.read_bytes()
        file = {"type": "file", "name": f"{self.rows.name}.{kind}", "mime": TYPES[kind]}
        self.send({**file, "remark": " ".join(str(warning.message) for warning in caught)}, [data])

    def _clipboard_cells(self, values: pd.Series, name: str) -> list[str]:
        """Return a column's heading and full cells, each on one line. A spreadsheet does not run them as formulas."""
        kind = self.rows.kinds[name]
        cells = texts(values, kind, None)
        if kind not in ("number", "bytes"):  # a guard would turn negative numbers into text
            cells = [export.guarded(" ".join(cell.split())) for cell in cells]
        return [export.guarded(" ".join(name.split())), *cells]

    def __repr__(self) -> str:
        return table_summary(len(self.rows.frame))

    def fallback(self) -> str:
        """Return the first rows as plain HTML, with sizes in units such as MB."""
        rows = self.rows.shown[self.rows.visible]
        preview = rows.head(FALLBACK_ROWS)
        readable = {
            name: pd.Series(texts(preview[name], "bytes"), index=preview.index, dtype="str")
            for name in preview.columns
            if self.rows.kinds[name] == "bytes"
        }
        return export.table_html(preview.assign(**readable), of=len(rows))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**options), self.fallback(), repr(self))


def table(frame: pd.DataFrame, *, box: Box | None = None, columns: list[str] | None = None) -> Table:
    """
    Show a DataFrame as a table in which the user can sort, filter, search and choose rows.

    Parameters
    ----------
    frame : DataFrame
    box : Box, optional
        If given, each item links to its web page in Box.
    columns : list of str, optional
        The columns to show at first, in this order.

    Returns
    -------
    Table
        ``.selected`` is a DataFrame of the chosen rows, and ``.code`` is the pandas code that returns them.
    """
    return Table(frame, box=box, columns=columns)
