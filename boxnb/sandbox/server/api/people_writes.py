"""Writing users, groups and memberships (box-facts 4.1, 4.2)."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from ..company.people import Doc, mini, new_user, shape
from ..company.times import iso
from ..company.tree import Item
from ..errors import client_error, forbidden, invalid, not_found
from .call import ADMINS, Call, Handler, respond
from .item_writes import forget, new_item_fields
from .write_rules import id_of, text

LOGIN = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
UNLIMITED = 999_999_999_999_999
LEVELS = ("admins_only", "admins_and_members", "all_managed_users")
STATUSES = ("active", "inactive", "cannot_delete_edit", "cannot_delete_edit_upload")
LENGTHS = {"name": 50, "job_title": 100, "phone": 100, "address": 255, "language": 20, "timezone": 60}
BOOLEANS = [
    *("can_see_managed_users", "is_sync_enabled", "is_external_collab_restricted"),
    *("is_exempt_from_device_limits", "is_exempt_from_login_verification", "is_platform_access_only"),
]
GROUP_STRINGS = ("name", "provenance", "external_sync_identifier", "description")


def invalid_value(name: str, value: Any) -> Exception:
    """Build a 400 for an invalid value."""
    return invalid("invalid_parameter", name, f"Invalid value '{value}' for '{name}'")


def settings(call: Call, body: Doc) -> Doc:
    """Check and return the user settings that a body changes."""
    changes: Doc = {}
    for name, length in LENGTHS.items():
        if name in body:
            changes[name] = text(body, name)
            if len(changes[name]) > length or (name == "name" and not changes[name].strip()):
                raise invalid_value(name, changes[name])
    for name in BOOLEANS:
        if name in body:
            if not isinstance(body[name], bool):
                raise invalid_value(name, body[name])
            changes[name] = body[name]
    if "space_amount" in body:
        amount = body["space_amount"]
        if not isinstance(amount, int) or isinstance(amount, bool) or amount < -1:
            raise invalid_value("space_amount", amount)
        changes["space_amount"] = UNLIMITED if amount == -1 else amount
    if "status" in body:
        if body["status"] not in STATUSES:
            raise invalid_value("status", body["status"])
        changes["status"] = body["status"]
    if "role" in body:
        if body["role"] not in ("coadmin", "user"):
            raise invalid_value("role", body["role"])
        if call.user["role"] != "admin":
            raise forbidden()
        changes["role"] = body["role"]
    if "tracking_codes" in body:
        codes = body["tracking_codes"]
        if not isinstance(codes, list) or not all(isinstance(code, dict) for code in codes):
            raise invalid_value("tracking_codes", codes)
        changes["tracking_codes"] = [
            {"type": "tracking_code", "name": str(code.get("name", "")), "value": str(code.get("value", ""))}
            for code in codes
        ]
    if "external_app_user_id" in body:
        changes["external_app_user_id"] = text(body, "external_app_user_id")
    if "notification_email" in body:
        email = body["notification_email"]
        if email is not None and not (isinstance(email, dict) and LOGIN.fullmatch(str(email.get("email")))):
            raise invalid_value("notification_email", email)
        changes["notification_email"] = (
            None if email is None else {"email": email["email"], "is_confirmed": False}
        )
    return changes


def check_login(call: Call, login: str, except_id: str = "") -> str:
    """Return the login if it is free. Raises 409 `user_login_already_used` if another user has it."""
    if not LOGIN.fullmatch(login):
        raise invalid_value("login", login)
    if call.context.world.logins.get(login.casefold(), except_id) != except_id:
        raise client_error(409, "user_login_already_used", "User with the specified login already exists")
    return login


async def create_user(call: Call) -> Response:
    """`POST /users`."""
    call.need_admin("manage_managed_users")
    body = await call.body()
    text(body, "name")
    changes = settings(call, body)
    key = call.context.state.next_id()
    app_user = changes.get("is_platform_access_only", False)
    login = (
        f"AppUser_{key}@boxdevedition.example" if app_user else check_login(call, text(body, "login").strip())
    )
    now = iso(call.context.clock.now())
    user = {**new_user(key, login, now), **changes}
    with call.context.state:
        call.context.world.save_user(user)
        call.context.note(call.request, "NEW_USER", call.user["id"], mini(user))
    return respond(shape(user, call.fields), 201)


def changeable_user(call: Call) -> Doc:
    """Return the user named in the path. Raises 403 if a co-admin tries to change another admin."""
    user_id = call.request.path_params["id"]
    user = call.context.world.users.get(user_id)
    if user is None:
        raise not_found("user", user_id)
    if call.user["role"] != "admin" and user["role"] in ADMINS and user_id != call.user["id"]:
        raise forbidden()
    return user


async def update_user(call: Call) -> Response:
    """`PUT /users/:id`."""
    call.need_admin("manage_managed_users")
    body = await call.body()
    user = changeable_user(call)
    for name in ("enterprise", "is_password_reset_required"):
        if name in body:
            raise client_error(501, "not_implemented", f"The boxnb sandbox cannot set '{name}' for a user")
    changes = settings(call, body)
    if user["role"] == "admin" and (changes.get("status", "active") != "active" or "role" in changes):
        raise forbidden()
    if "login" in body:
        changes["login"] = check_login(call, text(body, "login").strip(), user["id"])
    changes["modified_at"] = iso(call.context.clock.now())
    kind = "CHANGE_ADMIN_ROLE" if changes.get("role", user["role"]) != user["role"] else "EDIT_USER"
    with call.context.state:
        call.context.world.change_user(user["id"], changes)
        call.context.note(call.request, kind, call.user["id"], mini(user))
    return respond(shape(user, call.fields))


def top_level_items(call: Call, user_id: str) -> list[Item]:
    """Return everything on a user's own top level, trashed or not."""
    return list(call.context.world.tree.siblings(user_id, None).values())


