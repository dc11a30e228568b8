"""Reading `/files` and `/shared_items` (box-facts 4.4, 4.5)."""

from __future__ import annotations

from starlette.responses import Response

from ..errors import invalid, not_found
from .call import Call, Handler, missing, open_link, respond, unchanged


async def file(call: Call) -> Response:
    """`GET /files/:id`."""
    call.need_read()
    item = call.item("file", call.request.path_params["id"])
    if unchanged(call, item):
        return Response(status_code=304, headers={"ETag": f'"{item.etag}"'})
    return respond(call.view().item(item, call.fields), etag=item.etag)


async def shared_item(call: Call) -> Response:
    """`GET /shared_items`: returns the item behind the shared link in the ``BoxApi`` header."""
    call.need_read()
    header = call.request.headers.get("boxapi")
    if not header:
        raise invalid("missing_parameter", "boxapi", "The header 'BoxApi' is missing")
    item = open_link(call, header)
    if item is None:
        raise not_found("shared_link", "shared_link")
    if not call.view().sees(item):
        raise missing(item.kind, item.id)
    if unchanged(call, item):
        return Response(status_code=304, headers={"ETag": f'"{item.etag}"'})
    return respond(call.view().item(item, call.fields), etag=item.etag)


PATHS: dict[str, dict[str, Handler]] = {
    "/files/{id}": {"GET": file},
    "/shared_items": {"GET": shared_item},
}
