"""The notebooks of 2-explore in a real JupyterLab: tables, trees, charts and downloads."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from person import Person
from playwright.sync_api import BrowserContext, Locator, Page, expect
from running import Lab

import boxnb.sandbox

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # on a busy computer, a page may take long to reach its state
RUN_NEW_CELL = (
    "async source => { const panel = window.jupyterapp.shell.currentWidget, notebook = panel.content;\
 notebook.activeCellIndex = notebook.widgets.length - 1;\
 await window.jupyterapp.commands.execute('notebook:insert-cell-below');\
 notebook.activeCell.model.sharedModel.setSource(source);\
 await window.jupyterapp.commands.execute('notebook:run-cell');\
 return notebook.activeCell.model.outputs.toJSON() }"
)


def run_all(person: Person) -> None:
    """Run all cells, and wait for the last one. Fail if a cell wrote to stderr."""
    person.command("notebook:run-all-cells")
    person.page.wait_for_function(
        "() => { const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code');"
        " return cells.every(cell => cell.model.executionCount !== null && (cell.model.executionState ?? 'idle') === 'idle') }",
        timeout=120_000,
    )
    assert not person.page.locator(
        ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
    ).count()


def output_of(page: Page, source: str) -> str:
    """Return what a new cell with this source prints."""
    outputs = page.evaluate(RUN_NEW_CELL, source)
    return "".join("".join(output.get("text", "")) for output in outputs)


FITS = "parts => parts.every(part => part.scrollWidth <= part.clientWidth)"
IS_HORIZONTAL = (
    "texts => texts.every(text => !/rotate\\((?!0[,)])/.test(text.getAttribute('transform') ?? ''))"
)


def gap(upper: Locator, lower: Locator) -> float:
    """Return the number of pixels between an upper and a lower element; it is negative if they overlap."""
    first, second = upper.bounding_box(), lower.bounding_box()
    assert first is not None and second is not None
    return second["y"] - first["y"] - first["height"]


IS_IN_VIEW = """([element, room]) => { element.scrollIntoView({ block: 'center' });
    const box = element.getBoundingClientRect(), drawn = element.offsetHeight > 0 && element.childElementCount > 0;
    const still = window.boxnbLast === box.top; window.boxnbLast = box.top;
    return drawn && still && box.top < innerHeight - room && box.bottom > room }"""


def scroll_to(person: Person, selector: str, number: int = 0) -> None:
    """Scroll to an element, and wait until the notebook has drawn everything above it and stops moving."""
    element = person[selector].nth(number)
    element.wait_for(state="attached")
    person.page.wait_for_function(IS_IN_VIEW, arg=[element.element_handle(), 60])


def screenshots(person: Person, selector: str, name: str, number: int = 0) -> None:
    """Save screenshots 1400 and 800 pixels wide if BOXNB_SCREENSHOTS is set. Then restore the width."""
    if not os.environ.get("BOXNB_SCREENSHOTS"):
        return
    before = person.page.viewport_size
    for width in (1400, 800):
        person.page.set_viewport_size({"width": width, "height": 1000})
        scroll_to(person, selector, number)
        person.screenshot(f"{name}-{width}")
    if before is not None:
        person.page.set_viewport_size(before)


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1400), ("JupyterLab Dark", 800)])
def test_the_people_notebook_works_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, width: int
) -> None:
    """The table can be sorted, filtered and searched, and its rows can be read as a DataFrame, CSV and Excel."""
    person = Person(window, lab, "2-explore/01-people.ipynb")
    person.page.set_viewport_size({"width": width, "height": 1000})
    run_all(person)
    scroll_to(person, ".bxt")
    table = person[".bxt"].first
    expect(table.locator(".bxt-count")).to_have_text("120 rows")
    table.get_by_role("button", name="space_used").click()
    expect(table.locator("[aria-sort=ascending]")).to_have_text("▲ space_used")
    table.get_by_role("button", name="space_used").click()
    expect(table.locator("[role=row] .bxt-cell").first).to_have_text("Tomas Rossi")
    table.get_by_label("Filter space_used").fill("banana")
    expect(table.locator(".bxt-count")).to_have_text("0 of 120 rows")
    note, header = table.get_by_text("No rows match"), table.locator(".bxt-head")
    assert gap(header, note) < 20  # near the headings, not at the bottom of an empty table
    assert header.locator("button").evaluate_all(FITS)
    table.get_by_label("Filter space_used").fill("> lots")
    expect(table.get_by_text("After >, write a size such as 1 GB")).to_be_visible()
    table.get_by_label("Filter space_used").fill("> 300 GB")
    expect(table.locator(".bxt-count")).to_have_text(re.compile(r"^[1-9]\d* of 120 rows$"))
    name = theme.split()[-1]
    screenshots(person, ".bxt", f"people-table-{name}")
    screenshots(person, ".js-plotly-plot", f"people-groups-{name}")
    scroll_to(person, ".bxt")
    assert (
        int(
            output_of(
                person.page,
                "print((view.selected['space_used'] > 300_000_000_000).all() * len(view.selected))",
            )
        )
        > 3
    )
    table.get_by_label("Filter space_used").fill("")
    table.get_by_label("Search all text").fill("<b>")
    expect(table.locator(".bxt-count")).to_contain_text("1 of 120")
    expect(table.locator(".bxt-rows .bxt-cell").first).to_have_text("<b>Bold</b> Benny")
    with person.page.expect_download() as download:
        table.get_by_role("button", name="CSV").click()
    rows = pd.read_csv(Path(download.value.path()), encoding="utf-8-sig")
    assert rows["name"].tolist() == ["<b>Bold</b> Benny"]
    table.get_by_label("Search all text").fill("=cmd")
    expect(table.locator(".bxt-count")).to_contain_text("1 of 120")
    with person.page.expect_download() as download:
        table.get_by_role("button", name="Excel").click()
    sheet = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes())).active
    assert next(cell.data_type for cell in sheet[2]) == "s"
    assert sheet["A2"].value == "=cmd|' /C calc'!A0"


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1400), ("JupyterLab Dark", 800)])
def test_the_content_notebook_works_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, width: int
) -> None:
    """The mouse and the keyboard open the tree level by level. A click on a folder or on a bar filters the table."""
    person = Person(window, lab, "2-explore/02-content.ipynb")
    person.page.set_viewport_size({"width": width, "height": 1000})
    run_all(person)
    name = theme.split()[-1]
    tree = person[".bxf"].first
    scroll_to(person, ".bxf")
    tree.locator(".bxf-body").focus()
    calls = int(output_of(person.page, "print(box.session.ledger.calls)"))
    scroll_to(person, ".bxf")
    tree.locator(".bxf-body").focus()
    for _ in range(3):
        person.page.keyboard.press("ArrowRight")
        expect(tree.get_by_text("fetching …")).to_have_count(0)
        person.page.keyboard.press("ArrowDown")
    deepest = tree.locator("[aria-level]").evaluate_all(
        "rows => Math.max(...rows.map(row => row.getAttribute('aria-level')))"
    )
    screenshots(person, ".bxf", f"content-tree-{name}")
    assert deepest >= 3
    spent = int(output_of(person.page, "print(box.session.ledger.calls)")) - calls
    assert 1 <= spent <= 3
    explorer_tree, table = person[".bxf"].nth(1), person[".bxt"].first
    scroll_to(person, ".bxf", 1)
    explorer_tree.get_by_label("Search open folders").fill("marketing")
    explorer_tree.locator(".bxf-name").first.click()
    expect(table.locator(".bxt-count")).to_contain_text(" of 6,654 rows")
    inside = int(output_of(person.page, "print(len(explorer.selected))"))
    assert (
        output_of(person.page, "print(explorer.selected['path'].str.startswith('Marketing').all())").strip()
        == "True"
    )
    screenshots(person, ".bxf", f"content-folder-{name}", 1)
    scroll_to(person, ".bxf", 1)
    person[".widget-box .barlayer .point path"].last.click(force=True)
    expect(table.locator(".bxt-count")).not_to_contain_text(f"{inside:,} of")
    screenshots(person, ".widget-box .js-plotly-plot", f"content-explorer-{name}")
    for number in range(person[".js-plotly-plot"].count()):
        screenshots(person, ".js-plotly-plot", f"content-chart{number}-{name}", number)
    assert (
        output_of(person.page, "print(set(explorer.selected['extension'].astype('str')))").strip()
        == "{'mp4'}"
    )
    same_rows = output_of(
        person.page,
        "names = {'content': content, 'pd': __import__('pandas')}; exec(explorer.code.rsplit('\\n', 1)[0], names); print(names['rows']['id'].tolist() == explorer.selected['id'].tolist())",
    )
    assert same_rows.strip() == "True"


def check_charts(person: Person, name: str) -> None:
    """Check that every chart is drawn, that its labels are horizontal, and that no legend covers them."""
    for number in range(person[".js-plotly-plot"].count()):
        scroll_to(person, ".js-plotly-plot", number)
        chart = person[".js-plotly-plot"].nth(number)
        assert chart.locator(".bartext, .xtick text").evaluate_all(IS_HORIZONTAL)
        for legend in chart.locator(".legend .traces").all()[:1]:
            assert gap(chart.locator(".xtick text").first, legend) >= 0
        screenshots(person, ".js-plotly-plot", f"{name}-chart{number}", number)
    assert person[".js-plotly-plot .main-svg"].count() >= 2
    screenshots(person, ".bxt", f"{name}-table")
    scroll_to(person, ".bxt")
    expect(person[".bxt-rows .bxt-row:not(.bxt-wait)"].first).to_be_visible()


def download(person: Person, button: str) -> bytes:
    """Click a download button of the first table, and return the file's bytes."""
    with person.page.expect_download() as file:
        person[".bxt"].first.get_by_role("button", name=button).click()
    return Path(file.value.path()).read_bytes()


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1400), ("JupyterLab Dark", 800)])
def test_the_sharing_notebook_works_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, width: int
) -> None:
    """The table of external users can be filtered to expired collaborations, sorted, and downloaded as CSV."""
    person = Person(window, lab, "2-explore/03-sharing.ipynb")
    person.page.set_viewport_size({"width": width, "height": 1000})
    run_all(person)
    check_charts(person, f"sharing-{theme.split()[-1]}")
    table = person[".bxt"].first
    table.get_by_label("Filter is_expired").fill("yes")
    expect(table.locator(".bxt-count")).to_contain_text(" of 80 rows")
    table.get_by_role("button", name="login", exact=True).click()
    expect(table.locator("[aria-sort=ascending]")).to_have_text("▲ login")
    rows = pd.read_csv(io.BytesIO(download(person, "CSV")), encoding="utf-8-sig")
    assert rows["is_expired"].all() and len(rows) > 5
    assert rows["login"].str.lower().is_monotonic_increasing
    logins = "print((external.query('is_expired')['login'].str.lower().sort_values().tolist(), len(links)))"
    assert str(sorted(rows["login"].str.lower())) in output_of(person.page, logins)


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1400), ("JupyterLab Dark", 800)])
def test_the_activity_notebook_works_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, width: int
) -> None:
    """A table of 12,000 events can be filtered to one user's deletions and downloaded as Excel."""
    person = Person(window, lab, "2-explore/04-activity.ipynb")
    person.page.set_viewport_size({"width": width, "height": 1000})
    run_all(person)
    check_charts(person, f"activity-{theme.split()[-1]}")
    scroll_to(person, ".js-plotly-plot")
    chart = person[".js-plotly-plot"].first
    for new_width in (1100, 800, 1400):  # so that a legend of several lines becomes a legend of one line
        before = str(chart.locator(".main-svg").first.get_attribute("width"))
        person.page.set_viewport_size({"width": new_width, "height": 1000})
        expect(chart.locator(".main-svg").first).not_to_have_attribute("width", before)
        assert gap(chart.locator(".xtick text").first, chart.locator(".legend .traces").first) >= 0, new_width
    person.page.set_viewport_size({"width": width, "height": 1000})
    table = person[".bxt"].first
    table.get_by_label("Filter event_type").fill("DELETE")
    expect(table.locator(".bxt-count")).to_contain_text(" of ")
    table.get_by_label("Filter created_by_login").fill("ethan.okafor")
    expect(table.locator(".bxt-rows .bxt-row:not(.bxt-wait)").first).to_contain_text("ethan.okafor")
    table.get_by_role("button", name="created_at").click()
    expect(table.locator("[aria-sort=ascending]")).to_have_text("▲ created_at")
    sheet = openpyxl.load_workbook(io.BytesIO(download(person, "Excel"))).active
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    headings = [cell.value for cell in sheet[1]]
    assert len(rows) >= 75
    assert {row[headings.index("event_type")] for row in rows} == {"DELETE"}
    assert {row[headings.index("created_by_login")] for row in rows} == {"ethan.okafor@example.com"}


