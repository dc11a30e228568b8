"""The API: users, groups, memberships (box-facts 3, 4.1, 4.2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import oauth
from .core import Core, core_of
from .errors import ApiError, challenge, client_error, forbidden, invalid, not_found
from .world import Doc, shape

MAX_OFFSET = 10_000
MAX_LIMIT = 1000
ADMINS = ("admin", "coadmin")


@dataclass
class Call:
    """One authenticated call: who, with which scopes."""

    core: Core
    request: Request
    user: Doc
    scopes: list[str]

    @property
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


def authenticate(request: Request) -> Call:
    """The person behind the bearer token; raises 401, 403 or 429 (box-facts 1.12, 2.6)."""
    core = core_of(request)
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise challenge(401, "invalid_request", "The access token was not found.")
    pair = core.state.one("SELECT * FROM pairs WHERE access=?", (value.strip(),))
    user = core.world.users.get(pair["user_id"]) if pair is not None else None
    app = core.state.app(pair["client_id"]) if pair is not None else None
    alive = (
        pair is not None and not pair["dead"] and core.clock.now() - pair["created"] <= oauth.ACCESS_SECONDS
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
        oauth.first_use(core, pair)
    call = Call(core, request, user, oauth.scopes_of(pair))
    on_behalf = request.headers.get("as-user")
    if on_behalf is not None:
        call.user = as_user(call, on_behalf.strip())
    request.scope["boxnb.user"] = call.user["login"]
    seconds = core.limits.wait(call.user["id"])
    if seconds:
        raise client_error(
            429,
            "rate_limit_exceeded",
            "Request rate limit exceeded, please try again later",
            headers={"Retry-After": str(seconds)},
        )
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


def page_by_offset(call: Call, docs: Sequence[Doc], key: str = "id") -> tuple[Doc, Sequence[Doc]]:
    """The frame of an offset page and its part of `docs`; a limit above 1000 is clamped silently."""
    limit = min(integer(call, "limit", 100, 1), MAX_LIMIT)
    offset = integer(call, "offset", 0, 0)
    if offset > MAX_OFFSET:
        text = f"Invalid value '{offset}'. 'offset' must not exceed the maximum offset of {MAX_OFFSET}"
        raise invalid("invalid_offset", "offset", text)
    frame = {
        "total_count": len(docs),
        "limit": limit,
        "offset": offset,
        "order": [{"by": key, "direction": "ASC"}],
    }
    return frame, docs[offset : offset + limit]


def page_by_marker(call: Call, docs: Sequence[Doc]) -> tuple[Doc, Sequence[Doc]]:
    """The frame of a marker page; `next_marker` is null at the end."""
    limit = min(integer(call, "limit", 100, 1), MAX_LIMIT)
    marker = call.query.get("marker", "")
    start = 0
    if marker not in ("", "0"):
        try:
            kind, _, after = base64.urlsafe_b64decode(marker.encode()).decode().partition(":")
        except (binascii.Error, UnicodeError):
            kind, after = "", ""
        if kind != "after" or not after.isdigit():
            raise invalid("invalid_parameter", "marker", f"Invalid value '{marker}' for parameter 'marker'")
        start = int(after)
    part = docs[start : start + limit]
    more = start + limit < len(docs)
    following = base64.urlsafe_b64encode(f"after:{start + limit}".encode()).decode() if more else None
    return {"limit": limit, "next_marker": following}, part


def starts_with(term: str, *texts: str) -> bool:
    """The rule of `filter_term`."""
    return any(text.casefold().startswith(term.casefold()) for text in texts)


async def users(call: Call) -> Response:
    """`GET /users`."""
    call.need_admin("manage_managed_users")
    kind = call.query.get("user_type", "managed")
    if kind not in ("all", "managed", "external"):
        raise invalid("invalid_parameter", "user_type", f"Invalid value '{kind}' for parameter 'user_type'")
    found = [] if kind == "external" else list(call.core.world.users.values())
    term = call.query.get("filter_term", "")
    if term:
        found = [user for user in found if starts_with(term, user["name"], user["login"])]
    by_marker = call.query.get("usemarker", "").lower() == "true"
    frame, part = page_by_marker(call, found) if by_marker else page_by_offset(call, found)
    return JSONResponse({**frame, "entries": [shape(user, call.query.get("fields")) for user in part]})


async def me(call: Call) -> Response:
    """`GET /users/me`; with ``As-User`` the person named there."""
    return JSONResponse(shape(call.user, call.query.get("fields")))


async def user(call: Call) -> Response:
    """`GET /users/:id`."""
    user_id = call.request.path_params["id"]
    if user_id != call.user["id"]:
        call.need_admin("manage_managed_users")
    found = call.core.world.users.get(user_id)
    if found is None:
        raise not_found("user", user_id)
    return JSONResponse(shape(found, call.query.get("fields")))


async def groups(call: Call) -> Response:
    """`GET /groups`."""
    call.need_admin("manage_groups")
    term = call.query.get("filter_term", "")
    found = [
        group for group in call.core.world.groups.values() if not term or starts_with(term, group["name"])
    ]
    frame, part = page_by_offset(call, found)
    return JSONResponse({**frame, "entries": [shape(group, call.query.get("fields")) for group in part]})


async def group(call: Call) -> Response:
    """`GET /groups/:id`."""
    call.need_admin("manage_groups")
    group_id = call.request.path_params["id"]
    found = call.core.world.groups.get(group_id)
    if found is None:
        raise not_found("group", group_id)
    return JSONResponse(shape(found, call.query.get("fields")))


async def group_memberships(call: Call) -> Response:
    """`GET /groups/:id/memberships`."""
    call.need_admin("manage_groups")
    group_id = call.request.path_params["id"]
    if group_id not in call.core.world.groups:
        raise not_found("group", group_id)
    found = call.core.world.of_group(group_id)
    frame, part = page_by_offset(call, found)
    return JSONResponse({**frame, "entries": [call.core.world.membership(entry) for entry in part]})


async def user_memberships(call: Call) -> Response:
    """`GET /users/:id/memberships`; people may read their own."""
    user_id = call.request.path_params["id"]
    call.need("manage_groups")
    if user_id != call.user["id"] and not call.is_admin:
        raise forbidden()
    if user_id not in call.core.world.users:
        raise not_found("user", user_id)
    found = call.core.world.of_user(user_id)
    frame, part = page_by_offset(call, found)
    return JSONResponse({**frame, "entries": [call.core.world.membership(entry) for entry in part]})


async def membership(call: Call) -> Response:
    """`GET /group_memberships/:id`."""
    call.need_admin("manage_groups")
    wanted = call.request.path_params["id"]
    found = call.core.world.memberships.get(wanted)
    if found is None:
        raise not_found("group_membership", wanted)
    return JSONResponse(call.core.world.membership(found))


async def unbuilt(request: Request) -> Response:
    """501 for what the sandbox does not have, naming the path; never a made-up success."""
    path = request.url.path
    raise client_error(501, "not_implemented", f"The boxnb sandbox does not have {request.method} {path}")


Handler = Callable[[Call], Awaitable[Response]]


def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint that authenticates first."""

    async def run(request: Request) -> Response:
        return await handler(authenticate(request))

    return run


async def api_fault(request: Request, error: Exception) -> Response:
    """The answer of a raised `ApiError`."""
    return error.response if isinstance(error, ApiError) else Response(status_code=500)


PATHS: dict[str, Handler] = {
    "/users": users,
    "/users/me": me,
    "/users/{id}": user,
    "/users/{id}/memberships": user_memberships,
    "/groups": groups,
    "/groups/{id}": group,
    "/groups/{id}/memberships": group_memberships,
    "/group_memberships/{id}": membership,
}
OTHER_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ROUTES: list[Route] = []
for _path, _handler in PATHS.items():
    ROUTES.append(Route(f"/2.0{_path}", endpoint(_handler), methods=["GET"]))
    ROUTES.append(Route(f"/2.0{_path}", unbuilt, methods=OTHER_METHODS))
for _path in ("/2.0/{rest:path}", "/api/2.0/{rest:path}"):
    ROUTES.append(Route(_path, unbuilt, methods=["GET", *OTHER_METHODS]))
