"""Start the shared sandbox if it is not running, and sign in to it as its admin."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from .. import oauth, store
from ..oauth import Client, Server
from ..secret import Secret
from .account import remember_account

PROFILE = "sandbox"
APPS = {PROFILE: "practice", "sandbox-governance": "governance"}
"""The profiles that sign in by themselves, and the sandbox's ready-made app of each. ``sandbox-governance`` can read retention
policies, and the content of the whole company; its app writes only on behalf of other users.
"""


def server_of(running: Any) -> Server:
    """Return the name and URLs of a running sandbox."""
    fields: dict[str, Any] = running.server()
    return Server(**fields)


def practice_client(profile: str = PROFILE) -> Client:
    """Start the shared sandbox if it is not running, and return the ready-made app of a profile in `APPS`."""
    from .. import sandbox

    running = sandbox.start()
    app = running.practice_client(APPS[profile])
    return Client(app["client_id"], Secret(app["client_secret"]), app["redirect_uri"], server_of(running))


def grant(link: str) -> str:
    """Grant access in the shared sandbox as its practice admin. Return the address of the redirect, which contains the code."""
    from .. import sandbox

    return sandbox.start().approve(link)


def ready(profile: str = PROFILE) -> None:
    """Make sure that the shared sandbox is running, that the profile has its URLs, and that a user is signed in."""
    client = practice_client(profile)

    def with_server(saved: store.Profile | None) -> store.Profile | None:
        if saved is None or saved.token is None or saved.client.server == client.server:
            return None
        # The sandbox restarted on another port, with the same data.
        return dataclasses.replace(saved, client=client)

    saved = store.change(profile, with_server)
    if saved is not None and saved.token is not None:
        return
    state = oauth.new_state()
    redirect = grant(oauth.authorization_url(client, state))
    token = oauth.exchange_code(client, oauth.parse_redirect(redirect, state=state))

    def with_token(saved: store.Profile | None) -> store.Profile:
        # A saved profile keeps its mail settings, licence and so on.
        earlier = saved or store.Profile(profile, client)
        skew = token.obtained_at - time.time()
        return dataclasses.replace(earlier, client=client, token=token, skew=skew, account=None)

    store.change(profile, with_token)
    account = remember_account(profile)
    print(f"Signed in to the sandbox as its practice admin, {account.get('name')}.")  # noqa: T201  for the reader
