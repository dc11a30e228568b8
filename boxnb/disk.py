"""Files that are private and never half written: the floor under everything boxnb saves."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
import sys
import time
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO, TextIO

from .errors import TokenStoreError

if sys.platform == "darwin":
    import fcntl

READS = 50
"""Looks at a file that others keep changing; each write takes an fsync, so a handful is enough."""

ABANDONED = 600.0
"""Seconds after which a draft that nobody moved into place belongs to a writer that died."""

elsewhere: ContextVar[str | None] = ContextVar("elsewhere", default=None)
"""A folder that stands in for the home of all profiles, for one thread or task: a lesson's own."""


def host_name() -> str:
    """The name of this computer, as text that every file and mail can hold.

    A name in another encoding than the locale's comes with half letters, which UTF-8 has not: they are written out.
    """
    return socket.gethostname().encode("utf-8", "backslashreplace").decode()


def on_disk(name: str) -> str:
    """The name of a file as this process can write it: UTF-8 on the disk where the locale lacks its letters."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return os.fsdecode(name.encode("utf-8", "surrogateescape"))
    return name


def decoded(name: str) -> str:
    """A name from this computer with the letters that its bytes are in UTF-8; bytes that are none stay half letters.

    Under the locale C Python reads every byte beyond ASCII as half a letter (PEP 383).
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a letter that is no byte of a path
        return name


def as_text(path: object) -> str:
    """A path or a name as text that every table, mail and file can hold: what is no letter in UTF-8 is written out."""
    return decoded(str(path)).encode("utf-8", "backslashreplace").decode()


def printable(text: str, stream: TextIO) -> str:
    """The text as a stream can write it: a terminal of the locale C, or of a Windows code page, lacks most letters."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        if stream.errors == "surrogateescape":  # the locale C: every byte passes, and terminals speak UTF-8
            return as_text(text).encode().decode(encoding, "surrogateescape")
        return as_text(text).encode(encoding, "backslashreplace").decode(encoding)
    return text


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
    """Make a folder, mode 0700, or make an existing one private."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name != "nt" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise explained(error, folder, "prepared") from error


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
