"""Files that are private and never half written: the floor under everything boxnb saves."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
import time
import warnings
from pathlib import Path
from typing import BinaryIO

from ..errors import TokenStoreError
from .home_folder import home

if sys.platform == "darwin":
    import fcntl

READS = 50
"""Looks at a file that others keep changing; each write takes an fsync, so a handful is enough."""

ABANDONED = 600.0
"""Seconds after which a draft that nobody moved into place belongs to a writer that died."""


def write_private(file: Path, content: bytes) -> None:
    """Replace a file whole, mode 0600 from birth, surviving a crash or power cut at any moment.

    A file that is a mount point of its own (a volume of a container) cannot be replaced: it is then written in
    place, with the whole content flushed beside it first, where :func:`read_private` finds it after a crash.
    """
    target = Path(os.path.realpath(file))  # a symlink stays a symlink
    beside = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _settle(target)
        try:
            _write_flushed(beside, content)
            _replace(beside, target)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            _write_in_place(target, beside)
        finally:
            beside.unlink(missing_ok=True)
        flush_folder(target.parent)
    except OSError as error:
        raise explained(error, file, "written") from error


def _replace(beside: Path, target: Path) -> None:
    """Move into place; on Windows again for a while, for a reader or a virus scanner may hold the file open."""
    deadline = time.monotonic() + 5.0
    while True:
        try:
            beside.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _write_flushed(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        if os.name != "nt" and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o600 != 0o600:
            os.fchmod(descriptor, 0o600)  # the umask takes permissions from this user, too
        stream.write(content)
        _flush(stream)


def _flush(stream: BinaryIO) -> None:
    """Onto the medium; macOS's fsync alone stops at the drive's own memory (its fcntl(2); not run)."""
    stream.flush()
    os.fsync(stream.fileno())
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):  # a network volume has no such command, and fsync is all there is
            fcntl.fcntl(stream.fileno(), fcntl.F_FULLFSYNC)


def _settle(target: Path) -> None:
    """Finish what a killed writer left: take up its spare copy, remove its old drafts, for they hold tokens."""
    if _spare(target).exists():
        try:
            _spare(target).replace(target)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            _write_in_place(target, _spare(target))
    for draft in target.parent.glob(f".{target.name}.*.????????"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink()


def _write_in_place(target: Path, beside: Path) -> None:
    spare = _spare(target)
    beside.replace(spare)
    flush_folder(target.parent)
    say_once(target, f"{target} is a mount point, so it is written in place, with a spare copy beside it.")
    with target.open("r+b") as stream:
        stream.write(spare.read_bytes())
        stream.truncate()
        _flush(stream)
    spare.unlink()


def _spare(target: Path) -> Path:
    return target.with_name(f".{target.name}.spare")


def read_private(file: Path) -> bytes:
    """Read a private file; the spare copy of a write in place, cut off or under way, comes first.

    Readers take no lock, and a write in place could begin and end between two looks: a file that changed while it
    was read is read again.
    """
    target = Path(os.path.realpath(file))
    check_private(file)
    for _ in range(READS):
        with contextlib.suppress(FileNotFoundError):
            return _spare(target).read_bytes()
        before = target.stat()
        content = target.read_bytes()
        if _same(before, target.stat()) and not _spare(target).exists():
            break
    return content


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_size, one.st_mtime_ns) == (other.st_ino, other.st_size, other.st_mtime_ns)


_said: set[tuple[Path, str]] = set()


def say_once(file: Path, text: str) -> None:
    """Warn, once a process."""
    if (file, text) not in _said:
        _said.add((file, text))
        warnings.warn(text, stacklevel=4)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    if os.name == "nt":
        return  # Windows has no directory fsync; NTFS journals the rename
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # Some network file systems cannot; the file is in place, so this is no reason to call the save a failure.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF):
            raise


def private_folder(folder: Path) -> None:
    """Make a folder, mode 0700, or make an existing one private; below the home all folders up to it, and itself.

    Raises
    ------
    TokenStoreError
        It cannot be made, or it is a link of somebody else.
    """
    top = home()
    ours = (
        [folder, *folder.parents[: len(folder.parts) - len(top.parts)]]
        if folder.is_relative_to(top)
        else [folder]
    )
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(exist_ok=True, mode=0o700)  # one by one: with parents=True only the last has the mode
            if os.name != "nt" and stat.S_IMODE(each.stat().st_mode) & 0o700 != 0o700:
                each.chmod(0o700)  # the umask takes permissions from this user, too
        for each in ours:
            _tighten(each)
    except OSError as error:
        raise explained(error, folder, "prepared") from error


def _tighten(folder: Path) -> None:
    """Make a folder private, or say once that it is not and cannot be made so."""
    status = folder.stat()
    if os.name == "nt" or not stat.S_IMODE(status.st_mode) & 0o077:
        return  # on Windows the user's own folder protects it
    if folder == Path.home() or (status.st_uid != os.getuid() and folder == home()):
        # Others may have a right to this one: the user's whole folder, one of the system, a mounted volume.
        if stat.S_IMODE(status.st_mode) & 0o022 and not status.st_mode & stat.S_ISVTX:
            say_once(
                folder,
                f"Others can write in {folder}, where boxnb keeps its files: choose another with BOXNB_HOME.",
            )
        return
    folder.chmod(0o700)


def own_folder(folder: Path) -> Path:
    """Make a private folder inside one that others may write in; never through a link, never one that is theirs.

    Raises
    ------
    OSError
        Something of that name is there already, and it is a link or somebody else's.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or not is_ours(status):
        raise PermissionError(errno.EPERM, "a link, or a folder of somebody else", os.fspath(folder))
    folder.chmod(0o700)
    return folder


