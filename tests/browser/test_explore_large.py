"""The views at the size of a large enterprise, measured in a real JupyterLab; the figures go to the log (`pytest -rA`)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import Lab
from person import Person
from playwright.sync_api import BrowserContext, expect
from signing import sign_in
from test_explore import run_all, show, told

import boxnb.sandbox

pytestmark = pytest.mark.browser

TABLE = """import pandas as pd
from boxnb.widgets import views
count = 100_000
big = pd.DataFrame({"name": [f"file {n * 7919 % count}.txt" for n in range(count)], "size": range(count), "owner_login": [f"p{n % 500}@example.com" for n in range(count)]})
big["modified_at"] = pd.Timestamp("2026-01-01", tz="UTC") - pd.to_timedelta(range(count), unit="h")
views.table(big)"""
TREE = """import boxnb, psutil
from boxnb.widgets import views
box = boxnb.connect("acme")
tree = views.folders(box)
tree"""
MEMORY = "import psutil; print(f'kernel {psutil.Process().memory_info().rss / 1e6:.0f} MB')"
MAP = """import time, numpy, pandas as pd
from boxnb.widgets import charts
folders = pd.DataFrame({"type": "folder", "id": [f"d{n}" for n in range(20_000)], "parent_id": [None if n < 50 else f"d{n // 20}" for n in range(20_000)], "name": [f"Folder {n}" for n in range(20_000)], "size": 0})
files = pd.DataFrame({"type": "file", "id": [f"f{n}" for n in range(200_000)], "parent_id": [f"d{n % 20_000}" for n in range(200_000)], "name": [f"File {n}" for n in range(200_000)], "size": numpy.random.default_rng(1).lognormal(12, 3, 200_000).astype("int64")})
items = pd.concat([folders, files], ignore_index=True)
begun = time.monotonic()
chart = charts.treemap(items)
print(f'made in {time.monotonic() - begun:.2f} s')"""


MANY = 20_000
WORLD = Path(__file__).parents[2] / "data" / "sandbox"


def notebook(lab: Lab, *cells: str) -> str:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, lab.notebooks / "large.ipynb")
    return "large.ipynb"


def seconds(act: Callable[[], object]) -> float:
    begun = time.monotonic()
    act()
    return round(time.monotonic() - begun, 2)


def processor(person: Person) -> Callable[[], float]:
    """Seconds of processor time the page's main thread has used from now on: a busy computer does not lengthen them."""
    session = person.window.new_cdp_session(person.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    return used


def test_a_hundred_thousand_rows(window: BrowserContext, lab: Lab) -> None:
    """First rows, sort, filter, search, the far end; the page holds only what is in sight."""
    person = Person(window, lab, notebook(lab, TABLE))
    took = {"run": seconds(lambda: run_all(person))}
    table = person[".bxt"].first
    first = table.locator(".bxt-rows .bxt-row:not(.bxt-wait) .bxt-cell").first
    took["first rows"] = seconds(first.wait_for)
    took["sort"] = seconds(
        lambda: (table.get_by_role("button", name="name").click(), expect(first).to_have_text("file 0.txt"))
    )
    count = table.locator(".bxt-count")
    box = table.get_by_label("Search all text")
    took["search"] = seconds(lambda: (box.fill("file 4242"), expect(count).to_contain_text("11 of 100,000")))
    took["clear"] = seconds(lambda: (box.fill(""), expect(count).to_have_text("100,000 rows")))
    sizes = table.get_by_label("Filter size")
    took["filter"] = seconds(lambda: (sizes.fill("> 50 kB"), expect(count).to_contain_text("49,999 of")))
    took["filter off"] = seconds(lambda: (sizes.fill(""), expect(count).to_have_text("100,000 rows")))

    def scroll() -> None:
        table.locator(".bxt-body").evaluate("body => { body.scrollTop = body.scrollHeight }")
        expect(table.locator("[aria-rowindex='100000']:not(.bxt-wait)")).to_be_visible()

    took["to the end"] = seconds(scroll)
    heap = person.page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    print(
        took, f"JavaScript heap {heap:.0f} MB, rows in the page {table.locator('.bxt-rows .bxt-row').count()}"
    )
    assert table.locator(".bxt-rows .bxt-row").count() < 60


@pytest.fixture
def films(home: Path) -> Iterator[str]:
    """The company, with one folder *Frames* of the admin's that holds 20,000 files; somebody is signed in as ``acme``."""
    world = home / "world"
    shutil.copytree(WORLD, world)
    folders, files = (
        pd.read_csv(world / f"{name}.csv", dtype=str, keep_default_na=False) for name in ("folders", "files")
    )
    folder = folders.iloc[:1].assign(
        id="160999999999", parent_id="0", name="Frames", owner="ada.admin@example.com"
    )
    frames = files.iloc[[0] * MANY].assign(
        id=[str(931_000_000_000 + number) for number in range(MANY)],
        name=[f"frame {number:05}.png" for number in range(MANY)],
        folder_id="160999999999",
        same_as="",
        link="",
        link_password="",
        trashed_at="",
    )
    pd.concat([folders, folder]).to_csv(world / "folders.csv", index=False)
    pd.concat([files, frames]).to_csv(world / "files.csv", index=False)
    with boxnb.sandbox.start(private=True, world=str(world), limits="off", events=100) as sandbox:
        sign_in(sandbox)
        yield "Frames"


def test_a_folder_of_twenty_thousand(window: BrowserContext, lab: Lab, films: str) -> None:
    """Twenty pages one after another, over HTTP from a sandbox that has them: first rows soon, all of them kept, few in the page."""
    person = Person(window, lab, notebook(lab, TREE))
    run_all(person)
    tree = person[".bxf"].first
    show(person, ".bxf")
    before = told(person.page, MEMORY).strip()
    show(person, ".bxf")
    row = tree.locator(".bxf-row").filter(has_text=films)
    begun = time.monotonic()
    row.locator(".bxf-twist").click()
    tree.get_by_text("frame 0", exact=False).first.wait_for()
    first = round(time.monotonic() - begun, 2)
    expect(tree.locator(".bxf-bar span")).to_contain_text("20,0", timeout=120_000)
    expect(tree.get_by_text("fetching …")).to_have_count(0, timeout=120_000)
    whole = round(time.monotonic() - begun, 2)
    rows = tree.locator(".bxf-row").count()
    tree.locator(".bxf-body").evaluate("body => { body.scrollTop = body.scrollHeight }")
    begun = time.monotonic()
    tree.get_by_label("Search what is open").fill("frame 19999")
    expect(tree.locator(".bxf-bar span")).to_contain_text("1 found")
    search = round(time.monotonic() - begun, 2)
    heap = person.page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    after = told(person.page, MEMORY).strip()
    print(
        f"first rows {first} s, all 20,000 {whole} s, search {search} s, rows in the page {rows}, "
        f"JavaScript heap {heap:.0f} MB, {before} before, {after} after"
    )
    assert rows < 60
    assert told(person.page, "print(len(tree.branches.items['160999999999']))").strip() == "20000"
    assert told(person.page, "print(box.session.ledger.calls)").strip() == "21"


def test_a_treemap_of_two_hundred_thousand(window: BrowserContext, lab: Lab) -> None:
    """At most 2,000 tiles, drawn in seconds."""
    person = Person(window, lab, notebook(lab, MAP, "chart"))
    person.run_through("treemap")
    made = person[".jp-OutputArea-output"].first.inner_text()
    used = processor(person)
    begun, before = time.monotonic(), used()
    person.command("notebook:run-cell")
    slices = person[".js-plotly-plot .treemaplayer .slice"]
    slices.first.wait_for(timeout=120_000)
    first = time.monotonic() - begun  # with loading plotly itself, once a page
    spent, before = used() - before, used()
    person.command("notebook:clear-cell-output")
    expect(slices).to_have_count(0)
    begun = time.monotonic()
    person.command("notebook:run-cell")
    slices.first.wait_for(timeout=120_000)
    again, redrawn = time.monotonic() - begun, used() - before
    heap = person.page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    print(
        f"{made.strip()}; tiles on screen {first:.2f} s after the cell was run ({spent:.2f} s of the page's processor time)"
        f", drawn again in {again:.2f} s ({redrawn:.2f} s); JavaScript heap {heap:.0f} MB, {told(person.page, MEMORY).strip()}"
    )
    assert 100 < slices.count() <= 2000
    slices.nth(1).locator(".surface").click(position={"x": 4, "y": 6})  # down, and a way back appears
    expect(person[".js-plotly-plot .pathbar"]).not_to_have_count(0)
    assert told(person.page, "print(len(chart.data) <= charts.TILES)").strip() == "True"
