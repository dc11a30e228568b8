"""Charts of reports, drawn by plotly. Pages without plotly show a plain HTML table instead.

Each function takes a DataFrame and returns a :class:`Chart`. Names are escaped, because plotly interprets markup in labels.
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
from boxnb.widgets.text import (
    ALL_CONTENT,
    NOTHING_TO_SHOW,
    SMALLER,
    bytes_text,
    chart_summary,
    cut,
    files_text,
)

require("A chart", "boxnb[explore]", "plotly")
import plotly.graph_objects as go  # noqa: E402  after the check above

INK = "#7d7d7d"
"""The text colour, readable on white and on black, because a figure does not know whether its notebook is light or dark."""

BLUE = "#3574dd"
"""The colour of bars. White numbers are readable on it."""

RED = "#d9534f"
TYPE_COLOURS = ["#4c8bf5", "#8fb8f8", "#56b4a5", "#b7a3e3", "#e0a458", "#c9879b"]
"""The colours of event types in a stack. All are visible on white and on black; none is red, because red marks failures."""

DEPTHS = [[0.0, "#3a72b5"], [0.65, "#2d66ab"], [1.0, "#08306b"]]
"""The colours of areas in a treemap. White names are readable even on the palest one."""

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
SCALE = [[0.0, "rgba(76,139,245,0.06)"], [1.0, "rgba(76,139,245,1)"]]
TILES = 1000
"""The maximum number of tiles in a treemap. A browser draws them in seconds. Smaller items share one tile per folder."""

LABEL = 28
"""The maximum length of a name next to its bar, so that both fit in half a screen. Hovering shows the whole name."""

WRAP = 44
"""The maximum length of a line in a title. A notebook may be only half as wide as the screen."""


def escape_label(text: object) -> str:
    """Return a name escaped for plotly, which interprets tags in labels. Long names are shortened."""
    return html.escape(cut(text, 60), quote=False)


class Chart:
    """One chart, with its data and a plain fallback.

    Attributes
    ----------
    figure : plotly.graph_objects.Figure
        You can change or save it, for example with ``chart.figure.write_html("chart.html")``.
    data : DataFrame
        The data that the chart shows.
    """

    def __init__(self, title: str, figure: go.Figure, data: pd.DataFrame, fallback: str) -> None:
        self.figure = figure.update_layout(
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"color": INK, "size": 12, "family": FONT},
            margin={"l": 8, "r": 8, "t": 44, "b": 8},
            hoverlabel={"bgcolor": "#222", "font": {"color": "#fff"}},
        )
        axis = {
            "gridcolor": "rgba(125,125,125,0.2)",
            "zeroline": False,
            "automargin": True,
            "ticks": "outside",  # invisible; they keep a label off its bar
            "ticklen": 6,
            "tickcolor": "rgba(0,0,0,0)",
        }
        self.figure.update_xaxes(**axis)
        self.figure.update_yaxes(**axis)
        lines = textwrap.wrap(title, WRAP) or [""]
        self.figure.update_layout(
            title={
                "text": "<br>".join(escape_label(line) for line in lines),
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
        return chart_summary(self.title, len(self.data))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the figure, and the plain table for exported pages and viewers without plotly."""
        return {
            "application/vnd.plotly.v1+json": json.loads(self.figure.to_json()),
            "text/html": self.fallback,
            "text/plain": repr(self),
        }


def bars_html(title: str, names: Sequence[object], values: Sequence[float], labels: Sequence[str]) -> str:
    """Return the first twenty bars as an HTML table."""
    largest = max([float(value) for value in values], default=0.0) or 1.0
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left;font-weight:normal'>{html.escape(str(name))}</th>"
        f"<td style='width:20em;text-align:left'><div style='background:{BLUE};height:.8em;width:{value / largest:.1%}'></div></td>"
        f"<td style='text-align:right'>{html.escape(label)}</td></tr>"
        for name, value, label in list(zip(names, values, labels, strict=True))[:20]
    )
    more = f"<p>and {len(names) - 20} more</p>" if len(names) > 20 else ""
    empty = "" if len(names) else f"<p>{NOTHING_TO_SHOW}</p>"
    return f"{_titled_table(title, rows)}{more}{empty}"


