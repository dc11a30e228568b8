"""Upload files and folders. Each small file takes one request, several in parallel; large files are sent in parts."""

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
from ..api.failures import api_error
from ..errors import TransferError
from ..local import encoding
from ..secret import sealed
from . import calls, chunked, names, sources
from .calls import Caller
from .progress_bar import Meter, Moved
from .results import Row, frame_of, reason, run_jobs
from .targets import Folder, Goal, ensure, folder_of

if TYPE_CHECKING:
    from ..api.connection import Connection

IN_PARTS = 20_000_000
"""The minimum size in bytes of a chunked upload (Box guide *Chunked uploads*)."""

ASK_FIRST = 1_000_000
"""The minimum size in bytes for a preflight check, which asks Box whether it would accept the file.

For a smaller file, the check is not worth a call.
"""

WORKERS = 8
"""How many small files to upload in parallel. Even fewer would reach Box's limit of 240 uploads a minute."""

_large_files = threading.Semaphore(2)  # at most two files of 1 MB or more are in memory


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
    Upload one file into a folder in Box.

    A file of less than 20 MB is sent in one call. A larger file is sent in parts, four in parallel. If such an upload is
    interrupted, even because the process was killed, the same call resumes it within seven days.

    Parameters
    ----------
    box : Box
    path : path
        The file to upload.
    folder : str, default "0"
        Id of the target folder, or the URL of its page in Box; ``"0"`` is the root folder of the user who signed in.
    name : str, optional
        Name in Box; by default, the name of the local file.
    new_version : bool, default False
        If Box already has a file with this name but different content, upload this one as its new version. By default,
        that is an error.
    as_user : str, optional
        Id of the user to act as.
    on_progress : callable, optional
        Called with :class:`boxnb.transfer.Moved` from time to time. By default, boxnb draws a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row: ``name``, ``action`` (``"uploaded"``, ``"new version"``, or ``"same content"`` if Box already has the same
        content under that name), ``problem`` (a note if the file has a different name in Box, or if Box does not accept its
        date), ``size`` (bytes), ``id``, ``sha1``, ``path``.

    Raises
    ------
    IdError
        ``folder`` or ``as_user`` is not an id.
    TransferError
        Box does not allow the name, another item already has it, the file cannot be read, or the file changed while boxnb
        was reading it.
    ApiError, NetworkError
        Box refused the upload, or there was no response.

    Notes
    -----
    Source: https://developer.box.com/guides/uploads/
    """
    file, new_version = _arguments(path, new_version, on_progress)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder. Use box.upload_folder to upload it.")
    caller, folder = Caller(box, as_user), ids.one(folder, "folder", "folder")
    box_name = _allowed_name(name if name is not None else encoding.decoded(file.name))
    status = file.stat()
    problem = sources.not_a_file(status)
    if problem is not None:
        raise TransferError(f"{file}: {problem}")
    meter = Meter(on_progress, status.st_size, 1)
    try:
        row = _upload_file(caller, file, Goal(folder, box_name, new_version), None, meter)
    except OSError as error:
        raise TransferError(reason(error)) from error
    meter.add(box_name, 0, 1)
    return frame_of([row])


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
    Upload a folder and everything in it. If you repeat the call, boxnb sends only new and changed files.

    It takes one call for each file that it sends, one for each folder that it creates, and one for every 1,000 items in
    existing folders.

    Parameters
    ----------
    box, folder, new_version, as_user, on_progress
        As for :func:`upload`.
    path : path
        The folder to upload.
    name : str, optional
        Name in Box; by default, the name of the local folder. If a folder with this name exists, the files go into it.

    Returns
    -------
    pandas.DataFrame
        One row per file, as for :func:`upload`. If a file cannot be sent or a folder cannot be read, its ``action`` is
        ``"refused"`` and its ``problem`` says why; a warning gives the number of these rows, and ``attrs["complete"]`` is
        False. boxnb does not follow links to folders, or links to files outside the folder; their rows are also refused.
        Folders without files are not created.

    Raises
    ------
    IdError, TransferError, ApiError, NetworkError
        The folder itself cannot be created.
    Interrupted
        Interrupted by the user; ``partial`` contains the files that were finished.
    """
    source, new_version = _arguments(path, new_version, on_progress)
    if not source.is_dir():
        raise NotADirectoryError(f"{source} is not a folder. Use box.upload to upload a file.")
    caller, folder = Caller(box, as_user), ids.one(folder, "folder", "folder")
    box_name = _allowed_name(name if name is not None else encoding.decoded(source.resolve().name))
    folders: dict[str, Folder] = {}
    target = folder_of(caller, folder, box_name, folders)
    files = list(sources.below(source))
    meter = Meter(on_progress, sum(file.size for file in files), len(files))

    def failed(job: _Job, problem: str) -> Row:
        return Row(str(job.file), encoding.decoded(job.file.name), problem=problem)

    def run(job: _Job) -> Row:
        try:
            problem = job.problem or names.refused_by_box(encoding.decoded(job.file.name))
            if problem is not None or job.target is None:
                return failed(job, problem or "There is no folder for this file.")
            for _ in iter(lambda: job.after is None or job.after.wait(0.5), True):
                caller.check()
            return _upload_job(caller, job, job.target, new_version, meter)
        finally:
            if job.done is not None:
                job.done.set()
            meter.add(encoding.decoded(job.file.name), 0, 1)

    jobs = _jobs(caller, source, target, files, folders)
    frame = run_jobs(caller, run, jobs, WORKERS, len(files), failed)
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(
            f"{refused} of {len(frame)} files were not uploaded: the column 'problem' says why.", stacklevel=2
        )
    return frame


