"""Notebook 7, the other front end of Jupyter, shows the same panel, tables and labs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import BrowserContext, expect
from running import Lab, jupyterlab

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shared_notebook_7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Notebook 7 instead of JupyterLab."""
    with jupyterlab(tmp_path_factory.mktemp("notebook"), application="notebook") as running:
        yield running


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"], ids=["light", "dark"])
def notebook_7(shared_notebook_7: Lab, home: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Notebook 7 like new, on a copy of the notebooks, in both themes."""
    shared_notebook_7.reset(request.param)
    yield shared_notebook_7
    shared_notebook_7.stop_kernels()


def test_the_panel_signs_in(window: BrowserContext, notebook_7: Lab, request: pytest.FixtureRequest) -> None:
    """From the first cell to the users, with the panel's link and Grant."""
    scheme = request.node.callspec.id
    person = Person(window, notebook_7, page="notebooks")
    person.show_panel()
    person.screenshot(f"notebook-7-{scheme}-1-open")
    person.sign_in(person.open_box())
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    person.continue_at("await panel.done()")
    person.run_through("users.head()")
    expect(person["table.dataframe"].last).to_contain_text("bo.nakamura@example.com")
    person.screenshot(f"notebook-7-{scheme}-2-users")


def test_tables_and_labs_work(window: BrowserContext, notebook_7: Lab) -> None:
    """The table of all users can be searched, and a lab takes a prediction."""
    people = Person(window, notebook_7, "2-explore/01-people.ipynb", page="notebooks")
    people.run_through("view = views.table(people")
    people[".bxt"].get_by_label("Search all text").fill("tomas")
    expect(people[".bxt-count"]).to_contain_text("of 120 rows")
    lesson = Person(window, notebook_7, "3-teach/03-break-it.ipynb", page="notebooks")
    lesson.run_through("code-after-31-seconds")
    card = lesson['[data-lab="code-after-31-seconds"]']
    card.get_by_role("button", name="200 and a token pair").click()
    expect(card.get_by_role("button", name="Run it")).to_be_visible()
