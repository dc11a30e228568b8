"""Every way in which a changed Box differs is found, and named with the part of boxnb that it affects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from changed_box import Change, ChangedBox, Exchange

import boxnb

pytestmark = pytest.mark.usefixtures("untraced")

ITEMS = "/folders/*/items"


def entries_of(*paths: str, **values: Any) -> Change:
    """Return a change that sets fields in every entry of some listings. A value may be a function of the old one."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(*paths):
            for entry in exchange.entries:
                for name, value in values.items():
                    entry[name] = value(entry.get(name)) if callable(value) else value

    return change


def without(field: str, *paths: str) -> Change:
    """Return a change that removes a field from every entry of some listings, or from the object itself."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(*paths):
            for entry in exchange.entries or [exchange.doc]:
                entry.pop(field, None)

    return change


def page(*paths: str, **values: Any) -> Change:
    """Return a change that sets the fields of a page or an object; None removes the field."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(*paths):
            for name, value in values.items():
                if value is None:
                    exchange.doc.pop(name, None)
                else:
                    exchange.doc[name] = value(exchange.doc.get(name)) if callable(value) else value

    return change


def header(name: str, value: str | None, status: int = 200) -> Change:
    """Return a change that sets or removes a header of every response with a status."""

    def change(exchange: Exchange) -> None:
        if exchange.status == status and exchange.method == "GET":
            exchange.headers.pop(name, None)
            if value is not None:
                exchange.headers[name] = value

    return change


def status(before: int, after: int, *paths: str) -> Change:
    """Return a change of the status of some paths."""

    def change(exchange: Exchange) -> None:
        if exchange.status == before and exchange.matches(*paths):
            exchange.status = after

    return change


def errors(before: int, **values: Any) -> Change:
    """Return a change of the body of every error with a status; None removes a field."""

    def change(exchange: Exchange) -> None:
        if exchange.status == before and isinstance(exchange.doc, dict):
            for name, value in values.items():
                exchange.doc[name] = value
                if value is None:
                    del exchange.doc[name]

    return change


def token(**values: Any) -> Change:
    """Return a change of the response to a refresh; None removes a field, and a function gets the request's form."""

    def change(exchange: Exchange) -> None:
        if exchange.matches("/oauth2/token") and exchange.form.get("grant_type") == "refresh_token":
            for name, value in values.items():
                exchange.doc[name] = value(exchange.form) if callable(value) else value
                if value is None:
                    del exchange.doc[name]

    return change


def reverse(*paths: str) -> Change:
    """Return a change that reverses the entries of each page."""
    return page(*paths, entries=lambda entries: entries[::-1])


def whole_list_for(path: str) -> Change:
    """Return a change that ignores the limit: a page of two has twenty entries."""
    return page(path, entries=lambda entries: entries if len(entries) != 2 else entries * 10)


def too_many_once(after: str | None) -> Change:
    """Return a change that refuses the first call to the groups with 429, with this ``Retry-After``."""
    refused: list[str] = []

    def change(exchange: Exchange) -> None:
        if exchange.matches("/groups") and not refused:
            refused.append(exchange.path)
            exchange.status, exchange.headers = 429, {"content-type": "application/json"}
            exchange.doc = {
                "type": "error",
                "status": 429,
                "code": "rate_limit_exceeded",
                "message": "Too many",
            }
            if after is not None:
                exchange.headers["retry-after"] = after

    return change


def box_version_refused(version: str) -> Change:
    """Return a change that refuses a version of the API."""

    def change(exchange: Exchange) -> None:
        if exchange.sent.get("box-version") == version:
            exchange.status = 400
            exchange.doc = {"type": "error", "status": 400, "code": "invalid_api_version", "message": "no"}

    return change


def as_user_ignored(exchange: Exchange) -> None:
    """Return the user who signed in, whatever As-User says."""
    if exchange.is_read_of("/users/me") and "as-user" in exchange.sent:
        exchange.doc["id"] = "1"


