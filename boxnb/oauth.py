"""The authorization-code flow as plain functions (RFC 6749 4.1 and 6, RFC 7009, RFC 7636).

No disk, no widgets, nothing of Box's data. :func:`authorization_url` and :func:`parse_redirect` are pure;
:func:`exchange_code`, :func:`refresh` and :func:`revoke` each make one HTTP call. The lesson shows them, the
panel calls them, the tests check them: one implementation, three readers.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import requests

from .client import BOX as BOX  # the names everybody uses are oauth.BOX, oauth.Client, oauth.Server …
from .client import Client as Client
from .client import Server as Server
from .client import discover as discover  # … and oauth.discover
from .errors import InvalidGrantError, RedirectError, StateMismatchError
from .network import plain, read_within, require_private
from .pasted import answer, changed_on_the_way, no_code, same, tidy
from .pasted import is_bare_code as is_bare_code
from .refusals import called, error_of, not_a_token, redirect_error, token_error
from .tokens import Secret, Token, is_utf8, lifetime, moment, sealed

Clock = Callable[[], float]
"""Seconds since the epoch."""

Form = dict[str, Secret | str]
"""A form body; secrets stay masked in it until the moment of sending, so that no traceback shows them."""

TIMEOUT = (10.0, 20.0)
"""Seconds to connect, seconds between two bytes."""

PATIENCE = 40.0
"""Seconds for the whole of an answer, however slowly it drips."""

LARGEST = 1 << 20
"""Bytes that are read of an answer of the token endpoint; what is longer is not a token."""


def new_state() -> str:
    """One unguessable string for one authorization request (RFC 6749 10.12); 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def new_verifier() -> Secret:
    """A PKCE code verifier (RFC 7636 4.1): 43 URL-safe characters, kept until the exchange."""
    return Secret(secrets.token_urlsafe(32))


def challenge(verifier: Secret) -> str:
    """The S256 code challenge of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(
    client: Client, state: str, *, scope: str | None = None, code_challenge: str | None = None
) -> str:
    """Leg 1: the link the resource owner opens (RFC 6749 4.1.1).

    ``redirect_uri`` is always sent: Box requires it once an app has registered several. ``scope`` is left out
    unless given, because a narrowed scope may drop the As-User right. ``code_challenge`` is for servers that
    ask for PKCE; Box documents none.
    """
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
    }
    if scope is not None:
        query["scope"] = scope
    if code_challenge is not None:
        query |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
    joiner = "&" if urlsplit(client.server.authorize_url).query else "?"
    return client.server.authorize_url + joiner + urlencode(query)


@sealed
def parse_redirect(pasted: str, *, state: str, allow_bare_code: bool = False, server: Server = BOX) -> Secret:
    """Leg 2: check what came back, give the authorization code (RFC 6749 4.1.2).

    Parameters
    ----------
    pasted : str
        A whole address, a query string, a fragment; wrapped, quoted or mail-mangled.
    state : str
        The state of the request that is waiting; compared in constant time.
    allow_bare_code : bool
        Take a code with no state around it. Only a paste field that asked for it may say so.
    server : Server
        Whose answer it should be, for the sentences.

    Raises
    ------
    RedirectError
        Nothing pasted, the wrong address, or no code in it.
    AccessDeniedError
        The redirect says ``access_denied``.
    StateMismatchError
        The state is missing or belongs to another request.
    SignInError
        The redirect carries another error of RFC 6749 4.1.2.1. Where it has no state, ``checked`` is False.
    """
    box = called(server.name)
    if not tidy(pasted):
        raise RedirectError(f"Nothing was pasted. Copy the whole address of the page {box} sent you to.")
    if is_bare_code(pasted):
        if allow_bare_code:
            return Secret(tidy(pasted))
        raise RedirectError(
            "This is a code without its state, so it cannot be checked. Paste the whole address instead."
        )
    reading = answer(pasted, state)
    found, given = reading.parameters, reading.parameters.get("state", "")
    checked = same(given, state)
    if "error" in found and (checked or not given or "response_type" in found):
        raise redirect_error(found["error"], found.get("error_description", ""), server.name, checked=checked)
    if "response_type" in found or not found.keys() & {"code", "error"}:
        raise RedirectError(no_code(reading, pasted, box, urlsplit(server.authorize_url).hostname or ""))
    if not given:
        raise StateMismatchError(
            "The address carries no state: it was cut off, or it does not come from this link. "
            "Copy the whole address, or open the link again for a new code."
        )
    if not checked:
        if changed := changed_on_the_way(given, state):
            raise RedirectError(changed)
        raise StateMismatchError(
            "The state belongs to another request: an older link, another notebook, or an address that was changed "
            "on its way. Open the newest link and grant again."
        )
    if not found["code"]:
        raise RedirectError("The code in the address is empty: it was cut off. Copy the whole address.")
    twice = re.search(r"%25[0-9A-Fa-f]{2}", reading.text) is not None  # percent-encoded once too often
    return Secret(unquote(found["code"]) if twice else found["code"])


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
    session = http or plain()
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
