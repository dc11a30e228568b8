"""Upload files of 20 MB or more in parts, several in parallel. After an interruption, send only the missing parts."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import filelock
import requests

from .. import store
from ..api.failures import api_error
from ..errors import BoxUnavailableError, TransferError
from ..local import private_files
from . import calls, sources
from .calls import Caller
from .progress_bar import Meter
from .results import Row
from .targets import Goal, is_own

WORKERS = 4
"""How many parts to send in parallel; Box suggests three to five (guide *Chunked uploads*)."""

IN_MEMORY = 48_000_000
"""Maximum size in bytes of all parts in memory. Box chooses the part size; the larger it is, the fewer are sent in parallel."""

COMMIT_ATTEMPTS = 60
"""How many times to send the commit while Box is assembling the parts."""

COMMIT_WAIT = 300.0
"""Maximum seconds to wait for a commit."""

MAX_PARTS = 10_000
"""Maximum number of parts in a session (Box reference *Upload part of file*)."""

ENDPOINTS = {"upload_part": "", "list_parts": "/parts", "commit": "/commit", "abort": "", "status": ""}
"""The names of a session's URLs, and their paths relative to the session itself (Box guide *Chunked uploads*)."""


@dataclasses.dataclass
class UploadSession:
    """An upload session in Box, with the fields that are needed to resume it."""

    id: str
    part_size: int
    upload_part: str
    list_parts: str
    commit: str
    abort: str
    status: str
    fresh: bool = dataclasses.field(default=False, compare=False)  # just created, so it has no parts yet

    @classmethod
    def from_response(cls, caller: Caller, response: requests.Response, size: int) -> UploadSession:
        """Return the session that a response describes, for a file of ``size`` bytes.

        The token is sent to the session's URLs, so boxnb uses a URL from the response only if it belongs to the profile's own
        server. If a URL is missing or belongs to another server, boxnb uses the documented one on the profile's host.
        """
        with calls.reading(response):
            body = response.json()
            session_id, part_size = body["id"], int(body["part_size"])
            if not isinstance(session_id, str | int) or not re.fullmatch(r"[\w.~-]+", str(session_id)):
                raise ValueError("id")
            if part_size < 1 or size > part_size * MAX_PARTS:
                raise ValueError("part_size")
            urls = body.get("session_endpoints")
            base = f"{caller.upload_url}/files/upload_sessions/{session_id}"
            endpoints: dict[str, str] = {}
            for name, suffix in ENDPOINTS.items():
                url = urls.get(name) if isinstance(urls, dict) else None
                endpoints[name] = str(url) if is_own(caller, url) else f"{base}{suffix}"
        return cls(str(session_id), min(part_size, max(1, size)), **endpoints, fresh=True)

    @classmethod
    def from_saved(cls, caller: Caller, fields: dict[str, Any]) -> UploadSession:
        """Return the session that an earlier process saved.

        Raises
        ------
        ValueError, TypeError
            The saved fields are damaged or belong to another server.
        """
        session = cls(**fields)
        if type(session.part_size) is not int or session.part_size < 1:
            raise ValueError("part_size")
        if not all(is_own(caller, getattr(session, name)) for name in ENDPOINTS):
            raise ValueError("session_endpoints")
        return session


class _Changed(Exception):  # noqa: N818  never leaves this module
    """The file has changed, so the uploaded parts no longer match it."""


class _Missing(Exception):  # noqa: N818  never leaves this module
    """Box has lost a part that it had accepted."""


def upload(caller: Caller, path: Path, goal: Goal, meter: Meter) -> Row:
    """Upload one large file in parts; see :func:`boxnb.transfer.upload`."""
    with _locked_state(caller, path, goal) as state:
        for _ in range(sources.ATTEMPTS):
            before = sources.stamp(path)
            session, version_of = _begin(caller, path, goal, before, state)
            if session is None:
                sha1 = str(version_of["sha1"])
                meter.add(goal.name, before[0])
                return goal.row(path, version_of, before[0], sha1, "same content")
            attributes, note = sources.date_attribute(path)
            try:
                response, sha1 = _send(caller, session, path, before, attributes, meter)
            except _Missing:
                continue
            except _Changed:
                caller.call("DELETE", session.abort)
                private_files.remove(state)
                continue
            existing = None if response is None else calls.conflict(response)
            if existing is not None:
                private_files.remove(state)
                caller.call("DELETE", session.abort)
                raise calls.name_taken(goal.name, existing)
            file = (
                calls.uploaded_file(response)
                if response is not None
                else _committed_file(caller, goal, version_of)
            )
            private_files.remove(state)
            calls.verify_upload(caller, file, sha1, path)
            action = "new version" if version_of else "uploaded"
            return goal.row(path, version_of | file, before[0], sha1, action, note)
    raise sources.changes_while_read(path)


