"""Files and folders go up: small files in one piece, several at once; large ones in parts."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import requests
import urllib3

from .. import disk
from ..errors import BoxNotebookError, TransferError
from ..session import api_error
from . import calls, names, parts
from .bar import Meter
from .calls import Caller, Moved, Row

if TYPE_CHECKING:
    from ..box import Box

IN_PARTS = 20_000_000
"""Bytes from which Box takes a file in parts (guide *Chunked uploads*)."""

ASK_FIRST = 1_000_000
"""Bytes from which it is worth a call to ask whether the file would be taken."""

WORKERS = 8
"""Small files in flight; Box's 240 a minute are reached with less."""

_heavy = threading.Semaphore(2)  # files of several MB in memory at once


def upload(
    box: Box,
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
        Id of the folder; ``"0"`` is the root of whoever signed in.
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
        under that name), ``problem`` (missing), ``size`` (bytes), ``id``, ``sha1``, ``path``.

    Raises
    ------
    TransferError
        Box refuses the name, something else lies there, or the file changed while it was read.
    ApiError, NetworkError
        Box refused, or no answer came.

    Notes
    -----
    Source: https://developer.box.com/guides/uploads/
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder: box.upload_folder sends it.")
    folder = str(folder)  # some write the number
    what = _checked(folder, name if name is not None else disk.decoded(file.name))
    size = file.stat().st_size
    meter = Meter(on_progress, size, 1)
    row = _one(Caller(box, as_user), file, folder, what, new_version, None, meter)
    meter.add(what, 0, 1)
    return calls.frame_of([row])


