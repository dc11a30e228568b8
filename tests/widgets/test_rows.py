"""What a table and a tree show, without a browser: the state objects under the views, and the code they give."""

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
from boxnb.widgets.table_state import Rows, bytes_text
from boxnb.widgets.tree import folders
from boxnb.widgets.tree_state import Branches, from_box, from_frame

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def frame() -> pd.DataFrame:
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


def run(code: str, **names: pd.DataFrame) -> pd.DataFrame:
    """Execute what the button copies."""
    space: dict[str, Any] = {"pd": pd, **names}
    exec(code, space)
    return space["rows"]


@pytest.mark.parametrize(
    ("news", "names"),
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
def test_sort_search_and_filter(frame: pd.DataFrame, news: dict[str, Any], names: list[str | None]) -> None:
    """The rows one expects, in order; and the code says the same."""
    rows = Rows(frame, "frame")
    rows.change(**news)
    found = [None if pd.isna(name) else name for name in rows.shown["name"]]
    assert found == names
    if "mask" not in news:
        again = run(rows.code, frame=frame)
        assert again.index.tolist() == rows.shown.index.tolist()


def test_choosing_rows(frame: pd.DataFrame) -> None:
    """Chosen by their place in the view; none chosen is all shown; a new filter forgets them."""
    rows = Rows(frame, "frame")
    rows.change(sort="count")
    rows.choose([0, 2, 99, -1])
    assert rows.selected["count"].tolist() == [1, 3]
    assert run(rows.code, frame=frame)["count"].tolist() == [1, 3]
    rows.change(search="=1")
    assert rows.selected["count"].tolist() == [4]
    assert rows.chosen == set()


def test_cells_are_texts_people_read(frame: pd.DataFrame) -> None:
    """Bytes with units, times to the minute, nothing for what is missing; markup as it is, as text."""
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
def test_no_row_and_one_row(frame: pd.DataFrame, count: int) -> None:
    """A table of nothing is a table."""
    rows = Rows(frame.head(count), "frame")
    rows.change(sort="name", search="", filters={"size": "> 1"})
    assert len(rows.page(0, 10)) == len(rows.shown) <= count


def test_a_hundred_thousand_rows() -> None:
    """Sort, search and filter give the right rows at that size; how long they take, tests/bench/views.py prints."""
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
        ({"size": "> lots"}, "The filter of size is not understood: after > write bytes such as 1 GB."),
        ({"size": "<= 1.2.3 GB"}, "The filter of size is not understood: after <= write bytes such as 1 GB."),
        ({"at": "= soon"}, "The filter of at is not understood: after = write a date such as 2026-01-01."),
        ({"count": "> 1,000"}, ""),
        ({"size": "nothing like it", "name": "> x"}, ""),  # a part of the text, which no row has
    ],
)
def test_a_filter_that_cannot_be_read_is_told(
    frame: pd.DataFrame, filters: dict[str, str], misread: str
) -> None:
    """No row passes it, and the sentence says how to write it, instead of an empty table alone."""
    made = table(frame)
    for column, text in filters.items():
        made._on_message(None, {"type": "filter", "column": column, "text": text}, [])
    assert made.shown["misread"] == misread
    assert made.shown["shown"] == 0 or "count" in filters


def test_the_widget_answers_and_escapes(frame: pd.DataFrame) -> None:
    """Messages of the browser over the real handler; the fallback is escaped HTML; nothing of a message is trusted."""
    made = table(frame)
    sent: list[Any] = []
    made.send = lambda content, buffers=None: sent.append((content, buffers))
    made._on_message(None, {"type": "rows", "start": 0, "count": 2}, [])
    assert sent[-1][0]["rows"][0][0] == "b"
    made._on_message(None, {"type": "filter", "column": "no such", "text": "x"}, [])
    made._on_message(None, {"type": "sort", "column": "count"}, [])
    made._on_message(None, {"type": "show", "column": "at", "yes": False}, [])
    assert made.shown["sort"] == "count"
    assert "at" not in made.shown["visible"]
    made._on_message(None, {"type": "choose", "rows": [0]}, [])
    assert made.selected["count"].tolist() == [1]
    for kind in ("csv", "xlsx"):
        made._on_message(None, {"type": "file", "kind": kind}, [])
        assert sent[-1][0]["name"] == f"frame.{kind}"
        assert len(sent[-1][1][0]) > 20
    made._on_message(None, {"type": "choose", "rows": []}, [])
    made._on_message(None, {"type": "file", "kind": "text"}, [])
    assert "'=1+1" in sent[-1][0]["text"]
    made._on_message(None, {"type": "file", "kind": "../x"}, [])
    bundle = made._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<img" not in data["text/html"]
    assert "&lt;img" in data["text/html"]
    assert "can" in data["text/plain"]


