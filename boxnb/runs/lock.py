"""One run of a name at a time, and a run that is told to end still gets to say so."""

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
    return filelock.FileLock(_place(name), timeout=0, thread_local=False, mode=0o600)


def _place(name: str) -> Path:
    return store.home() / "runs" / encoding.on_disk(f"{name}.lock")


def take(name: str, since: str) -> tuple[Callable[[], None], int | None]:
    """Be the only run of this name, of this user and on this computer.

    Gives what ends the turn, and the descriptor of the lock for a child process: while the child has it, too, the turn
    lasts after a kill of this process. ``None`` on Windows, whose locks belong to one process.

    Raises
    ------
    RunRefusedError
        Another is under way; it is left alone.
    OSError, TokenStoreError
        The lock cannot be made.
    """
    private_files.private_folder(_place(name).parent)
    lock, holder = _lock(name), _place(name).with_suffix(".holder")
    try:
        lock.acquire()
    except filelock.Timeout:
        try:
            who = holder.read_text(encoding="utf-8", errors="replace")[:200]
        except OSError:
            who = "another process"
        raise RunRefusedError(
            f"A run named {name!r} is under way ({who}): this one was not begun; wait for it, or end that process."
        ) from None
    with contextlib.suppress(OSError):  # a full disk: the lock counts, and the note only names its holder
        private_files.write_note(holder, f"{store.this_process()}, since {since}")
    return (
        lock.release,
        None if os.name == "nt" else lock._context.lock_file_fd,
    )  # filelock offers no other way


def is_taken(name: str) -> bool:
    """Whether a run of this name is under way."""
    try:
        private_files.private_folder(_place(name).parent)
        with _lock(name):
            return False
    except filelock.Timeout:
        return True
    except (OSError, BoxNotebookError):
        return False


class Stop:
    """The signal that told this process to end, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.late: signal.Signals | None = None  # one that came while reports went out
        self.ending = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Turn the first signal to end into ``SystemExit``; while reports go out it is only noted.

        Only the main thread may listen to signals; elsewhere this does nothing.
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

        before = {each: signal.getsignal(each) for each in SIGNALS}
        try:
            for each, handler in before.items():
                if handler is not signal.SIG_IGN:  # under nohup, say
                    signal.signal(each, stop)
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
