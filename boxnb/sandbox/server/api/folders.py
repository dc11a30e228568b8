"""Reading `/folders`, the trash and `/web_links` (box-facts 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from ..company.people import Doc
from ..company.tree import Item
from ..errors import invalid
from .call import Call, Handler, page_by_marker, page_by_offset, respond, unchanged
from .representations import ROOT_MINI, View

KIND_ORDER = {"folder": 0, "file": 1, "web_link": 2}
SORTS: dict[str, Callable[[Item], Any]] = {
    "id": lambda item: int(item.id),
    "name": lambda item: item.name.casefold(),
    "date": lambda item: item.modified,
    "size": lambda item: item.bytes_below(),
}
EMPTY_USER: Doc = {"type": "user", "id": "", "name": "", "login": ""}


def ordered(call: Call, items: list[Item], sort: str, direction: str) -> list[Item]:
    """Return folders, then files, then web links, each sorted by `sort`."""
    items.sort(key=lambda item: (SORTS[sort](item), int(item.id)), reverse=direction == "DESC")
    items.sort(key=lambda item: KIND_ORDER[item.kind])
    return items


def sorting(call: Call, allowed: tuple[str, ...]) -> tuple[str, str]:
    """Return `sort` and `direction` from the query. Raises 400 for unknown values."""
    sort = call.query.get("sort") or "name"
    direction = (call.query.get("direction") or "ASC").upper()
    if sort not in allowed:
        raise invalid("invalid_parameter", "sort", f"Invalid value '{sort}' for parameter 'sort'")
    if direction not in ("ASC", "DESC"):
        raise invalid(
            "invalid_parameter", "direction", f"Invalid value '{direction}' for parameter 'direction'"
        )
    return sort, direction


def children(call: Call, folder: Item | None) -> list[Item]:
    """Return what this user sees in a folder or in folder 0, in Box's order. Folder 0 ignores `sort`."""
    sort, direction = sorting(call, tuple(SORTS))
    view = call.view()
    if folder is None:
        return ordered(call, call.context.world.access.top(view.user, view.now), "name", "ASC")
    items = [item for item in (folder.children or {}).values() if item.trashed is None]
    return ordered(call, items, sort, direction)


def page(call: Call, items: list[Item], fields: str | None) -> Doc:
    """Return a page of items. Without `fields` they are mini objects."""
    if call.query.get("usemarker", "").lower() == "true":
        paging, part = page_by_marker(call, items)
    else:
        paging, part = page_by_offset(call, items)
        direction = (call.query.get("direction") or "ASC").upper()
        sort = call.query.get("sort") or "name"
        paging["order"] = [{"by": "type", "direction": "ASC"}, {"by": sort, "direction": direction}]
    view = call.view()
    return {**paging, "entries": [view.item(item, fields or "name") for item in part]}


def root(view: View, fields: str | None, collection: Doc | None) -> Doc:
    """Return folder 0. No user created it, so most of its fields are null."""
    owner = view.world.person(view.user)
    doc: Doc = {
        **ROOT_MINI,
        **dict.fromkeys(("created_at", "modified_at", "trashed_at", "purged_at", "content_created_at")),
        **dict.fromkeys(("content_modified_at", "shared_link", "folder_upload_email", "parent")),
        "description": "",
        "size": sum(item.bytes_below() for item in view.world.tree.siblings(view.user, None).values()),
        "path_collection": {"total_count": 0, "entries": []},
        "created_by": dict(EMPTY_USER),
        "modified_by": owner,
        "owned_by": owner,
        "item_status": "active",
        "item_collection": collection,
    }
    if fields is None:
        return doc
    extra: Doc = {
        "sync_state": "not_synced",
        "has_collaborations": False,
        "tags": [],
        "is_externally_owned": False,
        "permissions": {
            **dict.fromkeys(("can_delete", "can_rename", "can_share", "can_set_share_access"), False),
            "can_download": True,
            "can_upload": True,
            "can_invite_collaborator": False,
        },
    }
    doc.update(extra)
    names = {*ROOT_MINI, *(name.strip() for name in fields.split(","))}
    return {name: value for name, value in doc.items() if name in names}


async def folder(call: Call) -> Response:
    """`GET /folders/:id`: returns the folder with its first items."""
    call.need_read()
    fields = call.fields
    item = call.folder(call.request.path_params["id"])
    if item is not None and unchanged(call, item):
        return Response(status_code=304, headers={"ETag": f'"{item.etag}"'})
    collection: Doc | None = None
    if fields is None or "item_collection" in [name.strip() for name in fields.split(",")]:
        collection = page(call, children(call, item), None)
    if item is None:
        return respond(root(call.view(), fields, collection))
    doc = call.view().item(item, fields)
    if collection is not None:
        doc["item_collection"] = collection
    return respond(doc, etag=item.etag)


async def folder_items(call: Call) -> Response:
    """`GET /folders/:id/items`."""
    call.need_read()
    item = call.folder(call.request.path_params["id"])
    return respond(page(call, children(call, item), call.fields))


async def trash(call: Call) -> Response:
    """`GET /folders/trash/items`: returns trashed items that this user can delete permanently.

    Raises 400 if `sort` is used with markers.
    """
    call.need_read()
    if call.query.get("usemarker", "").lower() == "true" and call.query.get("sort"):
        raise invalid("invalid_parameter", "sort", "'sort' cannot be used together with 'usemarker'")
    sort, direction = sorting(call, ("name", "date", "size"))
    view = call.view()
    items = [
        item
        for item in call.context.world.tree.everything()
        if item.trashed is not None and "delete" in view.rights(item)
    ]
    return respond(page(call, ordered(call, items, sort, direction), call.fields))


async def web_link(call: Call) -> Response:
    """`GET /web_links/:id`."""
    call.need_read()
    link = call.item("web_link", call.request.path_params["id"])
    if unchanged(call, link):
        return Response(status_code=304, headers={"ETag": f'"{link.etag}"'})
    return respond(call.view().item(link, call.fields), etag=link.etag)


PATHS: dict[str, dict[str, Handler]] = {
    "/folders/{id}": {"GET": folder},
    "/folders/{id}/items": {"GET": folder_items},
    "/folders/trash/items": {"GET": trash},
    "/web_links/{id}": {"GET": web_link},
}
