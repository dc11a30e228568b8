"""Uploads in a single request: preflight, new file, new version (box-facts 4.10)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from ..company import times
from ..company.people import Doc
from ..company.tree import Item
from ..context import parse_json
from ..errors import client_error, forbidden, invalid
from .call import Call, Handler, check_match, respond
from .item_writes import new_item_fields, record_event
from .multipart import Part, parse
from .write_rules import bad_request, check_lock, check_name, check_name_is_free, id_of, mark_changed, target


def base_of(call: Call) -> str:
    """Return the base URL of this sandbox as the caller sees it."""
    return str(call.request.base_url).rstrip("/") + call.context.prefix


def check_space(call: Call, owner: str, size: int) -> None:
    """Raise 403 if a file is too large for the caller or for the owner's remaining space."""
    if size > call.user["max_upload_size"]:
        raise client_error(
            403, "file_size_limit_exceeded", "File size exceeds the folder owner's file size limit"
        )
    user = call.context.world.users.get(owner)
    if user is not None and user["space_used"] + size > user["space_amount"]:
        raise client_error(403, "storage_limit_exceeded", "Account storage limit reached")


def add_used_space(call: Call, owner: str, size: int) -> None:
    """Add bytes to the space that an owner uses."""
    user = call.context.world.users.get(owner)
    if user is not None:
        call.context.world.change_user(owner, {"space_used": user["space_used"] + size})


def content_times(call: Call, attributes: Doc) -> Doc:
    """Return `content_created_at` and `content_modified_at` in the form that `Item.extra` contains."""
    moments: Doc = {}
    for name in ("content_created", "content_modified"):
        value = attributes.get(f"{name}_at")
        if value is not None:
            try:
                moments[name] = times.parse(str(value))
            except ValueError:
                raise invalid("invalid_parameter", f"{name}_at", f"Invalid value '{value}'") from None
    return moments


def new_file(call: Call, attributes: Doc, owner: str, parent: Item | None, sha1: str, size: int) -> Item:
    """Create a file whose bytes are already saved."""
    doc = new_item_fields(call, attributes["name"])
    doc.update(size=size, sha1=sha1, extra=content_times(call, attributes))
    doc["description"] = str(attributes.get("description") or "")[:255]
    with call.context.state:
        file = call.context.world.tree.add("file", doc, owner, parent)
        add_used_space(call, file.owner, size)
        record_event(call, "UPLOAD", file, {"size": size, "version_id": file.version})
    return file


def new_version(call: Call, item: Item, attributes: Doc, sha1: str, size: int, key: str = "") -> Item:
    """Add a version to a file. The version's bytes are already saved, or are generated from `key`."""
    history = list(reversed(item.earlier()))
    history.append(
        {
            "id": item.version,
            "name": item.name,
            "size": item.size,
            "sha1": item.sha1,
            "key": item.key,
            "by": item.modified_by,
            "created": item.modified,
        }
    )
    extra = content_times(call, attributes)
    with call.context.state:
        item.history, item.versions, item.version = history, item.versions + 1, call.context.state.next_id()
        item.size, item.sha1, item.key = size, sha1, key
        item.name = attributes.get("name") or item.name
        item.extra = {**item.extra, **extra}
        mark_changed(call, item)
        add_used_space(call, item.owner, size)
        record_event(call, "EDIT", item, {"size": size, "version_id": item.version})
    return item


def uploaded_file(call: Call, item: Item, status: int) -> Response:
    """Return the response to an upload: a list of one file."""
    call._view = None
    return respond({"total_count": 1, "entries": [call.view().item(item, call.fields)]}, status)


def check_digest(call: Call, sha1: str) -> None:
    """Raise 400 `bad_digest` if the header ``content-md5``, which contains a SHA-1, does not match."""
    expected = call.request.headers.get("content-md5")
    if expected is not None and expected.strip().lower() != sha1:
        raise client_error(400, "bad_digest", "The specified content-md5 did not match what we received")


