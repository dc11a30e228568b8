"""Who a token belongs to, and what is saved of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import requests

from boxnb import oauth, store
from boxnb.api.connection import Connection
from boxnb.api.failures import Asked, api_error, note
from boxnb.errors import BoxNotebookError, InvalidClientError, InvalidGrantError, NotSignedInError
from boxnb.oauth import Client
from boxnb.oauth.failures import called, capital
from boxnb.oauth.token import Token
from boxnb.secret import bearer
from boxnb.signin.messages import ended, in_one_sentence
from boxnb.store import intent
from boxnb.transport.sessions import plain, require_private

FIELDS = "id,name,login,role,enterprise"


class AccountError(BoxNotebookError):
    """The question who signed in got no usable answer."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


def session(profile: str) -> requests.Session:
    """A plain session that checks certificates the way the profile says."""
    saved = store.load(profile)
    return plain(True if saved is None else saved.verify)


def who_is(profile: str, client: Client, token: Token | requests.auth.AuthBase) -> dict[str, Any]:
    """`GET /users/me` with what the panel shows: id, name, login, role, enterprise.

    Parameters
    ----------
    token
        A pair, or what signs the requests of a saved one and refreshes it when needed.

    Raises
    ------
    AccountError
        Box answered with something else than the user.
    """

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if isinstance(token, Token):
            request.headers["Authorization"] = bearer(token.access_token)
        return request

    require_private(client.server.api_url, "access token")
    box = called(client.server.name)
    with session(profile) as http:
        response = http.get(
            client.server.api_url + "/users/me",
            params={"fields": FIELDS},
            auth=sign if isinstance(token, Token) else token,  # an auth of our own also keeps .netrc out
            timeout=(10, 20),
            allow_redirects=False,
        )
    if response.status_code != 200:
        note(response, Asked(client.server.name, 1, 0.0))
        raise AccountError(f"Who signed in could not be asked. {api_error(response)}", response.status_code)
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "login" not in answer:
        raise AccountError(f"The answer of {box} to the question who signed in names nobody. Try again.")
    return dict.fromkeys(FIELDS.split(",")) | (store.known_account(answer) or {})


def keep_client(profile: str, client: Client) -> store.Profile | None:
    """Save the app before its first use; a pair of another app stays until a new pair replaces it."""
    with store.lock(profile):
        saved = store.load(profile)
        if saved is None:
            saved = store.Profile(profile, client)
        elif saved.token is None or saved.client.client_id == client.client_id:
            if saved.token is not None:  # its own secret goes with a live pair until a new pair replaces both
                client = dataclasses.replace(client, client_secret=saved.client.client_secret)
            if saved.client == client:
                return saved
            saved = dataclasses.replace(saved, client=client)
        else:
            return saved
        store.save(saved)
    return saved


def keep_pair(
    profile: str,
    client: Client,
    token: Token,
    skew: float,
    account: dict[str, Any] | None,
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Save a new pair, before its first use where it was not tried yet; then nothing older is pending.

    Whether it was: who has to wait for the profile may be told meanwhile that the pair is not ``wanted`` any more.
    """
    with store.lock(profile):
        if not wanted():
            return False
        saved = store.load(profile) or store.Profile(profile, client)
        store.save(dataclasses.replace(saved.renewed(token, skew), client=client, account=account))
        intent.end(store.path(profile))
        return True


def keep_account(profile: str, token: Token, account: dict[str, Any]) -> None:
    """Add who signed in, unless the pair was replaced meanwhile."""
    with store.lock(profile):
        saved = store.load(profile)
        if saved is not None and saved.token == token:
            store.save(dataclasses.replace(saved, account=account))


def throw_away(profile: str, client: Client, token: Token) -> str:
    """Revoke a pair that nobody wanted; a sentence when that failed: the pair is on no disk and dies unused."""
    try:
        with session(profile) as http:
            oauth.revoke(client, token, http=http)
    except (OSError, BoxNotebookError) as error:
        return f"The unwanted token could not be revoked. {in_one_sentence(error, client.server.name)}"
    return ""


def tried(profile: str, saved: store.Profile) -> tuple[bool, str, dict[str, Any]]:
    """Use a saved sign-in once: whether it holds, what to say, and who it is.

    Only a clear no from Box ends it: without a network it may be good, and is left alone.
    """
    from boxnb.auth import RotatingAuth

    account, server = dict(saved.account or {}), saved.client.server.name
    try:
        account |= who_is(profile, saved.client, RotatingAuth(profile))
    except (InvalidGrantError, InvalidClientError, NotSignedInError) as error:
        return False, ended(error, server), account
    except (OSError, BoxNotebookError) as error:
        if isinstance(error, AccountError) and error.status == 401:
            refused = f"{called(server)} refuses the saved sign-in, even after a refresh. Sign in again."
            return False, capital(refused), account
        said = f"A sign-in is saved, but it could not be tried just now. {in_one_sentence(error, server)}"
        return True, said, account
    return True, "Already signed in: nothing to do here.", account


def holds(profile: str) -> bool:
    """Whether a sign-in is saved that works now; uses the network."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return False
    return saved is not None and saved.token is not None and tried(profile, saved)[0]


def is_saved(profile: str, token: Token) -> bool:
    """Whether this pair is what the profile holds."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return True  # it cannot be told, so the pair is not revoked
    return saved is not None and saved.token == token


def remember_account(profile: str) -> dict[str, Any]:
    """Ask who signed in and keep the answer with the saved token.

    Returns
    -------
    dict
        ``id``, ``name``, ``login``, ``role``, ``enterprise`` (a dict, or None for a personal account).
    """
    box = Connection(profile)
    account: dict[str, Any] = store.known_account(box.get("/users/me", fields=FIELDS)) or {}
    with store.lock(profile):
        saved = store.load(profile)
        if (
            saved is not None and saved.token == box.session.auth.saved_token
        ):  # nobody else signed in meanwhile
            store.save(dataclasses.replace(saved, account=account))
    return account
