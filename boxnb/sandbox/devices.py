"""A practice device manager: an example of another API, with a user name and a password.

It runs in the process that starts it. Every third call gets a 503 with ``Retry-After``, as if the server were busy. It stays
for copies of the notebooks of 0.9; later ones use :meth:`boxnb.sandbox.Sandbox.other_servers`.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USERNAME = "reader"
OWNERS = (
    "layla.mourad@example.com",
    "dylan.fischer@example.com",
    "hugo.reyes@example.com",
    "gone.person@example.com",
)
MODELS = ("Phone 12", "Tablet 8", "Laptop 14")


def devices() -> list[dict[str, Any]]:
    """Return the made-up devices: number, model, owner, and whether the disk is encrypted."""
    return [
        {
            "id": number,
            "model": MODELS[number % 3],
            "userEmail": OWNERS[number % len(OWNERS)],
            "encrypted": number % 7 != 0,
        }
        for number in range(1, 61)
    ]


class Devices:
    """A running device manager: `.url`, `.username`, `.password`."""

    def __init__(self) -> None:
        self.username, self.password = USERNAME, secrets.token_urlsafe(18)
        self.statuses: list[int] = []
        server = self
        count = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            """Serve ``GET /api/devices?page=0&size=25``."""

            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # otherwise the body waits 40 ms for an ACK of the headers

            def do_GET(self) -> None:
                pair = f"{server.username}:{server.password}".encode()
                expected = "Basic " + base64.b64encode(pair).decode()
                url = urlsplit(self.path)
                if not hmac.compare_digest(self.headers.get("Authorization", ""), expected):
                    self.respond(
                        401, {"error": "unauthorized"}, **{"WWW-Authenticate": 'Basic realm="devices"'}
                    )
                elif next(count) % 3 == 0:
                    self.respond(503, {"error": "busy"}, **{"Retry-After": "0"})
                elif url.path == "/api/devices":
                    query = parse_qs(url.query)
                    page, size = (
                        int(query.get(name, [default])[0])
                        for name, default in (("page", "0"), ("size", "25"))
                    )
                    entries = devices()
                    self.respond(
                        200, {"totalCount": len(entries), "results": entries[page * size : (page + 1) * size]}
                    )
                else:
                    self.respond(404, {"error": "not found"})

            def respond(self, status: int, body: Any, **headers: str) -> None:
                """Send a JSON response."""
                server.statuses.append(status)
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Do not log: the server runs in the notebook's process."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api"

    def stop(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Devices:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


_running: list[Devices] = []


def start() -> Devices:
    """Return the device manager of this process, starting it if necessary."""
    if not _running:
        _running.append(Devices())
    return _running[0]
