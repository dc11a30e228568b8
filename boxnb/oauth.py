"""The authorization-code flow as plain functions (RFC 6749 4.1 and 6, RFC 7009, RFC 7636).

No disk, no widgets, nothing of Box's data. :func:`authorization_url` and :func:`parse_redirect` are pure;
:func:`exchange_code`, :func:`refresh` and :func:`revoke` each make one HTTP call. The lesson shows them, the
panel calls them, the tests check them: one implementation, three readers.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from .errors import InvalidGrantError, RedirectError, StateMismatchError
from .network import plain
from .refusals import error_of, not_a_token, redirect_error, token_error
from .tokens import Secret, Token, sealed

Clock = Callable[[], float]
"""Seconds since the epoch."""

Form = dict[str, Secret | str]
"""A form body; secrets stay masked in it until the moment of sending, so that no traceback shows them."""

TIMEOUT = (10.0, 20.0)
"""Seconds to connect, seconds between two bytes."""

PATIENCE = 40.0
"""Seconds for the whole of an answer, however slowly it drips."""


@dataclasses.dataclass(frozen=True)
class Server:
    """The addresses of one authorization server and its API; ``pkce`` where it asks for RFC 7636."""

    name: str
    authorize_url: str
    token_url: str
    revoke_url: str
    api_url: str
    upload_url: str
    pkce: bool = False


BOX = Server(
    name="Box",
    authorize_url="https://account.box.com/api/oauth2/authorize",
    token_url="https://api.box.com/oauth2/token",
    revoke_url="https://api.box.com/oauth2/revoke",
    api_url="https://api.box.com/2.0",
    upload_url="https://upload.box.com/api/2.0",
)


@dataclasses.dataclass(frozen=True)
class Client:
    """The registered app: what the authorization server knows you by (RFC 6749 2)."""

    client_id: str
    client_secret: Secret
    redirect_uri: str
    server: Server = BOX

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_secret", Secret(self.client_secret))


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


def _tidy(pasted: str) -> str:
    """Undo what mail programs and terminals do to a URL: wrap it, quote it, escape its ampersands."""
    text = re.sub(r"\s+", "", pasted)
    return text.strip("\"'`<>()[]{}“”‘’«».,;").replace("&amp;", "&")


def _unquoted(pasted: str) -> str:
    """Undo quoted-printable, as mail sends it."""
    return re.sub(r"=\r?\n", "", pasted).replace("=3D", "=")


def is_bare_code(pasted: str) -> bool:
    """Whether the text is a code alone, with nothing that could carry a state.

    Words, and anything short without a digit, are not taken for one: what is pasted by mistake may be a password, and a
    code is sent to the server.
    """
    text = _tidy(pasted)
    if len(pasted.split()) > 1 or (len(text) < 20 and not any(letter.isdigit() for letter in text)):
        return False
    return re.fullmatch(r"[A-Za-z0-9._~!-]{6,512}", text) is not None and not _looks_like_host(text)


def _looks_like_host(text: str) -> bool:
    return text.startswith("www.") or text.endswith((".com", ".net", ".org"))


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a URL's query or fragment, or of a bare query string; the last value of each."""
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket without its other half
        return {}
    query = parts.query or parts.fragment
    if not query and "=" in text and "://" not in text:
        query = text.lstrip("?#")
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def _same(given: str, wanted: str) -> bool:
    """Compared in constant time, so that nobody can guess a state piece by piece."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


@sealed
def parse_redirect(pasted: str, *, state: str, allow_bare_code: bool = False) -> Secret:
    """Leg 2: check what came back, give the authorization code (RFC 6749 4.1.2).

    Parameters
    ----------
    pasted : str
        A whole address, a query string, a fragment; wrapped, quoted or mail-mangled.
    state : str
        The state of the request that is waiting; compared in constant time.
    allow_bare_code : bool
        Take a code with no state around it. Only a paste field that asked for it may say so.

    Raises
    ------
    RedirectError
        Nothing pasted, the wrong address, or no code in it.
    AccessDeniedError
        The redirect says ``access_denied``.
    StateMismatchError
        The state is missing or belongs to another request.
    SignInError
        The redirect carries another error of RFC 6749 4.1.2.1.
    """
    text = _tidy(pasted)
    if not text:
        raise RedirectError("Nothing was pasted: copy the whole address of the page Box sent you to.")
    if is_bare_code(text):
        if allow_bare_code:
            return Secret(text)
        raise RedirectError(
            "This is a code without its state, so it cannot be checked: paste the whole address instead."
        )
    found = _parameters(text)
    if not _same(found.get("state", ""), state) and "=3D" in pasted:
        # A code or a state may begin with "3D" by itself, so what the plain reading finds comes first.
        unquoted = _parameters(_tidy(_unquoted(pasted)))
        found = unquoted if _same(unquoted.get("state", ""), state) else found
    if "response_type" in found or ("client_id" in found and "code" not in found):
        raise RedirectError(
            "This is the address that leads to Box, not the one Box sent you back to: "
            "open it, press Grant, then copy the address of the page you land on."
        )
    if not found.keys() & {"code", "error"}:
        raise RedirectError(
            "There is no code in what was pasted: copy the whole address, up to and including code=… "
            "and state=…, from the page you land on after Grant."
        )
    if "state" not in found:
        raise StateMismatchError(
            "The address carries no state, so it cannot be told from a forged one: get a new code."
        )
    if not _same(found["state"], state):
        raise StateMismatchError(
            "The state belongs to another request, perhaps an older tab: open the newest link and grant again."
        )
    if "error" in found:
        raise redirect_error(found["error"], found.get("error_description", ""))
    if not found["code"]:
        raise RedirectError("The code in the address is empty: copy the whole address, it was cut off.")
    return Secret(found["code"])


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
    raise token_error(response, error, "token")


@sealed
def _token(client: Client, form: Form, http: requests.Session | None, clock: Clock, what: str) -> Token:
    response = _post(client, client.server.token_url, form, http)
    if response.status_code != 200:
        refused = token_error(response, error_of(response), what)
        refused.at = server_time(response, clock)
        raise refused
    answer = _json(response)
    access_token = answer.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise not_a_token(response)
    refresh_token = answer.get("refresh_token")
    return Token(
        access_token=Secret(access_token),
        refresh_token=Secret(refresh_token) if isinstance(refresh_token, str) and refresh_token else None,
        obtained_at=server_time(response, clock),
        expires_in=_seconds(answer.get("expires_in")),
        token_type=str(answer.get("token_type") or "bearer"),
        scope=answer["scope"] if isinstance(answer.get("scope"), str) else None,
    )


def _seconds(value: object) -> float:
    try:
        return max(0.0, float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 3600.0  # optional in RFC 6749 5.1; Box's nominal hour


def server_time(response: requests.Response, clock: Clock) -> float:
    """When the server says it answered, seconds since the epoch; this machine's clock where it does not say."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return clock()


