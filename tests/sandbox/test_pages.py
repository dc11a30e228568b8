"""The pages that a user sees: sign-in, consent, error pages, the app console (box-facts 1.1 to 1.4)."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from boxnb.errors import SandboxError
from boxnb.sandbox.client import _Fields

from .conftest import Person, Starter


def open_page(ada: Person, url: str) -> tuple[requests.Session, requests.Response, _Fields]:
    """Open a page in a new browser."""
    browser = requests.Session()
    response = browser.get(url, timeout=10, allow_redirects=False)
    return browser, response, _Fields(response.text)


def post(
    browser: requests.Session, page: requests.Response, form: _Fields, **fields: str
) -> requests.Response:
    """Post the page's form with these fields."""
    target = urljoin(page.url, unescape(form.action))
    return browser.post(target, data={**form.hidden, **fields}, timeout=10, allow_redirects=False)


def open_signed_in(ada: Person, url: str) -> tuple[requests.Session, requests.Response, _Fields]:
    """Open a page in a new browser in which the admin is signed in."""
    browser, page, form = open_page(ada, url)
    response = post(browser, page, form, login="ada.admin@example.com", password="practice")
    assert response.status_code == 303, response.text
    page = browser.get(url, timeout=10)
    return browser, page, _Fields(page.text)


def test_grant_sends_code_and_state_back(ada: Person) -> None:
    """A grant sends the authorization code and the state to the redirect URI."""
    redirect = urlsplit(ada.sandbox.approve(ada.url()))
    query = parse_qs(redirect.query)
    assert f"{redirect.scheme}://{redirect.netloc}{redirect.path}" == "http://127.0.0.1:8321/callback"
    assert query["state"] == ["st/ate &1"]
    assert set(query) == {"code", "state"}


def test_deny_sends_access_denied_back(ada: Person) -> None:
    """A denial sends access_denied to the redirect URI."""
    query = parse_qs(urlsplit(ada.sandbox.approve(ada.url(), deny=True)).query)
    assert query == {
        "error": ["access_denied"],
        "error_description": ["The user denied access to your application"],
        "state": ["st/ate &1"],
    }


def test_a_state_is_sent_back_only_if_one_was_sent(ada: Person) -> None:
    """Without a state in the request, the redirect has none either."""
    assert "state" not in parse_qs(urlsplit(ada.sandbox.approve(ada.url(state=""))).query)


def test_a_single_registered_redirect_uri_can_be_omitted(ada: Person) -> None:
    """If the app has one redirect URI, the link may omit it."""
    redirect = ada.sandbox.approve(ada.url(redirect_uri=""))
    assert redirect.startswith("http://127.0.0.1/callback?code=")


@pytest.mark.parametrize(
    "redirect",
    [
        "http://127.0.0.1:8321/callback/",
        "http://127.0.0.1:8321/Callback",
        "http://127.0.0.1:8321/callback?x=1",
        "http://127.0.0.1:8321/",
        "https://127.0.0.1:8321/callback",
        "http://localhost:8321/callback",
        "http://127.0.0.1.evil.example:8321/callback",
        "http://ada@127.0.0.1:8321/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:8321\\@evil.example/callback",
        "http://[::1]:8321/callback",
        "javascript:alert(1)",
        "http://127.0.0.1:8321/callback#x",
    ],
)
def test_any_other_redirect_uri_shows_an_error_page(ada: Person, redirect: str) -> None:
    """A redirect URI that is not registered shows an error page and does not redirect."""
    _, page, _ = open_page(ada, ada.url(redirect_uri=redirect))
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")
    assert "location" not in page.headers
    assert "redirect_uri_mismatch" in page.text


def test_an_https_redirect_uri_must_match_exactly(ada: Person) -> None:
    """The port of an https redirect URI must match too."""
    app = Person(ada.sandbox, ada.sandbox.register_app("Web", ["https://apps.example:8443/back?a=1"]))
    redirect = ada.sandbox.approve(app.url(redirect_uri="https://apps.example:8443/back?a=1"))
    assert redirect.startswith("https://apps.example:8443/back?a=1&code=")
    _, page, _ = open_page(ada, app.url(redirect_uri="https://apps.example:8444/back?a=1"))
    assert "redirect_uri_mismatch" in page.text


