"""The sandbox clock: real time plus an adjustable offset, or a frozen time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate

from .state import State


class Clock:
    """The sandbox clock, in seconds since the epoch. It is saved in the state, so a restart does not set it back.

    Every lifetime and every ``Date`` header uses this clock. Rate limits use real time.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._offset = float(state.meta("clock.offset") or 0.0)
        frozen = state.meta("clock.frozen")
        self._frozen: float | None = float(frozen) if frozen else None

    def now(self) -> float:
        """Return the time on the sandbox clock."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the clock by `seconds`, which can be negative, and return the new time."""
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds
        self._save()
        return self.now()

    def freeze(self) -> float:
        """Stop the clock and return its time."""
        self._frozen = self.now()
        self._save()
        return self._frozen

    def reset(self) -> float:
        """Set the clock back to real time and return the new time."""
        self._offset, self._frozen = 0.0, None
        self._save()
        return self.now()

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._frozen is not None

    def date_header(self) -> bytes:
        """Return the ``Date`` header (RFC 9110 6.6.1) for the current time."""
        return formatdate(self.now(), usegmt=True).encode("ascii")

    def iso(self) -> str:
        """Return the time in RFC 3339 format with an offset, as Box formats times."""
        return datetime.fromtimestamp(int(self.now()), UTC).isoformat()

    def _save(self) -> None:
        self._state.set_meta("clock.offset", repr(self._offset))
        self._state.set_meta("clock.frozen", "" if self._frozen is None else repr(self._frozen))
