"""Tables, trees, charts and progress without a browser: the state behind the views, and the code they return."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from signing import sign_in

import boxnb.sandbox
from boxnb.api.connection import Progress
from boxnb.widgets import charts, views
from boxnb.widgets.explorer import Choice
from boxnb.widgets.progress import Meter, progress
from boxnb.widgets.table import table
from boxnb.widgets.table_state import Rows
from boxnb.widgets.text import bytes_text
from boxnb.widgets.tree import folders
from boxnb.widgets.tree_state import Branches, from_box, from_frame

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def frame() -> pd.DataFrame:
    """Five rows with a column of every kind, and with markup and a formula among the names."""
    return pd.DataFrame(
        {
            "name": pd.Series(["b", "A", HOSTILE, None, "=1+1"], dtype="str"),
            "size": pd.Series([5, None, 2_000_000_000, 7, 12], dtype="Int64"),
            "count": [3, 1, 2, 5, 4],
            "at": pd.to_datetime(["2026-01-02", "2026-01-01", None, "2025-05-05", "2026-03-03"], utc=True),
            "is_open": pd.Series([True, False, None, True, False], dtype="boolean"),
            "kind": pd.Series(["x", "y", "x", "x", "y"]).astype("category"),
        }
    )


def execute(code: str, **names: pd.DataFrame) -> pd.DataFrame:
    """Execute the code that the button copies, and return its rows."""
    space: dict[str, Any] = {"pd": pd, **names}
    exec(code, space)
    return space["rows"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["b", "A", HOSTILE, None, "=1+1"]),
        ({"sort": "name"}, [HOSTILE, "=1+1", "A", "b", None]),
        ({"sort": "size", "ascending": False}, [HOSTILE, "=1+1", None, "b", "A"]),
        ({"sort": "at"}, [None, "A", "b", "=1+1", HOSTILE]),
        ({"search": "IMG"}, [HOSTILE]),
        ({"search": ".*"}, []),
        ({"filters": {"name": "b"}}, ["b"]),
        ({"filters": {"size": "> 1 GB"}}, [HOSTILE]),
        ({"filters": {"size": ">=7"}}, [HOSTILE, None, "=1+1"]),
        ({"filters": {"size": "> lots"}}, []),
        ({"filters": {"size": "< 7,5"}}, ["b", None]),
        ({"filters": {"at": "> 2026-01-01"}}, ["b", "=1+1"]),
        ({"filters": {"at": "2026-0"}}, ["b", "A", "=1+1"]),
        ({"filters": {"count": "= 3"}}, ["b"]),
        ({"filters": {"is_open": "yes"}}, ["b", None]),
        ({"filters": {"kind": "X", "size": "> 6"}, "sort": "count"}, [HOSTILE, None]),
        ({"mask": np.array([True, False, False, False, True])}, ["b", "=1+1"]),
    ],
)
def test_rows_are_sorted_searched_and_filtered(
    frame: pd.DataFrame, changes: dict[str, Any], names: list[str | None]
) -> None:
    """The view shows the expected rows in order, and its code returns the same rows."""
    rows = Rows(frame, "frame")
    rows.change(**changes)
    shown = [None if pd.isna(name) else name for name in rows.shown["name"]]
    assert shown == names
    if "mask" not in changes:
        result = execute(rows.code, frame=frame)
        assert result.index.tolist() == rows.shown.index.tolist()


def test_rows_are_chosen_by_their_position(frame: pd.DataFrame) -> None:
    """Positions refer to the view. A new filter clears the choice."""
    rows = Rows(frame, "frame")
    rows.change(sort="count")
    rows.choose([0, 2, 99, -1])
    assert rows.selected["count"].tolist() == [1, 3]
    assert execute(rows.code, frame=frame)["count"].tolist() == [1, 3]
    rows.change(search="=1")
    assert rows.selected["count"].tolist() == [4]
    assert rows.chosen == set()


def test_cells_are_readable(frame: pd.DataFrame) -> None:
    """Bytes have units, times end at the minute, missing values are empty, and markup stays text."""
    page = Rows(frame).page(0, 3)
    assert page[0] == ["b", "5 B", "3", "2026-01-02 00:00", "yes", "x"]
    assert page[1][1] == ""
    assert page[2] == [HOSTILE, "2.0 GB", "2", "", "", "x"]
    assert [bytes_text(size) for size in (0, 999, 1000, 99_999, 999_999, 11_811_160_064, 9e17)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "100 kB",
        "1.0 MB",
        "11.8 GB",
        "900000 TB",
    ]


@pytest.mark.parametrize("count", [0, 1])
def test_tables_with_at_most_one_row_can_be_filtered(frame: pd.DataFrame, count: int) -> None:
    """Sorting and filtering work with no row and with one."""
    rows = Rows(frame.head(count), "frame")
    rows.change(sort="name", search="", filters={"size": "> 1"})
    assert len(rows.page(0, 10)) == len(rows.shown) <= count


def test_a_hundred_thousand_rows_are_sorted_and_filtered() -> None:
    """Sort, search and filter return the right rows. tests/bench/views.py measures the time they take."""
    many = 100_000
    big = pd.DataFrame(
        {"name": [f"file {number * 7919 % many}.txt" for number in range(many)], "size": range(many)}
    )
    rows = Rows(big)
    rows.change(search="file 991")
    assert len(rows.order) == 1 + 10 + 100
    rows.change(sort="name", ascending=False)
    assert rows.page(0, 1)[0][0] == "file 99199.txt"
    rows.change(search="", sort="size", ascending=False, filters={"size": "> 50 kB"})
    assert len(rows.order) == 49_999
    assert rows.page(0, 1)[0][1] == "100 kB"
    assert len(rows.page(49_900, 500)) == 99


@pytest.mark.parametrize(
    ("filters", "misread"),
    [
        ({"size": "> lots"}, "Cannot read the filter on size. After >, write a size such as 1 GB."),
        ({"size": "<= 1.2.3 GB"}, "Cannot read the filter on size. After <=, write a size such as 1 GB."),
        ({"at": "= soon"}, "Cannot read the filter on at. After =, write a date such as 2026-01-01."),
        ({"count": "> 1,000"}, ""),
        ({"size": "nothing like it", "name": "> x"}, ""),  # searches for text that no row has
    ],
)
def test_an_unreadable_filter_is_reported(frame: pd.DataFrame, filters: dict[str, str], misread: str) -> None:
    """An unreadable filter matches nothing, and a sentence says how to write it."""
    view = table(frame)
    for column, text in filters.items():
        view._on_message(None, {"type": "filter", "column": column, "text": text}, [])
    assert view.shown["misread"] == misread
    assert view.shown["shown"] == 0 or "count" in filters


def test_the_table_replies_to_messages(frame: pd.DataFrame) -> None:
    """The table replies to every type of message and ignores unknown ones. The fallback is escaped."""
    view = table(frame)
    sent: list[Any] = []
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    view._on_message(None, {"type": "rows", "start": 0, "count": 2}, [])
    assert sent[-1][0]["rows"][0][0] == "b"
    view._on_message(None, {"type": "filter", "column": "no such", "text": "x"}, [])
    view._on_message(None, {"type": "sort", "column": "count"}, [])
    view._on_message(None, {"type": "show", "column": "at", "yes": False}, [])
    assert view.shown["sort"] == "count"
    assert "at" not in view.shown["visible"]
    view._on_message(None, {"type": "choose", "rows": [0]}, [])
    assert view.selected["count"].tolist() == [1]
    for extension in ("csv", "xlsx"):
        view._on_message(None, {"type": "file", "kind": extension}, [])
        assert sent[-1][0]["name"] == f"frame.{extension}"
        assert len(sent[-1][1][0]) > 20
    view._on_message(None, {"type": "choose", "rows": []}, [])
    view._on_message(None, {"type": "file", "kind": "text"}, [])
    assert "'=1+1" in sent[-1][0]["text"]
    view._on_message(None, {"type": "file", "kind": "../x"}, [])
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<img" not in data["text/html"]
    assert "&lt;img" in data["text/html"]
    assert "can" in data["text/plain"]


def items() -> pd.DataFrame:
    """A small walk: two nested folders and three files."""
    rows = [
        ("folder", "1", "Top", None, None, None),
        ("folder", "2", HOSTILE, "1", None, None),
        ("file", "3", "a.mp4", "2", 3_000, "mp4"),
        ("file", "4", "b.txt", "1", 20, "txt"),
        ("file", "5", "c", None, 7, None),
    ]
    walk = pd.DataFrame(rows, columns=["type", "id", "name", "parent_id", "size", "extension"])
    walk["size"] = walk["size"].astype("Int64")
    walk["type"] = walk["type"].astype("category")
    for name in ("modified_at", "content_modified_at"):
        walk[name] = pd.Timestamp("2026-01-01", tz="UTC")
    walk["owned_by_login"], walk["ownership"] = "a@example.com", "active"
    walk["path"] = ["", "Top", f"Top/{HOSTILE}", "Top", ""]
    return walk


def test_a_tree_shows_the_folders_of_a_walk() -> None:
    """Folders come first, and the chosen items are returned as rows."""
    branches = Branches(from_frame(items()))
    messages = list(branches.open("0"))
    assert [row[2] for row in messages[0]["rows"]] == ["Top", "c"]
    assert [message["done"] for message in messages] == [False, True]
    message, *_ = branches.open("1")
    assert [row[1] for row in message["rows"]] == ["2", "4"]
    assert list(branches.open("404"))[-1]["done"]
    branches.choose("folder", "2")
    assert branches.selected["name"].tolist() == [HOSTILE]
    branches.choose("file", "5", more=True)
    assert len(branches.selected) == 2
    branches.choose("file", "5", more=True)
    branches.choose("folder", "2")
    assert len(branches.selected) == len(pd.concat(branches.items.values()))


def test_a_tree_of_a_box_fetches_each_folder_once(sandbox: boxnb.sandbox.Sandbox) -> None:
    """Each folder takes one call, when it is first opened. A folder that cannot be listed says why."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    tree = folders(box)
    assert box.session.ledger.calls == 1
    top = tree.branches.items["0"]
    folder = top.loc[top["type"] == "folder", "id"].iloc[0]
    for _ in range(2):
        list(tree.branches.open(folder))
    assert box.session.ledger.calls == 2
    last_message = list(Branches(from_box(box)).open("404404"))[-1]
    assert last_message["type"] == "failed"
    assert "404" in last_message["why"]
    assert "All Files" in tree.label


