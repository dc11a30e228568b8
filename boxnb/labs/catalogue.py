"""All labs, in the order of the notebooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final

from boxnb.labs import passed_labs
from boxnb.labs.exercise import Exercise
from boxnb.labs.exercises.api import API_LABS
from boxnb.labs.exercises.attacks import ATTACK_LABS
from boxnb.labs.exercises.codes import CODE_LABS
from boxnb.labs.exercises.theft import THEFT_LABS
from boxnb.labs.exercises.tokens import TOKEN_LABS
from boxnb.labs.lab import Lab
from boxnb.labs.practice import require_sandbox

EXERCISES: Final[dict[str, Exercise]] = {
    exercise.name: exercise
    for exercise in sorted(
        (*CODE_LABS, *TOKEN_LABS, *API_LABS, *ATTACK_LABS, *THEFT_LABS),
        key=lambda exercise: exercise.notebook,
    )
}


def lab(name: str) -> Lab:
    """Return a new lab by its name, such as ``"code-used-twice"``.

    .. deprecated:: 1.0
        Names that labs had before 1.0 (``passed_labs.RENAMED``) warn, and go in 2.0. Progress saved under them stays.

    Raises
    ------
    ValueError
        No lab has this name; the message lists all names.
    """
    if name in passed_labs.RENAMED:
        older, name = name, passed_labs.RENAMED[name]
        warnings.warn(
            f"The lab {older!r} is now called {name!r}. The older name goes in boxnb 2.0.",
            FutureWarning,
            stacklevel=2,
        )
    if name not in EXERCISES:
        raise ValueError(f"There is no lab named {name!r}. Choose one of: {', '.join(EXERCISES)}.")
    lesson = [exercise for exercise in EXERCISES.values() if exercise.notebook == EXERCISES[name].notebook]
    return Lab(EXERCISES[name], lesson)


def laboratory(profile: str) -> Callable[[str], Lab]:
    """Return :func:`lab`, which opens a lab by its name. The only profile accepted is ``"sandbox"``.

    Raises
    ------
    ValueError
        ``profile`` is not ``"sandbox"``.
    """
    require_sandbox(profile)
    return lab
