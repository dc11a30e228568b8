"""Files of 20 MB and more go up in parts, several at once; killed in between, the next call sends what is missing."""

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
from ..api.session import api_error
from ..errors import BoxUnavailableError, TransferError
from ..local import private_files
from . import calls, sources
from .calls import Caller, Row
from .progress_bar import Meter
from .targets import Goal, is_own

WORKERS = 4
"""Parts in flight; Box suggests three to five (guide *Chunked uploads*)."""

IN_MEMORY = 48_000_000
"""Bytes of parts held at once: Box chooses how large a part is, and fewer of large ones travel together."""

PATIENCE = 60
"""Times a commit is asked again while Box puts the parts together."""


IN_ALL = 300.0
"""Seconds a commit is waited for at most."""

MOST = 10_000
"""Parts of a session at most (Box reference *Upload part of file*)."""

ENDS = {"upload_part": "", "list_parts": "/parts", "commit": "/commit", "abort": "", "status": ""}
"""The addresses of a session, and where they lie below its own (Box guide *Chunked uploads*)."""


@dataclasses.dataclass
class Session:
    """An upload session of Box, as far as it is needed to go on with it."""

    id: str
    part_size: int
    upload_part: str
    list_parts: str
    commit: str
    abort: str
    status: str
    fresh: bool = dataclasses.field(default=False, compare=False)  # begun just now: it has no part

    @classmethod
    def of(cls, caller: Caller, answer: requests.Response, size: int) -> Session:
        """The session an answer tells of, for a file of ``size`` bytes.

        Its addresses are those the server names, as long as they are the server's own: the token goes along. Where one is
        missing, or leads elsewhere, the documented address of it on the profile's own host serves.
        """
        with calls.usable(answer):
            found = answer.json()
            which, part_size = found["id"], int(found["part_size"])
            if not isinstance(which, str | int) or not re.fullmatch(r"[\w.~-]+", str(which)):
                raise ValueError("id")
            if part_size < 1 or size > part_size * MOST:
                raise ValueError("part_size")
            named = found.get("session_endpoints")
            own = f"{caller.upload_url}/files/upload_sessions/{which}"
            ends: dict[str, str] = {}
            for name, below in ENDS.items():
                end = named.get(name) if isinstance(named, dict) else None
                ends[name] = str(end) if is_own(caller, end) else f"{own}{below}"
            return cls(str(which), min(part_size, max(1, size)), **ends, fresh=True)
        raise AssertionError("either it returns or raises")

    @classmethod
    def saved(cls, caller: Caller, facts: dict[str, Any]) -> Session:
        """The session that an earlier process noted.

        Raises
        ------
        ValueError, TypeError
            The note is damaged, or is of another server.
        """
        session = cls(**facts)
        if type(session.part_size) is not int or session.part_size < 1:
            raise ValueError("part_size")
        if not all(is_own(caller, getattr(session, name)) for name in ENDS):
            raise ValueError("session_endpoints")
        return session


class _Changed(Exception):  # noqa: N818  never leaves this module
    """What is at Box is not of this file."""


class _Missing(Exception):  # noqa: N818  never leaves this module
    """Box has lost a part it had taken."""


def upload(caller: Caller, path: Path, goal: Goal, meter: Meter) -> Row:
    """Send one large file in parts; see :func:`boxnb.transfer.upload`."""
    with _state(caller, path, goal) as state:
        for _ in range(sources.ATTEMPTS):
            before = sources.stamp(path)
            session, version_of = _begin(caller, path, goal, before, state)
            if session is None:
                sha1 = str(version_of["sha1"])
                meter.add(goal.name, before[0])
                return goal.row(path, version_of, before[0], sha1, "same content")
            dated, note = sources.modified(path)
            try:
                answer, sha1 = _send(caller, session, path, before, dated, meter)
            except _Missing:
                continue
            except _Changed:
                caller.done("DELETE", session.abort)
                state.unlink(missing_ok=True)
                continue
            there = None if answer is None else calls.conflict(answer)
            if there is not None:
                state.unlink(missing_ok=True)
                caller.done("DELETE", session.abort)
                raise calls.taken(goal.name, there)
            made = calls.entry(answer) if answer is not None else _made(caller, goal, version_of)
            state.unlink(missing_ok=True)
            calls.same_bytes(caller, made, sha1, path)
            action = "new version" if version_of else "uploaded"
            return goal.row(path, version_of | made, before[0], sha1, action, note)
    raise TransferError(f"{path} changes while it is read: close what writes to it, then try again.")


