"""Chunked uploads (box-facts 4.10): a session, its parts with their SHA-1s, and the commit."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from typing import Any

from starlette.responses import Response

from ..company import file_bytes
from ..company.people import Doc
from ..company.times import iso
from ..company.tree import Item
from ..errors import client_error, not_found
from .call import Call, Handler, page_by_offset, respond
from .uploads import (
    base_of,
    check_space,
    content_times,
    new_file,
    new_version,
    save_bytes,
    uploaded_file,
    writable_file,
)
from .write_rules import bad_request, check_name, check_name_is_free, conflict, target

MIN_SIZE = 20_000_000  # Box says 20 MB, but not whether that means 20,000,000 bytes or 20 MiB
PART_SIZE = 8 * 1024 * 1024
DAYS = 7
DIGESTS = {"sha": ("sha1", 20), "sha-512": ("sha512", 64)}
"""Digests that can verify a part (Box's SDK 10.18, upload_file_part; RFC 5843). Only `sha` can verify a whole file."""
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def session_error(code: str, message: str) -> Exception:
    """Build a 400 for an upload session."""
    return client_error(400, code, message)


def size_of(body: Doc) -> int:
    """Return `file_size`. Raises 400 if it is missing, invalid, or too small for a chunked upload."""
    size = body.get("file_size")
    if size is None:
        raise session_error("missing_file_size", "'file_size' is required")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise session_error("invalid_file_size", "'file_size' must be a number of bytes")
    if size < MIN_SIZE:
        raise session_error(
            "file_size_too_small", f"Files under {MIN_SIZE} bytes are uploaded in a single request"
        )
    return size


async def create(call: Call) -> Response:
    """`POST /files/upload_sessions`."""
    call.need_write()
    call.context.limits.check_upload(call.user["id"])
    body = await call.body()
    size = size_of(body)
    if body.get("folder_id") is None:
        raise session_error("missing_destination", "'folder_id' is required")
    folder = str(body["folder_id"])
    if not (folder.isascii() and folder.isdigit()):
        raise session_error("invalid_folder_id", "'folder_id' is not an id")
    if not body.get("file_name"):
        raise session_error("missing_file_name", "'file_name' is required")
    name = check_name(body["file_name"])
    owner, parent = target(call, folder)
    check_name_is_free(call, owner, parent, name, "file")
    check_space(call, owner, size)
    return new_session(call, {"folder": folder, "name": name, "file": ""}, size)


async def create_version(call: Call) -> Response:
    """`POST /files/:id/upload_sessions`."""
    call.need_write()
    call.context.limits.check_upload(call.user["id"])
    body = await call.body()
    item = writable_file(call)
    size = size_of(body)
    name = check_name(body.get("file_name") or item.name)
    check_name_is_free(call, item.owner, item.parent, name, "file", item)
    check_space(call, item.owner, size)
    return new_session(call, {"folder": "", "name": name, "file": item.id}, size)


def new_session(call: Call, destination: Doc, size: int) -> Response:
    """Create a session and return it."""
    key = (
        hashlib.sha256(f"{call.context.instance} {call.context.state.next_id()}".encode())
        .hexdigest()[:32]
        .upper()
    )
    session: Doc = {
        **destination,
        "id": key,
        "by": call.user["id"],
        "size": size,
        "expires": call.context.clock.now() + DAYS * 86_400,
        "parts": {},
    }
    call.context.state.change("session", key, session)
    return respond(session_doc(call, session), 201)


def session_doc(call: Call, session: Doc) -> Doc:
    """Return a session as Box returns it."""
    url = f"{base_of(call)}/api/2.0/files/upload_sessions/{session['id']}"
    return {
        "id": session["id"],
        "type": "upload_session",
        "session_expires_at": iso(session["expires"]),
        "part_size": PART_SIZE,
        "total_parts": math.ceil(session["size"] / PART_SIZE),
        "num_parts_processed": len(session["parts"]),
        "session_endpoints": {
            "plan": f"{url}/plan",
            "upload_part": url,
            "commit": f"{url}/commit",
            "abort": url,
            "list_parts": f"{url}/parts",
            "status": url,
            "log_event": f"{url}/log",
        },
    }


def session_of(call: Call) -> Doc:
    """Return the session named in the path.

    Raises 404 if it does not exist, 403 if another user created it, 410 if it has expired.
    """
    call.need_write()
    key = call.request.path_params["session"]
    session = call.context.state.get_change("session", key)
    if session is None:
        raise not_found("upload_session", key)
    if session["by"] != call.user["id"]:
        raise client_error(403, "forbidden", "Only the user who created an upload session can use it")
    if call.context.clock.now() > session["expires"]:
        raise client_error(410, "session_expired", "The upload session has expired")
    return session


async def status(call: Call) -> Response:
    """`GET /files/upload_sessions/:session`."""
    return respond(session_doc(call, session_of(call)))


def digest_of(call: Call, *kinds: str) -> tuple[str, str]:
    """Return the algorithm and the digest, in hex, from the ``digest`` header.

    Raises 400 if the header is missing or invalid, or its algorithm is not in `kinds`.
    """
    kind, _, value = call.request.headers.get("digest", "").strip().partition("=")
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        raw = b""
    algorithm, length = DIGESTS.get(kind.lower(), ("", -1))
    if kind.lower() not in kinds or len(raw) != length:
        raise session_error("bad_digest", "The header 'digest' must be 'sha=' and the base64 of a SHA-1")
    return algorithm, raw.hex()


async def put_part(call: Call) -> Response:
    """`PUT /files/upload_sessions/:session`: uploads a part.

    Every part except the last must have `part_size` bytes. A part that is sent again must have the same bytes.
    """
    session_of(call)
    algorithm, digest = digest_of(call, "sha", "sha-512")
    match = RANGE.fullmatch(call.request.headers.get("content-range", "").strip())
    if match is None:
        raise bad_request("The header 'content-range' must be 'bytes a-b/total'")
    first, last, total = (int(number) for number in match.groups())
    data = await call.request.body()
    session = session_of(call)  # other parts may have arrived while this one was read
    expected_size = min(PART_SIZE, session["size"] - first)
    if (
        total != session["size"]
        or first % PART_SIZE
        or last - first + 1 != expected_size
        or len(data) != expected_size
    ):
        raise client_error(
            416,
            "range_not_satisfiable",
            f"A part must start at a multiple of {PART_SIZE} and have that size, unless it is the last",
        )
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if hashlib.new(algorithm, data, usedforsecurity=False).hexdigest() != digest:
        raise client_error(412, "precondition_failed", "The digest does not match the part")
    existing = session["parts"].get(str(first))
    if existing is not None and existing["sha1"] != sha1:
        raise client_error(409, "range_overlaps_existing_part", "Another part has this offset")
    return respond({"part": existing or new_part(call, session, first, data)})


def new_part(call: Call, session: Doc, first: int, data: bytes) -> Doc:
    """Save the bytes of a part and add it to the session."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    call.context.blobs.put_part(session["id"], first, data)
    part: Doc = {
        "part_id": call.context.state.next_id()[-8:],
        "offset": first,
        "size": len(data),
        "sha1": sha1,
    }
    session["parts"][str(first)] = part
    call.context.state.change("session", session["id"], session)
    return part


async def plan(call: Call) -> Response:
    """`POST .../plan`: says which parts need not be sent.

    Box's SDKs have requested the plan since 2026 (`create_file_upload_session_plan`). The sandbox guesses
    which parts count as present: those that this session has received and, for a new version, those whose bytes are already
    in the file at that offset.
    """
    session_of(call)
    requested = (await call.body()).get("parts")
    if not isinstance(requested, list) or not all(isinstance(part, dict) for part in requested):
        raise bad_request("'parts' must be a list of objects", "parts")
    session = session_of(call)
    result: Doc = {"upload_session_id": session["id"], "hits": [], "misses": []}
    for part in requested:
        part_fields = {name: part.get(name) for name in ("offset", "size", "sha512")}
        first, size = part_fields["offset"], part_fields["size"]
        if type(first) is not int or type(size) is not int or not isinstance(part_fields["sha512"], str):
            raise bad_request("A part needs 'offset', 'size' and 'sha512'", "parts")
        is_valid_range = (
            0 <= first < session["size"]
            and not first % PART_SIZE
            and size == min(PART_SIZE, session["size"] - first)
        )
        data = existing_bytes(call, session, first, size) if is_valid_range else b""
        if data and hashlib.sha512(data).hexdigest() == part_fields["sha512"]:
            saved_part = session["parts"].get(str(first)) or new_part(call, session, first, data)
            result["hits"].append({**part_fields, "part_id": saved_part["part_id"]})
        else:
            result["misses"].append(part_fields)
    return respond(result)


def existing_bytes(call: Call, session: Doc, first: int, size: int) -> bytes:
    """Return the bytes at an offset in a session, or in the file that it adds a version to; empty if there are none."""
    if str(first) in session["parts"]:
        return call.context.blobs.part(session["id"], first).read_bytes()
    item = call.context.world.tree.files.get(session["file"])
    if item is None or item.size < first + size:
        return b""
    last = first + size
    chunks = (
        file_bytes.chunks(item.key, last, first)
        if item.key
        else call.context.blobs.read(item.sha1, first, last)
    )
    return b"".join(chunks)


def received_parts(session: Doc) -> list[Doc]:
    """Return the parts received so far, ordered by offset."""
    return sorted(session["parts"].values(), key=lambda part: int(part["offset"]))


async def parts(call: Call) -> Response:
    """`GET .../parts`."""
    paging, part = page_by_offset(call, received_parts(session_of(call)))
    return respond({**paging, "entries": list(part)})


async def commit(call: Call) -> Response:
    """`POST .../commit`: creates the file or the new version.

    The body must list every part in order, with its id, offset and size.
    """
    session_of(call)
    _, digest = digest_of(call, "sha")
    body = await call.body()
    session = session_of(call)
    sent = body.get("parts")
    received = received_parts(session)
    complete = sum(part["size"] for part in received) == session["size"]
    if not isinstance(sent, list) or not complete or identities(sent) != identities(received):
        raise session_error("parts_mismatch", "The parts are not those of this session, or some are missing")
    attributes: Doc = body["attributes"] if isinstance(body.get("attributes"), dict) else {}
    attributes["name"] = session["name"]
    content_times(call, attributes)
    item, owner, parent = check_destination(call, session)
    offsets = [int(part["offset"]) for part in received]
    sha1, size = save_bytes(call, call.context.blobs.read_parts(session["id"], offsets), digest)
    file = (
        new_version(call, item, attributes, sha1, size)
        if item is not None
        else new_file(call, attributes, owner, parent, sha1, size)
    )
    call.context.state.change("session", session["id"], None)
    call.context.blobs.drop_parts(session["id"], offsets)
    return uploaded_file(call, file, 201)


def check_destination(call: Call, session: Doc) -> tuple[Item | None, str, Item | None]:
    """Check the destination again. Return the file that gets a version (None for a new file), its owner and its folder."""
    if session["file"]:
        call.request.path_params["id"] = session["file"]
        item = writable_file(call)
        return item, item.owner, item.parent
    owner, parent = target(call, session["folder"])
    existing = call.context.world.tree.find_by_name(owner, parent, session["name"])
    if existing is not None:
        raise conflict(existing, as_list=False)
    check_space(call, owner, session["size"])
    return None, owner, parent


def identities(parts: list[Any]) -> list[tuple[Any, ...]]:
    """Return the id, offset and size of each part, which must match."""
    return [
        tuple(part.get(name) for name in ("part_id", "offset", "size")) if isinstance(part, dict) else ()
        for part in parts
    ]


async def abort(call: Call) -> Response:
    """`DELETE /files/upload_sessions/:session`."""
    session = session_of(call)
    call.context.state.change("session", session["id"], None)
    call.context.blobs.drop_parts(session["id"], [int(offset) for offset in session["parts"]])
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/files/upload_sessions": {"POST": create},
    "/files/{id}/upload_sessions": {"POST": create_version},
    "/files/upload_sessions/{session}": {"GET": status, "PUT": put_part, "DELETE": abort},
    "/files/upload_sessions/{session}/parts": {"GET": parts},
    "/files/upload_sessions/{session}/plan": {"POST": plan},
    "/files/upload_sessions/{session}/commit": {"POST": commit},
}
