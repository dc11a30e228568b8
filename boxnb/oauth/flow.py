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
from .client import BOX, Client, Server
from .failures import display_name, redirect_error
from .pasted_address import (
    best_reading,
    explain_damaged_state,
    explain_missing_code,
    is_bare_code,
    same_state,
    tidy,
)

Clock = Callable[[], float]
"""A function that returns seconds since the epoch."""


def new_state() -> str:
    """Return an unguessable string for one authorization request (RFC 6749 10.12): 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def new_verifier() -> Secret:
    """Return a PKCE code verifier (RFC 7636 4.1): 43 URL-safe characters, needed again for the code exchange."""
    return Secret(secrets.token_urlsafe(32))


def challenge(verifier: Secret) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(
    client: Client, state: str, *, scope: str | None = None, code_challenge: str | None = None
) -> str:
    """Leg 1: return the link that the resource owner opens (RFC 6749 4.1.1).

    ``redirect_uri`` is always sent, because Box requires it for apps that have several. ``scope`` is sent only if it is
    passed, because a narrower scope may remove the As-User permission. ``code_challenge`` is for servers that use PKCE;
    Box does not document support for it.
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
    """Leg 2: check the redirect and return its authorization code (RFC 6749 4.1.2).

    Parameters
    ----------
    pasted : str
        A whole address, a query string or a fragment. An email program may have wrapped, quoted or damaged it.
    state : str
        The state of the pending request; compared in constant time.
    allow_bare_code : bool
        Accept a code without a state. Use this only for a paste field that asks for a code.
    server : Server
        The server that should have sent the redirect. Messages name it.

    Raises
    ------
    RedirectError
        Nothing was pasted, the address is the wrong one, or it has no code.
    AccessDeniedError
        The redirect contains ``access_denied``.
    StateMismatchError
        The state is missing or belongs to another request.
    SignInError
        The redirect contains another error of RFC 6749 4.1.2.1. If it has no state, ``checked`` is False.
    """
    box = display_name(server.name)
    if not tidy(pasted):
        raise RedirectError(f"Nothing was pasted. Copy the whole address of the page {box} sent you to.")
    if is_bare_code(pasted):
        if allow_bare_code:
            return Secret(tidy(pasted))
        raise RedirectError(
            "This is a code without its state, so it cannot be checked. Paste the whole address instead."
        )
    reading = best_reading(pasted, state)
    parameters, returned_state = reading.parameters, reading.parameters.get("state", "")
    checked = same_state(returned_state, state)
    if "error" in parameters and (checked or not returned_state or "response_type" in parameters):
        description = parameters.get("error_description", "")
        raise redirect_error(parameters["error"], description, server.name, checked=checked)
    if "response_type" in parameters or not parameters.keys() & {"code", "error"}:
        raise RedirectError(
            explain_missing_code(reading, pasted, box, urlsplit(server.authorize_url).hostname or "")
        )
    if not returned_state:
        raise StateMismatchError(
            "The address contains no state: it was cut off, or it does not come from this link. "
            "Copy the whole address, or open the link again for a new code."
        )
    if not checked:
        if explanation := explain_damaged_state(returned_state, state):
            raise RedirectError(explanation)
        raise StateMismatchError(
            "The state belongs to another request: an older link, another notebook, or an address that was altered "
            "in transit. Open the newest link and grant access again."
        )
    if not parameters["code"]:
        raise RedirectError("The code in the address is empty: it was cut off. Copy the whole address.")
    encoded_twice = re.search(r"%25[0-9A-Fa-f]{2}", reading.text) is not None
    return Secret(unquote(parameters["code"]) if encoded_twice else parameters["code"])
