"""The redirect through a JupyterHub's proxy: its URLs, and a real jupyter-server-proxy in front of the receiver."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from serving import serving

from boxnb import store
from boxnb.oauth import Client
from boxnb.secret import Secret
from boxnb.signin import jupyterhub
from boxnb.signin.flow import SignInFlow
from boxnb.widgets.sign_in_panel import SignIn

ORIGIN = "https://hub.example.com"


@pytest.fixture
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's own user path, which gives it its own port."""
    name = f"/user/ada-{secrets.token_hex(4)}/"
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", name)
    return name


def test_a_redirect_uri_is_not_offered_outside_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without JUPYTERHUB_SERVICE_PREFIX there is no redirect URI to offer."""
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert jupyterhub.proxied_redirect_uri(ORIGIN) == ""
    assert jupyterhub.local_url(f"{ORIGIN}/user/ada/proxy/8930/callback") == ""


def test_the_url_of_the_proxy_is_offered_on_a_hub(prefix: str) -> None:
    """The offered redirect URI leads through the user's proxy to a fixed local port."""
    uri = jupyterhub.proxied_redirect_uri(ORIGIN)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("https", "hub.example.com")
    assert parts.path.startswith(f"{prefix}proxy/")
    port = int(parts.path.split("/")[-2])
    assert port in jupyterhub.PORTS
    assert jupyterhub.local_url(uri) == f"http://127.0.0.1:{port}/callback"
    assert jupyterhub.proxied_redirect_uri(ORIGIN) == uri  # must not change, because it is registered once


def test_users_on_one_computer_get_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three user names lead to three ports."""
    ports = set()
    for name in ("ada", "bo", "chi"):
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", f"/user/{name}/")
        ports.add(jupyterhub.local_url(jupyterhub.proxied_redirect_uri(ORIGIN)))
    assert len(ports) == 3


@pytest.mark.parametrize("origin", ["http://hub.example.com", "", "null", "ftp://hub.example.com"])
def test_an_origin_that_box_refuses_is_not_offered(prefix: str, origin: str) -> None:
    """Box accepts plain http on loopback only."""
    assert jupyterhub.proxied_redirect_uri(origin) == ""


def test_a_redirect_uri_is_not_offered_without_jupyter_server_proxy(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing forwards the redirect if the proxy is not installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert jupyterhub.proxied_redirect_uri(ORIGIN) == ""


@pytest.mark.parametrize("end", ["callback", "x/callback", "99999/callback", "-1/callback", "0/callback"])
def test_other_urls_of_the_hub_have_no_local_url(prefix: str, end: str) -> None:
    """URLs outside this user's proxy, or without a valid port, do not lead to this computer."""
    assert jupyterhub.local_url(f"{ORIGIN}{prefix}proxy/{end}") == ""
    assert jupyterhub.local_url(f"{ORIGIN}/user/someone-else/proxy/8930/callback") == ""


def test_an_offer_does_not_replace_typed_text(prefix: str, client: Client, watch: Any) -> None:
    """A redirect URI that the user typed stays, and the default changes."""
    flow = watch(server=client.server).flow
    flow.draft["redirect_uri"] = "https://example.com/mine"
    flow.offer(jupyterhub.proxied_redirect_uri(ORIGIN))
    assert flow.snapshot()["redirect_uri"] == "https://example.com/mine"
    assert flow.snapshot()["default_redirect"].startswith(ORIGIN)


def test_pasting_works_if_the_port_is_busy(prefix: str, sandbox: Any, client: Client, watch: Any) -> None:
    """Nothing listens at the busy port of the proxy, and the pasted URL signs in."""
    uri = jupyterhub.proxied_redirect_uri(ORIGIN)
    app = sandbox.register_app("On a hub", [uri])
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", urlsplit(jupyterhub.local_url(uri)).port or 0))
        busy.listen()
        watched = watch(server=client.server)
        watched.flow.register(app["client_id"], app["client_secret"], uri)
        assert watched.flow.snapshot()["listening"] == ""
        watched.flow.paste(sandbox.approve(watched.flow.snapshot()["authorize_url"]))
        watched.until(lambda view: view["step"] == "done")


@pytest.fixture
def server(prefix: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A Jupyter server under the user's prefix, with jupyter-server-proxy. Yields its origin and its token."""
    with serving("jupyter_server", tmp_path, tmp_path / "server.log", base_url=prefix) as (origin, token):
        yield origin, token


def test_a_real_jupyter_server_proxy_forwards_the_redirect(
    server: tuple[str, str], prefix: str, tmp_path: Path, sandbox: Any, client: Client, watch: Any
) -> None:
    """The redirect goes to the public server; the receiver behind it accepts it and shows its page."""
    origin, token = server
    uri = jupyterhub.proxied_redirect_uri(origin)
    app = sandbox.register_app("On a hub", [uri])
    watched = watch(server=client.server)
    watched.flow.register(app["client_id"], app["client_secret"], uri)
    view = watched.flow.snapshot()
    assert view["listening"] == uri
    with requests.Session() as browser:
        redirect = sandbox.approve(view["authorize_url"])
        assert redirect.startswith(f"{uri}?")
        without_cookie = requests.get(redirect, timeout=10)
        assert "login" in without_cookie.url
        browser.get(f"{origin}{prefix}tree?token={token}", timeout=10)
        page = browser.get(redirect, timeout=10)
    assert page.status_code == 200
    assert page.url == f"{uri}/granted"
    assert "Permission received" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    watched.until(lambda view: view["step"] == "done")
    saved = store.load("lab")
    assert saved is not None
    assert saved.client.redirect_uri == uri
    code = redirect.split("code=")[1].split("&")[0]
    assert code not in (tmp_path / "server.log").read_text()


@pytest.mark.parametrize("listens", [True, False])
def test_the_link_is_hidden_while_another_process_has_the_port(prefix: str, listens: bool) -> None:
    """The proxy would forward code and state to that process. The link returns once the port is free."""
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        if listens:
            thief.listen()
        port = thief.getsockname()[1]
        uri = f"{ORIGIN}{prefix}proxy/{port}/callback"
        flow = SignInFlow("acme", client=Client("cid", Secret("a-secret-of-an-app"), uri)).start()
        view = SignIn(flow).view
        assert (
            view["authorize_url"] == ""
            and f"port {port}" in view["port"]
            and "Another process" in view["port"]
        )
    flow.again()
    view = SignIn(flow).view
    assert "redirect_uri=" in view["authorize_url"] and view["port"] == "" and view["listening"] == uri
    flow.close()
