"""The messages of the sign-in panel, and what it shows about an account and a saved token pair."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import requests

from boxnb import store
from boxnb.errors import BoxNotebookError, SignInCancelled, SignInError, SignInTimeout
from boxnb.local import private_files, reader
from boxnb.oauth.failures import capitalized, display_name, network_trouble
from boxnb.oauth.token import Token
from boxnb.secret import Secret

UNCHECKED: Final = (
    "Certificates are not checked, so anyone between this computer and the server can read the secrets. "
    "Run boxnb.store.configure({name!r}, verify=True), or pass the path of your company's CA bundle instead."
)
TO_MOVE: Final = "boxnb 0.9 saved this server. To move it into a profile, run {command}."
ALREADY_SIGNED_IN: Final = "Already signed in. There is nothing to do here."
SIGNED_IN: Final = "Signed in."
EXCHANGING: Final = "The code has arrived. Exchanging it for a token."
BARE_CODE: Final = (
    "A code alone does not include the state, so nothing proves that it belongs to your request."
)
OTHER_ACCOUNT: Final = "Until now, this profile was signed in with another account."
CANCELLED: Final = "Sign-in was cancelled. Run the panel's cell and this one again."
INTERRUPTED: Final = "Interrupted. Run this cell again to keep waiting for the sign-in."
PANEL_GONE: Final = "The sign-in panel is no longer on this page. Run this cell and the next one again."
RELOADED: Final = (
    "The page was reloaded while the next cell was waiting. Once you are signed in, run that cell again."
)
RELOADED_WHILE_WAITING: Final = "The page was reloaded. Run the panel's cell and this one again."
RUN_AGAIN: Final = "The panel's cell was run again while this one was waiting. Press Run All once more."


def account_fields(account: dict[str, Any]) -> dict[str, str]:
    """Return the account as the panel shows it."""
    enterprise = account.get("enterprise") or {}
    return {
        "name": str(account.get("name") or ""),
        "login": str(account.get("login") or ""),
        "role": str(account.get("role") or ""),
        "enterprise": str(enterprise.get("name") or ""),
        "enterprise_id": str(enterprise.get("id") or ""),
    }


def saved_pair(profile: str, token: Token | None, now: float) -> dict[str, Any]:
    """Return what the panel shows about a saved token pair: fingerprint, file, and seconds until each token expires."""
    if token is None:
        return {}
    return {
        "fingerprint": token.fingerprint,
        "access_seconds": round(token.expires_at - now),
        "refresh_seconds": round(token.refresh_expires_at - now),
        "path": str(store.path(profile)),
    }


def unchecked_warning(profile: str) -> str:
    """Return a warning if the certificate check is off for the profile, else an empty string."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:  # the flow reports what is wrong with the profile
        return ""
    return UNCHECKED.format(name=profile) if saved is not None and saved.verify is False else ""


def app_problem(client_id: str, redirect_uri: str, client_secret: Secret) -> str:
    """Return what is wrong with the app that the user typed in, or an empty string."""
    if not client_id or not client_secret:
        return f"Both fields are required. Copy the Client ID and the Client Secret {_TAB}."
    return (
        client_id_problem(client_id)
        or client_secret_problem(client_secret, client_id)
        or redirect_uri_problem(redirect_uri)
    )


_TAB: Final = "from the Configuration tab"


def client_id_problem(client_id: str) -> str:
    """Return what is wrong with a client ID that the user typed in, or an empty string."""
    if not client_id:
        return f"The Client ID is required. Copy it {_TAB}."
    if "@" in client_id or not _is_one_word(client_id):
        return f"That is not a Client ID. A Client ID is one word of letters and digits; copy it {_TAB}."
    return ""


def client_secret_problem(client_secret: Secret, client_id: str) -> str:
    """Return what is wrong with a client secret that the user typed in, or an empty string. It is never quoted."""
    if not client_secret:
        return f"The Client Secret is required. Copy it {_TAB}."
    if client_secret.reveal() == client_id:
        return f"The Client ID and the Client Secret are identical. Copy both {_TAB}."
    if not _is_one_word(client_secret.reveal()):
        return f"That is not a Client Secret. A Client Secret is one word; copy it {_TAB}."
    return ""


def redirect_uri_problem(redirect_uri: str) -> str:
    """Return what is wrong with a redirect URI that the user typed in, or an empty string."""
    if not is_redirect_uri(redirect_uri):
        return f"{redirect_uri[:80]} is not a web address. Copy the redirect URI {_TAB}."
    return ""


def _is_one_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def is_redirect_uri(redirect_uri: str) -> bool:
    """Return whether the string can be a redirect URI: it uses http or https, and has a host and a valid port."""
    try:
        parts = urlsplit(redirect_uri)
        if not _is_one_word(redirect_uri) or parts.fragment:  # RFC 6749 3.1.2: without a fragment
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def cancelled_note(profile: str) -> str:
    """Return what the panel says after the user cancelled, including who is still signed in. boxnb does not make a call."""
    try:
        saved = store.load(profile)
    except BoxNotebookError:
        saved = None
    if saved is None or saved.token is None:
        return "Cancelled."
    account = saved.account or {}
    return f"Cancelled. You are still signed in as {account.get('name') or account.get('login') or profile}."