@contextlib.contextmanager
def _locked_state(caller: Caller, path: Path, goal: Goal) -> Iterator[Path]:
    """Lock and yield the path of the file that saves the state of an upload, from which a later process can resume it."""
    identity = [caller.box.profile.name, caller.as_user, goal.folder, goal.name, str(path.resolve())]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    file = store.home() / "transfers" / f"{key}.json"
    private_files.private_folder(file.parent)
    try:
        with filelock.FileLock(file.with_suffix(".lock"), timeout=0, thread_local=False):
            yield file
    except filelock.Timeout:
        raise TransferError(
            f"Another process is uploading {path} to the same folder. Wait until it has finished."
        ) from None


def _begin(
    caller: Caller, path: Path, goal: Goal, stamp: list[int], state: Path
) -> tuple[UploadSession | None, dict[str, Any]]:
    """Return the saved session or a new one, and the existing file that gets a new version, or an empty dict.

    If the existing file already has the same content, return ``None`` and that file.
    """
    version_of: dict[str, Any] = {}
    # If the saved state is missing or damaged, start a new session.
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        saved = json.loads(private_files.read_private(state))
        if saved["stamp"] == stamp:
            session = UploadSession.from_saved(caller, saved["session"])
            version_of = {**saved["version_of"]}
            _grant(caller, session)
            if caller.call("GET", session.status).status_code == 200:
                return session, version_of
    size = stamp[0]
    body: dict[str, Any] = {"folder_id": goal.folder, "file_size": size, "file_name": goal.name}
    response = caller.call(
        "POST",
        f"{caller.upload_url}/files/upload_sessions",
        json=body,
        worth_retrying=calls.name_is_reserved,
    )
    version_of = {}
    existing = calls.conflict(response)
    if existing is not None:
        goal.check(existing)
        existing = calls.with_sha1(caller, existing)
        if existing["sha1"] == sources.sha1_of(path):
            return None, existing
        if not goal.new_version:
            raise calls.name_taken(goal.name, existing)
        version_of = {"id": existing["id"], "name": existing.get("name") or goal.name}
        url = f"{caller.upload_url}/files/{existing['id']}/upload_sessions"
        response = caller.call("POST", url, json={"file_size": size, "file_name": version_of["name"]})
    if response.status_code != 201:
        raise api_error(response)
    session = UploadSession.from_response(caller, response, size)
    _grant(caller, session)
    facts = {
        "stamp": stamp,
        "session": dataclasses.asdict(session) | {"fresh": False},
        "version_of": version_of,
        "path": str(path),
    }
    private_files.write_private(state, json.dumps(facts).encode())
    return session, version_of


def _grant(caller: Caller, session: UploadSession) -> None:
    """Allow the token to be sent to the URLs of a session, which all belong to the profile's own server."""
    for name in ENDPOINTS:
        caller.box.session.auth.grant(getattr(session, name))


def _uploaded_parts(caller: Caller, session: UploadSession) -> dict[int, dict[str, Any]]:
    """Return the parts that Box already has, by offset."""
    parts: dict[int, dict[str, Any]] = {}
    while True:
        response = caller.call("GET", session.list_parts, params={"offset": len(parts), "limit": 1000})
        if response.status_code != 200:
            raise api_error(response)
        before = len(parts)
        with calls.reading(response):
            page = response.json()
            parts |= {int(part["offset"]): {**part, "sha1": part["sha1"]} for part in page["entries"] or []}
            total = page.get("total_count")
            is_last = len(parts) == before or (total is not None and len(parts) >= int(total))
        if is_last:
            return parts


