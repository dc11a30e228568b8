"""Versions of files: list, get, promote, into the trash and out of it (box-facts 4.4)."""

from __future__ import annotations

from starlette.responses import Response

from ..company.people import Doc
from ..company.times import iso, iso_or_none
from ..company.tree import Item
from ..errors import forbidden, invalid
from .call import Call, Handler, answer, check_match, missing, page_by_offset
from .uploads import new_version, room
from .write_rules import check_lock, text, touched


def version_doc(call: Call, item: Item, version: Doc, number: int) -> Doc:
    """A version as Box answers it."""
    return {
        "type": "file_version",
        "id": version["id"],
        "sha1": version["sha1"],
        "name": version["name"],
        "size": version["size"],
        "uploader_display_name": call.core.world.person(version["by"])["name"],
        "created_at": iso(version["created"]),
        "modified_at": iso(version["created"]),
        "modified_by": call.core.world.person(version["by"]),
        "trashed_at": iso_or_none(version.get("trashed")),
        "purged_at": None,
        "version_number": str(number),
    }


def chosen(call: Call, doc: Doc) -> Doc:
    """The fields of a version that the call asks for."""
    if call.fields is None:
        return doc
    wanted = {"id", "type", "sha1", *(name.strip() for name in call.fields.split(","))}
    return {name: value for name, value in doc.items() if name in wanted}


def docs_of(call: Call, item: Item) -> list[Doc]:
    """The earlier versions, newest first."""
    earlier = item.earlier()
    return [version_doc(call, item, one, len(earlier) - place) for place, one in enumerate(earlier)]


def present(call: Call, item: Item) -> Doc:
    """The version that the file has now."""
    made: Doc = {"id": item.version, "sha1": item.sha1, "name": item.name, "size": item.size}
    made |= {"by": item.modified_by, "created": item.modified}
    return version_doc(call, item, made, item.versions)


async def versions(call: Call) -> Response:
    """`GET /files/:id/versions`: the earlier ones, newest first; the current one is not among them."""
    call.reads()
    found = call.item("file", call.request.path_params["id"])
    frame, part = page_by_offset(call, docs_of(call, found))
    return answer({**frame, "entries": [chosen(call, doc) for doc in part]})


async def version(call: Call) -> Response:
    """`GET /files/:id/versions/:id`, the current one too."""
    call.reads()
    item = call.item("file", call.request.path_params["id"])
    wanted = call.request.path_params["version"]
    for doc in [present(call, item), *docs_of(call, item)]:
        if doc["id"] == wanted:
            return answer(chosen(call, doc))
    raise missing("file", wanted)


def earlier_version(call: Call, item: Item, wanted: str) -> Doc:
    """An earlier version of a file that the caller may change, ready to be changed in `item.history`."""
    if "edit" not in call.view().rights(item):
        raise forbidden()
    check_lock(call, item)
    if wanted == item.version:
        raise forbidden("The current version cannot be changed")  # a guess
    if item.history is None:
        item.history = list(reversed(item.earlier()))
    for one in item.history:
        if one["id"] == wanted:
            return one
    raise missing("file", wanted)


async def promote(call: Call) -> Response:
    """`POST /files/:id/versions/current`: a new version that is a copy of an earlier one."""
    call.writes()
    body = await call.body()
    item = call.item("file", call.request.path_params["id"])
    old = earlier_version(call, item, text(body, "id"))
    if old.get("trashed"):
        raise missing("file", old["id"], "trashed")
    room(call, item.owner, old["size"])
    new_version(call, item, {}, old["sha1"], old["size"], old["key"])
    return answer(chosen(call, present(call, item)), 201)


async def trash_version(call: Call) -> Response:
    """`DELETE /files/:id/versions/:id`: into the trash."""
    call.writes()
    item = call.item("file", call.request.path_params["id"])
    check_match(call, item)
    old = earlier_version(call, item, call.request.path_params["version"])
    with call.core.state:
        old["trashed"] = float(int(call.core.clock.now()))
        call.core.world.tree.keep(item)
    return Response(status_code=204)


async def restore_version(call: Call) -> Response:
    """`PUT /files/:id/versions/:id` with `trashed_at` null: out of the trash."""
    call.writes()
    body = await call.body()
    item = call.item("file", call.request.path_params["id"])
    old = earlier_version(call, item, call.request.path_params["version"])
    if body.get("trashed_at", "") is not None:
        raise invalid("invalid_parameter", "trashed_at", "'trashed_at' can only be set to null")
    with call.core.state:
        old["trashed"] = None
        touched(call, item)
    doc = next(one for one in docs_of(call, item) if one["id"] == old["id"])
    return answer(chosen(call, doc))


PATHS: dict[str, dict[str, Handler]] = {
    "/files/{id}/versions": {"GET": versions},
    "/files/{id}/versions/current": {"POST": promote},
    "/files/{id}/versions/{version}": {"GET": version, "DELETE": trash_version, "PUT": restore_version},
}
