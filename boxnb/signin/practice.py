"""Start the shared sandbox where it is not running, and sign in to it as its practice admin."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from .. import oauth, store
from ..oauth import Client, Server
from ..secret import Secret
from .account import remember_account

PROFILE = "sandbox"


def server_of(running: Any) -> Server:
    """The addresses of a running sandbox."""
    named: dict[str, Any] = running.server()
    return Server(**named)


def practice_client() -> Client:
    """The practice app at the shared sandbox, which is started where it is not running."""
    from .. import sandbox

    running = sandbox.start()
    app = running.practice_client()
    return Client(app["client_id"], Secret(app["client_secret"]), app["redirect_uri"], server_of(running))


def ready() -> None:
    """Have the shared sandbox running, at the address the profile knows, with somebody signed in."""
    from .. import sandbox

    client = practice_client()
    with store.lock(PROFILE):
        saved = store.load(PROFILE)
        if saved is not None and saved.token is not None:
            if saved.client.server != client.server:  # started again on another port, with the same state
                store.save(dataclasses.replace(saved, client=client))
            return
    state = oauth.new_state()
    redirect = sandbox.start().approve(oauth.authorization_url(client, state))
    token = oauth.exchange_code(client, oauth.parse_redirect(redirect, state=state))
    with store.lock(PROFILE):
        saved = store.load(PROFILE) or store.Profile(
            PROFILE, client
        )  # its mail, licence and other settings stay
        skew = token.obtained_at - time.time()
        store.save(dataclasses.replace(saved, client=client, token=token, skew=skew, account=None))
    account = remember_account(PROFILE)
    print(f"Signed in to the sandbox as its practice admin, {account.get('name')}.")  # noqa: T201  for the reader