def test_the_ask_anything_notebook_works_in_a_browser(window: BrowserContext, lab: Lab) -> None:
    """The notebook runs and writes four files that can be read again."""
    person = Person(window, lab, "2-explore/05-ask-anything.ipynb")
    run_all(person)
    for number in range(0, person[".jp-OutputArea-output table.dataframe"].count(), 2):
        screenshots(person, ".jp-OutputArea-output table.dataframe", f"ask-table{number}", number)
    exports = lab.notebooks.parent / "data" / "exports"
    assert sorted(path.name for path in exports.iterdir()) == [
        "inactive.html",
        "people.csv",
        "people.parquet",
        "people.xlsx",
    ]
    people = pd.read_parquet(exports / "people.parquet")
    assert len(people) == len(pd.read_csv(exports / "people.csv", encoding="utf-8-sig")) == 120
    assert openpyxl.load_workbook(exports / "people.xlsx").sheetnames == ["people", "inactive"]
    page = window.new_page()
    page.goto((exports / "inactive.html").as_uri())
    expect(page.get_by_role("row")).to_have_count(8)
    page.close()


def test_interrupt_keeps_the_fetched_rows(window: BrowserContext, lab: Lab) -> None:
    """The progress line moves until a walk is interrupted. One line then says so, and the rows are kept, marked incomplete."""
    person = Person(window, lab, "2-explore/02-content.ipynb")
    person.run_through("views.progress(box)")
    moving = person[".widget-html"].filter(has=person.page.locator("progress")).first
    with boxnb.sandbox.faults("/2.0/folders/*", "latency", seconds=0.3):
        person.page.keyboard.press("Shift+Enter")  # this runs a text cell
        person.page.keyboard.press("Shift+Enter")
        # The line is about the walk, not about the list of users before it.
        expect(moving).to_contain_text(re.compile(r"content: .* calls a second"))
        person.screenshot("content-progress")
        person.command("notebook:interrupt-kernel")
        message = person[".jp-OutputArea-output"].filter(has_text="Stopped after")
        expect(message.first).to_contain_text("box.last_partial")
    assert person.page.get_by_text("Traceback").count() == 0
    assert (
        output_of(person.page, "print(len(box.last_partial) > 0, box.last_partial.attrs['complete'])").strip()
        == "True False"
    )
