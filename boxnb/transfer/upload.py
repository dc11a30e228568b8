"""Files and folders go up: small files in one piece, several at once; large ones in parts."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import requests
import urllib3

from ..api import arguments, ids
from ..api.session import api_error
from ..errors import TransferError
from ..local import encoding
from ..secret import sealed
from . import calls, chunked, names, sources
from .calls import Caller, Moved, Row
from .progress_bar import Meter
from .targets import Folder, Goal, ensure, folder_of

if TYPE_CHECKING:
    from ..api.connection import Connection

IN_PARTS = 20_000_000
"""Bytes from which Box takes a file in parts (guide *Chunked uploads*)."""

ASK_FIRST = 1_000_000
"""Bytes from which it is worth a call to ask whether the file would be taken."""

WORKERS = 8
"""Small files in flight; Box's 240 a minute are reached with less."""

_heavy = threading.Semaphore(2)  # files of several MB in memory at once


def upload(
    box: Connection,
    path: str | os.PathLike[str],
    folder: str = "0",
    *,
    name: str | None = None,
    new_version: bool = False,
    as_user: str | None = None,
    on_progress: Callable[[Moved], None] | None = None,
) -> pd.DataFrame:
    """
    Send one file into a folder of Box.

    Below 20 MB in one call; above in parts, four at once. An upload in parts that was cut off, by a kill even, goes on
    where it stopped when the same call is made again within seven days.

    Parameters
    ----------
    box : Box
    path : path
        The file.
    folder : str, default "0"
        Id of the folder, or the address of its page in Box; ``"0"`` is the root of whoever signed in.
    name : str, optional
        Its name in Box; that of the file unless given.
    new_version : bool, default False
        A file of that name with other content gets a new version; else that is an error.
    as_user : str, optional
        Id of the user to act for.
    on_progress : callable, optional
        Called with :class:`boxnb.transfer.Moved` now and then; draws a bar unless given.

    Returns
    -------
    pandas.DataFrame
        One row: ``name``, ``action`` (``"uploaded"``, ``"new version"``, or ``"same content"`` where Box has the same bytes
        under that name), ``problem`` (what was left out of a file that was sent, as a date before 1970), ``size`` (bytes), ``id``,
        ``sha1``, ``path``.

    Raises
    ------
    IdError
        ``folder`` or ``as_user`` is not an id.
    TransferError
        Box refuses the name, the file cannot be read, something else lies there, or the file changed while it was read.
    ApiError, NetworkError
        Box refused, or no answer came.

    Notes
    -----
    Source: https://developer.box.com/guides/uploads/
    """
    file, new_version = _arguments(path, new_version, on_progress)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder: box.upload_folder sends it.")
    caller, folder = Caller(box, as_user), ids.one(folder, "folder", "folder")
    what = _checked(name if name is not None else encoding.decoded(file.name))
    found = file.stat()
    problem = sources.not_a_file(found)
    if problem is not None:
        raise TransferError(f"{file}: {problem}")
    meter = Meter(on_progress, found.st_size, 1)
    try:
        row = _one(caller, file, Goal(folder, what, new_version), None, meter)
    except OSError as error:
        raise TransferError(calls.reason(error)) from error
    meter.add(what, 0, 1)
    return calls.frame_of([row])


