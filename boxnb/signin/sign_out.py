"""Revoke a saved token pair at the server and delete it from this computer."""

from __future__ import annotations

import dataclasses

from .. import store
from ..errors import HostNotAllowedError, SignInError, TokenStoreError
from ..oauth.failures import display_name
from ..store import intent
from ..transport.network_trouble import network_trouble
from ..transport.sessions import unsigned_session

_SECRETS_STAY = "Its secrets stay saved, and the next call signs in with them. To remove them, run boxnb.store.delete({name!r})."


def sign_out(profile: str) -> str:
    """
    Revoke the saved token pair and delete it. The registered app stays for the next sign-in.

    Returns
    -------
    str
        A message that says what was done. If the pair cannot be revoked, the message says why, and the pair stays saved.

    Raises
    ------
    TokenStoreError
        The token was revoked, but the file could not be written.
    """
    from ..servers import checks  # imports pandas, which a sign-out otherwise does without

    store.load_awake(profile)
    with store.lock(profile):
        saved = store.load(profile)
        if saved is None or not saved.has_access:
            return f"Nobody is signed in as {profile!r}."
        if saved.token is None:
            return f"{profile!r} has no token. {_SECRETS_STAY.format(name=profile)}"
        try:
            with unsigned_session(saved.verify) as http:
                was_valid = checks.end_token(saved, http)
        except (OSError, SignInError, HostNotAllowedError) as error:
            # An OSError comes from requests, or from a missing CA bundle.
            reason = network_trouble(error) if isinstance(error, OSError) else str(error)
            return (
                f"Not signed out: {reason} The token may still work and stays saved in {store.path(profile)}. "
                "Try again, or remove the app's access in your account settings in "
                f"{display_name(saved.client.server.name)}."
            )
        try:
            store.save(dataclasses.replace(saved, token=None, account=None, generation=0, refreshed_by=""))
        except TokenStoreError as error:
            raise TokenStoreError(
                f"The token was revoked and no longer works, but it is still on this computer: {error}",
                store.path(profile),
            ) from error
        intent.end(store.path(profile))
    how = (
        "cannot be ended early on this server, where it expires soon,"
        if was_valid is None
        else "was revoked"
        if was_valid
        else "had already been revoked or replaced"
    )
    message = f"Signed out of {profile!r}: the token {how} and is deleted from this computer."
    return f"{message} {_SECRETS_STAY.format(name=profile)}" if saved.method.needs_no_person else message
