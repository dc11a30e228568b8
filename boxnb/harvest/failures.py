"""What a harvest says when its files cannot be read or written. Nothing that it has saved is lost."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ..errors import HarvestError
from ..local import private_files

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def not_written(error: Exception, path: Path) -> HarvestError:
    """Return the exception for a file that cannot be written."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL or "disk is full" in str(error) or "No space left" in str(error):
        return HarvestError(
            f"The disk with {path} is full. Everything saved so far is unchanged. "
            "Free up space, then call run() again: it continues from there.",
            path,
        )
    reason = (isinstance(error, OSError) and error.strerror) or str(error).splitlines()[0]
    return HarvestError(
        f"{path} cannot be written ({reason}). Everything saved so far is unchanged. "
        "Check the folder's permissions, then call run() again: it continues from there.",
        path,
    )


def not_deleted(error: OSError, folder: Path) -> HarvestError:
    """Return the exception for a harvest that cannot be deleted."""
    return HarvestError(
        f"The harvest in {folder} cannot be deleted ({error.strerror or type(error).__name__}). Its rows are unchanged. "
        "Close other programs that use it, check the folder's permissions, then try again.",
        folder,
    )


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder. Raises :class:`HarvestError`, for example because the disk is full."""
    try:
        private_files.flush_folder(folder)
    except OSError as error:
        raise not_written(error, folder) from error


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Raise a :class:`HarvestError` if a part cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise HarvestError(
            f"A part of this harvest is missing: {file}. Another program deleted or moved it. "
            "Restore it from a backup, or call verify(repair=True) and then run(), which fetches its rows again.",
            file,
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise unreadable(file) from error


def unreadable(file: Path) -> HarvestError:
    """Return the exception for a part that is damaged."""
    return HarvestError(
        f"A part of this harvest cannot be read: {file} is damaged or truncated. "
        "Restore it from a backup, or call verify(repair=True) and then run(), which fetches its rows again.",
        file,
    )


@contextlib.contextmanager
def manifest(file: Path) -> Iterator[None]:
    """Raise a :class:`HarvestError` if the manifest cannot be read or written."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise HarvestError(
                f"{file} is locked by another program. Close that program, then try again.", file
            ) from error
        if "unable to open" in str(error) or "readonly" in str(error) or "disk" in str(error):
            raise not_written(error, file) from error
        raise damaged(file, error) from error
    except (sqlite3.DatabaseError, ValueError) as error:
        raise damaged(file, error) from error


def damaged(file: Path, error: Exception) -> HarvestError:
    """Return the exception for a manifest that cannot be read."""
    return HarvestError(
        f"The manifest of this harvest is damaged ({file}: {str(error).splitlines()[0] if str(error) else type(error).__name__}). "
        f"Its Parquet files are unchanged in {file.parent}. Restore the manifest from a backup, or delete() the harvest and run it again.",
        file,
    )
