"""One call to the API: its user, its permissions and its page of results (box-facts 1.12, 2, 3)."""

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
from ..context import Context, context_of, parse_json
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
    """One authenticated call: its user and scopes."""

    context: Context
    request: Request
    user: Doc
    scopes: list[str]
    client_id: str
    _view: View | None = None

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return dict(self.request.query_params)

    @property
    def is_ready_made_app(self) -> bool:
        """Whether the call comes from an app that is registered from the start."""
        return self.client_id in self.context.ready_made_apps()

    @property
    def is_admin(self) -> bool:
        """Whether the user is the admin or a co-admin."""
        return self.user["role"] in ADMINS

    def need(self, *scopes: str) -> None:
        """Raise 403 with an empty body if none of these scopes was granted."""
        if not set(scopes) & set(self.scopes):
            raise challenge(
                403,
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token.",
            )

    def need_admin(self, *scopes: str) -> None:
        """Check the scopes like `need`, and raise 403 for anyone who is not an admin."""
        self.need(*scopes)
        if not self.is_admin:
            raise forbidden()

    @property
    def fields(self) -> str | None:
        """The requested `fields`, or None if the parameter is missing."""
        return self.query.get("fields") or None

    @property
    def everything(self) -> bool:
        """Whether the caller is a Global Content Manager, who can read all content of the company."""
        return self.is_admin and "enterprise_content" in self.scopes

    def view(self) -> View:
        """Return the company as this user sees it now, including what the shared link in the ``BoxApi`` header opens."""
        if self._view is None:
            now = self.context.clock.now()
            self._view = View(self.context.world, self.user["id"], now, self.everything, [])
            link = self.request.headers.get("boxapi")
            if link is not None:
                item = open_link(self, link)
                if item is not None and item.link is not None and item.link.access != "collaborators":
                    self._view.links.append(item)
        return self._view

    def item(self, kind: str, item_id: str, right: str = "list") -> Item:
        """Return an item that this user can see and that is not in the trash.

        Raises 405 if `item_id` is not an id, 404 if the user cannot see the item or it is in the trash, and 403 if the
        user does not have `right`.
        """
        item = self.find(kind, item_id)
        if item.is_trashed():
            raise missing(kind, item_id, "trashed")
        if right not in self.view().rights(item):
            raise forbidden()
        return item

    def find(self, kind: str, item_id: str) -> Item:
        """Return an item that this user can see, in the trash or not."""
        if not (item_id.isascii() and item_id.isdigit()):
            raise client_error(405, "method_not_allowed", "Method Not Allowed")
        item = self.context.world.tree.of(kind).get(item_id)
        if item is None or not self.view().sees(item):
            raise missing(kind, item_id)
        return item

    def folder(self, folder_id: str, right: str = "list") -> Item | None:
        """Return a folder as `item` does, or None for folder 0, which is the user's own top level."""
        return None if folder_id == ROOT else self.item("folder", folder_id, right)

    def need_read(self) -> None:
        """Raise 403 if no scope for reading content was granted."""
        self.need("root_readonly", "root_readwrite", "enterprise_content")

    def need_write(self) -> None:
        """Raise 403 if the scope for writing content was not granted or the user is a Global Content Manager (box-facts 1.10)."""
        self.need("root_readwrite")
        if self.everything:
            raise forbidden("With global content management, writing needs the As-User header")

    async def body(self) -> Doc:
        """Return the JSON object in the body. Raises 400 if the body is not a JSON object."""
        try:
            value = parse_json(await self.request.body())
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise client_error(
                400,
                "bad_request",
                "Entity body should be a correctly nested resource attribute name/value pair",
            )
        return value


def missing(kind: str, item_id: str, code: str = "not_found") -> ApiError:
    """Build the 404 for an item. As in Box, the id is prefixed with a letter for the kind, such as ``d_`` for folders."""
    letter = {"folder": "d", "file": "f", "web_link": "w"}[kind]
    return not_found("folder" if kind == "folder" else "item", f"{letter}_{item_id}", code)


def open_link(call: Call, header: str) -> Item | None:
    """Return the item behind the shared link in a ``BoxApi`` header, or None if no unexpired link has this URL.

    Raises 403 `incorrect_shared_item_password` if the link's password is missing or wrong.
    """
    parameters = dict(parse_qsl(header))
    token = parameters.get("shared_link", "").rstrip("/").rpartition("/")[2]
    now = call.context.clock.now()
    for item in call.context.world.tree.everything():
        link = item.link
        if link is None or token not in (link_token(item, link), link.vanity) or not token:
            continue
        if not link.alive(now) or item.is_trashed():
            return None
        password = parameters.get("shared_link_password", "")
        if link.password and not hmac.compare_digest(link.password.encode(), password.encode()):
            raise client_error(403, "incorrect_shared_item_password", "The password is missing or wrong")
        return item
    return None


def unchanged(call: Call, item: Item) -> bool:
    """Return whether ``If-None-Match`` contains the current etag."""
    etags = call.request.headers.get("if-none-match")
    return etags is not None and str(item.etag) in [part.strip().strip('"') for part in etags.split(",")]


def check_match(call: Call, item: Item) -> None:
    """Raise 412 if ``If-Match`` contains a different etag (box-facts 2.2)."""
    etag = call.request.headers.get("if-match")
    if etag is not None and etag.strip().strip('"') != str(item.etag):
        raise client_error(
            412,
            "precondition_failed",
            "The resource has been modified. Please retrieve the resource again and retry",
        )


def respond(doc: Any, status: int = 200, etag: int | None = None) -> Response:
    """Return a JSON response, with the item's etag if there is one."""
    return JSONResponse(doc, status, None if etag is None else {"ETag": f'"{etag}"'})


