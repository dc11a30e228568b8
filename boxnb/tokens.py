"""How each kind of sign-in gets its next access token, and which failed requests for one are sent again.

A refresh token is sent again after a lost response, because Box then returns the same pair. A password is sent again only
if it is certain that it did not arrive: a server may lock an account after a few wrong ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import requests

from . import oauth, store
from .errors import CredentialsRefusedError, HostNotAllowedError, InvalidGrantError, TokenEndpointError
from .oauth import Clock, password
from .oauth.failures import network_trouble
from .oauth.token import Token
from .secret import Secret
from .store import intent
from .store.method import CLIENT_CREDENTIALS, LOGIN
from .transport.sessions import NETWORK_ERRORS, never_connected, unsigned_session
from .transport.waits import announce, wait_sentence

WAITS = (0.5, 1.0, 2.0, 4.0)

PATIENCE = 50.0
"""Seconds after which a refresh is no longer retried, so that other processes get the lock before they time out."""

LONGEST_WAIT = 30.0
"""The longest ``Retry-After`` that boxnb waits for, in seconds. A longer one raises an error that says when to try again."""

ALIVE = 2.0
"""How many seconds a token must still be valid, so that a request to keep it alive reaches the server in time."""

NO_TOKEN = Token(Secret(""), None, 0.0, 0.0)
"""What stands for the token of a profile that can get one by itself and has none yet. It has expired."""

_REPEATABLE = {"conflict", ""}
"""Errors from the token endpoint after which the same request is sent again: 409, 429, 5xx, an unreadable response."""


def login_of(profile: store.Profile) -> password.Login:
    """Return the user name, the password and the URLs of a profile that exchanges them for a bearer token."""
    settings, secrets = profile.method.settings, profile.method.secrets
    return password.Login(
        username=settings.get("username", ""),
        password=secrets.get("password", Secret("")),
        login_url=settings.get("login_url", ""),
        keep_alive_url=settings.get("keep_alive_url", ""),
        end_url=settings.get("end_url", ""),
        token_field=settings.get("token_field", "token"),
        expires_field=settings.get("expires_field", "expires"),
        headers=profile.method.secret_headers,
    )


def fetch(
    profile: store.Profile,
    token: Token,
    *,
    clock: Clock = time.time,
    sleep: Callable[[float], None] = time.sleep,
    waits: Sequence[float] | None = None,
    session: Callable[..., requests.Session] = unsigned_session,
) -> Token:
    """Return the next token of a profile. The caller holds the lock, and saves the token before its first use.

    Parameters
    ----------
    profile : Profile
    token : Token
        The current token, or :data:`NO_TOKEN`.
    clock : callable
        The server's time in seconds since the epoch.
    sleep : callable
        Called with a number of seconds, to wait between two attempts.
    waits : sequence of float, optional
        The seconds before each repetition; by default :data:`WAITS`.
    session : callable
        Returns the session for one attempt, given the profile's ``verify``.

    Raises
    ------
    CredentialsRefusedError, InvalidClientError
        The saved secrets were refused.
    InvalidGrantError
        The refresh token was refused. ``lost`` says whether the response to an earlier attempt was lost.
    TokenEndpointError
        There was no usable response.
    HostNotAllowedError
        The token endpoint is neither https nor on this computer.
    """
    started, may_have_arrived = time.monotonic(), False
    pauses = iter(WAITS if waits is None else waits)
    journal = store.path(profile.name)
    while True:
        pause = next(pauses, None)  # None after the last attempt
        wait = pause if time.monotonic() - started < PATIENCE else None
        try:
            with session(profile.verify) as http:
                return _request(profile, token, http, clock)
        except InvalidGrantError as error:
            intent.end(journal)
            error.lost = may_have_arrived
            raise
        except HostNotAllowedError:
            intent.end(journal)  # nothing was sent
            raise
        except TokenEndpointError as error:
            if error.error not in _REPEATABLE:
                intent.end(journal)  # the refusal is final, and the token was not spent
                raise
            if wait is None or (error.retry_after or 0.0) > LONGEST_WAIT:
                raise  # its message says when to try again
            wait = max(wait, error.retry_after or 0.0)
            reason = "The token endpoint is not available"
        except OSError as error:
            may_have_arrived = may_have_arrived or not never_connected(error)
            is_final = profile.method.kind == LOGIN and may_have_arrived
            if wait is None or is_final or not isinstance(error, NETWORK_ERRORS):
                if not may_have_arrived:
                    intent.end(journal)  # no request left this computer
                # Raise one of boxnb's own exceptions, so that no caller repeats these retries.
                raise TokenEndpointError(
                    f"{_purpose(profile)} The saved sign-in is unchanged. {network_trouble(error)}"
                ) from error
            reason = "No response from the token endpoint"
        announce(wait, wait_sentence(wait, reason))
        sleep(wait)


def _purpose(profile: store.Profile) -> str:
    if profile.method.needs_no_person:
        return f"Cannot get an access token for {profile.name!r}."
    return "Cannot refresh the access token."


def _request(profile: store.Profile, token: Token, http: requests.Session, clock: Clock) -> Token:
    kind = profile.method.kind
    if kind == CLIENT_CREDENTIALS:
        return oauth.client_credentials(profile.client, profile.method.form(), http=http, clock=clock)
    if kind != LOGIN:
        return oauth.refresh(profile.client, token, http=http, clock=clock)
    login, server = login_of(profile), profile.client.server.name
    if login.keep_alive_url and clock() < token.expires_at - ALIVE:
        try:
            kept = password.keep_alive(login, token, http=http, clock=clock, server=server)
        except (*NETWORK_ERRORS, TokenEndpointError):
            kept = None  # the old token may have ended, so only the password helps
        if kept is not None:
            return kept
    return password.exchange_password(login, http=http, clock=clock, server=server)


def not_sent_again(profile: store.Profile) -> CredentialsRefusedError:
    """Return the error for secrets that the server has already refused. No request was sent."""
    reason = profile.refused.partition(". ")[0].rstrip(".")
    return CredentialsRefusedError(
        f"{reason}. That was an earlier call: boxnb does not send them again, because the server could lock the account. "
        f"Save them again, or run boxnb.doctor({profile.name!r}) once an admin has unlocked it.",
        error="credentials_refused",
    )
