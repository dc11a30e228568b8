"""Catch the authorization code on the loopback interface (RFC 8252 section 7.3).

A small HTTP server runs in its own thread, so it responds while a notebook cell blocks. It accepts one redirect per
request, checks `state` before it responds, and redirects the browser to a page whose URL does not contain the code.
It does not write a log, because a request line would contain the code.
"""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from boxnb.errors import SignInError
from boxnb.oauth.landing_pages import landing_page

LOOPBACK: Final = ("127.0.0.1", "localhost")
NEIGHBOURS: Final = 10  # ports to try after a busy one, before taking any free port

# Pages with a URL of their own, to which the browser is redirected.
_WITH_OWN_URL: Final = ("granted", "denied", "failed", "unproved", "wrong-state")


def can_listen(redirect_uri: str) -> bool:
    """Return whether `redirect_uri` is plain http on the loopback interface, where a receiver can listen."""
    try:
        parts = urlsplit(redirect_uri)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and (parts.port or 1) > 0
    except ValueError:  # an incomplete URL, or a port out of range
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Otherwise the port of a sign-in that has just ended stays in use for a minute.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")
    request_queue_size = 8

    def server_bind(self) -> None:
        """Bind exclusively. Otherwise Windows lets another program bind the same port and receive the redirect."""
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing. A browser may simply close the connection, and a traceback could contain the code."""


class _Server6(_Server):
    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Bind ::1 only. 127.0.0.1 has its own server."""
        if hasattr(socket, "IPV6_V6ONLY"):
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class Receiver:
    """A server that waits for the redirect of one authorization request.

    It listens on 127.0.0.1, and for `localhost` also on ::1.

    Parameters
    ----------
    state
        The state of the request. If a redirect has a different state, a page reports the mismatch.
    redirect_uri
        The registered URI, plain http on 127.0.0.1 or localhost. Its port is tried first, then the ports after it, then
        any free one, because Box ignores the port when it matches a loopback URI.
    on_redirect
        Called in the receiver's thread with the whole redirect URL. Do not log the URL, because it contains the code. It
        is called once for the expected redirect, and for each redirect with a wrong state, or with an error but no
        state, so that it can be reported.
    ports
        Other ports to try, in this order.
    seconds
        How long the receiver listens.
    behind
        The registered URI if a proxy is in front of the receiver. `redirect_uri` is then where the proxy forwards to.
    server
        The name of the authorization server, for the pages.

    Raises
    ------
    SignInError
        `redirect_uri` is not on the loopback interface.
    """

    def __init__(
        self,
        state: str,
        redirect_uri: str,
        on_redirect: Callable[[str], None],
        ports: Iterable[int] | None = None,
        *,
        seconds: float = 900,
        behind: str = "",
        server: str = "Box",
    ) -> None:
        if not can_listen(redirect_uri):
            raise SignInError(f"boxnb cannot listen at {redirect_uri}. Paste the address instead.")
        self._state = state
        self._parts = urlsplit(redirect_uri)
        self._on_redirect = on_redirect
        first = self._parts.port
        default_ports = (*range(first, first + NEIGHBOURS), 0) if first else (0, 0, 0)
        self._ports = default_ports if ports is None else tuple(ports)
        self._registered = behind or redirect_uri
        self._behind = behind
        self._seconds = seconds
        self._server_name = server
        self._used = False
        self._last_page_sent = threading.Event()
        self._port = 0
        self._guard = threading.Lock()
        self._server: _Server | None = None
        self._ipv6_server: _Server | None = None  # the same port on ::1
        self._timer: threading.Timer | None = None

    def __repr__(self) -> str:
        return f"<Receiver {'listening on ' + self.redirect_uri if self._server else 'closed'}>"

    @property
    def listening(self) -> bool:
        """Whether the receiver is listening. It closes itself after `seconds`."""
        return self._server is not None

    @property
    def redirect_uri(self) -> str:
        """The URI to send in the authorization request: the registered one with the port that the receiver got."""
        if self._behind:
            return self._behind
        if self._server is None:
            return urlunsplit(self._parts)
        return urlunsplit(self._parts._replace(netloc=f"{self._parts.hostname}:{self._port}"))

    def waits_for(self, registered: str) -> bool:
        """Return whether the receiver is listening for redirects to this registered URI."""
        return self.listening and self._registered == registered

    def start(self) -> Receiver:
        """Bind the first free port and respond to requests in a thread. Raise `SignInError` if no port is free."""
        for port in self._ports:
            if port and _is_listening(port):  # a server on another address family would share the port
                continue
            try:
                self._bind(port)
            except (OSError, OverflowError):
                continue
            break
        if self._server is None:
            raise SignInError(
                "There is no free port on 127.0.0.1. Paste the address of the last page instead."
            )
        for server in filter(None, (self._server, self._ipv6_server)):
            serve = server.serve_forever
            threading.Thread(target=serve, args=(0.1,), name="boxnb-receiver", daemon=True).start()
        self.close_soon(self._seconds)
        return self

    def _bind(self, port: int) -> None:
        """Bind a port, also on ::1 if needed: for `localhost`, browsers and a hub's proxy try that address first."""
        server = _Server(("127.0.0.1", port), self._handler())
        ipv6_server = None
        if (self._behind or self._parts.hostname == "localhost") and _has_ipv6():
            try:
                ipv6_server = _Server6(("::1", server.server_port), self._handler())
            except BaseException:
                server.server_close()
                raise
        self._server, self._ipv6_server, self._port = server, ipv6_server, server.server_port

    def close(self) -> None:
        """Stop listening. This is safe to call twice, and from any thread except the handler's own."""
        with self._guard:
            servers = [server for server in (self._server, self._ipv6_server) if server is not None]
            self._server = self._ipv6_server = None
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        for server in servers:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, state: str) -> None:
        """Wait for the redirect of the next request, on the same port."""
        with self._guard:
            self._state, self._used = state, False
            self._last_page_sent.clear()

    def wait_for_browser(self, seconds: float) -> None:
        """Wait until the browser has loaded the page after a caught redirect, for at most ``seconds``."""
        if self._used and self.listening:
            self._last_page_sent.wait(seconds)

    def close_soon(self, seconds: float = 20) -> None:
        """Close after `seconds`, when the browser has had time to fetch its last page."""
        with self._guard:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(seconds, self.close)
            self._timer.daemon = True
            self._timer.start()

    def _page_for(self, query: str) -> str:
        """Return the name of the page to show for a redirect. Mark the request as used if the redirect belongs to it."""
        values = parse_qs(query, keep_blank_values=True)
        states = values.get("state", [])
        if not states and values.get("error") and not values.get("code"):
            return "unproved"  # Box omits the state if the enterprise does not allow the app
        if len(states) != 1 or not hmac.compare_digest(states[0].encode(), self._state.encode()):
            return "wrong-state"
        if not values.get("code") and not values.get("error"):
            return "not-found"
        with self._guard:
            if self._used:
                return "used"
            self._used = True
        if not values.get("error"):
            return "granted"
        return "denied" if values["error"][-1] == "access_denied" else "failed"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self
        path = self._parts.path or "/"
        base = path.rstrip("/")
        last_segment = path.rpartition("/")[2]  # a relative URL works behind any proxy

        class Handler(BaseHTTPRequestHandler):
            server_version = "boxnb"
            sys_version = ""
            timeout = 10

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if not self._host_is_ours():
                    self._page(403, "refused")
                elif parts.path == path and parts.query:
                    # Read the port before anything can close the receiver, which then no longer has one.
                    redirect_url = f"{receiver.redirect_uri.split('?')[0]}?{parts.query}"
                    page = receiver._page_for(parts.query)
                    if page in _WITH_OWN_URL:
                        self._send(303, b"", {"Location": f"{last_segment}/{page}".lstrip("/")})
                        receiver._on_redirect(redirect_url)
                    else:
                        self._page(409 if page == "used" else 404, page)
                elif parts.path in {f"{base}/{page}" for page in _WITH_OWN_URL}:
                    self._page(200, parts.path.rpartition("/")[2])
                    receiver._last_page_sent.set()
                else:
                    self._page(404, "not-found")

            def _refuse(self) -> None:
                self.close_connection = True
                self._page(405, "refused", {"Allow": "GET"})

            do_POST = do_PUT = do_HEAD = do_DELETE = do_OPTIONS = do_PATCH = _refuse  # noqa: N815 - http.server's names

            def _host_is_ours(self) -> bool:
                """Return whether the Host header is this receiver's, not a name that resolves to it (DNS rebinding)."""
                names = {f"{name}:{receiver._port}" for name in LOOPBACK}
                if receiver._behind:
                    names.add(urlsplit(receiver._behind).netloc)
                return self.headers.get("Host", "") in names

            def _page(self, status: int, name: str, headers: dict[str, str] | None = None) -> None:
                self._send(status, landing_page(name, receiver._server_name), headers)

            def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response_only(status)
                fixed = {
                    "Content-Type": "text/html; charset=utf-8",
                    "Content-Length": str(len(body)),
                    "Cache-Control": "no-store",
                    "Referrer-Policy": "no-referrer",
                    "X-Content-Type-Options": "nosniff",
                    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                    "Connection": "close",
                }
                for name, value in {**fixed, **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                self.wfile.flush()
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Log nothing: the request line contains the code."""

        return Handler


def port_in_use(port: int) -> bool:
    """Return whether another process uses this port on 127.0.0.1 or ::1 and would receive what is sent to it."""
    if _is_listening(port):
        return True
    addresses = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    for family, host in addresses if _has_ipv6() else addresses[:1]:
        with socket.socket(family) as probe:
            # SO_REUSEADDR: a port that was just closed counts as free.
            exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
            probe.setsockopt(socket.SOL_SOCKET, exclusive, 1)
            try:
                probe.bind((host, port))
            except (OSError, OverflowError):
                return True
    return False


def _has_ipv6() -> bool:
    """Return whether this computer has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def _is_listening(port: int) -> bool:
    """Return whether a program is listening on this port on 127.0.0.1 or ::1. For localhost, a browser tries ::1 first."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(0.2)
                if probe.connect_ex((host, port)) == 0:
                    return True
        except OSError:  # this computer does not have the address family
            continue
    return False
