"""The token endpoint over HTTP: exchange a code or client credentials, refresh and revoke (RFC 6749 4.1.3, 4.4, 6; RFC 7009).

Each function makes one call. A secret is revealed only while it is being sent.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from ..errors import InvalidGrantError
from ..secret import Secret, sealed
from ..transport.sessions import read_within, require_private, unsigned_session
from .client import Client
from .failures import error_of, not_a_token, token_error
from .flow import Clock
from .token import Token, fits_header, lifetime, moment, token_text

Form = dict[str, Secret | str]
"""A form body. Its secrets are revealed only while they are being sent, so that no traceback shows them."""

TIMEOUT = (10.0, 20.0)
"""The longest time to connect, and the longest time between two bytes, in seconds."""

PATIENCE = 40.0
"""The longest time for a complete response, in seconds, even if bytes keep arriving slowly."""

LARGEST = 1 << 20
"""How many bytes of a token endpoint's response are read. A longer response is not a token."""


def exchange_code(
    client: Client,
    code: Secret | str,
    *,
    code_verifier: Secret | None = None,
    http: requests.Session | None = None,
    clock: Clock = time.time,
) -> Token:
    """Leg 3: exchange the authorization code for a token pair (RFC 6749 4.1.3). A Box code works once, for 30 seconds.

    Raises
    ------
    InvalidGrantError
        The code is too old, was already used, or belongs to another client.
    InvalidClientError
        The client ID or secret is wrong.
    TokenEndpointError
        The response is not usable.
    """
    form: Form = {
        "grant_type": "authorization_code",
        "code": Secret(code),
        "redirect_uri": client.redirect_uri,
    }
    if code_verifier is not None:
        form["code_verifier"] = code_verifier
    return _token(client, form, http, clock, "code")


def refresh(
    client: Client,
    token: Token | Secret,
    *,
    http: requests.Session | None = None,
    clock: Clock = time.time,
) -> Token:
    """Leg 5: exchange the refresh token for a new token pair (RFC 6749 6). Save the new pair before you use it.

    Raises
    ------
    InvalidGrantError
        The refresh token was used or revoked, or it is 60 days old.
    InvalidClientError, TokenEndpointError
        As for :func:`exchange_code`.
    """
    refresh_token = token.refresh_token if isinstance(token, Token) else token
    if not refresh_token:
        raise InvalidGrantError("There is no refresh token. Sign in again.", error="invalid_grant")
    form: Form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    new_token = _token(client, form, http, clock, "refresh token")
    if new_token.refresh_token is None:  # RFC 6749 6: the server may keep the old one
        return dataclasses.replace(new_token, refresh_token=refresh_token)
    return new_token


def client_credentials(
    client: Client,
    fields: Form | None = None,
    *,
    http: requests.Session | None = None,
    clock: Clock = time.time,
) -> Token:
    """Return a token for the app itself (RFC 6749 4.4). There is no refresh token: ask again when it expires.

    Parameters
    ----------
    client : Client
        Its redirect URI is not used.
    fields : dict, optional
        Further fields of the form: ``scope``, or Box's ``box_subject_type`` and ``box_subject_id``.

    Raises
    ------
    InvalidClientError
        The client ID or secret is wrong, or the secret has expired.
    TokenEndpointError
        The app may not do this, no admin has authorized it, or the response is not usable.
    """
    token = _token(
        client, {"grant_type": "client_credentials", **(fields or {})}, http, clock, "client credentials"
    )
    return dataclasses.replace(token, refresh_token=None)  # RFC 6749 4.4.3: a server should not send one


@sealed
def revoke(client: Client, token: Token | Secret, *, http: requests.Session | None = None) -> bool:
    """Leg 6: revoke the token pair (RFC 7009). Return False if the server says that it was no longer valid.

    Raises
    ------
    InvalidClientError, TokenEndpointError
        The server did not revoke the token, which may still work.
    """
    secret = (token.refresh_token or token.access_token) if isinstance(token, Token) else token
    response = post(
        client.server.revoke_url,
        {"token": secret, **client.form_fields()},
        client.sign,
        http,
        "client secret",
    )
    if response.status_code == 200:
        return True
    error = error_of(response)
    if error[0] in ("invalid_token", "invalid_grant"):
        return False
    raise token_error(response, error, "token", client.server.name)


@sealed
def _token(client: Client, form: Form, http: requests.Session | None, clock: Clock, grant: str) -> Token:
    form = {**form, **client.form_fields()}
    response = post(client.server.token_url, form, client.sign, http, "client secret")
    if response.status_code != 200:
        error = token_error(response, error_of(response), grant, client.server.name)
        error.at = server_time(response, clock)
        raise error
    fields = json_of(response)
    try:
        access_token, refresh_token = (
            token_text(fields.get(f"{kind}_token")) for kind in ("access", "refresh")
        )
    except ValueError:
        raise not_a_token(response) from None
    # The refresh token is sent in a form, which can contain any text.
    if access_token is None or not fits_header(access_token):
        raise not_a_token(response)
    scope = fields.get("scope")
    if isinstance(scope, list):
        scope = " ".join(name for name in scope if isinstance(name, str))
    token_type = fields.get("token_type")
    return Token(
        access_token=Secret(access_token),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        obtained_at=server_time(response, clock),
        expires_in=lifetime(fields.get("expires_in")),
        token_type=token_type if isinstance(token_type, str) and token_type else "bearer",
        scope=scope if isinstance(scope, str) else None,
    )


def server_time(response: requests.Response, clock: Clock) -> float:
    """Return the time of a response in seconds since the epoch, from its ``Date`` header or else from ``clock``."""
    try:
        date = parsedate_to_datetime(response.headers["Date"])
        return moment(date.replace(tzinfo=date.tzinfo or datetime.UTC).timestamp()) or clock()
    except (KeyError, ValueError, TypeError, OverflowError):
        return clock()


@sealed
def post(
    url: str, form: Form, auth: Any, http: requests.Session | None, what: str = "client secret"
) -> requests.Response:
    """Send a form with a secret, and return the response without the form.

    ``auth`` signs the request, as for ``auth=`` of requests. ``what`` names the secret in messages.

    Raises
    ------
    HostNotAllowedError
        The URL is neither https nor on this computer.
    requests.RequestException
        There was no response.
    """
    require_private(url, what)
    session = http or unsigned_session()
    try:
        # Do not follow redirects: the form would go to another host.
        response = session.post(
            url,
            data={
                name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()
            },
            timeout=TIMEOUT,
            allow_redirects=False,
            auth=auth,
            stream=True,
        )
        read_within(response, PATIENCE, LARGEST)
        response.request.body = None  # the form with the secrets, which is no longer needed
        return response
    except OSError as error:  # requests' errors, and a missing certificate file
        if isinstance(getattr(error, "request", None), requests.PreparedRequest):
            error.request.body = None  # type: ignore[attr-defined]
            error.request.headers.pop("Authorization", None)  # type: ignore[attr-defined]
        error.__cause__ = error.__context__ = None  # they also contain the form
        raise error.with_traceback(None)  # noqa: B904  the same error, not a new one
    finally:
        if http is None:
            session.close()


def json_of(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a token endpoint's response.

    Raises
    ------
    TokenEndpointError
        The response is not a JSON object.
    """
    try:
        fields = json.loads(response.content)  # not response.json(), which uses simplejson if it is installed
    except (ValueError, RecursionError):
        raise not_a_token(response) from None
    if not isinstance(fields, dict):
        raise not_a_token(response)
    return fields
