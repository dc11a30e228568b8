"""The onboarding notebook as a user experiences it, in JupyterLab in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from person import IDLE, Person
from playwright.sync_api import BrowserContext, expect
from running import Lab

import boxnb
from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

INTERRUPT = """async () => { const startedAt = performance.now();
    await window.jupyterapp.commands.execute('notebook:interrupt-kernel');
    for (;;) {
        const errors = window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
            .flatMap(cell => cell.model.outputs.toJSON()).filter(output => output.output_type === 'error');
        if (errors.length) return [performance.now() - startedAt, errors[0].traceback];
        await new Promise(resolve => setTimeout(resolve, 20));
    } }"""


@pytest.fixture
def person(window: BrowserContext, lab: Lab) -> Person:
    """A user who has the onboarding notebook open."""
    return Person(window, lab)


def secrets_of(profile: str) -> list[str]:
    """Return the client secret and both tokens of a profile."""
    saved = store.load(profile)
    assert saved is not None and saved.token is not None and saved.token.refresh_token is not None
    secret, token = saved.client.client_secret, saved.token
    return [secret.reveal(), token.access_token.reveal(), token.refresh_token.reveal()]


def signed_in() -> bool:
    """Return whether the sandbox's profile holds a token pair."""
    saved = store.load("sandbox")
    return saved is not None and saved.token is not None


def finish(person: Person) -> None:
    """Continue from a finished panel to the first table."""
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    table = person["table.dataframe"].filter(has_text="Bo Nakamura")
    person.continue_at("await panel.done()")
    person.run_through("users.head()")
    expect(table.first).to_contain_text("bo.nakamura@example.com")


def assert_no_secret_is_written(lab: Lab, secrets: list[str]) -> None:
    """Check every file that JupyterLab and the kernel wrote: notebook, checkpoint, settings, history, logs."""
    files = [file for file in lab.written.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any(file.suffix == ".ipynb" and "checkpoint" in file.name for file in files)
    for file in files:
        content = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, file


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_five_clicks_lead_to_the_users(person: Person, theme: str) -> None:
    """From the first cell to the table, a user needs at most five clicks, including the sign-in and Grant."""
    person.show_panel()
    person.screenshot(f"{theme}-1-open")
    tab = person.open_box()
    person.sign_in(tab)
    expect(tab.locator("h1")).to_have_text("Permission received")
    assert "code=" not in tab.url
    tab.close()
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    person.screenshot(f"{theme}-2-done")
    finish(person)
    person.screenshot(f"{theme}-3-users")
    assert person.clicks <= 5
    assert signed_in()


def test_grant_works_after_a_denial(person: Person) -> None:
    """After Deny, nothing is saved and the panel is ready for another attempt."""
    person.show_panel()
    tab = person.open_box()
    person.sign_in(tab, "Deny")
    expect(tab.locator("h1")).to_have_text("Permission was not given")
    expect(person[".bx-alert"]).to_be_visible()
    person.screenshot("denied")
    assert not signed_in()
    person.sign_in(person.open_box())
    finish(person)


def test_a_pasted_address_works_and_secrets_are_not_written_to_files(person: Person, lab: Lab) -> None:
    """If nothing is listening at the redirect URI, the user can paste the URL. Jupyter does not write secrets to files."""
    person.show_panel()
    tab = person.open_box()
    redirect = person.address_after_grant(tab)
    person[".bx-paste"].fill(redirect)
    finish(person)
    assert "widgets" in json.loads(person.save())["metadata"]
    code = parse_qs(urlsplit(redirect).query)["code"]
    assert_no_secret_is_written(lab, [*secrets_of("sandbox"), *code])


def test_a_wrong_state_is_refused_and_the_next_attempt_succeeds(person: Person) -> None:
    """A code that belongs to a different request is never exchanged."""
    person.show_panel()
    redirect = person.address_after_grant(person.open_box())
    state = parse_qs(urlsplit(redirect).query)["state"][0]
    person[".bx-paste"].fill(redirect.replace(state, "x" * len(state)))
    expect(person[".bx-alert"]).to_contain_text("state")
    assert not signed_in()
    person.sign_in(person.open_box())
    finish(person)


def test_a_new_code_works_after_an_expired_one(person: Person) -> None:
    """The server refuses a code older than 30 seconds. The panel then shows an alert and starts a new request."""
    person.show_panel()
    redirect = person.address_after_grant(person.open_box())
    boxnb.sandbox.clock.advance(31)
    person[".bx-paste"].fill(redirect)
    expect(person[".bx-alert"]).to_be_visible()
    person.screenshot("expired")
    assert not signed_in()
    person.sign_in(person.open_box())
    finish(person)


def test_run_all_waits_at_the_gate(person: Person) -> None:
    """The gate is the cell that waits for the sign-in. The cells below it run only after the sign-in."""
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    assert person.executed()[3:] == [None] * len(person.executed()[3:])
    person.sign_in(person.open_box())
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
    person.page.wait_for_function(
        "() => !document.querySelector('.jp-InputPrompt')?.textContent.includes('*')"
    )


def test_interrupt_ends_the_gate_immediately(person: Person) -> None:
    """The error is one line, no later cell runs, and the cell with the gate can be run again."""
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    milliseconds, lines = person.page.evaluate(INTERRUPT)
    print(f"the gate ended {milliseconds:.0f} ms after Interrupt")
    assert len(lines) == 1
    assert "Interrupted" in lines[0]
    assert "\n" not in lines[0]
    assert not signed_in()
    person.page.wait_for_function(IDLE)
    assert person.executed()[3:] == [None] * len(person.executed()[3:])
    person.sign_in(person.open_box())
    finish(person)


@pytest.mark.parametrize("gate", [False, True], ids=["panel", "gate"])
def test_the_panel_starts_again_after_cancel(person: Person, gate: bool) -> None:
    """After Cancel, the gate ends with one line, and the panel can start again."""
    if gate:
        person.command("notebook:run-all-cells")
    else:
        person.run_through("sign_in(PROFILE)")
    person[".bx-open[href]"].wait_for()
    person.click(person[".bx-cancel"])
    expect(person[".bx-panel"]).to_have_attribute("data-state", "stopped")
    if gate:
        line = person[".jp-OutputArea-output"].filter(has_text="SignInCancelled")
        expect(line).to_have_text(re.compile(r"^SignInCancelled: Sign-in was cancelled.*\S$"))
        person.page.wait_for_function(IDLE)
        assert person.executed()[3:] == [None] * len(person.executed()[3:])
    person.click(person[".bx-cancel"])
    person.sign_in(person.open_box())
    finish(person)


def test_the_panel_signs_in_again_after_61_days(window: BrowserContext, lab: Lab) -> None:
    """An unused sign-in expires in Box. The panel reports it, and two clicks sign in again."""
    boxnb.connect("sandbox")
    boxnb.sandbox.clock.advance(61 * 86400)
    person = Person(window, lab)
    person.show_panel()
    expect(person[".bx-alert"]).to_contain_text("61 days")
    expect(person[".bx-title"]).to_be_in_viewport()
    expect(person[".bx-alert"]).to_be_in_viewport()
    person.screenshot("after-61-days")
    person.sign_in(person.open_box())
    finish(person)
    assert boxnb.connect("sandbox").get("/users/me")["login"]


def test_the_start_notebook_shows_a_table(window: BrowserContext, lab: Lab) -> None:
    """Run All in the first notebook ends with a table of users on the screen."""
    person = Person(window, lab, "00-start-here.ipynb")
    person.command("notebook:run-all-cells")
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
    assert Path(lab.notebooks / person.path).exists()
