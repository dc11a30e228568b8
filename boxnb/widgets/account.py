"""Who a token belongs to, what is kept of it, and trouble told in one sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from boxnb import journal, oauth, store
from boxnb.errors import BoxNotebookError, InvalidClientError, InvalidGrantError, NotSignedInError
from boxnb.network import plain
from boxnb.oauth import Client
from boxnb.refusals import network_trouble
from boxnb.tokens import Secret, Token, bearer

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

    with session(profile) as http:
        response = http.get(
            client.server.api_url + "/users/me",
            params={"fields": FIELDS},
            auth=sign if isinstance(token, Token) else token,  # an auth of our own also keeps .netrc out
            timeout=(10, 20),
            allow_redirects=False,
        )
    if response.status_code != 200:
        code = response.status_code
        raise AccountError(f"Box answered {code} to the question who signed in: try again.", code)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "login" not in answer:
        raise AccountError("Box's answer to the question who signed in names nobody: try again.")
    return {name: answer.get(name) for name in FIELDS.split(",")}


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
        return f"The unwanted token could not be revoked. {in_one_sentence(error)}"
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

    account = dict(saved.account or {})
    try:
        account |= who_is(profile, saved.client, RotatingAuth(profile))
    except (InvalidGrantError, InvalidClientError, NotSignedInError) as error:
        return False, ended(error), account
    except (OSError, BoxNotebookError) as error:
        if isinstance(error, AccountError) and error.status == 401:
            return False, "Box refuses the saved sign-in, even after a refresh: sign in again.", account
        said = f"A sign-in is saved, but it could not be tried just now. {in_one_sentence(error)}"
        return True, said, account
    return True, "Already signed in: nothing to do here.", account


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


def port_words(redirect_uri: str, listening: str) -> str:
    """Why the answer comes to another port than the one that was registered; empty where it does not."""
    try:
        asked, got = urlsplit(redirect_uri), urlsplit(listening)
        if not (asked.port and got.port) or asked.port == got.port or asked.hostname != got.hostname:
            return ""
    except ValueError:  # half an address, as it is while somebody types
        return ""
    return (
        f"Port {asked.port} is busy, so the answer comes to {got.port}; "
        f"Box accepts any port on {got.hostname}. Change nothing in the Console."
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


def ended(error: BoxNotebookError) -> str:
    """Why a saved sign-in is over, and what the panel offers instead of the advice to open this notebook."""
    return in_one_sentence(error).partition(" Sign in again:")[0] + " Open Box to sign in again."


def in_one_sentence(error: BaseException) -> str:
    """What a person can do about `error`; never the address of a request, which could hold a code."""
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"The certificate of {_host(error)} is not trusted here: "
            "set REQUESTS_CA_BUNDLE to your company's certificate file, then open Box again."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy did not let the request to {_host(error)} through: check HTTPS_PROXY, then open Box again."
    if isinstance(error, requests.exceptions.Timeout):
        return f"{_host(error)} did not answer in time: check the network, then open Box again."
    if isinstance(error, requests.exceptions.RequestException):
        return f"{_host(error)} cannot be reached: check the network or the proxy, then open Box again."
    if isinstance(error, OSError) and "certificate" in str(error).lower():
        return network_trouble(error)
    if isinstance(error, OSError) and not isinstance(error, BoxNotebookError):
        return f"The sign-in could not be saved ({error.strerror or type(error).__name__}): nothing was lost."
    return " ".join(str(error).split())


def _host(error: BaseException) -> str:
    request = getattr(error, "request", None)
    return urlsplit(getattr(request, "url", "") or "").hostname or "Box"
