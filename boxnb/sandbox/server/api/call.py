"""One call of the API: who makes it, with which rights, which page of what (box-facts 1.12, 2, 3)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..company.people import Doc
from ..company.tree import ROOT, Item
from ..context import Core, core_of, decoded
from ..errors import ApiError, challenge, client_error, forbidden, invalid, not_found, too_many
from ..signin import token_endpoint
from .representations import View, link_token

API_VERSION = "2024.0"
MAX_OFFSET = 10_000
MAX_LIMIT = 1000
ADMINS = ("admin", "coadmin")
Entry = TypeVar("Entry")


@dataclass
class Call:
    """One authenticated call: who, with which scopes."""

    core: Core
    request: Request
    user: Doc
    scopes: list[str]
    _view: View | None = None

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters."""
        return dict(self.request.query_params)

    @property
    def is_admin(self) -> bool:
        """Admin or co-admin."""
        return self.user["role"] in ADMINS

    def need(self, *scopes: str) -> None:
        """403 with an empty body when none of these scopes was granted."""
        if not set(scopes) & set(self.scopes):
            raise challenge(
                403,
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token.",
            )

    def need_admin(self, *scopes: str) -> None:
        """Like `need`, and 403 for who is no admin."""
        self.need(*scopes)
        if not self.is_admin:
            raise forbidden()

    @property
    def fields(self) -> str | None:
        """What `fields` asks for, None when it is missing."""
        return self.query.get("fields") or None

    @property
    def everything(self) -> bool:
        """Global Content Manager: reads all content of the company."""
        return self.is_admin and "enterprise_content" in self.scopes

    def view(self) -> View:
        """The company as this person sees it now, through the shared link of ``BoxApi`` if one is sent."""
        if self._view is None:
            now = self.core.clock.now()
            self._view = View(self.core.world, self.user["id"], now, self.everything, [])
            link = self.request.headers.get("boxapi")
            if link is not None:
                found = open_link(self, link)
                if found is not None and found.link is not None and found.link.access != "collaborators":
                    self._view.links.append(found)
        return self._view

    def item(self, kind: str, item_id: str, right: str = "list") -> Item:
        """An item that is not in the trash and that this person may see.

        Raises 405 for an id that is none, 404 for what they may not see or what is in the trash, 403 without `right`.
        """
        found = self.find(kind, item_id)
        if found.is_trashed():
            raise missing(kind, item_id, "trashed")
        if right not in self.view().rights(found):
            raise forbidden()
        return found

    def find(self, kind: str, item_id: str) -> Item:
        """An item that this person may see, in the trash or not."""
        if not (item_id.isascii() and item_id.isdigit()):
            raise client_error(405, "method_not_allowed", "Method Not Allowed")
        found = self.core.world.tree.of(kind).get(item_id)
        if found is None or not self.view().sees(found):
            raise missing(kind, item_id)
        return found

    def folder(self, folder_id: str, right: str = "list") -> Item | None:
        """A folder as `item`; None for folder 0, the person's own top level."""
        return None if folder_id == ROOT else self.item("folder", folder_id, right)

    def reads(self) -> None:
        """403 without a scope that reads content."""
        self.need("root_readonly", "root_readwrite", "enterprise_content")

    def writes(self) -> None:
        """403 without the scope that writes content, or for who manages all content without ``As-User`` (box-facts 1.10)."""
        self.need("root_readwrite")
        if self.everything:
            raise forbidden("With global content management, writing needs the As-User header")

    async def body(self) -> Doc:
        """The JSON object in the body; 400 when it is none."""
        try:
            found = decoded(await self.request.body())
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise client_error(
                400,
                "bad_request",
                "Entity body should be a correctly nested resource attribute name/value pair",
            )
        return found


def missing(kind: str, item_id: str, code: str = "not_found") -> ApiError:
    """404 about an item, in the words Box uses (``d_`` for folders)."""
    letter = {"folder": "d", "file": "f", "web_link": "w"}[kind]
    return not_found("folder" if kind == "folder" else "item", f"{letter}_{item_id}", code)


def open_link(call: Call, header: str) -> Item | None:
    """The item behind the shared link of a ``BoxApi`` header; None when no living link has this address.

    Raises 403 `incorrect_shared_item_password`.
    """
    given = dict(parse_qsl(header))
    token = given.get("shared_link", "").rstrip("/").rpartition("/")[2]
    now = call.core.clock.now()
    for item in call.core.world.tree.everything():
        link = item.link
        if link is None or token not in (link_token(item, link), link.vanity) or not token:
            continue
        if not link.alive(now) or item.is_trashed():
            return None
        password = given.get("shared_link_password", "")
        if link.password and not hmac.compare_digest(link.password.encode(), password.encode()):
            raise client_error(403, "incorrect_shared_item_password", "The password is missing or wrong")
        return item
    return None


def unchanged(call: Call, item: Item) -> bool:
    """Does ``If-None-Match`` name the present etag?"""
    given = call.request.headers.get("if-none-match")
    return given is not None and str(item.etag) in [part.strip().strip('"') for part in given.split(",")]


def check_match(call: Call, item: Item) -> None:
    """412 when ``If-Match`` names another etag (box-facts 2.2)."""
    given = call.request.headers.get("if-match")
    if given is not None and given.strip().strip('"') != str(item.etag):
        raise client_error(
            412,
            "precondition_failed",
            "The resource has been modified. Please retrieve the resource again and retry",
        )


def answer(doc: Any, status: int = 200, etag: int | None = None) -> Response:
    """A JSON answer, with the etag of the item when it has one."""
    return JSONResponse(doc, status, None if etag is None else {"ETag": f'"{etag}"'})


