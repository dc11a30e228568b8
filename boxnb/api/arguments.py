"""Check the arguments of calls before anything is sent: strings, choices, booleans and paths."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ArgumentError

TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}

_MAX_REPEATED = 60
"""The most characters of an invalid argument that a message quotes."""


def text(value: Any, argument: str) -> str:
    """Return an argument as a string; an integer becomes its digits.

    Raises
    ------
    ArgumentError
        The argument is neither a string nor an integer, or it cannot be encoded as UTF-8.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool):
        return str(int(value))
    if not isinstance(value, str):
        raise ArgumentError(f"{argument} takes text, not {described(value)}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{argument} contains a lone surrogate, which cannot be sent as UTF-8. Type the text again."
        ) from None
    return str(value)


def text_or_none(value: Any, argument: str) -> str | None:
    """Return ``None`` for ``None``; otherwise the same as :func:`text`."""
    return None if value is None else text(value, argument)


def choice(value: Any, argument: str, choices: Iterable[str]) -> str:
    """Return an argument that must be one of ``choices``.

    Raises
    ------
    ArgumentError
        The argument is not one of the choices.
    """
    options = tuple(choices)
    if not isinstance(value, str) or value not in options:
        *others, last = map(repr, options)
        raise ArgumentError(f"{argument} takes {', '.join(others)} or {last}, not {described(value)}.")
    return str(value)


def truth(value: Any, argument: str) -> bool:
    """Return a boolean argument. Truthy values are refused: Python treats even the string "no" as true.

    Raises
    ------
    ArgumentError
        The argument is neither True nor False.
    """
    if isinstance(value, bool | np.bool):
        return bool(value)
    raise ArgumentError(f"{argument} takes True or False, not {described(value)}.")


def local_path(value: Any, argument: str) -> Path:
    """Return a path on this computer, with ``~`` replaced by the home folder.

    Raises
    ------
    ArgumentError
        The argument is not a path.
    """
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(path, str):
        raise ArgumentError(f"{argument} takes the path of a file or folder, not {described(value)}.")
    if not path or "\0" in path:
        raise ArgumentError(f"{argument}={described(path)} is not the path of a file or folder.")
    try:
        os.fsencode(path)
        return Path(path).expanduser()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{argument} contains a character that is not allowed in paths on this computer."
        ) from None
    except RuntimeError:
        raise ArgumentError(
            f"{argument}={described(path)} refers to the home folder of an unknown user."
        ) from None


def function(value: Callable[..., Any] | None, argument: str) -> None:
    """Refuse an argument that is neither a function nor ``None``, before any work is done.

    Raises
    ------
    ArgumentError
        The argument is not callable.
    """
    if value is not None and not callable(value):
        raise ArgumentError(f"{argument} takes a function, not {described(value)}.")


def query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query parameters of a call as Box expects them.

    Lists are joined with commas, booleans are lower case, and ``None`` is left out.

    Raises
    ------
    ArgumentError
        A parameter is not a string, a number, a boolean or a list of these.
    """
    return {name: _parameter(value, name) for name, value in params.items() if value is not None}


def _parameter(value: Any, name: str) -> str:
    is_list = isinstance(value, list | tuple | set | frozenset | pd.Series | pd.Index | np.ndarray)
    if is_list and getattr(value, "ndim", 1) == 1:
        return ",".join(_parameter(element, f"each of {name}") for element in value)
    if isinstance(value, bool | np.bool):
        return str(value).lower()
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return str(int(value)) if float(value).is_integer() else str(float(value))
    if isinstance(value, str | numbers.Integral):
        return text(value, name)
    raise ArgumentError(f"{name} takes text or a number, not {described(value)}.")


def described(value: Any) -> str:
    """Describe an invalid argument for a message: its value if that is short, otherwise its type."""
    if isinstance(value, str):
        return repr(value if len(value) <= _MAX_REPEATED else f"{value[:_MAX_REPEATED]}...")
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 10**20):
        return repr(value)
    return f"a value of type {type(value).__name__}"