async def delete_user(call: Call) -> Response:
    """`DELETE /users/:id`: with `force`, also deletes the user's content (the error code is a guess)."""
    call.need_admin("manage_managed_users")
    user = changeable_user(call)
    if user["role"] == "admin" or user["id"] == call.user["id"]:
        raise forbidden()
    content = top_level_items(call, user["id"])
    if content and call.query.get("force", "").lower() != "true":
        raise client_error(400, "bad_request", "The user still owns content; move it or use 'force'")
    access = call.context.world.access
    with call.context.state:
        for item in content:
            forget(call, item)
        for collab in access.of_user(user["id"]):
            access.drop(collab)
        call.context.world.remove_user(user["id"])
        call.context.note(call.request, "DELETE_USER", call.user["id"], mini(user))
    return Response(status_code=204)


async def transfer(call: Call) -> Response:
    """`PUT /users/:id/folders/0`: moves everything that a user owns into one new folder of another user."""
    call.need_admin("root_readwrite")
    call.need("manage_managed_users")
    body = await call.body()
    user, world = changeable_user(call), call.context.world
    new_owner = world.users.get(id_of(body, "owned_by"))
    if new_owner is None:
        raise not_found("user", "owned_by")
    if new_owner["id"] == user["id"]:
        raise invalid_value("owned_by", new_owner["id"])
    name = f"{user['name']}'s Files and Folders".replace("/", "_").replace("\\", "_")[:250].strip()
    number, unused_name = 1, name
    while world.tree.find_by_name(new_owner["id"], None, unused_name) is not None:
        number += 1
        unused_name = f"{name} ({number})"
    with call.context.state:
        content = top_level_items(call, user["id"])
        new_folder = world.tree.add("folder", new_item_fields(call, unused_name), new_owner["id"], None)
        for item in content:
            world.tree.move(item, new_owner["id"], new_folder)
    call._view = None
    return respond(call.view().item(new_folder, call.fields))


def group_settings(call: Call, body: Doc, except_id: str = "") -> Doc:
    """Check and return the group settings that a body changes. Raises 409 `conflict` if another group has the name."""
    changes: Doc = {name: text(body, name) for name in GROUP_STRINGS if name in body}
    for name in ("invitability_level", "member_viewability_level"):
        if name in body:
            if body[name] not in LEVELS:
                raise invalid_value(name, body[name])
            changes[name] = body[name]
    if "name" in changes:
        if not changes["name"].strip() or len(changes["name"]) > 255:
            raise invalid_value("name", changes["name"])
        groups = call.context.world.groups.values()
        if any(group["name"] == changes["name"] and group["id"] != except_id for group in groups):
            message = f"A group with the name '{changes['name']}' already exists"
            errors = [{"reason": "invalid_parameter", "name": "name", "message": message}]
            raise client_error(409, "conflict", "Conflict", errors=errors)
    return changes


async def create_group(call: Call) -> Response:
    """`POST /groups`."""
    call.need_admin("manage_groups")
    body = await call.body()
    text(body, "name")
    changes = group_settings(call, body)
    now = iso(call.context.clock.now())
    group: Doc = {
        "id": call.context.state.next_id(),
        "type": "group",
        "name": "",
        "group_type": "managed_group",
        "created_at": now,
        "modified_at": now,
        "provenance": "",
        "external_sync_identifier": "",
        "description": "",
        "invitability_level": "all_managed_users",
        "member_viewability_level": "admins_only",
        "permissions": {"can_invite_as_collaborator": True},
        **changes,
    }
    with call.context.state:
        call.context.world.save_group(group)
        record_group_event(call, "GROUP_CREATION", group)
    return respond(shape(group, call.fields), 201)