def authenticate(request: Request) -> Call:
    """The person behind the bearer token; raises 401, 403 or 429 (box-facts 1.12, 2.6)."""
    core = core_of(request)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    in_address = request.query_params.get("access_token", "")
    if in_address and not value and request.method == "GET" and request.url.path.endswith("/content"):
        scheme, value = "bearer", in_address  # the one place where Box takes it
    if scheme.lower() != "bearer" or not value.strip():
        raise challenge(401, "invalid_request", "The access token was not found.")
    pair = core.state.one("SELECT * FROM pairs WHERE access=?", (value.strip(),))
    user = core.world.users.get(pair["user_id"]) if pair is not None else None
    app = core.state.app(pair["client_id"]) if pair is not None else None
    alive = (
        pair is not None
        and not pair["dead"]
        and core.clock.now() - pair["created"] <= token_endpoint.ACCESS_SECONDS
    )
    if (
        pair is None
        or user is None
        or app is None
        or not alive
        or user["status"] == "inactive"
        or not app["enabled"]
    ):
        raise challenge(401, "invalid_token", "The access token provided is invalid.")
    if not pair["used"]:
        token_endpoint.first_use(core, pair)
    call = Call(core, request, user, token_endpoint.scopes_of(pair))
    on_behalf = request.headers.get("as-user")
    if on_behalf is not None:
        call.user = as_user(call, on_behalf.strip())
    request.scope["boxnb.user"] = call.user["login"]
    seconds = core.limits.wait(call.user["id"])
    if seconds:
        raise too_many(seconds)
    return call


def as_user(call: Call, user_id: str) -> Doc:
    """Who ``As-User`` names; only admins and co-admins may, co-admins not for other admins (box-facts 2.2)."""
    target = call.core.world.users.get(user_id)
    if not call.is_admin or "admin_on_behalf_of" not in call.scopes:
        raise forbidden()
    if target is None or target["status"] == "inactive":
        raise forbidden()
    if call.user["role"] == "coadmin" and target["role"] in ADMINS and target["id"] != call.user["id"]:
        raise forbidden()
    return target


def integer(call: Call, name: str, default: int, low: int) -> int:
    """An integer parameter; 400 below `low` or when it is no number."""
    text = call.query.get(name, "")
    if text == "":
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    if number < low:
        raise invalid(f"invalid_{name}", name, f"Invalid value '{text}' for parameter '{name}'")
    return number


def page_by_offset(
    call: Call, docs: Sequence[Entry], default: int = 100, maximum: int = MAX_LIMIT
) -> tuple[Doc, Sequence[Entry]]:
    """The frame of an offset page and its part of `docs`; a limit above `maximum` is clamped silently."""
    limit = min(integer(call, "limit", default, 1), maximum)
    offset = integer(call, "offset", 0, 0)
    if offset > MAX_OFFSET:
        text = f"Invalid value '{offset}'. 'offset' must not exceed the maximum offset of {MAX_OFFSET}"
        raise invalid("invalid_offset", "offset", text)
    return offset_frame(offset, limit, len(docs)), docs[offset : offset + limit]


def offset_frame(offset: int, limit: int, total: int) -> Doc:
    """What stands around the rows of an offset page."""
    order = [{"by": "id", "direction": "ASC"}]
    return {"total_count": total, "limit": limit, "offset": offset, "order": order}


def marker_frame(start: int, limit: int, docs: Sequence[Entry]) -> Doc:
    """What stands around the rows of a marker page; `next_marker` is null at the end.

    The marker names the last row, so that rows that go or come before it shift nothing.
    """
    end = start + limit
    if end >= len(docs):
        return {"limit": limit, "next_marker": None}
    text = f"after:{end}:{id_of_row(docs[end - 1])}"
    return {"limit": limit, "next_marker": base64.urlsafe_b64encode(text.encode()).decode()}


def id_of_row(row: Any) -> str:
    """The id of an item or of a document."""
    return str(row["id"] if isinstance(row, dict) else row.id)


def page_by_marker(call: Call, docs: Sequence[Entry]) -> tuple[Doc, Sequence[Entry]]:
    """The frame of a marker page and its part of `docs`."""
    limit = min(integer(call, "limit", 100, 1), MAX_LIMIT)
    marker = call.query.get("marker", "")
    start = 0
    if marker not in ("", "0"):
        try:
            kind, after, last = base64.urlsafe_b64decode(marker.encode()).decode().split(":")
        except (binascii.Error, ValueError):
            kind, after, last = "", "", ""
        if kind != "after" or not (after.isascii() and after.isdigit()):
            raise invalid("invalid_parameter", "marker", f"Invalid value '{marker}' for parameter 'marker'")
        start = int(after)
        if not 0 < start <= len(docs) or id_of_row(docs[start - 1]) != last:
            start = next((at for at, row in enumerate(docs, 1) if id_of_row(row) == last), start)
    return marker_frame(start, limit, docs), docs[start : start + limit]


def check_version(request: Request) -> None:
    """400 for a ``box-version`` that the endpoints built here do not have (box-facts 2.2)."""
    given = request.headers.getlist("box-version")
    if given and given != [API_VERSION]:
        text = "more than one version" if len(given) > 1 else f"version '{given[0]}'"
        raise client_error(
            400,
            "invalid_api_version",
            f"The 'box-version' header names {text}; this endpoint has '{API_VERSION}'",
        )


Handler = Callable[[Call], Awaitable[Response]]


def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint that authenticates first."""

    async def run(request: Request) -> Response:
        check_version(request)
        return await handler(authenticate(request))

    return run
