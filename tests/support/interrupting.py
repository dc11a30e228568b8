"""Interrupt a function between any two lines of a module, as Ctrl-C would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def interrupted(work: Callable[[], object], module: str, line_number: int) -> bool:
    """
    Call ``work`` and raise :class:`KeyboardInterrupt` at the given line that it executes in the file ``module``.

    Return False if it ended before that line.
    """
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if frame.f_code.co_filename != module:
            return None
        lines += event == "line"
        if lines == line_number:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    previous_trace = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(previous_trace)
    return False
