"""An authorization server that boxnb did not write (oauthlib) serves client credentials and authorization codes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import independent
import pytest
import racing_servers
import requests
from independent import CLIENT_ID, CLIENT_SECRET, Independent

import boxnb
from boxnb import servers, store
from boxnb.errors import InvalidClientError, InvalidGrantError, NotSignedInError, TokenEndpointError
from boxnb.signin.flow import SignInFlow


@pytest.fixture
def server() -> Iterator[Independent]:
    """Yield a running authorization server with an API."""
    with independent.running() as running:
        yield running


def save(server: Independent, kind: str, secret: str = CLIENT_SECRET, **settings: str) -> store.Profile:
    """Save the server under the name ``independent``."""
    if kind == "authorization_code":
        settings |= {"authorize_url": "/authorize", "revoke_url": "/revoke"}
    return servers.save(
        "independent", server.url, kind=kind, probe="/api/rows", secrets={"client_secret": secret}, client_id=CLIENT_ID,
        token_url="/token", **settings,
    )  # fmt: skip


def sign_in(server: Independent) -> SignInFlow:
    """Sign a person in, as the panel does, with a browser that follows the link."""
    flow = SignInFlow("independent").start()
    link = flow.snapshot()["authorize_url"]
    assert "code_challenge_method=S256" in link
    redirect = requests.get(link, allow_redirects=False, timeout=10)
    assert redirect.status_code == 302, redirect.text
    flow.paste(redirect.headers["Location"])
    deadline = time.monotonic() + 60
    while not flow.finished and time.monotonic() < deadline:
        time.sleep(0.01)
    flow.close()
    return flow


@pytest.mark.parametrize("client_auth", ["client_secret_post", "client_secret_basic"])
def test_client_credentials(server: Independent, client_auth: str) -> None:
    """A token in the form and by HTTP Basic, a new one after a 401, and a frame."""
    save(server, "client_credentials", client_auth=client_auth, scope="read")
    http = servers.connect("independent")
    frame = http.frame("/api/rows")
    assert len(frame) == 25 and frame["odd"].dtype == "boolean"
    server.expire()
    assert len(http.frame("/api/rows")) == 25
    assert server.records.granted == ["client_credentials"] * 2
    saved = store.load("independent")
    assert saved is not None and saved.token is not None and saved.token.refresh_token is None


def test_refused_client_credentials(server: Independent) -> None:
    """A wrong secret and a scope that the server does not grant each have a message of their own."""
    save(server, "client_credentials", secret="wrong")
    with pytest.raises(InvalidClientError, match="client ID or the client secret was refused"):
        servers.connect("independent").get_json("/api/rows")
    save(server, "client_credentials", scope="read everything")
    with pytest.raises(TokenEndpointError, match="does not grant the saved scope"):
        servers.connect("independent").get_json("/api/rows")


def test_authorization_code(server: Independent) -> None:
    """A person signs in once, with PKCE; then each refresh token works once, and signing out revokes the last one."""
    save(server, "authorization_code")
    with pytest.raises(NotSignedInError):
        servers.connect("independent")
    flow = sign_in(server)
    assert flow.step == "done", flow.snapshot()
    http = servers.connect("independent")
    assert len(http.frame("/api/rows")) == 25
    for _ in range(3):
        server.expire()
        assert len(http.frame("/api/rows")) == 25
    assert server.records.granted == ["authorization_code", *["refresh_token"] * 3]
    assert boxnb.status("independent")["sign_in"].iloc[0] == "authorization code"
    findings = boxnb.doctor("independent").set_index("check")
    assert findings.loc["first call", "result"] == "ok" and "role" not in findings.index
    again = SignInFlow("independent").start()
    assert again.step == "done", "a saved sign-in that works asks for nothing"
    assert "was revoked" in boxnb.sign_out("independent")
    assert server.records.refresh == {} and server.records.access == {}


def test_each_expiry_causes_one_refresh(server: Independent) -> None:
    """Eight processes and many expiries with refresh tokens that work once: no error, and one refresh per expiry."""
    save(server, "authorization_code")
    assert sign_in(server).step == "done"
    errors = racing_servers.race(server.expire, "independent", path="/api/rows")
    assert errors == []
    assert server.records.granted == ["authorization_code", *["refresh_token"] * racing_servers.ROUNDS]
    saved = store.load("independent")
    assert saved is not None and saved.generation == racing_servers.ROUNDS + 1


def test_a_revoked_refresh_token_needs_the_person_again(server: Independent) -> None:
    """The message says that the refresh token was refused, and to sign in again."""
    save(server, "authorization_code")
    sign_in(server)
    http = servers.connect("independent")
    server.expire()
    server.records.refresh.clear()
    with pytest.raises(InvalidGrantError, match=r"refresh token of 'independent' was refused.*Sign in again"):
        http.get_json("/api/rows")
