"""Pause the measurement of coverage.

Before Python 3.12, tracing makes every call of pandas and requests slower too, although their lines are not counted: a walk
of the whole practice company then takes four times as long.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Measure nothing inside ``with``, neither in this thread nor in threads that start there."""
    tracer, tracer_of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]  # None is what the function takes to stop tracing
    try:
        yield
    finally:
        sys.settrace(tracer)
        threading.settrace(tracer_of_threads)  # type: ignore[arg-type]
