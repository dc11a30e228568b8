"""Decide how the redirect arrives: at a receiver on loopback, through a JupyterHub's proxy, or pasted by the user.

On a hub, jupyter-server-proxy forwards the redirect to the receiver on the notebook's computer.

*Not run on a real JupyterHub*: tested with jupyter-server-proxy 4.6 in front of the receiver. The hub's access log may
record the URL with the code. boxnb exchanges the code immediately, and the code is worthless without the client secret.
"""

from __future__ import annotations

import importlib.util
import os
import zlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from boxnb.errors import BoxNotebookError
from boxnb.oauth.receiver import LOOPBACK, Receiver, can_listen, port_in_use
from boxnb.signin import messages

# Users of a hub may share a computer, so each gets one of these ports.
PORTS: Final = range(8930, 9930)


def _proxy_path() -> str:
    """Return the path of this user's proxy, such as ``/user/ada/proxy/``, or an empty string outside a JupyterHub."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    return f"/{prefix.strip('/')}/proxy/" if prefix.strip("/") else ""


def proxied_redirect_uri(origin: str) -> str:
    """Return the redirect URI to register on a hub that the browser sees at `origin`, or an empty string.

    The string is empty if a redirect would not work: Box accepts plain http only on loopback, and a hub forwards a redirect
    only if jupyter-server-proxy is installed.
    """
    parts, proxy_path = urlsplit(origin), _proxy_path()
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (proxy_path and secure and importlib.util.find_spec("jupyter_server_proxy")):
        return ""
    port = PORTS[zlib.crc32(proxy_path.encode()) % len(PORTS)]
    return f"{parts.scheme}://{parts.netloc}{proxy_path}{port}/callback"


def local_url(redirect_uri: str) -> str:
    """Return the local URL that this hub's proxy forwards a redirect URI to, or an empty string for any other URI."""
    try:
        parts, proxy_path = urlsplit(redirect_uri), _proxy_path()
    except ValueError:  # an incomplete URL, while the user is typing
        return ""
    port, _, path = parts.path.removeprefix(proxy_path).partition("/")
    proxied = bool(proxy_path) and parts.path.startswith(proxy_path)
    if not (proxied and port.isdecimal() and 0 < int(port) < 65536):
        return ""
    return f"http://127.0.0.1:{port}/{path}"


def wait_at(
    redirect_uri: str, state: str, on_redirect: Callable[[str], None], seconds: float, server: str = "Box"
) -> Receiver | None:
    """Return a listening receiver, or None if nothing can listen at `redirect_uri`, so the user has to paste the redirect."""
    local = local_url(redirect_uri)
    if not local and not can_listen(redirect_uri):
        return None
    try:
        if local:  # the proxy's URL contains the port, so the receiver cannot use another
            receiver = Receiver(
                state,
                local,
                on_redirect,
                [urlsplit(local).port or 0],
                behind=redirect_uri,
                seconds=seconds,
                server=server,
            )
        else:
            receiver = Receiver(state, redirect_uri, on_redirect, seconds=seconds, server=server)
        return receiver.start()
    except BoxNotebookError:
        return None


def port_taken_warning(redirect_uri: str, listening: str) -> str:
    """Return a warning if another process is using the port that this hub forwards to, else an empty string.

    That process would receive the code and the state, and could show the browser any page.
    """
    local = local_url(redirect_uri)
    if not local or listening or not port_in_use(port := urlsplit(local).port or 0):
        return ""
    return messages.port_taken(port)


def listening_url(receiver: Receiver | None) -> str:
    """Return the URL a receiver listens at, or an empty string if it has closed."""
    return receiver.redirect_uri if receiver is not None and receiver.listening else ""
