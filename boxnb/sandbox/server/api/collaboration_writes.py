"""Writing collaborations: invite, accept, change, transfer ownership, delete (box-facts 4.6)."""

from __future__ import annotations

from starlette.responses import Response

from ..company.event_log import collab_source
from ..company.people import Doc
from ..company.permissions import INVITABLE, Collab
from ..company.tree import ROOT, Item
from ..errors import client_error, forbidden, invalid, not_found
from .call import Call, Handler, respond
from .collaborations import visible_collab
from .write_rules import id_of, moment, sub_object, text


def record_event(call: Call, kind: str, collab: Collab) -> None:
    """Record an event about a collaboration."""
    world = call.context.world
    item = world.tree.of(collab.item_type).get(collab.item_id)
    details = {"collab_id": collab.id, "role": collab.role, "type": "collab", "is_performed_by_admin": False}
    call.context.note(call.request, kind, call.user["id"], collab_source(world, collab.id), details, item)


def invitee(call: Call, body: Doc) -> tuple[str, str, str, bool]:
    """Return the invitee as a user id, a group id and an email address, and whether `accessible_by` has an id.

    Two of the three are empty; the email address is for an invitee without an account.
    """
    world, accessible_by = call.context.world, sub_object(body, "accessible_by")
    kind = accessible_by.get("type")
    if kind == "group":
        group = id_of(body, "accessible_by")
        if group not in world.groups:
            raise not_found("group", group)
        return "", group, "", True
    if kind != "user":
        raise invalid("invalid_parameter", "accessible_by", f"Invalid value '{kind}' for 'type'")
    if accessible_by.get("id") is not None:
        user = id_of(body, "accessible_by")
        if user not in world.users and user not in world.outsiders:
            raise not_found("user", user)
        return user, "", "", True
    login = text(accessible_by, "login").strip()
    if login.count("@") != 1 or login.startswith("@") or login.endswith("@"):
        raise invalid("invalid_parameter", "login", f"Invalid value '{login}' for 'login'")
    user = world.logins.get(login.casefold(), "")
    return user, "", "" if user else login, False


def shared_item(call: Call, body: Doc) -> Item:
    """Return the item to share. Raises 403 if the caller cannot invite collaborators to it."""
    kind = sub_object(body, "item").get("type")
    if kind not in ("file", "folder"):
        raise invalid("invalid_parameter", "item", f"Invalid value '{kind}' for 'type'")
    if kind == "folder" and id_of(body, "item") == ROOT:
        message = "Collaborations are not available on the root folder"
        raise client_error(400, "collaborations_not_available_on_root_folder", message)
    item = call.item(kind, id_of(body, "item"))
    rights = call.view().rights(item)
    others_may_invite = item.kind == "file" or item.extra.get("can_non_owners_invite", True)
    if "invite" not in rights or not (others_may_invite or item.owner == call.user["id"]):
        raise forbidden()
    return item


def role_of(body: Doc, more_roles: tuple[str, ...] = ()) -> str:
    """Return `role`. Raises 400 if it cannot be granted."""
    role = body.get("role")
    if role not in (*INVITABLE, *more_roles):
        raise invalid("invalid_parameter", "role", f"Invalid value '{role}' for 'role'")
    return str(role)


async def create(call: Call) -> Response:
    """`POST /collaborations`: managed users and groups get access immediately; external users must accept first."""
    call.need_write()
    body = await call.body()
    item = shared_item(call, body)
    user, group, email, by_id = invitee(call, body)
    role = role_of(body)
    world = call.context.world
    if item.restricted and not group and user not in world.users:
        raise forbidden("Collaboration on this folder is restricted to the enterprise")
    existing = (
        collab
        for collab in world.access.on(item)
        if (collab.user, collab.group, collab.email) == (user, group, email)
    )
    if (user and user == item.owner) or any(collab.status != "rejected" for collab in existing):
        raise client_error(400, "user_already_collaborator", "User is already a collaborator")
    if body.get("can_view_path") and (item.kind == "file" or item.owner != call.user["id"]):
        raise invalid(
            "invalid_parameter", "can_view_path", "Only the owner of a folder can set 'can_view_path'"
        )
    expires = moment(call, body, "expires_at", future=True)
    accepted = bool(group) or user in world.users
    now = float(int(call.context.clock.now()))
    with call.context.state:
        collab = world.access.save(
            Collab(
                call.context.state.next_id(),
                item.kind,
                item.id,
                user,
                group,
                email,
                role,
                "accepted" if accepted else "pending",
                call.user["id"],
                now,
                now,
                expires,
                now if accepted else None,
                bool(body.get("is_access_only", False)),
                bool(body.get("can_view_path", False)),
                by_id,
            )
        )
        record_event(call, "COLLABORATION_INVITE", collab)
        if accepted:
            record_event(call, "COLLABORATION_ACCEPT", collab)
    return respond(call.view().collab(collab, call.fields), 201)