def test_an_omitted_redirect_uri_is_an_error_if_several_are_registered(ada: Person) -> None:
    """If the app has several redirect URIs and the link omits it, the grant shows an error page."""
    app = ada.sandbox.register_app("Two", ["http://127.0.0.1/a", "http://127.0.0.1/b"])
    person = Person(ada.sandbox, app)
    with pytest.raises(SandboxError, match="problem with this app"):
        ada.sandbox.approve(person.url(redirect_uri=""))
    browser, page, form = open_signed_in(ada, person.url(redirect_uri=""))
    response = post(browser, page, form, decision="grant")
    assert (response.status_code, "redirect_uri_missing" in response.text) == (400, True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "root_readonly everything"}, "invalid_scope"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_errors_before_consent_show_a_page(ada: Person, change: dict[str, str], error: str) -> None:
    """An error in the request shows a page and does not redirect."""
    _, page, _ = open_page(ada, ada.url(**change))
    assert (page.status_code, error in page.text) == (400, True)
    assert "location" not in page.headers


def test_a_disabled_app_does_not_work(ada: Person) -> None:
    """A disabled app cannot sign anyone in, and its tokens stop working."""
    pair = ada.sign_in()
    ada.sandbox.change_app(ada.client["client_id"], enabled=False)
    _, page, _ = open_page(ada, ada.url())
    assert "Disabled by Administrator" in page.text
    assert ada.get("/users/me", pair["access_token"]).status_code == 401


def test_the_consent_page_lists_the_narrowed_scopes(ada: Person) -> None:
    """The consent page lists only the narrowed scopes, and the token has only those."""
    _, page, _ = open_signed_in(ada, ada.url(scope="manage_groups"))
    assert re.findall(r"<li>.*?<code>(.*?)</code></li>", page.text) == ["manage_groups"]
    pair = ada.sign_in(scope="manage_groups")
    assert ada.get("/groups", pair["access_token"]).status_code == 200
    assert ada.get("/users", pair["access_token"]).status_code == 403


def test_a_failed_sign_in_shows_an_alert(ada: Person) -> None:
    """Wrong passwords, unknown logins and inactive accounts get an alert on the page."""
    browser, page, form = open_page(ada, ada.url())
    response = post(browser, page, form, login="ada.admin@example.com", password="wrong")
    assert (response.status_code, 'role="alert"' in response.text) == (400, True)
    response = post(browser, page, form, login='"><script>x', password="practice")
    assert "<script" not in response.text
    ada.sandbox.change_user("bo.nakamura@example.com", status="inactive")
    response = post(browser, page, form, login="bo.nakamura@example.com", password="practice")
    assert "inactive" in response.text


def test_names_and_values_are_escaped(ada: Person) -> None:
    """Names of apps and users, and values from the URL, are escaped."""
    markup = "<img src=x onerror=alert(1)>"
    app = ada.sandbox.register_app(markup, ["http://127.0.0.1/callback"])
    person = Person(ada.sandbox, app)
    for _, page, _ in (open_page(ada, person.url()), open_page(ada, ada.url(redirect_uri=markup))):
        assert "<img" not in page.text
        assert "&lt;img" in page.text
    ada.sandbox.change_user("ada.admin@example.com", name="<b>Ada</b>")
    _, page, _ = open_signed_in(ada, ada.url())
    assert "&lt;b&gt;Ada" in page.text
    assert "<b>Ada" not in page.text


def test_forms_without_the_right_csrf_token_are_refused(ada: Person) -> None:
    """A form without the right CSRF token gets 403 and does not redirect."""
    browser, page, form = open_signed_in(ada, ada.url())
    for csrf in ("", "x" * 32):
        response = post(browser, page, form, decision="grant", csrf=csrf)
        assert (response.status_code, "location" in response.headers) == (403, False)
    other_browser = requests.Session()
    response = post(other_browser, page, form, decision="grant")
    assert (response.status_code, "location" in response.headers) == (403, False)
    assert post(browser, page, form, decision="grant").status_code == 302


def test_consent_without_a_user_shows_the_sign_in_page(ada: Person) -> None:
    """If no user is signed in, a grant leads to the sign-in page."""
    browser, page, form = open_page(ada, ada.url())
    response = post(browser, page, form, step="consent", decision="grant")
    assert (response.status_code, "location" in response.headers) == (200, False)
    assert 'name="password"' in response.text