async def parts_of(call: Call) -> tuple[Doc, Part]:
    """Return `attributes` and the file from a form, in which they must be in this order."""
    try:
        parts = parse(call.request.headers.get("content-type", ""), await call.request.body())
    except ValueError as error:
        raise bad_request(str(error)) from None
    names = [part.name for part in parts]
    file = next((part for part in parts if part.filename is not None), None)
    if file is None or "attributes" not in names:
        raise bad_request("The form needs the parts 'attributes' and 'file'")
    if names.index("attributes") > parts.index(file):
        raise client_error(400, "metadata_after_file_contents", "Metadata must precede the file contents")
    try:
        attributes: Any = parse_json(parts[names.index("attributes")].data)
    except ValueError:
        attributes = None
    if not isinstance(attributes, dict):
        raise bad_request("'attributes' must be a JSON object", "attributes")
    return attributes, file


def save_bytes(call: Call, chunks: Iterable[bytes], digest: str | None = None) -> tuple[str, int]:
    """Save the bytes and return their SHA-1 and size. Raises 400 if the SHA-1 is not `digest`."""
    sha1, size = call.context.blobs.put(chunks)
    if digest is not None and digest != sha1:
        raise client_error(400, "bad_digest", "The specified digest did not match what we received")
    return sha1, size


async def upload(call: Call) -> Response:
    """`POST /files/content` on the upload host."""
    call.need_write()
    call.context.limits.check_upload(call.user["id"])
    attributes, file = await parts_of(call)
    attributes["name"] = check_name(attributes.get("name"))
    owner, parent = target(call, id_of(attributes, "parent"))
    check_name_is_free(call, owner, parent, attributes["name"], "file")
    check_space(call, owner, len(file.data))
    content_times(call, attributes)
    check_digest(call, hashlib.sha1(file.data, usedforsecurity=False).hexdigest())
    return uploaded_file(call, new_file(call, attributes, owner, parent, *save_bytes(call, [file.data])), 201)


async def upload_version(call: Call) -> Response:
    """`POST /files/:id/content` on the upload host."""
    call.need_write()
    call.context.limits.check_upload(call.user["id"])
    attributes, file = await parts_of(call)
    # Check after reading the form, because another version may have arrived in the meantime.
    item = writable_file(call)
    if attributes.get("name"):
        check_name_is_free(call, item.owner, item.parent, check_name(attributes["name"]), "file", item)
    check_space(call, item.owner, len(file.data))
    content_times(call, attributes)
    check_digest(call, hashlib.sha1(file.data, usedforsecurity=False).hexdigest())
    return uploaded_file(call, new_version(call, item, attributes, *save_bytes(call, [file.data])), 200)


def writable_file(call: Call) -> Item:
    """Return the file named in the path. Raises 403 if the caller cannot add a version, 412 if ``If-Match`` differs."""
    item = call.item("file", call.request.path_params["id"])
    if "edit" not in call.view().rights(item):
        raise forbidden()
    check_match(call, item)
    check_lock(call, item)
    return item


async def preflight(call: Call) -> Response:
    """`OPTIONS /files/content` on the API host: says whether an upload would be accepted."""
    call.need_write()
    body = await call.body()
    name = check_name(body.get("name"))
    owner, parent = target(call, id_of(body, "parent")) if "parent" in body else (call.user["id"], None)
    check_name_is_free(call, owner, parent, name, "file")
    check_space(call, owner, bytes_of(body))
    return respond({"upload_url": f"{base_of(call)}/api/2.0/files/content", "upload_token": None})


async def preflight_version(call: Call) -> Response:
    """`OPTIONS /files/:id/content`: says whether a new version would be accepted.

    Box's older SDK sends this request (boxsdk 1 to 4, preflight_check of a file).
    """
    call.need_write()
    body = await call.body()
    item = writable_file(call)
    if body.get("name"):
        check_name_is_free(call, item.owner, item.parent, check_name(body["name"]), "file", item)
    check_space(call, item.owner, bytes_of(body))
    url = f"{base_of(call)}/api/2.0/files/{item.id}/content"
    return respond({"upload_url": url, "upload_token": None})


def bytes_of(body: Doc) -> int:
    """Return `size` from a preflight. Raises 400 if it is not a number of bytes."""
    size = body.get("size") or 0  # rclone does not send a size, because it only checks the name
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise bad_request("'size' must be a number of bytes", "size")
    return size


API_PATHS: dict[str, dict[str, Handler]] = {
    "/files/content": {"OPTIONS": preflight},
    "/files/{id}/content": {"OPTIONS": preflight_version},
}
UPLOAD_PATHS: dict[str, dict[str, Handler]] = {
    "/files/content": {"POST": upload},
    "/files/{id}/content": {"POST": upload_version},
}