def record_group_event(call: Call, kind: str, group: Doc, user_id: str = "") -> None:
    """Record an event about a group, or about a user in the group."""
    source: Doc = {"group_id": group["id"], "group_name": group["name"]}
    if user_id:
        source.update(user_id=user_id, user_name=call.context.world.person(user_id)["name"])
    call.context.note(call.request, kind, call.user["id"], source)


def find_group(call: Call, group_id: str) -> Doc:
    """Return a group. Raises 404 if it does not exist."""
    group = call.context.world.groups.get(group_id)
    if group is None:
        raise not_found("group", group_id)
    return group


async def update_group(call: Call) -> Response:
    """`PUT /groups/:id`."""
    call.need_admin("manage_groups")
    body = await call.body()
    group = find_group(call, call.request.path_params["id"])
    changes = group_settings(call, body, group["id"])
    with call.context.state:
        group.update(changes, modified_at=iso(call.context.clock.now()))
        call.context.world.save_group(group)
        record_group_event(call, "GROUP_EDITED", group)
    return respond(shape(group, call.fields))


async def delete_group(call: Call) -> Response:
    """`DELETE /groups/:id`: also deletes the group's memberships and collaborations."""
    call.need_admin("manage_groups")
    group = find_group(call, call.request.path_params["id"])
    access = call.context.world.access
    with call.context.state:
        for collab in access.of_group(group["id"]):
            access.drop(collab)
        call.context.world.remove_group(group["id"])
        record_group_event(call, "GROUP_DELETION", group)
    return Response(status_code=204)


def group_role(body: Doc, current: str = "member") -> str:
    """Return the `role` in a group that the body sets, or `current` if it does not set one."""
    role = body.get("role", current)
    if role not in ("member", "admin"):
        raise invalid_value("role", role)
    return str(role)


async def add_member(call: Call) -> Response:
    """`POST /group_memberships`."""
    call.need_admin("manage_groups")
    body = await call.body()
    refuse_permissions(body)
    group, user_id, world = find_group(call, id_of(body, "group")), id_of(body, "user"), call.context.world
    if user_id not in world.users:
        raise not_found("user", user_id)
    role = group_role(body)
    if any(membership["group_id"] == group["id"] for membership in world.of_user(user_id)):
        raise client_error(409, "conflict", "The user is already a member of the group")
    now = iso(call.context.clock.now())
    membership: Doc = {
        "id": call.context.state.next_id(),
        "type": "group_membership",
        "user_id": user_id,
        "group_id": group["id"],
        "role": role,
        "created_at": now,
        "modified_at": now,
    }
    with call.context.state:
        world.save_membership(membership)
        record_group_event(call, "GROUP_ADD_USER", group, user_id)
    return respond(world.membership(membership), 201)


def refuse_permissions(body: Doc) -> None:
    """Raise 501 if the body sets permissions of a group admin. An empty object is accepted, because permissions that it
    does not contain stay enabled (Box's OpenAPI description of `POST /group_memberships`).
    """
    flags = body.get("configurable_permissions")
    if flags is None:
        return
    if not isinstance(flags, dict) or not all(isinstance(value, bool) for value in flags.values()):
        raise invalid_value("configurable_permissions", flags)
    if flags:
        message = "The boxnb sandbox cannot set 'configurable_permissions' for a membership"
        raise client_error(501, "not_implemented", message)


def find_membership(call: Call) -> Doc:
    """Return a membership. Raises 404 if it does not exist."""
    membership_id = call.request.path_params["id"]
    membership = call.context.world.memberships.get(membership_id)
    if membership is None:
        raise not_found("group_membership", membership_id)
    return membership


async def update_member(call: Call) -> Response:
    """`PUT /group_memberships/:id`."""
    call.need_admin("manage_groups")
    body = await call.body()
    refuse_permissions(body)
    membership = find_membership(call)
    role = group_role(body, membership["role"])
    with call.context.state:
        membership.update(role=role, modified_at=iso(call.context.clock.now()))
        call.context.world.save_membership(membership)
    return respond(call.context.world.membership(membership))


async def remove_member(call: Call) -> Response:
    """`DELETE /group_memberships/:id`."""
    call.need_admin("manage_groups")
    entry = find_membership(call)
    with call.context.state:
        group = call.context.world.groups[entry["group_id"]]
        record_group_event(call, "GROUP_REMOVE_USER", group, entry["user_id"])
        call.context.world.remove_membership(entry)
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/users": {"POST": create_user},
    "/users/{id}": {"PUT": update_user, "DELETE": delete_user},
    "/users/{id}/folders/0": {"PUT": transfer},
    "/groups": {"POST": create_group},
    "/groups/{id}": {"PUT": update_group, "DELETE": delete_group},
    "/group_memberships": {"POST": add_member},
    "/group_memberships/{id}": {"PUT": update_member, "DELETE": remove_member},
}
