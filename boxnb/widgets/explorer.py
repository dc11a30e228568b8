"""Tree, chart and table of one walk, linked: a folder or a bar that is chosen filters the table."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from boxnb.errors import require
from boxnb.reports.storage import AGE_DAYS, AGES
from boxnb.widgets.charts import BLUE, FONT, INK, bars_html, plain
from boxnb.widgets.table import Table, name_of
from boxnb.widgets.table_state import bytes_text, files_text
from boxnb.widgets.tree import Folders
from boxnb.widgets.tree_state import Branches, from_frame

require("The explorer", "boxnb[explore]", "plotly")
import plotly.graph_objects as go  # noqa: E402  once it is there

if TYPE_CHECKING:
    from boxnb.box import Box

COLUMNS = ["name", "type", "size", "owned_by_login", "content_modified_at", "path"]
BARS, PLACES = 20, 12
BY = {"kind of file": "extension", "owner": "owned_by_login", "age": "age", "whose": "ownership"}


class Choice:
    """What is chosen in tree and chart, and the rows and the code that follow from it; no widget is needed to test it."""

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
        self._above = dict(zip(self.items["id"], self.items["parent_id"].astype("object"), strict=True))
        self.folder: tuple[str, str] = ("", "")
        self.bar: tuple[str, str] = ("", "")

    def _below(self, folder_id: str) -> pd.Series:
        """Everything in a folder, however deep."""
        inside = {folder_id}
        for item in self.items.loc[self.items["type"] == "folder", "id"]:
            chain, step = [], item
            while step in self._above and step not in inside and step not in chain:
                chain.append(step)
                step = self._above[step]
            if step in inside:
                inside.update(chain)
        return self.items["parent_id"].isin(inside)

    def mask(self, *, with_bar: bool = True) -> pd.Series:
        """True for rows that pass."""
        keep = pd.Series(True, index=self.items.index)
        kind, item_id = self.folder
        if kind == "folder":
            keep &= self._below(item_id)
        elif kind:
            keep &= (self.items["type"].astype("str") == kind) & (self.items["id"] == item_id)
        column, label = self.bar
        if with_bar and column:
            keep &= self._file & (self.labels[column] == label)
        return keep

    def sums(self, column: str) -> pd.DataFrame:
        """Bytes of the files of the chosen folder by the labels of a column, largest first: ``label``, ``bytes``, ``files``."""
        files = self.mask(with_bar=False) & self._file
        sums = self.items.loc[files, "size"].groupby(self.labels[column][files]).agg(["sum", "count"])
        made = sums.rename(columns={"sum": "bytes", "count": "files"}).rename_axis("label").reset_index()
        return made.sort_values("bytes", ascending=False, ignore_index=True).head(BARS)

    @property
    def words(self) -> str:
        """What is chosen, in words."""
        kind, item_id = self.folder
        names = self.items.loc[
            (self.items["type"].astype("str") == kind) & (self.items["id"] == item_id), "name"
        ]
        said = [f"in {names.iloc[0]}" if len(names) else "in everything", self.bar[1]]
        return ", ".join(part for part in said if part)

    @property
    def code(self) -> str:
        """The pandas that gives the rows."""
        lines = [f"rows = {self.name}"]
        kind, item_id = self.folder
        if kind == "folder":
            row = self.items[(self.items["type"] == "folder") & (self.items["id"] == item_id)].iloc[0]
            path = f"{row['path']}/{row['name']}".lstrip("/")
            login = row["owned_by_login"]  # two people may have folders of one name
            whose = (
                "rows['owned_by_login'].isna()"
                if pd.isna(login)
                else f"(rows['owned_by_login'] == {login!r})"
            )
            lines.append(f"rows = rows[(rows['path'] + '/').str.startswith({path + '/'!r}) & {whose}]")
        elif kind:
            lines.append(f"rows = rows[(rows['type'] == {kind!r}) & (rows['id'] == {item_id!r})]")
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
            text = "rows['extension'].astype('str').str.lower().fillna('(none)')"
            lines.append(f"rows = rows[(rows['type'] == 'file') & ({text} == {label!r})]")
        elif column:
            lines.append(
                f"rows = rows[(rows['type'] == 'file') & (rows[{column!r}].astype('str') == {label!r})]"
            )
        return "\n".join(lines)


class Explorer(ipywidgets.VBox):
    """Choose a folder in the tree, or a bar of the chart: the table shows what is in it, ``.selected`` gives it.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content``.
    box : Box, optional
        Makes names lead to Box's web page.
    """

    def __init__(self, items: pd.DataFrame, box: Box | None = None) -> None:
        self.choice = Choice(items, name_of(items))
        self.tree = Folders(Branches(from_frame(self.choice.items)), "All content")
        for _ in self.tree.branches.open("0"):
            pass
        self.table = Table(self.choice.items, box=box, columns=COLUMNS)
        self.table.rows.name = self.choice.name
        self._by = ipywidgets.ToggleButtons(options=list(BY), style={"button_width": "auto"})
        self._note = ipywidgets.HTML()
        self._everything = ipywidgets.Button(description="Show everything", layout={"width": "auto"})
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
        self.tree.on_choice = self._folder_chosen
        self._by.observe(self._by_changed, "value")
        self._everything.on_click(self._clear)
        self.chart.data[0].on_click(self._bar_chosen)
        super().__init__(
            [
                ipywidgets.HBox(
                    [self._by, self._everything, self._note],
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
        """The rows chosen in the table, else all it shows: those of the chosen folder and bar."""
        return self.table.selected

    @property
    def code(self) -> str:
        """The pandas that gives the same rows."""
        return self.table.code

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The views, and for pages without a kernel the bars and the first rows as plain HTML."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if isinstance(data, dict):
            sums = self.choice.sums(BY[str(self._by.value)])
            told = [bytes_text(size) for size in sums["bytes"]]
            title = f"Bytes {self.choice.words}, by {self._by.value}"
            data["text/html"] = (
                bars_html(title, list(sums["label"]), list(sums["bytes"]), told) + self.table.fallback()
            )
            data["text/plain"] = "Tree, chart and table; this front end cannot show them, see .selected"
        return bundle

    def _folder_chosen(self) -> None:
        chosen = self.tree.branches.chosen
        self.choice.folder = chosen[0] if chosen else ("", "")
        self.choice.bar = ("", "")
        self._draw()

    def _by_changed(self, _change: object) -> None:
        self.choice.bar = ("", "")
        self._draw()

    def _bar_chosen(self, _trace: object, points: Any, _state: object) -> None:
        if points.point_inds:
            label = self._labels[points.point_inds[0]]
            bar = (BY[str(self._by.value)], label)
            self.choice.bar = ("", "") if self.choice.bar == bar else bar
            self._draw()

    def _clear(self, _button: object) -> None:
        self.choice.folder = self.choice.bar = ("", "")
        self.tree.branches.chosen = []
        self.tree.send({"type": "chosen", "keys": []})
        self._draw()

    def _draw(self) -> None:
        sums = self.choice.sums(BY[str(self._by.value)])
        self._labels = [str(label) for label in sums["label"]][::-1]
        lit = self.choice.bar[1]
        with self.chart.batch_update():
            bars = self.chart.data[0]
            bars.x = [float(size) for size in sums["bytes"]][::-1]
            bars.y = list(range(len(sums)))
            bars.text = [
                files_text(size, files) for size, files in zip(sums["bytes"], sums["files"], strict=True)
            ][::-1]
            bars.hovertemplate = "%{text}<extra></extra>"
            bars.marker.color = [
                BLUE if not lit or label == lit else "rgba(53,116,221,0.35)" for label in self._labels
            ]
            # As many places as are usual, filled from the top: two bars are not thicker than twenty.
            self.chart.layout.yaxis.range = [len(sums) - 0.5 - max(len(sums), PLACES), len(sums) - 0.5]
            self.chart.layout.yaxis.tickvals = list(range(len(sums)))
            self.chart.layout.yaxis.ticktext = [plain(label[:30]) for label in self._labels]
        passing = self.choice.mask()
        self.table.rows.change(mask=passing.to_numpy(dtype=bool), mask_code=self.choice.code)
        self.table.refresh()
        self._note.value = html.escape(self.choice.words)


def explore(items: pd.DataFrame, *, box: Box | None = None) -> Explorer:
    """
    Tree, chart and table of one walk, linked.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content``.
    box : Box, optional
        Makes names lead to Box's web page.

    Returns
    -------
    Explorer
        ``.selected`` is a DataFrame of what was chosen, ``.code`` the pandas that gives the same.
    """
    return Explorer(items, box)
