"""Just under Box's rate limits, for all threads and all kernels of a profile together.

Box counts calls per user and minute (1000; uploads 240; search 60, and 6 a second) and answers 429 beyond. The
pacer keeps the times of the last calls in a small file which every process of the profile shares: a short job runs
at full speed, a long one at the limit. One 429 pauses all, and a minute of steady pace follows it, because then
somebody else uses the same user's allowance.
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
from ..transport.waits import announce, said, span, until


class Limit(NamedTuple):
    """At most ``calls`` in ``seconds``, and at most ``burst`` in one second.

    A quarter of a second over the minute: a call that was slow to arrive and one a minute later that was quick must
    not fall into the same minute of Box's.
    """

    calls: int
    seconds: float = 60.25
    burst: int = 1000


LIMITS = {
    "general": Limit(990),
    "upload": Limit(236),
    "search": Limit(59, burst=6),
}
"""One per cent under what Box allows (Box guide *Rate limits*), for clocks that do not quite agree."""

LONGEST_PAUSE = 86400.0
"""Seconds of a pause that are believed; a longer one is from before this computer was started again."""

_HEAD = struct.Struct("<ddI")  # paused until, steady until, calls held


class Pacer:
    """Waits before each call until the limit allows it.

    Parameters
    ----------
    file : Path
        Shared by all processes of one user; its folder is made.
    limit : Limit
    clock : callable, default time.monotonic
        Seconds on a clock that all processes of this computer share.
    sleep : callable, default time.sleep
    tell : callable, default boxnb.transport.waits.announce
        Called with the seconds and one line before each wait.
    box : str
        What that line calls the server.
    patience : float
        Seconds of a pause that are waited. A longer one is said, and the call goes out all the same: whether it may is the
        server's to say, and its answer names the time.
    """

    def __init__(
        self,
        file: Path,
        limit: Limit,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[float, str], None] = announce,
        box: str = "Box",
        patience: float = 180.0,
    ) -> None:
        self._tell = tell
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
        """Wait for a place, take it; seconds waited."""
        waited = 0.0
        while True:
            with self._threads, self._lock:
                pause, asked = self._take()
            if pause <= 0:
                if asked > 0:
                    self._tell(
                        asked,
                        f"At an earlier call {self._box} asked to wait {span(asked)} more: "
                        f"it may refuse this one too and answer again {until(asked)}.",
                    )
                return waited
            why = f"{self._box} asked to wait" if asked > 0 else f"{self._box}'s rate limit is reached"
            self._tell(pause, said(pause, why))
            waited += pause
            self._sleep(pause)

    def limited(self, retry_after: float | None) -> None:
        """Box answered 429: everybody waits what it asks, a second where it does not say, then goes steadily."""
        with self._threads, self._lock:
            paused, steady, calls = self._read()
            now = self._clock()
            paused = max(paused, now + (1.0 if retry_after is None else retry_after))
            self._write(paused, max(steady, paused + self._limit.seconds), calls)

    def _take(self) -> tuple[float, float]:
        """Take a place now and give 0, or the seconds until it is worth asking again; and how long the server asked to wait."""
        paused, steady, calls = self._read()
        now = self._clock()
        asked = max(0.0, paused - now)
        if 0 < asked <= self._patience:
            return asked, asked
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
        return 0.0, asked

    def _read(self) -> tuple[float, float, list[float]]:
        try:
            content = self._file.read_bytes()
            paused, steady, held = _HEAD.unpack_from(content)
            calls = list(struct.unpack_from(f"<{held}d", content, _HEAD.size))
        except (FileNotFoundError, struct.error):
            return 0.0, 0.0, []
        now = self._clock()
        if paused > now + LONGEST_PAUSE or any(call > now for call in calls[-1:]):
            return 0.0, 0.0, []  # from before this computer was started again
        return paused, steady, calls

    def _write(self, paused: float, steady: float, calls: list[float]) -> None:
        content = _HEAD.pack(paused, steady, len(calls)) + struct.pack(f"<{len(calls)}d", *calls)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
