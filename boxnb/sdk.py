"""Use a saved sign-in with Box's own Python SDK (package ``boxsdk``, version 10 or newer).

::

    from box_sdk_gen import BoxClient, BoxOAuth
    client = BoxClient(auth=BoxOAuth(boxnb.sdk.oauth_config("acme")))

After a 401, the SDK refreshes the token pair itself, without a lock. To prevent that, boxnb refreshes the pair under its
lock before it expires, and gives the SDK the new token. If the SDK refreshes anyway, boxnb saves the new pair.
"""

from __future__ import annotations

import warnings
from typing import Any

from . import store
from .auth import RotatingAuth
from .errors import BoxNotebookError, TokenStoreError, require
from .oauth import Client
from .oauth.token import Token, fits_header, lifetime, token_text
from .redaction import one_line
from .secret import Secret
from .signin.account import save_account, who_is

require("boxnb.sdk", "boxsdk>=10", "box_sdk_gen")
from box_sdk_gen import AccessToken, OAuthConfig, TokenStorage  # noqa: E402  only after require
from box_sdk_gen.schemas.access_token import AccessTokenTokenTypeField  # noqa: E402


class ProfileStorage(TokenStorage):
    """A token storage for the SDK that reads and saves the token pair of a profile.

    Parameters
    ----------
    profile : str
        A saved profile.

    Raises
    ------
    NotSignedInError
        Nobody is signed in with that profile.
    """

    def __init__(self, profile: str) -> None:
        self._auth = RotatingAuth(profile)

    @property
    def client(self) -> Client:
        """The app that the profile belongs to."""
        return self._auth.profile.client

    def get(self) -> AccessToken:
        """Return the token pair. If it would expire within a minute, refresh it first."""
        self._auth.reread()
        token = self._auth.token()
        return AccessToken(
            access_token=token.access_token.reveal(),
            expires_in=max(0, round(token.expires_at - self._auth.now())),
            token_type=AccessTokenTokenTypeField.BEARER,
            refresh_token=token.refresh_token.reveal() if token.refresh_token else None,
        )

    def store(self, token: AccessToken) -> None:
        """Save a token pair that the SDK received, before it is first used. An empty pair is ignored.

        If the pair has no refresh token, the saved one is kept, because a server need not issue a new one (RFC 6749 6).

        Raises
        ------
        TokenStoreError
            The pair could not be saved. It stays in memory, and the next call tries to save it again. If it is not a token
            pair, it is ignored, and the saved sign-in does not change.
        ProfileChangedError
            The profile now belongs to another user, app or enterprise.
        """
        values = (token.access_token, token.refresh_token)
        try:
            access_token, refresh_token = (
                token_text(value.strip() if isinstance(value, str) else value) for value in values
            )
            if access_token is None:
                return
            if not fits_header(access_token):
                raise ValueError("It cannot be sent in a header.")
        except ValueError:
            raise TokenStoreError(
                "The SDK passed a token that cannot be sent. The saved sign-in is unchanged.",
                store.path(self._auth.profile_name),
            ) from None
        received = Token(
            access_token=Secret(access_token),
            refresh_token=Secret(refresh_token) if refresh_token else self._auth.saved_token.refresh_token,
            obtained_at=self._auth.now(),
            expires_in=lifetime(token.expires_in or None),
        )
        previous = self._auth.saved_token.access_token
        self._auth.adopt(received)
        if self._auth.saved_token.access_token == received.access_token != previous:
            self._update_account(received)

    def _update_account(self, token: Token) -> None:
        """Ask Box whose token pair this is, because the SDK can also sign in another user with its own code grant."""
        profile = self._auth.profile
        try:
            account = who_is(profile.name, profile.client, token)
        except (OSError, BoxNotebookError) as error:
            warnings.warn(
                f"The SDK saved a new token pair for {profile.name!r}, and Box did not say whose it is. "
                f"If another user signed in, the profile still has the earlier name. {one_line(str(error))}",
                stacklevel=3,
            )
            return
        if profile.account is not None and account.get("id") == profile.account.get("id"):
            return
        save_account(profile.name, token, account)
        if profile.account is not None:
            warnings.warn(
                f"The SDK signed in another user, so {profile.name!r} now belongs to {account.get('login')}.",
                stacklevel=3,
            )
        self._auth = RotatingAuth(profile.name)

    def clear(self) -> None:
        """Do nothing: to sign out, use ``boxnb.sign_out``, which revokes the token first."""


def token_storage(profile: str) -> ProfileStorage:
    """Return the token storage of a profile: ``OAuthConfig(..., token_storage=boxnb.sdk.token_storage("acme"))``."""
    return ProfileStorage(profile)


def oauth_config(profile: str) -> Any:
    """Return the SDK's ``OAuthConfig`` with the profile's app and saved sign-in.

    Raises
    ------
    NotSignedInError
        Nobody is signed in with that profile.
    """
    storage = ProfileStorage(profile)
    client = storage.client
    return OAuthConfig(
        client_id=client.client_id,
        client_secret=client.client_secret.reveal(),
        token_storage=storage,
    )
