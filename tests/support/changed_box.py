"""A server between a client and a sandbox that changes responses: a Box that differs from what boxnb expects."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from signing import sign_in

from boxnb import oauth, store
from boxnb.sandbox import Sandbox

HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "keep-alive"}


@dataclass
class Exchange:
    """One response on its way to the client, which a change edits in place. ``doc`` is its decoded JSON, or None."""

    method: str
    path: str
    query: dict[str, str]
    sent: dict[str, str]
    form: dict[str, str]
    status: int
    headers: dict[str, str]
    body: bytes
    doc: Any = None

    def is_read_of(self, *paths: str) -> bool:
        """Return whether it is a successful response of one of these paths of the API, with ``*`` for ids."""
        return self.status == 200 and self.matches(*paths)

    def matches(self, *paths: str) -> bool:
        """Return whether the path is one of these, with ``*`` for ids."""
        parts = self.path.removeprefix("/2.0").split("/")
        return any(
            len(parts) == len(pattern.split("/"))
            and all(want in ("*", part) for want, part in zip(pattern.split("/"), parts, strict=True))
            for pattern in paths
        )

    @property
    def entries(self) -> list[Any]:
        """The entries of a listing; empty if there are none."""
        return self.doc.get("entries", []) if isinstance(self.doc, dict) else []


Change = Callable[[Exchange], None]


@dataclass
class ChangedBox:
    """A running server. ``calls`` are the requests that it received: method, path and status."""

    url: str
    change: Change = lambda exchange: None
    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def sign_in(self, sandbox: Sandbox, profile: str = "acme", *, login: str | None = None) -> None:
        """Sign in to the sandbox, and save a profile whose calls go through this server."""
        saved = sign_in(sandbox, profile, login=login)
        server = saved.client.server
        moved = oauth.Server(
            name="Box",
            authorize_url=server.authorize_url,
            token_url=f"{self.url}/oauth2/token",
            revoke_url=f"{self.url}/oauth2/revoke",
            api_url=f"{self.url}/2.0",
            upload_url=f"{self.url}/api/2.0",
        )
        client = dataclasses.replace(saved.client, server=moved)
        store.save(dataclasses.replace(saved, client=client))


@contextmanager
def changed(sandbox: Sandbox) -> Iterator[ChangedBox]:
    """Run a server in front of a sandbox. Its attribute `change` may be set at any time."""
    forward = requests.Session()
    forward.trust_env = False

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815  the names of http.server

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            sent = {name.lower(): value for name, value in self.headers.items()}
            headers = {name: value for name, value in sent.items() if name not in HOP}
            response = forward.request(
                self.command,
                sandbox.url + self.path,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=30,
            )
            parts = urlsplit(self.path)
            exchange = Exchange(
                self.command,
                parts.path,
                {name: values[0] for name, values in parse_qs(parts.query).items()},
                sent,
                {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()},
                response.status_code,
                {name.lower(): value for name, value in response.headers.items() if name.lower() not in HOP},
                response.content,
            )
            try:
                exchange.doc = json.loads(exchange.body)
            except ValueError:
                exchange.doc = None
            before = json.dumps(exchange.doc)
            box.change(exchange)
            if json.dumps(exchange.doc) != before:
                exchange.body = json.dumps(exchange.doc).encode()
            box.calls.append((self.command, parts.path, exchange.status))
            self.send_response_only(exchange.status)
            for name, value in exchange.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(exchange.body)))
            self.end_headers()
            self.wfile.write(exchange.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    box = ChangedBox(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        forward.close()
