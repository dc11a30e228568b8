"""What the refusals of an authorization server mean (RFC 6749 4.1.2.1 and 5.2), each in a sentence."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import AccessDeniedError, InvalidClientError, InvalidGrantError, SignInError, TokenEndpointError
from ..redaction import mask, one_line, printable
from ..transport.network_trouble import network_trouble as network_trouble
from ..transport.network_trouble import proxy_wants_password
from ..transport.waits import retry_after, until
from .token import Token

ONBOARDING = "notebooks/1-onboard/01-register-and-sign-in.ipynb"

ADMIN = "Ask a {box} admin to allow this app (Admin Console, Integrations, Platform Apps Manager), then open the link again."
_ADMIN = re.compile(r"\badmin|\benterprise\b|\bnot authori[sz]ed by\b|\bdisabled\b", re.IGNORECASE)
_UNSURE = re.compile(r"[^\w .,'()-]")

_REDIRECTS = {
    "access_denied": (
        "Access was denied on {box}'s page, so there is no code",
        "Open the link again and press Grant, or ask your admin whether this app is allowed.",
    ),
    "invalid_scope": (
        "{box} does not know a scope that was asked for, or the app does not have it",
        "Leave the scope out and try again.",
    ),
    "unauthorized_client": (
        "{box} does not let this app sign users in",
        "Check that the app's type is User Authentication (OAuth 2.0), and ask your admin whether the app is allowed.",
    ),
    "invalid_request": ("{box} found the request malformed", "Get a new link and try again."),
    "unsupported_response_type": (
        "{box} does not offer this kind of sign-in for the app",
        "Check the app's type.",
    ),
    "server_error": (
        "{box} answered with an error of its own",
        "Wait a minute and try again; if it stays, ask your admin whether this app is allowed.",
    ),
    "temporarily_unavailable": ("{box} is too busy to sign you in", "Wait a minute and try again."),
    "redirect_uri_mismatch": (
        "The redirect URI is not registered for this app",
        "Copy it, character by character, into the app's configuration, then open the link again.",
    ),
    "redirect_uri_missing": (
        "The app has several redirect URIs, and the request named none",
        "Open a new link and grant again.",
    ),
}
"""What each error of a redirect means, and what to do (RFC 6749 4.1.2.1; the last two are Box's own)."""

_GRANTS = {
    "unauthorized_client": (
        "The token endpoint does not let this app use this kind of sign-in",
        "Check that the app's type is User Authentication (OAuth 2.0), and ask your admin whether it is authorized.",
    ),
    "unsupported_grant_type": (
        "The token endpoint does not offer this kind of sign-in",
        "Check the server's addresses.",
    ),
    "invalid_scope": (
        "The token endpoint does not grant a scope that was asked for",
        "Leave the scope out, then sign in again.",
    ),
    "invalid_request": (
        "The token endpoint found the request malformed",
        "Check the type of the app (User Authentication, OAuth 2.0) and its redirect URI.",
    ),
    "invalid_token": ("The token endpoint does not know this token", "Sign in again."),
}
"""What each error of a token endpoint means, and what to do (RFC 6749 5.2), but for those with classes of their own."""


def called(server: str) -> str:
    """What sentences call a server: Box, the practice Box, or the name that its profile gives it."""
    return "the practice Box" if server == "sandbox" else printable(server, 60) or "the server"


def quoted(text: object, box: str, longest: int = 200) -> str:
    """A server's own words as a sentence of their own, with a blank before it; empty where it said nothing."""
    words = one_line(text, longest).rstrip(" .")
    return f' {capital(box)} says: "{words}".' if words else ""


def capital(sentence: str) -> str:
    """With a capital, where it begins with "the practice Box"; the names of other servers stay as they are written."""
    return f"The {sentence[4:]}" if sentence.startswith("the ") else sentence


def redirect_error(error: str, description: str, server: str = "Box", *, checked: bool = True) -> SignInError:
    """The error a redirect carries (RFC 6749 4.1.2.1).

    Without a state (``checked=False``) anybody can have written the description, so it is repeated without anything
    that could be an address.
    """
    box = called(server)
    known = re.sub(r"[^a-z_]", "", error)[:40]
    what, advice = _REDIRECTS.get(
        error, (f"{{box}} refused the request ({known or 'no reason'})", "Get a new link and try again.")
    )
    said = description if checked else _UNSURE.sub(" ", one_line(description, 100))
    if server == "Box" and error == "server_error" and description.strip() == "107":
        # What Box sends where the enterprise does not allow the app (GitHub: box/box-python-sdk 127).
        what, advice = "Your enterprise does not allow this app", ADMIN
        said = "server_error 107"
    elif error not in ("access_denied", "invalid_scope") and _ADMIN.search(one_line(said)):
        advice = ADMIN
    if server != "Box":
        advice = advice.replace(" (Admin Console, Integrations, Platform Apps Manager)", "")
    message = capital(f"{what}.{quoted(said, box)} {advice}".replace("{box}", box))
    kind = AccessDeniedError if error == "access_denied" else SignInError
    found = kind(message, error=mask(error), description=mask(description))
    found.checked = checked
    return found


def not_a_token(response: requests.Response) -> TokenEndpointError:
    """The token endpoint's answer is not one: often a company proxy's page."""
    kind = one_line(response.headers.get("Content-Type", "no content type").split(";")[0], 60)
    host, status = urlsplit(response.url).hostname, response.status_code
    if status == 407:
        return TokenEndpointError(proxy_wants_password(response.url))
    if status in (301, 302, 303, 307, 308):
        return TokenEndpointError(
            f"The token endpoint at {host} sends requests elsewhere ({status}), which is not followed, for they carry the "
            "client secret. Check the server's addresses, or whether a sign-in page of the network is in the way."
        )
    if status == 511:
        return TokenEndpointError(
            "The network wants a sign-in of its own (511). Open any page in the browser, sign in to the network, then try again."
        )
    return TokenEndpointError(
        f"The token endpoint at {host} answered {status} with {kind} instead of a token. "
        "Often a company proxy answers in its place: check the proxy settings, then try again."
    )


def error_of(response: requests.Response) -> tuple[str, str]:
    """``error`` and ``error_description``; Box's older answers name them ``code`` and ``message``."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(answer, dict):
        return "", ""
    error = answer.get("error") or answer.get("code") or ""
    description = answer.get("error_description") or answer.get("message") or ""
    return mask(str(error)), mask(str(description))  # a server may repeat the form that it refuses


def server_words(response: requests.Response) -> str:
    """What a server of another kind says in a refusal, as :func:`quoted`; empty where that is a page."""
    return quoted(error_of(response)[1], urlsplit(response.url).hostname or "the server")


def token_error(
    response: requests.Response, error: tuple[str, str], what: str, server: str = "Box"
) -> SignInError:
    """The error of an answer other than 200; ``what`` was refused: a code, a refresh token, a token."""
    name, description = error
    box, status = called(server), response.status_code
    said = quoted(description, box)
    if (status >= 500 and status not in (501, 511)) or status == 429:
        asked = retry_after(response)
        why = "limits the rate of requests" if status == 429 else "is not available just now"
        when = until(asked) if asked else "in a minute"
        busy = TokenEndpointError(
            f"The token endpoint {why} ({status} {one_line(name, 40)}".rstrip()
            + f").{said} Try again {when}."
        )
        busy.retry_after = asked
        return busy
    if name == "invalid_client":
        return InvalidClientError(
            f"The client id or the client secret was refused.{said} Copy both again from the app's "
            + (
                "Configuration tab in the Developer Console."
                if server in ("Box", "sandbox")
                else "registration."
            ),
            error=name,
            description=description,
        )
    if name == "invalid_grant" and what == "code":
        reason = (
            "The code is more than 30 seconds old"
            if "expired" in description and server in ("Box", "sandbox")
            else "The code has expired"
            if "expired" in description
            else "The code was refused: it was used before, has expired, or belongs to another app"
        )
        return InvalidGrantError(f"{reason}.{said} Get a new code.", error=name, description=description)
    if name == "invalid_grant":
        old = "is more than 60 days old" if server in ("Box", "sandbox") else "is too old"
        return InvalidGrantError(
            f"The refresh token was refused: it was used, revoked, or {old}.{said} Sign in again.",
            error=name,
            description=description,
        )
    if name:
        known = re.sub(r"[^a-z_]", "", name)[:40]
        why, advice = _GRANTS.get(
            name, (f"The token endpoint refused the {what}", "Check the app's type and its configuration.")
        )
        if _ADMIN.search(one_line(description)):
            advice = f"Ask a {box} admin to authorize this app, then sign in again."
        return TokenEndpointError(
            f"{why} ({status} {known}).{said} {advice}", error=name, description=description
        )
    if status == 409:
        return TokenEndpointError(
            "Two refreshes met at the token endpoint (409). Wait a moment and try again.", error="conflict"
        )
    return not_a_token(response)


def refresh_refused(
    profile: str,
    server: str,
    token: Token,
    pending: dict[str, Any] | None,
    error: InvalidGrantError,
    now: float,
) -> InvalidGrantError:
    """Why a refresh ended the sign-in: what is proved, or else what is possible, each with what to do.

    ``pending`` is the journal's note of a refresh that was cut off, ``now`` the server's time where it gave none.
    """
    age = ((error.at or now) - token.obtained_at) / 86400 if token.obtained_at > 0 else 0.0
    reason = quoted(error.description, called(server))
    if token.refresh_token is None and error.at is None:  # no server was asked
        reason = ""
        text = (
            f"The saved sign-in of {profile!r} has no refresh token, so it cannot be renewed now that its access token "
            "has run out or was refused."
        )
    elif age > 60 and server in ("Box", "sandbox"):
        reason = ""
        text = f"The saved sign-in of {profile!r} was not used for {age:.0f} days; a refresh token lives 60."
    elif pending is not None and pending.get("fingerprint") == token.fingerprint:
        text = (
            f"A refresh of {profile!r} was cut off before its answer was saved (process {pending.get('pid')} on "
            f"{pending.get('host')}); the server had probably retired the old token by then."
        )
    elif error.lost:
        text = f"The answer to a refresh of {profile!r} was lost, and the server has retired the old token."
    else:
        text = (
            f"The refresh token of {profile!r} was refused: perhaps a copy of the file was used elsewhere (then use one "
            "file only), the access was revoked, the password was changed, or it is too old."
        )
    told = InvalidGrantError(
        f"{text}{reason} Sign in again: open {ONBOARDING}.",
        error="invalid_grant",
        description=error.description,
    )
    told.at = error.at
    return told