def upload_folder(
    box: Box,
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
        ``"refused"`` and a ``problem``; a warning counts it, and ``attrs["complete"]`` is then False. Links to folders are
        not followed, and folders without any file are not made.

    Raises
    ------
    TransferError, ApiError, NetworkError
        The folder itself cannot be made.
    Interrupted
        Stopped by a person; ``partial`` has what was done.
    """
    source = Path(path).expanduser()
    if not source.is_dir():
        raise NotADirectoryError(f"{source} is no folder: box.upload sends a file.")
    caller = Caller(box, as_user)
    folder = str(folder)
    what = _checked(folder, name if name is not None else disk.decoded(source.resolve().name))
    target = _folder(caller, folder, what)
    unread: list[Row] = []
    files = list(_below(source, unread))
    total = sum(file.stat().st_size for file in files if file.is_file())
    meter = Meter(on_progress, total, len(files))
    send, jobs = _sender(caller, new_version, meter), _jobs(caller, source, target, files)
    frame = calls.each(caller, send, jobs, WORKERS, len(files), unread)
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(f"{refused} of {len(frame)} files were not sent: 'problem' says why.", stacklevel=2)
    return frame


def _checked(folder: str, name: str) -> str:
    """The name, once it is one that Box takes, for a folder that is named by its id."""
    if not folder.isdigit():
        raise TransferError(
            f"{folder!r} is no id of a folder: ids are digits, such as the column 'id' of box.items()."
        )
    reason = names.refused_by_box(name)
    if reason is not None:
        raise TransferError(reason)
    return name


class _Job(NamedTuple):
    file: Path
    folder: str
    there: dict[str, Any] | None
    problem: str | None


def _sender(caller: Caller, new_version: bool, meter: Meter) -> Callable[[_Job], Row]:
    def send(job: _Job) -> Row:
        name, where = disk.decoded(job.file.name), str(job.file)
        try:
            problem = job.problem or names.refused_by_box(name)
            if problem is not None:
                return Row(where, name, problem=problem)
            return _one(caller, job.file, job.folder, name, new_version, job.there, meter)
        except BoxNotebookError as error:
            return Row(where, name, problem=str(error))
        except OSError as error:
            return Row(where, name, problem=f"It cannot be read ({error.strerror}): check its rights.")
        finally:
            meter.add(name, 0, 1)

    return send


def _below(source: Path, unread: list[Row]) -> Iterator[Path]:
    """All files below a folder, folder by folder, in the order of their names; and the folders nobody may read."""

    def refused(error: OSError) -> None:
        where = Path(error.filename or source)
        told = f"The folder cannot be read ({error.strerror}): check its rights."
        unread.append(Row(str(where), where.name, problem=told))

    for place, folders, found in os.walk(source, onerror=refused):
        folders.sort()
        for name in sorted(found):
            yield Path(place) / name


def _jobs(caller: Caller, source: Path, target: _Folder, files: list[Path]) -> Iterator[_Job]:
    """Each file with the folder it goes to; folders are made on the way, each once."""
    made: dict[Path, _Folder | str] = {source: target}
    for file in files:
        place = _ensure(caller, file.parent, made)
        if isinstance(place, str):
            yield _Job(file, "", None, place)
        elif not file.is_file():
            yield _Job(file, "", None, "It is neither a file nor a link to one.")
        else:
            key = _key(file.name)
            twin = place.sent.setdefault(key, file.name)
            told = f"Box takes it for the same name as {twin!r}." if twin != file.name else None
            yield _Job(file, place.id, place.files.get(key), told)


class _Folder(NamedTuple):
    id: str
    files: dict[str, dict[str, Any]]  # what is there, by name as Box compares names
    sent: dict[str, str]


def _ensure(caller: Caller, place: Path, made: dict[Path, _Folder | str]) -> _Folder | str:
    """The folder of Box for one of ours, or why there is none."""
    if place not in made:
        above = _ensure(caller, place.parent, made)
        if isinstance(above, str):
            made[place] = above
        else:
            name = disk.decoded(place.name)
            reason = names.refused_by_box(name)
            try:
                made[place] = reason if reason is not None else _folder(caller, above.id, name)
            except BoxNotebookError as error:
                made[place] = str(error)
    return made[place]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", disk.decoded(name)).casefold()


def _folder(caller: Caller, parent: str, name: str) -> _Folder:
    """A folder of that name, made or found, and the files it has."""
    body = {"name": name, "parent": {"id": parent}}
    answer = caller.done("POST", "/folders", json=body, params={"fields": "id"}, again=calls.reserved)
    if answer.status_code == 201:
        return _Folder(str(answer.json()["id"]), {}, {})
    there = calls.conflict(answer)
    if there is None:
        raise api_error(answer)
    if there.get("type") != "folder":
        raise TransferError(
            f"A file {name!r} (id {there['id']}) lies where the folder should be: rename one of them."
        )
    return _Folder(there["id"], _files_in(caller, there["id"]), {})


def _files_in(caller: Caller, folder: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    marker: str | None = ""
    while marker is not None:
        asked = {"usemarker": "true", "limit": 1000, "fields": "type,id,name,sha1,size"}
        answer = caller.done(
            "GET", f"/folders/{folder}/items", params=asked | ({"marker": marker} if marker else {})
        )
        if answer.status_code != 200:
            raise api_error(answer)
        page = answer.json()
        found |= {_key(item["name"]): item for item in page["entries"] if item["type"] == "file"}
        marker = page.get("next_marker") or None
    return found


def _one(
    caller: Caller,
    file: Path,
    folder: str,
    name: str,
    new_version: bool,
    there: dict[str, Any] | None,
    meter: Meter,
) -> Row:
    """Send one file, unless what lies there is the same."""
    size = file.stat().st_size
    if there is not None and there.get("size") == size and there.get("sha1") == calls.sha1_of(file):
        meter.add(name, size)
        return Row(str(file), name, there["id"], size, there["sha1"], "same content")
    if there is not None and not new_version:
        raise calls.taken(name, there)
    if size >= IN_PARTS:
        return parts.upload(caller, file, folder, name, new_version=new_version, meter=meter)
    if size < ASK_FIRST:
        return _in_one_piece(caller, file, folder, name, new_version, there, meter)
    with _heavy:
        if there is None:
            there = _ask_first(caller, folder, name, size)
        return _in_one_piece(caller, file, folder, name, new_version, there, meter)


def _ask_first(caller: Caller, folder: str, name: str, size: int) -> dict[str, Any] | None:
    """What has the name already; an error where the file would not be taken."""
    answer = caller.done(
        "OPTIONS",
        "/files/content",
        json={"name": name, "parent": {"id": folder}, "size": size},
        again=calls.reserved,
    )
    if answer.status_code == 200:
        return None
    there = calls.conflict(answer)
    if there is None:
        raise api_error(answer)
    return there


def _in_one_piece(
    caller: Caller,
    file: Path,
    folder: str,
    name: str,
    new_version: bool,
    there: dict[str, Any] | None,
    meter: Meter,
) -> Row:
    data = file.read_bytes()
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    attributes: dict[str, Any] = {"name": name, "content_modified_at": calls.modified(file)}
    action = "uploaded"
    lost = False

    def arrived() -> requests.Response | None:
        nonlocal lost
        lost = True
        if there is None:
            return None  # asked again, the name is taken, by the same bytes
        now = caller.file(there["id"])
        return now if now.status_code == 200 and now.json().get("sha1") == sha1 else None

    answer: requests.Response | None = None
    if there is None:
        answer = _post(caller, "/files/content", attributes | {"parent": {"id": folder}}, data, sha1, arrived)
        there = calls.conflict(answer)
    if there is not None:
        if there.get("type", "file") != "file":
            raise calls.taken(name, there)
        if there.get("sha1") == sha1:
            meter.add(name, len(data))
            return Row(str(file), name, there["id"], len(data), sha1, "uploaded" if lost else "same content")
        if not new_version:
            raise calls.taken(name, there)
        action = "new version"
        answer = _post(caller, f"/files/{there['id']}/content", attributes, data, sha1, arrived)
    assert answer is not None  # noqa: S101  one of the two branches made the call
    made = calls.entry(answer)
    if made["sha1"] != sha1:
        raise TransferError(f"Box has other bytes than {file}: its SHA-1 is {made['sha1']}; send it again.")
    meter.add(name, len(data))
    return Row(str(file), name, made["id"], made["size"], sha1, action)


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
