"""After a reload, crash or restart, the panel keeps what was typed. It returns, or says which cells to run."""

from __future__ import annotations

import pytest
from person import IDLE, ONBOARDING, Person
from playwright.sync_api import BrowserContext, expect
from running import Lab

from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

CLIENT_ID = "typed0client0id"
REDIRECT = "http://127.0.0.1:9119/elsewhere"
SECRET = "typed-but-not-sent"


@pytest.fixture
def company_lab(lab: Lab) -> Lab:
    """A JupyterLab whose onboarding notebook has a different PROFILE, so that the notebook asks for an app."""
    notebook = lab.notebooks / ONBOARDING
    text = notebook.read_text(encoding="utf-8").replace('PROFILE = \\"sandbox\\"', 'PROFILE = \\"acme\\"')
    assert "acme" in text
    notebook.write_text(text, encoding="utf-8")
    return lab


def run_to_form(person: Person, *, gate: bool) -> None:
    """Run the notebook until the form is on the screen."""
    if gate:
        person.command("notebook:run-all-cells")
    else:
        person.run_through("sign_in(PROFILE)")
    person[".bx-client-id"].wait_for()


def type_into_form(person: Person) -> None:
    """Type an app into the form without submitting it."""
    person[".bx-client-id"].fill(CLIENT_ID)
    person[".bx-other summary"].press("Enter")  # a click could miss while the page moves
    person[".bx-redirect-uri"].fill(REDIRECT)
    person[".bx-client-secret"].fill(SECRET)


def assert_form_is_kept(person: Person) -> None:
    """Check that the form shows what was typed, except the secret."""
    expect(person[".bx-client-id"]).to_have_value(CLIENT_ID)
    expect(person[".bx-redirect-uri"]).to_have_value(REDIRECT)
    expect(person[".bx-client-secret"]).to_have_value("")


@pytest.mark.parametrize("gate", [False, True], ids=["form", "gate"])
def test_the_form_survives_a_reload(window: BrowserContext, company_lab: Lab, gate: bool) -> None:
    """JupyterLab saves the notebook from time to time. If its outputs are saved, the panel returns by itself."""
    person = Person(window, company_lab)
    run_to_form(person, gate=gate)
    person.save()
    type_into_form(person)
    person.reload()
    assert_form_is_kept(person)
    if gate:  # the kernel is free again, and the panel says which cell to run
        expect(person[".bx-advice"]).to_contain_text("run that cell again")
    else:
        expect(person[".bx-advice"]).to_be_hidden()


@pytest.mark.parametrize("gate", [False, True], ids=["form", "gate"])
def test_the_form_survives_a_reload_without_saved_outputs(
    window: BrowserContext, company_lab: Lab, gate: bool
) -> None:
    """Without saved outputs, the page is empty. Running the panel's cell again fills in the form."""
    person = Person(window, company_lab)
    run_to_form(person, gate=gate)
    type_into_form(person)
    person.reload()
    expect(person[".bx-panel"]).to_have_count(0)
    run_to_form(person, gate=False)
    assert_form_is_kept(person)


def test_the_panel_survives_a_reload_at_the_gate(window: BrowserContext, lab: Lab) -> None:
    """The user signs in with the restored panel; then the gate and the cells below it run."""
    person = Person(window, lab)
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    person.save()
    person.reload()
    person.sign_in(person.open_box())
    expect(person[".bx-panel"]).to_have_attribute("data-state", "done")
    expect(person[".bx-advice"]).to_contain_text("run that cell again")
    person.continue_at("await panel.done()")
    person.run_through("users.head()")
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
    expect(person[".bx-advice"]).to_be_hidden()


def test_interrupt_restores_the_panel_after_a_crash(window: BrowserContext, lab: Lab) -> None:
    """A crashed page does not send a message, so the gate keeps waiting. After Interrupt, a new page shows the panel."""
    person = Person(window, lab)
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    person.save()
    person.page.evaluate("WebSocket.prototype.send = () => {}")
    person.page.close()
    second = Person(window, lab, busy=True)
    expect(second[".jp-OutputArea"].filter(has_text="Loading widget")).to_be_attached()
    second.command("notebook:interrupt-kernel")
    expect(second[".bx-open[href]"]).to_be_visible()


def test_closing_one_of_two_pages_does_not_end_the_gate(window: BrowserContext, lab: Lab) -> None:
    """The gate keeps waiting while another tab still shows the panel."""
    person = Person(window, lab)
    person.run_through("sign_in(PROFILE)")
    person[".bx-open[href]"].wait_for()
    person.save()
    second = Person(window, lab)
    second[".bx-open[href]"].wait_for()
    person.page.bring_to_front()
    person.command("notebook:run-all-below")
    second.page.close()
    person.sign_in(person.open_box())
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()


def test_a_panel_without_its_kernel_says_which_cells_to_run(window: BrowserContext, lab: Lab) -> None:
    """After a kernel restart, the saved panel no longer works and names the cells to run."""
    person = Person(window, lab)
    person.show_panel()
    person.save()
    person.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel() }"
    )
    person.reload()
    expect(person[".bx-advice"]).to_contain_text("run this cell and the next one again")
    assert store.load("sandbox") is None or store.load("sandbox").token is None


@pytest.mark.parametrize("command", ["run-all-cells", "run-cell"], ids=["Run All", "the panel's cell"])
def test_running_the_panel_again_ends_a_waiting_gate(window: BrowserContext, lab: Lab, command: str) -> None:
    """JupyterLab clears the panel's output immediately, so the gate must free the kernel and say why."""
    person = Person(window, lab)
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    person.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 4")
    person.command(f"notebook:{command}")
    expect(person.page.locator(".bx-notice")).to_contain_text("Press Run All once more")
    person.page.wait_for_function(IDLE)
    person.screenshot(f"again-{command}")
    person.command("notebook:run-all-cells")
    person[".bx-open[href]"].wait_for()
    expect(person.page.locator(".bx-notice")).to_have_count(0)
    person.sign_in(person.open_box())
    expect(person["table.dataframe"].filter(has_text="Bo Nakamura").first).to_be_attached()
