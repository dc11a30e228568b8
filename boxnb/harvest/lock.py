"""Let one process at a time work on a harvest, and say which one it is."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from ..errors import HarvestInUseError
from ..local import private_files
from ..local.home_folder import host_name
from . import failures

LOCK, HOLDER = "harvest.lock", "holder.json"


@contextlib.contextmanager
def holding(folder: Path, doing: str) -> Iterator[None]:
    """Hold the lock of a harvest, for ``doing``, such as ``"run"``. A process that is killed releases it.

    Raises
    ------
    HarvestInUseError
        Another process, or another object in this one, holds it.
    """
    lock = filelock.FileLock(folder / LOCK, timeout=0, thread_local=False, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise _in_use(folder) from None
    except OSError as error:
        raise failures.not_written(error, folder / LOCK) from error
    try:
        # The note only names the holder. The lock works without it, for example on a full disk.
        with contextlib.suppress(OSError):
            note = {"pid": os.getpid(), "host": host_name(), "doing": doing}
            private_files.write_note(folder / HOLDER, json.dumps(note))
        yield
    finally:
        lock.release()


def _in_use(folder: Path) -> HarvestInUseError:
    """Return the exception that names the process which holds the lock."""
    try:
        note = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        pid, host, doing = int(note["pid"]), str(note["host"]), str(note["doing"])
    except (OSError, ValueError, KeyError, TypeError):
        pid, host, doing = None, "", "another action"
    who = "Another process" if pid is None else f"Process {pid} on {host}"
    return HarvestInUseError(
        f"{who} is working on this harvest ({doing}). Wait until it ends, or stop it: it loses nothing, and run() continues from there.",
        folder,
        pid=pid,
        host=host,
    )
