"""What an error shows to whoever prints variables: ``%xmode Verbose``, rich, ``pytest -l``, error trackers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import requests

TESTS = Path(__file__).parent
STDLIB = re.compile(r"importlib|/(?:threading|queue)\.py$")
"""Where an interrupt may leave a lock of Python's own held for ever."""


def shown(error: BaseException) -> str:
    """Everything an error and the errors behind it hold: their words and attributes, and the variables of all calls."""
    texts: list[str] = []
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), *map(text_of, [*one.args, *vars(one).values()])]
        texts += [text_of(getattr(one, name, "")) for name in ("doc", "object", "request", "response")]
        trace = one.__traceback__
        while trace is not None:
            if TESTS not in Path(trace.tb_frame.f_code.co_filename).parents:  # a test knows its own secrets
                texts += map(text_of, trace.tb_frame.f_locals.values())
            trace = trace.tb_next
        behind = [one.__cause__, one.__context__, *one.args]
        waiting += [each for each in behind if isinstance(each, BaseException)]
    return "\n".join(texts)


def text_of(value: Any) -> str:
    """A value as a printer of variables shows it, and what requests' own objects hold."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  made by half only
        text = ""
    if isinstance(value, requests.PreparedRequest):
        text += f"{value.headers} {value.body!r} {value.url}"
    if isinstance(value, requests.Response):
        text += f"{value.text}" + (text_of(value.request) if value.request is not None else "")
    if hasattr(value, "password") and hasattr(value, "__dict__"):  # a mail connection
        text += repr(vars(value))
    return text


def interrupted_at(moment: int, call: Callable[[], object], own: str) -> BaseException | None:
    """Press Interrupt while line number ``moment`` of all that a call runs is about to run; what it raised, if anything.

    Lines of the test's own file and of Python's locks are not counted.
    """
    count = 0

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename in (own, __file__) or STDLIB.search(frame.f_code.co_filename):
            return None
        if event == "line":
            count += 1
            if count == moment:
                sys.settrace(None)
                raise KeyboardInterrupt
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        call()
    except BaseException as error:  # noqa: BLE001  the interrupt, or what the call made of it
        return error
    finally:
        sys.settrace(before)
    return None


def leaked(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """The secrets, of which not even the first half may be shown."""
    text = shown(error)
    return [secret for secret in secrets if secret[: len(secret) // 2] in text]
