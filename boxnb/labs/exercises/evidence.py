"""Reading a sandbox's record: what a lab may take as proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from boxnb.labs.exercise import Record

Call = dict[str, Any]


def form(call: Call, name: str) -> str:
    """A field of the request's form; secrets are fingerprints."""
    return str((call.get("form") or {}).get(name) or "")


def is_token(call: Call, grant: str = "") -> bool:
    """A request at the token endpoint, of one grant type or any."""
    return bool(call["path"] == "/oauth2/token" and grant in ("", form(call, "grant_type")))


def exchanges(record: Record) -> list[Call]:
    """Codes exchanged or tried to be."""
    return [call for call in record if is_token(call, "authorization_code")]


def refreshes(record: Record) -> list[Call]:
    """Refreshes, answered or not."""
    return [call for call in record if is_token(call, "refresh_token")]


def api(record: Record) -> list[Call]:
    """Calls of the API."""
    return [call for call in record if call["path"].startswith("/2.0/")]


def opened(record: Record) -> list[Call]:
    """Authorization links that were opened."""
    return [call for call in record if call["path"].endswith("/authorize") and call["method"] == "GET"]


def decided(record: Record, decision: str = "grant") -> list[Call]:
    """Presses of Grant or Deny that led back to the app."""
    return [
        call
        for call in record
        if call["path"].endswith("/authorize")
        and form(call, "decision") == decision
        and call["status"] in (302, 303)
    ]


def ok(call: Call) -> bool:
    """Answered with 2xx, and by the sandbox itself."""
    return call["status"] is not None and 200 <= call["status"] < 300 and not call["fault"]


def later(record: Record, call: Call) -> Record:
    """What came after a call."""
    return record[next(place for place, each in enumerate(record) if each is call) + 1 :]


def between(record: Record, first: Call, last: Call) -> Record:
    """What came after one call and before another."""
    rest = later(record, first)
    return rest[: next((place for place, each in enumerate(rest) if each is last), len(rest))]


def repeats(record: Record, grant: str, field: str) -> Iterator[list[Call]]:
    """Token requests that sent the same code or refresh token, together, where there is more than one."""
    groups: dict[str, list[Call]] = {}
    for call in record:
        if is_token(call, grant):
            groups.setdefault(form(call, field), []).append(call)
    yield from (calls for key, calls in groups.items() if key and len(calls) > 1)


def redirect_of(call: Call) -> str:
    """The redirect URI that a link asked for."""
    return str((call.get("query") or {}).get("redirect_uri") or "")


def host(address: str) -> str:
    """The host of an address."""
    return urlsplit(address).hostname or ""


def client_of(call: Call) -> str:
    """The client id of a link."""
    return str((call.get("query") or {}).get("client_id") or "")
