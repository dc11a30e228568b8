"""Writing folders, files and web links: create, change, copy, move, delete, restore (box-facts 4.3 to 4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from ..company.event_log import item_source
from ..company.people import Doc
from ..company.tree import ROOT, Item, descend
from ..errors import ApiError, client_error, forbidden, invalid
from .call import Call, Handler, check_match, respond
from .write_rules import (
    bad_request,
    check_lock,
    check_may_leave,
    check_name,
    check_name_is_free,
    id_of,
    mark_changed,
    moment,
    set_link,
    set_lock,
    set_tags,
    target,
    text,
    trashed_item,
)

NOT_IMPLEMENTED = {"folder_upload_email", "collections", "disposition_at", "permissions"}
CHANGED = ("name", "description", "tags", "link", "url", "restricted")
FLAGS = ("can_non_owners_invite", "can_non_owners_view_collaborators")


def kind_of(call: Call) -> str:
    """Return the kind of item that the path names: `folder`, `file` or `web_link`."""
    first = call.request.url.path.removeprefix("/api").split("/")[2]
    return {"folders": "folder", "files": "file", "web_links": "web_link"}[first]


def item_response(call: Call, item: Item, status: int = 200) -> Response:
    """Return the item as the response to a write."""
    call._view = None
    doc = call.view().item(item, call.fields)
    return respond(doc, status, item.etag)


def record_event(call: Call, kind: str, item: Item, details: Doc | None = None) -> None:
    """Record an event about an item."""
    call.context.note(
        call.request, kind, call.user["id"], item_source(call.context.world, item), details, item
    )


def new_item_fields(call: Call, name: str) -> Doc:
    """Return the fields that every new item has."""
    now = float(int(call.context.clock.now()))
    by = call.user["id"]
    item_id = call.context.state.next_id()
    stamps: Doc = {"created_by": by, "created": now, "modified_by": by, "modified": now}
    return {"id": item_id, "name": name, "etag": 0, **stamps}


async def create_folder(call: Call) -> Response:
    """`POST /folders`."""
    call.need_write()
    body = await call.body()
    name = check_name(body.get("name"))
    refuse_not_implemented(body)
    owner, parent = target(call, id_of(body, "parent"))
    check_name_is_free(call, owner, parent, name, "folder")
    with call.context.state:
        created = call.context.world.tree.add("folder", new_item_fields(call, name), owner, parent)
        record_event(call, "ITEM_CREATE", created)
    return item_response(call, created, 201)


async def create_web_link(call: Call) -> Response:
    """`POST /web_links`."""
    call.need_write()
    body = await call.body()
    url = check_url(body.get("url"))
    name = check_name(body.get("name") or url.partition("://")[2].replace("/", "_")[:255].strip(" "))
    owner, parent = target(call, id_of(body, "parent"))
    check_name_is_free(call, owner, parent, name, "web_link")
    with call.context.state:
        doc = {**new_item_fields(call, name), "url": url, "description": str(body.get("description") or "")}
        created = call.context.world.tree.add("web_link", doc, owner, parent)
        record_event(call, "ITEM_CREATE", created)
    return item_response(call, created)


def check_url(url: Any) -> str:
    """Return `url`. Raises 400 if it is not a web URL."""
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")) or len(url) < 10:
        raise invalid("invalid_parameter", "url", "'url' must begin with http:// or https://")
    return url


def refuse_not_implemented(body: Doc) -> None:
    """Raise 501 for settings that the sandbox does not support."""
    for name in sorted(NOT_IMPLEMENTED & set(body)):
        raise client_error(501, "not_implemented", f"The boxnb sandbox cannot set '{name}'")


async def update(call: Call) -> Response:
    """`PUT /folders/:id`, `/files/:id`, `/web_links/:id`: changes name, description, parent, shared link, tags or lock."""
    call.need_write()
    body = await call.body()
    kind, item_id = kind_of(call), call.request.path_params["id"]
    if kind == "folder" and item_id == ROOT:
        raise forbidden()
    item = call.find(kind, item_id)
    if item.trashed is not None and "parent" in body and kind == "folder":
        response = await restore(call)
        response.status_code = 200  # as for every PUT
        return response
    item = call.item(kind, item_id)
    check_match(call, item)
    refuse_not_implemented(body)
    rights = call.view().rights(item)
    if set(body) - {"shared_link", "fields"} and "edit" not in rights:
        raise forbidden()
    if kind == "file" and set(body) - {"shared_link", "lock"}:
        check_lock(call, item)
    old_values = {attribute: getattr(item, attribute) for attribute in CHANGED} | {"extra": dict(item.extra)}
    try:
        with call.context.state:
            events = changes(call, item, body)
            mark_changed(call, item)
            for event in events:
                record_event(call, event, item)
    except ApiError:  # undo a partly applied change
        for attribute, value in old_values.items():
            setattr(item, attribute, value)
        raise
    return item_response(call, item)


def changes(call: Call, item: Item, body: Doc) -> list[str]:
    """Check and apply the changes in a body. Return the names of the events."""
    owner, parent = item.owner, item.parent
    name = check_name(body["name"]) if "name" in body else item.name
    moves = "parent" in body and id_of(body, "parent") != (parent.id if parent else ROOT)
    if moves:
        owner, parent = target(call, id_of(body, "parent"))
        check_may_leave(call, item)
        if owner != item.owner and "own" not in call.view().rights(item):
            raise forbidden()
        if parent is not None and item in parent.up():
            raise client_error(400, "cyclical_folder_structure", "Cyclical folder structure")
    if moves or name.casefold() != item.name.casefold():
        check_name_is_free(call, owner, parent, name, item.kind, item)
    events: list[str] = []
    if "lock" in body and item.kind == "file":
        events.append("UNLOCK" if body["lock"] is None else "LOCK")
        set_lock(call, item, body["lock"])
    if "tags" in body:
        set_tags(item, body["tags"])
    if "description" in body:
        item.description = text(body, "description")[:255]
    # rclone sets a file's time this way, although Box's API description does not mention it.
    if item.kind == "file":
        modified = moment(call, body, "content_modified_at")
        item.extra |= {} if modified is None else {"content_modified": modified}
    if "url" in body and item.kind == "web_link":
        item.url = check_url(body["url"])
    for flag in FLAGS:
        if flag in body and item.kind == "folder":
            item.extra[flag] = bool(body[flag])
    if "is_collaboration_restricted_to_enterprise" in body and item.kind == "folder":
        item.restricted = bool(body["is_collaboration_restricted_to_enterprise"])
    if "shared_link" in body:
        event = set_link(call, item, body["shared_link"])
        events += [event] if event else []
    if name != item.name:
        item.name = name
        events.append("RENAME")
    if moves:
        call.context.world.tree.move(item, owner, parent)
        events.append("MOVE")
    return events


async def copy(call: Call) -> Response:
    """`POST /folders/:id/copy` and `/files/:id/copy`: copies content and description, not links or collaborations."""
    call.need_write()
    body = await call.body()
    kind, item_id = kind_of(call), call.request.path_params["id"]
    if kind == "folder" and item_id == ROOT:
        raise bad_request("The root folder cannot be copied", "folder")
    item = call.item(kind, item_id, "download")
    name = check_name(body.get("name") or item.name)
    owner, parent = target(call, id_of(body, "parent"))
    check_name_is_free(call, owner, parent, name, kind)
    if parent is not None and item in parent.up():
        raise client_error(400, "cyclical_folder_structure", "Cyclical folder structure")
    with call.context.state:
        new_item = duplicate(call, item, name, owner, parent)
        record_event(call, "COPY", new_item)
    return item_response(call, new_item, 201)


def duplicate(call: Call, item: Item, name: str, owner: str, parent: Item | None) -> Item:
    """Copy an item with its content."""
    doc = new_item_fields(call, name)
    doc.update(description=item.description, tags=list(item.tags), url=item.url)
    if item.kind == "file":
        times = {
            "content_created": item.extra.get("content_created", item.created),
            "content_modified": item.extra.get("content_modified", item.modified),
        }
        doc.update(size=item.size, sha1=item.sha1, key=item.key, extra=times)
    children = [child for child in (item.children or {}).values() if child.trashed is None]
    new_item = call.context.world.tree.add(item.kind, doc, owner, parent)
    for child in children:
        duplicate(call, child, child.name, owner, new_item)
    return new_item


async def delete(call: Call) -> Response:
    """`DELETE /folders/:id` and the like: moves the item to the trash for 30 days."""
    call.need_write()
    kind, item_id = kind_of(call), call.request.path_params["id"]
    if kind == "folder" and item_id == ROOT:
        raise forbidden()
    item = call.item(kind, item_id)
    check_match(call, item)
    check_may_leave(call, item)
    if kind == "file":
        check_lock(call, item)
    has_children = any(child.trashed is None for child in (item.children or {}).values())
    if has_children and call.query.get("recursive", "").lower() != "true":
        raise client_error(400, "folder_not_empty", "Cannot delete - folder not empty")
    with call.context.state:
        record_event(call, "DELETE", item)
        item.trashed = float(int(call.context.clock.now()))
        item.extra = {**item.extra, "trashed_by": call.user["id"]}
        call.context.world.tree.save(item)
    return Response(status_code=204)


async def restore(call: Call) -> Response:
    """`POST /folders/:id` and the like: restores the item from the trash, to its old folder or to `parent`.

    The request can also rename the item.
    """
    call.need_write()
    body = await call.body() if await call.request.body() else {}
    item = trashed_item(call, kind_of(call), call.request.path_params["id"])
    if "delete" not in call.view().rights(item):
        raise forbidden()
    owner, parent = item.owner, item.parent
    if "parent" in body:
        owner, parent = target(call, id_of(body, "parent"))
    elif item.extra.get("orphan") or (parent is not None and parent.is_trashed()):
        raise client_error(
            403, "forbidden", "The original folder is in the trash or was deleted; send a 'parent'"
        )
    if parent is not None and item in parent.up():
        raise client_error(400, "cyclical_folder_structure", "Cyclical folder structure")
    name = check_name(body.get("name") or item.name)
    check_name_is_free(call, owner, parent, name, item.kind, item)
    with call.context.state:
        item.trashed, item.name = None, name
        item.extra = {key: value for key, value in item.extra.items() if key not in ("trashed_by", "orphan")}
        if parent is not item.parent or owner != item.owner:
            call.context.world.tree.move(item, owner, parent)
        mark_changed(call, item)
        record_event(call, "UNDELETE", item)
    return item_response(call, item, 201)


async def read_trashed(call: Call) -> Response:
    """`GET /folders/:id/trash` and the like: returns an item in the trash."""
    call.need_read()
    item = trashed_item(call, kind_of(call), call.request.path_params["id"])
    return respond(call.view().item(item, call.fields), etag=item.etag)


async def purge(call: Call) -> Response:
    """`DELETE /folders/:id/trash` and the like: permanently deletes the item and its collaborations."""
    call.need_write()
    item = trashed_item(call, kind_of(call), call.request.path_params["id"])
    if "delete" not in call.view().rights(item):
        raise forbidden()
    tree = call.context.world.tree
    with call.context.state:
        # Items in the folder that were trashed separately stay in the trash: rclone's cleanup purges each one itself.
        for descendant in list(trashed_separately(item)):
            descendant.extra = {**descendant.extra, "orphan": True}
            tree.move(descendant, descendant.owner, None)
        forget(call, item)
    return Response(status_code=204)


def trashed_separately(item: Item) -> Iterator[Item]:
    """Yield the topmost items in this one that were trashed separately."""
    for child in (item.children or {}).values():
        if child.trashed is not None:
            yield child
        else:
            yield from trashed_separately(child)


def forget(call: Call, item: Item) -> None:
    """Remove an item, its content and all their collaborations."""
    access = call.context.world.access
    for descendant in descend(item):
        for collab in access.on(descendant):
            access.drop(collab)
    call.context.world.tree.purge(item)


TRASH: dict[str, Handler] = {"GET": read_trashed, "DELETE": purge}
PATHS: dict[str, dict[str, Handler]] = {
    "/folders": {"POST": create_folder},
    "/folders/{id}": {"PUT": update, "DELETE": delete, "POST": restore},
    "/folders/{id}/copy": {"POST": copy},
    "/folders/{id}/trash": TRASH,
    "/files/{id}": {"PUT": update, "DELETE": delete, "POST": restore},
    "/files/{id}/copy": {"POST": copy},
    "/files/{id}/trash": TRASH,
    "/web_links": {"POST": create_web_link},
    "/web_links/{id}": {"PUT": update, "DELETE": delete, "POST": restore},
    "/web_links/{id}/trash": TRASH,
}