def body_of(text: bytes, *paths: str) -> Change:
    """Return a change that replaces the body of some paths."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(*paths):
            exchange.doc, exchange.body = None, text

    return change


def no_304(exchange: Exchange) -> None:
    """Return 200 with a body where nothing has changed."""
    if exchange.status == 304:
        exchange.status, exchange.headers["content-type"] = 200, "application/json"
        exchange.doc = {"type": "folder", "id": exchange.path.rpartition("/")[2], "etag": "1"}


def old_token_lives(exchange: Exchange) -> None:
    """Accept the old access token after the new one was used."""
    if exchange.status == 401 and "authorization" in exchange.sent:
        exchange.status, exchange.doc = 200, {"type": "user", "id": "1"}
        exchange.headers = {"content-type": "application/json"}


def old_token_dies(exchange: Exchange) -> None:
    """Refuse the old access token at once."""
    if exchange.is_read_of("/users/me") and not old_token_dies.__dict__.setdefault("done", False):
        old_token_dies.__dict__["done"] = True
        exchange.status, exchange.doc, exchange.body = 401, None, b""
        exchange.headers = {"www-authenticate": 'Bearer realm="Service", error="invalid_token"'}


def two_kinds(path: str, kind: str, **values: Any) -> Change:
    """Return a change of the entries of one type."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(path):
            for entry in exchange.entries:
                if entry.get("type") == kind:
                    entry.update(values)

    return change


def nested(path: str, outer: str, **values: Any) -> Change:
    """Return a change of an object inside each entry; None removes a field."""

    def change(exchange: Exchange) -> None:
        if exchange.is_read_of(path):
            for entry in exchange.entries:
                for name, value in values.items() if isinstance(entry.get(outer), dict) else ():
                    entry[outer][name] = value
                    if value is None:
                        del entry[outer][name]

    return change