def is_ours(status: os.stat_result) -> bool:
    """Whether a file or folder is this user's; always where the system has no such owners."""
    return os.name == "nt" or status.st_uid == os.getuid()


def write_note(file: Path, text: str) -> None:
    """Write a few private words that nothing is lost with: no flush, no draft."""
    with os.fdopen(open_ours(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as stream:
        stream.write(text)


def open_ours(file: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file, private from birth; a link is followed only where this user made it.

    Raises
    ------
    OSError
        It cannot be opened, or is a link of somebody else, who would choose what is written over.
    """
    with contextlib.suppress(FileNotFoundError):
        status = file.lstat()
        if stat.S_ISLNK(status.st_mode) and not is_ours(status):
            raise PermissionError(errno.EPERM, "a link of somebody else is in the way", os.fspath(file))
        if stat.S_ISLNK(status.st_mode):
            return os.open(file, flags, mode)
    return os.open(file, flags | getattr(os, "O_NOFOLLOW", 0), mode)


def check_private(file: Path) -> None:
    """Repair a file others can read and say so once; refuse one that is somebody else's."""
    if os.name == "nt":
        return  # the user's own folder protects it
    status = file.stat()
    if not (
        stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    ):  # a pipe would be waited for without end
        raise TokenStoreError(f"{file} is not an ordinary file. Move it away, then try again.", file)
    if status.st_uid != os.getuid() and os.getuid() != 0:
        raise TokenStoreError(f"{file} belongs to another user: sign in under your own account.", file)
    if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
        try:
            file.chmod(0o600)
        except OSError as error:
            if os.environ.get("BOXNB_ACCEPT_SHARED_FILE") == "1":
                return
            raise TokenStoreError(
                f"Others can read {file} and its mode cannot be changed ({error.strerror}): move it with "
                "BOXNB_HOME, or accept it with BOXNB_ACCEPT_SHARED_FILE=1.",
                file,
            ) from None
        warnings.warn(f"Others could read {file}; it is private (0600) again.", stacklevel=3)


def explained(error: OSError, file: Path, what: str) -> TokenStoreError:
    """What the operating system refused, why, and what to do."""
    reason = error.strerror or type(error).__name__
    remedy = {
        "PermissionError": "check the owner and mode of the folder, or choose another with BOXNB_HOME",
        "IsADirectoryError": "a folder stands where the profile should be; move it away",
    }.get(type(error).__name__, "free space or choose another folder with BOXNB_HOME, then try again")
    return TokenStoreError(f"{file} could not be {what} ({reason}); nothing saved was lost: {remedy}.", file)
