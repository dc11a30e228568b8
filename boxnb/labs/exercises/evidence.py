"""Functions that search the sandbox's record for the calls that an exercise accepts as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from boxnb.labs.exercise import Record

Call = dict[str, Any]


def form_field(call: Call, name: str) -> str:
    """Return a field of the request's form; a secret is shown as its fingerprint."""
    return str((call.get("form") or {}).get(name) or "")


def is_token_request(call: Call, grant: str = "") -> bool:
    """Return whether the call is a token request, and has this grant type if one is given."""
    return bool(call["path"] == "/oauth2/token" and grant in ("", form_field(call, "grant_type")))


def code_exchanges(record: Record) -> list[Call]:
    """Return all attempts to exchange a code."""
    return [call for call in record if is_token_request(call, "authorization_code")]


def refreshes(record: Record) -> list[Call]:
    """Return the refreshes, successful or not."""
    return [call for call in record if is_token_request(call, "refresh_token")]


def api_calls(record: Record) -> list[Call]:
    """Return the API calls."""
    return [call for call in record if call["path"].startswith("/2.0/")]


def opened_links(record: Record) -> list[Call]:
    """Return the requests that opened an authorization link."""
    return [call for call in record if call["path"].endswith("/authorize") and call["method"] == "GET"]


def decisions(record: Record, decision: str = "grant") -> list[Call]:
    """Return the requests that submitted Grant (or Deny) and were answered with a redirect to the app."""
    return [
        call
        for call in record
        if call["path"].endswith("/authorize")
        and form_field(call, "decision") == decision
        and call["status"] in (302, 303)
    ]


def succeeded(call: Call) -> bool:
    """Return whether the sandbox responded with 2xx, without an injected fault."""
    return call["status"] is not None and 200 <= call["status"] < 300 and not call["fault"]


def after(record: Record, call: Call) -> Record:
    """Return the calls after the given one."""
    return record[next(index for index, other in enumerate(record) if other is call) + 1 :]


def between(record: Record, first: Call, last: Call) -> Record:
    """Return the calls after one call and before another."""
    later_calls = after(record, first)
    end = next((index for index, call in enumerate(later_calls) if call is last), len(later_calls))
    return later_calls[:end]


def repeated_token_requests(record: Record, grant: str, field: str) -> Iterator[list[Call]]:
    """Yield each group of two or more token requests that sent the same code or refresh token."""
    groups: dict[str, list[Call]] = {}
    for call in record:
        if is_token_request(call, grant):
            groups.setdefault(form_field(call, field), []).append(call)
    yield from (calls for value, calls in groups.items() if value and len(calls) > 1)


def redirect_uri(call: Call) -> str:
    """Return the redirect URI in an authorization link."""
    return str((call.get("query") or {}).get("redirect_uri") or "")


def host(url: str) -> str:
    """Return the host of a URL."""
    return urlsplit(url).hostname or ""


def client_id(call: Call) -> str:
    """Return the client ID in an authorization link."""
    return str((call.get("query") or {}).get("client_id") or "")
