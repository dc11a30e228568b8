"""Box's own Python SDK on the same saved sign-in (package ``boxsdk``, version 10 or newer).

::

    from box_sdk_gen import BoxClient, BoxOAuth
    client = BoxClient(auth=BoxOAuth(boxnb.sdk.oauth_config("acme")))

The SDK refreshes by itself after a 401, without a lock. So it is handed a token that was refreshed under the lock
before it can expire, and what it refreshes all the same is saved for everybody.
"""

from __future__ import annotations

from typing import Any

from .auth import RotatingAuth
from .errors import require
from .oauth import Client
from .oauth.token import Token, lifetime
from .secret import Secret

require("boxnb.sdk", "boxsdk>=10", "box_sdk_gen")
from box_sdk_gen import AccessToken, OAuthConfig, TokenStorage  # noqa: E402  once it is there
from box_sdk_gen.schemas.access_token import AccessTokenTokenTypeField  # noqa: E402


class ProfileStorage(TokenStorage):
    """The SDK's token storage, over a saved profile.

    Parameters
    ----------
    profile : str
        A saved profile.

    Raises
    ------
    NotSignedInError
        Nobody is signed in under that name.
    """

    def __init__(self, profile: str) -> None:
        self._auth = RotatingAuth(profile)

    @property
    def client(self) -> Client:
        """The app of the profile."""
        return self._auth.profile.client

    def get(self) -> AccessToken:
        """The pair to use now, refreshed first where it would expire within a minute."""
        self._auth.reread()
        token = self._auth.token()
        return AccessToken(
            access_token=token.access_token.reveal(),
            expires_in=max(0, round(token.expires_at - self._auth.now())),
            token_type=AccessTokenTokenTypeField.BEARER,
            refresh_token=token.refresh_token.reveal() if token.refresh_token else None,
        )

    def store(self, token: AccessToken) -> None:
        """Save a pair the SDK fetched, before it is first used; an empty one is ignored.

        Without a refresh token in it, the one that is saved stays: a server may keep it (RFC 6749 6).

        Raises
        ------
        TokenStoreError
            The pair could not be saved; it stays in memory, and the next call tries again.
        ProfileChangedError
            The profile became another person, app or enterprise.
        """
        access_token, refresh_token = (
            (each or "").strip() for each in (token.access_token, token.refresh_token)
        )
        if not access_token:
            return
        fetched = Token(
            access_token=Secret(access_token),
            refresh_token=Secret(refresh_token) if refresh_token else self._auth.saved_token.refresh_token,
            obtained_at=self._auth.now(),
            expires_in=lifetime(token.expires_in or None),
        )
        self._auth.adopt(fetched)

    def clear(self) -> None:
        """Nothing: signing out is ``boxnb.sign_out``, which revokes first."""


def token_storage(profile: str) -> ProfileStorage:
    """The saved sign-in, as the SDK wants it: ``OAuthConfig(..., token_storage=boxnb.sdk.token_storage("acme"))``."""
    return ProfileStorage(profile)


def oauth_config(profile: str) -> Any:
    """The SDK's ``OAuthConfig`` with the profile's app and its saved sign-in.

    Raises
    ------
    NotSignedInError
        Nobody is signed in under that name.
    """
    storage = ProfileStorage(profile)
    client = storage.client
    return OAuthConfig(
        client_id=client.client_id,
        client_secret=client.client_secret.reveal(),
        token_storage=storage,
    )
