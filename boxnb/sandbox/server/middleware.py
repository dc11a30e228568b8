"""The outermost layer of the server: host check, path prefix, Date and request-id headers, record, faults."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from .answer_log import Exchanges
from .context import MAX_FORM_FIELDS, Context, refusal
from .errors import ApiError, client_error
from .faults import Fault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SECRET_NAMES = {
    "client_secret",
    "code",
    "access_token",
    "refresh_token",
    "token",
    "password",
    "csrf",
    "code_verifier",
    "assertion",
    "subject_token",
    "actor_token",
    "state",
    "channel",
}
MAX_BODY, MAX_CONTENT = 1_000_000, 512_000_000
"""The largest bodies that the sandbox reads, in bytes: `MAX_CONTENT` for file content, `MAX_BODY` for forms and JSON."""
MAX_RECORDED = 1000
"""The record truncates each value to this many characters."""
NOT_BOX = ("/_sandbox", "/jamf/", "/uem/", "/keyed/")
"""The paths of the control surface and of the other practice servers."""
TRANSPORTS: dict[tuple[str, int], asyncio.Transport] = {}
REFUSALS = {
    "429": ("rate_limit_exceeded", "Request rate limit exceeded, please try again later"),
    "500": ("internal_server_error", "Internal Server Error"),
    "503": ("unavailable", "Unavailable"),
}
PROXY_PAGE = (
    "<html><head><title>Web gateway</title></head><body><h1>Please sign in to the network</h1></body></html>"
)


def fingerprint(value: str) -> str:
    """Return the fingerprint of a secret."""
    return f"<secret {hashlib.sha256(value.encode()).hexdigest()[:4]}>" if value else ""


def redacted_fields(text: str) -> dict[str, str]:
    """Return the fields of a query or a form, with fingerprints instead of secrets."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return {"": f"(more than {MAX_FORM_FIELDS} fields)"}
    return {
        name[:MAX_RECORDED]: fingerprint(value) if name in SECRET_NAMES else value[:MAX_RECORDED]
        for name, value in pairs
    }


def limit_body(path: str, headers: dict[str, str], receive: Receive) -> Receive:
    """Return a `receive` that raises 413 once the body exceeds the limit.

    If the declared length exceeds the limit, raise 413 before anything is read. The limit is higher on the upload host,
    which accepts file content and checks the token before it reads the body.
    """
    limit = MAX_CONTENT if path.startswith("/api/2.0/") else MAX_BODY
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise too_long(path)
        return message

    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > limit:
        raise too_long(path)
    return receive_limited


def too_long(path: str) -> ApiError:
    """Build a 413; the rest of the body is not read."""
    return refusal(path, 413, "The body is too long")


def without_signature(path: str) -> str:
    """Return a download's path with a fingerprint instead of its signature.

    Whoever knows the signature can download the file for 15 minutes.
    """
    if not path.startswith("/dl/"):
        return path
    head, _, signature = path.rpartition("/")
    return f"{head}/{fingerprint(signature)}"


def canonical_path(path: str) -> str:
    """Return the path as Box's API description writes it, however the client wrote it.

    The token endpoints used to be below ``/api``, where the authorization page still is (box-facts 1.1), and rclone
    calls ``/files/content/``. The sandbox assumes that Box accepts a trailing slash on every path.
    """
    if path in ("/api/oauth2/token", "/api/oauth2/revoke"):
        return path.removeprefix("/api")
    api = path.startswith(("/2.0/", "/api/2.0/")) and not path.endswith("//")
    return path.removesuffix("/") if api else path


def reset(client: tuple[str, int] | None) -> None:
    """Reset the TCP connection."""
    transport = TRANSPORTS.get(client) if client else None
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        )
    transport.abort()