def authenticate(request: Request) -> Call:
    """Check the bearer token and return the call with its user. Raises 401, 403 or 429 (box-facts 1.12, 2.6)."""
    context = context_of(request)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    query_token = request.query_params.get("access_token", "")
    if query_token and not value and request.method == "GET" and request.url.path.endswith("/content"):
        scheme, value = "bearer", query_token  # the only endpoint where Box accepts a token in the URL
    if scheme.lower() != "bearer" or not value.strip():
        raise challenge(401, "invalid_request", "The access token was not found.")
    pair = context.state.first_row("SELECT * FROM pairs WHERE access=?", (value.strip(),))
    user = context.world.users.get(pair["user_id"]) if pair is not None else None
    app = context.state.app(pair["client_id"]) if pair is not None else None
    is_valid = (
        pair is not None
        and not pair["dead"]
        and context.clock.now() - pair["created"] <= token_endpoint.ACCESS_SECONDS
    )
    if (
        pair is None
        or user is None
        or app is None
        or not is_valid
        or user["status"] == "inactive"
        or not app["enabled"]
    ):
        raise challenge(401, "invalid_token", "The access token provided is invalid.")
    if not pair["used"]:
        token_endpoint.first_use(context, pair)
    call = Call(context, request, user, token_endpoint.scopes_of(pair), app["client_id"])
    as_user_id = request.headers.get("as-user")
    if as_user_id is not None:
        call.user = as_user(call, as_user_id.strip())
    request.scope["boxnb.user"] = call.user["login"]
    seconds = context.limits.wait(call.user["id"])
    if seconds:
        raise too_many(seconds)
    return call


def as_user(call: Call, user_id: str) -> Doc:
    """Return the user with the id in ``As-User``. Raises 403 if the caller cannot act as that user.

    Only admins can act as other users, and co-admins cannot act as other admins (box-facts 2.2).
    """
    target = call.context.world.users.get(user_id)
    if not call.is_admin or "admin_on_behalf_of" not in call.scopes:
        raise forbidden()
    if target is None or target["status"] == "inactive":
        raise forbidden()
    if call.user["role"] == "coadmin" and target["role"] in ADMINS and target["id"] != call.user["id"]:
        raise forbidden()
    return target


def integer(call: Call, name: str, default: int, minimum: int) -> int:
    """Return an integer parameter. Raises 400 if it is not a number or is below `minimum`."""
    parameter = call.query.get(name, "")
    if parameter == "":
        return default
    number = int(parameter) if parameter.isascii() and parameter.isdigit() and len(parameter) < 16 else -1
    if number < minimum:
        raise invalid(f"invalid_{name}", name, f"Invalid value '{parameter}' for parameter '{name}'")
    return number


def page_by_offset(
    call: Call, docs: Sequence[Entry], default: int = 100, maximum: int = MAX_LIMIT
) -> tuple[Doc, Sequence[Entry]]:
    """Return the paging fields of an offset page and its part of `docs`. A limit above `maximum` becomes `maximum`."""
    limit = min(integer(call, "limit", default, 1), maximum)
    offset = integer(call, "offset", 0, 0)
    if offset > MAX_OFFSET:
        message = f"Invalid value '{offset}'. 'offset' must not exceed the maximum offset of {MAX_OFFSET}"
        raise invalid("invalid_offset", "offset", message)
    return offset_paging(offset, limit, len(docs)), docs[offset : offset + limit]


def offset_paging(offset: int, limit: int, total: int) -> Doc:
    """Return the fields of an offset page other than its entries."""
    order = [{"by": "id", "direction": "ASC"}]
    return {"total_count": total, "limit": limit, "offset": offset, "order": order}


def marker_paging(start: int, limit: int, docs: Sequence[Entry]) -> Doc:
    """Return the fields of a marker page other than its entries. `next_marker` is null at the end.

    The marker contains the id of the last row, so rows added or removed before it do not shift the next page.
    """
    end = start + limit
    if end >= len(docs):
        return {"limit": limit, "next_marker": None}
    position = f"after:{end}:{id_of_row(docs[end - 1])}"
    return {"limit": limit, "next_marker": base64.urlsafe_b64encode(position.encode()).decode()}


def id_of_row(row: Any) -> str:
    """Return the id of an item or a document."""
    return str(row["id"] if isinstance(row, dict) else row.id)


def page_by_marker(call: Call, docs: Sequence[Entry]) -> tuple[Doc, Sequence[Entry]]:
    """Return the paging fields of a marker page and its part of `docs`."""
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
            start = next((number for number, row in enumerate(docs, 1) if id_of_row(row) == last), start)
    return marker_paging(start, limit, docs), docs[start : start + limit]


def check_version(request: Request, version: str) -> None:
    """Raise 400 for a ``box-version`` that the endpoint does not support, or that it needs and is missing (box-facts 2.2)."""
    versions = request.headers.getlist("box-version")
    if versions == [version] or (not versions and version == API_VERSION):
        return
    if not versions:
        problem = "The 'box-version' header is missing"
    elif len(versions) > 1:
        problem = "The 'box-version' header names more than one version"
    else:
        problem = f"The 'box-version' header names version '{versions[0]}'"
    raise client_error(400, "invalid_api_version", f"{problem}; this endpoint supports only '{version}'")


Handler = Callable[[Call], Awaitable[Response]]


def endpoint(handler: Handler, version: str = API_VERSION) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler as a Starlette endpoint of one version of the API that authenticates first."""

    async def run(request: Request) -> Response:
        check_version(request, version)
        return await handler(authenticate(request))

    return run
