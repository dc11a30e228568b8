"""List the collaborations of an item, of a group, or of the caller (box-facts 4.6)."""

from __future__ import annotations

from starlette.responses import Response

from ..company.permissions import Collab
from ..company.tree import Item
from ..errors import client_error, forbidden, invalid, not_found
from .call import Call, Handler, page_by_marker, page_by_offset, respond


def visible_on(call: Call, item: Item) -> list[Collab]:
    """Return the collaborations of an item, then those inherited from its ancestor folders; oldest first."""
    access, view = call.context.world.access, call.view()
    collabs: list[Collab] = []
    for ancestor in item.up():
        if view.sees(ancestor):
            collabs += sorted(access.on(ancestor), key=lambda collab: int(collab.id))
    return [collab for collab in collabs if collab.status != "rejected"]


async def of_item(call: Call, kind: str) -> Response:
    """Return one page of an item's collaborations, paged by marker."""
    call.need_read()
    item_id = call.request.path_params["id"]
    if kind == "folder" and item_id == "0":
        message = "Collaborations are not available on the root folder"
        raise client_error(400, "collaborations_not_available_on_root_folder", message)
    item = call.item(kind, item_id)
    paging, part = page_by_marker(call, visible_on(call, item))
    view = call.view()
    return respond({**paging, "entries": [view.collab(collab, call.fields) for collab in part]})


async def of_folder(call: Call) -> Response:
    """`GET /folders/:id/collaborations`."""
    return await of_item(call, "folder")


async def of_file(call: Call) -> Response:
    """`GET /files/:id/collaborations`."""
    return await of_item(call, "file")


def visible_collab(call: Call, collab_id: str) -> Collab:
    """Return a collaboration the user may see: their own, created by them, or on an item they can see."""
    collab = call.context.world.access.collabs.get(collab_id)
    if collab is not None:
        item = call.context.world.tree.of(collab.item_type).get(collab.item_id)
        is_own = call.user["id"] in (collab.user, collab.created_by)
        if is_own or (item is not None and call.view().sees(item)):
            return collab
    raise not_found("collaboration", collab_id)


async def collaboration(call: Call) -> Response:
    """`GET /collaborations/:id`."""
    call.need_read()
    return respond(call.view().collab(visible_collab(call, call.request.path_params["id"]), call.fields))


async def pending(call: Call) -> Response:
    """`GET /collaborations?status=pending`: the caller's own pending invitations, not the company's."""
    call.need_read()
    status = call.query.get("status", "")
    if status != "pending":
        code = "invalid_parameter" if status else "missing_parameter"
        raise invalid(
            code, "status", f"Invalid value '{status}'. The only status that can be listed is 'pending'"
        )
    own_collabs = call.context.world.access.of_user(call.user["id"])
    pending_collabs = sorted(
        (collab for collab in own_collabs if collab.status == "pending"), key=lambda collab: int(collab.id)
    )
    paging, part = page_by_offset(call, pending_collabs)
    view = call.view()
    return respond({**paging, "entries": [view.collab(collab, call.fields) for collab in part]})


async def of_group(call: Call) -> Response:
    """`GET /groups/:id/collaborations`."""
    call.need("manage_groups")
    group_id = call.request.path_params["id"]
    if group_id not in call.context.world.groups:
        raise not_found("group", group_id)
    if not call.is_admin and group_id not in call.context.world.groups_of.get(call.user["id"], ()):
        raise forbidden()
    collabs = sorted(call.context.world.access.of_group(group_id), key=lambda collab: int(collab.id))
    paging, part = page_by_offset(call, collabs)
    view = call.view()
    return respond({**paging, "entries": [view.collab(collab, call.fields) for collab in part]})


PATHS: dict[str, dict[str, Handler]] = {
    "/folders/{id}/collaborations": {"GET": of_folder},
    "/files/{id}/collaborations": {"GET": of_file},
    "/collaborations": {"GET": pending},
    "/collaborations/{id}": {"GET": collaboration},
    "/groups/{id}/collaborations": {"GET": of_group},
}
