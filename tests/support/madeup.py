"""A made-up Box server on loopback, for tests that need responses that the sandbox never sends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boxnb
from boxnb import oauth, store
from boxnb.secret import Secret

Answer = Callable[[str, dict[str, str]], Any]
"""A function that takes an API path and its query, and returns a body (bytes, or a value for JSON) or a status and a body."""


@contextmanager
def made_up(answer: Answer) -> Iterator[boxnb.Box]:
    """Yield a Box that is signed in to a server that sends what ``answer`` returns. ``None`` becomes a 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise the body waits 40 ms for an ACK of the headers

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            reply = answer(parts.path.removeprefix("/2.0"), query)
            if reply is None:
                reply = 404, {"type": "error", "status": 404, "code": "not_found", "message": "Not Found"}
            status, body = reply if isinstance(reply, tuple) else (200, reply)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    names = ("authorize", "oauth2/token", "oauth2/revoke", "2.0", "api/2.0")
    box_server = oauth.Server("Box", *(f"{url}/{name}" for name in names))
    client = oauth.Client("cid", Secret("csecret"), "http://127.0.0.1:8917/callback", box_server)
    token = oauth.Token(Secret("at"), Secret("rt"), time.time(), 3600)
    store.save(store.Profile("made-up", client, token))
    box = boxnb.connect("made-up")
    try:
        yield box
    finally:
        box.session.close()
        server.shutdown()
        server.server_close()
