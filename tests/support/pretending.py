"""A small server on loopback that behaves like Box, except that a test can replace any response."""

from __future__ import annotations

import hashlib
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
from boxnb.oauth.token import Token
from boxnb.secret import Secret

Answer = tuple[int, dict[str, str], Any]
PAGE: Answer = (200, {"Content-Type": "text/html"}, b"<html><body>Please sign in to the proxy</body></html>")


class Pretender:
    """Files and folders in memory. A response that a test returns from ``first`` replaces the usual one."""

    def __init__(self) -> None:
        self.first: Callable[[str, str, dict[str, str], dict[str, str], bytes], Answer | None] = lambda *_: (
            None
        )
        self.same: Callable[[str], str] = str.lower
        self.items: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._lock = threading.Lock()

    def add(self, name: Any, data: bytes, parent: str = "0", kind: str = "file", **other: Any) -> str:
        """Add an item with this content and return its ID. ``other`` adds or replaces fields of the item."""
        number = str(100 + len(self.items))
        self.items[number] = {
            "type": kind,
            "id": number,
            "name": name,
            "size": len(data),
            "sha1": hashlib.sha1(data).hexdigest(),
            "parent": {"id": parent, "type": "folder"},
            **other,
        }
        self.bytes[number] = data
        return number

    def names(self, parent: str) -> dict[str, bytes]:
        """Return the name and content of each item in a folder."""
        return {
            item["name"]: self.bytes[item_id]
            for item_id, item in self.items.items()
            if item["parent"]["id"] == parent
        }

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Answer:
        with self._lock:
            self.calls.append((method, path))
            self.headers.append(headers)
        response = self.first(method, path, query, headers, body)
        if response is not None:
            return response
        with self._lock:
            return self._usual(method, path, headers, body)

    def _usual(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = path.strip("/").split("/")
        if parts[0] == "dl":
            return self._bytes(parts[1], headers)
        if method == "OPTIONS":
            request = json.loads(body)
            return self._conflict(request["parent"]["id"], request["name"]) or (200, {}, {})
        if method == "POST" and path.endswith("/files/content"):
            attributes, data = _form(headers, body)
            parent = attributes["parent"]["id"]
            return self._conflict(parent, attributes["name"]) or self._created(
                self.add(attributes["name"], data, parent), attributes
            )
        if method == "POST" and path.endswith("/content"):
            attributes, data = _form(headers, body)
            item = self.items[parts[-2]]
            item.update(name=attributes["name"], size=len(data), sha1=hashlib.sha1(data).hexdigest())
            self.bytes[parts[-2]] = data
            return self._created(parts[-2], attributes)
        if method == "POST" and path.endswith("/folders"):
            request = json.loads(body)
            conflict = self._conflict(request["parent"]["id"], request["name"])
            if conflict is not None:
                conflict[2]["context_info"]["conflicts"] = [conflict[2]["context_info"]["conflicts"]]
                return conflict
            return 201, {}, self.items[self.add(request["name"], b"", request["parent"]["id"], "folder")]
        if path.endswith("/items"):
            items = [item for item in self.items.values() if item["parent"]["id"] == parts[-2]]
            return 200, {}, {"entries": items, "limit": 1000, "next_marker": None}
        if path.endswith("/content") and parts[-2] in self.items:
            return 302, {"Location": f"{self.url}/dl/{parts[-2]}"}, b""
        if parts[-1] in self.items:
            return 200, {}, self.items[parts[-1]]
        return 404, {}, {"type": "error", "status": 404, "code": "not_found", "message": "Not Found"}

    def _conflict(self, parent: str, name: str) -> Answer | None:
        """Return a 409 response if another item in the folder has this name, or ``None`` if the name is free."""
        for item in self.items.values():
            if item["parent"]["id"] == parent and self.same(item["name"]) == self.same(name):
                error = {
                    "type": "error",
                    "status": 409,
                    "code": "item_name_in_use",
                    "context_info": {"conflicts": item},
                }
                return 409, {}, error
        return None

    def _created(self, number: str, attributes: dict[str, Any]) -> Answer:
        self.items[number]["content_modified_at"] = attributes.get("content_modified_at")
        return 201, {}, {"entries": [self.items[number]]}

    def _bytes(self, number: str, headers: dict[str, str]) -> Answer:
        data = self.bytes.get(number, b"")
        first, _, last = headers.get("Range", f"bytes=0-{len(data)}").removeprefix("bytes=").partition("-")
        if int(first) >= len(data):
            return 416, {}, b""
        content = data[int(first) : int(last) + 1]
        return 206, {"Content-Range": f"bytes {first}-{int(first) + len(content) - 1}/{len(data)}"}, content


def _form(headers: dict[str, str], body: bytes) -> tuple[dict[str, Any], bytes]:
    boundary = b"--" + headers["Content-Type"].partition("boundary=")[2].encode()
    first, second = body.split(boundary)[1:3]
    return json.loads(first.partition(b"\r\n\r\n")[2]), second.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@contextmanager
def pretending() -> Iterator[tuple[Pretender, boxnb.Box]]:
    """Start a server. Yield the server, and a Box that is signed in to it."""
    pretender = Pretender()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise the body waits 40 ms for an ACK of the headers

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status, headers, content = pretender.answer(
                self.command, parts.path, query, dict(self.headers), body
            )
            if not isinstance(content, bytes):
                content, headers = (
                    json.dumps(content).encode(),
                    {"Content-Type": "application/json", **headers},
                )
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    pretender.url = url = f"http://127.0.0.1:{server.server_port}"
    box_server = oauth.Server(
        "Box", f"{url}/authorize", f"{url}/token", f"{url}/revoke", f"{url}/2.0", f"{url}/api/2.0"
    )
    client = oauth.Client("id", Secret("app-secret"), "http://127.0.0.1/callback", box_server)
    store.save(store.Profile("pretended", client, Token(Secret("at"), Secret("rt"), time.time(), 3600)))
    try:
        yield pretender, boxnb.connect("pretended")
    finally:
        server.shutdown()
        server.server_close()
