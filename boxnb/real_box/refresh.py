"""Refresh the token pair once, and say what the response was like, without any of the tokens.

The same refresh token is never sent twice: if the response is lost, boxnb's next call with the profile repeats the refresh,
as it always does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from .. import oauth, store
from ..auth import RotatingAuth
from ..errors import BoxNotebookError, TokenEndpointError
from ..oauth import Client
from ..oauth.endpoint import LARGEST, PATIENCE
from ..oauth.token import Token
from ..secret import Secret, sealed
from ..transport.sessions import read_within, unsigned_session
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
SHORTEST, LONGEST = 1800, 7200
"""Between these, in seconds, an access token's lifetime is as Box's guide says, give or take what was seen (box-facts 1.5)."""


@dataclass
class Tokens:
    """The access token in use, and the one before the refresh, if it should still have been valid then."""

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
    """A profile's sign-in that is refreshed in one request. `facts` says what its response was like, or is None if it was lost."""

    facts: Facts | None = None
    asked = False

    def _fetch(self, profile: store.Profile, token: Token) -> Token:
        if self.asked:
            raise TokenEndpointError("The refresh is not repeated here.")
        self.asked = True

        def look(response: requests.Response, *_: Any, **_options: Any) -> None:
            read_within(response, PATIENCE, LARGEST)
            self.facts = facts_of(response, token)

        with unsigned_session(profile.verify) as http:
            http.hooks["response"].append(look)
            return oauth.refresh(profile.client, token, http=http, clock=self.now)


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
        fields.get("expires_in"),
    )


def refresh_profile(auth: OneRefresh, now: float) -> tuple[Tokens, str]:
    """Refresh a profile's token pair, and return the tokens and, if it failed, what the page says about it.

    Raises
    ------
    InvalidGrantError, TokenStoreError, ...
        The sign-in is no longer valid, or it could not be saved.
    """
    before = auth.saved_token
    if not before.refresh_token:
        return Tokens(before.access_token), "The sign-in has no refresh token."
    was_valid = now < before.expires_at - 120
    try:
        new = auth.rotate(rejected=before.access_token)
    except TokenEndpointError as error:
        if auth.facts is not None or not was_valid or isinstance(error.__cause__, BoxNotebookError):
            raise
        return Tokens(before.access_token), "The response to the refresh was lost. It was not repeated."
    return Tokens(new.access_token, before.access_token if was_valid else None), ""


def refresh_pair(client: Client, token: Token, clock: oauth.Clock = time.time) -> tuple[Tokens, Facts]:
    """Refresh a token pair of the sandbox, which is not saved, and return the tokens and what the response was like."""
    found: list[Facts] = []

    def look(response: requests.Response, *_: Any, **_options: Any) -> None:
        read_within(response, PATIENCE, LARGEST)
        found.append(facts_of(response, token))

    with unsigned_session() as http:
        http.hooks["response"].append(look)
        new = oauth.refresh(client, token, http=http, clock=clock)
    return Tokens(new.access_token, token.access_token), found[0]


def refresh_findings(facts: Facts, reference: Facts) -> Iterator[Finding]:
    """Yield how the response to a refresh differs from what boxnb expects."""
    if facts.status != reference.status:
        yield Finding(("status",), "status", str(reference.status), str(facts.status))
    for name, kind in FIELDS.items():
        if name not in facts.types:
            yield Finding((name,), "missing", "always there", "missing")
        elif facts.types[name] != kind:
            yield Finding((name,), "type", kind, facts.types[name])
    for name in facts.types:
        if name not in FIELDS and name not in reference.types:
            yield Finding((name,), "new", "no such field", facts.types[name])
    if facts.is_same_access:
        yield Finding(("access_token",), "value", "a new access token", "the old access token")
    if facts.is_same_refresh:
        yield Finding(("refresh_token",), "value", "a new refresh token", "the old refresh token")
    if not facts.is_bearer:
        yield Finding(("token_type",), "value", "bearer", "another type")
    if facts.lifetime != "about an hour":
        yield Finding(("expires_in",), "value", "about an hour", facts.lifetime)
    for name in sorted({"content-type", "cache-control", "date"} & reference.headers - facts.headers):
        yield Finding((name,), "header", "sent", "missing")
