"""`/users`, `/groups`, `/group_memberships` (box-facts 4.1, 4.2)."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ..company.people import shape
from ..company.rendered import page_response
from ..context import Context
from ..errors import forbidden, invalid, not_found
from .call import (
    MAX_LIMIT,
    MAX_OFFSET,
    Call,
    Handler,
    marker_paging,
    offset_paging,
    page_by_marker,
    page_by_offset,
)


def starts_with(term: str, *values: str) -> bool:
    """Return whether one of the values starts with the term, ignoring case, as `filter_term` requires."""
    return any(value.casefold().startswith(term.casefold()) for value in values)


async def users(call: Call) -> Response:
    """`GET /users`."""
    call.need_admin("manage_managed_users")
    kind = call.query.get("user_type", "managed")
    if kind not in ("all", "managed", "external"):
        raise invalid("invalid_parameter", "user_type", f"Invalid value '{kind}' for parameter 'user_type'")
    candidates = [] if kind == "external" else call.context.rendered_pages.all_users()
    term = call.query.get("filter_term", "")
    by_marker = call.query.get("usemarker", "").lower() == "true"
    page_of = page_by_marker if by_marker else page_by_offset
    app_user_id = call.query.get("external_app_user_id")
    if app_user_id is not None:
        candidates = [user for user in candidates if user.get("external_app_user_id") == app_user_id]
    elif not term and kind != "external":
        paging, part = page_of(call, candidates)
        page = call.context.rendered_pages.page(paging, list(part), call.fields)
        return page_response(page, call.request.headers.get("accept-encoding", ""))
    matches = [user for user in candidates if starts_with(term, user["name"], user["login"])]
    external = call.context.world.outsiders.get(call.context.world.logins.get(term.casefold(), ""))
    if kind != "managed" and external is not None:  # external users are found only by their exact login
        matches.append(external)
    paging, part = page_of(call, matches)
    return JSONResponse({**paging, "entries": [shape(user, call.fields) for user in part]})


def prerender(context: Context) -> None:
    """Render every page of 1000 users in advance, both by marker and by offset."""
    users_in_order = context.rendered_pages.all_users()
    for start in range(0, len(users_in_order), MAX_LIMIT):
        part = users_in_order[start : start + MAX_LIMIT]
        context.rendered_pages.page(marker_paging(start, MAX_LIMIT, users_in_order), part, None)
        if start <= MAX_OFFSET:
            context.rendered_pages.page(offset_paging(start, MAX_LIMIT, len(users_in_order)), part, None)


async def me(call: Call) -> Response:
    """`GET /users/me`: returns the caller, or the user in ``As-User``."""
    return JSONResponse(shape(call.user, call.query.get("fields")))


async def user(call: Call) -> Response:
    """`GET /users/:id`."""
    user_id = call.request.path_params["id"]
    if user_id != call.user["id"]:
        call.need_admin("manage_managed_users")
    match = call.context.world.users.get(user_id) or call.context.world.outsiders.get(user_id)
    if match is None:
        raise not_found("user", user_id)
    return JSONResponse(shape(match, call.query.get("fields")))


async def groups(call: Call) -> Response:
    """`GET /groups`."""
    call.need_admin("manage_groups")
    term = call.query.get("filter_term", "")
    matches = [
        group for group in call.context.world.groups.values() if not term or starts_with(term, group["name"])
    ]
    paging, part = page_by_offset(call, matches)
    return JSONResponse({**paging, "entries": [shape(group, call.query.get("fields")) for group in part]})


async def group(call: Call) -> Response:
    """`GET /groups/:id`."""
    call.need_admin("manage_groups")
    group_id = call.request.path_params["id"]
    match = call.context.world.groups.get(group_id)
    if match is None:
        raise not_found("group", group_id)
    return JSONResponse(shape(match, call.query.get("fields")))


async def group_memberships(call: Call) -> Response:
    """`GET /groups/:id/memberships`."""
    call.need_admin("manage_groups")
    group_id = call.request.path_params["id"]
    if group_id not in call.context.world.groups:
        raise not_found("group", group_id)
    memberships = call.context.world.of_group(group_id)
    paging, part = page_by_offset(call, memberships)
    return JSONResponse({**paging, "entries": [call.context.world.membership(entry) for entry in part]})


async def user_memberships(call: Call) -> Response:
    """`GET /users/:id/memberships`: users can read their own, and admins everyone's."""
    user_id = call.request.path_params["id"]
    call.need("manage_groups")
    if user_id != call.user["id"] and not call.is_admin:
        raise forbidden()
    if user_id not in call.context.world.users:
        raise not_found("user", user_id)
    memberships = call.context.world.of_user(user_id)
    paging, part = page_by_offset(call, memberships)
    return JSONResponse({**paging, "entries": [call.context.world.membership(entry) for entry in part]})


async def membership(call: Call) -> Response:
    """`GET /group_memberships/:id`."""
    call.need_admin("manage_groups")
    membership_id = call.request.path_params["id"]
    match = call.context.world.memberships.get(membership_id)
    if match is None:
        raise not_found("group_membership", membership_id)
    return JSONResponse(call.context.world.membership(match))


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
