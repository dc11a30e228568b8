"""A user name and a password for a bearer token that expires, as some device managers offer. This is not part of OAuth.

Each function makes one call, as in `endpoint`. The password is sent by HTTP Basic, and only to ``login_url``. URLs and fields
are those of Jamf Pro. Its documentation does not say which statuses stand for a refused or an ended token: those here are
*assumed*.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from urllib.parse import urlsplit

import requests

from ..errors import SignInError, TokenEndpointError
from ..secret import Header, Secret, basic_pair, bearer, sealed
from . import endpoint
from .failures import error_of, not_a_token, quoted, token_error
from .flow import Clock
from .refusals import password_refused
from .token import NOMINAL, Token, fits_header, lifetime, token_text

_SECONDS_NOT_A_TIME = 1e9
"""A number below this is a lifetime in seconds; a larger one is a time since the epoch."""

_MILLISECONDS = 1e11


@dataclasses.dataclass(frozen=True)
class Login:
    """A user name and a password, and the URLs that turn them into a bearer token.

    Attributes
    ----------
    username, password : str, Secret
    login_url : str
        ``POST`` with HTTP Basic returns a token.
    keep_alive_url : str
        ``POST`` with a valid token returns a new one and ends the old one; ``""`` if the server does not offer this.
    end_url : str
        ``POST`` ends the token that is sent; ``""`` if the server does not offer this.
    token_field, expires_field : str
        The names of the two fields of the response.
    headers : dict of str to Secret
        Further secret headers that every request needs.
    """

    username: str
    password: Secret
    login_url: str
    keep_alive_url: str = ""
    end_url: str = ""
    token_field: str = "token"
    expires_field: str = "expires"
    headers: dict[str, Secret] = dataclasses.field(default_factory=dict)

    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the user name and password to one request. Requests calls this as ``auth=``."""
        request.headers["Authorization"] = Header("Basic", basic_pair(self.username, self.password))
        return self._with_headers(request)

    def signer(self, token: Token) -> requests.auth.AuthBase:
        """Return what adds a token to one request, for ``auth=`` of requests."""
        return _Bearer(self, token)

    def _with_headers(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        for name, value in self.headers.items():
            request.headers[name] = Header("", value)
        return request


class _Bearer(requests.auth.AuthBase):
    def __init__(self, login: Login, token: Token) -> None:
        self._login, self._token = login, token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = bearer(self._token.access_token)
        return self._login._with_headers(request)


@sealed
def exchange_password(login: Login, *, http: requests.Session, clock: Clock, server: str) -> Token:
    """Return a token for the user name and password.

    Raises
    ------
    CredentialsRefusedError
        The server refused the user name or the password, or the account is locked.
    TokenEndpointError
        The response is not usable.
    """
    response = endpoint.post(login.login_url, {}, login.sign, http, "password")
    if response.status_code not in (200, 201):
        raise _refusal(login, response, server)
    return _token(login, response, clock)


@sealed
def keep_alive(
    login: Login, token: Token, *, http: requests.Session, clock: Clock, server: str
) -> Token | None:
    """Return a new token for a valid one, which ends; ``None`` if the server no longer accepts the old one.

    Raises
    ------
    TokenEndpointError
        The response is not usable.
    """
    response = endpoint.post(login.keep_alive_url, {}, login.signer(token), http, "access token")
    if response.status_code in (401, 403, 404, 405):
        return None
    if response.status_code not in (200, 201):
        raise token_error(response, error_of(response), "token", server)
    return _token(login, response, clock)


@sealed
def end(login: Login, token: Token, *, http: requests.Session, server: str) -> bool:
    """End a token at the server. Return False if the server no longer accepted it.

    Raises
    ------
    TokenEndpointError
        The server did not end the token, which may still work.
    """
    response = endpoint.post(login.end_url, {}, login.signer(token), http, "access token")
    if response.status_code in (200, 201, 202, 204):
        return True
    if response.status_code == 401:
        return False
    raise token_error(response, error_of(response), "token", server)


def _refusal(login: Login, response: requests.Response, server: str) -> SignInError:
    host, status = urlsplit(response.url).hostname or "the server", response.status_code
    error = error_of(response)
    if status in (400, 401, 403, 422, 423):  # some servers refuse a password with another status than 401
        return password_refused(login.username, host, status, error[1], quoted(error[1], server))
    if status == 404:
        return TokenEndpointError(
            f"{host} has no {urlsplit(response.url).path} (404). Check the server's address and preset.",
            error="not_found",
        )
    return token_error(response, error, "password", server)


def _token(login: Login, response: requests.Response, clock: Clock) -> Token:
    fields = endpoint.json_of(response)
    try:
        access_token = token_text(fields.get(login.token_field))
    except ValueError:
        raise not_a_token(response) from None
    if access_token is None or not fits_header(access_token):
        raise not_a_token(response)
    obtained_at = endpoint.server_time(response, clock)
    return Token(
        access_token=Secret(access_token),
        refresh_token=None,
        obtained_at=obtained_at,
        expires_in=_lifetime(fields.get(login.expires_field), obtained_at),
    )


def _lifetime(value: object, now: float) -> float:
    """Return a token's lifetime in seconds, from a lifetime, a time since the epoch (s or ms) or an ISO time.

    Return the nominal hour for any other value: a 401 then shows that the token has expired.
    """
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", value):
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            return NOMINAL
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp() - now)
    try:
        number = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        return NOMINAL
    if number > _SECONDS_NOT_A_TIME:
        return max(0.0, number / (1000 if number > _MILLISECONDS else 1) - now)
    return lifetime(value)