def _titled_table(title: str, rows: str) -> str:
    return f"<table><caption style='text-align:left'><b>{html.escape(title)}</b></caption>{rows}</table>"


def _bar_chart(title: str, data: pd.DataFrame, value: str, labels: list[str]) -> Chart:
    rows = data.iloc[:30]
    names = [escape_label(name) for name in rows["name"]]
    short_names = [escape_label(cut(name, LABEL)) for name in rows["name"]]
    # plotly draws neither a bar shorter than a pixel nor its label.
    min_length = float(rows[value].max() or 0) * 0.006 if len(rows) else 0.0
    lengths = [max(float(number), min_length) if number else 0.0 for number in rows[value]]
    # plotly draws bars from the bottom up, but the largest bar belongs at the top. Bars are placed by number, because two
    # names may look the same after they are cut.
    figure = go.Figure(
        go.Bar(
            x=lengths[::-1],
            y=list(range(len(rows)))[::-1],
            orientation="h",
            marker={"color": BLUE, "line": {"width": 0}},
            text=labels[: len(rows)][::-1],
            textposition="auto",
            constraintext="none",
            textangle=0,  # otherwise plotly turns the numbers in short bars on their side
            insidetextfont={"color": "#fff"},
            customdata=names[::-1],
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
        )
    )
    figure.update_layout(height=max(220, 90 + 26 * len(rows)), bargap=0.25)
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=short_names, autorange="reversed")
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(showgrid=False)
    return Chart(title, figure, data, bars_html(title, list(data["name"]), list(data[value]), labels))


def storage(frame: pd.DataFrame, title: str = "Storage") -> Chart:
    """Draw the thirty largest rows of a DataFrame from ``reports.storage_by`` as bars."""
    labels = [files_text(size, files) for size, files in zip(frame["bytes"], frame["files"], strict=True)]
    return _bar_chart(title, frame, "bytes", labels)


def counts(values: pd.Series, title: str) -> Chart:
    """Draw how many times each of the thirty most frequent values occurs."""
    frequencies = values.dropna().astype("str").value_counts()
    data = pd.DataFrame({"name": frequencies.index, "count": frequencies.to_numpy()})
    return _bar_chart(title, data, "count", [f"{count:,}" for count in data["count"]])


def domains(external: pd.DataFrame) -> Chart:
    """Draw how many collaborations each external domain has, from ``reports.external_collaborators``."""
    return counts(external["domain"], "External collaborations, by domain")


def ages(frame: pd.DataFrame) -> Chart:
    """Draw storage by the age of the files' content, newest first, from ``reports.storage_by(box, "age")``."""
    data = frame.set_index("name").reindex(AGES).rename_axis("name").reset_index()
    data[["files", "bytes"]] = data[["files", "bytes"]].fillna(0)
    return storage(data, "Files by age of their content")


def events_per_day(events: pd.DataFrame, title: str = "Events per day (UTC)") -> Chart:
    """Draw one bar per day, with a colour for each of the six most frequent event types and grey for the others."""
    types = events["event_type"].astype("str")
    top = types.value_counts().index[:6]
    kind = types.where(types.isin(top), "other")
    day = events["created_at"].dt.floor("D").rename("day")
    data = events.groupby([day, kind.rename("kind")]).size().rename("events").reset_index()
    colours = dict(zip([name for name in top if "FAIL" not in name], TYPE_COLOURS, strict=False))
    colours |= {name: RED for name in top if "FAIL" in name} | {"other": "rgba(125,125,125,0.5)"}
    rows_of = dict(iter(data.groupby("kind")))
    figure = go.Figure(
        [
            go.Bar(
                x=rows_of[name]["day"],
                y=rows_of[name]["events"],
                name=escape_label(name),
                marker={"color": colours[name], "line": {"width": 0}},
                hovertemplate="%{x|%a %d %b %Y}: %{y}",
            )
            for name in [*top, "other"]
            if name in rows_of
        ]
    )
    # The legend is anchored to the bottom of the chart. Anchored to the plot, it would cover bars when the window grows.
    figure.update_layout(
        barmode="stack",
        height=360,
        legend={"orientation": "h", "traceorder": "normal", "yref": "container", "y": 0, "yanchor": "bottom"},
    )
    # Dates take only one line, because the legend would cover a second line that shows the year.
    figure.update_xaxes(tickformat="%-d %b", showgrid=False)
    figure.update_yaxes(tickformat=",d")
    total = data.groupby("day")["events"].sum()
    days, numbers = [str(start.date()) for start in total.index], [int(count) for count in total]
    table = bars_html(title, days[::-1], numbers[::-1], [str(count) for count in numbers][::-1])
    return Chart(title, figure, data, table)


