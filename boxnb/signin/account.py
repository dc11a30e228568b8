"""Find out which account a token belongs to, and save a new sign-in in its profile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import requests

from boxnb import oauth, store
from boxnb.api.failures import CallRecord, api_error, attach_record
from boxnb.errors import (
    BoxNotebookError,
    InvalidClientError,
    InvalidGrantError,
    NotSignedInError,
    SettingError,
)
from boxnb.oauth import Client
from boxnb.oauth.token import Token
from boxnb.secret import bearer
from boxnb.signin import messages
from boxnb.store import intent
from boxnb.store.method import CODE, KINDS
from boxnb.transport.sessions import require_private, unsigned_session

FIELDS = "id,name,login,role,enterprise"


class AccountError(BoxNotebookError):
    """Box did not say which account signed in."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


def profile_session(profile: str) -> requests.Session:
    """Return an unauthenticated session with the certificate settings of the profile."""
    saved = store.load(profile)
    return unsigned_session(True if saved is None else saved.verify)


def who_is(profile: str, client: Client, token: Token | requests.auth.AuthBase) -> dict[str, Any]:
    """Return the account that signed in (`GET /users/me`): id, name, login, role and enterprise.

    Parameters
    ----------
    token
        A token pair, or an auth object that refreshes the saved pair when needed.

    Raises
    ------
    AccountError
        The response does not describe a user.
    """

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if isinstance(token, Token):
            request.headers["Authorization"] = bearer(token.access_token)
        return request

    require_private(client.server.api_url, "access token")
    with profile_session(profile) as http:
        response = http.get(
            client.server.api_url + "/users/me",
            params={"fields": FIELDS},
            auth=sign if isinstance(token, Token) else token,  # without one, requests would read .netrc
            timeout=(10, 20),
            allow_redirects=False,
        )
    if response.status_code != 200:
        attach_record(response, CallRecord(client.server.name, 1, 0.0))
        raise AccountError(messages.account_unknown(str(api_error(response))), response.status_code)
    try:
        account = response.json()
    except (ValueError, RecursionError):
        account = None
    if not isinstance(account, dict) or "login" not in account:
        raise AccountError(messages.account_without_login(client.server.name))
    return dict.fromkeys(FIELDS.split(",")) | (store.known_account(account) or {})


def require_person(saved: store.Profile | None) -> store.Profile | None:
    """Return the profile if a person signs in with it, or if there is none yet.

    Raises
    ------
    SettingError
        It needs no person, so a link to sign in would replace its secrets.
    """
    if saved is not None and saved.method.kind != CODE:
        again = (
            f"boxnb.sign_in({saved.name!r}, client_credentials=True)"
            if saved.is_box
            else "boxnb.widgets.save_server"
        )
        raise SettingError(
            f"{saved.name!r} signs in without a person ({KINDS[saved.method.kind]}). To enter other secrets, use {again}; for "
            "a person's sign-in, choose another name."
        )
    return saved


def save_client(profile: str, client: Client) -> store.Profile | None:
    """Save the app before its first use.

    If the profile has a token pair from another app, it stays unchanged until a new pair replaces that one.
    """

    def edit(saved: store.Profile | None) -> store.Profile | None:
        if saved is None:
            return store.Profile(profile, client)
        if saved.token is None:
            return dataclasses.replace(saved, client=client)
        if saved.client.client_id != client.client_id:
            return None
        # A saved pair keeps its client secret until a new pair replaces both.
        same_secret = dataclasses.replace(client, client_secret=saved.client.client_secret)
        return dataclasses.replace(saved, client=same_secret)

    return store.change(profile, edit)


def save_token_pair(
    profile: str,
    client: Client,
    token: Token,
    skew: float,
    account: dict[str, Any] | None,
    is_current: Callable[[], bool] = lambda: True,
) -> bool:
    """Save a new token pair and end any pending refresh of an older one.

    Return whether the new pair was saved. If the flow is cancelled while this function waits for the lock,
    ``is_current`` returns False and the pair is not saved.
    """
    with store.lock(profile):
        if not is_current():
            return False
        saved = store.load(profile) or store.Profile(profile, client)
        store.save(dataclasses.replace(saved.renewed(token, skew), client=client, account=account))
        intent.end(store.path(profile))
        return True


