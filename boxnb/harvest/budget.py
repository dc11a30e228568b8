"""What a run may spend: ``max_calls`` and ``until``. Retries count, and no wait lasts beyond ``until``."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..transport.allowance import SpentError
from ..transport.waits import NOTICED, span, until


class Budget:
    """The calls and the time that are left of a run. Its lanes share it.

    Parameters
    ----------
    max_calls : int, optional
        The most calls, including retries.
    until : float, optional
        When the run stops, by the clock ``now``.
    now : callable
        Returns the time in seconds since the epoch: by the server's clock, or by that of a worker's computer.
    """

    def __init__(self, max_calls: int | None, until: float | None, now: Callable[[], float]) -> None:
        self._left, self._until, self._now = max_calls, until, now
        self._threads = threading.Lock()

    @property
    def is_spent(self) -> bool:
        """Whether no further call can begin."""
        seconds = self.seconds_left
        return self._left == 0 or (seconds is not None and seconds <= 0)

    @property
    def has_limit(self) -> bool:
        """Whether the calls are limited."""
        return self._left is not None

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the run stops; ``None`` if it has no end."""
        return None if self._until is None else self._until - self._now()

    def reserve(self, calls: int) -> int:
        """Take calls out of the budget before they are sent. Return how many there were, at most ``calls``."""
        with self._threads:
            if self._left is None:
                return calls
            reserved = min(calls, self._left)
            self._left -= reserved
            return reserved

    def give_back(self, calls: int) -> None:
        """Put back calls that were reserved but not sent."""
        with self._threads:
            if self._left is not None:
                self._left += calls


class Permit:
    """What one unit may spend: the calls that were reserved for it, and any further ones from the budget. See :mod:`boxnb.transport.allowance`."""

    def __init__(self, budget: Budget, reserved: int) -> None:
        self._budget = budget
        self.reserved = reserved

    def call(self, why: str) -> None:
        """Count a call.

        Raises
        ------
        SpentError
            Neither the unit nor the budget has one left.
        """
        self.require(why)
        self.reserved -= 1

    def require(self, why: str) -> None:
        """Reserve a call, unless one is left.

        Raises
        ------
        SpentError
            Neither the unit nor the budget has one left.
        """
        if not self.reserved and not self.extend(1):
            what = f"{why}, and max_calls leaves no call to send it again" if why else "max_calls is reached"
            raise SpentError(f"{what}. The page waits; call run() again to fetch it.", usual=not why)

    def wait(self, seconds: float, why: str) -> None:
        """Allow a wait.

        Raises
        ------
        SpentError
            It would last beyond the time at which the run stops.
        """
        left = self._budget.seconds_left
        if left is not None and seconds > left:
            raise SpentError(
                f"{why}: boxnb would have to wait {span(seconds)}, which is later than the time to stop (until). "
                f"The pages left wait; call run() again {until(seconds)}.",
                usual=seconds < NOTICED,
            )

    def extend(self, calls: int) -> int:
        """Reserve further calls for this unit. Return how many there were, at most ``calls``."""
        reserved = self._budget.reserve(calls)
        self.reserved += reserved
        return reserved

    def spend(self, calls: int) -> None:
        """Count reserved calls that another process has made."""
        self.reserved -= calls

    def close(self) -> None:
        """Give back the calls that the unit did not need."""
        self._budget.give_back(self.reserved)
        self.reserved = 0

    @property
    def limits(self) -> tuple[int | None, float | None]:
        """The calls and the seconds that this unit may still spend; ``None`` if they are not limited."""
        return self.reserved if self._budget.has_limit else None, self._budget.seconds_left
