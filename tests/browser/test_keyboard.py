"""The whole onboarding, using only the keyboard, in a window 600 pixels wide."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from person import Person
from playwright.sync_api import BrowserContext, Page, expect
from running import Lab

from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

NARROW = {"width": 600, "height": 900}
FOCUSED = "selector => document.activeElement?.matches(selector) ?? false"
RING = """() => { const style = getComputedStyle(document.activeElement);
    return [style.outlineStyle, parseFloat(style.outlineWidth), document.activeElement.matches(':focus-visible')] }"""
SIDEWAYS = """() => { const panel = document.querySelector('.bx-panel');
    return [panel.scrollWidth - panel.clientWidth, panel.getBoundingClientRect().right - innerWidth] }"""


def tab_to(page: Page, selector: str, key: str = "Tab", max_presses: int = 40) -> int:
    """Press a key, by default Tab, until an element has the focus. Return the number of presses."""
    for presses in range(max_presses + 1):
        if page.evaluate(FOCUSED, selector):
            return presses
        page.keyboard.press(key)
    raise AssertionError(f"{max_presses} presses of {key} do not lead to {selector}")


def assert_ring(page: Page) -> None:
    """Check that the focused element has a visible focus ring."""
    style, width, visible = page.evaluate(RING)
    assert visible and style != "none" and width >= 2


@pytest.fixture
def person(window: BrowserContext, lab: Lab) -> Person:
    """A user in a narrow window."""
    person = Person(window, lab)
    person.page.set_viewport_size(NARROW)
    return person


def go_to_panel(person: Person) -> None:
    """Show the panel and go back to its cell, because Shift+Enter selects the next cell."""
    person.show_panel()
    person.page.keyboard.press("ArrowUp")


def follow_link(person: Person) -> Page:
    """Press Tab to reach Open Box, then press Enter. Return the browser tab with the sandbox's page."""
    tab_to(person.page, ".bx-open")
    assert_ring(person.page)
    with person.window.expect_page() as opened:
        person.page.keyboard.press("Enter")
    tab = opened.value
    tab.set_viewport_size(NARROW)
    tab.wait_for_load_state()
    return tab


def sign_in_and_grant(tab: Page) -> None:
    """Type the practice password and press Enter, then press Tab to reach Grant and press Enter."""
    tab_to(tab, "#password")
    tab.keyboard.type("practice")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Grant", exact=True).wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab_to(tab, "button[value=grant]")
    assert_ring(tab)
    tab.keyboard.press("Enter")


def test_onboarding_works_without_a_mouse(person: Person) -> None:
    """With Shift+Enter, Tab, Enter and typing, a user gets from the first cell to the table of users."""
    go_to_panel(person)
    person.screenshot("keyboard-600-1-open")
    tab = follow_link(person)
    sign_in_and_grant(tab)
    expect(tab.locator("h1")).to_have_text("Permission received")
    tab.close()
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    assert person.page.evaluate(SIDEWAYS)[0] <= 0
    person.screenshot("keyboard-600-2-done")
    person.page.keyboard.press("Escape")
    person.page.keyboard.press("ArrowDown")
    person.run_through("users.head()")
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
    assert person.clicks == 0


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_a_pasted_code_can_be_confirmed_with_the_keyboard(person: Person, answer: str) -> None:
    """After a bare code is pasted, Tab reaches Yes and No, and the focused button has a focus ring."""
    go_to_panel(person)
    redirect = person.address_after_grant(follow_link(person), sign_in_and_grant)
    person.page.bring_to_front()
    tab_to(person.page, ".bx-paste")
    assert_ring(person.page)
    person.screenshot("keyboard-600-3-paste")
    person.page.keyboard.insert_text(parse_qs(urlsplit(redirect).query)["code"][0])
    person.page.keyboard.press("Enter")
    expect(person[".bx-yes"]).to_be_focused()
    assert_ring(person.page)
    assert max(person.page.evaluate(SIDEWAYS)) <= 0
    person.screenshot("keyboard-600-4-confirm")
    tab_to(person.page, f".bx-{answer}")
    person.page.keyboard.press("Enter")
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done" if answer == "yes" else "open")
    saved = store.load("sandbox")
    assert saved is not None
    assert (saved.token is not None) == (answer == "yes")
    if answer == "no":
        expect(person[".bx-open"]).to_be_focused()
