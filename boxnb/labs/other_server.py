"""A second OAuth2 server with its own API, to show what is standard and what is specific to Box.

It is small and runs in this process, on loopback only. It differs from Box on purpose, within the standard: it
requires PKCE (RFC 7636) and a scope, its access tokens expire after ten minutes, and a refresh does not replace the
refresh token (RFC 6749 6 allows a server to replace it or not). Under ``/basic``, its API accepts a user name and
password by HTTP Basic (RFC 7617): the lesson of 0.9 used it, so it stays for copies of that lesson.
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

from boxnb.labs.trace.trace import Trace
from boxnb.oauth import Client, Server
from boxnb.oauth import challenge as challenge_of
from boxnb.secret import Secret

ACCESS_TOKEN_LIFETIME = 600
USER = "reporter"


class Elsewhere:
    """The second server, which runs until :meth:`stop`.

    Attributes
    ----------
    client : Client
        An app that is registered at this server.
    user, password : str, Secret
        The account for HTTP Basic, as in the lesson of 0.9. Later lessons use the practice servers of the sandbox.
    trace : Trace
        Every request sent to the server.
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
        return f"A second OAuth2 server for this notebook at {self.url}. It stops with the kernel."

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server."""
        self.trace.stop()
        self._http.shutdown()
        self._http.server_close()

    def approve(self, link: str) -> str:
        """Act as the person in the browser, and return the URL that the browser is redirected to."""
        response = requests.get(link, allow_redirects=False, timeout=10)
        if "Location" not in response.headers:
            raise ValueError(
                f"The server showed an error page instead of redirecting the browser: {response.text}"
            )
        return response.headers["Location"]

    # ---- the server's decisions ----

    def authorize(self, query: dict[str, str]) -> tuple[int, str]:
        """Return a status, and the URL to redirect to or the text of an error page."""
        if query.get("client_id") != self.client.client_id:
            return 400, "This app is not registered here."
        if query.get("redirect_uri") != self.client.redirect_uri:
            return 400, "The redirect URI is not registered."
        parameters = {"state": query.get("state", "")}
        if not query.get("code_challenge") or not query.get("scope"):
            parameters["error"] = "invalid_request" if query.get("scope") else "invalid_scope"
        else:
            parameters["code"] = secrets.token_urlsafe(24)
            self.codes[parameters["code"]] = query["code_challenge"]
        return 302, f"{self.client.redirect_uri}?{urlencode(parameters)}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return a status and the content of the JSON response."""
        is_registered = form.get("client_id") == self.client.client_id
        if not is_registered or Secret(form.get("client_secret", "")) != self.client.client_secret:
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "authorization_code":
            expected = self.codes.pop(form.get("code", ""), None)
            if expected is None or challenge_of(Secret(form.get("code_verifier", ""))) != expected:
                return 400, {"error": "invalid_grant"}
        elif form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type"}
        elif not secrets.compare_digest(form.get("refresh_token", ""), self.refresh):
            return 400, {"error": "invalid_grant"}
        access_token = secrets.token_urlsafe(24)
        self.access.add(access_token)
        content: dict[str, Any] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_LIFETIME,
        }
        if form["grant_type"] == "authorization_code":
            content |= {"refresh_token": self.refresh, "scope": "read"}
        return 200, content

    def read(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Respond to an API call: ``/api/me`` takes a bearer token, ``/basic/me`` a user name and password."""
        scheme, _, credentials = authorization.partition(" ")
        if path == "/api/me" and scheme == "Bearer" and credentials in self.access:
            return 200, {"login": "kim@elsewhere.example", "signed_in_with": "a bearer token"}
        expected = base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()
        if path == "/basic/me" and scheme == "Basic" and secrets.compare_digest(credentials, expected):
            return 200, {"login": self.user, "signed_in_with": "a user name and password"}
        return 401, {"error": "invalid_token" if authorization else "no_credentials"}

    def challenge(self, path: str, authorization: str) -> str:
        """Return the header ``WWW-Authenticate`` for a refused call (RFC 6750 3, RFC 7617 2)."""
        if path.startswith("/basic"):
            return 'Basic realm="Elsewhere", charset="UTF-8"'
        # Without a token, the server only names the scheme; with one, it says what is wrong with it.
        return 'Bearer realm="Elsewhere"' + (', error="invalid_token"' if authorization else "")


def _handler(elsewhere: Elsewhere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Log nothing, to keep the notebook's output readable."""

        def _send(
            self, status: int, content: dict[str, Any] | str, header: tuple[str, str] | None = None
        ) -> None:
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            if header:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                query = {name: values[-1] for name, values in parse_qs(url.query).items()}
                status, url_or_message = elsewhere.authorize(query)
                if status == 302:
                    self._send(status, "", ("Location", url_or_message))
                else:
                    self._send(status, url_or_message)
            else:
                authorization = self.headers.get("Authorization", "")
                status, content = elsewhere.read(url.path, authorization)
                challenge = ("WWW-Authenticate", elsewhere.challenge(url.path, authorization))
                self._send(status, content, challenge if status == 401 else None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[-1] for name, values in parse_qs(body).items()}
            if self.path == "/token":
                self._send(*elsewhere.token(form))
            else:
                self._send(404, {"error": "not_found"})

    return Handler


def elsewhere() -> Elsewhere:
    """Start a second OAuth2 server for this notebook; see :class:`Elsewhere`."""
    return Elsewhere()
