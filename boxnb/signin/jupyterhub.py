"""The way back on a JupyterHub: jupyter-server-proxy passes the redirect on to the receiver beside the notebook.

*Not run on a real JupyterHub*: tried with jupyter-server-proxy 4.6 in front of the receiver. A hub's own access log may
record the address with the code, which is used up at once and worth nothing without the client secret.
"""

from __future__ import annotations

import importlib.util
import os
import zlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from boxnb.errors import BoxNotebookError
from boxnb.oauth.receiver import LOOPBACK, Receiver, can_listen, held

PORTS: Final = range(8930, 9930)  # one for each user of a hub whose notebooks share a computer


def _prefix() -> str:
    """Path of this user's server on the hub, ``/user/ada/``; empty elsewhere (JupyterHub sets it)."""
    given = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    return f"/{given.strip('/')}/proxy/" if given.strip("/") else ""


def offered(origin: str) -> str:
    """The redirect URI to register on a hub, for a browser that sees it at `origin`; empty where that cannot work.

    Box takes plain http on loopback only, and nothing gets through without jupyter-server-proxy.
    """
    parts, prefix = urlsplit(origin), _prefix()
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (prefix and secure and importlib.util.find_spec("jupyter_server_proxy")):
        return ""
    port = PORTS[zlib.crc32(prefix.encode()) % len(PORTS)]
    return f"{parts.scheme}://{parts.netloc}{prefix}{port}/callback"


def near_end(redirect_uri: str) -> str:
    """What an address of this hub's proxy leads to on the notebook's computer; empty for any other address."""
    try:
        parts, prefix = urlsplit(redirect_uri), _prefix()
    except ValueError:  # half an address, as it is while somebody types
        return ""
    port, _, path = parts.path.removeprefix(prefix).partition("/")
    if not (prefix and parts.path.startswith(prefix) and port.isdecimal() and 0 < int(port) < 65536):
        return ""
    return f"http://127.0.0.1:{port}/{path}"


def wait_at(
    redirect_uri: str, state: str, on_redirect: Callable[[str], None], seconds: float, server: str = "Box"
) -> Receiver | None:
    """A receiver for `redirect_uri`; None where nothing can listen, and the paste field does the work."""
    near = near_end(redirect_uri)
    if not near and not can_listen(redirect_uri):
        return None
    try:
        if near:  # the proxy's address names the port, so no other will do
            receiver = Receiver(
                state,
                near,
                on_redirect,
                [urlsplit(near).port or 0],
                behind=redirect_uri,
                seconds=seconds,
                server=server,
            )
        else:
            receiver = Receiver(state, redirect_uri, on_redirect, seconds=seconds, server=server)
        return receiver.start()
    except BoxNotebookError:
        return None


def taken_words(redirect_uri: str, listening: str) -> str:
    """Why the link is not offered: another process holds the port that this hub's address leads to; else empty.

    It would get the code and the state, and shows the browser whatever it likes.
    """
    near = near_end(redirect_uri)
    if not near or listening or not held(port := urlsplit(near).port or 0):
        return ""
    return (
        f"Another process, perhaps another user's, has port {port} on the notebook's computer and would receive Box's "
        "answer. The link is not offered. Register a redirect URI with another port, or try again when this one is free."
    )


def listens_at(receiver: Receiver | None) -> str:
    """Where an answer is waited for; nowhere once the receiver has closed by itself."""
    return receiver.redirect_uri if receiver is not None and receiver.listening else ""
