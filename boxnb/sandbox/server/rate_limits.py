"""Rate limits per user (box-facts 2.6), measured in real time."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque

from .errors import too_many

PER_MINUTE = 1000
UPLOADS_PER_MINUTE = 240
KINDS = ("off", "fixed", "rolling", "bucket")


class Limits:
    """A limit of 1000 calls per user per minute, counted in a rolling minute, a fixed minute or a token bucket."""

    def __init__(self, kind: str = "rolling", per_minute: int = PER_MINUTE) -> None:
        if kind not in KINDS:
            raise ValueError(f"limits must be one of {', '.join(KINDS)}, not {kind!r}")
        self.kind, self.per_minute = kind, per_minute
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._fixed: dict[str, tuple[int, int]] = {}
        self._bucket: dict[str, tuple[float, float]] = {}
        self._windows: defaultdict[tuple[str, float], deque[float]] = defaultdict(deque)

    def wait(self, user_id: str, now: float | None = None) -> int:
        """Count a call by this user. Return 0 if the call is allowed, else the seconds for ``Retry-After``."""
        now = time.monotonic() if now is None else now
        if self.kind == "off":
            return 0
        if self.kind == "fixed":
            minute, count = self._fixed.get(user_id, (0, 0))
            current = int(now // 60)
            count = count + 1 if current == minute else 1
            if count > self.per_minute:
                return math.ceil(60 - now % 60)
            self._fixed[user_id] = (current, count)
            return 0
        if self.kind == "bucket":
            level, last = self._bucket.get(user_id, (float(self.per_minute), now))
            level = min(self.per_minute, level + (now - last) * self.per_minute / 60)
            self._bucket[user_id] = (level - 1 if level >= 1 else level, now)
            return 0 if level >= 1 else max(1, math.ceil((1 - level) * 60 / self.per_minute))
        calls = self._calls[user_id]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= self.per_minute:
            return max(1, math.ceil(calls[0] + 60 - now))
        calls.append(now)
        return 0

    def check_search(self, user_id: str) -> None:
        """Count a search. Raises 429 above 6 per second or 60 per minute for the user, or 12 per second for all users."""
        self._check((f"search {user_id}", 1.0, 6), (f"search {user_id}", 60.0, 60), ("search", 1.0, 12))

    def check_upload(self, user_id: str) -> None:
        """Count an upload. Raises 429 above 240 per minute for the user."""
        self._check((f"upload {user_id}", 60.0, UPLOADS_PER_MINUTE))

    def _check(self, *windows: tuple[str, float, int]) -> None:
        """Count a call in each window (name, seconds, calls). If one is full, raise 429 and do not count the call."""
        if self.kind == "off":
            return
        now = time.monotonic()
        for name, seconds, count in windows:
            calls = self._windows[name, seconds]
            while calls and calls[0] <= now - seconds:
                calls.popleft()
            if len(calls) >= count:
                raise too_many(max(1, math.ceil(calls[0] + seconds - now)))
        for name, seconds, _ in windows:
            self._windows[name, seconds].append(now)
