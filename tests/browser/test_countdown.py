"""The countdown in the browser. The tests advance the browser's clock instead of waiting."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from person import Person
from playwright.sync_api import BrowserContext, expect
from running import Lab

import boxnb
from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture
def window(new_window: BrowserContext) -> BrowserContext:
    """A new window, because the browser's clock must be replaced before JupyterLab is loaded."""
    return new_window


@pytest.fixture
def person(window: BrowserContext, lab: Lab) -> Person:
    """A user whose browser clock the test can advance."""
    window.clock.install()
    return Person(window, lab)


def state_of(person: Person) -> str:
    """Return the state in the panel's link."""
    link = person[".bx-open"].get_attribute("href")
    assert link
    return parse_qs(urlsplit(link).query)["state"][0]


def return_without_granting(person: Person) -> None:
    """Open Box, close its tab and return to the notebook, which starts the countdown."""
    person.open_box().close()
    person.page.bring_to_front()
    person.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(person[".bx-count-number"]).to_be_visible()


def test_at_zero_the_panel_offers_a_new_code(person: Person) -> None:
    """After 30 seconds, a button replaces the countdown; it opens Box with a new state."""
    person.show_panel()
    return_without_granting(person)
    expect(person[".bx-expired"]).to_be_hidden()
    person.page.clock.run_for(10_000)
    seconds = int(person[".bx-count-number"].inner_text())
    assert 10 < seconds <= 20
    person.screenshot("countdown")
    person.page.clock.run_for(21_000)
    expect(person[".bx-count-number"]).to_be_hidden()
    expect(person[".bx-fresh"]).to_be_visible()
    person.screenshot("countdown-zero")
    with person.window.expect_page() as opened:
        person.click(person[".bx-fresh"])
    person.sign_in(opened.value)
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    saved = store.load("sandbox")
    assert saved is not None and saved.token is not None


def test_a_new_request_refuses_the_redirect_of_the_old_one(person: Person) -> None:
    """The new request has a different state, so the old redirect is refused."""
    person.show_panel()
    before = state_of(person)
    old_redirect = boxnb.sandbox.approve(person[".bx-open"].get_attribute("href") or "")
    return_without_granting(person)
    person.page.clock.run_for(31_000)
    with person.window.expect_page() as opened:
        person.click(person[".bx-fresh"])
    expect(opened.value.locator("#password")).to_be_visible()
    assert state_of(person) != before
    expect(person[".bx-expired"]).to_be_hidden()
    person[".bx-paste"].fill(old_redirect)
    expect(person[".bx-alert"]).to_contain_text("another request")


def test_the_countdown_runs_while_the_kernel_is_busy(person: Person) -> None:
    """The browser counts down, so a busy kernel does not stop the countdown."""
    person.show_panel()
    return_without_granting(person)
    person.page.evaluate(
        """() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
            .requestExecute({ code: "import time; time.sleep(20)" }) }"""
    )
    seconds = int(person[".bx-count-number"].inner_text())
    person.page.clock.run_for(5_000)
    assert int(person[".bx-count-number"].inner_text()) <= seconds - 4
    person.command("notebook:interrupt-kernel")
