"""Uploads in parts (box-facts 4.10): a session, its parts with their SHA-1s, the commit."""

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
from .call import Call, Handler, answer, page_by_offset
from .uploads import base_of, kept, listed, moments, new_file, new_version, room, writable_file
from .write_rules import bad_request, check_name, conflict, free_name, target

SMALLEST = 20_000_000  # Box says 20 MB and not which ones
PART = 8 * 1024 * 1024
DAYS = 7
DIGESTS = {"sha": ("sha1", 20), "sha-512": ("sha512", 64)}
"""What a part may be checked by (Box's SDK 10.18, upload_file_part; RFC 5843); a whole file by the first alone."""
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def wrong(code: str, message: str) -> Exception:
    """400 about a session."""
    return client_error(400, code, message)


def size_of(body: Doc) -> int:
    """`file_size`; 400 when it is missing, none, or too small for parts."""
    size = body.get("file_size")
    if size is None:
        raise wrong("missing_file_size", "'file_size' is required")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise wrong("invalid_file_size", "'file_size' must be a number of bytes")
    if size < SMALLEST:
        raise wrong("file_size_too_small", f"Files of less than {SMALLEST} bytes are uploaded in one piece")
    return size


async def create(call: Call) -> Response:
    """`POST /files/upload_sessions`."""
    call.writes()
    call.core.limits.check_upload(call.user["id"])
    body = await call.body()
    size = size_of(body)
    if body.get("folder_id") is None:
        raise wrong("missing_destination", "'folder_id' is required")
    folder = str(body["folder_id"])
    if not (folder.isascii() and folder.isdigit()):
        raise wrong("invalid_folder_id", "'folder_id' is no id")
    if not body.get("file_name"):
        raise wrong("missing_file_name", "'file_name' is required")
    name = check_name(body["file_name"])
    owner, parent = target(call, folder)
    free_name(call, owner, parent, name, "file")
    room(call, owner, size)
    return begun(call, {"folder": folder, "name": name, "file": ""}, size)


async def create_version(call: Call) -> Response:
    """`POST /files/:id/upload_sessions`."""
    call.writes()
    call.core.limits.check_upload(call.user["id"])
    body = await call.body()
    item = writable_file(call)
    size = size_of(body)
    name = check_name(body.get("file_name") or item.name)
    free_name(call, item.owner, item.parent, name, "file", item)
    room(call, item.owner, size)
    return begun(call, {"folder": "", "name": name, "file": item.id}, size)


def begun(call: Call, where: Doc, size: int) -> Response:
    """A new session."""
    key = (
        hashlib.sha256(f"{call.core.instance} {call.core.state.next_id()}".encode()).hexdigest()[:32].upper()
    )
    session: Doc = {
        **where,
        "id": key,
        "by": call.user["id"],
        "size": size,
        "expires": call.core.clock.now() + DAYS * 86_400,
        "parts": {},
    }
    call.core.state.change("session", key, session)
    return answer(session_doc(call, session), 201)


def session_doc(call: Call, session: Doc) -> Doc:
    """A session as Box answers it."""
    here = f"{base_of(call)}/api/2.0/files/upload_sessions/{session['id']}"
    return {
        "id": session["id"],
        "type": "upload_session",
        "session_expires_at": iso(session["expires"]),
        "part_size": PART,
        "total_parts": math.ceil(session["size"] / PART),
        "num_parts_processed": len(session["parts"]),
        "session_endpoints": {
            "plan": f"{here}/plan",
            "upload_part": here,
            "commit": f"{here}/commit",
            "abort": here,
            "list_parts": f"{here}/parts",
            "status": here,
            "log_event": f"{here}/log",
        },
    }


def the(call: Call) -> Doc:
    """The session of the path; 404, 403 for another person's, 410 when it is over."""
    call.writes()
    key = call.request.path_params["session"]
    found = call.core.state.get_change("session", key)
    if found is None:
        raise not_found("upload_session", key)
    if found["by"] != call.user["id"]:
        raise client_error(403, "forbidden", "Only who began an upload session may use it")
    if call.core.clock.now() > found["expires"]:
        raise client_error(410, "session_expired", "The upload session has expired")
    return found


async def status(call: Call) -> Response:
    """`GET` of a session."""
    return answer(session_doc(call, the(call)))


def digest_of(call: Call, *kinds: str) -> tuple[str, str]:
    """The algorithm of the ``digest`` header and its sum in hex; 400 when it is missing, none, or not one of `kinds`."""
    kind, _, value = call.request.headers.get("digest", "").strip().partition("=")
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error:
        raw = b""
    algorithm, length = DIGESTS.get(kind.lower(), ("", -1))
    if kind.lower() not in kinds or len(raw) != length:
        raise wrong("bad_digest", "The header 'digest' must be 'sha=' and the base64 of a SHA-1")
    return algorithm, raw.hex()


async def put_part(call: Call) -> Response:
    """`PUT` of a part: all of `part_size` but the last, none twice unless with the same bytes."""
    the(call)
    algorithm, digest = digest_of(call, "sha", "sha-512")
    found = RANGE.fullmatch(call.request.headers.get("content-range", "").strip())
    if found is None:
        raise bad_request("The header 'content-range' must be 'bytes a-b/total'")
    first, last, total = (int(number) for number in found.groups())
    data = await call.request.body()
    session = the(call)  # other parts have come while this one was read
    due = min(PART, session["size"] - first)
    if total != session["size"] or first % PART or last - first + 1 != due or len(data) != due:
        raise client_error(
            416, "range_not_satisfiable", f"A part begins at a multiple of {PART} and fills it"
        )
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if hashlib.new(algorithm, data, usedforsecurity=False).hexdigest() != digest:
        raise client_error(412, "precondition_failed", "The digest does not match the part")
    there = session["parts"].get(str(first))
    if there is not None and there["sha1"] != sha1:
        raise client_error(409, "range_overlaps_existing_part", "Another part lies there")
    return answer({"part": there or new_part(call, session, first, data)})