class Front:
    """An ASGI wrapper around the application."""

    def __init__(self, app: App, context: Context) -> None:
        self.app, self.context = app, context
        self.exchanges = Exchanges.from_environment()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = self.context
        context.activity = time.monotonic()
        started = time.perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = self.strip_prefix(scope)
        try:
            receive = limit_body(path, headers, receive)
            body, receive = await self.read(headers, receive)
        except ApiError as error:
            await error.response(scope, receive, send)
            return
        entry: dict[str, Any] = {
            "time": context.clock.now(),
            "method": scope["method"],
            "path": without_signature(path)[:MAX_RECORDED],
            "query": redacted_fields(scope["query_string"].decode("latin-1")),
            "status": None,
            "ms": 0.0,
            "bytes": 0,
            "token": fingerprint(headers.get("authorization", "").partition(" ")[2]),
            "as_user": headers.get("as-user", "")[:MAX_RECORDED] or None,
            "user_agent": headers.get("user-agent", "")[:MAX_RECORDED] or None,
            "fault": None,
        }
        if body is not None:
            entry["form"] = redacted_fields(body)

        sent: list[Message] = []

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                extra = [(b"date", context.clock.date_header())]
                if not path.startswith(NOT_BOX):
                    extra.append((b"box-request-id", secrets.token_hex(16).encode()))
                message["headers"] = [*message.get("headers", []), *extra]
            else:
                entry["bytes"] += len(message.get("body", b""))
            if self.exchanges is not None:
                sent.append(message)
            await send(message)

        control = path.startswith("/_sandbox/")
        try:
            if not self.host_ok(headers.get("host", "")):
                response = PlainTextResponse("boxnb sandbox: this host name is not allowed\n", 421)
                await response(scope, receive, send_on)
                sent.clear()  # Box does not send this response
                return
            fault = None if control else context.faults.take(scope["method"], path)
            if fault is None:
                await self.app(scope, receive, send_on)
            else:
                entry["fault"] = fault.kind
                await self.respond_with_fault(fault, scope, receive, send_on)
        finally:
            entry["ms"] = round((time.perf_counter() - started) * 1000, 2)
            entry["user"] = scope.get("boxnb.user")
            if not control:
                context.record.append(entry)
            if self.exchanges is not None and not scope.get("boxnb.disconnected"):
                self.exchanges.write(entry["method"], path, entry["fault"], sent)

    def strip_prefix(self, scope: MutableMapping[str, Any]) -> str:
        """Return the canonical path without the proxy's prefix, and set it in `scope`.

        A path without the prefix is accepted too, because some proxies remove it before they forward a request.
        """
        path: str = scope["path"]
        prefix = self.context.prefix
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
        path = canonical_path(path)
        if path != scope["path"]:
            scope["path"] = path
            scope["raw_path"] = path.encode()
        return path

    async def read(self, headers: dict[str, str], receive: Receive) -> tuple[str | None, Receive]:
        """Return a form's body for the record (None for other content), and a `receive` that replays the body."""
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return None, receive
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                break
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"".join(parts)
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if not replayed:
                replayed = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        return body.decode("utf-8", "replace"), replay

    def host_ok(self, host: str) -> bool:
        """Return whether the host name is this computer's or an allowed one.

        Without this check, a web page could reach the sandbox under the page's own host name (DNS rebinding).
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self.context.hosts

    async def respond_with_fault(
        self, fault: Fault, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        """Send the response that the fault requires."""
        client = scope.get("client")
        kind = fault.kind
        replacement = self.replacement(fault, scope["path"])
        if replacement is not None:
            await replacement(scope, receive, send)
        elif kind == "reset_before":
            reset(client)
        elif kind in ("reset_after", "lost_token"):
            await self.collect(scope, receive)
            reset(client)
        elif kind == "latency":
            await asyncio.sleep(fault.seconds)
            await self.app(scope, receive, send)
        else:
            start, body = await self.collect(scope, receive)
            await self.send_mangled(fault, start, body, send)

    async def send_mangled(self, fault: Fault, start: Message, body: bytes, send: Send) -> None:
        """Send the real response, but truncated, with the wrong content type, or slowly."""
        if fault.kind == "content_type":
            other_headers = [
                (name, value) for name, value in start["headers"] if name.lower() != b"content-type"
            ]
            start["headers"] = [*other_headers, (b"content-type", b"text/plain; charset=utf-8")]
        await send(start)
        if fault.kind == "truncated":
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            return
        if fault.kind == "drip":
            size = max(1, len(body) // 5)
            for position in range(0, len(body), size):
                await send(
                    {
                        "type": "http.response.body",
                        "body": body[position : position + size],
                        "more_body": True,
                    }
                )
                await asyncio.sleep(fault.seconds)
            body = b""
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def replacement(self, fault: Fault, path: str) -> Response | None:
        """Return the response that the fault sends in place of the application's, or None for other kinds of fault."""
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.kind == "202":
            return Response(status_code=202, headers={"Retry-After": "1", **headers})
        if fault.kind in REFUSALS:
            code, message = REFUSALS[fault.kind]
            # Box's API description has a different error format for these paths.
            if path.startswith("/oauth2/"):
                return JSONResponse({"error": code, "error_description": message}, int(fault.kind), headers)
            return client_error(int(fault.kind), code, message, headers=headers).response
        if fault.kind == "502":
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        if fault.kind == "conflict":
            return Response(status_code=409)
        if fault.kind == "html":
            return HTMLResponse(PROXY_PAGE)
        return None

    async def collect(self, scope: MutableMapping[str, Any], receive: Receive) -> tuple[Message, bytes]:
        """Run the application and return its response without sending it."""
        messages: list[Message] = []

        async def capture(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, capture)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return messages[0], body
