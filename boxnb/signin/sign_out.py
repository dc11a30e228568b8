"""Revoke a saved pair at the server and delete it from this computer."""

from __future__ import annotations

import dataclasses

from .. import oauth, store
from ..errors import HostNotAllowedError, SignInError, TokenStoreError
from ..oauth.failures import called
from ..store import intent
from ..transport.network_trouble import network_trouble
from ..transport.sessions import plain


def sign_out(profile: str) -> str:
    """
    Revoke the saved pair, then forget it; the registered app is kept for the next sign-in.

    Returns
    -------
    str
        One sentence saying what was done; where revoking failed it says so, and the pair is kept.

    Raises
    ------
    TokenStoreError
        The token was revoked, and the file could not be written.
    """
    with store.lock(profile):
        saved = store.load(profile)
        if saved is None or saved.token is None:
            return f"Nobody is signed in as {profile!r}."
        try:
            with plain(saved.verify) as http:
                alive = oauth.revoke(saved.client, saved.token, http=http)
        except (
            OSError,
            SignInError,
            HostNotAllowedError,
        ) as error:  # requests' own, and a certificate file that is not there
            reason = network_trouble(error) if isinstance(error, OSError) else str(error)
            return (
                f"Not signed out: {reason} The token may still work and is kept in {store.path(profile)}: "
                f"try again, or remove the app's access in the settings of your account at {called(saved.client.server.name)}."
            )
        try:
            store.save(dataclasses.replace(saved, token=None, account=None, generation=0, refreshed_by=""))
        except TokenStoreError as error:
            raise TokenStoreError(
                f"The token was revoked and is worth nothing any more, but it is still on this computer: {error}",
                store.path(profile),
            ) from error
        intent.end(store.path(profile))
    how = "was revoked" if alive else "had been revoked or replaced before"
    return f"Signed out of {profile!r}: the token {how} and is deleted from this computer."
