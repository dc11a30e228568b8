"""The views at the size of a large enterprise, measured in a real JupyterLab; the figures go to the log (`pytest -rA`)."""

from __future__ import annotations

import time
from collections.abc import Callable

import nbformat
import pytest
from conftest import Lab
from person import Person
from playwright.sync_api import BrowserContext, expect
from test_explore import run_all, show

pytestmark = pytest.mark.browser

TABLE = """import pandas as pd
from boxnb.widgets import views
count = 100_000
big = pd.DataFrame({"name": [f"file {n * 7919 % count}.txt" for n in range(count)], "size": range(count), "owner_login": [f"p{n % 500}@example.com" for n in range(count)]})
big["modified_at"] = pd.Timestamp("2026-01-01", tz="UTC") - pd.to_timedelta(range(count), unit="h")
views.table(big)"""
TREE = """import pandas as pd
from boxnb.widgets.branches import Branches
from boxnb.widgets.folders import Folders
day = pd.Timestamp("2026-01-01", tz="UTC")
top = pd.DataFrame({"type": ["folder"], "id": ["1"], "name": ["Films"], "size": [5], "modified_at": [day]})
frames = pd.DataFrame({"type": "file", "id": [str(n) for n in range(20_000)], "name": [f"frame {n:05}.png" for n in range(20_000)], "size": 7, "modified_at": day})
def pages(folder):
    yield from [top] if folder == "0" else (frames.iloc[n : n + 1000] for n in range(0, 20_000, 1000))
Folders(Branches(pages), "Films")"""
MAP = """import time, numpy, pandas as pd
from boxnb.widgets import charts
folders = pd.DataFrame({"type": "folder", "id": [f"d{n}" for n in range(20_000)], "parent_id": [None if n < 50 else f"d{n // 20}" for n in range(20_000)], "name": [f"Folder {n}" for n in range(20_000)], "size": 0})
files = pd.DataFrame({"type": "file", "id": [f"f{n}" for n in range(200_000)], "parent_id": [f"d{n % 20_000}" for n in range(200_000)], "name": [f"File {n}" for n in range(200_000)], "size": numpy.random.default_rng(1).lognormal(12, 3, 200_000).astype("int64")})
items = pd.concat([folders, files], ignore_index=True)
begun = time.monotonic()
chart = charts.treemap(items)
print(f'made in {time.monotonic() - begun:.2f} s')"""


def notebook(lab: Lab, *cells: str) -> str:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, lab.notebooks / "large.ipynb")
    return "large.ipynb"


def seconds(act: Callable[[], object]) -> float:
    begun = time.monotonic()
    act()
    return round(time.monotonic() - begun, 2)


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


def test_a_folder_of_twenty_thousand(window: BrowserContext, lab: Lab) -> None:
    """Twenty pages one after another, as Box gives them but without its answers' time: first rows at once, few in the page."""
    person = Person(window, lab, notebook(lab, TREE))
    run_all(person)
    tree = person[".bxf"].first
    show(person, ".bxf")
    begun = time.monotonic()
    tree.locator(".bxf-twist").first.click()
    tree.get_by_text("frame 0", exact=False).first.wait_for()
    first = round(time.monotonic() - begun, 2)
    expect(tree.locator(".bxf-bar span")).to_contain_text("20,001", timeout=60_000)
    whole = round(time.monotonic() - begun, 2)
    print(f"first rows {first} s, all 20,000 {whole} s, rows in the page {tree.locator('.bxf-row').count()}")
    assert tree.locator(".bxf-row").count() < 60


def test_a_treemap_of_two_hundred_thousand(window: BrowserContext, lab: Lab) -> None:
    """At most 2,000 tiles, drawn in seconds."""
    person = Person(window, lab, notebook(lab, MAP, "chart"))
    person.run_through("treemap")
    made = person[".jp-OutputArea-output"].first.inner_text()
    begun = time.monotonic()
    person.command("notebook:run-cell")
    person[".js-plotly-plot .treemaplayer .slice"].first.wait_for(timeout=60_000)
    drawn = time.monotonic() - begun
    print(f"{made.strip()}, first rows of code to tiles on screen {drawn:.2f} s")
    assert person[".js-plotly-plot .slice"].count() <= 2000
