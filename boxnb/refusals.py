"""What refusals and silence mean: RFC 6749 4.1.2.1 and 5.2, and network trouble, turned into sentences."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from .errors import (
    AccessDeniedError,
    InvalidClientError,
    InvalidGrantError,
    SignInError,
    TokenEndpointError,
)

_REDIRECT_ERRORS = {
    "invalid_scope": "Box does not know a scope that was asked for: leave the scope out and try again.",
    "unauthorized_client": "This app may not sign users in: in Box's Developer Console it must be of the "
    "type User Authentication (OAuth 2.0).",
    "invalid_request": "Box found the request malformed: get a new link and try again.",
    "unsupported_response_type": "Box does not offer this kind of sign-in for the app: check the app's type.",
    "server_error": "Box met an error of its own: wait a minute and try again.",
    "temporarily_unavailable": "Box is too busy to sign you in: wait a minute and try again.",
}


def redirect_error(error: str, description: str) -> SignInError:
    """The error a redirect carries (RFC 6749 4.1.2.1)."""
    if error == "access_denied":
        return AccessDeniedError(
            "Access was denied on Box's page, so there is no code: open the link again and press Grant, "
            "or ask your admin whether this app is allowed.",
            error=error,
            description=description,
        )
    known = re.sub(r"[^a-z_]", "", error)[:40]
    message = _REDIRECT_ERRORS.get(error, f"Box refused the request ({known}): get a new link and try again.")
    return SignInError(message, error=error, description=description)


def not_a_token(response: requests.Response) -> TokenEndpointError:
    """The token endpoint's answer is none: often a company proxy's page."""
    kind = response.headers.get("Content-Type", "no content type").split(";")[0]
    host = urlsplit(response.url).hostname
    return TokenEndpointError(
        f"The token endpoint at {host} answered {response.status_code} with {kind} instead of a token; "
        "often a company proxy answers in its place: check the proxy settings, then try again."
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
    return str(error), str(description)


def token_error(response: requests.Response, error: tuple[str, str], what: str) -> SignInError:
    """The error of an answer other than 200; ``what`` was refused: a code, a refresh token, a token."""
    name, description = error
    if response.status_code >= 500 or response.status_code == 429:
        busy = TokenEndpointError(
            f"The token endpoint is not available just now ({response.status_code}): try again in a minute."
        )
        asked = response.headers.get("Retry-After", "")
        busy.retry_after = float(asked) if asked.isdigit() else None
        return busy
    if name == "invalid_client":
        return InvalidClientError(
            "The client id or the client secret was refused: copy both again from the app's Configuration "
            "tab in the Developer Console.",
            error=name,
            description=description,
        )
    if name == "invalid_grant" and what == "code":
        reason = (
            "The code is more than 30 seconds old"
            if "expired" in description
            else "The code was used before, or belongs to another app"
        )
        return InvalidGrantError(f"{reason}: get a new code.", error=name, description=description)
    if name == "invalid_grant":
        return InvalidGrantError(
            "The refresh token was refused: it was used, revoked, or is more than 60 days old; sign in again.",
            error=name,
            description=description,
        )
    if name:
        safe = re.sub(r"[^a-z_]", "", name)[:40]
        return TokenEndpointError(
            f"The token endpoint refused the {what} ({response.status_code} {safe}): check the type of the app "
            "in the Developer Console (User Authentication, OAuth 2.0).",
            error=name,
            description=description,
        )
    if response.status_code == 409:
        return TokenEndpointError(
            "Two refreshes met at the token endpoint (409): wait a moment and try again.", error="conflict"
        )
    return not_a_token(response)


def network_trouble(error: OSError) -> str:
    """One sentence for network trouble; never the address of a request, which could hold a code."""
    request = getattr(error, "request", None)
    host = urlsplit(getattr(request, "url", None) or "").hostname or "the server"
    if not isinstance(error, requests.RequestException):
        if "certificate" not in str(error).lower():
            reason = error.strerror or type(error).__name__
            return f"{error.filename or 'A file of this computer'} cannot be used ({reason}): check who owns it, then try again."
        return (
            "The certificate file that is set (REQUESTS_CA_BUNDLE, or the profile's verify) cannot be read: "
            "check its path, then try again."
        )
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"The certificate of {host} is not trusted here: "
            "set REQUESTS_CA_BUNDLE to your company's certificate file, then try again."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return f"The proxy did not let the request to {host} through: check HTTPS_PROXY, then try again."
    if isinstance(error, requests.exceptions.Timeout):
        return f"There was no answer from {host} in time: check the network, then try again."
    return f"There was no complete answer from {host}: check the network or the proxy, then try again."
