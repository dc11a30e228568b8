"""Register an app, type it into the form, sign in: all four steps of the panel in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from person import ONBOARDING, Person
from playwright.sync_api import BrowserContext, expect
from running import Lab
from test_onboarding import assert_nothing_secret_is_written, finish, secrets_of

import boxnb
from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

ELSEWHERE = "http://127.0.0.1:8999/back"


def person_of_a_company(window: BrowserContext, lab: Lab) -> Person:
    """Somebody whose company is not the sandbox's ready-made one: the notebook asks for an app."""
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
    return person_of_a_company(window, lab)


def show_form(person: Person) -> str:
    """Run the cells up to the form; the redirect URI it says to register."""
    person.run_through("sign_in(PROFILE")
    person[".bx-form"].wait_for()
    return person[".bx-redirect"].inner_text()


def in_the_console(person: Person, redirect_uri: str) -> dict[str, str]:
    """Create an app on the sandbox's console page, in a tab of its own, as in Box's Developer Console."""
    tab = person.window.new_page()
    tab.goto(boxnb.sandbox.start().url + "/console")
    tab.get_by_label("Name of the app").fill("My notebook")
    tab.get_by_label("Redirect URIs").fill(redirect_uri)
    tab.get_by_role("button", name="Create the app").click()
    expect(tab.get_by_role("status")).to_contain_text("is ready")
    shown = tab.locator("dl dd").all_inner_texts()
    tab.close()
    person.page.bring_to_front()
    return {"client_id": shown[0], "client_secret": shown[1]}


def registered(redirect_uri: str) -> dict[str, Any]:
    return boxnb.sandbox.start().register_app("My notebook", [redirect_uri])


def fill_in(person: Person, app: dict[str, str], secret: str | None = None) -> None:
    person[".bx-client-id"].fill(app["client_id"])
    person[".bx-client-secret"].fill(secret or app["client_secret"])
    expect(person[".bx-client-secret"]).to_have_attribute("type", "password")
    person.click(person[".bx-register"])


def test_from_the_form_to_the_users(person: Person, lab: Lab) -> None:
    """The redirect URI the panel shows is registered; id and secret are typed; the rest is as always."""
    redirect_uri = show_form(person)
    app = in_the_console(person, redirect_uri)
    person.screenshot("register-1-form")
    fill_in(person, app)
    expect(person[".bx-open[href]"]).to_be_focused()
    expect(person[".bx-open[href]"]).to_be_in_viewport()  # the form that closed did not take the panel away
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
    assert_nothing_secret_is_written(lab, secrets_of("acme"))


def test_a_mistyped_secret_is_said_and_typed_again(person: Person) -> None:
    """Box finds out only when the code is exchanged; the form comes back with the id in it."""
    app = registered(show_form(person))
    fill_in(person, app, "mistyped-secret")
    person.sign_in(person.open_box())
    expect(person[".bx-alert"]).to_contain_text("secret was refused")
    person.screenshot("register-3-refused")
    expect(person[".bx-client-id"]).to_have_value(app["client_id"])
    expect(person[".bx-client-secret"]).to_be_focused()
    fill_in(person, app)
    person.sign_in(person.open_box())
    finish(person)


def below_the_form(person: Person) -> float:
    """How far below the top of the form the button is, wherever the page has scrolled to."""
    button, form = person[".bx-register"].bounding_box(), person[".bx-form"].bounding_box()
    assert button and form
    return button["y"] - form["y"]


def test_another_redirect_uri_of_the_app(person: Person) -> None:
    """An app registered before, with a URI of its own, is used as it is."""
    show_form(person)
    app = registered(ELSEWHERE)
    person[".bx-other summary"].press("Enter")  # whatever moves meanwhile
    person[".bx-redirect-uri"].fill(ELSEWHERE)
    expect(person[".bx-redirect"]).to_have_text(ELSEWHERE)
    place = below_the_form(person)
    person[".bx-client-secret"].fill(app["client_secret"])
    person.page.keyboard.press("Tab")
    expect(person[".bx-secret-kept"]).to_contain_text("received, fingerprint")
    assert below_the_form(person) == place  # or a press that begins before would end beside it
    fill_in(person, app)
    person.click(person[".bx-change"])  # a look back: what was typed is there, the secret by its fingerprint
    expect(person[".bx-client-id"]).to_have_value(app["client_id"])
    expect(person[".bx-secret-kept"]).to_be_visible()
    person.click(person[".bx-register"])
    person.sign_in(person.open_box())
    finish(person)


def test_run_all_waits_while_an_app_is_registered(person: Person) -> None:
    """The gate holds through all four steps, and Run All then goes on to the users."""
    person.command("notebook:run-all-cells")
    person[".bx-form"].wait_for()
    fill_in(person, in_the_console(person, person[".bx-redirect"].inner_text()))
    person.sign_in(person.open_box())
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
