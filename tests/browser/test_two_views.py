"""A widget that is shown twice, and a busy kernel: each view gets its own replies, and clicks are not lost."""

from __future__ import annotations

import pytest
from person import Person
from playwright.sync_api import BrowserContext, expect
from running import Lab, written_notebook
from test_explore import output_of, run_all, scroll_to

pytestmark = pytest.mark.browser

TREE = """import pandas as pd
from boxnb.widgets import views
rows = [("folder", "1", "Finance", "0"), ("file", "2", "budget.xlsx", "1"), ("folder", "3", "Sales", "0")]
items = pd.DataFrame(rows, columns=["type", "id", "name", "parent_id"]).assign(size=1000, modified_at=pd.Timestamp("2026-01-01", tz="UTC"))
tree = views.folders(items)
tree"""
TABLE = """import pandas as pd, time
from boxnb.widgets import views
table = views.table(pd.DataFrame({"name": list("abcdef")}))
table"""


def test_a_tree_can_be_shown_twice(window: BrowserContext, lab: Lab) -> None:
    """A folder that is opened in one of the views shows its content in that view."""
    person = Person(window, lab, written_notebook(lab, "twice.ipynb", [TREE, "tree"]))
    run_all(person)
    for number in range(2):
        scroll_to(person, ".bxf", number)
        tree = person[".bxf"].nth(number)
        tree.locator(".bxf-row").filter(has_text="Finance").locator(".bxf-twist").click()
        expect(tree.locator(".bxf-row").filter(has_text="budget.xlsx")).to_be_visible()


def test_rows_chosen_while_the_kernel_is_busy_stay_chosen(window: BrowserContext, lab: Lab) -> None:
    """Three rows that are clicked with Ctrl stay chosen, both before and after the kernel receives the messages."""
    person = Person(window, lab, written_notebook(lab, "busy.ipynb", [TABLE]))
    run_all(person)
    scroll_to(person, ".bxt")
    table = person[".bxt"].first
    expect(table.locator(".bxt-rows .bxt-row").filter(has_text="f")).to_be_visible()
    person.page.evaluate(BUSY, "import pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)")
    for name in "ace":
        table.locator(".bxt-rows .bxt-row").filter(has_text=name).click(modifiers=["ControlOrMeta"])
    expect(table.locator(".bxt-chosen")).to_have_count(3)
    (lab.notebooks / "go").touch()
    assert output_of(person.page, "print(table.selected['name'].tolist())").strip() == "['a', 'c', 'e']"
    expect(table.locator(".bxt-chosen")).to_have_count(3)


BUSY = """source => { const panel = window.jupyterapp.shell.currentWidget;
    panel.sessionContext.session.kernel.requestExecute({ code: source }) }"""