def sign_in_heatmap(
    sign_ins: pd.DataFrame, title: str = "Sign-ins, including failed ones, by hour (UTC)"
) -> Chart:
    """Draw the number of sign-ins in each hour of the week, from ``reports.sign_ins``."""
    grid = (
        sign_ins.groupby([sign_ins["weekday"].astype("str"), "hour"]).size().unstack(fill_value=0)
        if len(sign_ins)
        else pd.DataFrame()
    )
    grid = grid.reindex(index=WEEKDAYS, columns=range(24), fill_value=0).astype("int64")
    maximum = int(grid.to_numpy().max()) or 1
    ticks = sorted({0, *(round(maximum * share) for share in (0.06, 0.25, 0.5, 1))})
    # On a linear scale, one attack with hundreds of sign-ins would make all ordinary hours look empty.
    figure = go.Figure(
        go.Heatmap(
            z=np.sqrt(grid.to_numpy()),
            customdata=grid.to_numpy(),
            zmin=0,
            zmax=maximum**0.5,
            colorbar={
                "tickvals": [count**0.5 for count in ticks],
                "ticktext": [f"{count:,}" for count in ticks],
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
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{day}</th>"
        + "".join(
            f"<td style='background:rgba(76,139,245,{(count / maximum) ** 0.5:.2f})'>{count}</td>"
            for count in counts_of_day
        )
        + "</tr>"
        for day, counts_of_day in zip(WEEKDAYS, grid.to_numpy().tolist(), strict=True)
    )
    hours = "".join(f"<th>{hour:02}</th>" for hour in range(24))
    return Chart(title, figure, grid, _titled_table(title, f"<tr><th></th>{hours}</tr>{cells}"))


def treemap_data(items: pd.DataFrame, tiles: int = TILES, top: str = ALL_CONTENT) -> pd.DataFrame:
    """
    Return the tiles of a treemap. Each tile is the area of a folder or a file.

    Parameters
    ----------
    items : DataFrame
        From ``reports.content`` or ``box.tree``.
    tiles : int
        The maximum number of tiles. The smallest items in a folder share one tile, which is called *(smaller)*.
    top : str
        The name of the outermost area.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``parent``, ``name``, ``bytes`` and ``files`` (of everything below), ``kind`` (``folder``, ``file``, ``rest``).
    """
    items = items[["type", "id", "parent_id", "name", "size"]]  # copying all forty columns would waste memory
    items = items.assign(name=items["name"].fillna(NAMELESS), size=items["size"].fillna(0))
    files = items[items["type"] == "file"]
    folders = items[items["type"] == "folder"]
    names = dict(zip(folders["id"], folders["name"], strict=True))
    parents = {
        folder: parent if parent in names else ""
        for folder, parent in zip(folders["id"], folders["parent_id"].astype("object"), strict=True)
    }
    folder_of_file = files["parent_id"].where(files["parent_id"].isin(parents), "").astype("object")
    sums = files["size"].astype("int64").groupby(folder_of_file).agg(["sum", "count"])
    size = dict.fromkeys([*parents, ""], 0) | dict(zip(sums.index, sums["sum"].tolist(), strict=True))
    count = dict.fromkeys([*parents, ""], 0) | dict(zip(sums.index, sums["count"].tolist(), strict=True))
    depth = _depths(parents)
    for folder in sorted(parents, key=lambda folder: -depth[folder]):
        size[parents[folder]] += size[folder]
        count[parents[folder]] += count[folder]
    rows = [("", "", top, size[""], count[""], "folder")]
    rows += [
        (folder, parent, names[folder], size[folder], count[folder], "folder")
        for folder, parent in parents.items()
        if size[folder]
    ]
    large = files.assign(folder=folder_of_file).nlargest(tiles, "size")
    rows += [
        (f"f{file_id}", str(folder), name, int(file_size), 1, "file")
        for file_id, folder, name, file_size in zip(
            large["id"], large["folder"], large["name"], large["size"], strict=True
        )
    ]
    data = pd.DataFrame(rows, columns=["id", "parent", "name", "bytes", "files", "kind"])
    return _largest(data, tiles)


def _depths(parents: dict[str, str]) -> dict[str, int]:
    """Return each folder's depth below the outermost area, whose id is empty.

    This also works for a damaged walk in which a folder is its own ancestor.
    """
    depth = {"": 0}
    for start in parents:
        path, folder = [], start
        while folder not in depth and folder not in path:
            path.append(folder)
            folder = parents[folder]
        for folder in reversed(path):
            depth[folder] = depth.get(parents[folder], 0) + 1
    return depth


def _largest(data: pd.DataFrame, tiles: int) -> pd.DataFrame:
    """Keep the largest tiles, and add a tile *(smaller)* to each folder that lost some, so that its total is unchanged."""
    ordered = data.sort_values(["bytes", "kind"], ascending=[False, False], kind="stable")
    root = ordered["id"] == ""
    # Each folder may need one more tile for its smaller items, so folders and files get only half of the tiles.
    largest = pd.concat([ordered[root], ordered[~root].head(max(1, tiles // 2 - 1))])
    largest = largest[(largest["id"] == "") | largest["parent"].isin(set(largest["id"]))]
    below = largest[largest["id"] != ""].groupby("parent")[["bytes", "files"]].sum()
    folders = largest[largest["kind"] == "folder"].set_index("id")
    rest = folders[["bytes", "files"]].sub(below, fill_value=0).loc[folders.index]
    rest = rest[rest["bytes"] > 0]
    smaller = pd.DataFrame(
        {
            "id": "r" + rest.index.astype("str"),
            "parent": rest.index,
            "name": SMALLER,
            "bytes": rest["bytes"].astype("int64"),
            "files": rest["files"].astype("int64"),
            "kind": "rest",
        }
    )
    return pd.concat([largest, smaller], ignore_index=True)


def treemap(
    items: pd.DataFrame, title: str = "Storage: click a folder to go down", tiles: int = TILES
) -> Chart:
    """Draw folders and files as at most ``tiles`` areas. Click a folder to go down, or the bar at the top to go back."""
    data = treemap_data(items, tiles)
    figure = go.Figure(
        go.Treemap(
            ids="i" + data["id"],
            parents=("i" + data["parent"]).where(data["id"] != "", ""),
            labels=[escape_label(name) for name in data["name"]],
            values=data["bytes"],
            text=[files_text(size, files) for size, files in zip(data["bytes"], data["files"], strict=True)],
            branchvalues="total",
            maxdepth=3,
            marker={
                "colors": np.log10(data["bytes"].astype("float64").clip(lower=1)),
                "colorscale": DEPTHS,
                "line": {"width": 1, "color": "rgba(255,255,255,0.35)"},
            },
            textfont={"color": "#fff", "size": 12},
            hovertemplate="%{label}<br>%{text}<extra></extra>",
        )
    )
    # A label that does not fit into its area is hidden, because shrinking could make it unreadable. Hovering shows it.
    figure.update_layout(height=520, uniformtext={"minsize": 10, "mode": "hide"})
    folders = data[(data["kind"] == "folder") & (data["id"] != "")].nlargest(20, "bytes")
    labels = [bytes_text(size) for size in folders["bytes"]]
    table = bars_html(title, list(folders["name"]), list(folders["bytes"]), labels)
    return Chart(title, figure, data, table)
