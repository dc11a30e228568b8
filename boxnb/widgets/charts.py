"""Charts of what the reports say: plotly where it can draw, a plain table of bars where it cannot.

Each function takes a frame and gives a :class:`Chart`. Names are escaped, because plotly reads markup in labels.
"""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from boxnb.errors import require
from boxnb.frames.pages import NAMELESS
from boxnb.reports.activity import WEEKDAYS
from boxnb.reports.storage import AGES
from boxnb.widgets.table_state import bytes_text, cut, files_text

require("A chart", "boxnb[explore]", "plotly")
import plotly.graph_objects as go  # noqa: E402  once it is there

INK = "#7d7d7d"
"""Readable on white and on black: a notebook may be light or dark, and the figure does not learn which."""

BLUE = "#3574dd"
"""Of bars: white figures are readable on it."""
RED = "#d9534f"
KINDS = ["#4c8bf5", "#8fb8f8", "#56b4a5", "#b7a3e3", "#e0a458", "#c9879b"]
"""Readable on white and on black, and none of them red: that is for what failed."""

DEPTHS = [[0.0, "#3a72b5"], [0.65, "#2d66ab"], [1.0, "#08306b"]]
"""Of areas: white names are readable on the palest."""
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
SCALE = [[0.0, "rgba(76,139,245,0.06)"], [1.0, "rgba(76,139,245,1)"]]
TILES = 1000
"""The most a treemap draws, so that a browser does it in seconds; what is smaller stands together in one tile of its folder."""


LABEL = 28
"""Characters of a name beside its bar, which else has no room in half a screen; the pointer tells the whole."""
WRAP = 44
"""Characters of a title in a line: a notebook may be half as wide as the screen."""


def plain(text: object) -> str:
    """A name as it is, for plotly, which reads tags in labels; long ones are cut."""
    return html.escape(cut(text, 60), quote=False)


