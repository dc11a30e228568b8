"""Small servers on loopback, with or without TLS, that send what a test wants: HTTP responses, any bytes, or nothing."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reply = bytes | Callable[[socket.socket], object]


@contextmanager
def raw(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield the port of a server that reads a request, sends ``reply`` or calls it, and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=respond, args=(connection,), daemon=True).start()

    def respond(connection: socket.socket) -> None:
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            connection.recv(65536)
            if callable(reply):
                reply(connection)
            elif reply:
                connection.sendall(reply)
        except OSError:  # the client closed the connection first
            return
        finally:
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def reset(connection: socket.socket) -> None:
    """Make the server end the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def http(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> bytes:
    """Return an HTTP response. A body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Length": str(len(content)), "Connection": "close", **(headers or {})}
    if not isinstance(body, bytes):
        lines.setdefault("Content-Type", "application/json")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content
