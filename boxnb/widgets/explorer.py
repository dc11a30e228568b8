"""A linked tree, chart and table of one walk: choosing a folder or a bar filters the table."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from boxnb.errors import require
from boxnb.reports.storage import AGE_DAYS, AGES
from boxnb.widgets.charts import BLUE, FONT, INK, bars_html, escape_label
from boxnb.widgets.table import Table, name_of
from boxnb.widgets.text import ALL_CONTENT, EXPLORER, bytes_text, files_text, with_fallback
from boxnb.widgets.tree import Folders
from boxnb.widgets.tree_state import Branches, from_frame

require("The explorer", "boxnb[explore]", "plotly")
import plotly.graph_objects as go  # noqa: E402  after the check above

if TYPE_CHECKING:
    from boxnb.box import Box

COLUMNS = ["name", "type", "size", "owned_by_login", "content_modified_at", "path"]
BARS = 20
"""The maximum number of bars in the chart."""

MIN_SLOTS = 12
"""The chart always has room for this many bars, so that a few bars are not drawn thicker than many."""

BY = {"kind of file": "extension", "owner": "owned_by_login", "age": "age", "ownership": "ownership"}


class Choice:
    """The choice in the tree and the chart, with the rows and the code that result. Tests can use it without a widget."""

    def __init__(self, items: pd.DataFrame, name: str) -> None:
        self.items = items.reset_index(drop=True)
        self.name = name
        days = (pd.Timestamp.now("UTC") - self.items["content_modified_at"]).dt.total_seconds() / 86400
        age = pd.cut(days, AGE_DAYS, labels=AGES, right=False).astype("str")
        self.labels = {
            "extension": self.items["extension"].astype("str").str.lower().fillna("(none)"),
            "owned_by_login": self.items["owned_by_login"],
            "age": age,
            "ownership": self.items["ownership"].astype("str"),
        }
        self._file = self.items["type"] == "file"
        self._parents = dict(zip(self.items["id"], self.items["parent_id"].astype("object"), strict=True))
        self.folder: tuple[str, str] = ("", "")
        self.bar: tuple[str, str] = ("", "")

    def _below(self, folder_id: str) -> pd.Series:
        """Return which rows are in a folder, at any depth."""
        inside = {folder_id}
        for start in self.items.loc[self.items["type"] == "folder", "id"]:
            path, folder = [], start
            while folder in self._parents and folder not in inside and folder not in path:
                path.append(folder)
                folder = self._parents[folder]
            if folder in inside:
                inside.update(path)
        return self.items["parent_id"].isin(inside)

    def mask(self, *, with_bar: bool = True) -> pd.Series:
        """Return which rows are in the chosen folder and, if ``with_bar``, in the chosen bar."""
        passing = pd.Series(True, index=self.items.index)
        item_type, item_id = self.folder
        if item_type == "folder":
            passing &= self._below(item_id)
        elif item_type:
            passing &= (self.items["type"].astype("str") == item_type) & (self.items["id"] == item_id)
        column, label = self.bar
        if with_bar and column:
            passing &= self._file & (self.labels[column] == label)
        return passing

    def sums(self, column: str) -> pd.DataFrame:
        """Return the files in the chosen folder, grouped by a column: ``label``, ``bytes``, ``files``, largest first."""
        files = self.mask(with_bar=False) & self._file
        sums = self.items.loc[files, "size"].groupby(self.labels[column][files]).agg(["sum", "count"])
        table = sums.rename(columns={"sum": "bytes", "count": "files"}).rename_axis("label").reset_index()
        return table.sort_values("bytes", ascending=False, ignore_index=True).head(BARS)

    @property
    def summary(self) -> str:
        """A short description of the choice."""
        item_type, item_id = self.folder
        names = self.items.loc[
            (self.items["type"].astype("str") == item_type) & (self.items["id"] == item_id), "name"
        ]
        folder = f"in {names.iloc[0]}" if len(names) else "in all content"
        return ", ".join(filter(None, [folder, self.bar[1]]))

    @property
    def code(self) -> str:
        """The pandas code that returns the chosen rows."""
        lines = [f"rows = {self.name}"]
        item_type, item_id = self.folder
        if item_type == "folder":
            row = self.items[(self.items["type"] == "folder") & (self.items["id"] == item_id)].iloc[0]
            path = f"{row['path']}/{row['name']}".lstrip("/")
            login = row["owned_by_login"]  # two users may have a folder with the same name
            owner = (
                "rows['owned_by_login'].isna()"
                if pd.isna(login)
                else f"(rows['owned_by_login'] == {login!r})"
            )
            lines.append(f"rows = rows[(rows['path'] + '/').str.startswith({path + '/'!r}) & {owner}]")
        elif item_type:
            lines.append(f"rows = rows[(rows['type'] == {item_type!r}) & (rows['id'] == {item_id!r})]")
        column, label = self.bar
        if column == "age":
            low, high = AGE_DAYS[AGES.index(label)], AGE_DAYS[AGES.index(label) + 1]
            lines.append(
                "days = (pd.Timestamp.now('UTC') - rows['content_modified_at']).dt.total_seconds() / 86400"
            )
            lines.append(
                f"rows = rows[(rows['type'] == 'file') & (days >= {low!r}) & (days < {high!r})]".replace(
                    "inf", "float('inf')"
                )
            )
        elif column == "extension":
            extension = "rows['extension'].astype('str').str.lower().fillna('(none)')"
            lines.append(f"rows = rows[(rows['type'] == 'file') & ({extension} == {label!r})]")
        elif column:
            lines.append(
                f"rows = rows[(rows['type'] == 'file') & (rows[{column!r}].astype('str') == {label!r})]"
            )
        return "\n".join(lines)


class Explorer(ipywidgets.VBox):
    """A tree, a chart and a table. Choosing a folder or a bar filters the table; ``.selected`` returns the chosen rows.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content``.
    box : Box, optional
        If given, each item links to its web page in Box.
    """

    def __init__(self, items: pd.DataFrame, box: Box | None = None) -> None:
        self.choice = Choice(items, name_of(items))
        self.tree = Folders(Branches(from_frame(self.choice.items)), ALL_CONTENT)
        for _ in self.tree.branches.open("0"):
            pass
        self.table = Table(self.choice.items, box=box, columns=COLUMNS)
        self.table.rows.name = self.choice.name
        self._by = ipywidgets.ToggleButtons(options=list(BY), style={"button_width": "auto"})
        self._note = ipywidgets.HTML()
        self._show_everything = ipywidgets.Button(description="Show everything", layout={"width": "auto"})
        self.chart = go.FigureWidget(go.Bar(orientation="h", marker={"color": BLUE, "line": {"width": 0}}))
        self.chart.update_layout(
            height=450,
            autosize=True,
            margin={"l": 8, "r": 8, "t": 8, "b": 8},
            font={"color": INK, "size": 12, "family": FONT},
            bargap=0.2,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
        )
        self.chart._config = {"responsive": True, "displayModeBar": False}
        self.chart.update_traces(textangle=0, insidetextfont={"color": "#fff"}, constraintext="none")
        self.chart.update_yaxes(
            automargin=True,
            fixedrange=True,
            showgrid=False,
            ticks="outside",
            ticklen=6,
            tickcolor="rgba(0,0,0,0)",
        )
        self.chart.update_xaxes(fixedrange=True, showticklabels=False, showgrid=False, zeroline=False)
        self._labels: list[str] = []
        self.tree.on_choice = self._on_folder_choice
        self._by.observe(self._on_grouping_change, "value")
        self._show_everything.on_click(self._on_show_everything)
        self.chart.data[0].on_click(self._on_bar_click)
        super().__init__(
            [
                ipywidgets.HBox(
                    [self._by, self._show_everything, self._note],
                    layout={"flex_flow": "row wrap", "align_items": "center"},
                ),
                ipywidgets.HBox(
                    [
                        ipywidgets.Box(
                            [self.tree], layout={"flex": "1 1 320px", "min_width": "0", "display": "block"}
                        ),
                        ipywidgets.Box(
                            [self.chart],
                            layout={
                                "flex": "1 1 360px",
                                "min_width": "0",
                                "display": "block",
                                "overflow": "hidden",
                            },
                        ),
                    ],
                    layout={"flex_flow": "row wrap", "margin": "0 0 8px 0"},
                ),
                self.table,
            ]
        )
        self._draw()

    @property
    def selected(self) -> pd.DataFrame:
        """The rows chosen in the table. If none is chosen, all rows in the chosen folder and bar."""
        return self.table.selected

    @property
    def code(self) -> str:
        """The pandas code that returns the same rows as :attr:`selected`."""
        return self.table.code

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**options), self._fallback(), EXPLORER)

    def _fallback(self) -> str:
        """Return the bars and the first rows as plain HTML."""
        sums = self.choice.sums(BY[str(self._by.value)])
        labels = [bytes_text(size) for size in sums["bytes"]]
        title = f"Bytes {self.choice.summary}, by {self._by.value}"
        bars = bars_html(title, list(sums["label"]), list(sums["bytes"]), labels)
        return bars + self.table.fallback()

    def _on_folder_choice(self) -> None:
        chosen = self.tree.branches.chosen
        self.choice.folder = chosen[0] if chosen else ("", "")
        self.choice.bar = ("", "")
        self._draw()

    def _on_grouping_change(self, _change: object) -> None:
        self.choice.bar = ("", "")
        self._draw()

    def _on_bar_click(self, _trace: object, points: Any, _state: object) -> None:
        if points.point_inds:
            label = self._labels[points.point_inds[0]]
            bar = (BY[str(self._by.value)], label)
            self.choice.bar = ("", "") if self.choice.bar == bar else bar
            self._draw()

    def _on_show_everything(self, _button: object) -> None:
        self.choice.folder = self.choice.bar = ("", "")
        self.tree.branches.chosen = []
        self.tree.send({"type": "chosen", "keys": []})
        self._draw()

    def _draw(self) -> None:
        sums = self.choice.sums(BY[str(self._by.value)])
        self._labels = [str(label) for label in sums["label"]][::-1]
        chosen = self.choice.bar[1]
        with self.chart.batch_update():
            bars = self.chart.data[0]
            bars.x = [float(size) for size in sums["bytes"]][::-1]
            bars.y = list(range(len(sums)))
            bars.text = [
                files_text(size, files) for size, files in zip(sums["bytes"], sums["files"], strict=True)
            ][::-1]
            bars.hovertemplate = "%{text}<extra></extra>"
            bars.marker.color = [
                BLUE if not chosen or label == chosen else "rgba(53,116,221,0.35)" for label in self._labels
            ]
            # A few bars start at the top, and are no thicker than many bars would be.
            self.chart.layout.yaxis.range = [len(sums) - 0.5 - max(len(sums), MIN_SLOTS), len(sums) - 0.5]
            self.chart.layout.yaxis.tickvals = list(range(len(sums)))
            self.chart.layout.yaxis.ticktext = [escape_label(label[:30]) for label in self._labels]
        passing = self.choice.mask()
        self.table.rows.change(mask=passing.to_numpy(dtype=bool), mask_code=self.choice.code)
        self.table.refresh()
        self._note.value = html.escape(self.choice.summary)


def explore(items: pd.DataFrame, *, box: Box | None = None) -> Explorer:
    """
    Show a linked tree, chart and table of one walk.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content``.
    box : Box, optional
        If given, each item links to its web page in Box.

    Returns
    -------
    Explorer
        ``.selected`` is a DataFrame of the chosen rows, and ``.code`` is the pandas code that returns them.
    """
    return Explorer(items, box)
