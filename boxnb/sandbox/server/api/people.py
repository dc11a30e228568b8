"""`/users`, `/groups`, `/group_memberships` (box-facts 4.1, 4.2)."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ..company.people import shape
from ..company.rendered import answer_of
from ..context import Core
from ..errors import forbidden, invalid, not_found
from .call import (
    MAX_LIMIT,
    MAX_OFFSET,
    Call,
    Handler,
    marker_frame,
    offset_frame,
    page_by_marker,
    page_by_offset,
)


def starts_with(term: str, *texts: str) -> bool:
    """The rule of `filter_term`."""
    return any(text.casefold().startswith(term.casefold()) for text in texts)


async def users(call: Call) -> Response:
    """`GET /users`."""
    call.need_admin("manage_managed_users")
    kind = call.query.get("user_type", "managed")
    if kind not in ("all", "managed", "external"):
        raise invalid("invalid_parameter", "user_type", f"Invalid value '{kind}' for parameter 'user_type'")
    everybody = [] if kind == "external" else call.core.ready.everybody()
    term = call.query.get("filter_term", "")
    by_marker = call.query.get("usemarker", "").lower() == "true"
    turn = page_by_marker if by_marker else page_by_offset
    known_as = call.query.get("external_app_user_id")
    if known_as is not None:
        everybody = [user for user in everybody if user.get("external_app_user_id") == known_as]
    elif not term and kind != "external":
        frame, part = turn(call, everybody)
        page = call.core.ready.page(frame, list(part), call.fields)
        return answer_of(page, call.request.headers.get("accept-encoding", ""))
    found = [user for user in everybody if starts_with(term, user["name"], user["login"])]
    outside = call.core.world.outsiders.get(call.core.world.logins.get(term.casefold(), ""))
    if kind != "managed" and outside is not None:  # people elsewhere are found by their exact login only
        found.append(outside)
    frame, part = turn(call, found)
    return JSONResponse({**frame, "entries": [shape(user, call.fields) for user in part]})


def prerender(core: Core) -> None:
    """Render every page of a thousand people, by marker and by offset, before anybody asks."""
    everybody = core.ready.everybody()
    for start in range(0, len(everybody), MAX_LIMIT):
        part = everybody[start : start + MAX_LIMIT]
        core.ready.page(marker_frame(start, MAX_LIMIT, everybody), part, None)
        if start <= MAX_OFFSET:
            core.ready.page(offset_frame(start, MAX_LIMIT, len(everybody)), part, None)


async def me(call: Call) -> Response:
    """`GET /users/me`; with ``As-User`` the person named there."""
    return JSONResponse(shape(call.user, call.query.get("fields")))


async def user(call: Call) -> Response:
    """`GET /users/:id`."""
    user_id = call.request.path_params["id"]
    if user_id != call.user["id"]:
        call.need_admin("manage_managed_users")
    found = call.core.world.users.get(user_id) or call.core.world.outsiders.get(user_id)
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


PATHS: dict[str, dict[str, Handler]] = {
    "/users": {"GET": users},
    "/users/me": {"GET": me},
    "/users/{id}": {"GET": user},
    "/users/{id}/memberships": {"GET": user_memberships},
    "/groups": {"GET": groups},
    "/groups/{id}": {"GET": group},
    "/groups/{id}/memberships": {"GET": group_memberships},
    "/group_memberships/{id}": {"GET": membership},
}
