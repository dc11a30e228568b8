"""Explain an authorization server's errors to the user (RFC 6749 4.1.2.1 and 5.2)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import AccessDeniedError, InvalidClientError, InvalidGrantError, SignInError, TokenEndpointError
from ..local import reader
from ..redaction import one_line, printable, redact
from ..transport.network_trouble import network_trouble as network_trouble
from ..transport.network_trouble import proxy_wants_password
from ..transport.waits import retry_after, until
from .refusals import client_credentials_error
from .token import Token

ADMIN = (
    "Ask an admin of your enterprise to allow this app (Admin Console, Integrations, Platform Apps Manager), "
    "then open the link again."
)
_NEEDS_ADMIN = re.compile(r"\badmin|\benterprise\b|\bnot authori[sz]ed by\b|\bdisabled\b", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w .,'()-]")

_REDIRECT_ERRORS = {
    "access_denied": (
        "Access was denied on {box}'s page, so there is no code",
        "Open the link again and press Grant, or ask your admin whether this app is allowed.",
    ),
    "invalid_scope": (
        "{box} does not know a requested scope, or the app does not have it",
        "Leave the scope out and try again.",
    ),
    "unauthorized_client": (
        "{box} does not let this app sign users in",
        "Check that the app's type is User Authentication (OAuth 2.0), and ask your admin whether the app is allowed.",
    ),
    "invalid_request": ("{box} says that the request is malformed", "Get a new link and try again."),
    "unsupported_response_type": (
        "{box} does not offer this kind of sign-in for the app",
        "Check the app's type.",
    ),
    "server_error": (
        "{box} had an internal error",
        "Wait a minute and try again. If the error persists, ask your admin whether this app is allowed.",
    ),
    "temporarily_unavailable": ("{box} is too busy to sign you in", "Wait a minute and try again."),
    "redirect_uri_mismatch": (
        "The redirect URI is not registered for this app",
        "Copy it, character by character, into the app's configuration, then open the link again.",
    ),
    "redirect_uri_missing": (
        "The app has several redirect URIs, and the request did not name one",
        "Open a new link and grant access again.",
    ),
}
"""What each error of a redirect means, and what to do (RFC 6749 4.1.2.1; the last two are Box's own)."""

_TOKEN_ERRORS = {
    "unauthorized_client": (
        "The token endpoint does not let this app use this kind of sign-in",
        "Check that the app's type is User Authentication (OAuth 2.0), and ask your admin whether it is authorized.",
    ),
    "unsupported_grant_type": (
        "The token endpoint does not offer this kind of sign-in",
        "Check the server's addresses.",
    ),
    "invalid_scope": (
        "The token endpoint does not grant a requested scope",
        "Leave the scope out, then sign in again.",
    ),
    "invalid_request": (
        "The token endpoint says that the request is malformed",
        "Check the type of the app (User Authentication, OAuth 2.0) and its redirect URI.",
    ),
    "invalid_token": ("The token endpoint does not know this token", "Sign in again."),
}
"""What each error of a token endpoint means, and what to do (RFC 6749 5.2), except for errors that have their own class."""


def display_name(server: str) -> str:
    """Return the name of a server as it appears in a sentence: Box, the sandbox, or the name in its profile."""
    return "the sandbox" if server == "sandbox" else printable(server, 60) or "the server"


def quoted(text: object, box: str, max_length: int = 200) -> str:
    """Return a server's own text as a quotation after a space; ``""`` if the text is empty."""
    line = one_line(text, max_length).rstrip(" .")
    return f' {capitalized(box)} says: "{line}".' if line else ""


def capitalized(sentence: str) -> str:
    """Capitalize "the" at the start of a sentence. A sentence that starts with another server's name is not changed."""
    return f"The {sentence[4:]}" if sentence.startswith("the ") else sentence


def redirect_error(error: str, description: str, server: str = "Box", *, checked: bool = True) -> SignInError:
    """Return the error that a redirect contains (RFC 6749 4.1.2.1).

    Without a state (``checked=False``), anyone could have written the description, so every character that a URL needs
    is removed from it.
    """
    box = display_name(server)
    error_name = re.sub(r"[^a-z_]", "", error)[:40]
    problem, advice = _REDIRECT_ERRORS.get(
        error, (f"{{box}} refused the request ({error_name or 'no reason'})", "Get a new link and try again.")
    )
    shown_description = description if checked else _UNSAFE.sub(" ", one_line(description, 100))
    if server == "Box" and error == "server_error" and description.strip() == "107":
        # Box sends this if the enterprise does not allow the app (GitHub: box/box-python-sdk 127).
        problem, advice = "Your enterprise does not allow this app", ADMIN
        shown_description = "server_error 107"
    elif error not in ("access_denied", "invalid_scope") and _NEEDS_ADMIN.search(one_line(shown_description)):
        advice = ADMIN
    if server != "Box":
        advice = advice.replace(" (Admin Console, Integrations, Platform Apps Manager)", "")
    message = capitalized(f"{problem}.{quoted(shown_description, box)} {advice}".replace("{box}", box))
    error_class = AccessDeniedError if error == "access_denied" else SignInError
    exception = error_class(message, error=redact(error), description=redact(description))
    exception.checked = checked
    return exception


def not_a_token(response: requests.Response) -> TokenEndpointError:
    """Return the error for a response that is not a token. Often, it is a page from a company proxy."""
    content_type = one_line(response.headers.get("Content-Type", "no content type").split(";")[0], 60)
    host, status = urlsplit(response.url).hostname, response.status_code
    if status == 407:
        return TokenEndpointError(proxy_wants_password(response.url))
    if status in (301, 302, 303, 307, 308):
        return TokenEndpointError(
            f"The token endpoint at {host} redirects requests ({status}). boxnb does not follow the redirect, because a "
            "request contains the client secret. Check the server's addresses, and whether the network has a sign-in page of its own."
        )
    if status == 511:
        return TokenEndpointError(
            "The network requires a sign-in of its own (511). Open any page in the browser, sign in to the network, then try again."
        )
    return TokenEndpointError(
        f"The token endpoint at {host} responded with {status} and {content_type} instead of a token. "
        "This often means that a company proxy replied. Check the proxy settings, then try again.",
        # A refusal is not sent again, because the server could lock the client. 408 and 425 ask for the request again.
        error="refused" if 400 <= status < 500 and status not in (408, 425) else "",
    )


def error_of(response: requests.Response) -> tuple[str, str]:
    """Return ``error`` and ``error_description``, under the names that Box, Jamf Pro, Workspace ONE, Okta and Graph use."""
    try:
        fields = response.json()
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(fields, dict):
        return "", ""
    details = fields.get("errors")
    for inner in (fields.get("error"), details[0] if isinstance(details, list) and details else None):
        if isinstance(
            inner, dict
        ):  # Microsoft Graph and Jamf Pro have the code and the text one level further in
            fields = {**fields, "error": "", **inner}
    error = next((fields[key] for key in ("error", "code", "errorCode") if fields.get(key)), "")
    keys = ("error_description", "message", "description", "errorSummary")
    description = next((fields[key] for key in keys if fields.get(key)), "")
    return redact(str(error)), redact(str(description))  # a server may repeat the form that it refused


def server_words(response: requests.Response) -> str:
    """Return the description from a server's error response as :func:`quoted` does; ``""`` if the response is not JSON."""
    return quoted(error_of(response)[1], urlsplit(response.url).hostname or "the server")


def token_error(
    response: requests.Response, error: tuple[str, str], grant: str, server: str = "Box"
) -> SignInError:
    """Return the error for a response other than 200.

    ``error`` is the response's error and description. ``grant`` names what was refused, such as "code".
    """
    name, description = error
    box, status = display_name(server), response.status_code
    quotation = quoted(description, box)
    if (status >= 500 and status not in (501, 511)) or status == 429:
        wait = retry_after(response)
        problem = "limits the rate of requests" if status == 429 else "is not available"
        when = until(wait) if wait else "in a minute"
        unavailable = TokenEndpointError(
            f"The token endpoint {problem} ({status} {one_line(name, 40)}".rstrip()
            + f").{quotation} Try again {when}."
        )
        unavailable.retry_after = wait
        return unavailable
    if grant == "client credentials":
        refusal = client_credentials_error(name, description, status, quotation, server)
        if refusal is not None:
            return refusal
    if name == "invalid_client":
        return InvalidClientError(
            f"The client ID or the client secret was refused.{quotation} Copy both again from the app's "
            + (
                "Configuration tab in the Developer Console."
                if server in ("Box", "sandbox")
                else "registration."
            ),
            error=name,
            description=description,
        )
    if name == "invalid_grant" and grant == "code":
        reason = (
            "The code is more than 30 seconds old"
            if "expired" in description and server in ("Box", "sandbox")
            else "The code has expired"
            if "expired" in description
            else "The code was refused: it was used before, has expired, or belongs to another app"
        )
        return InvalidGrantError(f"{reason}.{quotation} Get a new code.", error=name, description=description)
    if name == "invalid_grant":
        too_old = "is more than 60 days old" if server in ("Box", "sandbox") else "is too old"
        return InvalidGrantError(
            f"The refresh token was refused: it was used or revoked, or it {too_old}.{quotation} Sign in again.",
            error=name,
            description=description,
        )
    if name:
        error_name = re.sub(r"[^a-z_]", "", name)[:40]
        problem, advice = _TOKEN_ERRORS.get(
            name, (f"The token endpoint refused the {grant}", "Check the app's type and its configuration.")
        )
        if _NEEDS_ADMIN.search(one_line(description)):
            advice = "Ask an admin of your enterprise to authorize this app, then sign in again."
        return TokenEndpointError(
            f"{problem} ({status} {error_name}).{quotation} {advice}", error=name, description=description
        )
    if status == 409:
        return TokenEndpointError(
            "Two refreshes reached the token endpoint at the same time (409). Wait a moment and try again.",
            error="conflict",
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
    """Return the error for a refused refresh, with its cause if that is certain, or else with the possible causes.

    ``pending`` is the journal's record of a refresh that was interrupted. ``now`` is used if the response has no time.
    """
    age = ((error.at or now) - token.obtained_at) / 86400 if token.obtained_at > 0 else 0.0
    quotation = quoted(error.description, display_name(server))
    if token.refresh_token is None and error.at is None:  # no request was sent
        quotation = ""
        cause = f"The saved sign-in of {profile!r} has no refresh token, and its access token has expired or was refused."
    elif age > 60 and server in ("Box", "sandbox"):
        quotation = ""
        cause = f"The saved sign-in of {profile!r} has not been used for {age:.0f} days. A refresh token expires after 60 days."
    elif pending is not None and pending.get("fingerprint") == token.fingerprint:
        cause = (
            f"A refresh of {profile!r} was interrupted before its response was saved (process {pending.get('pid')} on "
            f"{pending.get('host')}). By then, the server had probably invalidated the old token."
        )
    elif error.lost:
        cause = f"The response to a refresh of {profile!r} was lost, and the server has invalidated the old token."
    else:
        cause = (
            f"The refresh token of {profile!r} was refused. Perhaps another copy of the profile used it (if so, use only "
            "one copy), access was revoked, the password was changed, or the token is too old."
        )
    refusal = InvalidGrantError(
        f"{cause}{quotation} Sign in again: {reader.to_sign_in(profile)}.",
        error="invalid_grant",
        description=error.description,
    )
    refusal.at = error.at
    return refusal