class Chart:
    """One chart.

    Attributes
    ----------
    figure : plotly.graph_objects.Figure
        To change or to save: ``chart.figure.write_html("chart.html")``.
    data : DataFrame
        What is drawn.
    """

    def __init__(self, title: str, figure: go.Figure, data: pd.DataFrame, fallback: str) -> None:
        self.figure = figure.update_layout(
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": INK, "size": 12, "family": FONT},
            margin={"l": 8, "r": 8, "t": 44, "b": 8},
            hoverlabel={"bgcolor": "#222", "font": {"color": "#fff"}},
        )
        quiet = {
            "gridcolor": "rgba(125,125,125,0.2)",
            "zeroline": False,
            "automargin": True,
            "ticks": "outside",  # unseen: they keep a label off its bar
            "ticklen": 6,
            "tickcolor": "rgba(0,0,0,0)",
        }
        self.figure.update_xaxes(**quiet)
        self.figure.update_yaxes(**quiet)
        lines = textwrap.wrap(title, WRAP) or [""]
        self.figure.update_layout(
            title={
                "text": "<br>".join(plain(line) for line in lines),
                "font": {"size": 15},
                "x": 0,
                "pad": {"l": 8},
            },
            margin_t=26 + 20 * len(lines),
        )
        self.title = title
        self.data = data
        self.fallback = fallback

    def __repr__(self) -> str:
        return f"{self.title}: {len(self.data)} rows; this front end cannot draw it, see .data"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The figure, and the plain table for exported pages and viewers without plotly."""
        return {
            "application/vnd.plotly.v1+json": json.loads(self.figure.to_json()),
            "text/html": self.fallback,
            "text/plain": repr(self),
        }


def bars_html(title: str, names: Sequence[object], values: Sequence[float], shown: Sequence[str]) -> str:
    """The same as a table whose cells are bars; twenty rows."""
    most = max([float(value) for value in values], default=0.0) or 1.0
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal'>{html.escape(str(name))}</th>"
        f"<td style='width:20em;text-align:left'><div style='background:{BLUE};height:.8em;width:{value / most:.1%}'></div></td>"
        f"<td style='text-align:right'>{html.escape(text)}</td></tr>"
        for name, value, text in list(zip(names, values, shown, strict=True))[:20]
    )
    more = f"<p>and {len(names) - 20} more</p>" if len(names) > 20 else ""
    empty = "" if len(names) else "<p>Nothing to show.</p>"
    return f"<table><caption style='text-align:left'><b>{html.escape(title)}</b></caption>{rows}</table>{more}{empty}"


def _bar_chart(title: str, data: pd.DataFrame, value: str, shown: list[str], hover: str) -> Chart:
    rows = data.iloc[:30]
    labels = [plain(name) for name in rows["name"]]
    short = [plain(cut(name, LABEL)) for name in rows["name"]]
    # A bar of less than a pixel is not drawn, nor what is written beside it.
    least = float(rows[value].max() or 0) * 0.006 if len(rows) else 0.0
    lengths = [max(float(each), least) if each else 0.0 for each in rows[value]]
    # Bars go from the bottom up; the largest belongs on top. Two names may look the same when cut, so numbers place them.
    figure = go.Figure(
        go.Bar(
            x=lengths[::-1],
            y=list(range(len(rows)))[::-1],
            orientation="h",
            marker={"color": BLUE, "line": {"width": 0}},
            text=shown[: len(rows)][::-1],
            textposition="auto",
            constraintext="none",
            textangle=0,  # else figures lie on their side in short bars
            insidetextfont={"color": "#fff"},
            customdata=labels[::-1],
            hovertemplate="%{customdata}<br>" + hover + "<extra></extra>",
        )
    )
    figure.update_layout(height=max(220, 90 + 26 * len(rows)), bargap=0.25)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=short, autorange="reversed")
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(showgrid=False)
    return Chart(title, figure, data, bars_html(title, list(data["name"]), list(data[value]), shown))


def storage(frame: pd.DataFrame, title: str = "Storage") -> Chart:
    """Bars of a frame from ``reports.storage_by``, the largest thirty."""
    shown = [files_text(size, files) for size, files in zip(frame["bytes"], frame["files"], strict=True)]
    return _bar_chart(title, frame, "bytes", shown, "%{text}")


def counts(values: pd.Series, title: str) -> Chart:
    """Bars of how often each value occurs, the most frequent thirty."""
    found = values.dropna().astype("str").value_counts()
    data = pd.DataFrame({"name": found.index, "count": found.to_numpy()})
    return _bar_chart(title, data, "count", [f"{count:,}" for count in data["count"]], "%{text}")


def domains(external: pd.DataFrame) -> Chart:
    """Invitations to people of other companies by domain, from ``reports.external_collaborators``."""
    return counts(external["domain"], "Invitations to other companies, by domain")


def ages(frame: pd.DataFrame) -> Chart:
    """Files by the time since they last changed, from ``reports.storage_by(box, "age")``, youngest first."""
    data = frame.set_index("name").reindex(AGES).rename_axis("name").reset_index()
    data[["files", "bytes"]] = data[["files", "bytes"]].fillna(0)
    return storage(data, "Files by age of their content")


def events_per_day(events: pd.DataFrame, title: str = "Events per day (UTC)") -> Chart:
    """One bar a day, the six most frequent kinds in colours, the rest together."""
    kinds = events["event_type"].astype("str")
    top = kinds.value_counts().index[:6]
    kind = kinds.where(kinds.isin(top), "other")
    day = events["created_at"].dt.floor("D").rename("day")
    data = events.groupby([day, kind.rename("kind")]).size().rename("events").reset_index()
    colours = dict(zip([name for name in top if "FAIL" not in name], KINDS, strict=False))
    colours |= {name: RED for name in top if "FAIL" in name} | {"other": "rgba(125,125,125,0.5)"}
    parts = dict(iter(data.groupby("kind")))
    figure = go.Figure(
        [
            go.Bar(
                x=parts[name]["day"],
                y=parts[name]["events"],
                name=plain(name),
                marker={"color": colours[name], "line": {"width": 0}},
                hovertemplate="%{x|%a %d %b %Y}: %{y}",
            )
            for name in [*top, "other"]
            if name in parts
        ]
    )
    # The legend stands on the chart's foot: at a distance from the plot, a window that grows draws it over the bars.
    figure.update_layout(
        barmode="stack",
        height=360,
        legend={"orientation": "h", "traceorder": "normal", "yref": "container", "y": 0, "yanchor": "bottom"},
    )
    # One line a date: a year below it would lie under the legend.
    figure.update_xaxes(tickformat="%-d %b", showgrid=False)
    figure.update_yaxes(tickformat=",d")
    total = data.groupby("day")["events"].sum()
    names = [str(when.date()) for when in total.index][::-1]
    return Chart(
        title, figure, data, bars_html(title, names, list(total)[::-1], [str(count) for count in total][::-1])
    )


def sign_in_heatmap(sign_ins: pd.DataFrame, title: str = "Sign-ins, failed ones too, by hour (UTC)") -> Chart:
    """How many sign-ins in each hour of the week, from ``reports.sign_ins``."""
    grid = (
        sign_ins.groupby([sign_ins["weekday"].astype("str"), "hour"]).size().unstack(fill_value=0)
        if len(sign_ins)
        else pd.DataFrame()
    )
    grid = grid.reindex(index=WEEKDAYS, columns=range(24), fill_value=0).astype("int64")
    most = int(grid.to_numpy().max()) or 1
    ticks = sorted({0, *(round(most * part) for part in (0.06, 0.25, 0.5, 1))})
    # Root and not linear: one attack of hundreds would bleach all the ordinary hours.
    figure = go.Figure(
        go.Heatmap(
            z=np.sqrt(grid.to_numpy()),
            customdata=grid.to_numpy(),
            zmin=0,
            zmax=most**0.5,
            colorbar={
                "tickvals": [each**0.5 for each in ticks],
                "ticktext": [f"{each:,}" for each in ticks],
                "thickness": 14,
            },
            x=[f"{hour:02}" for hour in range(24)],
            y=WEEKDAYS,
            colorscale=SCALE,
            xgap=1,
            ygap=1,
            hovertemplate="%{y} %{x}:00: %{customdata} sign-ins<extra></extra>",
        )
    )
    figure.update_layout(height=320)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(type="category", showgrid=False, tickangle=0, dtick=3)
    figure.update_yaxes(showgrid=False)
    numbers = grid.to_numpy().tolist()
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{day}</th>"
        + "".join(
            f"<td style='background:rgba(76,139,245,{(count / most) ** 0.5:.2f})'>{count}</td>"
            for count in numbers[row]
        )
        + "</tr>"
        for row, day in enumerate(WEEKDAYS)
    )
    heads = "".join(f"<th>{hour:02}</th>" for hour in range(24))
    table = f"<table><caption style='text-align:left'><b>{html.escape(title)}</b></caption><tr><th></th>{heads}</tr>{cells}</table>"
    return Chart(title, figure, grid, table)


def treemap_data(items: pd.DataFrame, tiles: int = TILES, top: str = "All content") -> pd.DataFrame:
    """
    The tiles of a treemap: folders and files as areas, at most so many.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content`` or ``box.tree``.
    tiles : int
        The most tiles; the smallest items are put together as *(smaller)* in the folder they lie in.
    top : str
        Name of the whole.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``parent``, ``name``, ``bytes`` (of all below), ``files``, ``kind`` (``folder``, ``file``, ``rest``).
    """
    # Of some forty columns, each of which would be copied.
    items = items[["type", "id", "parent_id", "name", "size"]]
    items = items.assign(name=items["name"].fillna(NAMELESS), size=items["size"].fillna(0))
    files = items[items["type"] == "file"]
    folders = items[items["type"] == "folder"]
    known = dict(zip(folders["id"], folders["parent_id"].astype("object"), strict=True))
    names = dict(zip(folders["id"], folders["name"], strict=True))
    home = files["parent_id"].where(files["parent_id"].isin(known), "").astype("object")
    sums = files["size"].astype("int64").groupby(home).agg(["sum", "count"])
    size = dict.fromkeys([*known, ""], 0)
    count = dict.fromkeys([*known, ""], 0)
    depth = {"": 0}

    def deep(folder: str) -> int:
        steps = []
        while folder not in depth:
            steps.append(folder)
            folder = known[folder] if known[folder] in known else ""
            if folder in steps:
                break
        for each in reversed(steps):
            above = known[each] if known[each] in known else ""
            depth[each] = depth.get(above, 0) + 1
        return depth[folder]

    for folder in known:
        deep(folder)
    size |= dict(zip(sums.index, sums["sum"].tolist(), strict=True))
    count |= dict(zip(sums.index, sums["count"].tolist(), strict=True))
    for folder in sorted(known, key=lambda each: -depth[each]):
        above = known[folder] if known[folder] in known else ""
        size[above] += size[folder]
        count[above] += count[folder]
    rows = [("", "", top, size[""], count[""], "folder")]
    rows += [
        (
            folder,
            known[folder] if known[folder] in known else "",
            names[folder],
            size[folder],
            count[folder],
            "folder",
        )
        for folder in known
        if size[folder]
    ]
    large = files.assign(home=home).nlargest(tiles, "size")
    rows += [
        (f"f{file_id}", str(parent), name, int(size), 1, "file")
        for file_id, parent, name, size in zip(
            large["id"], large["home"], large["name"], large["size"], strict=True
        )
    ]
    data = pd.DataFrame(rows, columns=["id", "parent", "name", "bytes", "files", "kind"])
    return _largest(data, tiles)


def _largest(data: pd.DataFrame, tiles: int) -> pd.DataFrame:
    """The largest tiles (a folder is never smaller than what is in it), and one *(smaller)* where something is missing."""
    ordered = data.sort_values(["bytes", "kind"], ascending=[False, False], kind="stable")
    root = ordered["id"] == ""
    # Each folder may need one tile for its rest, so only so many folders and files are kept as leave room for it.
    kept = pd.concat([ordered[root], ordered[~root].head(max(1, tiles // 2 - 1))])
    inside = set(kept["id"])
    kept = kept[(kept["id"] == "") | kept["parent"].isin(inside)]
    below = kept[kept["id"] != ""].groupby("parent")[["bytes", "files"]].sum()
    folders = kept[kept["kind"] == "folder"].set_index("id")
    rest = folders[["bytes", "files"]].sub(below, fill_value=0).loc[folders.index]
    rest = rest[rest["bytes"] > 0]
    made = pd.DataFrame(
        {
            "id": "r" + rest.index.astype("str"),
            "parent": rest.index,
            "name": "(smaller)",
            "bytes": rest["bytes"].astype("int64"),
            "files": rest["files"].astype("int64"),
            "kind": "rest",
        }
    )
    return pd.concat([kept, made], ignore_index=True)


def treemap(
    items: pd.DataFrame, title: str = "Storage: click a folder to go down", tiles: int = TILES
) -> Chart:
    """Where the bytes are: one area a folder and a file, at most ``tiles``; click a folder to go down, the bar on top to go back."""
    data = treemap_data(items, tiles)
    shown = [files_text(size, files) for size, files in zip(data["bytes"], data["files"], strict=True)]
    logs = np.log10(data["bytes"].astype("float64").clip(lower=1))
    figure = go.Figure(
        go.Treemap(
            ids=["i" + each for each in data["id"]],
            parents=[
                "" if each == "" else "i" + parent
                for each, parent in zip(data["id"], data["parent"], strict=True)
            ],
            labels=[plain(name) for name in data["name"]],
            values=data["bytes"],
            text=shown,
            branchvalues="total",
            maxdepth=3,
            marker={
                "colors": logs,
                "colorscale": DEPTHS,
                "line": {"width": 1, "color": "rgba(255,255,255,0.35)"},
            },
            textfont={"color": "#fff", "size": 12},
            hovertemplate="%{label}<br>%{text}<extra></extra>",
        )
    )
    # What a small area has no room for is left out, not written too small to read; the pointer tells it.
    figure.update_layout(height=520, uniformtext={"minsize": 10, "mode": "hide"})
    folders = data[(data["kind"] == "folder") & (data["id"] != "")].nlargest(20, "bytes")
    table = bars_html(
        title, list(folders["name"]), list(folders["bytes"]), [bytes_text(each) for each in folders["bytes"]]
    )
    return Chart(title, figure, data, table)