def items() -> pd.DataFrame:
    rows = [
        ("folder", "1", "Top", None, None, None),
        ("folder", "2", HOSTILE, "1", None, None),
        ("file", "3", "a.mp4", "2", 3_000, "mp4"),
        ("file", "4", "b.txt", "1", 20, "txt"),
        ("file", "5", "c", None, 7, None),
    ]
    made = pd.DataFrame(rows, columns=["type", "id", "name", "parent_id", "size", "extension"])
    made["size"] = made["size"].astype("Int64")
    made["type"] = made["type"].astype("category")
    for name in ("modified_at", "content_modified_at"):
        made[name] = pd.Timestamp("2026-01-01", tz="UTC")
    made["owned_by_login"], made["ownership"] = "a@example.com", "active"
    made["path"] = ["", "Top", f"Top/{HOSTILE}", "Top", ""]
    return made


def test_a_tree_out_of_a_frame() -> None:
    """Folders first; opened once; what is chosen is rows."""
    branches = Branches(from_frame(items()))
    first = list(branches.open("0"))
    assert [row[2] for row in first[0]["rows"]] == ["Top", "c"]
    assert [message["done"] for message in first] == [False, True]
    first, *_ = branches.open("1")
    assert [row[1] for row in first["rows"]] == ["2", "4"]
    assert list(branches.open("404"))[-1]["done"]
    branches.choose("folder", "2")
    assert branches.selected["name"].tolist() == [HOSTILE]
    branches.choose("file", "5", more=True)
    assert len(branches.selected) == 2
    branches.choose("file", "5", more=True)
    branches.choose("folder", "2")
    assert len(branches.selected) == len(pd.concat(branches.items.values()))


def test_a_tree_out_of_box(sandbox: boxnb.sandbox.Sandbox) -> None:
    """One call a folder, none for one that is open already; a folder one may not see says why."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    tree = folders(box)
    assert box.session.ledger.calls == 1
    top = tree.branches.items["0"]
    folder = top.loc[top["type"] == "folder", "id"].iloc[0]
    for _ in range(2):
        list(tree.branches.open(folder))
    assert box.session.ledger.calls == 2
    failed = list(Branches(from_box(box)).open("404404"))
    assert failed[-1]["type"] == "failed"
    assert "404" in failed[-1]["why"]
    assert "All Files" in tree.label


def test_what_explorer_chooses() -> None:
    """A folder is everything below it; a bar is its files; both together; the code gives the same."""
    content = items()
    choice = Choice(content, "content")
    assert choice.mask().all()
    choice.folder = ("folder", "1")
    assert content.loc[choice.mask(), "id"].tolist() == ["2", "3", "4"]
    assert run(choice.code, content=content)["id"].tolist() == ["2", "3", "4"]
    choice.bar = ("extension", "mp4")
    assert content.loc[choice.mask(), "id"].tolist() == ["3"]
    assert run(choice.code, content=content)["id"].tolist() == ["3"]
    assert choice.words == "in Top, mp4"
    sums = choice.sums("extension")
    assert sums[["label", "bytes"]].to_numpy().tolist() == [["mp4", 3000], ["txt", 20]]
    choice.folder, choice.bar = ("file", "5"), ("", "")
    assert run(choice.code, content=content)["id"].tolist() == ["5"]
    choice.folder, choice.bar = ("", ""), ("age", choice.labels["age"].iloc[0])
    assert run(choice.code, content=content)["id"].tolist() == ["3", "4", "5"]
    nothing = Choice(content.iloc[:0], "content")
    assert nothing.sums("extension").empty


def test_two_folders_of_one_name_are_told_apart_in_code() -> None:
    """Different people have one each: the code means the one that was chosen."""
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
        assert run(choice.code, content=content)["id"].tolist() == content.loc[choice.mask(), "id"].tolist()


@pytest.mark.parametrize("text", ["1.3", "1.3 gb", "13", "1,1", "x", "y"])
def test_part_of_what_is_shown_is_the_same_in_code(text: str) -> None:
    """Sizes, numbers and truths are compared as a reader sees them."""
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
        assert run(rows.code, frame=frame).index.tolist() == rows.shown.index.tolist(), name


def test_progress_says_what_is_known() -> None:
    """Remaining time only where the last pull tells how much there is; the first call takes its time, too."""
    repeats = [3]
    meter = Meter({"users": 20}.get, lambda: repeats[0])  # type: ignore[arg-type]
    meter.say(Progress("users", 10, 1, 1, False, 0.1))
    part, text = meter.say(Progress("users", 100, 10, 10, False, 1.0))
    assert part == 0.5
    assert text == "users: 100 rows, 10 calls, 10 calls a second, about 1 s left"
    repeats[0] += 1
    done = meter.say(Progress("users", 200, 20, 21, True, 2.0))
    assert done == (1.0, "users: 200 rows, 21 calls, 1 repeated, 2.0 s")
    one = meter.say(Progress("users", 120, 1, 1, True, 1.6))  # the same again, in one page
    assert one == (1.0, "users: 120 rows, 1 call, 1.6 s")
    other = Meter(lambda dataset: 0, lambda: 0)
    assert other.say(Progress("events", 5, 1, 1, False)) == (None, "events: 5 rows, 1 call, just begun")


def test_progress_follows_a_pull(sandbox: boxnb.sandbox.Sandbox) -> None:
    """The view ends with what was fetched, and counts a repeated call."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    view = progress(box)
    box.users()
    assert "users: 120 rows, 1 call," in view.value
    sandbox.faults.add("/2.0/groups", "503", times=1)
    box.groups()
    assert "groups: 25 rows, 2 calls" in view.value


