"""Reading `/files` and `/shared_items` (box-facts 4.4, 4.5)."""

from __future__ import annotations

from starlette.responses import Response

from .call import Call, Handler, answer, missing, open_link, page_by_offset, unchanged
from .errors import invalid, not_found
from .people import Doc
from .times import iso
from .tree import Item


async def file(call: Call) -> Response:
    """`GET /files/:id`."""
    call.reads()
    found = call.item("file", call.request.path_params["id"])
    if unchanged(call, found):
        return Response(status_code=304, headers={"ETag": f'"{found.etag}"'})
    return answer(call.view().item(found, call.fields), etag=found.etag)


def version_doc(call: Call, item: Item, version: Doc, number: int) -> Doc:
    """An earlier version as Box answers it."""
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
        "trashed_at": None,
        "purged_at": None,
        "version_number": str(number),
    }


async def versions(call: Call) -> Response:
    """`GET /files/:id/versions`: the earlier ones, newest first; the current one is not among them."""
    call.reads()
    found = call.item("file", call.request.path_params["id"])
    earlier = found.earlier()
    docs = [version_doc(call, found, one, len(earlier) - place) for place, one in enumerate(earlier)]
    frame, part = page_by_offset(call, docs)
    fields = call.fields
    if fields is not None:
        wanted = {"id", "type", "sha1", *(name.strip() for name in fields.split(","))}
        part = [{name: value for name, value in doc.items() if name in wanted} for doc in part]
    return answer({**frame, "entries": list(part)})


async def shared_item(call: Call) -> Response:
    """`GET /shared_items`: the item behind the link in ``BoxApi``."""
    call.reads()
    header = call.request.headers.get("boxapi")
    if not header:
        raise invalid("missing_parameter", "boxapi", "The header 'BoxApi' is missing")
    found = open_link(call, header)
    if found is None:
        raise not_found("shared_link", "shared_link")
    if not call.view().sees(found):
        raise missing(found.kind, found.id)
    if unchanged(call, found):
        return Response(status_code=304, headers={"ETag": f'"{found.etag}"'})
    return answer(call.view().item(found, call.fields), etag=found.etag)


PATHS: dict[str, dict[str, Handler]] = {
    "/files/{id}": {"GET": file},
    "/files/{id}/versions": {"GET": versions},
    "/shared_items": {"GET": shared_item},
}
