"""What the sign-in says to a person: accounts, saved pairs, typed apps and trouble, each in a sentence."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from boxnb import store
from boxnb.errors import BoxNotebookError
from boxnb.oauth.failures import called, network_trouble
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.signin.status import UNCHECKED


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
