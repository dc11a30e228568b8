"""An interactive table: a thin view over :class:`boxnb.widgets.table_state.Rows`.

The rows stay in the kernel; the browser holds the few it shows and asks for others as one scrolls, so that 100,000 rows cost it
no more than 100. Cells are set as text, never as markup. Front end to kernel, custom messages::

    {"type": "rows", "start": 0, "count": 100, "version": 3}    answered by the same with "rows"
    {"type": "search", "text": ...}  {"type": "filter", "column": ..., "text": ...}  {"type": "sort", "column": ...}
    {"type": "show", "column": ..., "yes": true}  {"type": "choose", "rows": [0, 1]}
    {"type": "file", "kind": "csv"}                  answered by "file" with the bytes, by "copy", or by "failed" with "why"
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

if TYPE_CHECKING:
    from boxnb.box import Box

_HERE = Path(__file__).parent
FALLBACK_ROWS = 20
COPY_ROWS = 10_000
WEB = "https://app.box.com"
TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def name_of(frame: pd.DataFrame) -> str:
    """What the notebook calls this frame; ``frame`` where it has no name."""
    from IPython import get_ipython

    shell = get_ipython()
    named = getattr(shell, "user_ns", {}) if shell is not None else {}
    return next(
        (name for name, value in named.items() if value is frame and not name.startswith("_")), "frame"
    )


class Table(anywidget.AnyWidget):
    """A frame to sort, filter, search and choose from.

    Parameters
    ----------
    frame : DataFrame
    box : Box, optional
        Makes ids of items lead to Box's web page; not in the sandbox, which has none.
    columns : list of str, optional
        Shown at first, in this order; the others are in the column chooser.
    """

    _esm = javascript.joined(_HERE / "table_view.js")
    _css = (_HERE / "table.css").read_text(encoding="utf-8")
    shown = traitlets.Dict().tag(sync=True)

    def __init__(
        self, frame: pd.DataFrame, *, box: Box | None = None, columns: list[str] | None = None
    ) -> None:
        self.rows = Rows(frame.reset_index(drop=True), name_of(frame), first=list(columns or []))
        if columns is not None:
            self.rows.hidden = {name for name in self.rows.kinds if name not in columns}
        self.on_choice: Callable[[], None] | None = None
        real = box is not None and box.profile.client.server.name == "Box"
        self._web = WEB if real else ""
        self._version = 0
        super().__init__(shown=self._seen())
        self.on_msg(self._on_message)

    @property
    def selected(self) -> pd.DataFrame:
        """The rows chosen in the view; where none is chosen, all that are shown, in the order shown."""
        return self.rows.selected

    @property
    def code(self) -> str:
        """The pandas that gives the same rows as :attr:`selected`."""
        return self.rows.code

    def refresh(self) -> None:
        """Have the browser ask for its rows again."""
        self._version += 1
        self.shown = self._seen()

    def _seen(self) -> dict[str, Any]:
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
                self._answer(int(content["start"]), min(int(content["count"]), 500))
                return
            case "search":
                rows.change(search=str(content["text"]))
            case "filter":
                rows.change(filters={**rows.filters, column: str(content["text"])})
            case "sort":
                down = rows.sort == column and not rows.ascending
                rows.change(sort="" if down else column, ascending=rows.sort != column)
            case "show":
                rows.hidden = rows.hidden - {column} if content["yes"] else rows.hidden | {column}
            case "choose":
                rows.choose([int(number) for number in content["rows"]])
                self.shown = self._seen()
                if self.on_choice is not None:
                    self.on_choice()
                return
            case "file":
                self._give(str(content["kind"]))
                return
        self.refresh()

    def _answer(self, start: int, count: int) -> None:
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
        """Box's own page of each item, where the frame says what the item is."""
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
        some = self.rows.frame.iloc[self.rows.order[start : start + count]]
        return [
            f"{self._web}/{kind}/{item}" if kind in ("file", "folder") and str(item).isdigit() else ""
            for kind, item in zip(some[names[0]].astype("str"), some[names[1]], strict=True)
        ]

    def _give(self, kind: str) -> None:
        """The rows of :attr:`selected`, visible columns only, as a file for the browser to keep, or as text to copy."""
        part = self.selected[self.rows.visible]
        if kind == "text":
            some = part.head(COPY_ROWS)
            lines = map(
                "\t".join, zip(*(self._copied(some[name], name) for name in some.columns), strict=True)
            )
            self.send({"type": "copy", "text": "\n".join(lines), "rows": len(some), "of": len(part)})
            return
        if kind not in TYPES:
            return
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            path = Path(folder) / f"{self.rows.name}.{kind}"
            try:
                (export.to_csv if kind == "csv" else export.to_excel)(part, path)
            except BoxNotebookError as error:
                self.send({"type": "failed", "why": str(error)})
                return
            data = path.read_bytes()
        name = {"type": "file", "name": f"{self.rows.name}.{kind}", "mime": TYPES[kind]}
        self.send({**name, "said": " ".join(str(each.message) for each in said)}, [data])

    def _copied(self, values: pd.Series, name: str) -> list[str]:
        """Heading and cells of a column for the clipboard: whole texts, on one line each, of which no spreadsheet runs one."""
        kind = self.rows.kinds[name]
        cells = [name, *texts(values, kind, None)]
        numbers = kind in ("number", "bytes")  # of ours, and negative ones stay numbers
        return [
            cell if numbers and place else export.guarded(" ".join(cell.split()))
            for place, cell in enumerate(cells)
        ]

    def __repr__(self) -> str:
        return f"Table of {len(self.rows.frame):,} rows; this front end cannot show it, see .selected"

    def fallback(self) -> str:
        """The first rows as plain HTML, bytes as people read them."""
        some = self.rows.shown[self.rows.visible]
        first = some.head(FALLBACK_ROWS)
        readable = {
            name: pd.Series(texts(first[name], "bytes"), index=first.index, dtype="str")
            for name in first.columns
            if self.rows.kinds[name] == "bytes"
        }
        return export.table_html(first.assign(**readable), of=len(some))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for pages without a kernel the first rows as plain HTML."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            data["text/html"] = self.fallback()
            data["text/plain"] = repr(self)
        return bundle


def table(frame: pd.DataFrame, *, box: Box | None = None, columns: list[str] | None = None) -> Table:
    """
    Show a frame as a table to sort, filter, search and choose from.

    Parameters
    ----------
    frame : DataFrame
    box : Box, optional
        Makes items lead to Box's web page.
    columns : list of str, optional
        Shown at first, in this order.

    Returns
    -------
    Table
        ``.selected`` is a DataFrame of what was chosen, ``.code`` the pandas that gives the same.
    """
    return Table(frame, box=box, columns=columns)
