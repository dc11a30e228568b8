"""Explain what a server other than Box refused, in one message: what happened, why, and what to do.

A 401 means different things: the secrets are wrong, the server does not accept this kind of sign-in, or a token has expired.
``WWW-Authenticate`` says which, if the server sends it (RFC 9110 11.6.1).
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from .. import store
from ..api.failures import api_error, endpoint
from ..errors import AccessTokenRejectedError, ApiError, ForbiddenError, NotFoundError
from ..oauth.failures import error_of, quoted
from ..oauth.refusals import password_refused
from ..redaction import one_line
from ..store.method import BASIC, KEY

_SCHEMES = {BASIC: ("basic",), KEY: ()}
"""The schemes of ``WWW-Authenticate`` that fit a kind of sign-in. A key can be sent under any scheme."""


def words(response: requests.Response) -> str:
    """Return the server's own explanation as a quotation after a space; ``""`` if there is none."""
    return quoted(error_of(response)[1], urlsplit(response.url).hostname or "the server")


def unauthorized(response: requests.Response, profile: store.Profile) -> str:
    """Return what a 401 means for a server with a user name and password or a key, in two or three sentences."""
    host = urlsplit(response.url).hostname or "the server"
    method, challenge = profile.method, response.headers.get("WWW-Authenticate", "")
    schemes = {part.strip().split(" ")[0].lower() for part in challenge.split(",") if part.strip()}
    if (
        method.kind == BASIC
        and schemes & {"bearer", "negotiate", "digest", "ntlm"}
        and "basic" not in schemes
    ):
        offered = ", ".join(sorted(schemes & {"bearer", "negotiate", "digest", "ntlm"}))
        return (
            f"{host} does not accept a user name and password with each call (401): it asks for {offered}. Save the server "
            "again with another kind of sign-in, such as kind='login' or kind='client_credentials'."
        )
    further = method.secret_headers
    names = f", or the value of {' or '.join(further)}" if further else ""
    if method.kind == BASIC:
        refusal = str(
            password_refused(
                method.settings.get("username", ""), host, 401, error_of(response)[1], words(response)
            )
        )
        if names:
            refusal = refusal.replace(" (401)", f"{names} (401)")
        if challenge or error_of(response)[1]:
            return refusal
        # Jamf Pro's Classic API, where Basic has been off since 11.5.0, responds this way.
        return refusal.replace(
            "Save them again.", "Save them again, or with another kind if Basic is off there."
        )
    header = method.settings.get("header", "Authorization")
    return (
        f"{host} refused the key in {header}{names} (401): it is wrong, was revoked, or has expired.{words(response)} Create "
        "a new one on the server, and save it."
    )


def server_error(response: requests.Response, profile: store.Profile, *, was_signed: bool = True) -> ApiError:
    """Return the exception for an error response of a server other than Box.

    ``was_signed`` is False if a redirect led to another host, to which boxnb sends no secret.
    """
    host, status = urlsplit(response.url).hostname or "the server", response.status_code
    call = f"{status} for {one_line(endpoint(response.url), 120)}"
    explanation, code = words(response), error_of(response)[0]
    facts = {"status": status, "code": one_line(code, 80)}
    if status in (401, 403) and not was_signed:
        return ForbiddenError(
            f"{urlsplit(profile.client.server.api_url).hostname} redirected the call to {host}, which refused it: {call}."
            f"{explanation} boxnb sends the secrets only to the server that they are saved for. Call {host} by itself, with a "
            "server saved for it.",
            **facts,  # type: ignore[arg-type]
        )
    if status == 401 and not profile.method.gets_token:
        return AccessTokenRejectedError(unauthorized(response, profile), **facts)  # type: ignore[arg-type]
    challenge = response.headers.get("WWW-Authenticate", "")
    if status == 403 or (status == 401 and "insufficient_scope" in challenge):
        return ForbiddenError(
            f"{host} does not allow this: {call}.{explanation} Give the account or the client the privilege that this call "
            "needs.",
            **facts,  # type: ignore[arg-type]
        )
    if status == 401:
        after = " even after boxnb got a new one" if response.history else ""
        return AccessTokenRejectedError(
            f"{host} refused the access token{after}: {call}.{explanation} Check whether the account or the client is still "
            "enabled, and whether it may call this API.",
            **facts,  # type: ignore[arg-type]
        )
    if status == 404:
        return NotFoundError(
            f"{host} has nothing at this path, or does not show it to this account: {call}.{explanation} Check the path.",
            **facts,  # type: ignore[arg-type]
        )
    if 400 <= status < 500 and status not in (407, 429):
        return ApiError(f"{host} refused the call: {call}.{explanation}", **facts)  # type: ignore[arg-type]
    return api_error(response)
