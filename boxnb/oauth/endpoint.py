"""The token endpoint over HTTP: exchange a code, refresh a pair, revoke it (RFC 6749 4.1.3 and 6, RFC 7009).

Each function makes one call. Secrets stay masked until the moment of sending.
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
from ..secret import Secret, is_utf8, sealed
from ..transport.sessions import read_within, require_private, unsigned_session
from .client import BOX as BOX  # the names everybody uses are oauth.BOX, oauth.Client, oauth.Server …
from .client import Client as Client
from .client import Server as Server
from .client import discover as discover  # … and oauth.discover
from .failures import error_of, not_a_token, token_error
from .flow import Clock
from .pasted_address import is_bare_code as is_bare_code
from .token import Token, lifetime, moment

Form = dict[str, Secret | str]
"""A form body; secrets stay masked in it until the moment of sending, so that no traceback shows them."""


TIMEOUT = (10.0, 20.0)
"""Seconds to connect, seconds between two bytes."""


PATIENCE = 40.0
"""Seconds for the whole of an answer, however slowly it drips."""


LARGEST = 1 << 20
"""Bytes that are read of an answer of the token endpoint; what is longer is not a token."""


def exchange_code(
    client: Client,
    code: Secret | str,
    *,
    code_verifier: Secret | None = None,
    http: requests.Session | None = None,
    clock: Clock = time.time,
) -> Token:
    """Leg 3: swap the authorization code for a token (RFC 6749 4.1.3). Box's codes live 30 seconds, once.

    Raises
    ------
    InvalidGrantError
        The code is too old, used, or of another client.
    InvalidClientError
        The client id or secret is wrong.
    TokenEndpointError
        No usable answer.
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
    """Leg 4: swap the refresh token for a new pair (RFC 6749 6). Save the new pair before its first use.

    Raises
    ------
    InvalidGrantError
        The refresh token is used, revoked, or 60 days old.
    InvalidClientError, TokenEndpointError
        As for :func:`exchange_code`.
    """
    refresh_token = token.refresh_token if isinstance(token, Token) else token
    if not refresh_token:
        raise InvalidGrantError("There is no refresh token to use: sign in again.", error="invalid_grant")
    form: Form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    fresh = _token(client, form, http, clock, "refresh token")
    if fresh.refresh_token is None:  # RFC 6749 6: a server may keep the old one
        return dataclasses.replace(fresh, refresh_token=refresh_token)
    return fresh


@sealed
def revoke(client: Client, token: Token | Secret, *, http: requests.Session | None = None) -> bool:
    """Leg 5: end the pair (RFC 7009). True when it was alive, False when the server says it was dead already.

    Raises
    ------
    InvalidClientError, TokenEndpointError
        The server did not revoke; the token may still work.
    """
    secret = (token.refresh_token or token.access_token) if isinstance(token, Token) else token
    response = _post(client, client.server.revoke_url, {"token": secret}, http)
    if response.status_code == 200:
        return True
    error = error_of(response)
    if error[0] in ("invalid_token", "invalid_grant"):
        return False
    raise token_error(response, error, "token", client.server.name)


@sealed
def _token(client: Client, form: Form, http: requests.Session | None, clock: Clock, what: str) -> Token:
    response = _post(client, client.server.token_url, form, http)
    if response.status_code != 200:
        refused = token_error(response, error_of(response), what, client.server.name)
        refused.at = server_time(response, clock)
        raise refused
    answer = _json(response)
    access_token, refresh_token = (
        _sendable(answer.get(f"{kind}_token"), response) for kind in ("access", "refresh")
    )
    # The access token travels in a header (RFC 6750 2.1), the refresh token in a form, which takes any text.
    if access_token is None or not access_token.isascii() or not access_token.isprintable():
        raise not_a_token(response)
    scope = answer.get("scope")
    if isinstance(scope, list):
        scope = " ".join(each for each in scope if isinstance(each, str))
    kind = answer.get("token_type")
    return Token(
        access_token=Secret(access_token),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        obtained_at=server_time(response, clock),
        expires_in=lifetime(answer.get("expires_in")),
        token_type=kind if isinstance(kind, str) and kind else "bearer",
        scope=scope if isinstance(scope, str) else None,
    )


def _sendable(value: object, response: requests.Response) -> str | None:
    """A token as text that can be sent and saved; ``None`` where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):  # some servers count their tokens
        value = str(value)
    if value is None or value == "":
        return None
    text = value.strip() if isinstance(value, str) else ""
    if not text or not is_utf8(text):
        raise not_a_token(response)
    return text


def server_time(response: requests.Response, clock: Clock) -> float:
    """When the server says it answered, seconds since the epoch; this machine's clock where it does not say."""
    try:
        said = parsedate_to_datetime(response.headers["Date"])
        return moment(said.replace(tzinfo=said.tzinfo or datetime.UTC).timestamp()) or clock()
    except (KeyError, ValueError, TypeError, OverflowError):
        return clock()


@sealed
def _post(client: Client, url: str, form: Form, http: requests.Session | None) -> requests.Response:
    require_private(url, "client secret")
    form = {**form, **client.form_fields()}
    session = http or unsigned_session()
    try:
        # Redirects are not followed: they would carry the form to another host.
        response = session.post(
            url,
            data={
                name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()
            },
            timeout=TIMEOUT,
            allow_redirects=False,
            auth=client.sign,
            stream=True,
        )
        read_within(response, PATIENCE, LARGEST)
        response.request.body = None  # the form, which nobody needs any more
        return response
    except OSError as error:  # requests' own, and a certificate file that is not there
        if isinstance(getattr(error, "request", None), requests.PreparedRequest):
            error.request.body = None  # type: ignore[attr-defined]
            error.request.headers.pop("Authorization", None)  # type: ignore[attr-defined]
        error.__cause__ = error.__context__ = None  # they carry the form, too
        raise error.with_traceback(None)  # noqa: B904  it is the same error
    finally:
        if http is None:
            session.close()


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)  # response.json() reads otherwise where simplejson is installed
    except (ValueError, RecursionError):
        raise not_a_token(response) from None
    if not isinstance(answer, dict):
        raise not_a_token(response)
    return answer
