"""Interrupt a call between any two lines, as Ctrl-C would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def interrupted(
    call: Callable[[], object], line_number: int, counts: Callable[[str], bool]
) -> BaseException | None:
    """
    Interrupt a call before it executes its nth line, and return the error that it raises, if any.

    ``counts`` takes the path of a module, and returns whether its lines are counted.
    """
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not counts(frame.f_code.co_filename):
            return None
        lines += event == "line"
        if lines == line_number:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    previous_trace = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except BaseException as error:  # noqa: BLE001  the interrupt, or the error that the call raises instead
        return error
    finally:
        sys.settrace(previous_trace)
    return None
