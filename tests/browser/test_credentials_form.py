"""The panel for secrets in JupyterLab: a wrong secret, the right one, and a saved notebook without either."""

from __future__ import annotations

import pytest
from person import Person
from playwright.sync_api import BrowserContext, expect
from running import Lab, written_notebook

from boxnb import servers
from boxnb.sandbox import Sandbox

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


def test_secrets_of_a_server_are_entered_in_the_panel(
    window: BrowserContext, lab: Lab, sandbox: Sandbox
) -> None:
    """Run All waits for the panel; what was typed is in no field, no output and no saved notebook."""
    jamf = sandbox.other_servers()["jamf"]
    show = (
        f"import boxnb\npanel = boxnb.widgets.save_server('jamf', {jamf['url']!r}, preset='jamf-pro')\npanel"
    )
    cells = [
        show,
        "http = await panel.done()",
        "print('rows', len(http.frame('/api/v1/computers-inventory')))",
    ]
    person = Person(window, lab, written_notebook(lab, "server.ipynb", cells))
    person.command("notebook:run-all-cells")
    person["input[name=client_id]"].fill(jamf["client_id"])
    secret = person["input[name=client_secret]"]
    person[".bx-submit"].click()
    expect(secret).to_be_focused()
    expect(person[".bx-alert"]).to_have_text("Fill in the field “Client secret”.")
    expect(secret).to_have_attribute("aria-invalid", "true")
    secret.fill("a-wrong-secret-of-tests")
    person[".bx-submit"].click()
    expect(person[".bx-alert"]).to_contain_text("client secret was refused")
    expect(secret).to_have_value("")
    secret.fill(jamf["client_secret"])
    secret.press("Enter")
    expect(person[".bx-status"]).to_contain_text("Saved in")
    expect(person[".jp-OutputArea-output"].filter(has_text="rows 240")).to_be_visible()
    person.screenshot("credentials")
    text = person.save()
    for value in (
        "a-wrong-secret-of-tests",
        *(one.reveal() for one in servers.load("jamf").secrets().values()),
    ):
        assert value not in text
