"""Find the secrets that an error reveals to tools that print variables.

Such tools are ``%xmode Verbose``, rich, ``pytest -l`` and error trackers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import requests
from interrupting import interrupted

TESTS = Path(__file__).parents[1]
LOCKING = re.compile(r"importlib|/(?:threading|queue)\.py$|/filelock/")
"""Modules in which an interrupt could leave a lock of the whole process locked forever.

Python runs the line of a ``with`` statement once more when it ends, before it releases the lock.
"""


def visible_text(error: BaseException) -> str:
    """Return the messages, attributes and local variables of an error and of the errors that caused it."""
    parts: list[str] = []
    queue: list[BaseException] = [error]
    visited: set[int] = set()
    while queue:
        current = queue.pop()
        if id(current) in visited:
            continue
        visited.add(id(current))
        parts += [str(current), repr(current), *map(text_of, [*current.args, *vars(current).values()])]
        parts += [text_of(getattr(current, name, "")) for name in ("doc", "object", "request", "response")]
        trace = current.__traceback__
        while trace is not None:
            if TESTS not in Path(trace.tb_frame.f_code.co_filename).parents:  # a test knows its own secrets
                parts += map(text_of, trace.tb_frame.f_locals.values())
            trace = trace.tb_next
        related = [current.__cause__, current.__context__, *current.args]
        queue += [cause for cause in related if isinstance(cause, BaseException)]
    return "\n".join(parts)


def text_of(value: Any) -> str:
    """Return what a tool that prints variables shows for a value, including the contents of a request or response."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  the object may be incomplete
        text = ""
    if isinstance(value, requests.PreparedRequest):
        text += f"{value.headers} {value.body!r} {value.url}"
    if isinstance(value, requests.Response):
        text += f"{value.text}" + (text_of(value.request) if value.request is not None else "")
    if hasattr(value, "password") and hasattr(value, "__dict__"):  # a mail connection
        text += repr(vars(value))
    return text


def interrupt_at_line(line_number: int, call: Callable[[], object], own: str) -> BaseException | None:
    """Interrupt a call before it executes its nth line, and return the error that it raises, if any.

    Lines in ``own``, which is the test's file, and in modules with locks of the whole process are not counted.
    """
    return interrupted(
        call, line_number, lambda path: path not in (own, __file__) and not LOCKING.search(path)
    )


def leaked(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that an error reveals. Even the first half of a secret counts."""
    text = visible_text(error)
    return [secret for secret in secrets if secret[: len(secret) // 2] in text]