def save_or_revoke(
    profile: str,
    client: Client,
    token: Token,
    skew: float,
    account: dict[str, Any] | None,
    is_current: Callable[[], bool],
) -> bool:
    """Save a new token pair as :func:`save_token_pair` does, and revoke it if it is not saved. Return whether it was."""
    saved = False
    try:
        saved = save_token_pair(profile, client, token, skew, account, is_current)
    finally:
        if not saved and not is_saved(profile, token):  # saving can fail after the pair is on disk
            revoke_unwanted(profile, client, token)
    return saved


def save_account(profile: str, token: Token, account: dict[str, Any]) -> None:
    """Save which account signed in, unless another token pair was saved in the meantime."""

    def edit(saved: store.Profile | None) -> store.Profile | None:
        if saved is None or saved.token != token:
            return None
        return dataclasses.replace(saved, account=account)

    store.change(profile, edit)


def revoke_unwanted(profile: str, client: Client, token: Token) -> str:
    """Revoke a token pair that is not going to be saved. Return an error message if that fails, else an empty string.

    Even if it cannot be revoked, it is never saved, so it expires unused.
    """
    try:
        with profile_session(profile) as http:
            oauth.revoke(client, token, http=http)
    except (OSError, BoxNotebookError) as error:
        return messages.not_revoked(error, client.server.name)
    return ""


def who_is_or_revoke(profile: str, client: Client, token: Token) -> dict[str, Any]:
    """Return the account of a pair that is not saved yet, as :func:`who_is` does. If that fails, revoke the pair and raise."""
    try:
        return who_is(profile, client, token)
    except (OSError, BoxNotebookError):
        revoke_unwanted(profile, client, token)
        raise


def saved_account(profile: str) -> dict[str, Any]:
    """Return the account that the profile was last signed in with, or an empty dict if none is known."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:  # saving will report what is wrong with the profile
        return {}
    return (saved.account if saved is not None else None) or {}


def is_other_account(before: dict[str, Any], account: dict[str, Any]) -> bool:
    """Return whether two known accounts differ in their user or their enterprise."""
    ids = [
        (fields.get("id") or fields.get("login"), (fields.get("enterprise") or {}).get("id"))
        for fields in (before, account)
    ]
    return any(None not in pair and pair[0] != pair[1] for pair in zip(*ids, strict=True))


def try_saved_sign_in(profile: str, saved: store.Profile) -> tuple[bool, str, dict[str, Any]]:
    """Make one call with a saved sign-in. Return whether to keep it, a message for the panel, and the account.

    Only a clear refusal from Box ends a sign-in. Without a network, the sign-in may still be valid, so it stays.
    """
    from boxnb.auth import RotatingAuth

    account, server = dict(saved.account or {}), saved.client.server.name
    if not saved.is_box:
        from boxnb.servers import checks  # not above: it imports pandas, which a sign-in to Box does not need

        result, finding = next(iter(checks.probe(saved)))
        return result != "wrong", messages.ALREADY_SIGNED_IN if result == "ok" else finding, account
    try:
        account |= who_is(profile, saved.client, RotatingAuth(profile))
    except (InvalidGrantError, InvalidClientError, NotSignedInError) as error:
        return False, messages.sign_in_ended(error, server), account
    except (OSError, BoxNotebookError) as error:
        if isinstance(error, AccountError) and error.status == 401:
            return False, messages.sign_in_refused(server), account
        return True, messages.sign_in_not_tried(error, server), account
    return True, messages.ALREADY_SIGNED_IN, account


def sign_in_works(profile: str) -> bool:
    """Return whether a sign-in is saved and works now. Makes one call to Box."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return False
    return saved is not None and saved.token is not None and try_saved_sign_in(profile, saved)[0]


def is_saved(profile: str, token: Token) -> bool:
    """Return whether the profile holds this token pair. Also True if the profile cannot be read."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return True  # the pair may be in the file, so it must not be revoked
    return saved is not None and saved.token == token


def remember_account(profile: str) -> dict[str, Any]:
    """Ask which account signed in and save it with the token pair.

    Returns
    -------
    dict
        ``id``, ``name``, ``login``, ``role``, ``enterprise`` (a dict, or None for a personal account).
    """
    from boxnb.api.connection import (
        Connection,  # imports pandas, which the sign-in in a terminal does without
    )

    box = Connection(profile)
    account: dict[str, Any] = store.known_account(box.get("/users/me", fields=FIELDS)) or {}
    save_account(profile, box.session.auth.saved_token, account)
    return account
