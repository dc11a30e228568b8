"""No page has a serious or critical finding of axe-core, in light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe
import pytest
from person import NOTEBOOK, Person
from playwright.sync_api import Browser, BrowserContext, expect
from running import Lab

import boxnb

pytestmark = pytest.mark.browser

SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"], ids=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    """Both JupyterLab themes, one after the other."""
    return request.param


def test_panel(window: BrowserContext, lab: Lab) -> None:
    """The panel with its help open, with an alert, and after the sign-in."""
    person = Person(window, lab)
    person.show_panel()
    for summary in person[".bx-panel summary:visible"].all():
        summary.click()
    assert axe.problems(person.page, ".bx-panel") == []
    person[".bx-paste"].fill("http://127.0.0.1:1/callback?code=x&state=wrong")
    expect(person[".bx-alert"].first).to_be_visible()
    assert axe.problems(person.page, ".bx-panel") == []
    person.sign_in(person.open_box())
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    assert axe.problems(person.page, ".bx-panel") == []


def test_tables_trees_and_cards(window: BrowserContext, lab: Lab) -> None:
    """The folder tree, the explorer with its table, the progress of a pull, and the card of a connection."""
    person = Person(window, lab, "2-explore/02-content.ipynb")
    person.run_through("explorer = views.explore")
    for name, label in ((".bxf", "Search open folders"), (".bxt", "Search all text")):
        person[name].first.scroll_into_view_if_needed()
        person[name].first.get_by_label(label).wait_for()
    assert axe.problems(person.page, f"{NOTEBOOK} .bxf", f"{NOTEBOOK} .bxt") == []


def test_labs_and_drawings(window: BrowserContext, lab: Lab) -> None:
    """A lab before and after its run, the trace, and the timeline."""
    person = Person(window, lab, "3-teach/03-break-it.ipynb")
    person.run_through("code-after-31-seconds")
    card = person['[data-lab="code-after-31-seconds"]']
    card.wait_for()
    assert axe.problems(person.page, '[data-lab="code-after-31-seconds"]') == []
    card.get_by_role("button", name="200 and a token pair").click()
    card.get_by_role("button", name="Run it").click()
    card.get_by_text("Every request of this run, as a diagram").click()
    card.locator("svg.bl-names").wait_for()
    assert axe.problems(person.page, '[data-lab="code-after-31-seconds"]') == []


def test_timeline(window: BrowserContext, lab: Lab) -> None:
    """The lifetimes of tokens, with the moving line."""
    person = Person(window, lab, "3-teach/02-tokens-over-time.ipynb")
    person.run_through("practice.timeline")
    person["g[data-now]"].wait_for()
    assert axe.problems(person.page, f"{NOTEBOOK} .bl-page") == []


@SCHEMES
def test_pages_of_the_sandbox(chromium: Browser, sandbox: Any, scheme: Any) -> None:
    """The start page, the console, the sign-in and consent pages, and an error page."""
    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    client = sandbox.practice_client()
    authorize = (
        f"{sandbox.url}/api/oauth2/authorize?response_type=code&client_id={client['client_id']}&state=x"
    )
    for url in (sandbox.url, f"{sandbox.url}/nowhere", authorize):
        page.goto(url)
        assert axe.problems(page) == [], url
    page.locator("#password").fill("practice")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Grant", exact=True).wait_for()
    assert axe.problems(page) == []
    page.goto(sandbox.url)
    page.locator("a").first.click()
    page.locator("#uris").wait_for()
    assert axe.problems(page) == []
    context.close()


@SCHEMES
def test_reports(chromium: Browser, sandbox: Any, tmp_path: Path, scheme: Any) -> None:
    """The page of a run, and an exported DataFrame."""
    from signing import sign_in

    sign_in(sandbox)
    box = boxnb.connect("acme")
    with boxnb.run("weekly", to=[tmp_path]) as run:
        users = box.users()
        run.attach(users.head(), "users.html")
        run.warn("Something to look at.")
    page = chromium.new_context(color_scheme=scheme).new_page()
    pages = [*tmp_path.glob("*.html"), *(file for file in run.files if file.suffix == ".html")]
    assert len(pages) >= 2
    for file in pages:
        page.goto(file.as_uri())
        assert axe.problems(page) == [], file.name
    page.context.close()


@SCHEMES
def test_documentation(chromium: Browser, documentation: Path, scheme: Any) -> None:
    """The start page, a guide, a notebook, the reference and the search."""
    page = chromium.new_context(color_scheme=scheme).new_page()
    for name in (
        "index.html",
        "notebooks/guides/sign-in.html",
        "notebooks/2-explore/01-people.html",
        "api/boxnb.reports.html",
        "search.html",
    ):
        page.goto((documentation / name).as_uri())
        assert axe.problems(page) == [], name
    page.context.close()