def test_charts_escape_names_and_have_a_plain_form() -> None:
    """Labels and the HTML form hold no markup of a name; an empty frame is an empty chart."""
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


def test_a_treemap_keeps_its_sums() -> None:
    """At most so many tiles, each folder as large as what is in it, nothing lost."""
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


def test_titles_fit_half_a_screen_and_colours_say_what_failed() -> None:
    """Long titles are wrapped; what failed is red; the root keeps ordinary hours visible beside an attack."""
    chart = charts.counts(
        pd.Series(["a"]), "A title that is much longer than a notebook beside another is wide"
    )
    assert "<br>" in chart.figure.layout.title.text
    assert repr(chart).startswith("A title that is much longer than a notebook")
    day = pd.Timestamp("2026-01-05 03:00", tz="UTC")
    events = pd.DataFrame({"event_type": ["LOGIN", "LOGIN", "FAILED_LOGIN"], "created_at": day})
    colours = {bar.name: bar.marker.color for bar in charts.events_per_day(events).figure.data}
    assert colours["FAILED_LOGIN"] == charts.RED != colours["LOGIN"]
    entries = pd.DataFrame({"weekday": ["Monday"] * 101, "hour": [3] * 100 + [9]})
    drawn = charts.sign_in_heatmap(entries).figure.data[0]
    assert drawn.z[0][3] == 10 and drawn.z[0][9] == 1
    assert drawn.customdata[0][3] == 100


def test_figures_lie_flat_and_one_file_is_one() -> None:
    """A figure never stands on its side in a short bar; one is *1 file*, thousands have a comma; small areas stay unwritten."""
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
    assert min(long.data[0].x) > 10**9  # seven bytes of a terabyte are a line, else their figure is not drawn
    heat = charts.sign_in_heatmap(pd.DataFrame({"weekday": ["Monday"], "hour": [3]})).figure
    assert heat.layout.xaxis.tickangle == 0


def test_columns_come_in_the_order_asked_for(frame: pd.DataFrame) -> None:
    """As they are named, whatever the order of the frame; one that is brought in later comes behind them."""
    names = list(frame.columns)
    asked = [names[-1], names[0]]
    made = table(frame, columns=asked)
    assert made.shown["visible"] == asked
    made._on_message(made, {"type": "show", "column": names[1], "yes": True}, [])
    assert made.shown["visible"] == [*asked, names[1]]
    assert made.rows.page(0, 1)[0][1] == "b"


def test_pages_without_a_kernel_show_the_same_in_plain_html() -> None:
    """Table, tree, explorer and progress as HTML: bytes as people read them, how many rows there are, no markup of a name."""
    content = items()
    shown = {
        "table": views.table(content),
        "tree": views.folders(content),
        "explorer": views.explore(content),
    }
    for name, view in shown.items():
        bundle = view._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "<table" in data["text/html"] and HOSTILE not in data["text/html"], name
        assert "see .selected" in data["text/plain"], name
    assert "3.0 kB" in shown["table"].fallback()
    long = views.table(pd.concat([content] * 10))
    assert "The first 20 of 50 rows." in long.fallback()
    assert "mp4" in shown["explorer"]._repr_mimebundle_()["text/html"]


def test_progress_has_a_plain_form(sandbox: boxnb.sandbox.Sandbox) -> None:
    """The sentence it said last."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    view = progress(box)
    box.users()
    assert "users: 120 rows, 1 call," in view._repr_mimebundle_()["text/html"]
    assert repr(view).startswith("users: 120 rows")
