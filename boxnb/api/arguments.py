"""Arguments as people give them: text, choices, truths and paths, checked before anything is sent."""

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


_LETTERS = 60
"""Characters of a wrong argument that a sentence repeats."""


def text(given: Any, argument: str) -> str:
    """The text that an argument means; a whole number is taken for its digits.

    Raises
    ------
    ArgumentError
        It is something else, or cannot be sent as UTF-8.
    """
    if isinstance(given, numbers.Integral) and not isinstance(given, bool | np.bool):
        return str(int(given))
    if not isinstance(given, str):
        raise ArgumentError(f"{argument} takes text, not {shown(given)}.")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ArgumentError(
            f"{argument} has a character that is only half of one, so it cannot be sent as UTF-8. Write it again."
        ) from None
    return str(given)


def text_or_none(given: Any, argument: str) -> str | None:
    """As :func:`text`; ``None`` where nothing was given."""
    return None if given is None else text(given, argument)


def choice(given: Any, argument: str, choices: Iterable[str]) -> str:
    """One of a few words.

    Raises
    ------
    ArgumentError
        It is another word, or not a word.
    """
    known = tuple(choices)
    if not isinstance(given, str) or given not in known:
        *most, last = map(repr, known)
        raise ArgumentError(f"{argument} takes {', '.join(most)} or {last}, not {shown(given)}.")
    return str(given)


def truth(given: Any, argument: str) -> bool:
    """True or False and nothing like them: the word "no" is true for Python.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    if isinstance(given, bool | np.bool):
        return bool(given)
    raise ArgumentError(f"{argument} takes True or False, not {shown(given)}.")


def local_path(given: Any, argument: str) -> Path:
    """A path of this computer, with ``~`` for the home folder.

    Raises
    ------
    ArgumentError
        It is not a path.
    """
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    if not isinstance(path, str):
        raise ArgumentError(f"{argument} takes the path of a file or folder, not {shown(given)}.")
    if not path or "\0" in path:
        raise ArgumentError(f"{argument}={shown(path)} is not the path of a file or folder.")
    try:
        os.fsencode(path)
        return Path(path).expanduser()
    except UnicodeEncodeError:
        raise ArgumentError(f"{argument} has a letter that this computer cannot write in a path.") from None
    except RuntimeError:
        raise ArgumentError(f"{argument}={shown(path)} is in the home folder of an unknown user.") from None


def function(given: Callable[..., Any] | None, argument: str) -> None:
    """Refuse what cannot be called, before it would be.

    Raises
    ------
    ArgumentError
        It is neither a function nor ``None``.
    """
    if given is not None and not callable(given):
        raise ArgumentError(f"{argument} takes a function, not {shown(given)}.")


def query(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call as Box reads them: lists with commas, truths in small letters; ``None`` is left out.

    Raises
    ------
    ArgumentError
        One of them is neither text, nor a number, nor several of these.
    """
    return {name: _parameter(value, name) for name, value in params.items() if value is not None}


def _parameter(given: Any, name: str) -> str:
    several = isinstance(given, list | tuple | set | frozenset | pd.Series | pd.Index | np.ndarray)
    if several and getattr(given, "ndim", 1) == 1:
        return ",".join(_parameter(each, f"each of {name}") for each in given)
    if isinstance(given, bool | np.bool):
        return str(given).lower()
    if isinstance(given, float | np.floating) and np.isfinite(given):
        return str(int(given)) if float(given).is_integer() else str(float(given))
    if isinstance(given, str | numbers.Integral):
        return text(given, name)
    raise ArgumentError(f"{name} takes text or a number, not {shown(given)}.")


def shown(given: Any) -> str:
    """A wrong argument in a sentence: short values as they are, others by their kind."""
    if isinstance(given, str):
        return repr(given if len(given) <= _LETTERS else f"{given[:_LETTERS]}...")
    if given is None or isinstance(given, bool | float) or (isinstance(given, int) and abs(given) < 10**20):
        return repr(given)
    return f"a value of type {type(given).__name__}"