def test_the_explorer_filters_by_folder_and_bar() -> None:
    """A folder selects everything below it, a bar its files. The code returns the same rows."""
    content = items()
    choice = Choice(content, "content")
    assert choice.mask().all()
    choice.folder = ("folder", "1")
    assert content.loc[choice.mask(), "id"].tolist() == ["2", "3", "4"]
    assert execute(choice.code, content=content)["id"].tolist() == ["2", "3", "4"]
    choice.bar = ("extension", "mp4")
    assert content.loc[choice.mask(), "id"].tolist() == ["3"]
    assert execute(choice.code, content=content)["id"].tolist() == ["3"]
    assert choice.summary == "in Top, mp4"
    sums = choice.sums("extension")
    assert sums[["label", "bytes"]].to_numpy().tolist() == [["mp4", 3000], ["txt", 20]]
    choice.folder, choice.bar = ("file", "5"), ("", "")
    assert execute(choice.code, content=content)["id"].tolist() == ["5"]
    choice.folder, choice.bar = ("", ""), ("age", choice.labels["age"].iloc[0])
    assert execute(choice.code, content=content)["id"].tolist() == ["3", "4", "5"]
    nothing = Choice(content.iloc[:0], "content")
    assert nothing.sums("extension").empty


def test_the_code_distinguishes_folders_of_the_same_name() -> None:
    """If two users have a folder with the same name, the code selects the chosen one."""
    content = pd.concat(
        [items(), items().assign(id=lambda rows: "9" + rows["id"], owned_by_login="b@example.com")]
    )
    content = content.reset_index(drop=True)
    content["parent_id"] = content["parent_id"].where(
        content["owned_by_login"] != "b@example.com", "9" + content["parent_id"]
    )
    choice = Choice(content, "content")
    for folder in ("1", "91"):
        choice.folder = ("folder", folder)
        assert (
            execute(choice.code, content=content)["id"].tolist() == content.loc[choice.mask(), "id"].tolist()
        )