Z = "2026-01-02T03:04:05Z"
# Each change, with the call and the place at which it must be found, and a word of the claim that it affects.
DEVIATIONS: dict[str, tuple[Change, str, str, str]] = {
    "a field is missing": (without("role", "/users"), "/users", "entries[user].role", "column role"),
    "a field of an item is missing": (without("etag", ITEMS), ITEMS, "entries[folder].etag", "column etag"),
    "a field of an event is missing": (
        without("ip_address", "/events"),
        "/events",
        "entries[].ip_address",
        "column ip_address",
    ),
    "a field inside an object is missing": (
        nested(ITEMS, "owned_by", login=None),
        ITEMS,
        "entries[folder].owned_by.login",
        "column owned_by_login",
    ),
    "a required id is missing": (without("id", "/groups"), "/groups", "entries[group].id", "column id"),
    "a field is missing in one entry": (
        page("/users", entries=lambda rows: [{k: v for k, v in rows[0].items() if k != "status"}, *rows[1:]]),
        "/users",
        "entries[user].status",
        "column status",
    ),
    "a field is new": (
        entries_of("/users", favourite_colour="x"),
        "/users",
        "entries[user].favourite_colour",
        "column extra",
    ),
    "a page has a new field": (page("/groups", has_more=True), "/groups", "has_more", "Box's description"),
    "a type has changed": (
        entries_of("/users", space_used="7"),
        "/users",
        "entries[user].space_used",
        "column space_used",
    ),
    "a boolean is text": (
        entries_of("/users", is_external_collab_restricted="true"),
        "/users",
        "entries[user].is_external_collab_restricted",
        "column is_external_collab_restricted",
    ),
    "a size has a fraction": (entries_of(ITEMS, size=1.5), ITEMS, "entries[folder].size", "column size"),
    "a user is an id": (entries_of(ITEMS, owned_by="17"), ITEMS, "entries[folder].owned_by", "owned_by_id"),
    "null where it is not allowed": (
        entries_of("/users", login=None),
        "/users",
        "entries[user].login",
        "column login",
    ),
    "null instead of entries": (page("/groups", entries=lambda rows: None), "/groups", "entries", "groups"),
    "an object instead of entries": (page("/groups", entries={"a": 1}), "/groups", "entries", "groups"),
    "an unknown value of an enum": (
        entries_of("/users", status="frozen"),
        "/users",
        "entries[user].status",
        "column status",
    ),
    "an unknown role of a collaboration": (
        entries_of("/folders/*/collaborations", role="emperor"),
        "/folders/*/collaborations",
        "entries[collaboration].role",
        "column role",
    ),
    "an unknown type": (entries_of("/groups", type="team"), "/groups", "entries[].type", "Box's description"),
    "markers instead of offsets": (
        page("/groups", total_count=None, offset=None, order=None, next_marker="m"),
        "/groups",
        "total_count",
        "offset",
    ),
    "offsets instead of markers": (
        page("/enterprises/*/device_pinners", next_marker=None, total_count=7, offset=0),
        "/enterprises/*/device_pinners",
        "next_marker",
        "marker",
    ),
    "a marker is missing": (page("/users", next_marker=None), "/users", "next_marker", "marker"),
    "a marker is a number": (
        page("/users", next_marker=lambda old: 7 if old else old),
        "/users",
        "next_marker",
        "marker",
    ),
    "a marker that is ignored": (
        lambda exchange: (
            exchange.doc.update(entries=FIRST.setdefault("rows", exchange.entries))
            if exchange.is_read_of("/users") and "usemarker" in exchange.query
            else None
        ),
        "/users",
        "entries",
        "marker",
    ),
    "a marker that comes back": (
        lambda exchange: (
            exchange.doc.update(next_marker=exchange.query["marker"])
            if exchange.is_read_of(ITEMS) and "marker" in exchange.query
            else None
        ),
        ITEMS,
        "next_marker",
        "marker",
    ),
    "a marker after the last page": (
        page("/folders/trash/items", next_marker="m"),
        "/folders/trash/items",
        "next_marker",
        "trash",
    ),
    "a wrong total of a short list": (
        page("/groups/*/memberships", total_count=lambda old: old + 3),
        "/groups/*/memberships",
        "total_count",
        "memberships",
    ),
    "a wrong total of versions": (
        page("/files/*/versions", total_count=999),
        "/files/*/versions",
        "total_count",
        "versions",
    ),
    "a wrong total of a path": (
        lambda exchange: (
            exchange.doc["path_collection"].update(total_count=99)
            if exchange.is_read_of("/folders/*")
            else None
        ),
        "/folders/*",
        "path_collection.total_count",
        "box.folder()",
    ),
    "another stated order": (
        page("/users", order=lambda old: [{"by": "name", "direction": "ASC"}] if old else old),
        "/users",
        "order[].by",
        "users",
    ),
    "more fields than requested": (
        lambda exchange: (
            [entry.update(description="x") for entry in exchange.entries]
            if exchange.query.get("fields") == "size"
            else None
        ),
        ITEMS,
        "entries[folder].description",
        "fields=",
    ),
    "another order of the user's own events": (
        lambda exchange: (
            exchange.doc.update(entries=exchange.entries[::-1])
            if exchange.is_read_of("/events") and exchange.query.get("stream_type") == "all"
            else None
        ),
        "/events",
        "entries",
        "stream",
    ),
    "events that have not happened": (
        entries_of("/events", created_at="2090-01-01T00:00:00-08:00"),
        "/events",
        "entries",
        "events",
    ),
    "a size below 0": (entries_of(ITEMS, size=-1), ITEMS, "entries[].size", "column size"),
    "storage below 0": (
        entries_of("/users", space_used=-5),
        "/users",
        "entries[].space_used",
        "column space_used",
    ),
    "a pair that may be cached": (
        lambda exchange: (
            exchange.headers.update({"cache-control": "public"})
            if exchange.matches("/oauth2/token")
            else None
        ),
        "/oauth2/token",
        "header cache-control",
        "cache",
    ),
    "a pair that is not JSON": (
        lambda exchange: (
            exchange.headers.update({"content-type": "text/plain"})
            if exchange.matches("/oauth2/token")
            else None
        ),
        "/oauth2/token",
        "header content-type",
        "decoding",
    ),
    "a pair with fewer rights": (
        token(restricted_to=[{"scope": "root_readonly"}]),
        "/oauth2/token",
        "restricted_to",
        "RotatingAuth",
    ),
    "a wrong total": (page("/users", total_count=lambda old: old + 1), "/users", "total_count", "offset"),
    "a total that changes": (
        lambda exchange: (
            exchange.doc.update(total_count=121)
            if exchange.is_read_of("/users")
            and exchange.query.get("limit") == "2"
            and "offset" in exchange.query
            else None
        ),
        "/users",
        "total_count",
        "offset",
    ),
    "a header is missing": (header("box-request-id", None), "/users", "header box-request-id", "request id"),
    "no date": (header("date", None), "/users", "header date", "clock"),
    "another content type": (
        header("content-type", "text/html"),
        "/users",
        "header content-type",
        "decoding",
    ),
    "no challenge": (header("www-authenticate", None, 401), "/users/me", "header www-authenticate", "scope"),
    "another challenge": (
        header("www-authenticate", 'Bearer error="expired"', 401),
        "/users/me",
        "header www-authenticate",
        "scope",
    ),
    "no challenge for a scope": (
        header("www-authenticate", None, 403),
        "/retention_policies",
        "header www-authenticate",
        "scope",
    ),
    "no etag header": (header("etag", None), "/folders/*", "header etag", "If-Match"),
    "another etag header": (header("etag", '"x"'), "/folders/*", "header etag", "If-Match"),
    "another status": (status(200, 203, "/groups"), "/groups", "status", "groups"),
    "a server error": (status(200, 500, "/search"), "/search", "status", "search"),
    "another status of an error": (status(404, 403, "/folders/*"), "/folders/*", "status", "NotFoundError"),
    "no 405": (status(405, 404, "/folders/*"), "/folders/*", "status", "405"),
    "another code": (errors(404, code="gone"), "/folders/*", "code", "NotFoundError"),
    "an error without a code": (errors(400, code=None), "/users", "code", "parameters"),
    "an error without its parameters": (
        errors(400, context_info=None),
        "/users",
        "context_info",
        "parameters",
    ),
    "an error with a status as text": (errors(404, status="404"), "/folders/*", "status", "NotFoundError"),
    "an error like the token endpoint's": (
        errors(404, type=None, code=None, error="not_found", error_description="x"),
        "/folders/*",
        "code",
        "NotFoundError",
    ),
    "no Retry-After": (too_many_once(None), "/groups", "header retry-after", "RateLimitError"),
    "a Retry-After that is a date": (
        too_many_once("Fri, 31 Dec 1999 23:59:59 GMT"),
        "/groups",
        "header retry-after",
        "RateLimitError",
    ),
    "a short lifetime": (token(expires_in=60), "/oauth2/token", "expires_in", "RotatingAuth"),
    "a long lifetime": (token(expires_in=86_400 * 30), "/oauth2/token", "expires_in", "RotatingAuth"),
    "a lifetime as text": (token(expires_in="3600"), "/oauth2/token", "expires_in", "RotatingAuth"),
    "no lifetime": (token(expires_in=None), "/oauth2/token", "expires_in", "RotatingAuth"),
    "the same refresh token": (
        token(refresh_token=lambda form: form["refresh_token"]),
        "/oauth2/token",
        "refresh_token",
        "works once",
    ),
    "no refresh token": (token(refresh_token=None), "/oauth2/token", "refresh_token", "works once"),
    "another token type": (token(token_type="mac"), "/oauth2/token", "token_type", "RotatingAuth"),
    "a new field of the token": (token(scope="x"), "/oauth2/token", "scope", "RotatingAuth"),
    "no access token": (token(access_token=None), "/oauth2/token", "access_token", "new access token"),
    "another status of a refresh": (
        status(200, 201, "/oauth2/token"),
        "/oauth2/token",
        "status",
        "RotatingAuth",
    ),
    "a refresh that is refused": (
        status(200, 409, "/oauth2/token"),
        "/oauth2/token",
        "status",
        "RotatingAuth",
    ),
    "ids with a slash": (
        entries_of("/groups", id=lambda old: f"../{old}?x"),
        "/groups",
        "entries[group].id",
        "column id",
    ),
    "the old token lives": (old_token_lives, "/users/me", "status", "old one is refused"),
    "the old token dies at once": (old_token_dies, "/users/me", "status", "old access token works"),
    "another order of users": (reverse("/users"), "/users", "entries", "users"),
    "another order of items": (reverse(ITEMS), ITEMS, "entries", "items"),
    "another order of events": (reverse("/events"), "/events", "entries", "events"),
    "the limit is ignored": (whole_list_for("/users"), "/users", "limit", "users"),
    "the limit is not reduced": (page("/groups", limit=5000), "/groups", "limit", "groups"),
    "another offset": (page("/groups", offset=lambda old: 1), "/groups", "offset", "groups"),
    "an entry twice": (
        page("/groups", entries=lambda rows: [rows[0], *rows[:-1]] if rows else rows),
        "/groups",
        "entries",
        "groups",
    ),
    "an entry that is null": (
        page("/groups", entries=lambda rows: [None, *rows]),
        "/groups",
        "entries",
        "groups",
    ),
    "times in UTC": (
        entries_of("/users", created_at=Z),
        "/users",
        "entries[user].created_at",
        "column created_at",
    ),
    "times with fractions": (
        entries_of(ITEMS, modified_at="2026-01-02T03:04:05.678+00:00"),
        ITEMS,
        "entries[folder].modified_at",
        "column modified_at",
    ),
    "times without an offset": (
        entries_of("/users", created_at="2026-01-02T03:04:05"),
        "/users",
        "entries[user].created_at",
        "column created_at",
    ),
    "times in seconds": (
        entries_of("/events", created_at=1_700_000_000),
        "/events",
        "entries[].created_at",
        "column created_at",
    ),
    "ids are numbers": (entries_of("/users", id=int), "/users", "entries[user].id", "column id"),
    "ids are not digits": (
        entries_of("/groups", id=lambda old: f"g_{old}"),
        "/groups",
        "entries[group].id",
        "column id",
    ),
    "an etag is missing": (without("etag", "/folders/*"), "/folders/*", "etag", "box.folder()"),
    "an etag is null": (page("/files/*", etag=lambda old: 5), "/files/*", "etag", "box.file()"),
    "a hash is another": (
        two_kinds(ITEMS, "file", sha1="d41d8cd98f00b204e9800998ecf8427e"),
        ITEMS,
        "entries[file].sha1",
        "column sha1",
    ),
    "box-version is refused": (box_version_refused("2024.0"), "/users/me", "status", "box-version"),
    "a later box-version is refused": (
        box_version_refused("2025.0"),
        "/shield_lists",
        "status",
        "box-version",
    ),
    "a missing box-version is accepted": (
        lambda exchange: (
            setattr(exchange, "status", 200)
            if exchange.matches("/shield_lists") and exchange.status == 400
            else None
        ),
        "/shield_lists",
        "status",
        "box-version",
    ),
    "As-User is ignored": (as_user_ignored, "/users/me", "id", "As-User"),
    "If-None-Match is ignored": (no_304, "/folders/*", "status", "304"),
    "a page of a proxy": (body_of(b"<html>", "/groups"), "/groups", "body", "groups"),
    "an empty body": (body_of(b"", "/groups"), "/groups", "body", "groups"),
    "half a body": (body_of(b'{"entries": [{"id"', "/groups"), "/groups", "body", "groups"),
    "another user than asked for": (page("/users/*", id="5"), "/users/*", "id", "user"),
    "a filter that is ignored": (
        lambda exchange: (
            exchange.doc.update(entries=[dict(exchange.entries[0], id="1")])
            if exchange.is_read_of("/users") and "filter_term" in exchange.query
            else None
        ),
        "/users",
        "entries",
        "filter_term",
    ),
    "a search that returns folders": (entries_of("/search", type="folder"), "/search", "entries", "search"),
    "events before the range": (
        entries_of("/events", created_at="2001-01-01T00:00:00+00:00"),
        "/events",
        "entries",
        "events",
    ),
    "a position that is a number": (
        page("/events", next_stream_position=int),
        "/events",
        "next_stream_position",
        "events",
    ),
    "a position that does not move": (
        page("/events", next_stream_position="7"),
        "/events",
        "next_stream_position",
        "events",
    ),
    "a wrong chunk size": (page("/events", chunk_size=3), "/events", "chunk_size", "events"),
    "no position": (page("/events", next_stream_position=None), "/events", "next_stream_position", "events"),
    "events of other types": (
        lambda exchange: (
            [entry.update(event_type="UPLOAD") for entry in exchange.entries]
            if exchange.query.get("event_type")
            else None
        ),
        "/events",
        "entries",
        "event_type",
    ),
    "events at the end": (
        lambda exchange: (
            exchange.doc.update(entries=[{"type": "event", "event_id": "1"}], chunk_size=1)
            if exchange.query.get("stream_position") == "now"
            else None
        ),
        "/events",
        "entries",
        "now",
    ),
    "a changed governance list": (
        entries_of("/legal_hold_policies", "/metadata_templates/enterprise", hidden="no"),
        "/metadata_templates/enterprise",
        "entries[metadata_template].hidden",
        "box.frame",
    ),
}
FIRST: dict[str, Any] = {}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_changed_box_is_found(box: ChangedBox, name: str) -> None:
    """The difference is on the page, at its call and place, and with the part of boxnb that it affects."""
    change, path, where, claim = DEVIATIONS[name]
    FIRST.clear()
    old_token_dies.__dict__.pop("done", None)
    box.change = change
    result = boxnb.contract("acme", sleep=lambda seconds: None)
    rows = result.differences
    calls = rows["call"].str.replace(r"\{[^}]+\}", "*", regex=True).str.split(" ").str[1]
    matches = rows[
        (calls == path) & (rows["where"] == where) & rows["claim"].str.contains(claim, regex=False)
    ]
    assert len(matches) >= 1, rows.to_string()
    assert where in result.path.read_text(encoding="utf-8")
    assert result.calls <= 60