def _send(
    caller: Caller,
    session: UploadSession,
    path: Path,
    stamp: list[int],
    attributes: dict[str, str],
    meter: Meter,
) -> tuple[requests.Response | None, str]:
    """Send the missing parts and commit the session. Return the response to the commit and the SHA-1 of the file."""
    uploaded = {} if session.fresh else _uploaded_parts(caller, session)
    size = stamp[0]
    file_digest = hashlib.sha1(usedforsecurity=False)
    jobs: list[Future[dict[str, Any]]] = []
    parts: dict[int, dict[str, Any]] = {}
    # This number includes the parts that are being sent and the one that is being read.
    in_memory = max(2, min(WORKERS + 1, IN_MEMORY // session.part_size))
    slots = threading.Semaphore(in_memory)

    def put(offset: int, data: bytes, digest: bytes) -> dict[str, Any]:
        try:
            part = _put(caller, session, offset, data, digest, size)
            meter.add(path.name, len(data))
            return part
        finally:
            slots.release()

    pool = ThreadPoolExecutor(in_memory - 1, thread_name_prefix="boxnb")
    try:
        with path.open("rb") as file:
            for offset in range(0, size, session.part_size):
                slots.acquire()
                if any(job.done() and job.exception() for job in jobs):
                    break
                data = file.read(session.part_size)
                if len(data) != min(session.part_size, size - offset):
                    raise _Changed
                file_digest.update(data)
                digest = hashlib.sha1(data, usedforsecurity=False)
                part = uploaded.get(offset)
                if part is not None:
                    if part["sha1"] != digest.hexdigest():
                        raise _Changed
                    parts[offset] = part
                    meter.add(path.name, len(data))
                    slots.release()
                    continue
                jobs.append(pool.submit(put, offset, data, digest.digest()))
                del data  # otherwise it stays in memory while the next part waits for a slot
        wait(jobs, return_when=FIRST_EXCEPTION)
        for job in jobs:
            part = job.result()
            parts[int(part["offset"])] = part
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if sources.stamp(path) != stamp:
        raise _Changed  # the parts that were sent mix old and new content
    ordered = [parts[offset] for offset in sorted(parts)]
    return _commit(caller, session, ordered, file_digest, attributes), file_digest.hexdigest()


def _committed_file(caller: Caller, goal: Goal, version_of: dict[str, Any]) -> dict[str, Any]:
    """Return the file that was created by a commit whose response was lost."""
    if version_of:
        return calls.uploaded_file(caller.file(version_of["id"]))
    body = {"name": goal.name, "parent": {"id": goal.folder}}
    existing = calls.conflict(caller.call("OPTIONS", "/files/content", json=body))
    if existing is None:
        raise TransferError(f"{goal.name!r} was sent, but the server does not have it. Send it again.")
    return calls.uploaded_file(caller.file(existing["id"]))


def _digest(raw: bytes) -> str:
    return "sha=" + base64.b64encode(raw).decode()


def _put(
    caller: Caller, session: UploadSession, offset: int, data: bytes, digest: bytes, size: int
) -> dict[str, Any]:
    """Send one part. `Caller.call` retries after a lost response, which is safe because Box stores a part only once."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"bytes {offset}-{offset + len(data) - 1}/{size}",
        "Digest": _digest(digest),
    }
    response = caller.call(
        "PUT",
        session.upload_part,
        data=data,
        headers=headers,
        worth_retrying=lambda response: response.status_code == 412,
    )
    if response.status_code == 409:
        raise _Changed
    if response.status_code not in (200, 201):
        raise api_error(response)
    with calls.reading(response):
        body = response.json()
        part: dict[str, Any] = body.get("part") or body
        if int(part["offset"]) != offset or int(part.get("size") or len(data)) != len(data):
            raise ValueError("another part")
        sha1 = part.get("sha1")
        if sha1 is not None and str(sha1).strip().lower() != digest.hex():
            raise TransferError(
                f"The server received different content for the part that starts at byte {offset:,}. Make the same call again."
            )
    return part | {"offset": offset}


def _commit(
    caller: Caller,
    session: UploadSession,
    parts: list[dict[str, Any]],
    file_digest: Any,
    attributes: dict[str, str],
) -> requests.Response | None:
    """Commit the session, and wait while Box assembles the file.

    Return the response, or ``None`` if the commit succeeded but its response was lost.
    """
    body = {"parts": parts, "attributes": attributes}
    headers = {"Digest": _digest(file_digest.digest())}
    is_retry = False

    def note_retry() -> None:
        nonlocal is_retry
        is_retry = True

    waited = 0.0
    for _ in range(COMMIT_ATTEMPTS):
        response = caller.call("POST", session.commit, json=body, headers=headers, already_done=note_retry)
        if response.status_code == 202:
            seconds = calls.requested_wait(response) or 1.0
            waited += seconds
            if waited > COMMIT_WAIT:
                break
            caller.sleep(seconds)
        elif response.status_code == 400 and calls.field(response, "code") == "parts_mismatch":
            if len(_uploaded_parts(caller, session)) < len(parts):
                raise _Missing
            caller.sleep(1.0)  # Box has not counted the last part yet
        elif response.status_code in (404, 410) and is_retry:
            return None  # the session is over, so the commit whose response was lost succeeded
        else:
            return response
    if response.status_code != 202:
        return response
    raise BoxUnavailableError(
        "All parts were sent, but the server has not assembled the file yet (202). "
        "Make the same call again in a few minutes; no part is sent twice.",
        status=202,
    )
