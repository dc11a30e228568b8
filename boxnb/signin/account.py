"""Who a token belongs to, what is kept of it, and trouble told in one sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from boxnb import journal, oauth, store
from boxnb.errors import BoxNotebookError, InvalidClientError, InvalidGrantError, NotSignedInError
from boxnb.failures import Asked, api_error, note
from boxnb.network import plain, require_private
from boxnb.oauth import Client
from boxnb.refusals import called, capital, network_trouble
from boxnb.tokens import Secret, Token, bearer
from boxnb.upkeep import UNCHECKED

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
        journal.end(store.path(profile))
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


def words(account: dict[str, Any]) -> dict[str, str]:
    """The account as the panel shows it."""
    enterprise = account.get("enterprise") or {}
    return {
        "name": str(account.get("name") or ""),
        "login": str(account.get("login") or ""),
        "role": str(account.get("role") or ""),
        "enterprise": str(enterprise.get("name") or ""),
        "enterprise_id": str(enterprise.get("id") or ""),
    }


def saved_words(profile: str, token: Token | None, now: float) -> dict[str, Any]:
    """What the panel says of a saved pair: which one, how many seconds both tokens have left, the file."""
    if token is None:
        return {}
    return {
        "fingerprint": token.fingerprint,
        "access_seconds": round(token.expires_at - now),
        "refresh_seconds": round(token.refresh_expires_at - now),
        "path": str(store.path(profile)),
    }


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


def unchecked_words(profile: str) -> str:
    """Return a warning where the profile switches the check of certificates off; empty otherwise."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:  # the flow says what is wrong with it
        return ""
    return UNCHECKED.format(name=profile) if saved is not None and saved.verify is False else ""


def app_problem(client_id: str, redirect_uri: str, client_secret: Secret) -> str:
    """What is wrong with an app as it was typed, in a sentence; empty where nothing is."""
    tab = "from the Configuration tab"
    if not client_id or not client_secret:
        return f"Both are needed: copy the Client ID and the Client Secret {tab}."
    if client_id == client_secret.reveal():
        return f"The Client ID and the Client Secret are the same text: copy each of the two {tab}."
    if "@" in client_id or any(each.isspace() for each in client_id):
        return f"That is no Client ID, which is one word of letters and digits: copy it {tab}."
    if not is_address(redirect_uri):
        return f"{redirect_uri[:80]} is no address: copy the redirect URI {tab}."
    return ""


def holds(profile: str) -> bool:
    """Whether a sign-in is saved that works now; uses the network."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return False
    return saved is not None and saved.token is not None and tried(profile, saved)[0]


def cancelled_words(profile: str) -> str:
    """What holds after a cancel: a sign-in that was saved before is as good as it was; makes no call."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        saved = None
    if saved is None or saved.token is None:
        return "Cancelled."
    account = saved.account or {}
    return f"Cancelled; you are still signed in as {account.get('name') or account.get('login') or profile}."


def port_words(redirect_uri: str, listening: str, server: str = "Box") -> str:
    """Why the answer comes to another port than the one that was registered; empty where it does not."""
    try:
        asked, got = urlsplit(redirect_uri), urlsplit(listening)
        if not (asked.port and got.port) or asked.port == got.port or asked.hostname != got.hostname:
            return ""
    except ValueError:  # half an address, as it is while somebody types
        return ""
    return (
        f"Port {asked.port} is busy, so the answer comes to {got.port}; "
        f"{called(server)} accepts any port on {got.hostname}. Change nothing in the Console."
    )


def is_saved(profile: str, token: Token) -> bool:
    """Whether this pair is what the profile holds."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        return True  # it cannot be told, so the pair is not revoked
    return saved is not None and saved.token == token


def is_address(redirect_uri: str) -> bool:
    """Whether it can be a redirect URI at all: http or https, a host, a port there is."""
    try:
        parts = urlsplit(redirect_uri)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def ended(error: BoxNotebookError, server: str) -> str:
    """Why a saved sign-in is over, and what the panel offers instead of the advice to open this notebook."""
    why = in_one_sentence(error, server).partition(" Sign in again:")[0]
    return f"{why} Open {called(server)} to sign in again."


def in_one_sentence(error: BaseException, server: str = "Box") -> str:
    """What a person can do about `error`; never the address of a request, which could hold a code."""
    if isinstance(error, BoxNotebookError):
        return " ".join(str(error).split())
    if isinstance(error, requests.RequestException) or "certificate" in str(error).lower():
        return network_trouble(error, then=f"open {called(server)} again")  # type: ignore[arg-type]
    if isinstance(error, OSError):
        return f"The sign-in could not be saved ({error.strerror or type(error).__name__}): nothing was lost."
    return " ".join(str(error).split())