@sealed
def _post(client: Client, url: str, form: Form, http: requests.Session | None) -> requests.Response:
    form = {**form, "client_id": client.client_id, "client_secret": client.client_secret}
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
            auth=_no_auth,
            stream=True,
        )
        _read_within(response, PATIENCE)
        response.request.body = None  # the form, which nobody needs any more
        return response
    except OSError as error:  # requests' own, and a certificate file that is not there
        if isinstance(getattr(error, "request", None), requests.PreparedRequest):
            error.request.body = None  # type: ignore[attr-defined]
        error.__cause__ = error.__context__ = None  # they carry the form, too
        raise error.with_traceback(None)  # noqa: B904  it is the same error
    finally:
        if http is None:
            session.close()


def _read_within(response: requests.Response, seconds: float) -> None:
    """Read the body, all of it in time: requests' own timeout only bounds the wait between two bytes."""
    deadline = time.monotonic() + seconds
    body = bytearray()
    for piece in response.iter_content(1):  # larger pieces are waited for until they are whole
        body += piece
        if time.monotonic() > deadline:
            response.close()
            raise requests.ReadTimeout("The answer came too slowly.", request=response.request)
    response._content = bytes(body)  # requests offers no other way to read under a deadline


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from adding credentials of ``.netrc``, and the API's bearer token, to a token call."""
    return request


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        raise not_a_token(response) from None
    if not isinstance(answer, dict):
        raise not_a_token(response)
    return answer