@pytest.mark.parametrize("text", ["1.3", "1.3 gb", "13", "1,1", "x", "y"])
def test_the_code_searches_the_text_that_is_shown(text: str) -> None:
    """Sizes, numbers and booleans are searched as a reader sees them."""
    frame = pd.DataFrame(
        {
            "size": pd.Series([1_300_000_000, 13_000, None], dtype="Int64"),
            "count": pd.Series([1155, 13, 0], dtype="Int64"),
            "is_open": pd.Series([True, False, None], dtype="boolean"),
        }
    )
    for name in frame:
        rows = Rows(frame, "frame")
        rows.change(filters={name: text})
        assert execute(rows.code, frame=frame).index.tolist() == rows.shown.index.tolist(), name


def test_progress_describes_a_pull() -> None:
    """The remaining time is shown only if the last pull says how many calls to expect."""
    repeats = [3]
    meter = Meter({"users": 20}.get, lambda: repeats[0])  # type: ignore[arg-type]
    meter.describe(Progress("users", 10, 1, 1, False, 0.1))
    fraction, sentence = meter.describe(Progress("users", 100, 10, 10, False, 1.0))
    assert fraction == 0.5
    assert sentence == "users: 100 rows, 10 calls, 10 calls a second, about 1 s left"
    repeats[0] += 1
    finished = meter.describe(Progress("users", 200, 20, 21, True, 2.0))
    assert finished == (1.0, "users: 200 rows, 21 calls, 1 repeated, 2.0 s")
    single_page = meter.describe(Progress("users", 120, 1, 1, True, 1.6))
    assert single_page == (1.0, "users: 120 rows, 1 call, 1.6 s")
    without_estimate = Meter(lambda dataset: 0, lambda: 0)
    assert without_estimate.describe(Progress("events", 5, 1, 1, False)) == (
        None,
        "events: 5 rows, 1 call, just started",
    )


