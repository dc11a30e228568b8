"""Sign in a user of the practice company and save the profile. Many tests start with this."""

from __future__ import annotations

from boxnb import oauth, store
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret


def practice_client(sandbox: Sandbox) -> oauth.Client:
    """Return the app that is registered in every sandbox."""
    app = sandbox.practice_client()
    return oauth.Client(
        app["client_id"],
        Secret(app["client_secret"]),
        app["redirect_uri"],
        oauth.Server(**sandbox.server()),
    )


def sign_in(
    sandbox: Sandbox,
    profile: str = "acme",
    *,
    login: str | None = None,
    client: oauth.Client | None = None,
) -> store.Profile:
    """Sign in over real HTTP, by default as the sandbox's admin, and save the profile."""
    client = client or practice_client(sandbox)
    state = oauth.new_state()
    redirect = sandbox.approve(oauth.authorization_url(client, state), login=login)
    token = oauth.exchange_code(client, oauth.parse_redirect(redirect, state=state))
    signed_in = store.Profile(profile, client, token)
    store.save(signed_in)
    return signed_in


def refreshes(sandbox: Sandbox) -> list[int]:
    """Return the status of each call to the token endpoint after the first sign-in."""
    statuses = [call["status"] for call in sandbox.record() if call["path"] == "/oauth2/token"]
    return statuses[1:]
