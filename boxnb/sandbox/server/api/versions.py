"""Versions of files: list, get, promote, trash, restore (box-facts 4.4)."""

from __future__ import annotations

from starlette.responses import Response

from ..company.people import Doc
from ..company.times import iso, iso_or_none
from ..company.tree import Item
from ..errors import forbidden, invalid
from .call import Call, Handler, check_match, missing, page_by_offset, respond
from .uploads import check_space, new_version
from .write_rules import check_lock, mark_changed, text


def version_doc(call: Call, item: Item, version: Doc, number: int) -> Doc:
    """Return a version as Box returns it."""
    return {
        "type": "file_version",
        "id": version["id"],
        "sha1": version["sha1"],
        "name": version["name"],
        "size": version["size"],
        "uploader_display_name": call.context.world.person(version["by"])["name"],
        "created_at": iso(version["created"]),
        "modified_at": iso(version["created"]),
        "modified_by": call.context.world.person(version["by"]),
        "trashed_at": iso_or_none(version.get("trashed")),
        "purged_at": None,
        "version_number": str(number),
    }


def with_fields(call: Call, doc: Doc) -> Doc:
    """Return a version with only the fields that the call requests."""
    if call.fields is None:
        return doc
    names = {"id", "type", "sha1", *(name.strip() for name in call.fields.split(","))}
    return {name: value for name, value in doc.items() if name in names}


def earlier_version_docs(call: Call, item: Item) -> list[Doc]:
    """Return the earlier versions, newest first."""
    earlier = item.earlier()
    return [version_doc(call, item, version, len(earlier) - index) for index, version in enumerate(earlier)]


def current_version(call: Call, item: Item) -> Doc:
    """Return the current version of the file."""
    current: Doc = {"id": item.version, "sha1": item.sha1, "name": item.name, "size": item.size}
    current |= {"by": item.modified_by, "created": item.modified}
    return version_doc(call, item, current, item.versions)


async def versions(call: Call) -> Response:
    """`GET /files/:id/versions`: the earlier versions, newest first, without the current one."""
    call.need_read()
    item = call.item("file", call.request.path_params["id"])
    paging, part = page_by_offset(call, earlier_version_docs(call, item))
    paging["order"] = [{"by": "id", "direction": "DESC"}]
    return respond({**paging, "entries": [with_fields(call, doc) for doc in part]})


async def version(call: Call) -> Response:
    """`GET /files/:id/versions/:id`, including the current version."""
    call.need_read()
    item = call.item("file", call.request.path_params["id"])
    version_id = call.request.path_params["version"]
    for doc in [current_version(call, item), *earlier_version_docs(call, item)]:
        if doc["id"] == version_id:
            return respond(with_fields(call, doc))
    raise missing("file", version_id)


def earlier_version(call: Call, item: Item, version_id: str) -> Doc:
    """Return an earlier version from `item.history`, to be changed in place. Raise if the caller cannot edit the file."""
    if "edit" not in call.view().rights(item):
        raise forbidden()
    check_lock(call, item)
    if version_id == item.version:
        raise forbidden("The current version cannot be changed")  # the error is a guess
    if item.history is None:
        item.history = list(reversed(item.earlier()))
    for version in item.history:
        if version["id"] == version_id:
            return version
    raise missing("file", version_id)


async def promote(call: Call) -> Response:
    """`POST /files/:id/versions/current`: copy an earlier version as the new current version."""
    call.need_write()
    body = await call.body()
    item = call.item("file", call.request.path_params["id"])
    old = earlier_version(call, item, text(body, "id"))
    if old.get("trashed"):
        raise missing("file", old["id"], "trashed")
    check_space(call, item.owner, old["size"])
    new_version(call, item, {}, old["sha1"], old["size"], old["key"])
    return respond(with_fields(call, current_version(call, item)), 201)


async def trash_version(call: Call) -> Response:
    """`DELETE /files/:id/versions/:id`: move to the trash."""
    call.need_write()
    item = call.item("file", call.request.path_params["id"])
    check_match(call, item)
    old = earlier_version(call, item, call.request.path_params["version"])
    with call.context.state:
        old["trashed"] = float(int(call.context.clock.now()))
        call.context.world.tree.save(item)
    return Response(status_code=204)


async def restore_version(call: Call) -> Response:
    """`PUT /files/:id/versions/:id` with `trashed_at` null: restore from the trash."""
    call.need_write()
    body = await call.body()
    item = call.item("file", call.request.path_params["id"])
    old = earlier_version(call, item, call.request.path_params["version"])
    if body.get("trashed_at", "") is not None:
        raise invalid("invalid_parameter", "trashed_at", "'trashed_at' can only be set to null")
    with call.context.state:
        old["trashed"] = None
        mark_changed(call, item)
    doc = next(version for version in earlier_version_docs(call, item) if version["id"] == old["id"])
    return respond(with_fields(call, doc))


PATHS: dict[str, dict[str, Handler]] = {
    "/files/{id}/versions": {"GET": versions},
    "/files/{id}/versions/current": {"POST": promote},
    "/files/{id}/versions/{version}": {"GET": version, "DELETE": trash_version, "PUT": restore_version},
}