@contextlib.contextmanager
def _state(caller: Caller, path: Path, goal: Goal) -> Iterator[Path]:
    """The small file that remembers an upload between two processes; one process at a time holds it."""
    whose = [caller.box.profile.name, caller.as_user, goal.folder, goal.name, str(path.resolve())]
    key = hashlib.sha256(json.dumps(whose).encode()).hexdigest()[:24]
    file = store.home() / "transfers" / f"{key}.json"
    private_files.private_folder(file.parent)
    try:
        with filelock.FileLock(file.with_suffix(".lock"), timeout=0, thread_local=False):
            yield file
    except filelock.Timeout:
        raise TransferError(f"Another process is sending {path} to the same place: wait for it.") from None


def _begin(
    caller: Caller, path: Path, goal: Goal, stamp: list[int], state: Path
) -> tuple[Session | None, dict[str, Any]]:
    """The session to go on with, or a new one, and the file it makes a version of; no session for the same content."""
    # No file, or half of one: there is nothing to go on with.
    version_of: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        saved = json.loads(private_files.read_private(state))
        if saved["stamp"] == stamp:
            session = Session.saved(caller, saved["session"])
            version_of = {**saved["version_of"]}
            _grant(caller, session)
            if caller.done("GET", session.status).status_code == 200:
                return session, version_of
    size = stamp[0]
    body: dict[str, Any] = {"folder_id": goal.folder, "file_size": size, "file_name": goal.name}
    answer = caller.done(
        "POST", f"{caller.upload_url}/files/upload_sessions", json=body, again=calls.reserved
    )
    version_of = {}
    there = calls.conflict(answer)
    if there is not None:
        goal.check(there)
        there = calls.with_sum(caller, there)
        if there["sha1"] == sources.sha1_of(path):
            return None, there
        if not goal.new_version:
            raise calls.taken(goal.name, there)
        version_of = {"id": there["id"], "name": there.get("name") or goal.name}
        url = f"{caller.upload_url}/files/{there['id']}/upload_sessions"
        answer = caller.done("POST", url, json={"file_size": size, "file_name": version_of["name"]})
    if answer.status_code != 201:
        raise api_error(answer)
    session = Session.of(caller, answer, size)
    _grant(caller, session)
    facts = {
        "stamp": stamp,
        "session": dataclasses.asdict(session) | {"fresh": False},
        "version_of": version_of,
        "path": str(path),
    }
    private_files.write_private(state, json.dumps(facts).encode())
    return session, version_of


def _grant(caller: Caller, session: Session) -> None:
    """Let the token go to the hosts of a session, which are the server's own."""
    for name in ENDS:
        caller.box.session.auth.grant(getattr(session, name))


def _listed(caller: Caller, session: Session) -> dict[int, dict[str, Any]]:
    """The parts Box has, by place."""
    found: dict[int, dict[str, Any]] = {}
    while True:
        answer = caller.done("GET", session.list_parts, params={"offset": len(found), "limit": 1000})
        if answer.status_code != 200:
            raise api_error(answer)
        before = len(found)
        with calls.usable(answer):
            page = answer.json()
            found |= {int(part["offset"]): {**part, "sha1": part["sha1"]} for part in page["entries"] or []}
            total = page.get("total_count")
            end = len(found) == before or (total is not None and len(found) >= int(total))
        if end:
            return found


