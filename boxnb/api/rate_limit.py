"""Stay just under Box's rate limits, across all threads and kernels of a profile.

Box allows each user 1000 calls per minute (240 uploads; 60 searches, at most 6 per second) and returns 429 beyond that.
The pacer saves the times of the last calls in a small file that all processes of the profile share. A short job therefore
runs at full speed, and a long one at the limit. A 429 pauses all these processes. For a minute after the pause, calls are
spaced evenly, because a 429 means that another program is using the same user's allowance.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import filelock

from ..local import private_files
from ..transport.waits import announce, span, until, wait_sentence


class Limit(NamedTuple):
    """A rate limit: at most ``calls`` in ``seconds``, and at most ``burst`` in one second.

    The window is a quarter of a second longer than a minute, because calls do not all take equally long to reach Box.
    Otherwise a delayed call and a fast one sent a minute later could arrive within the same minute.
    """

    calls: int
    seconds: float = 60.25
    burst: int = 1000


LIMITS = {
    "general": Limit(990),
    "upload": Limit(236),
    "search": Limit(59, burst=6),
}
"""About one percent below what Box allows (Box guide *Rate limits*), because the clocks of Box and of this computer differ slightly."""

LONGEST_PAUSE = 86400.0
"""The longest plausible pause, in seconds; a longer one was saved before this computer restarted."""

_HEAD = struct.Struct("<ddI")  # paused until, steady until, number of call times that follow


class Pacer:
    """Delays each call until the rate limit allows it.

    Parameters
    ----------
    file : Path
        A file that all processes of one user share. Its folder is created if it is missing.
    limit : Limit
    clock : callable, default time.monotonic
        Seconds on a clock that all processes of this computer share.
    sleep : callable, default time.sleep
    on_wait : callable, default boxnb.transport.waits.announce
        Called before each wait, with its length in seconds and one line of text.
    box : str
        The name of the server in that line.
    patience : float
        The longest pause to wait for, in seconds. If a pause is longer, the line is shown and the call is sent anyway: the
        server's response then says how long to wait.
    """

    def __init__(
        self,
        file: Path,
        limit: Limit,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_wait: Callable[[float, str], None] = announce,
        box: str = "Box",
        patience: float = 180.0,
    ) -> None:
        self._on_wait = on_wait
        self._box = box
        self._patience = patience
        self._file = file
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._threads = threading.Lock()
        private_files.private_folder(file.parent)
        self._lock = filelock.FileLock(file.with_suffix(".lock"), timeout=30, thread_local=False, mode=0o600)

    def wait(self) -> float:
        """Wait until one more call is allowed, count it, and return the seconds waited."""
        waited = 0.0
        while True:
            with self._threads, self._lock:
                pause, requested = self._try_to_count()
            if pause <= 0:
                if requested > 0:
                    self._on_wait(
                        requested,
                        f"After an earlier call, {self._box} asked boxnb to wait {span(requested)} more. "
                        f"It may refuse this call as well. It should accept calls again {until(requested)}.",
                    )
                return waited
            why = (
                f"{self._box} asked boxnb to wait"
                if requested > 0
                else f"{self._box}'s rate limit is reached"
            )
            self._on_wait(pause, wait_sentence(pause, why))
            waited += pause
            self._sleep(pause)

    def pause_all(self, retry_after: float | None) -> None:
        """After a 429, pause all calls for as long as Box asks, or else for one second. Then space them evenly."""
        with self._threads, self._lock:
            paused, steady, calls = self._read()
            now = self._clock()
            paused = max(paused, now + (1.0 if retry_after is None else retry_after))
            self._write(paused, max(steady, paused + self._limit.seconds), calls)

    def _try_to_count(self) -> tuple[float, float]:
        """Count a call if one is allowed now. Return the seconds until the next attempt (0 if counted), and the seconds that
        the server asked boxnb to wait.
        """
        paused, steady, calls = self._read()
        now = self._clock()
        requested = max(0.0, paused - now)
        if 0 < requested <= self._patience:
            return requested, requested
        calls = calls[bisect_right(calls, now - self._limit.seconds) : bisect_right(calls, now)]
        pause = 0.0
        if len(calls) >= self._limit.calls:
            pause = calls[-self._limit.calls] + self._limit.seconds - now
        if len(calls) >= self._limit.burst:
            pause = max(pause, calls[-self._limit.burst] + 1.0 - now)
        if steady > now and calls:
            pause = max(pause, calls[-1] + self._limit.seconds / self._limit.calls - now)
        if pause > 0:
            return pause, 0.0
        self._write(paused, steady, [*calls, now])
        return 0.0, requested

    def _read(self) -> tuple[float, float, list[float]]:
        try:
            content = self._file.read_bytes()
            paused, steady, count = _HEAD.unpack_from(content)
            calls = list(struct.unpack_from(f"<{count}d", content, _HEAD.size))
        except (FileNotFoundError, struct.error):
            return 0.0, 0.0, []
        now = self._clock()
        if paused > now + LONGEST_PAUSE or any(call > now for call in calls[-1:]):
            return 0.0, 0.0, []  # saved before this computer restarted
        return paused, steady, calls

    def _write(self, paused: float, steady: float, calls: list[float]) -> None:
        content = _HEAD.pack(paused, steady, len(calls)) + struct.pack(f"<{len(calls)}d", *calls)
        descriptor = private_files.open_ours(self._file, os.O_WRONLY | os.O_CREAT)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