def test_an_unchanged_box_has_no_differences(box: ChangedBox) -> None:
    """The sandbox itself does not differ, and each dataset, error and way of paging was tried."""
    result = boxnb.contract("acme")
    assert list(result.differences.itertuples()) == []
    assert list(result.unmet["what"]) == ["the end of the event stream: its entries", "retention policies"]
    assert {status for _, _, status in box.calls} >= {200, 304, 400, 401, 403, 404, 405}


def test_only_reads_are_made_and_one_refresh(box: ChangedBox, running: Any) -> None:
    """The sandbox records only GET and one refresh, at most 60 calls in all, and the new pair is saved."""
    result = boxnb.contract("acme")
    record = [call for call in running[0].record() if not call["path"].startswith("/_sandbox")]
    posts = [call for call in record if call["method"] != "GET"]
    assert [(call["method"], call["path"], call["form"]["grant_type"]) for call in posts] == [
        ("POST", "/oauth2/token", "refresh_token")
    ]
    assert len(record) == result.calls <= 60
    assert boxnb.connect("acme").get("/users/me")["login"] == "ada.admin@example.com"
    month = boxnb.connect("acme").session.ledger.month()
    assert month["calls"].sum() >= result.calls - 1


def test_a_lost_refresh_is_not_repeated(box: ChangedBox, running: Any) -> None:
    """If the response to the refresh is lost, the run continues with the old token and says so, and boxnb repairs the sign-in later."""
    running[0].faults.add("/oauth2/token", "reset_after")
    result = boxnb.contract("acme")
    assert [call for call in box.calls if call[1] == "/oauth2/token"] == []
    refreshes = [call for call in running[0].record() if call["path"] == "/oauth2/token"]
    assert len(refreshes) == 1
    assert "a refresh of the token pair" in list(result.unmet["what"])
    assert json.dumps(list(result.differences["where"])) == "[]"
    assert boxnb.connect("acme").get("/users/me")["login"] == "ada.admin@example.com"