def upload_folder(
    box: Connection,
    path: str | os.PathLike[str],
    folder: str = "0",
    *,
    name: str | None = None,
    new_version: bool = False,
    as_user: str | None = None,
    on_progress: Callable[[Moved], None] | None = None,
) -> pd.DataFrame:
    """
    Send a folder with all below it; made again, only what is new or changed is sent.

    Costs a call a file that is sent, a call a folder that is made, and a call for every 1000 items of folders that are there.

    Parameters
    ----------
    box, folder, new_version, as_user, on_progress
        As for :func:`upload`.
    path : path
        The folder.
    name : str, optional
        Its name in Box; that of the folder unless given. A folder of that name is gone on with.

    Returns
    -------
    pandas.DataFrame
        One row a file, as for :func:`upload`. What could not be sent, folders that cannot be read too, has the ``action``
        ``"refused"`` and a ``problem``; a warning counts it, and ``attrs["complete"]`` is then False. Links to folders, and links
        to files outside of the folder, are not followed and told of in the same way. Folders without any file are not made.

    Raises
    ------
    IdError, TransferError, ApiError, NetworkError
        The folder itself cannot be made.
    Interrupted
        Stopped by a person; ``partial`` has what was done.
    """
    source, new_version = _arguments(path, new_version, on_progress)
    if not source.is_dir():
        raise NotADirectoryError(f"{source} is no folder: box.upload sends a file.")
    caller, folder = Caller(box, as_user), ids.one(folder, "folder", "folder")
    what = _checked(name if name is not None else encoding.decoded(source.resolve().name))
    there: dict[str, Folder] = {}
    target = folder_of(caller, folder, what, there)
    files = list(sources.below(source))
    meter = Meter(on_progress, sum(file.size for file in files), len(files))

    def failed(job: _Job, problem: str) -> Row:
        return Row(str(job.file), encoding.decoded(job.file.name), problem=problem)

    def send(job: _Job) -> Row:
        try:
            problem = job.problem or names.refused_by_box(encoding.decoded(job.file.name))
            if problem is not None or job.place is None:
                return failed(job, problem or "There is no folder for it.")
            for _ in iter(lambda: job.after is None or job.after.wait(0.5), True):
                caller.check()
            return _send(caller, job, job.place, new_version, meter)
        finally:
            if job.done is not None:
                job.done.set()
            meter.add(encoding.decoded(job.file.name), 0, 1)

    jobs = _jobs(caller, source, target, files, there)
    frame = calls.each(caller, send, jobs, WORKERS, len(files), failed)
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(f"{refused} of {len(frame)} files were not sent: 'problem' says why.", stacklevel=2)
    return frame


def _arguments(path: Any, new_version: Any, on_progress: Any) -> tuple[Path, bool]:
    """What was given for the file or folder and for what lies there, once it is of the right kinds."""
    arguments.function(on_progress, "on_progress")
    return arguments.local_path(path, "path"), arguments.truth(new_version, "new_version")


def _checked(name: str) -> str:
    """The name, once it is one that Box takes."""
    reason = names.refused_by_box(name)
    if reason is not None:
        raise TransferError(reason)
    return name


class _Job(NamedTuple):
    file: Path
    place: Folder | None = None
    problem: str | None = None
    after: threading.Event | None = None  # set once the file of nearly the same name is done
    done: threading.Event | None = None
    siblings: Set[str] = frozenset()


def _jobs(
    caller: Caller, source: Path, target: Folder, files: list[sources.Found], there: dict[str, Folder]
) -> Iterator[_Job]:
    """Each file with the folder it goes to; folders are made on the way, each once.

    Of names that are nearly the same, whatever their case and accents, one goes after the other: whether they are the same
    only Box knows.
    """
    made: dict[Path, Folder | str] = {source: target}
    near = Counter((file.path.parent, names.loosely(encoding.decoded(file.path.name))) for file in files)
    last: dict[tuple[Path, str], threading.Event] = {}
    siblings: dict[Path, set[str]] = {}
    for found in files:
        siblings.setdefault(found.path.parent, set()).add(encoding.decoded(found.path.name))
    for file, _, problem in files:
        if problem is not None:
            yield _Job(file, problem=problem)
            continue
        place = ensure(caller, file.parent, made, there)
        if isinstance(place, str):
            yield _Job(file, problem=place)
            continue
        first = place.sent.setdefault(encoding.decoded(file.name), file)
        if first != file:
            yield _Job(
                file,
                problem=f"The server takes it for the same file as {str(first)!r}: give it another name.",
            )
            continue
        key = (file.parent, names.loosely(encoding.decoded(file.name)))
        if near[key] == 1:
            yield _Job(file, place, siblings=siblings[file.parent])
            continue
        after, last[key] = last.get(key), threading.Event()
        yield _Job(file, place, after=after, done=last[key], siblings=siblings[file.parent])


