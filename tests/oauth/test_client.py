"""How a client authenticates, and the metadata of a server (RFC 6749 2.3.1, RFC 8414)."""

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

ODD_ID, ODD_SECRET = "app:1/ä b", "p+ss:w%rd/ü ="  # characters of every kind that has to be encoded


class Strict(ThreadingHTTPServer):
    """A token endpoint that accepts the client only by HTTP Basic, as RFC 6749 2.3.1 allows."""

    daemon_threads = True

    def __init__(self) -> None:
        self.metadata: Any = {}
        self.forms: list[dict[str, list[str]]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def set_metadata(self, **fields: Any) -> None:
        """Serve complete metadata, changed by `fields`."""
        self.metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            **fields,
        }


class Handler(BaseHTTPRequestHandler):
    server: Strict

    def do_GET(self) -> None:
        is_metadata = self.path.startswith("/.well-known/oauth-authorization-server")
        self.respond(200 if is_metadata else 404, self.server.metadata)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.forms.append(form)
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        client_id, _, client_secret = base64.b64decode(credentials).decode().partition(":")
        if (scheme, unquote_plus(client_id), unquote_plus(client_secret)) != (
            "Basic",
            ODD_ID,
            ODD_SECRET,
        ) or "client_secret" in form:
            self.respond(401, {"error": "invalid_client"})
        elif self.path == "/revoke":
            self.respond(200, {})
        else:
            number = len(self.server.forms)
            pair = {
                "access_token": f"access-{number}",
                "refresh_token": f"refresh-{number}",
                "expires_in": 3600,
            }
            self.respond(200, pair)

    def respond(self, status: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def strict() -> Iterator[Strict]:
    with Strict() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client_of(strict: Strict, **fields: Any) -> oauth.Client:
    server = oauth.Server(
        "strict",
        strict.url + "/authorize",
        strict.url + "/token",
        strict.url + "/revoke",
        strict.url,
        strict.url,
        **fields,
    )
    return oauth.Client(ODD_ID, Secret(ODD_SECRET), "http://127.0.0.1/callback", server)


def test_a_server_with_http_basic_works(strict: Strict) -> None:
    """Exchange, refresh and revocation work, and no form has the client ID or secret as well (RFC 6749 2.3)."""
    client = client_of(strict, client_auth="client_secret_basic")
    token = oauth.exchange_code(client, "the-code")
    token = oauth.refresh(client, token)
    assert oauth.revoke(client, token)
    assert [sorted(form) for form in strict.forms] == [
        ["code", "grant_type", "redirect_uri"],
        ["grant_type", "refresh_token"],
        ["token"],
    ]


def test_a_request_with_http_basic_does_not_show_the_secret(strict: Strict) -> None:
    """The printed headers show a fingerprint, although the server gets the credentials."""
    requests_sent: list[requests.PreparedRequest] = []
    http = requests.Session()
    http.hooks["response"].append(lambda response, **_: requests_sent.append(response.request))
    oauth.exchange_code(client_of(strict, client_auth="client_secret_basic"), "the-code", http=http)
    assert str(requests_sent[0].headers["Authorization"]).startswith("Basic <secret ")
    assert base64.b64encode(ODD_ID[:3].encode()).decode() not in str(requests_sent[0].headers)


def test_the_form_is_the_default(strict: Strict) -> None:
    """Without `client_auth` the secret is in the form, as Box expects it."""
    with pytest.raises(InvalidClientError):
        oauth.exchange_code(client_of(strict), "the-code")
    assert strict.forms[0]["client_id"] == [ODD_ID]
    assert "Authorization" not in str(strict.forms)


def test_a_saved_profile_remembers_how_to_authenticate(strict: Strict) -> None:
    """A saved profile refreshes with the same method, and the default is saved so that an older boxnb can read it."""
    token = Token(Secret("a0"), Secret("r0"), obtained_at=1000.0, expires_in=3600.0)
    client = client_of(strict, client_auth="client_secret_basic")
    store.save(store.Profile("acme", client, token))
    assert RotatingAuth("acme").token().access_token == Secret("access-1")
    saved = store.load("acme")
    assert saved is not None
    assert saved.client == client
    store.save(store.Profile("plain", client_of(strict), token))
    assert "client_auth" not in store.path("plain").read_text()


def test_an_unknown_method_is_refused() -> None:
    """A misspelled method is refused immediately."""
    with pytest.raises(ValueError, match="client_secret_basic"):
        oauth.Server("x", "a", "b", "c", "d", "e", client_auth="basic")


@pytest.mark.parametrize(
    ("methods", "client_auth"),
    [
        (["client_secret_basic"], "client_secret_basic"),
        (["client_secret_basic", "client_secret_post"], "client_secret_post"),
        (["private_key_jwt", "client_secret_post"], "client_secret_post"),
        (None, "client_secret_basic"),  # the default of RFC 8414 2
    ],
)
def test_the_method_is_read_from_the_metadata(strict: Strict, methods: Any, client_auth: str) -> None:
    """The method, the URLs and S256 are read from the metadata."""
    supported = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    strict.set_metadata(**supported, code_challenge_methods_supported=["S256"])
    server = oauth.discover(strict.url, api_url=strict.url + "/api")
    assert server == oauth.Server(
        "127.0.0.1",
        strict.url + "/authorize",
        strict.url + "/token",
        strict.url + "/revoke",
        strict.url + "/api",
        strict.url + "/api",
        pkce=True,
        client_auth=client_auth,
    )
    assert (
        boxnb.oauth.exchange_code(
            oauth.Client(ODD_ID, Secret(ODD_SECRET), "http://127.0.0.1/callback", server), "c"
        )
        if client_auth == "client_secret_basic"
        else True
    )


def test_the_sandbox_is_discovered(sandbox: Sandbox) -> None:
    """The sandbox accepts both methods, as Box does, so the form is used."""
    expected = oauth.Server(**sandbox.server())
    server = oauth.discover(
        sandbox.url, api_url=expected.api_url, upload_url=expected.upload_url, name=expected.name
    )
    assert (server.token_url, server.revoke_url, server.client_auth) == (
        expected.token_url,
        expected.revoke_url,
        "client_secret_post",
    )


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"issuer": "https://another.example.com"}, "does not belong to the issuer"),
        ([], "and no metadata"),
        (b"<html>", "and no metadata"),
        (b"[" * 100_000, "and no metadata"),
        (
            {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
            "accepts a client secret neither in the form nor by HTTP Basic",
        ),
        (
            {"token_endpoint_auth_methods_supported": "client_secret_post"},
            "accepts a client secret neither in the form nor by HTTP Basic",
        ),
        ({"token_endpoint": 5}, "has no usable token_endpoint"),
        ({"revocation_endpoint": None}, "has no usable revocation_endpoint"),
        ({"token_endpoint": "https://half\ud800"}, "has no usable token_endpoint"),
        ({"authorization_endpoint": "http://[::1"}, "has no usable authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "has no usable authorization_endpoint"),
    ],
)
def test_unusable_metadata_is_refused(strict: Strict, metadata: Any, says: str) -> None:
    """Metadata that is not usable is refused with its own error."""
    strict.set_metadata(**metadata) if isinstance(metadata, dict) else setattr(strict, "metadata", metadata)
    with pytest.raises(TokenEndpointError, match=says):
        oauth.discover(strict.url, api_url=strict.url)


def test_metadata_is_fetched_only_over_https() -> None:
    """Over http, anyone on the way could change the metadata, so nothing is sent."""
    with pytest.raises(HostNotAllowedError, match=r"travel (in clear|unencrypted)"):
        oauth.discover("http://auth.example.com", api_url="https://api.example.com")
    with pytest.raises(requests.RequestException):
        oauth.discover("auth.example.com", api_url="https://api.example.com")
