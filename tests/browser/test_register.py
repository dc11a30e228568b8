"""Register an app, type it into the form and sign in: all four steps of the panel in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from person import ONBOARDING, Person
from playwright.sync_api import BrowserContext, expect
from running import Lab
from test_onboarding import assert_no_secret_is_written, finish, secrets_of

import boxnb
from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

ELSEWHERE = "http://127.0.0.1:8999/back"


def person_of_a_company(window: BrowserContext, lab: Lab) -> Person:
    """A user whose profile has no app yet, so the notebook asks for one."""
    notebook = lab.notebooks / ONBOARDING
    text = notebook.read_text(encoding="utf-8")
    for old, new in (
        ('PROFILE = \\"sandbox\\"', 'PROFILE = \\"acme\\"'),
        (
            "boxnb.sign_in(PROFILE)",
            "boxnb.sign_in(PROFILE, server=boxnb.Server(**boxnb.sandbox.start().server()))",
        ),
    ):
        assert old in text
        text = text.replace(old, new)
    notebook.write_text(text, encoding="utf-8")
    return Person(window, lab)


@pytest.fixture
def person(window: BrowserContext, lab: Lab) -> Person:
    """A user whose profile has no app yet."""
    return person_of_a_company(window, lab)


def show_form(person: Person) -> str:
    """Run the cells up to the form. Return the redirect URI that the form asks the user to register."""
    person.run_through("sign_in(PROFILE")
    person[".bx-form"].wait_for()
    return person[".bx-redirect"].inner_text()


def register_in_the_console(person: Person, redirect_uri: str) -> dict[str, str]:
    """Create an app on the sandbox's console page, in a separate tab as in Box's Developer Console."""
    tab = person.window.new_page()
    tab.goto(boxnb.sandbox.start().url + "/console")
    tab.get_by_label("App name").fill("My notebook")
    tab.get_by_label("Redirect URIs").fill(redirect_uri)
    tab.get_by_role("button", name="Create app").click()
    expect(tab.get_by_role("status")).to_contain_text("is ready")
    values = tab.locator("dl dd").all_inner_texts()
    tab.close()
    person.page.bring_to_front()
    return {"client_id": values[0], "client_secret": values[1]}


def registered_app(redirect_uri: str) -> dict[str, Any]:
    """Register an app in the sandbox without using its pages."""
    return boxnb.sandbox.start().register_app("My notebook", [redirect_uri])


def fill_in(person: Person, app: dict[str, str], secret: str | None = None) -> None:
    """Fill in the form and submit it."""
    person[".bx-client-id"].fill(app["client_id"])
    person[".bx-client-secret"].fill(secret or app["client_secret"])
    expect(person[".bx-client-secret"]).to_have_attribute("type", "password")
    person.click(person[".bx-register"])


def test_the_form_leads_to_the_users(person: Person, lab: Lab) -> None:
    """A user who registers the displayed redirect URI and types the ID and secret gets the table of users."""
    redirect_uri = show_form(person)
    app = register_in_the_console(person, redirect_uri)
    person.screenshot("register-1-form")
    fill_in(person, app)
    expect(person[".bx-open[href]"]).to_be_focused()
    expect(person[".bx-open[href]"]).to_be_in_viewport()  # even though the form above it has closed
    expect(person[".bx-client-secret"]).to_have_value("")
    expect(person[".bx-registered-text"]).to_contain_text(app["client_id"])
    person.screenshot("register-2-open")
    person.sign_in(person.open_box())
    finish(person)
    saved = store.load("acme")
    assert saved is not None
    assert saved.client.client_id == app["client_id"]
    assert saved.client.redirect_uri == redirect_uri
    person.save()
    assert_no_secret_is_written(lab, secrets_of("acme"))


def test_a_mistyped_secret_can_be_typed_again(person: Person) -> None:
    """Box checks the secret only when the code is exchanged. If it refuses the secret, the form returns with the client ID."""
    app = registered_app(show_form(person))
    fill_in(person, app, "mistyped-secret")
    person.sign_in(person.open_box())
    expect(person[".bx-alert"]).to_contain_text("secret was refused")
    person.screenshot("register-3-refused")
    expect(person[".bx-client-id"]).to_have_value(app["client_id"])
    expect(person[".bx-client-secret"]).to_be_focused()
    fill_in(person, app)
    person.sign_in(person.open_box())
    finish(person)


def button_offset(person: Person) -> float:
    """Return how far the button is below the top of the form, however the page is scrolled."""
    button, form = person[".bx-register"].bounding_box(), person[".bx-form"].bounding_box()
    assert button and form
    return button["y"] - form["y"]


def test_an_app_keeps_its_own_redirect_uri(person: Person) -> None:
    """An app that is already registered keeps its own redirect URI."""
    show_form(person)
    app = registered_app(ELSEWHERE)
    person[".bx-other summary"].press("Enter")  # a click could miss while the page moves
    person[".bx-redirect-uri"].fill(ELSEWHERE)
    expect(person[".bx-redirect"]).to_have_text(ELSEWHERE)
    offset = button_offset(person)
    person[".bx-client-secret"].fill(app["client_secret"])
    person.page.keyboard.press("Tab")
    expect(person[".bx-secret-kept"]).to_contain_text("received, fingerprint")
    assert button_offset(person) == offset  # otherwise a click in progress would miss the button
    fill_in(person, app)
    # After going back, the form still shows what was typed, and shows the secret's fingerprint.
    person.click(person[".bx-change"])
    expect(person[".bx-client-id"]).to_have_value(app["client_id"])
    expect(person[".bx-secret-kept"]).to_be_visible()
    person.click(person[".bx-register"])
    person.sign_in(person.open_box())
    finish(person)


def test_run_all_waits_during_the_registration(person: Person) -> None:
    """The gate waits during all four steps, and then Run All continues to the table of users."""
    person.command("notebook:run-all-cells")
    person[".bx-form"].wait_for()
    fill_in(person, register_in_the_console(person, person[".bx-redirect"].inner_text()))
    person.sign_in(person.open_box())
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
