"""What the doctor and the sign-out do for a profile that does not use a refresh token: try its secrets, end its token."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

from .. import oauth, store, tokens
from ..auth import RotatingAuth
from ..errors import AccessTokenRejectedError, ApiError, BoxNotebookError
from ..oauth import Clock, password
from ..store.method import LOGIN
from ..transport.sessions import Session
from .session import ServerSession


def tried(profile: store.Profile, *, clock: Clock = time.time) -> store.Profile:
    """Get a token with the saved secrets, even if they were refused before, and return the profile that is now saved.

    This is the one way to try refused secrets again, after an account was unlocked.

    Raises
    ------
    CredentialsRefusedError, InvalidClientError, TokenEndpointError
        As for :func:`boxnb.tokens.fetch`.
    """
    _allow(profile.name)
    auth = RotatingAuth(profile.name, clock=clock)
    auth.rotate(rejected=auth.saved_token.access_token)
    return auth.profile


def _allow(name: str) -> None:
    """Forget that the secrets were refused, so that they are sent once more."""
    store.change(name, lambda saved: saved and dataclasses.replace(saved, refused=""))


def probe(profile: store.Profile, *, clock: Clock = time.time) -> Iterator[tuple[str, str]]:
    """Yield what one call shows, as ``ok``, ``look`` or ``wrong`` and a sentence.

    Without a path to try (the setting ``probe``), the call goes to the server's own URL, which may not need a sign-in.
    """
    _allow(profile.name)
    session = ServerSession(dataclasses.replace(profile, refused=""), clock=clock)
    path = profile.method.settings.get("probe", "")
    try:
        session.call("GET", path or profile.client.server.api_url)
    except AccessTokenRejectedError as error:
        yield "wrong", str(error)
        return
    except ApiError as error:
        yield "look", str(error) if path or error.status >= 500 else _UNKNOWN.format(status=error.status)
        return
    except BoxNotebookError as error:
        yield "look", str(error)
        return
    yield ("ok", "The server accepts the sign-in.") if path else ("look", _UNKNOWN.format(status=200))


_UNKNOWN = (
    "The server responded with {status} to its own URL, which does not show whether it accepts the sign-in. Save it with "
    "probe='/PATH' of a call that needs one."
)


def end_token(profile: store.Profile, http: Session) -> bool | None:
    """End the saved token at the server. Return False if it no longer accepted it, ``None`` if it offers no way to end it.

    Raises
    ------
    TokenEndpointError, InvalidClientError
        The server did not end the token.
    requests.RequestException
        There was no response.
    """
    token = profile.token
    if token is None:
        return None
    if profile.method.kind == LOGIN:
        login = tokens.login_of(profile)
        if not login.end_url:
            return None
        return password.end(login, token, http=http, server=profile.client.server.name)
    if not profile.client.server.revoke_url:
        return None
    return oauth.revoke(profile.client, token, http=http)