def test_progress_follows_a_pull(sandbox: boxnb.sandbox.Sandbox) -> None:
    """The view ends with the number of rows and counts a repeated call."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    view = progress(box)
    box.users()
    assert "users: 120 rows, 1 call," in view.value
    sandbox.faults.add("/2.0/groups", "503", times=1)
    box.groups()
    assert "groups: 25 rows, 2 calls" in view.value


def test_charts_escape_names() -> None:
    """The figure and the fallback do not contain markup from a name. An empty DataFrame gives an empty chart."""
    frame = pd.DataFrame({"name": [HOSTILE, "b"], "files": [1, 2], "bytes": [5, 3], "share": [0.6, 0.4]})
    drawn = [charts.storage(frame), charts.counts(frame["name"], HOSTILE), charts.treemap(items())]
    for chart in drawn:
        bundle = chart._repr_mimebundle_()
        assert "<img" not in bundle["text/html"]
        assert "<img" not in json.dumps(bundle["application/vnd.plotly.v1+json"]["data"])
    for empty in (
        charts.storage(frame.head(0)),
        charts.counts(frame["name"].head(0), "none"),
        charts.treemap(items().head(0)),
        charts.ages(frame.head(0)),
    ):
        assert empty._repr_mimebundle_()["text/plain"]


def test_a_treemap_preserves_the_size_of_each_folder() -> None:
    """There are at most as many tiles as requested, and each folder is as large as its content."""
    rows = [
        ("folder", f"d{number}", f"d{number}", f"d{number // 2}" if number else None, None)
        for number in range(300)
    ]
    rows += [("file", f"f{number}", "x", f"d{number % 300}", number) for number in range(1, 20_000)]
    many = pd.DataFrame(rows, columns=["type", "id", "name", "parent_id", "size"])
    many["size"] = many["size"].astype("Int64")
    data = charts.treemap_data(many, tiles=2000)
    assert len(data) <= 2000
    sizes = data.set_index("id")["bytes"]
    assert sizes[""] == sum(range(1, 20_000))
    below = data[data["id"] != ""].groupby("parent")["bytes"].sum()
    assert (below == sizes[below.index]).all()


def test_titles_are_wrapped_and_failures_are_red() -> None:
    """The square-root scale of the heatmap keeps ordinary hours visible next to an attack."""
    chart = charts.counts(
        pd.Series(["a"]), "A title that is much longer than the width of a notebook next to another"
    )
    assert "<br>" in chart.figure.layout.title.text
    assert repr(chart).startswith("A title that is much longer than the width")
    day = pd.Timestamp("2026-01-05 03:00", tz="UTC")
    events = pd.DataFrame({"event_type": ["LOGIN", "LOGIN", "FAILED_LOGIN"], "created_at": day})
    colours = {bar.name: bar.marker.color for bar in charts.events_per_day(events).figure.data}
    assert colours["FAILED_LOGIN"] == charts.RED != colours["LOGIN"]
    entries = pd.DataFrame({"weekday": ["Monday"] * 101, "hour": [3] * 100 + [9]})
    drawn = charts.sign_in_heatmap(entries).figure.data[0]
    assert drawn.z[0][3] == 10 and drawn.z[0][9] == 1
    assert drawn.customdata[0][3] == 100


def test_labels_of_bars_and_areas_are_readable() -> None:
    """Labels are horizontal, count *1 file* and *1,234 files*, and are hidden if an area is too small."""
    sizes = pd.DataFrame({"name": ["a", "b"], "bytes": [2_000, 5], "files": [1234, 1]})
    bars = charts.storage(sizes).figure.data[0]
    assert bars.textangle == 0 and bars.insidetextfont.color == "#fff"
    assert list(bars.text) == ["5 B, 1 file", "2.0 kB, 1,234 files"]
    explorer = views.explore(items()).chart.data[0]
    assert explorer.textangle == 0
    assert all(text.endswith(("1 file", "files")) for text in explorer.text)
    assert charts.treemap(items()).figure.layout.uniformtext.mode == "hide"
    long = charts.storage(pd.DataFrame({"name": ["x" * 50, "y"], "bytes": [10**12, 7], "files": 1})).figure
    assert max(map(len, long.layout.yaxis.ticktext)) == charts.LABEL
    assert "x" * 50 in long.data[0].customdata
    # Seven bytes next to a terabyte are a thin line, or plotly would not draw their label.
    assert min(long.data[0].x) > 10**9
    heat = charts.sign_in_heatmap(pd.DataFrame({"weekday": ["Monday"], "hour": [3]})).figure
    assert heat.layout.xaxis.tickangle == 0


def test_columns_keep_the_requested_order(frame: pd.DataFrame) -> None:
    """Columns are shown in the order of the argument. A column that is added later comes last."""
    names = list(frame.columns)
    requested = [names[-1], names[0]]
    view = table(frame, columns=requested)
    assert view.shown["visible"] == requested
    view._on_message(view, {"type": "show", "column": names[1], "yes": True}, [])
    assert view.shown["visible"] == [*requested, names[1]]
    assert view.rows.page(0, 1)[0][1] == "b"


def test_views_have_a_plain_fallback() -> None:
    """Table, tree and explorer have an HTML form with units for bytes, the number of rows, and escaped names."""
    content = items()
    all_views = {
        "table": views.table(content),
        "tree": views.folders(content),
        "explorer": views.explore(content),
    }
    for name, view in all_views.items():
        bundle = view._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "<table" in data["text/html"] and HOSTILE not in data["text/html"], name
        assert "see .selected" in data["text/plain"], name
    assert "3.0 kB" in all_views["table"].fallback()
    long = views.table(pd.concat([content] * 10))
    assert "The first 20 of 50 rows." in long.fallback()
    assert "mp4" in all_views["explorer"]._repr_mimebundle_()["text/html"]


def test_progress_has_a_plain_fallback(sandbox: boxnb.sandbox.Sandbox) -> None:
    """The fallback is the last sentence."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    view = progress(box)
    box.users()
    assert "users: 120 rows, 1 call," in view._repr_mimebundle_()["text/html"]
    assert repr(view).startswith("users: 120 rows")
