"""All labs, in the order of the notebooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from boxnb.labs.exercise import Exercise
from boxnb.labs.exercises.api import API_LABS
from boxnb.labs.exercises.codes import CODE_LABS
from boxnb.labs.exercises.theft import THEFT_LABS
from boxnb.labs.exercises.tokens import TOKEN_LABS
from boxnb.labs.lab import Lab
from boxnb.labs.practice import check

EXERCISES: Final[dict[str, Exercise]] = {
    each.name: each
    for each in sorted((*CODE_LABS, *TOKEN_LABS, *API_LABS, *THEFT_LABS), key=lambda each: each.notebook)
}


def lab(name: str) -> Lab:
    """A fresh lab by its name, such as ``"code-too-late"``.

    Raises
    ------
    ValueError
        No lab has this name; the message lists those there are.
    """
    if name not in EXERCISES:
        raise ValueError(f"There is no lab {name!r}; there are: {', '.join(EXERCISES)}.")
    return Lab(EXERCISES[name])


def laboratory(profile: str) -> Callable[[str], Lab]:
    """Where labs are fetched by name; only ``"sandbox"`` has one.

    Raises
    ------
    ValueError
        ``profile`` is another.
    """
    check(profile)
    return lab