def manages(call: Call, collab: Collab) -> bool:
    """Return whether the caller can change or end other users' access."""
    item = call.context.world.tree.of(collab.item_type).get(collab.item_id)
    return item is not None and "invite" in call.view().rights(item)


async def update(call: Call) -> Response:
    """`PUT /collaborations/:id`: returns 204 if the collaborator becomes the owner."""
    call.need_write()
    body = await call.body()
    collab = visible_collab(call, call.request.path_params["id"])
    if "status" in body:
        decide(call, collab, body["status"])
    elif not manages(call, collab):
        raise forbidden()
    role = role_of(body, ("owner",)) if "role" in body else collab.role
    if role == "owner":
        transfer_ownership(call, collab)
        return Response(status_code=204)
    expires = moment(call, body, "expires_at", future=True) if "expires_at" in body else collab.expires
    with call.context.state:
        changed = role != collab.role
        if "expires_at" in body and expires != collab.expires:
            record_event(call, "UPDATE_COLLABORATION_EXPIRATION", collab)
        collab.role, collab.expires = role, expires
        collab.can_view_path = bool(body.get("can_view_path", collab.can_view_path))
        collab.modified = float(int(call.context.clock.now()))
        call.context.world.access.save(collab)
        if changed:
            record_event(call, "COLLABORATION_ROLE_CHANGE", collab)
    call._view = None
    return respond(call.view().collab(collab, call.fields))


def decide(call: Call, collab: Collab, status: object) -> None:
    """Let the invited user accept or reject a pending collaboration.

    Raises 400 `invalid_status` for other values, or if the collaboration is not pending.
    """
    if collab.user != call.user["id"]:
        raise forbidden()
    if collab.status != "pending" or status not in ("accepted", "rejected"):
        raise client_error(
            400, "invalid_status", f"A collaboration that is {collab.status} cannot become {status}"
        )
    with call.context.state:
        collab.status = str(status)
        collab.acknowledged = collab.modified = float(int(call.context.clock.now()))
        call.context.world.access.save(collab)
        if status == "accepted":
            record_event(call, "COLLABORATION_ACCEPT", collab)


def transfer_ownership(call: Call, collab: Collab) -> None:
    """Make the collaborator the owner of a top-level folder, and the previous owner an editor."""
    world = call.context.world
    item = world.tree.of(collab.item_type).get(collab.item_id)
    if item is None or item.owner != call.user["id"]:
        raise forbidden()
    is_managed = collab.user in world.users
    if item.kind != "folder" or item.parent is not None or collab.status != "accepted" or not is_managed:
        raise invalid(
            "invalid_parameter",
            "role",
            "Only a top-level folder can get a new owner, and the owner must be a managed user",
        )
    with call.context.state:
        old, new = item.owner, collab.user
        world.access.drop(collab)
        world.tree.move(item, new, None)
        collab.user, collab.role = old, "editor"
        collab.modified = float(int(call.context.clock.now()))
        world.access.save(collab)
        record_event(call, "COLLABORATION_ROLE_CHANGE", collab)


async def delete(call: Call) -> Response:
    """`DELETE /collaborations/:id`: for the collaborator and for users who can manage the collaboration."""
    call.need_write()
    collab = visible_collab(call, call.request.path_params["id"])
    if collab.user != call.user["id"] and not manages(call, collab):
        raise forbidden()
    with call.context.state:
        record_event(call, "COLLABORATION_REMOVE", collab)
        call.context.world.access.drop(collab)
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/collaborations": {"POST": create},
    "/collaborations/{id}": {"PUT": update, "DELETE": delete},
}
