"""Download files into a folder. A file is saved only if it is complete and its SHA-1 matches, and never outside the folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import filelock
import pandas as pd

from .. import store
from ..api import ids
from ..api.arguments import function, local_path, truth
from ..api.failures import api_error
from ..errors import (
    BoxNotebookError,
    BoxUnavailableError,
    IdError,
    NetworkError,
    RateLimitError,
    TransferError,
)
from ..local import encoding, private_files
from . import calls, sources
from .calls import Caller
from .names import Places
from .progress_bar import Meter, Moved
from .receiving import RemoteFile, complete, open_partial
from .results import Row, reason, run_jobs

if TYPE_CHECKING:
    from ..api.connection import Connection

WORKERS = 4


class _Plan(NamedTuple):
    """One file with its path and a note about its name, or the row of a file that cannot be downloaded."""

    file: RemoteFile | Row
    path: Path
    note: str = ""


def download(
    box: Connection,
    what: str | Iterable[str] | pd.DataFrame,
    folder: str | os.PathLike[str] = ".",
    *,
    overwrite: bool = False,
    as_user: str | None = None,
    on_progress: Callable[[Moved], None] | None = None,
) -> pd.DataFrame:
    """
    Download files into a folder on this computer.

    A file gets its final name once it is complete and its SHA-1 matches. The next call resumes an interrupted download.
    Each file costs one call, and a second one if only its id is known.

    Parameters
    ----------
    box : Box
    what : str, iterable of str, or DataFrame
        The id of a file or the URL of its page in Box, several of these, or a table such as ``box.items()``,
        ``box.tree()`` or ``box.search()``. If a table has a column ``path``, its files go into the folders
        named there. Ids may be numbers.
    folder : path, default "."
        boxnb does not write outside this folder, or through a link inside it.
    overwrite : bool, default False
        Replace an existing file whose content differs. By default, that download is refused.
    as_user : str, optional
        Id of the user to act as.
    on_progress : callable, optional
        Called with :class:`boxnb.transfer.Moved` from time to time. By default, boxnb draws a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row per file: ``name`` (in Box), ``action`` (``"downloaded"``, ``"same content"`` or ``"refused"``), ``problem``
        (why it was refused, or the other name it was saved under), ``size`` (bytes), ``id``, ``sha1``, ``path`` (on this
        computer).

    Raises
    ------
    IdError, TransferError, ApiError, NetworkError
        A single file could not be downloaded. With several files, nothing is raised: each row says what failed, and a warning
        gives the number of failures.
    Interrupted
        Interrupted by the user; ``partial`` contains the files that were finished.

    Notes
    -----
    Source: https://developer.box.com/guides/downloads/file/
    """
    function(on_progress, "on_progress")
    overwrite = truth(overwrite, "overwrite")
    caller, target = Caller(box, as_user), local_path(folder, "folder")
    is_single = ids.is_one(what)
    requested = _requests(what)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransferError(
            f"{target} cannot be used as a folder ({error.strerror}). Choose another."
        ) from error
    places, meter = Places(target), Meter(on_progress, 0, len(requested))

    def plans() -> Iterator[_Plan]:
        for request in requested:
            plan = _plan(caller, request, places, raises=is_single)
            if isinstance(plan.file, RemoteFile):
                meter.expect(plan.file.size)
            yield plan

    def download_one(plan: _Plan) -> Row:
        file, path, note = plan
        try:
            if isinstance(file, Row):
                return file
            action, path, other_note = _download(caller, places, file, path, overwrite, meter)
            return Row(
                str(path), file.name or "", file.id, file.size, file.sha1, action, other_note or note or None
            )
        finally:
            meter.add(file.name or "", 0, 1)

    def failed(plan: _Plan, problem: str) -> Row:
        file = plan.file
        return Row(str(plan.path), file.name or "", file.id, file.size, file.sha1, problem=problem)

    frame = run_jobs(caller, download_one, plans(), WORKERS, len(requested), None if is_single else failed)
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(
            f"{refused} of {len(frame)} files were not downloaded: the column 'problem' says why.",
            stacklevel=2,
        )
    return frame


class _Request(NamedTuple):
    """One file to download: the value that should be its id, the name of that value in messages, and its row in a table."""

    value: Any
    argument: str
    row: dict[str, Any] | None = None


def _requests(what: Any) -> list[_Request]:
    """Return the files to download, without duplicates."""
    if not isinstance(what, pd.DataFrame):
        if ids.is_one(what):
            return [_Request(what, "what")]
        unique: dict[str, _Request] = {}
        for index, value in enumerate(what):
            unique.setdefault(_key(value, index), _Request(value, f"what[{index}]"))
        return list(unique.values())
    if list(what.columns).count("id") != 1:
        raise IdError(
            "The table has no column 'id'. Use a table from box.items(), box.tree() or box.search()."
        )
    table = what[what["type"].isna() | (what["type"] == "file")] if "type" in what else what
    needed = [name for name in ("id", "name", "size", "sha1", "path") if list(table.columns).count(name) == 1]
    by_key: dict[str, _Request] = {}
    for index, cells in enumerate(table[needed].itertuples(index=False)):
        row = dict(zip(needed, cells, strict=True))
        by_key.setdefault(_key(row["id"], index), _Request(row["id"], f"'id' in row {index}", row))
    # Sorted, so that when two files have the same name, the same one keeps it in every download.
    return [by_key[key] for key in sorted(by_key)]


def _key(value: Any, index: int) -> str:
    """Return a key that is equal for duplicates: the id, or a unique key for a value that is not an id."""
    try:
        return ids.one(value, "what", "file")
    except IdError:
        return f"? {index}"


def _plan(caller: Caller, request: _Request, places: Places, *, raises: bool) -> _Plan:
    """Return a file and its path, from its row in a table if the row is complete, otherwise by calling Box."""
    value, argument, row = request
    file_id = name = ""
    try:
        file_id = ids.one(value, argument, "file")
        folders = "" if row is None or not isinstance(row.get("path"), str) else row["path"]
        file = _from_row(file_id, row, folders) or _from_box(caller, file_id, folders)
        name = file.name or ""
        return _Plan(file, *places.place(file.id, file.name, file.folders))
    except (BoxNotebookError, OSError) as error:
        if raises:
            raise
        shown_id = file_id or (
            encoding.as_text(str(value)) if value is not None and ids.is_one(value) else None
        )
        return _Plan(Row("", name, shown_id, problem=reason(error)), places.folder)


def _from_row(file_id: str, row: dict[str, Any] | None, folders: str) -> RemoteFile | None:
    """Return a file from its row in a table; ``None`` if the row is incomplete or was changed by a spreadsheet."""
    if row is None or not isinstance(row.get("name"), str):
        return None
    size, sha1 = _size(row.get("size")), _sha1(row.get("sha1"))
    return None if size is None or sha1 is None else RemoteFile(file_id, row["name"], size, sha1, folders)


def _from_box(caller: Caller, file_id: str, folders: str) -> RemoteFile:
    response = caller.file(file_id)
    if response.status_code != 200:
        raise api_error(response)
    with calls.reading(response):
        body = response.json()
        name, size, sha1 = body.get("name"), _size(body.get("size")), _sha1(body.get("sha1"))
        if "id" not in body:
            raise KeyError("id")
    for field, value in (("size", size), ("SHA-1", sha1)):
        if value is None:
            raise TransferError(
                f"The server does not report a valid {field} for file {file_id}, so a download cannot be verified."
            )
    return RemoteFile(file_id, None if name is None else str(name), size or 0, sha1 or "", folders)


def _size(value: Any) -> int | None:
    """Return a size in bytes from a number or a string; ``None`` if the value is not a size."""
    try:
        number = int(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    is_size = 0 <= number < 2**63 and number == int(number) and not isinstance(value, bool)
    return int(value) if is_size else None


def _sha1(value: Any) -> str | None:
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else None


def _download(
    caller: Caller, places: Places, file: RemoteFile, path: Path, overwrite: bool, meter: Meter
) -> tuple[str, Path, str]:
    """Download one file. Return the action, the path, and a note if the path is not the planned one."""
    path, note = places.settle(path, file.id, file.name)
    places.check(path.parent)
    if not sources.is_link(path) and path.is_file():
        if path.stat().st_size == file.size and sources.sha1_of(path) == file.sha1:
            with places.lock:
                if places.settle(path, file.id, file.name)[0] == path:
                    places.record_written(path, file.id)
                    meter.add(file.name or "", file.size)
                    return "same content", path, note
        elif not overwrite:
            raise _already_exists(path)
    elif os.path.lexists(path):
        raise TransferError(f"{path} is a folder or a link. Move or rename it, then try again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    places.check(path.parent)
    with _partial_file(places, file, path) as part:
        with open_partial(part) as out:
            places.check(path.parent)  # a folder may have become a link before the file was opened
            complete(caller, file, out, meter)
        places.check(path.parent)
        with places.lock:
            path, later_note = places.settle(path, file.id, file.name)
            if os.path.lexists(path) and (not overwrite or not path.is_file() or path.is_symlink()):
                raise _already_exists(path)
            private_files.replace(part, path)
            places.record_written(path, file.id)
    private_files.flush_folder(path.parent)
    return "downloaded", path, later_note or note


def _already_exists(path: Path) -> TransferError:
    return TransferError(
        f"{path} already exists with different content. Move or rename it, or use overwrite=True."
    )


@contextlib.contextmanager
def _partial_file(places: Places, file: RemoteFile, path: Path) -> Iterator[Path]:
    """Yield the path of a partial file in the same folder. It is left for the next call only if the download can be resumed."""
    for part in places.partial_paths(file.id, path, f"{file.id}-{file.sha1[:12]}"):
        key = hashlib.sha256(os.fsencode(part.resolve())).hexdigest()[:24]
        lock = store.home() / "transfers" / f"{key}.lock"
        if not os.path.lexists(part) or (lock.exists() and sources.is_own(part)):
            break  # the path is free, or an earlier call left its partial file there
    private_files.private_folder(lock.parent)
    try:
        with filelock.FileLock(lock, timeout=0, thread_local=False):
            try:
                yield part
            except BaseException as error:
                resumable = (
                    NetworkError,
                    BoxUnavailableError,
                    RateLimitError,
                    CancelledError,
                    KeyboardInterrupt,
                )
                is_file = not sources.is_link(part) and part.is_file()
                if is_file and (not isinstance(error, resumable) or part.stat().st_size == 0):
                    private_files.remove(part)
                raise
    except filelock.Timeout:
        raise TransferError(
            f"Another process is downloading {file.name!r} to {path.parent}. Wait until it has finished."
        ) from None