def _arguments(path: Any, new_version: Any, on_progress: Any) -> tuple[Path, bool]:
    """Check the arguments that both functions share, and return the path and ``new_version``."""
    arguments.function(on_progress, "on_progress")
    return arguments.local_path(path, "path"), arguments.truth(new_version, "new_version")


def _allowed_name(name: str) -> str:
    """Return the name if Box allows it; otherwise, raise an exception."""
    problem = names.refused_by_box(name)
    if problem is not None:
        raise TransferError(problem)
    return name


class _Job(NamedTuple):
    """One local file and its folder in Box, or the problem that prevents its upload."""

    file: Path
    target: Folder | None = None
    problem: str | None = None
    after: threading.Event | None = None  # set when the previous file with a similar name is done
    done: threading.Event | None = None
    siblings: Set[str] = frozenset()


def _jobs(
    caller: Caller, source: Path, target: Folder, files: list[sources.LocalFile], folders: dict[str, Folder]
) -> Iterator[_Job]:
    """Yield a job for each file. Each folder is created in Box before its first file is uploaded.

    Files whose names differ only in case, or in how accents are encoded, are uploaded one after the other, because only
    Box knows whether it considers the names the same.
    """
    targets: dict[Path, Folder | str] = {source: target}
    similar = Counter((file.path.parent, names.loosely(encoding.decoded(file.path.name))) for file in files)
    last: dict[tuple[Path, str], threading.Event] = {}
    siblings: dict[Path, set[str]] = {}
    for local_file in files:
        siblings.setdefault(local_file.path.parent, set()).add(encoding.decoded(local_file.path.name))
    for file, _, problem in files:
        if problem is not None:
            yield _Job(file, problem=problem)
            continue
        folder = ensure(caller, file.parent, targets, folders)
        if isinstance(folder, str):
            yield _Job(file, problem=folder)
            continue
        first = folder.sent.setdefault(encoding.decoded(file.name), file)
        if first != file:
            yield _Job(
                file,
                problem=f"The server considers this the same file as {str(first)!r}. Give it another name.",
            )
            continue
        key = (file.parent, names.loosely(encoding.decoded(file.name)))
        if similar[key] == 1:
            yield _Job(file, folder, siblings=siblings[file.parent])
            continue
        after, last[key] = last.get(key), threading.Event()
        yield _Job(file, folder, after=after, done=last[key], siblings=siblings[file.parent])


def _upload_job(caller: Caller, job: _Job, folder: Folder, new_version: bool, meter: Meter) -> Row:
    """Upload one file of a folder.

    The listing of the folder in Box shows whether the exact name is taken. Only Box knows whether a similar name counts as
    the same.
    """
    name = encoding.decoded(job.file.name)
    goal = Goal(folder.id, name, new_version, folder.ids, folder.created, job.siblings)
    existing = folder.files.get(name)
    if existing is None and (names.loosely(name) in folder.loose_names or job.after is not None):
        existing = _preflight(caller, goal, job.file.stat().st_size)
    row = _upload_file(caller, job.file, goal, existing, meter)
    if row.id is not None:
        folder.created[row.id] = job.file
    return row


