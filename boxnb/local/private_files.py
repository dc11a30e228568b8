"""Private files (0600), replaced atomically. Everything boxnb saves goes through here."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..errors import TokenStoreError
from .home_folder import home

if sys.platform == "darwin":
    import fcntl

WINDOWS = os.name == "nt"

BINARY = getattr(os, "O_BINARY", 0)
"""Without this flag, ``os.write`` on Windows writes a carriage return before each line feed, also inside a number."""

PATIENCE = 5.0
"""How many seconds Windows may refuse to open, replace or delete a file before that is an error."""

READ_ATTEMPTS = 50
"""Maximum attempts to read a file that other processes keep changing; a few suffice, because each write includes an fsync."""

ABANDONED = 600.0
"""If a draft is older than this number of seconds, the process that wrote it ended before it replaced the file."""

_Result = TypeVar("_Result")


def patiently(act: Callable[[], _Result]) -> _Result:
    """Return what a function that uses a file returns. On Windows, call it again for a while if it is refused.

    There, a file cannot be replaced or deleted while another program has it open, and cannot be opened while it is being
    replaced or deleted. A virus scanner opens every new file for a moment.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except PermissionError:
            if not WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def replace(draft: Path, target: Path) -> None:
    """Replace the target with the draft, or move the draft to a name that is not used; see :func:`patiently`."""
    patiently(lambda: draft.replace(target))


def remove(file: Path) -> None:
    """Delete a file, if it exists; see :func:`patiently`."""
    patiently(lambda: file.unlink(missing_ok=True))


def discard(file: Path) -> None:
    """Delete a draft if that is possible. A failure must not hide why the draft is not needed any more."""
    with contextlib.suppress(OSError):
        remove(file)


def write_private(file: Path, content: bytes) -> None:
    """Replace a whole file, with mode 0600. No data is lost if there is a crash or power cut at any moment.

    A file that is itself a mount point (a container volume) cannot be replaced. The content is first flushed to a spare
    copy in the same folder, where :func:`read_private` finds it after a crash. Then the file is overwritten in place.
    """
    target = Path(os.path.realpath(file))  # a symlink stays a symlink
    draft = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _clean_up(target)
        try:
            _write_flushed(draft, content)
            replace(draft, target)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            _write_in_place(target, draft)
        finally:
            remove(draft)
        flush_folder(target.parent)
    except OSError as error:
        raise explained(error, file, "written") from error


def _write_flushed(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        if not WINDOWS and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o600 != 0o600:
            os.fchmod(descriptor, 0o600)  # a umask can remove the owner's permissions as well
        stream.write(content)
        flush(stream)


def flush(stream: BinaryIO) -> None:
    """Flush a file to the storage device. On macOS, fsync reaches only the drive's cache (fcntl(2); not tested on a Mac)."""
    stream.flush()
    os.fsync(stream.fileno())
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):  # network volumes lack this command, so fsync must suffice
            fcntl.fcntl(stream.fileno(), fcntl.F_FULLFSYNC)


def _clean_up(target: Path) -> None:
    """Clean up after a process that was killed: restore its spare copy, and delete its old drafts, which contain tokens."""
    if _spare(target).exists():
        try:
            replace(_spare(target), target)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            _write_in_place(target, _spare(target))
    for draft in target.parent.glob(f".{target.name}.*.????????"):
        # On Windows, another program may have the draft open. A later write deletes it.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if time.time() - draft.stat().st_mtime > ABANDONED:
                draft.unlink()


def _write_in_place(target: Path, draft: Path) -> None:
    spare = _spare(target)
    replace(draft, spare)
    flush_folder(target.parent)
    say_once(
        target, f"{target} is a mount point, so boxnb writes it in place and keeps a spare copy next to it."
    )
    with target.open("r+b") as stream:
        stream.write(spare.read_bytes())
        stream.truncate()
        flush(stream)
    remove(spare)


def _spare(target: Path) -> Path:
    return target.with_name(f".{target.name}.spare")


def read_private(file: Path) -> bytes:
    """Return the content of a private file, or of its spare copy while a write in place is incomplete.

    Readers take no lock, and a write in place could begin and end during a read. A file that changed while it was being
    read is therefore read again.
    """
    check_private(file)
    return patiently(lambda: _read_whole(Path(os.path.realpath(file))))


def _read_whole(target: Path) -> bytes:
    for _ in range(READ_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return _spare(target).read_bytes()
        before = target.stat()
        content = target.read_bytes()
        if _same(before, target.stat()) and not _spare(target).exists():
            break
    return content


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_ino, before.st_size, before.st_mtime_ns) == (
        after.st_ino,
        after.st_size,
        after.st_mtime_ns,
    )


_warned: set[tuple[Path, str]] = set()


