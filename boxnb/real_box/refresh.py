"""Refresh the token pair once, and say what the response was like, without any of the tokens.

The same refresh token is never sent twice: if the response is lost, boxnb's next call with the profile repeats the refresh,
as it always does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from ..auth import RotatingAuth
from ..errors import InvalidClientError, InvalidGrantError, TokenEndpointError
from ..oauth.endpoint import LARGEST, PATIENCE
from ..oauth.token import Token
from ..secret import Secret, sealed
from ..transport.sessions import NETWORK_ERRORS, Session, never_connected, read_within, unsigned_session
from .shapes import Finding
from .words import json_type, shape

FIELDS = {
    "access_token": "string",
    "refresh_token": "string",
    "expires_in": "integer",
    "restricted_to": "array",
    "token_type": "string",
}
"""The fields of a token pair (box-facts 1.5)."""
HEADERS = {"content-type", "cache-control", "date"}
"""The headers of a token pair (box-facts 1.5; RFC 6749 5.1)."""
SPARE = 120
"""How many seconds the old access token must still be valid, so that it does not expire during the run."""
SHORTEST, LONGEST = 1800, 7200
"""Which lifetimes of an access token, in seconds, agree with Box's guide, allowing for those that were seen (box-facts 1.5)."""


@dataclass
class Tokens:
    """The access token in use, and the one before the refresh if it should still be valid."""

    current: Secret
    old: Secret | None = None


@dataclass(frozen=True)
class Facts:
    """What a refresh returned, without values: the status, the names of the headers, the JSON type of each field, and so on."""

    status: int
    headers: frozenset[str]
    types: dict[str, str]
    is_same_access: bool
    is_same_refresh: bool
    is_bearer: bool
    is_restricted: bool
    is_json: bool
    is_stored: bool
    seconds: Any

    @property
    def lifetime(self) -> str:
        """The lifetime of the access token in words."""
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, int):
            return shape(self.seconds)
        if self.seconds < SHORTEST:
            return "less than half an hour"
        return "more than two hours" if self.seconds > LONGEST else "about an hour"


class OneRefresh(RotatingAuth):
    """A profile's sign-in that sends a refresh once. `facts` says what the response was like, or is None if it was lost."""

    waits = ()  # a refresh is never repeated
    facts: Facts | None = None
    asked = False

    def token_session(self, verify: bool | str | None = True) -> Session:
        """Return a session that looks at the response of the token endpoint."""
        self.asked = True
        before = self.saved_token

        def look(response: requests.Response, *_: Any, **_options: Any) -> None:
            read_within(response, PATIENCE, LARGEST)
            self.facts = facts_of(response, before)

        http = unsigned_session(verify)
        http.hooks["response"].append(look)
        return http


@sealed
def facts_of(response: requests.Response, token: Token) -> Facts:
    """Return what a response of the token endpoint was like."""
    try:
        doc = json.loads(response.content)
    except (ValueError, RecursionError):
        doc = None
    fields: dict[str, Any] = doc if isinstance(doc, dict) else {}
    refresh_token = "" if token.refresh_token is None else token.refresh_token.reveal()
    return Facts(
        response.status_code,
        frozenset(str(name).lower() for name in response.headers),
        {name: json_type(value) for name, value in fields.items()},
        fields.get("access_token") == token.access_token.reveal(),
        fields.get("refresh_token") == refresh_token,
        fields.get("token_type") == "bearer",
        bool(fields.get("restricted_to")),
        response.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json",
        "no-store" not in response.headers.get("cache-control", "").lower(),
        fields.get("expires_in"),
    )


def refresh_profile(auth: OneRefresh) -> tuple[Tokens, str]:
    """Refresh a profile's token pair. Return the tokens, and what the page says if there is no new pair.

    Raises
    ------
    InvalidGrantError, TokenEndpointError, TokenStoreError
        The sign-in is no longer valid, the server cannot be reached, or the new pair could not be saved.
    """
    before = auth.saved_token
    if not before.refresh_token:
        return Tokens(before.access_token), "The sign-in has no refresh token."
    try:
        new = auth.rotate(rejected=before.access_token)
    except TokenEndpointError as error:
        cause = error.__cause__
        is_lost = isinstance(cause, NETWORK_ERRORS) and not never_connected(cause)
        if isinstance(error, InvalidGrantError | InvalidClientError) or not (is_lost or auth.facts):
            raise
        if auth.now() > before.expires_at - SPARE:
            raise  # there is no other token to read with
        why = (
            "The response was lost."
            if is_lost
            else "The response was an error, or did not contain a token pair."
        )
        why += " The refresh was not repeated; boxnb repeats it when it next needs to."
        return Tokens(before.access_token), why
    if not auth.asked:
        return Tokens(new.access_token), "Another program had just refreshed the token pair."
    # Compare by the server's clock, which only the response to the refresh shows.
    was_valid = new.obtained_at < before.expires_at - SPARE
    return Tokens(new.access_token, before.access_token if was_valid else None), ""


def refresh_findings(facts: Facts) -> Iterator[Finding]:
    """Yield how the response to a refresh differs from what boxnb expects."""
    if facts.status != 200:
        yield Finding(("status",), "status", "200", str(facts.status))
    for name, kind in FIELDS.items():
        if name not in facts.types:
            yield Finding((name,), "missing", "always present", "missing")
        elif facts.types[name] != kind:
            yield Finding((name,), "type", kind, facts.types[name])
    for name in facts.types:
        if name not in FIELDS:
            yield Finding((name,), "new", "no such field", facts.types[name])
    if facts.is_same_access:
        yield Finding(("access_token",), "value", "a new access token", "the old access token")
    if facts.is_same_refresh:
        yield Finding(("refresh_token",), "value", "a new refresh token", "the old refresh token")
    if not facts.is_bearer:
        yield Finding(("token_type",), "value", "bearer", "another type")
    if facts.is_restricted:
        yield Finding(("restricted_to",), "value", "an empty list", "a list that is not empty")
    if "content-type" in facts.headers and not facts.is_json:
        yield Finding(("content-type",), "header", "application/json", "another type")
    if "cache-control" in facts.headers and facts.is_stored:
        yield Finding(("cache-control",), "header", "no-store", "another value")
    if facts.lifetime != "about an hour":
        yield Finding(("expires_in",), "value", "about an hour", facts.lifetime)
    for name in sorted(HEADERS - facts.headers):
        yield Finding((name,), "header", "sent", "missing")
