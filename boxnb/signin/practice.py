"""Start the shared sandbox if it is not running, and sign in to it as its admin."""

from __future__ import annotations

import dataclasses
import time

from .. import oauth, store
from ..store.files import SANDBOX
from ..store.practice_server import is_practice as is_practice
from ..store.practice_server import practice_client as practice_client
from ..store.practice_server import server_of as server_of
from .account import remember_account

PROFILE = SANDBOX


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
