"""Client authentication, and the metadata of an authorization server (RFC 6749 2.3.1, RFC 8414)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
import requests

import boxnb
from boxnb import oauth, store
from boxnb.auth import RotatingAuth
from boxnb.errors import HostNotAllowedError, InvalidClientError, TokenEndpointError
from boxnb.oauth.token import Token
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret

ODD_ID, ODD_SECRET = "app:1/ä b", "p+ss:w%rd/ü ="  # characters that must be encoded


class Strict(ThreadingHTTPServer):
    """A token endpoint that accepts a client only by HTTP Basic, as RFC 6749 2.3.1 allows."""

    daemon_threads = True

    def __init__(self) -> None:
        self.metadata: Any = {}
        self.forms: list[dict[str, list[str]]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def describes(self, **more: Any) -> None:
        self.metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            **more,
        }


class Handler(BaseHTTPRequestHandler):
    server: Strict

    def do_GET(self) -> None:
        known = self.path.startswith("/.well-known/oauth-authorization-server")
        self.answer(200 if known else 404, self.server.metadata)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.forms.append(form)
        scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
        client_id, _, client_secret = base64.b64decode(pair).decode().partition(":")
        if (scheme, unquote_plus(client_id), unquote_plus(client_secret)) != (
            "Basic",
            ODD_ID,
            ODD_SECRET,
        ) or "client_secret" in form:
            self.answer(401, {"error": "invalid_client"})
        elif self.path == "/revoke":
            self.answer(200, {})
        else:
            number = len(self.server.forms)
            pair_of = {
                "access_token": f"access-{number}",
                "refresh_token": f"refresh-{number}",
                "expires_in": 3600,
            }
            self.answer(200, pair_of)

    def answer(self, status: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""


@pytest.fixture
def strict() -> Iterator[Strict]:
    with Strict() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client_of(strict: Strict, **facts: Any) -> oauth.Client:
    server = oauth.Server(
        "strict",
        strict.url + "/authorize",
        strict.url + "/token",
        strict.url + "/revoke",
        strict.url,
        strict.url,
        **facts,
    )
    return oauth.Client(ODD_ID, Secret(ODD_SECRET), "http://127.0.0.1/callback", server)


def test_a_server_that_requires_http_basic(strict: Strict) -> None:
    """Code exchange, refresh and revocation work, and the form contains neither id nor secret (RFC 6749 2.3)."""
    client = client_of(strict, client_auth="client_secret_basic")
    token = oauth.exchange_code(client, "the-code")
    token = oauth.refresh(client, token)
    assert oauth.revoke(client, token)
    assert [sorted(form) for form in strict.forms] == [
        ["code", "grant_type", "redirect_uri"],
        ["grant_type", "refresh_token"],
        ["token"],
    ]


def test_the_request_of_http_basic_shows_no_secret(strict: Strict) -> None:
    """Printed headers show a fingerprint, while the server receives the id and the secret."""
    seen: list[requests.PreparedRequest] = []
    http = requests.Session()
    http.hooks["response"].append(lambda response, **_: seen.append(response.request))
    oauth.exchange_code(client_of(strict, client_auth="client_secret_basic"), "the-code", http=http)
    assert str(seen[0].headers["Authorization"]).startswith("Basic <secret ")
    assert base64.b64encode(ODD_ID[:3].encode()).decode() not in str(seen[0].headers)


def test_the_form_is_the_default(strict: Strict) -> None:
    """Box expects the client secret in the form."""
    with pytest.raises(InvalidClientError):
        oauth.exchange_code(client_of(strict), "the-code")
    assert strict.forms[0]["client_id"] == [ODD_ID]
    assert "Authorization" not in str(strict.forms)


def test_a_saved_profile_knows_the_authentication_of_its_server(strict: Strict) -> None:
    """The next process refreshes in the same way; an older boxnb can still read a profile of a server like Box."""
    old = Token(Secret("a0"), Secret("r0"), obtained_at=1000.0, expires_in=3600.0)
    client = client_of(strict, client_auth="client_secret_basic")
    store.save(store.Profile("acme", client, old))
    assert RotatingAuth("acme").token().access_token == Secret("access-1")
    saved = store.load("acme")
    assert saved is not None
    assert saved.client == client
    store.save(store.Profile("plain", client_of(strict), old))
    assert "client_auth" not in store.path("plain").read_text()


def test_an_unknown_authentication_is_refused() -> None:
    """A misspelled method raises an error at once."""
    with pytest.raises(ValueError, match="client_secret_basic"):
        oauth.Server("x", "a", "b", "c", "d", "e", client_auth="basic")


@pytest.mark.parametrize(
    ("methods", "method"),
    [
        (["client_secret_basic"], "client_secret_basic"),
        (["client_secret_basic", "client_secret_post"], "client_secret_post"),
        (["private_key_jwt", "client_secret_post"], "client_secret_post"),
        (None, "client_secret_basic"),  # the default of RFC 8414 2
    ],
)
def test_the_authentication_is_discovered(strict: Strict, methods: Any, method: str) -> None:
    """The addresses are discovered too, and S256 is used only if it is offered."""
    supported = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    strict.describes(**supported, code_challenge_methods_supported=["S256"])
    server = oauth.discover(strict.url, api_url=strict.url + "/api")
    assert server == oauth.Server(
        "127.0.0.1",
        strict.url + "/authorize",
        strict.url + "/token",
        strict.url + "/revoke",
        strict.url + "/api",
        strict.url + "/api",
        pkce=True,
        client_auth=method,
    )
    assert (
        boxnb.oauth.exchange_code(
            oauth.Client(ODD_ID, Secret(ODD_SECRET), "http://127.0.0.1/callback", server), "c"
        )
        if method == "client_secret_basic"
        else True
    )


def test_the_sandbox_is_discovered(sandbox: Sandbox) -> None:
    """Like Box, it accepts both methods, so the form is used."""
    known = oauth.Server(**sandbox.server())
    found = oauth.discover(sandbox.url, api_url=known.api_url, upload_url=known.upload_url, name=known.name)
    assert (found.token_url, found.revoke_url, found.client_auth) == (
        known.token_url,
        known.revoke_url,
        "client_secret_post",
    )


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"issuer": "https://another.example.com"}, "does not describe the server"),
        ([], "without a description"),
        (b"<html>", "without a description"),
        (b"[" * 100_000, "without a description"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "takes no client secret"),
        ({"token_endpoint_auth_methods_supported": "client_secret_post"}, "takes no client secret"),
        ({"token_endpoint": 5}, "lacks an address as token_endpoint"),
        ({"revocation_endpoint": None}, "lacks an address as revocation_endpoint"),
        ({"token_endpoint": "https://half\ud800"}, "lacks an address as token_endpoint"),
        ({"authorization_endpoint": "http://[::1"}, "lacks an address as authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "lacks an address as authorization_endpoint"),
    ],
)
def test_invalid_metadata_is_one_message(strict: Strict, metadata: Any, says: str) -> None:
    """Every invalid value leads to one error with a reason."""
    strict.describes(**metadata) if isinstance(metadata, dict) else setattr(strict, "metadata", metadata)
    with pytest.raises(TokenEndpointError, match=says):
        oauth.discover(strict.url, api_url=strict.url)


def test_metadata_is_fetched_over_https_only() -> None:
    """Otherwise anyone on the network could write it."""
    with pytest.raises(HostNotAllowedError, match="would travel unencrypted"):
        oauth.discover("http://auth.example.com", api_url="https://api.example.com")
    with pytest.raises(requests.RequestException):
        oauth.discover("auth.example.com", api_url="https://api.example.com")
