"""What a piece of work may still spend: calls, and time. Every call and every wait of its thread asks first.

Only long work that its user has limited has an allowance, such as a harvest with ``max_calls`` or ``until``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from ..errors import BoxNotebookError


class SpentError(BoxNotebookError):
    """The work has to stop, because its user allowed no further call or no longer wait. Whoever gave the allowance handles it.

    Attributes
    ----------
    usual : bool
        Whether nothing went wrong, so that nobody needs to be told.
    """

    def __init__(self, message: str, *, usual: bool = False) -> None:
        super().__init__(message)
        self.usual = usual


class Allowance(Protocol):
    """Says which calls and waits are allowed, by raising :class:`SpentError` for all others."""

    def call(self, why: str) -> None:
        """Count a call that is about to be sent; ``why`` says what makes it necessary to send it again, if it is not the first."""

    def wait(self, seconds: float, why: str) -> None:
        """Allow a wait that is about to begin; ``why`` says what makes it necessary."""


_current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def within(allowance: Allowance) -> Iterator[None]:
    """Let an allowance limit the calls and waits of this thread."""
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)


def require_call(why: str = "") -> None:
    """Count a call that is about to be sent.

    Raises
    ------
    SpentError
        The allowance of this thread has no call left.
    """
    if (allowance := _current.get()) is not None:
        allowance.call(why)


def require_wait(seconds: float, why: str) -> None:
    """Allow a wait that is about to begin.

    Raises
    ------
    SpentError
        It would last longer than the allowance of this thread.
    """
    if (allowance := _current.get()) is not None:
        allowance.wait(seconds, why)
