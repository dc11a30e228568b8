"""Files come down whole or not at all, checked by their SHA-1, inside the chosen folder whatever they are called."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import filelock
import pandas as pd
import requests

from .. import disk, store
from ..errors import ApiError, BoxNotebookError, NetworkError, TransferError
from ..network import LOST, plain
from ..refusals import network_trouble
from ..session import TIMEOUT, api_error, retry_after
from . import calls
from .bar import Meter
from .calls import Caller, Moved, Row
from .names import Places

if TYPE_CHECKING:
    from ..box import Box

WORKERS = 4
PATIENCE = 60
"""Times a file is asked for that Box has not ready yet."""


class _FromTheStart(Exception):  # noqa: N818  never leaves this module
    """The server gives the whole file where the rest was asked for."""


class _Wanted(NamedTuple):
    id: str
    name: str
    size: int
    sha1: str
    folders: str = ""


def download(
    box: Box,
    what: str | Iterable[str] | pd.DataFrame,
    folder: str | os.PathLike[str] = ".",
    *,
    overwrite: bool = False,
    as_user: str | None = None,
    on_progress: Callable[[Moved], None] | None = None,
) -> pd.DataFrame:
    """
    Fetch files into a folder of this computer.

    A file is written beside and moved into place once its SHA-1 is right; cut off, the next call goes on where it stopped.
    A call a file, and one more for each that comes as a bare id.

    Parameters
    ----------
    box : Box
    what : str, iterable of str, or DataFrame
        A file's id, several, or a table such as ``box.items()``, ``box.tree()``, ``box.search()``: its files are fetched, into
        the folders of its column ``path`` where it has one.
    folder : path, default "."
        Nothing is written outside of it.
    overwrite : bool, default False
        Replace a file that lies there with other content; else it is left and told of.
    as_user : str, optional
        Id of the user to act for.
    on_progress : callable, optional
        Called with :class:`boxnb.transfer.Moved` now and then; draws a bar unless given.

    Returns
    -------
    pandas.DataFrame
        One row a file: ``name`` (in Box), ``action`` (``"downloaded"``, ``"same content"`` or ``"refused"``), ``problem`` (why
        it was refused, or under which other name it is saved), ``size`` (bytes), ``id``, ``sha1``, ``path`` (here).

    Raises
    ------
    TransferError, ApiError, NetworkError
        Where a single id was asked for and not fetched; of several, each says so in its row, and a warning counts them.
    Interrupted
        Stopped by a person; ``partial`` has what was done.

    Notes
    -----
    Source: https://developer.box.com/guides/downloads/file/
    """
    caller, target = Caller(box, as_user), Path(folder).expanduser()
    target.mkdir(parents=True, exist_ok=True)
    wanted = _wanted(caller, what)
    alone = isinstance(what, str)
    places = Places(target)
    planned: list[tuple[_Wanted | Row, Path, str]] = []
    for each in wanted:
        if isinstance(each, Row):
            planned.append((each, target, ""))
            continue
        try:
            planned.append((each, *places.place(each.id, each.name, each.folders)))
        except TransferError as error:
            planned.append((Row("", each.name, each.id, problem=str(error)), target, ""))
    meter = Meter(on_progress, sum(each.size for each in wanted if isinstance(each, _Wanted)), len(planned))

    def fetch(plan: tuple[_Wanted | Row, Path, str]) -> Row:
        file, place, said = plan
        if isinstance(file, Row):
            meter.add(file.name, 0, 1)
            return file
        try:
            action = _fetch(caller, file, place, overwrite, meter)
            return Row(str(place), file.name, file.id, file.size, file.sha1, action, said or None)
        except BoxNotebookError as error:
            if alone:
                raise
            return Row(str(place), file.name, file.id, file.size, file.sha1, problem=str(error))
        except OSError as error:
            if alone:
                raise
            return Row(str(place), file.name, file.id, problem=f"It cannot be written ({error.strerror}).")
        finally:
            meter.add(file.name, 0, 1)

    frame = calls.each(caller, fetch, planned, WORKERS, len(planned))
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(f"{refused} of {len(frame)} files were not fetched: 'problem' says why.", stacklevel=2)
    return frame


def _wanted(caller: Caller, what: str | Iterable[str] | pd.DataFrame) -> list[_Wanted | Row]:
    """What is to be fetched: from a table as it is, else by a call an id."""
    if isinstance(what, str):
        return [_asked(caller, what)]
    if not isinstance(what, pd.DataFrame):
        return [_or_why(caller, each) for each in dict.fromkeys(what)]
    table = what[what["type"] == "file"] if "type" in what else what
    table = table.drop_duplicates("id").sort_values(
        "id"
    )  # of two of one name the same one keeps it each time
    if not {"name", "size", "sha1"} <= set(table):
        return [_or_why(caller, each) for each in table["id"]]
    return [
        _Wanted(
            str(row["id"]), str(row["name"]), int(row["size"]), str(row["sha1"]), str(row.get("path") or "")
        )
        if pd.notna(row["size"]) and pd.notna(row["sha1"])
        else _or_why(caller, str(row["id"]))
        for row in table.to_dict("records")
    ]


def _or_why(caller: Caller, file_id: str) -> _Wanted | Row:
    try:
        return _asked(caller, file_id)
    except BoxNotebookError as error:
        return Row("", "", file_id, problem=str(error))


def _asked(caller: Caller, file_id: str) -> _Wanted:
    if not file_id.isdigit():
        raise TransferError(
            f"{file_id!r} is no id of a file: ids are digits, such as the column 'id' of box.items()."
        )
    answer = caller.file(file_id)
    if answer.status_code != 200:
        raise api_error(answer)
    found = answer.json()
    return _Wanted(str(found["id"]), str(found["name"]), int(found["size"]), str(found["sha1"]))


def _fetch(caller: Caller, file: _Wanted, place: Path, overwrite: bool, meter: Meter) -> str:
    if place.is_file() and not place.is_symlink():
        if place.stat().st_size == file.size and calls.sha1_of(place) == file.sha1:
            meter.add(file.name, file.size)
            return "same content"
        if not overwrite:
            raise TransferError(
                f"{place} lies there with other content: move it away, or say overwrite=True."
            )
    elif os.path.lexists(place):
        raise TransferError(f"{place} is a folder or a link: move it away.")
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.parent / f".{file.id}-{file.sha1[:12]}.part"
    key = hashlib.sha256(os.fsencode(part.resolve())).hexdigest()[:24]
    lock = store.home() / "transfers" / f"{key}.lock"
    disk.private_folder(lock.parent)
    try:
        with filelock.FileLock(lock, timeout=0, thread_local=False):
            for last in (False, True):
                whole = False
                with contextlib.suppress(_FromTheStart):
                    whole = _whole(caller, file, part, meter)
                if whole:
                    part.replace(place)
                    disk.flush_folder(place.parent)
                    return "downloaded"
                part.unlink()  # not Box's bytes: once more from the start
                if last:
                    break
    except filelock.Timeout:
        raise TransferError(
            f"Another process is fetching {file.name!r} to {place.parent}: wait for it."
        ) from None
    raise TransferError(
        f"{file.name!r} came twice with a wrong SHA-1: a proxy may change it, or it was changed just now."
    )


def _whole(caller: Caller, file: _Wanted, part: Path, meter: Meter) -> bool:
    """Fetch what is missing of a file; whether its SHA-1 is right."""
    digest = hashlib.sha1(usedforsecurity=False)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(part, flags, 0o666), "r+b") as out:
        while piece := out.read(calls.PIECE):
            digest.update(piece)
        if out.tell() > file.size:
            return False
        meter.add(file.name, out.tell())
        waits = calls.waits()
        while out.tell() < file.size:
            before = out.tell()
            trouble = _more(caller, file, out, digest, meter)
            if out.tell() > before:
                waits = calls.waits()  # it goes on
            if trouble is not None:
                wait = next(waits, None)
                if wait is None:
                    raise NetworkError(network_trouble(trouble)) from trouble
                caller.sleep(wait)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest() == file.sha1


def _more(
    caller: Caller, file: _Wanted, out: Any, digest: Any, meter: Meter
) -> requests.RequestException | None:
    """Read on from where the file ends; what broke it off, if something did."""
    try:
        with plain(caller.box.session.verify) as bare:
            headers = {"Accept-Encoding": "identity", "Range": f"bytes={out.tell()}-{file.size - 1}"}
            # Bare: the address carries its own right, and neither token nor .netrc may go to that host.
            answer = bare.get(
                _address(caller, file),
                headers=headers,
                stream=True,
                timeout=TIMEOUT,
                auth=lambda request: request,
            )
            if answer.status_code >= 500:
                raise requests.ConnectionError(response=answer)
            if answer.status_code == 200 and out.tell():
                raise _FromTheStart
            if answer.status_code not in (200, 206):
                raise api_error(answer)
            for piece in answer.iter_content(calls.PIECE):
                caller.check()
                piece = piece[: file.size - out.tell()]
                out.write(piece)
                digest.update(piece)
                meter.add(file.name, len(piece))
    except LOST as error:
        return error
    return None


def _address(caller: Caller, file: _Wanted) -> str:
    """Where the bytes are, good for 15 minutes."""
    for _ in range(PATIENCE):
        answer = caller.done("GET", f"/files/{file.id}/content", allow_redirects=False)
        if answer.status_code == 202:
            caller.sleep(retry_after(answer) or 1.0)
        elif answer.status_code == 302 and "Location" in answer.headers:
            return answer.headers["Location"]
        else:
            raise api_error(answer)
    raise ApiError(f"Box has not made {file.name!r} ready yet: try again later.", status=202)
