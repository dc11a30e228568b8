"""What lies on this computer: which files of a folder can be sent, read whole, and when each was changed."""

from __future__ import annotations

import datetime
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import TransferError

ATTEMPTS = 3
"""Times a file is read that changes while it is read."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Found(NamedTuple):
    """One file below a folder, or one that cannot be sent and why."""

    path: Path
    size: int = 0
    problem: str | None = None


def below(source: Path) -> Iterator[Found]:
    """All files below a folder, folder by folder, in the order of their names; and what cannot be read or followed."""
    root = source.resolve()
    ahead = [source]
    while ahead:
        place = ahead.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError as error:
            yield Found(place, problem=unreadable(error, "The folder"))
            continue
        for name, folder in found:
            path = place / name
            if not folder:
                yield _looked_at(path, root)
            elif is_link(path):
                yield Found(path, problem="It is a link to a folder, and links to folders are not followed.")
        ahead += [place / name for name, folder in reversed(found) if folder and not is_link(place / name)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # it cannot be looked at, which is told where it is


def _looked_at(path: Path, root: Path) -> Found:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and path.is_symlink() and not path.resolve().is_relative_to(root):
            problem = "It is a link to a file outside of the folder, and such links are not followed. Send that file itself."
            return Found(path, problem=problem)
    except FileNotFoundError:
        told = "It is a link to nothing." if path.is_symlink() else "It no longer exists."
        return Found(path, problem=told)
    except (OSError, RuntimeError) as error:  # links in a circle are either, by the version of Python
        return Found(path, problem=unreadable(error, "It"))
    return Found(path, found.st_size, not_a_file(found))


def not_a_file(found: os.stat_result) -> str | None:
    """Why something is not a file, in a sentence; ``None`` for a file."""
    if stat.S_ISREG(found.st_mode):
        return None
    kind = next((name for is_kind, name in _KINDS if is_kind(found.st_mode)), "something else")
    return f"It is {kind}, and only files are sent."


def unreadable(error: Exception, what: str) -> str:
    """Why a file of this computer cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"{what} cannot be read ({reason}): check its permissions."


def is_link(path: Path) -> bool:
    """Whether a path itself is a link; Windows has a second kind."""
    try:
        return path.is_symlink() or getattr(os.path, "isjunction", lambda _: False)(path)
    except OSError:
        return False  # whatever is done with it next says why


def is_own(path: Path) -> bool:
    """Whether a path is a file and nothing else leads to the same bytes."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def stamp(path: Path) -> list[int]:
    """Size and time of change, by which a change is noticed."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def read_whole(path: Path) -> bytes:
    """The bytes of a file as they were at one moment.

    Raises
    ------
    TransferError
        It changes whenever it is read.
    """
    for _ in range(ATTEMPTS):
        before = stamp(path)
        data = path.read_bytes()
        if stamp(path) == before:
            return data
    raise TransferError(f"{path} changes while it is read: close what writes to it, then try again.")


def sha1_of(path: Path) -> str:
    """The SHA-1 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def modified(path: Path) -> tuple[dict[str, str], str | None]:
    """When a file was last changed, as an attribute for Box; where Box takes no such time, none and a sentence.

    Notes
    -----
    Box takes ``content_modified_at`` from 1970 on, and its form ends with the year 9999.
    """
    seconds = path.stat().st_mtime_ns // 1_000_000_000
    if seconds < 0:
        return {}, "Sent without its date: it lies before 1970, and the server does not take such dates."
    try:
        then = _EPOCH + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return (
            {},
            "Sent without its date: it lies after the year 9999, and the server does not take such dates.",
        )
    return {"content_modified_at": then.strftime("%Y-%m-%dT%H:%M:%SZ")}, None
