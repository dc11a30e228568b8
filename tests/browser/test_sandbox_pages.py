"""The sandbox's own pages, using only the keyboard, in a narrow window, with light and dark colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from test_keyboard import assert_ring, tab_to

pytestmark = pytest.mark.browser

# Each text node of the page and its contrast with the background (WCAG 2.2, 1.4.3).
CONTRASTS = """() => {
  const channel = value => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4 };
  const luminance = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b) };
  const behind = element => { for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/rgba\\(.*, 0\\)/.test(colour)) return colour; } return 'rgb(255, 255, 255)' };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), contrasts = [];
  while (walk.nextNode()) { const text = walk.currentNode.data.trim(), element = walk.currentNode.parentElement;
    if (!text) continue;
    const textLight = luminance(getComputedStyle(element).color), backLight = luminance(behind(element));
    const [lower, higher] = [textLight, backLight].sort((a, b) => a - b);
    contrasts.push([text, (higher + 0.05) / (lower + 0.05)]); }
  return contrasts }"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in a narrow window. The test itself responds to requests for the app's redirect URI."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    context.set_default_timeout(30_000)

    def respond(route: Route) -> None:
        route.fulfill(body="<h1>Back at the app</h1>", content_type="text/html")

    context.route("http://127.0.0.1:1/**", respond)
    yield context.new_page()
    context.close()


def assert_readable(page: Page) -> None:
    """Check that all text has enough contrast and that nothing overflows sideways."""
    assert page.evaluate(SIDEWAYS) <= 0
    contrasts = page.evaluate(CONTRASTS)
    assert contrasts
    for text, contrast in contrasts:
        assert contrast >= 4.5, text


def authorization_url(sandbox: Any, client: dict[str, Any], **more: str) -> str:
    """Return an authorization URL for the sandbox."""
    query = {"response_type": "code", "client_id": client["client_id"], "state": "kept"}
    return f"{sandbox.url}/api/oauth2/authorize?" + urlencode({**query, **more})


def sign_in(page: Page, password: str) -> None:
    """Sign in with the keyboard."""
    tab_to(page, "#password")
    assert_ring(page)
    page.keyboard.type(password)
    tab_to(page, "button.main")
    assert_ring(page)
    page.keyboard.press("Enter")


def test_the_keyboard_leads_through_sign_in_and_consent(page: Page, sandbox: Any) -> None:
    """A wrong password is reported; the right one leads to the consent page and back to the app."""
    long_name = "Reports " + "x" * 70
    client = sandbox.register_app(long_name, ["http://127.0.0.1/callback"])
    page.goto(authorization_url(sandbox, client, redirect_uri="http://127.0.0.1:1/callback"))
    # The browser sets the focus after it has loaded the page.
    page.wait_for_function("document.activeElement.id === 'password'")
    assert_readable(page)
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("The email address or the password is wrong")
    assert_readable(page)
    sign_in(page, "practice")
    expect(page.locator("h1")).to_contain_text(long_name)
    assert_readable(page)
    for name in ("grant", "deny", "switch"):
        tab_to(page, f"button[value={name}]")
        assert_ring(page)
    tab_to(page, "button[value=grant]", "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator("h1")).to_have_text("Back at the app")
    query = parse_qs(urlsplit(page.url).query)
    assert set(query) == {"code", "state"}
    assert query["state"] == ["kept"]


def test_the_console_works_with_the_keyboard(page: Page, sandbox: Any) -> None:
    """The console checks the form and shows the client secret once."""
    page.goto(sandbox.url)
    assert_readable(page)
    tab_to(page, "a")
    assert_ring(page)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Practice app console")
    tab_to(page, "#name")
    assert_ring(page)
    page.keyboard.press("Control+A")
    page.keyboard.type("<Ünïcode>")
    tab_to(page, "#uris")
    page.keyboard.press("Control+A")
    page.keyboard.type("http://reports.example/back")
    tab_to(page, "button.main")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("must be https")
    assert_readable(page)
    tab_to(page, "#uris")
    page.keyboard.press("Control+A")
    page.keyboard.type("https://reports.example/" + "y" * 90)
    tab_to(page, "[value=manage_webhook]")
    page.keyboard.press("Space")
    tab_to(page, "button.main")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("<Ünïcode> is ready")
    assert_readable(page)
    client_id, secret, _ = page.locator("dd code").all_inner_texts()
    assert re.fullmatch(r"[a-z0-9]{32}", client_id)
    assert secret not in page.url
    page.goto(page.url)  # the secret is not shown again
    assert secret not in page.content()


def test_the_error_pages_are_readable(page: Page, sandbox: Any) -> None:
    """Each error page says what is wrong, with enough contrast."""
    client = sandbox.practice_client()
    for url, heading in [
        (
            authorization_url(sandbox, client, redirect_uri="https://elsewhere.example/" + "z" * 120),
            "a problem with this app",
        ),
        (authorization_url(sandbox, {"client_id": "nobody"}), "not known here"),
        (authorization_url(sandbox, client, scope="everything"), "too much"),
        (f"{sandbox.url}/nowhere", "no page at this address"),
    ]:
        page.goto(url)
        expect(page.locator("h1")).to_contain_text(heading)
        assert_readable(page)