def _send(
    caller: Caller, session: Session, path: Path, stamp: list[int], dated: dict[str, str], meter: Meter
) -> tuple[requests.Response | None, str]:
    """Send the parts that are missing, then have Box put all together; its answer and the SHA-1 of the whole."""
    have = {} if session.fresh else _listed(caller, session)
    size = stamp[0]
    whole = hashlib.sha1(usedforsecurity=False)
    sent: list[Future[dict[str, Any]]] = []
    parts: dict[int, dict[str, Any]] = {}
    held = max(2, min(WORKERS + 1, IN_MEMORY // session.part_size))  # in flight, and the one being read
    room = threading.Semaphore(held)

    def put(offset: int, data: bytes, digest: bytes) -> dict[str, Any]:
        try:
            part = _put(caller, session, offset, data, digest, size)
            meter.add(path.name, len(data))
            return part
        finally:
            room.release()

    pool = ThreadPoolExecutor(held - 1, thread_name_prefix="boxnb")
    try:
        with path.open("rb") as file:
            for offset in range(0, size, session.part_size):
                room.acquire()
                if any(each.done() and each.exception() for each in sent):
                    break
                data = file.read(session.part_size)
                if len(data) != min(session.part_size, size - offset):
                    raise _Changed
                whole.update(data)
                digest = hashlib.sha1(data, usedforsecurity=False)
                there = have.get(offset)
                if there is not None:
                    if there["sha1"] != digest.hexdigest():
                        raise _Changed
                    parts[offset] = there
                    meter.add(path.name, len(data))
                    room.release()
                    continue
                job = pool.submit(put, offset, data, digest.digest())
                sent.append(job)
                del data  # or it stays while the next part waits for room
        wait(sent, return_when=FIRST_EXCEPTION)
        for job in sent:
            part = job.result()
            parts[int(part["offset"])] = part
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if sources.stamp(path) != stamp:
        raise _Changed  # what was sent is half of the one and half of the other
    ordered = [parts[offset] for offset in sorted(parts)]
    return _committed(caller, session, ordered, whole, dated), whole.hexdigest()


def _made(caller: Caller, goal: Goal, version_of: dict[str, Any]) -> dict[str, Any]:
    """The file that a commit made whose answer was lost."""
    if version_of:
        return calls.entry(caller.file(version_of["id"]))
    asked = {"name": goal.name, "parent": {"id": goal.folder}}
    there = calls.conflict(caller.done("OPTIONS", "/files/content", json=asked))
    if there is None:
        raise TransferError(f"{goal.name!r} was sent, and is not there: send it again.")
    return calls.entry(caller.file(there["id"]))


def _digest(raw: bytes) -> str:
    return "sha=" + base64.b64encode(raw).decode()


def _put(
    caller: Caller, session: Session, offset: int, data: bytes, digest: bytes, size: int
) -> dict[str, Any]:
    """Send one part; a part may be sent twice, for Box keeps one."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"bytes {offset}-{offset + len(data) - 1}/{size}",
        "Digest": _digest(digest),
    }
    answer = caller.done(
        "PUT", session.upload_part, data=data, headers=headers, again=lambda seen: seen.status_code == 412
    )
    if answer.status_code == 409:
        raise _Changed
    if answer.status_code not in (200, 201):
        raise api_error(answer)
    with calls.usable(answer):
        found = answer.json()
        part: dict[str, Any] = found.get("part") or found
        if int(part["offset"]) != offset or int(part.get("size") or len(data)) != len(data):
            raise ValueError("another part")
        told = part.get("sha1")
        if told is not None and str(told).strip().lower() != digest.hex():
            raise TransferError(
                f"The server has other bytes than were sent from byte {offset:,} on. Make the same call again."
            )
        return part | {"offset": offset}
    raise AssertionError("either it returns or raises")


def _committed(
    caller: Caller, session: Session, parts: list[dict[str, Any]], whole: Any, dated: dict[str, str]
) -> requests.Response | None:
    """Have Box make the file, and wait while it does; None where it was made and the answer lost."""
    body = {"parts": parts, "attributes": dated}
    headers = {"Digest": _digest(whole.digest())}
    lost = False

    def arrived() -> None:
        nonlocal lost
        lost = True

    waited = 0.0
    for _ in range(PATIENCE):
        answer = caller.done("POST", session.commit, json=body, headers=headers, arrived=arrived)
        if answer.status_code == 202:
            seconds = calls.asked_to_wait(answer) or 1.0
            waited += seconds
            if waited > IN_ALL:
                break
            caller.sleep(seconds)
        elif answer.status_code == 400 and calls.field(answer, "code") == "parts_mismatch":
            if len(_listed(caller, session)) < len(parts):
                raise _Missing
            caller.sleep(1.0)  # the last part is not counted yet
        elif answer.status_code in (404, 410) and lost:
            return None  # the session is used up: the commit whose answer was lost had been done
        else:
            return answer
    if answer.status_code != 202:
        return answer
    raise BoxUnavailableError(
        "All parts were sent, but the server has not put them together yet (202). "
        "Make the same call again in a few minutes: no part is sent twice.",
        status=202,
    )
