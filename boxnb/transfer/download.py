"""Files come down whole or not at all, checked by their SHA-1, inside the chosen folder whatever they are called."""

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
from ..api.session import api_error
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
from .calls import Caller, Moved, Row
from .names import Places
from .progress_bar import Meter
from .receiving import Wanted, whole

if TYPE_CHECKING:
    from ..api.connection import Connection

WORKERS = 4


class _Plan(NamedTuple):
    """One file and where it goes, or the row that says why it goes nowhere."""

    file: Wanted | Row
    place: Path
    said: str = ""


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
    Fetch files into a folder of this computer.

    A file is written beside and moved into place once its SHA-1 is right; cut off, the next call goes on where it stopped.
    A call a file, and one more for each that comes as a bare id.

    Parameters
    ----------
    box : Box
    what : str, iterable of str, or DataFrame
        A file's id or the address of its page in Box, several, or a table such as ``box.items()``, ``box.tree()``,
        ``box.search()``: its files are fetched, into the folders of its column ``path`` where it has one. Ids may be numbers.
    folder : path, default "."
        Nothing is written outside of it, nor through a link in it.
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
    IdError, TransferError, ApiError, NetworkError
        Where a single id was asked for and not fetched; of several, each says so in its row, and a warning counts them.
    Interrupted
        Stopped by a person; ``partial`` has what was done.

    Notes
    -----
    Source: https://developer.box.com/guides/downloads/file/
    """
    function(on_progress, "on_progress")
    overwrite = truth(overwrite, "overwrite")
    caller, target = Caller(box, as_user), local_path(folder, "folder")
    alone = ids.is_one(what)
    given = _listed(what)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TransferError(f"{target} cannot be a folder ({error.strerror}): choose another.") from error
    places, meter = Places(target), Meter(on_progress, 0, len(given))

    def planned() -> Iterator[_Plan]:
        for which in given:
            plan = _planned(caller, which, places, raises=alone)
            if isinstance(plan.file, Wanted):
                meter.expect(plan.file.size)
            yield plan

    def fetch(plan: _Plan) -> Row:
        file, place, said = plan
        try:
            if isinstance(file, Row):
                return file
            action, place, other = _fetch(caller, places, file, place, overwrite, meter)
            return Row(
                str(place), file.name or "", file.id, file.size, file.sha1, action, other or said or None
            )
        finally:
            meter.add(file.name or "", 0, 1)

    def failed(plan: _Plan, problem: str) -> Row:
        file = plan.file
        return Row(str(plan.place), file.name or "", file.id, file.size, file.sha1, problem=problem)

    frame = calls.each(caller, fetch, planned(), WORKERS, len(given), None if alone else failed)
    refused = int((frame["action"] == "refused").sum())
    if refused:
        warnings.warn(f"{refused} of {len(frame)} files were not fetched: 'problem' says why.", stacklevel=2)
    return frame


def _listed(what: Any) -> list[tuple[Any, str, dict[str, Any] | None]]:
    """What is to be fetched: what was given for its id, its name for a sentence, and its row in a table."""
    if not isinstance(what, pd.DataFrame):
        if ids.is_one(what):
            return [(what, "what", None)]
        found: dict[str, tuple[Any, str, dict[str, Any] | None]] = {}
        for place, which in enumerate(what):
            found.setdefault(_key(which, place), (which, f"what[{place}]", None))
        return list(found.values())
    if list(what.columns).count("id") != 1:
        raise IdError(
            "The table has no column 'id': box.items(), box.tree() and box.search() give such tables."
        )
    table = what[what["type"].isna() | (what["type"] == "file")] if "type" in what else what
    needed = [name for name in ("id", "name", "size", "sha1", "path") if list(table.columns).count(name) == 1]
    once: dict[str, tuple[Any, str, dict[str, Any] | None]] = {}
    for place, row in enumerate(table[needed].itertuples(index=False)):
        facts = dict(zip(needed, row, strict=True))
        once.setdefault(_key(facts["id"], place), (facts["id"], f"'id' in row {place}", facts))
    return [once[key] for key in sorted(once)]  # of two of one name the same one keeps it each time


def _key(which: Any, place: int) -> str:
    """By which the same file is known again; what is not an id is itself only."""
    try:
        return ids.one(which, "what", "file")
    except IdError:
        return f"? {place}"


def _planned(
    caller: Caller, given: tuple[Any, str, dict[str, Any] | None], places: Places, *, raises: bool
) -> _Plan:
    """Where one file goes: from a table as it is, else by a call."""
    which, argument, row = given
    file_id = name = ""
    try:
        file_id = ids.one(which, argument, "file")
        folders = "" if row is None or not isinstance(row.get("path"), str) else row["path"]
        file = _of_row(file_id, row, folders) or _asked(caller, file_id, folders)
        name = file.name or ""
        return _Plan(file, *places.place(file.id, file.name, file.folders))
    except (BoxNotebookError, OSError) as error:
        if raises:
            raise
        given_id = file_id or (
            encoding.as_text(str(which)) if which is not None and ids.is_one(which) else None
        )
        return _Plan(Row("", name, given_id, problem=calls.reason(error)), places.folder)


def _of_row(file_id: str, row: dict[str, Any] | None, folders: str) -> Wanted | None:
    """A file as its row says; ``None`` where the row does not say all of it, or says it as a spreadsheet would."""
    if row is None or not isinstance(row.get("name"), str):
        return None
    size, sha1 = _size(row.get("size")), _sha1(row.get("sha1"))
    return None if size is None or sha1 is None else Wanted(file_id, row["name"], size, sha1, folders)


def _asked(caller: Caller, file_id: str, folders: str) -> Wanted:
    answer = caller.file(file_id)
    if answer.status_code != 200:
        raise api_error(answer)
    with calls.usable(answer):
        found = answer.json()
        name, size, sha1 = found.get("name"), _size(found.get("size")), _sha1(found.get("sha1"))
        if "id" not in found:
            raise KeyError("id")
    for what, value in (("size", size), ("SHA-1", sha1)):
        if value is None:
            raise TransferError(
                f"The server gives no {what} for the file {file_id}, so the download could not be verified."
            )
    return Wanted(file_id, None if name is None else str(name), size or 0, sha1 or "", folders)


def _size(value: Any) -> int | None:
    """Bytes, of whatever stands for them; ``None`` for what does not."""
    try:
        found = int(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    fits = 0 <= found < 2**63 and found == int(found) and not isinstance(value, bool)
    return int(value) if fits else None


def _sha1(value: Any) -> str | None:
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if re.fullmatch(r"[0-9a-f]{40}", text) else None


def _fetch(
    caller: Caller, places: Places, file: Wanted, place: Path, overwrite: bool, meter: Meter
) -> tuple[str, Path, str]:
    """Fetch one file: what was done, where it lies, and a sentence where that is another place than planned."""
    place, said = places.settle(place, file.id, file.name)
    places.check(place.parent)
    if not sources.is_link(place) and place.is_file():
        if place.stat().st_size == file.size and sources.sha1_of(place) == file.sha1:
            with places.lock:
                if places.settle(place, file.id, file.name)[0] == place:
                    places.wrote(place, file.id)
                    meter.add(file.name or "", file.size)
                    return "same content", place, said
        elif not overwrite:
            raise _in_the_way(place)
    elif os.path.lexists(place):
        raise TransferError(f"{place} is a folder or a link: move it away.")
    place.parent.mkdir(parents=True, exist_ok=True)
    places.check(place.parent)
    with _part(places, file, place) as part:
        whole(caller, file, part, meter)
        with places.lock:
            place, other = places.settle(place, file.id, file.name)
            if os.path.lexists(place) and (not overwrite or not place.is_file() or place.is_symlink()):
                raise _in_the_way(place)
            part.replace(place)
            places.wrote(place, file.id)
    private_files.flush_folder(place.parent)
    return "downloaded", place, other or said


def _in_the_way(place: Path) -> TransferError:
    return TransferError(f"{place} lies there with other content: move it away, or say overwrite=True.")


@contextlib.contextmanager
def _part(places: Places, file: Wanted, place: Path) -> Iterator[Path]:
    """Our own file beside the place, until it is whole; left for the next call only where the bytes ended early."""
    for part in places.side(file.id, place, f"{file.id}-{file.sha1[:12]}"):
        key = hashlib.sha256(os.fsencode(part.resolve())).hexdigest()[:24]
        lock = store.home() / "transfers" / f"{key}.lock"
        if not os.path.lexists(part) or (lock.exists() and sources.is_own(part)):
            break  # nothing lies there, or what an earlier call left for this very path
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
                plain = not sources.is_link(part) and part.is_file()
                if plain and (not isinstance(error, resumable) or part.stat().st_size == 0):
                    part.unlink()
                raise
    except filelock.Timeout:
        raise TransferError(
            f"Another process is fetching {file.name!r} to {place.parent}: wait for it."
        ) from None
