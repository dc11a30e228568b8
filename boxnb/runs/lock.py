"""Allow one run per name at a time, and let a run that gets a termination signal report its outcome first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import filelock

from .. import store
from ..errors import BoxNotebookError, RunRefusedError
from ..local import encoding, private_files

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _lock(name: str) -> filelock.BaseFileLock:
    return filelock.FileLock(_lock_path(name), timeout=0, thread_local=False, mode=0o600)


def _lock_path(name: str) -> Path:
    return store.home() / "runs" / encoding.on_disk(f"{name}.lock")


def hold_run_lock(name: str, since: str) -> tuple[Callable[[], None], int | None]:
    """Lock a name, so that this user has only one run with it on this computer.

    Return the function that releases the lock, and the lock's file descriptor for a child process. While a child holds
    the descriptor, the lock survives even if this process is killed. The descriptor is ``None`` on Windows, where a
    lock belongs to one process.

    Raises
    ------
    RunRefusedError
        Another run with this name is in progress, and is not affected.
    OSError, TokenStoreError
        The lock cannot be created.
    """
    private_files.private_folder(_lock_path(name).parent)
    lock, note = _lock(name), _lock_path(name).with_suffix(".holder")
    try:
        lock.acquire()
    except filelock.Timeout:
        try:
            holder = note.read_text(encoding="utf-8", errors="replace")[:200]
        except OSError:
            holder = "another process"
        raise RunRefusedError(
            f"A run named {name!r} is already in progress ({holder}), so this run did not start. "
            "Wait for it to finish, or end that process."
        ) from None
    # The note only names the holder of the lock. The lock works without it, for example on a full disk.
    with contextlib.suppress(OSError):
        private_files.write_note(note, f"{store.this_process()}, since {since}")
    # filelock has no public way to get the descriptor.
    return lock.release, None if os.name == "nt" else lock._context.lock_file_fd


def is_running(name: str) -> bool:
    """Return whether a run with this name is in progress."""
    try:
        private_files.private_folder(_lock_path(name).parent)
        with _lock(name):
            return False
    except filelock.Timeout:
        return True
    except (OSError, BoxNotebookError):
        return False


class Stop:
    """The signal that asked this process to end, if any."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.late: signal.Signals | None = None  # arrived while reports were being sent
        self.ending = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Turn the first termination signal into ``SystemExit``. While reports are being sent, only record it.

        Do nothing outside the main thread, the only one that may handle signals.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, _frame: FrameType | None) -> None:
            if self.ending:
                self.late = signal.Signals(number)
            elif self.signal is None:
                self.signal = signal.Signals(number)
                raise SystemExit(128 + number)

        previous = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            for number, handler in previous.items():
                if handler is not signal.SIG_IGN:  # for example, SIGHUP under nohup
                    signal.signal(number, stop)
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
