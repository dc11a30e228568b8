"""Downloads (box-facts 4.11): a redirect to a URL that needs no token and is valid for 15 minutes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ..company import file_bytes
from ..company.state import random_text
from ..company.tree import Item
from ..context import Context, context_of
from ..errors import client_error
from .call import Call, Handler, missing
from .item_writes import record_event
from .uploads import base_of

SECONDS = 900
BYTES = re.compile(r"bytes=(\d*)-(\d*)")
TYPES = {"pdf": "application/pdf", "png": "image/png", "txt": "text/plain", "csv": "text/csv"}


def signature(context: Context, signed_path: str) -> str:
    """Return the signature that makes a download URL hard to guess. Its secret is saved in the state."""
    secret = context.state.meta("download.secret")
    if secret is None:
        secret = random_text(40)
        context.state.set_meta("download.secret", secret)
    return hmac.new(secret.encode(), signed_path.encode(), hashlib.sha256).hexdigest()


def other_host(base: str) -> str:
    """Return the URL with this computer's other name (localhost or 127.0.0.1), to imitate Box's separate download host.

    Clients must not send the token to that host.
    """
    scheme, _, rest = base.partition("://")
    for name, other_name in (("127.0.0.1", "localhost"), ("localhost", "127.0.0.1")):
        if rest == name or rest.startswith((f"{name}:", f"{name}/")):
            return f"{scheme}://{other_name}{rest[len(name) :]}"
    return base


async def download(call: Call) -> Response:
    """`GET /files/:id/content`: redirects (302) to the bytes."""
    call.need_read()
    item = call.item("file", call.request.path_params["id"], "download")
    file_lock = item.extra.get("lock")
    if file_lock and file_lock["is_download_prevented"] and file_lock["by"] != call.user["id"]:
        raise client_error(403, "access_denied_item_locked", "Access denied - item locked")
    version = call.query.get("version") or item.version
    if find_content(item, version) is None:
        raise missing("file", version)
    expires = int(call.context.clock.now()) + SECONDS
    signed_path = f"{item.id}/{version}/{expires}"
    base = other_host(base_of(call))
    record_event(call, "DOWNLOAD", item, {"size": item.size, "version_id": version})
    return Response(
        status_code=302,
        headers={"Location": f"{base}/dl/{signed_path}/{signature(call.context, signed_path)}"},
    )


def find_content(item: Item, version: str) -> tuple[str, str, int] | None:
    """Return the key (empty for uploaded bytes), SHA-1 and size of a version, or None if the item does not have it."""
    if version == item.version:
        return item.key, item.sha1, item.size
    for earlier_version in item.earlier():
        if earlier_version["id"] == version:
            return earlier_version["key"], earlier_version["sha1"], earlier_version["size"]
    return None


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes that a ``Range`` header requests (RFC 9110 14.2), or None for all of them. Raises 416."""
    match = BYTES.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if last and first else size
    if start >= end:
        error = client_error(416, "range_not_satisfiable", "Range not satisfiable")
        error.response.headers["Content-Range"] = f"bytes */{size}"
        raise error
    return start, end


async def serve(request: Request) -> Response:
    """`GET /dl/...`: serves the bytes of a file."""
    context, path = context_of(request), request.path_params
    signed_path = f"{path['file']}/{path['version']}/{path['expires']}"
    if not hmac.compare_digest(signature(context, signed_path).encode(), path["signature"].encode()):
        return Response(status_code=404)
    if context.clock.now() > int(path["expires"]):
        return Response(status_code=403)
    item = context.world.tree.files.get(path["file"])
    content = None if item is None else find_content(item, path["version"])
    if item is None or content is None:
        return Response(status_code=404)
    key, sha1, size = content
    requested_range = byte_range(request.headers.get("range", ""), size)
    start, end = requested_range or (0, size)
    chunks: Iterator[bytes] = (
        file_bytes.chunks(key, end, start) if key else context.blobs.read(sha1, start, end)
    )
    extension = item.name.rpartition(".")[2].lower()
    headers = {
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    if requested_range is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    media_type = TYPES.get(extension, "application/octet-stream")
    return StreamingResponse(chunks, 206 if requested_range else 200, headers, media_type=media_type)


PATHS: dict[str, dict[str, Handler]] = {"/files/{id}/content": {"GET": download}}
ROUTES = [Route("/dl/{file}/{version}/{expires:int}/{signature}", serve)]