def say_once(file: Path, message: str) -> None:
    """Warn about a file, once per process."""
    if (file, message) not in _warned:
        _warned.add((file, message))
        warnings.warn(message, stacklevel=4)


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder, so that they survive a power cut."""
    if WINDOWS:
        return  # Windows has no fsync for folders; NTFS journals the rename
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder. The file itself is saved, so this is not a failure.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF):
            raise


def private_folder(folder: Path) -> None:
    """Create a folder with mode 0700, or make an existing one private, along with its parents up to the home folder.

    Raises
    ------
    TokenStoreError
        The folder cannot be created, or it is a link that another user owns.
    """
    top = home()
    own_folders = (
        [folder, *folder.parents[: len(folder.parts) - len(top.parts)]]
        if folder.is_relative_to(top)
        else [folder]
    )
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True, mode=0o700)  # parents=True would give the mode only to the last one
            if not WINDOWS and stat.S_IMODE(path.stat().st_mode) & 0o700 != 0o700:
                path.chmod(0o700)  # a umask can remove the owner's permissions as well
        for path in own_folders:
            _make_private(path)
    except OSError as error:
        raise explained(error, folder, "prepared") from error


def _make_private(folder: Path) -> None:
    """Make a folder private. If its mode must not be changed, warn once if other users can write to it."""
    status = folder.stat()
    if WINDOWS or not stat.S_IMODE(status.st_mode) & 0o077:
        return  # on Windows, the permissions of the user's own folder protect it
    if folder == Path.home() or (status.st_uid != os.getuid() and folder == home()):
        # Other users may need this folder: it is the user's home, a system folder or a mounted volume.
        if stat.S_IMODE(status.st_mode) & 0o022 and not status.st_mode & stat.S_ISVTX:
            say_once(
                folder,
                f"Other users can write to {folder}, where boxnb saves its files. Choose another folder with BOXNB_HOME.",
            )
        return
    folder.chmod(0o700)


def own_folder(folder: Path) -> Path:
    """Create and return a private folder inside one to which other users can write. Refuse a link or another user's folder.

    Raises
    ------
    OSError
        A link or another user's folder already has this name.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or not is_ours(status):
        raise PermissionError(errno.EPERM, "a link or another user's folder has this name", os.fspath(folder))
    folder.chmod(0o700)
    return folder


def is_ours(status: os.stat_result) -> bool:
    """Return whether this user owns a file or folder; always true on Windows."""
    return WINDOWS or status.st_uid == os.getuid()


def write_note(file: Path, text: str) -> None:
    """Write a short private file directly, without a draft or a flush, because losing it does no harm."""
    with os.fdopen(open_ours(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as stream:
        stream.write(text)


def open_ours(file: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file, or create it with a private mode, and return its descriptor. Follow a link only if this user owns it.

    Raises
    ------
    OSError
        The file cannot be opened, or it is another user's link, which could make boxnb overwrite any file.
    """
    with contextlib.suppress(FileNotFoundError):
        status = file.lstat()
        if stat.S_ISLNK(status.st_mode) and not is_ours(status):
            raise PermissionError(errno.EPERM, "another user's link has this name", os.fspath(file))
        if stat.S_ISLNK(status.st_mode):
            return os.open(file, flags | BINARY, mode)
    return os.open(file, flags | BINARY | getattr(os, "O_NOFOLLOW", 0), mode)


def check_private(file: Path) -> None:
    """If other users can read a file, make it private and warn. Refuse another user's file."""
    if WINDOWS:
        return  # the permissions of the user's own folder protect it
    status = file.stat()
    # Reading a pipe could block forever.
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise TokenStoreError(f"{file} is not an ordinary file. Move or rename it, then try again.", file)
    if status.st_uid != os.getuid() and os.getuid() != 0:
        raise TokenStoreError(f"{file} belongs to another user. Sign in under your own account.", file)
    if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
        try:
            file.chmod(0o600)
        except OSError as error:
            if os.environ.get("BOXNB_ACCEPT_SHARED_FILE") == "1":
                return
            raise TokenStoreError(
                f"Other users can read {file}, and its mode cannot be changed ({error.strerror}). Choose another folder with "
                "BOXNB_HOME, or accept this with BOXNB_ACCEPT_SHARED_FILE=1.",
                file,
            ) from None
        warnings.warn(f"Other users could read {file}. It is now private (0600).", stacklevel=3)


def explained(error: OSError, file: Path, what: str) -> TokenStoreError:
    """Return an exception that explains what the operating system refused, why, and what to do."""
    reason = error.strerror or type(error).__name__
    return TokenStoreError(
        f"{file} could not be {what} ({reason}). No saved data was lost. {remedy(error)}.", file
    )


_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def remedy(error: OSError, another: str = "choose another folder with BOXNB_HOME") -> str:
    """Return what to do about a file or folder that cannot be used. ``another`` is how to choose another folder."""
    if error.errno in _REFUSED or isinstance(error, PermissionError):
        return f"Check the owner and mode of the folder, or {another}"
    if error.errno == errno.EISDIR:
        return "A folder has the same name as this file; move or rename the folder"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"A file has the same name as this folder; move or rename the file, or {another}"
    if error.errno in _FULL:
        return f"Free up disk space or {another}, then try again"
    return f"Check the path and the disk, or {another}"


def require_folder(folder: Path, another: str = "choose another folder with BOXNB_HOME") -> None:
    """Raise if a folder cannot be written to, or cannot be created. Nothing is created.

    Raises
    ------
    TokenStoreError
        The message has the path that refuses, and what to do.
    """
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    number = 0
    if not existing.is_dir():
        number = errno.ENOTDIR
    elif not os.access(existing, os.W_OK | os.X_OK):
        number = errno.EACCES
    if number:
        error = OSError(number, os.strerror(number))
        which = "" if existing == folder else f" because of {existing}"
        raise TokenStoreError(
            f"boxnb cannot write to {folder}{which} ({error.strerror}). {remedy(error, another)}.", folder
        )