def port_note(redirect_uri: str, listening: str, server: str = "Box") -> str:
    """Return why the redirect does not use the registered port, or an empty string if it does."""
    try:
        registered, actual = urlsplit(redirect_uri), urlsplit(listening)
        same_port = registered.port == actual.port or not (registered.port and actual.port)
        if same_port or registered.hostname != actual.hostname:
            return ""
    except ValueError:  # an incomplete URL, while the user is typing
        return ""
    return (
        f"Port {registered.port} is busy, so the redirect goes to port {actual.port}. "
        f"{capitalized(display_name(server))} accepts any port on {actual.hostname}, so you do not need to change the app."
    )


def port_taken(port: int) -> str:
    """Return the warning that another process is using the port to which JupyterHub forwards the redirect."""
    return (
        f"Another process, perhaps another user's, is using port {port} on the notebook's computer and would receive "
        "the code, so the link is not shown. Register a redirect URI with another port, or try again when "
        "this port is free."
    )


def sign_in_ended(error: BoxNotebookError, server: str) -> str:
    """Return why a saved sign-in has ended, and tell the user to open the panel's link instead of the onboarding notebook."""
    reason = in_one_sentence(error, server).partition(" Sign in again:")[0]
    return f"{reason} Open {display_name(server)} to sign in again."


def sign_in_refused(server: str) -> str:
    """Return the message for a saved sign-in that the API refuses with a 401."""
    return capitalized(
        f"{display_name(server)} refuses the saved sign-in, even after a refresh. Sign in again."
    )


def sign_in_not_tried(error: BaseException, server: str) -> str:
    """Return the message for a saved sign-in that could not be checked, for example because the network is down."""
    return f"A sign-in is saved, but it cannot be checked at the moment. {in_one_sentence(error, server)}"


def account_unknown(reason: str) -> str:
    """Return the message for a failed `GET /users/me`."""
    return f"Cannot find out who signed in. {reason}"


def account_without_login(server: str) -> str:
    """Return the message for a response to `GET /users/me` that does not describe a user."""
    return f"Cannot find out who signed in: the response from {display_name(server)} does not name a user. Try again."


def saved_but_unknown(error: BaseException, server: str) -> str:
    """Return the message for a sign-in that was saved although its account is unknown."""
    reason = in_one_sentence(error, server)
    return f"Signed in and saved, but boxnb could not find out which account it is. {reason}"


def not_revoked(error: BaseException, server: str) -> str:
    """Return the message for an unwanted token pair that could not be revoked."""
    return f"The unwanted token could not be revoked. {in_one_sentence(error, server)}"


def rejected(server: str) -> str:
    """Return what the panel says after the user answered "no" to "Is this you?"."""
    return f"Nothing was saved. Sign in to {display_name(server)} as the right person."


def waiting_for(server: str) -> str:
    """Return what the panel says after the user opened its link."""
    return f"Waiting for the response from {display_name(server)}."


def defect(error: BaseException) -> str:
    """Return the message for an unexpected exception, which is a bug in boxnb."""
    return f"This is a defect in boxnb ({type(error).__name__}). Run the panel's cell again."


def nobody_to_sign_in(profile: str) -> SignInCancelled:
    """Return the error for a run without a person, such as one by nbclient, if no sign-in is saved."""
    return SignInCancelled(
        f"Nobody is signed in as {profile!r}, and nobody is here to sign in. "
        f"Run {reader.sign_in_command(profile)} in a terminal once, then run this again."
    )


def nobody_signed_in(seconds: float) -> SignInTimeout:
    """Return the error for a person who did not sign in within the time limit."""
    return SignInTimeout(
        f"Nobody signed in within {seconds / 60:.0f} minutes. Run the panel's cell and this one again."
    )


def kernel_too_old(version: str) -> SignInError:
    """Return the error for an ipykernel that cannot receive widget messages while a cell is awaiting."""
    return SignInError(
        f"This kernel uses ipykernel {version}, which receives no messages from the panel while a cell is waiting. "
        "Finish the sign-in in the panel, then run this cell, or install ipykernel 7.4 or newer."
    )


def in_one_sentence(error: BaseException, server: str = "Box") -> str:
    """Return `error` as text for the user, on one line. It never includes the URL of a request, which could contain a code."""
    if isinstance(error, BoxNotebookError):
        return " ".join(str(error).split())
    if isinstance(error, requests.RequestException) or "certificate" in str(error).lower():
        then = f"open {display_name(server)} again" if reader.in_notebook() else "try again"
        return network_trouble(error, then=then)  # type: ignore[arg-type]
    if isinstance(error, OSError):
        where = error.filename or store.home()
        return f"Cannot save the sign-in in {where} ({error.strerror or type(error).__name__}). {private_files.remedy(error)}."
    return " ".join(str(error).split())
