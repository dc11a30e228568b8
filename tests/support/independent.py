"""An authorization server that boxnb did not write: oauthlib checks every request; this module only keeps its records.

It signs in by HTTP Basic or in the form, requires PKCE for codes, and issues each refresh token for one use.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from oauthlib.oauth2 import RequestValidator, Server

CLIENT_ID, CLIENT_SECRET, SCOPES = "client of:tests", "s3cret+of/tests=", ["read"]
ROWS = [{"id": str(number), "name": f"row {number}", "odd": number % 2 == 1} for number in range(1, 26)]


class Records(RequestValidator):
    """What the server knows: one client, the codes and tokens that it issued, and how many of each."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, float] = {}
        self.refresh: dict[str, str] = {}
        self.granted: list[str] = []

    # The client

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            left, _, right = base64.b64decode(header[6:]).decode().partition(":")
            pair = (unquote_plus(left), unquote_plus(right))
        else:
            pair = (request.client_id or "", request.client_secret or "")
        request.client = type("Client", (), {"client_id": CLIENT_ID})()
        return pair == (CLIENT_ID, CLIENT_SECRET)

    def client_authentication_required(self, request: Any, *_: Any, **__: Any) -> bool:
        return True

    def validate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        return client_id == CLIENT_ID

    def validate_grant_type(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_response_type(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Any, *_: Any, **__: Any
    ) -> bool:
        return urlsplit(redirect_uri).hostname == "127.0.0.1"  # RFC 8252 7.3: any port

    def get_default_redirect_uri(self, *_: Any, **__: Any) -> str | None:
        return None

    # Scopes

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        return SCOPES

    def validate_scopes(self, client_id: str, scopes: list[str], *_: Any, **__: Any) -> bool:
        return set(scopes) <= set(SCOPES)

    def get_original_scopes(self, *_: Any, **__: Any) -> list[str]:
        return SCOPES

    # Codes

    def is_pkce_required(self, *_: Any, **__: Any) -> bool:
        return True

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *_: Any, **__: Any) -> None:
        self.codes[code["code"]] = {
            "redirect_uri": request.redirect_uri,
            "challenge": request.code_challenge,
            "method": request.code_challenge_method,
        }

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        request.scopes, request.user = SCOPES, "someone"
        return code in self.codes

    def get_code_challenge(self, code: str, request: Any) -> Any:
        return self.codes[code]["challenge"]

    def get_code_challenge_method(self, code: str, request: Any) -> Any:
        return self.codes[code]["method"]

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        return bool(self.codes[code]["redirect_uri"] == redirect_uri)

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Any, *_: Any, **__: Any
    ) -> None:
        del self.codes[code]

    # Tokens

    def save_bearer_token(self, token: dict[str, Any], request: Any, *_: Any, **__: Any) -> None:
        self.access[token["access_token"]] = time.time() + token["expires_in"]
        self.granted.append(request.grant_type)
        if request.grant_type == "refresh_token":
            self.refresh.pop(request.refresh_token, None)
        if "refresh_token" in token:
            self.refresh[token["refresh_token"]] = token["access_token"]

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        return refresh_token in self.refresh

    def rotate_refresh_token(self, request: Any) -> bool:
        return True

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        return self.access.get(token, 0.0) > time.time()

    def revoke_token(self, token: str, hint: str, request: Any, *_: Any, **__: Any) -> None:
        self.access.pop(self.refresh.pop(token, token), None)


class Independent(ThreadingHTTPServer):
    """The server: ``/authorize``, ``/token``, ``/revoke`` and ``/api/rows``, which needs a token."""

    daemon_threads = True

    def __init__(self) -> None:
        self.records = Records()
        self.checks = Server(
            self.records, token_expires_in=600, token_generator=lambda request: secrets.token_hex(24)
        )
        self.busy = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def expire(self) -> None:
        """End the lifetime of every access token."""
        with self.busy:
            self.records.access.clear()


class Handler(BaseHTTPRequestHandler):
    server: Independent
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # oauthlib refuses addresses without https; this connection is on loopback.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        uri, headers, checks = f"https://127.0.0.1{self.path}", dict(self.headers), self.server.checks
        with self.server.busy:
            if self.path.startswith("/authorize"):
                _, request = checks.validate_authorization_request(uri, self.command, body, headers)
                request.pop("request", None)
                credentials = {**request, "user": "someone"}
                answer, text, status = checks.create_authorization_response(
                    uri, self.command, body, headers, SCOPES, credentials
                )
            elif self.path == "/token":
                answer, text, status = checks.create_token_response(uri, self.command, body, headers)
            elif self.path == "/revoke":
                answer, text, status = checks.create_revocation_response(uri, self.command, body, headers)
            else:
                allowed, _ = checks.verify_request(uri, self.command, body, headers, SCOPES)
                answer = {} if allowed else {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                text, status = (json.dumps({"items": ROWS}), 200) if allowed else ("", 401)
        content = (text or "").encode()
        self.send_response(status)
        for name, value in {**answer, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  the name that http.server expects

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def running() -> Iterator[Independent]:
    """Yield a running server."""
    with Independent() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
