"""The sandbox's pages behind jupyter-server-proxy, as on a hub: another path, another host, relative links."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from serving import serving

from boxnb.sandbox.client import _Fields

from .conftest import Person, Starter

PREFIX = "/user/ada/"
REDIRECT = "https://hub.example.com/user/ada/proxy/8930/callback"


class Hub(NamedTuple):
    """A Jupyter server under a user's prefix; all requests go through it."""

    origin: str
    token: str


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Jupyter server with jupyter-server-proxy, as a hub runs one for each user."""
    options = ["--ServerApp.allow_remote_access=True"]
    log = tmp_path / "jupyter.log"
    with serving("jupyter_server", tmp_path, log, base_url=PREFIX, options=options) as (origin, token):
        yield Hub(origin, token)


def submit(browser: requests.Session, page: requests.Response, **fields: str) -> requests.Response:
    """Post the page's form with these fields."""
    form = _Fields(page.text)
    target = urljoin(page.url, unescape(form.action))
    return browser.post(target, data={**form.hidden, **fields}, timeout=20, allow_redirects=False)


def test_a_user_can_sign_in_through_the_hub(start_sandbox: Starter, hub: Hub) -> None:
    """Signing in through the hub's proxy returns a working authorization code."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sandbox = start_sandbox(port=port, prefix=f"{PREFIX}proxy/{port}", allow_host=["hub.example.com"])
    app = sandbox.register_app("On a hub", [REDIRECT])
    base = f"{hub.origin}{PREFIX}proxy/{port}"
    host = {"Host": "hub.example.com"}
    with requests.Session() as browser:
        browser.headers.update(host)
        browser.get(f"{hub.origin}{PREFIX}lab?token={hub.token}", timeout=20, allow_redirects=False)
        login = {"Authorization": f"token {hub.token}"}
        browser.headers.update(login)
        home = browser.get(f"{base}/", timeout=20)
        assert "The sandbox is running" in home.text
        console = browser.get(urljoin(home.url, "console"), timeout=20)
        assert f"https://hub.example.com{PREFIX}proxy/<em>port</em>/callback" in console.text
        query = {
            "response_type": "code",
            "client_id": app["client_id"],
            "redirect_uri": REDIRECT,
            "state": "s",
        }
        page = browser.get(f"{base}/api/oauth2/authorize?{urlencode(query)}", timeout=20)
        sign_in_response = submit(browser, page, login="ada.admin@example.com", password="practice")
        assert sign_in_response.status_code == 303
        consent = browser.get(urljoin(sign_in_response.url, sign_in_response.headers["location"]), timeout=20)
        assert "On a hub" in consent.text
        redirect = submit(browser, consent, decision="grant")
        assert redirect.headers["location"].startswith(f"{REDIRECT}?code=")
    code = parse_qs(urlsplit(redirect.headers["location"]).query)["code"][0]
    person = Person(sandbox, app)
    assert person.exchange(code).status_code == 200
