"""The second server follows the standard but makes other choices than Box."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import requests

from boxnb import oauth
from boxnb.errors import InvalidClientError, InvalidGrantError
from boxnb.labs import Elsewhere
from boxnb.secret import Secret


@pytest.fixture
def server() -> Iterator[Elsewhere]:
    """A running second server."""
    with Elsewhere() as running:
        yield running


def code_and_verifier(server: Elsewhere) -> tuple[Secret, Secret]:
    """Approve a link with PKCE, and return the code and its verifier."""
    state, verifier = oauth.new_state(), oauth.new_verifier()
    link = oauth.authorization_url(
        server.client, state, scope="read", code_challenge=oauth.challenge(verifier)
    )
    return oauth.parse_redirect(server.approve(link), state=state), verifier


def test_the_functions_for_box_work_with_the_second_server(server: Elsewhere) -> None:
    """The exchange, a refresh that keeps the refresh token, and calls with a bearer token and with Basic all work."""
    code, verifier = code_and_verifier(server)
    token = oauth.exchange_code(server.client, code, code_verifier=verifier)
    refreshed = oauth.refresh(server.client, token)
    assert token.expires_in == 600 and token.scope == "read"
    assert refreshed.refresh_token == token.refresh_token and refreshed.access_token != token.access_token
    headers = {"Authorization": f"Bearer {refreshed.access_token.reveal()}"}
    assert requests.get(f"{server.url}/api/me", headers=headers, timeout=10).status_code == 200
    account = (server.user, server.password.reveal())
    assert requests.get(f"{server.url}/basic/me", auth=account, timeout=10).status_code == 200
    sections = list(server.trace.table()["section"])
    assert sections[-1].startswith("RFC 7617") and sections[-2].startswith("RFC 6750")
    assert server.password.reveal() not in repr(server.trace.exchanges)


def test_a_code_needs_its_verifier_and_works_once(server: Elsewhere) -> None:
    """A wrong verifier is refused, and so is a second exchange of the same code."""
    code, _ = code_and_verifier(server)
    with pytest.raises(InvalidGrantError):
        oauth.exchange_code(server.client, code, code_verifier=oauth.new_verifier())
    code, verifier = code_and_verifier(server)
    oauth.exchange_code(server.client, code, code_verifier=verifier)
    with pytest.raises(InvalidGrantError):
        oauth.exchange_code(server.client, code, code_verifier=verifier)


def test_the_second_server_refuses_what_the_standard_forbids(server: Elsewhere) -> None:
    """An unknown app, a foreign redirect URI, missing PKCE or scope, and wrong credentials are refused."""
    for change in ({"client_id": "other"}, {"redirect_uri": "http://127.0.0.1/else"}):
        client = dataclasses.replace(server.client, **change)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="page"):
            server.approve(oauth.authorization_url(client, "s", scope="read", code_challenge="c"))
    assert "error=invalid_request" in server.approve(
        oauth.authorization_url(server.client, "s", scope="read")
    )
    assert "error=invalid_scope" in server.approve(oauth.authorization_url(server.client, "s"))
    thief = dataclasses.replace(server.client, client_secret=Secret("guessed"))
    with pytest.raises(InvalidClientError):
        oauth.refresh(thief, Secret("x"))
    with pytest.raises(InvalidGrantError):
        oauth.refresh(server.client, Secret("x"))
    assert requests.post(f"{server.url}/nothing", timeout=10).status_code == 404
    response = requests.post(f"{server.url}/token", data={"grant_type": "password"}, timeout=10)
    assert response.json() == {"error": "invalid_client"}


@pytest.mark.parametrize(
    ("path", "authorization", "challenge"),
    [
        ("/api/me", "", 'Bearer realm="Elsewhere"'),
        ("/api/me", "Bearer expired", 'Bearer realm="Elsewhere", error="invalid_token"'),
        ("/basic/me", "Basic eDp4", 'Basic realm="Elsewhere", charset="UTF-8"'),
    ],
)
def test_a_refused_call_says_how_to_sign_in(
    server: Elsewhere, path: str, authorization: str, challenge: str
) -> None:
    """A 401 has the header ``WWW-Authenticate``, as RFC 6750 section 3 and RFC 7617 section 2 require."""
    headers = {"Authorization": authorization} if authorization else {}
    response = requests.get(server.url + path, headers=headers, timeout=10)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == challenge
