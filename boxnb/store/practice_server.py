"""The shared sandbox, as the server of the profile ``sandbox``: start it if it has stopped, and update the profile's URLs."""

from __future__ import annotations

import dataclasses
import socket
from typing import Any
from urllib.parse import urlsplit

from ..local import home_folder
from ..oauth import Client, Server
from ..secret import Secret
from .files import SANDBOX, change, load
from .profile import Profile

APPS = {SANDBOX: "practice", "sandbox-governance": "governance"}
"""The profiles that sign in by themselves, and the sandbox's ready-made app of each. ``sandbox-governance`` can read retention
policies, and the content of the whole company; its app writes only on behalf of other users.
"""


def is_practice(profile: object) -> bool:
    """Return whether this is the name of a profile in `APPS`. Anything that is not a string is not one."""
    return isinstance(profile, str) and profile in APPS


def server_of(running: Any) -> Server:
    """Return the name and URLs of a running sandbox."""
    fields: dict[str, Any] = running.server()
    return Server(**fields)


def practice_client(profile: str = SANDBOX) -> Client:
    """Start the shared sandbox if it is not running, and return the ready-made app of a profile in `APPS`.

    Raises
    ------
    SandboxError, TokenStoreError
        The sandbox does not start, or its folder cannot be written.
    """
    from .. import sandbox

    running = sandbox.start()
    app = running.practice_client(APPS[profile])
    return Client(app["client_id"], Secret(app["client_secret"]), app["redirect_uri"], server_of(running))


def load_awake(name: str) -> Profile | None:
    """Return a saved profile as :func:`boxnb.store.load` does, after starting the sandbox if this is its profile.

    The sandbox stops after some hours without a request. It restarts with the same data, so a saved sign-in still works.
    """
    saved = load(name)
    if saved is None or not is_practice(name) or home_folder.elsewhere.get() or not _has_stopped(saved):
        return saved
    client = practice_client(name)

    def with_client(current: Profile | None) -> Profile | None:
        if current is None or current.client.server == client.server:
            return None
        return dataclasses.replace(current, client=client)

    return change(name, with_client)


def _has_stopped(saved: Profile) -> bool:
    """Return whether the profile is that of a sandbox on this computer, and nothing accepts connections there."""
    address = urlsplit(saved.client.server.api_url)
    if saved.client.server.name != SANDBOX or address.hostname != "127.0.0.1" or not address.port:
        return False
    try:
        socket.create_connection(("127.0.0.1", address.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # whoever calls the server reports what is wrong
        return False
    return False
