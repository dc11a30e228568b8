"""The authorization-code flow as pure functions (RFC 6749 4.1, RFC 7636): no network, no disk, no clock."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from urllib.parse import unquote, urlencode, urlsplit

from ..errors import RedirectError, StateMismatchError
from ..secret import Secret, sealed
from .client import BOX as BOX  # the names everybody uses are oauth.BOX, oauth.Client, oauth.Server …
from .client import Client as Client
from .client import Server as Server
from .client import discover as discover  # … and oauth.discover
from .failures import called, redirect_error
from .pasted_address import answer, changed_on_the_way, no_code, same, tidy
from .pasted_address import is_bare_code as is_bare_code

Clock = Callable[[], float]
"""Seconds since the epoch."""


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