def new_part(call: Call, session: Doc, first: int, data: bytes) -> Doc:
    """The part of a session, once its bytes are kept."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    call.core.blobs.put_part(session["id"], first, data)
    made: Doc = {
        "part_id": call.core.state.next_id()[-8:],
        "offset": first,
        "size": len(data),
        "sha1": sha1,
    }
    session["parts"][str(first)] = made
    call.core.state.change("session", session["id"], session)
    return made


async def plan(call: Call) -> Response:
    """`POST` of a plan: the parts that need not be sent, as Box's SDKs ask since 2026 (`create_file_upload_session_plan`).

    A guess, what counts as being there: parts of this session, and for a new version the same bytes at the same place before.
    """
    the(call)
    given = (await call.body()).get("parts")
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
        raise bad_request("'parts' must be a list of objects", "parts")
    session = the(call)
    answers: Doc = {"upload_session_id": session["id"], "hits": [], "misses": []}
    for part in given:
        asked = {name: part.get(name) for name in ("offset", "size", "sha512")}
        first, size = asked["offset"], asked["size"]
        if type(first) is not int or type(size) is not int or not isinstance(asked["sha512"], str):
            raise bad_request("A part needs 'offset', 'size' and 'sha512'", "parts")
        fits = (
            0 <= first < session["size"] and not first % PART and size == min(PART, session["size"] - first)
        )
        data = present(call, session, first, size) if fits else b""
        if data and hashlib.sha512(data).hexdigest() == asked["sha512"]:
            kept_part = session["parts"].get(str(first)) or new_part(call, session, first, data)
            answers["hits"].append({**asked, "part_id": kept_part["part_id"]})
        else:
            answers["misses"].append(asked)
    return answer(answers)


def present(call: Call, session: Doc, first: int, size: int) -> bytes:
    """The bytes that a session, or the file it makes a version of, has at a place; empty where there are none."""
    if str(first) in session["parts"]:
        return call.core.blobs.part(session["id"], first).read_bytes()
    item = call.core.world.tree.files.get(session["file"])
    if item is None or item.size < first + size:
        return b""
    last = first + size
    pieces = (
        file_bytes.pieces(item.key, last, first) if item.key else call.core.blobs.read(item.sha1, first, last)
    )
    return b"".join(pieces)


def in_order(session: Doc) -> list[Doc]:
    """The parts that have come, by place."""
    return sorted(session["parts"].values(), key=lambda part: int(part["offset"]))


async def parts(call: Call) -> Response:
    """`GET` of the parts."""
    frame, part = page_by_offset(call, in_order(the(call)))
    return answer({**frame, "entries": list(part)})


async def commit(call: Call) -> Response:
    """`POST .../commit`: every part, in order, named with its id, place and size."""
    the(call)
    _, digest = digest_of(call, "sha")
    body = await call.body()
    session = the(call)
    given = body.get("parts")
    have = in_order(session)
    whole = sum(part["size"] for part in have) == session["size"]
    if not isinstance(given, list) or not whole or named(given) != named(have):
        raise wrong("parts_mismatch", "The parts are not those of this session, or some are missing")
    attributes: Doc = body["attributes"] if isinstance(body.get("attributes"), dict) else {}
    attributes["name"] = session["name"]
    moments(call, attributes)
    item, owner, parent = place(call, session)
    offsets = [int(part["offset"]) for part in have]
    sha1, size = kept(call, call.core.blobs.joined(session["id"], offsets), digest)
    made = (
        new_version(call, item, attributes, sha1, size)
        if item is not None
        else new_file(call, attributes, owner, parent, sha1, size)
    )
    call.core.state.change("session", session["id"], None)
    call.core.blobs.drop_parts(session["id"], offsets)
    return listed(call, made, 201)


def place(call: Call, session: Doc) -> tuple[Item | None, str, Item | None]:
    """Where the bytes go: the file that gets a version, or owner and folder of a new file; checked again."""
    if session["file"]:
        call.request.path_params["id"] = session["file"]
        item = writable_file(call)
        return item, item.owner, item.parent
    owner, parent = target(call, session["folder"])
    taken = call.core.world.tree.named(owner, parent, session["name"])
    if taken is not None:
        raise conflict(taken, as_list=False)
    room(call, owner, session["size"])
    return None, owner, parent


def named(some: list[Any]) -> list[tuple[Any, ...]]:
    """What must agree of parts."""
    return [
        tuple(part.get(name) for name in ("part_id", "offset", "size")) if isinstance(part, dict) else ()
        for part in some
    ]


async def abort(call: Call) -> Response:
    """`DELETE` of a session."""
    session = the(call)
    call.core.state.change("session", session["id"], None)
    call.core.blobs.drop_parts(session["id"], [int(offset) for offset in session["parts"]])
    return Response(status_code=204)


PATHS: dict[str, dict[str, Handler]] = {
    "/files/upload_sessions": {"POST": create},
    "/files/{id}/upload_sessions": {"POST": create_version},
    "/files/upload_sessions/{session}": {"GET": status, "PUT": put_part, "DELETE": abort},
    "/files/upload_sessions/{session}/parts": {"GET": parts},
    "/files/upload_sessions/{session}/plan": {"POST": plan},
    "/files/upload_sessions/{session}/commit": {"POST": commit},
}