def _send(caller: Caller, job: _Job, place: Folder, new_version: bool, meter: Meter) -> Row:
    """Send one file of a folder. What lies there is known by its exact name; of a name that is nearly the same, Box is asked."""
    name = encoding.decoded(job.file.name)
    goal = Goal(place.id, name, new_version, place.ids, place.made, job.siblings)
    there = place.files.get(name)
    if there is None and (names.loosely(name) in place.loose or job.after is not None):
        there = _ask_first(caller, goal, job.file.stat().st_size)
    row = _one(caller, job.file, goal, there, meter)
    if row.id is not None:
        place.made[row.id] = job.file
    return row


@sealed
def _one(caller: Caller, file: Path, goal: Goal, there: dict[str, Any] | None, meter: Meter) -> Row:
    """Send one file, unless what lies there is the same."""
    size = file.stat().st_size
    if there is not None:
        goal.check(there)
        if there.get("size") is None or str(there["size"]) == str(size):  # a conflict has no size
            there = calls.with_sum(caller, there)
            if there["sha1"] == sources.sha1_of(file):
                meter.add(goal.name, size)
                return goal.row(file, there, size, there["sha1"], "same content")
        if not goal.new_version:
            raise calls.taken(goal.name, there)
    if size >= IN_PARTS:
        return chunked.upload(caller, file, goal, meter)
    if size < ASK_FIRST:
        return _in_one_piece(caller, file, goal, there, meter)
    with _heavy:
        if there is None:
            there = _ask_first(caller, goal, size)
        return _in_one_piece(caller, file, goal, there, meter)


def _ask_first(caller: Caller, goal: Goal, size: int) -> dict[str, Any] | None:
    """What has the name already; an error where the file would not be taken."""
    answer = caller.done(
        "OPTIONS",
        "/files/content",
        json={"name": goal.name, "parent": {"id": goal.folder}, "size": size},
        again=calls.reserved,
    )
    if answer.status_code == 200:
        return None
    there = calls.conflict(answer)
    if there is None:
        raise api_error(answer)
    return there


def _in_one_piece(caller: Caller, file: Path, goal: Goal, there: dict[str, Any] | None, meter: Meter) -> Row:
    dated, note = sources.modified(file)
    data = sources.read_whole(file)
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    attributes: dict[str, Any] = {"name": goal.name, **dated}
    action = "uploaded"
    lost = False

    def arrived() -> requests.Response | None:
        nonlocal lost
        lost = True
        if there is None:
            return None  # asked again, the name is taken, by the same bytes
        now = caller.file(there["id"])
        return now if now.status_code == 200 and calls.field(now, "sha1") == sha1 else None

    answer: requests.Response | None = None
    if there is None:
        place = {"parent": {"id": goal.folder}}
        answer = _post(caller, "/files/content", attributes | place, data, sha1, arrived)
        there = calls.conflict(answer)
    if there is not None:
        goal.check(there)
        there = calls.with_sum(caller, there)
        if there["sha1"] == sha1:
            meter.add(goal.name, len(data))
            return goal.row(
                file, there, len(data), sha1, "uploaded" if lost else "same content", note if lost else None
            )
        if not goal.new_version:
            raise calls.taken(goal.name, there)
        action = "new version"
        # Box would rename the file to another spelling of its name.
        attributes["name"] = there.get("name") or goal.name
        answer = _post(caller, f"/files/{there['id']}/content", attributes, data, sha1, arrived)
    assert answer is not None  # noqa: S101  one of the two branches made the call
    made = calls.entry(answer)
    calls.same_bytes(caller, made, sha1, file)
    meter.add(goal.name, len(data))
    return goal.row(file, (there or {}) | made, len(data), sha1, action, note)


def _post(
    caller: Caller,
    path: str,
    attributes: dict[str, Any],
    data: bytes,
    sha1: str,
    arrived: Callable[[], requests.Response | None],
) -> requests.Response:
    # Box wants the attributes before the bytes.
    file = ("file", data, "application/octet-stream")
    form: dict[str, str | tuple[str, bytes, str]] = {"attributes": json.dumps(attributes), "file": file}
    body, kind = urllib3.filepost.encode_multipart_formdata(form)
    return caller.done(
        "POST",
        f"{caller.upload_url}{path}",
        data=body,
        headers={"Content-Type": kind, "Content-MD5": sha1},
        arrived=arrived,
        again=calls.reserved,
    )