def test_the_session_id_changes_at_sign_in(ada: Person) -> None:
    """Signing in replaces the session id, so that a planted id is useless."""
    browser, page, form = open_page(ada, ada.url())
    before = dict(browser.cookies)
    post(browser, page, form, login="ada.admin@example.com", password="practice")
    assert dict(browser.cookies) != before
    cookie = browser.get(ada.url(), timeout=10).request.headers["cookie"]
    assert next(iter(before.values())) not in cookie


def test_another_user_can_sign_in(ada: Person) -> None:
    """The consent page offers to sign in as another user."""
    browser, page, form = open_signed_in(ada, ada.url())
    response = post(browser, page, form, decision="switch")
    assert 'name="password"' in response.text
    assert 'name="password"' in browser.get(ada.url(), timeout=10).text


def test_the_pages_say_that_they_are_not_box(ada: Person) -> None:
    """The pages say that they are not Box, must not be cached or framed, and do not load other resources."""
    for _, page, _ in (open_page(ada, ada.url()), open_signed_in(ada, ada.url())):
        assert "boxnb sandbox." in page.text
        assert "not Box" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert not re.search(r"(?:src|href)=", page.text)
        assert ada.client["client_secret"] not in page.text


def test_the_app_console_registers_an_app(ada: Person) -> None:
    """An app registered in the console can sign a user in."""
    url = f"{ada.sandbox.url}/console"
    browser, page, form = open_page(ada, url)
    fields = {"name": "Mine <b>", "redirect_uris": "http://localhost/back", "scope": "manage_groups"}
    assert post(browser, page, form, **{**fields, "csrf": "no"}).status_code == 403
    refused = post(browser, page, form, **{**fields, "redirect_uris": "http://apps.example/back"})
    assert (refused.status_code, "must be https" in refused.text) == (400, True)
    response = post(browser, page, form, **fields)
    keys = dict(re.findall(r"<dt>(Client ID|Client secret)</dt><dd><code>(\w{32})</code>", response.text))
    assert "<b>" not in response.text
    client = {"client_id": keys["Client ID"], "client_secret": keys["Client secret"]}
    person = Person(ada.sandbox, client, "http://localhost:9000/back")
    assert ada.get("/groups", person.sign_in()["access_token"]).status_code == 200


def test_the_console_suggests_a_redirect_uri(start_sandbox: Starter) -> None:
    """The console suggests loopback on this computer and the proxy's URL on a hub."""
    here, hub = (
        start_sandbox("here"),
        start_sandbox("hub", prefix="/user/ada/proxy/8123", allow_host=["hub.example.com"]),
    )
    assert "<code>http://127.0.0.1/callback</code>" in requests.get(f"{here.url}/console", timeout=10).text
    console_page = requests.get(f"{hub.url}/console", headers={"Host": "hub.example.com"}, timeout=10).text
    assert "<code>https://hub.example.com/user/ada/proxy/<em>port</em>/callback</code>" in console_page


def test_unknown_paths_show_a_page_in_browsers(ada: Person) -> None:
    """Browsers get a page for an unknown path, programs get JSON."""
    browser = requests.get(f"{ada.sandbox.url}/3.0/users", headers={"Accept": "text/html"}, timeout=10)
    assert (browser.status_code, "There is no page at this address" in browser.text) == (404, True)
    program = requests.get(f"{ada.sandbox.url}/3.0/users", timeout=10)
    assert (program.status_code, program.json()["code"]) == (404, "not_found")


def test_only_names_of_this_computer_are_served(ada: Person) -> None:
    """Other host names are refused, so that a web page cannot reach the sandbox by its own host name."""
    port = urlsplit(ada.sandbox.url).port
    for host, status in [
        (f"127.0.0.1:{port}", 200),
        ("localhost", 200),
        (f"[::1]:{port}", 200),
        (f"evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ]:
        response = requests.get(f"{ada.sandbox.url}/", headers={"Host": host}, timeout=10)
        assert response.status_code == status, host
    response = requests.post(f"{ada.sandbox.url}/oauth2/token", headers={"Host": "evil.example"}, timeout=10)
    assert response.status_code == 421


def test_approve_refuses_another_server(ada: Person) -> None:
    """`approve` opens only authorization URLs of its own sandbox."""
    with pytest.raises(SandboxError, match="does not belong to the sandbox"):
        ada.sandbox.approve("https://account.example/api/oauth2/authorize?" + urlencode({"client_id": "x"}))
