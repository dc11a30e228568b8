"""The panel as it works on a JupyterHub: a user's path, jupyter-server-proxy, and a browser that reaches only the server."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import BrowserContext, Route, expect
from running import Lab
from test_onboarding import finish
from test_register import fill_in, person_of_a_company, registered_app, show_form

from boxnb import store

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture
def window(new_window: BrowserContext) -> BrowserContext:
    """A new window, because the test intercepts requests."""
    return new_window


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """The path that a hub gives to each user's server. It determines the receiver's port."""
    prefix = f"/user/ada-{secrets.token_hex(4)}/"
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    return prefix


def test_the_user_signs_in_through_the_proxy_of_a_hub(
    window: BrowserContext, lab: Lab, base_url: str
) -> None:
    """Step 1 shows the proxy's URL, and the browser never needs a port on the notebook's computer."""
    local_requests: list[str] = []

    def unreachable(route: Route) -> None:
        local_requests.append(route.request.url)
        route.abort()

    person = person_of_a_company(window, lab)
    show_form(person)
    expect(person[".bx-redirect"]).to_contain_text("/proxy/")
    redirect_uri = person[".bx-redirect"].inner_text()
    assert redirect_uri.startswith(f"{lab.url}/proxy/")
    assert redirect_uri.endswith("/callback")
    port = redirect_uri.split("/")[-2]
    window.route(f"http://127.0.0.1:{port}/**", unreachable)
    expect(person[".bx-redirect-uri"]).to_have_value(redirect_uri)
    expect(person[".bx-hub"]).to_contain_text("not been run on a real hub")
    person.screenshot("hub-1-form")
    fill_in(person, registered_app(redirect_uri))
    person[".bx-open[href]"].wait_for()
    expect(person[".bx-catch-words"]).to_contain_text("through your JupyterHub")
    person.screenshot("hub-2-open")
    tab = person.open_box()
    person.sign_in(tab)
    expect(tab.locator("h1")).to_have_text("Permission received")
    assert tab.url == f"{redirect_uri}/granted"
    finish(person)
    saved = store.load("acme")
    assert saved is not None
    assert saved.client.redirect_uri == redirect_uri
    assert local_requests == []