@sealed
def _upload_file(
    caller: Caller, file: Path, goal: Goal, existing: dict[str, Any] | None, meter: Meter
) -> Row:
    """Upload one file unless the existing file has the same content."""
    size = file.stat().st_size
    if existing is not None:
        goal.check(existing)
        if existing.get("size") is None or str(existing["size"]) == str(size):  # a conflict has no size
            existing = calls.with_sha1(caller, existing)
            if existing["sha1"] == sources.sha1_of(file):
                meter.add(goal.name, size)
                return goal.row(file, existing, size, existing["sha1"], "same content")
        if not goal.new_version:
            raise calls.name_taken(goal.name, existing)
    if size >= IN_PARTS:
        return chunked.upload(caller, file, goal, meter)
    if size < ASK_FIRST:
        return _upload_whole(caller, file, goal, existing, meter)
    with _large_files:
        if existing is None:
            existing = _preflight(caller, goal, size)
        return _upload_whole(caller, file, goal, existing, meter)


def _preflight(caller: Caller, goal: Goal, size: int) -> dict[str, Any] | None:
    """Ask Box whether it would accept a file. Return the item that already has the name, if any."""
    response = caller.call(
        "OPTIONS",
        "/files/content",
        json={"name": goal.name, "parent": {"id": goal.folder}, "size": size},
        worth_retrying=calls.name_is_reserved,
    )
    if response.status_code == 200:
        return None
    existing = calls.conflict(response)
    if existing is None:
        raise api_error(response)
    return existing


def _upload_whole(
    caller: Caller, path: Path, goal: Goal, existing: dict[str, Any] | None, meter: Meter
) -> Row:
    """Upload a file in one request."""
    dates, note = sources.date_attribute(path)
    data = sources.read_whole(path)
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    attributes: dict[str, Any] = {"name": goal.name, **dates}
    action = "uploaded"
    is_retry = False

    def already_done() -> requests.Response | None:
        nonlocal is_retry
        is_retry = True
        if existing is None:
            return None  # if the lost call succeeded, the retry gets a conflict with the same content
        current = caller.file(existing["id"])
        return current if current.status_code == 200 and calls.field(current, "sha1") == sha1 else None

    response: requests.Response | None = None
    if existing is None:
        parent = {"parent": {"id": goal.folder}}
        response = _post(caller, "/files/content", attributes | parent, data, sha1, already_done)
        existing = calls.conflict(response)
    if existing is not None:
        goal.check(existing)
        existing = calls.with_sha1(caller, existing)
        if existing["sha1"] == sha1:
            meter.add(goal.name, len(data))
            if is_retry:
                return goal.row(path, existing, len(data), sha1, "uploaded", note)
            return goal.row(path, existing, len(data), sha1, "same content")
        if not goal.new_version:
            raise calls.name_taken(goal.name, existing)
        action = "new version"
        # Keep Box's spelling of the name; otherwise, Box would rename the file.
        attributes["name"] = existing.get("name") or goal.name
        response = _post(caller, f"/files/{existing['id']}/content", attributes, data, sha1, already_done)
    assert response is not None  # noqa: S101  one of the two branches made the call
    file = calls.uploaded_file(response)
    calls.verify_upload(caller, file, sha1, path)
    meter.add(goal.name, len(data))
    return goal.row(path, (existing or {}) | file, len(data), sha1, action, note)


def _post(
    caller: Caller,
    path: str,
    attributes: dict[str, Any],
    data: bytes,
    sha1: str,
    already_done: Callable[[], requests.Response | None],
) -> requests.Response:
    # Box requires the attributes before the content.
    file = ("file", data, "application/octet-stream")
    form: dict[str, str | tuple[str, bytes, str]] = {"attributes": json.dumps(attributes), "file": file}
    body, content_type = urllib3.filepost.encode_multipart_formdata(form)
    return caller.call(
        "POST",
        f"{caller.upload_url}{path}",
        data=body,
        headers={"Content-Type": content_type, "Content-MD5": sha1},
        already_done=already_done,
        worth_retrying=calls.name_is_reserved,
    )
