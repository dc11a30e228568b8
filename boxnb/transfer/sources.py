"""Find the local files of an upload, check which of them can be sent, and read their content and modification times."""

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
"""How many times to read a file that changes while it is being read."""

_JUNCTION = 0xA0000003
"""The tag of a junction (``IO_REPARSE_TAG_MOUNT_POINT``), which leads to another folder, as a link does."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_FILE_TYPES = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class LocalFile(NamedTuple):
    """One local file, or a folder that cannot be read. If it cannot be sent, ``problem`` says why."""

    path: Path
    size: int = 0
    problem: str | None = None


def below(source: Path) -> Iterator[LocalFile]:
    """Yield all files below a folder, sorted by name in each folder, including those that cannot be read or followed."""
    root = source.resolve()
    folders = [source]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                children = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError as error:
            yield LocalFile(folder, problem=unreadable(error, "The folder"))
            continue
        for name, is_folder in children:
            path = folder / name
            if not is_folder:
                yield _local_file(path, root)
            elif is_link(path):
                yield LocalFile(
                    path, problem="It is a link to a folder, and links to folders are not followed."
                )
        folders += [
            folder / name
            for name, is_folder in reversed(children)
            if is_folder and not is_link(folder / name)
        ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # _local_file reports why


def _local_file(path: Path, root: Path) -> LocalFile:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and path.is_symlink() and not path.resolve().is_relative_to(root):
            problem = "It is a link to a file outside the folder, and such links are not followed. Send that file itself."
            return LocalFile(path, problem=problem)
    except FileNotFoundError:
        problem = (
            "It is a link to a file that does not exist." if path.is_symlink() else "It no longer exists."
        )
        return LocalFile(path, problem=problem)
    # A cycle of links raises one or the other, depending on the version of Python.
    except (OSError, RuntimeError) as error:
        return LocalFile(path, problem=unreadable(error, "It"))
    return LocalFile(path, status.st_size, not_a_file(status))


def not_a_file(status: os.stat_result) -> str | None:
    """Return a message that says what a path is, or ``None`` if it is a regular file."""
    if stat.S_ISREG(status.st_mode):
        return None
    file_type = next((name for is_type, name in _FILE_TYPES if is_type(status.st_mode)), "something else")
    return f"It is {file_type}, and only files are sent."


def unreadable(error: Exception, what: str) -> str:
    """Return a message that says why a file or folder on this computer cannot be read, and what to do."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"{what} cannot be read ({reason}). Check its permissions."


def is_link(path: Path) -> bool:
    """Return whether a path itself is a link, or a junction on Windows."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return False  # the next operation on the path reports why
    # os.path.isjunction does the same, but Python 3.11 does not have it.
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION


def is_own(path: Path) -> bool:
    """Return whether a path is a regular file without other hard links."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def stamp(path: Path) -> list[int]:
    """Return the size and modification time of a file, which show whether it has changed."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def read_whole(path: Path) -> bytes:
    """Return the content of a file. If the file changes while boxnb is reading it, read it again.

    Raises
    ------
    TransferError
        The file changed during every attempt to read it.
    """
    for _ in range(ATTEMPTS):
        before = stamp(path)
        data = path.read_bytes()
        if stamp(path) == before:
            return data
    raise changes_while_read(path)


def changes_while_read(path: Path) -> TransferError:
    """Return the exception for a file that another program keeps writing to."""
    return TransferError(
        f"{path} changes while it is being read. Close the program that writes to it, then try again."
    )


def sha1_of(path: Path) -> str:
    """Return the SHA-1 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def date_attribute(path: Path) -> tuple[dict[str, str], str | None]:
    """Return the modification time of a file as an attribute for Box, or no attribute and a note if Box refuses the time.

    Notes
    -----
    Box accepts ``content_modified_at`` from 1970 on, and the date format ends with the year 9999.
    """
    seconds = path.stat().st_mtime_ns // 1_000_000_000
    if seconds < 0:
        return {}, "Sent without its date, because the server does not accept dates before 1970."
    try:
        date = _EPOCH + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return {}, "Sent without its date, because the server does not accept dates after the year 9999."
    return {"content_modified_at": date.strftime("%Y-%m-%dT%H:%M:%SZ")}, None
