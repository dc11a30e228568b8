"""The views with as many rows as a large enterprise has, in a real JupyterLab: all rows in the kernel, few on the page.

`tests/bench/views.py` measures how long the views take.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from person import Person
from playwright.sync_api import BrowserContext, expect
from running import Lab, written_notebook
from signing import sign_in
from test_explore import output_of, run_all, scroll_to

import boxnb.sandbox

pytestmark = pytest.mark.browser

TABLE = """import pandas as pd
from boxnb.widgets import views
count = 100_000
big = pd.DataFrame({"name": [f"file {n * 7919 % count}.txt" for n in range(count)], "size": range(count), "owner_login": [f"p{n % 500}@example.com" for n in range(count)]})
big["modified_at"] = pd.Timestamp("2026-01-01", tz="UTC") - pd.to_timedelta(range(count), unit="h")
views.table(big)"""
TREE = """import boxnb
from boxnb.widgets import views
box = boxnb.connect("acme")
tree = views.folders(box)
tree"""
MAP = """import numpy, pandas as pd
from boxnb.widgets import charts
folders = pd.DataFrame({"type": "folder", "id": [f"d{n}" for n in range(20_000)], "parent_id": [None if n < 50 else f"d{n // 20}" for n in range(20_000)], "name": [f"Folder {n}" for n in range(20_000)], "size": 0})
files = pd.DataFrame({"type": "file", "id": [f"f{n}" for n in range(200_000)], "parent_id": [f"d{n % 20_000}" for n in range(200_000)], "name": [f"File {n}" for n in range(200_000)], "size": numpy.random.default_rng(1).lognormal(12, 3, 200_000).astype("int64")})
items = pd.concat([folders, files], ignore_index=True)
chart = charts.treemap(items)
chart"""

MANY = 20_000
COMPANY = Path(__file__).parents[2] / "data" / "sandbox"


def test_a_hundred_thousand_rows_can_be_sorted_and_scrolled(window: BrowserContext, lab: Lab) -> None:
    """The user sorts, searches, filters and scrolls to the end. The page contains only the rows in view."""
    person = Person(window, lab, written_notebook(lab, "large.ipynb", [TABLE]))
    run_all(person)
    table = person[".bxt"].first
    first = table.locator(".bxt-rows .bxt-row:not(.bxt-wait) .bxt-cell").first
    table.get_by_role("button", name="name").click()
    expect(first).to_have_text("file 0.txt")
    count = table.locator(".bxt-count")
    table.get_by_label("Search all text").fill("file 4242")
    expect(count).to_contain_text("11 of 100,000")
    table.get_by_label("Search all text").fill("")
    expect(count).to_have_text("100,000 rows")
    table.get_by_label("Filter size").fill("> 50 kB")
    expect(count).to_contain_text("49,999 of")
    table.get_by_label("Filter size").fill("")
    expect(count).to_have_text("100,000 rows")
    table.locator(".bxt-body").evaluate("body => { body.scrollTop = body.scrollHeight }")
    expect(table.locator("[aria-rowindex='100000']:not(.bxt-wait)")).to_be_visible()
    assert table.locator(".bxt-rows .bxt-row").count() < 60


@pytest.fixture
def large_folder(home: Path) -> Iterator[str]:
    """The practice company with an additional folder, *Frames*, of 20,000 files. The profile ``acme`` is signed in."""
    company = home / "world"
    shutil.copytree(COMPANY, company)
    folders, files = (
        pd.read_csv(company / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("folders", "files")
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
    pd.concat([folders, folder]).to_csv(company / "folders.csv", index=False)
    pd.concat([files, frames]).to_csv(company / "files.csv", index=False)
    with boxnb.sandbox.start(private=True, world=str(company), limits="off", events=100) as sandbox:
        sign_in(sandbox)
        yield "Frames"


def test_a_folder_of_twenty_thousand_files_is_loaded_page_by_page(
    window: BrowserContext, lab: Lab, large_folder: str
) -> None:
    """Twenty pages arrive one after another over HTTP. All rows are in the kernel, and few are on the page."""
    person = Person(window, lab, written_notebook(lab, "large.ipynb", [TREE]))
    run_all(person)
    tree = person[".bxf"].first
    scroll_to(person, ".bxf")
    tree.locator(".bxf-row").filter(has_text=large_folder).locator(".bxf-twist").click()
    tree.get_by_text("frame 0", exact=False).first.wait_for()
    expect(tree.locator(".bxf-bar span")).to_contain_text("20,0", timeout=120_000)
    expect(tree.get_by_text("fetching …")).to_have_count(0, timeout=120_000)
    assert tree.locator(".bxf-row").count() < 60
    tree.locator(".bxf-body").evaluate("body => { body.scrollTop = body.scrollHeight }")
    tree.get_by_label("Search open folders").fill("frame 19999")
    expect(tree.locator(".bxf-bar span")).to_contain_text("1 found")
    assert output_of(person.page, "print(len(tree.branches.items['160999999999']))").strip() == "20000"
    assert output_of(person.page, "print(box.session.ledger.calls)").strip() == "21"


def test_a_treemap_of_two_hundred_thousand_files_draws_few_tiles(window: BrowserContext, lab: Lab) -> None:
    """There are at most 2,000 tiles, and a click on a tile opens its folder."""
    person = Person(window, lab, written_notebook(lab, "large.ipynb", [MAP]))
    person.run_through("treemap")
    slices = person[".js-plotly-plot .treemaplayer .slice"]
    slices.first.wait_for(timeout=120_000)
    assert 100 < slices.count() <= 2000
    # Open a folder, so that the bar that leads back appears.
    slices.nth(1).locator(".surface").click(position={"x": 4, "y": 6})
    expect(person[".js-plotly-plot .pathbar"]).not_to_have_count(0)
    assert output_of(person.page, "print(len(chart.data) <= charts.TILES)").strip() == "True"
