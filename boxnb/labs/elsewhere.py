"""A second OAuth2 server and a second API, so that what is standard can be told from what is Box.

Small, in this process, on loopback only. It differs from Box on purpose, and within the standard: it demands PKCE
(RFC 7636) and a scope, its access tokens live ten minutes, and it keeps the refresh token at a refresh (RFC 6749 6
allows both). Its API also takes a user name and password, HTTP Basic (RFC 7617), at ``/basic``.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from boxnb.labs.trace import Trace
from boxnb.oauth import Client, Server, challenge
from boxnb.tokens import Secret

MINUTES = 10
USER = "reporter"


class Elsewhere:
    """The running server.

    Attributes
    ----------
    client : Client
        The app registered there.
    user, password : str, Secret
        For the part that knows no OAuth2.
    trace : Trace
        What was sent to it.
    """

    def __init__(self) -> None:
        self.password = Secret(secrets.token_urlsafe(12))
        self.user = USER
        self.codes: dict[str, str] = {}
        self.access: set[str] = set()
        self.refresh = secrets.token_urlsafe(32)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        server = Server(
            "Elsewhere",
            f"{self.url}/authorize",
            f"{self.url}/token",
            f"{self.url}/revoke",
            f"{self.url}/api",
            f"{self.url}/api",
        )
        self.client = Client(
            "elsewhere-app", Secret(secrets.token_urlsafe(24)), "http://127.0.0.1/callback", server
        )
        self.trace = Trace(self.url)
        self.trace.start()
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def __repr__(self) -> str:
        return f"A second OAuth2 server of this notebook's own at {self.url}; it ends with the kernel."

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server."""
        self.trace.stop()
        self._http.shutdown()
        self._http.server_close()

    def approve(self, link: str) -> str:
        """Play the person in the browser; the address they are sent back to."""
        answer = requests.get(link, allow_redirects=False, timeout=10)
        if "Location" not in answer.headers:
            raise ValueError(f"The server shows a page instead of going on: {answer.text}")
        return answer.headers["Location"]

    # ---- what the server decides ----

    def authorize(self, query: dict[str, str]) -> tuple[int, str]:
        """A status, and a redirect or the words of a page."""
        if query.get("client_id") != self.client.client_id:
            return 400, "This app is not known here."
        if query.get("redirect_uri") != self.client.redirect_uri:
            return 400, "The redirect URI is not the registered one."
        back = {"state": query.get("state", "")}
        if not query.get("code_challenge") or not query.get("scope"):
            back["error"] = "invalid_request" if query.get("scope") else "invalid_scope"
        else:
            back["code"] = secrets.token_urlsafe(24)
            self.codes[back["code"]] = query["code_challenge"]
        return 302, f"{self.client.redirect_uri}?{urlencode(back)}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """A status and what is answered."""
        known = form.get("client_id") == self.client.client_id
        if not known or Secret(form.get("client_secret", "")) != self.client.client_secret:
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "authorization_code":
            expected = self.codes.pop(form.get("code", ""), None)
            if expected is None or challenge(Secret(form.get("code_verifier", ""))) != expected:
                return 400, {"error": "invalid_grant"}
        elif form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type"}
        elif not secrets.compare_digest(form.get("refresh_token", ""), self.refresh):
            return 400, {"error": "invalid_grant"}
        fresh = secrets.token_urlsafe(24)
        self.access.add(fresh)
        answer: dict[str, Any] = {"access_token": fresh, "token_type": "Bearer", "expires_in": MINUTES * 60}
        if form["grant_type"] == "authorization_code":
            answer |= {"refresh_token": self.refresh, "scope": "read"}
        return 200, answer

    def read(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """The API: a bearer token at ``/api/me``, a user name and password at ``/basic/me``."""
        scheme, _, given = authorization.partition(" ")
        if path == "/api/me" and scheme == "Bearer" and given in self.access:
            return 200, {"login": "kim@elsewhere.example", "signed_in_with": "a bearer token"}
        expected = base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
        if path == "/basic/me" and scheme == "Basic" and secrets.compare_digest(given, expected):
            return 200, {"login": self.user, "signed_in_with": "a user name and password"}
        return 401, {"error": "invalid_token"}


def _handler(elsewhere: Elsewhere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing: a notebook's output is for the reader."""

        def _answer(self, status: int, content: dict[str, Any] | str, location: str = "") -> None:
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                status, words = elsewhere.authorize(query)
                self._answer(status, "" if status == 302 else words, words if status == 302 else "")
            else:
                self._answer(*elsewhere.read(parts.path, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[-1] for name, values in parse_qs(raw).items()}
            if self.path == "/token":
                self._answer(*elsewhere.token(form))
            else:
                self._answer(404, {"error": "not_found"})

    return Handler


def elsewhere() -> Elsewhere:
    """A second OAuth2 server of this notebook's own; see :class:`Elsewhere`."""
    return Elsewhere()
