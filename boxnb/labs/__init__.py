"""Teaching: a practice Box of one's own, a trace that can be seen, lifetimes on an axis, labs with checks.

::

    practice = labs.practice("sandbox")   # a sandbox and a folder of profiles, for this notebook alone
    practice.trace                        # every request, drawn
    practice.timeline                     # how long everything lives
    labs.lab("code-too-late")             # predict, run, see, explain, checked
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from boxnb.labs.elsewhere import Elsewhere, elsewhere
from boxnb.labs.exercises import EXERCISES, lab, laboratory
from boxnb.labs.ground import Practice, practice
from boxnb.labs.lab import Exercise, Lab
from boxnb.labs.learner import certificate
from boxnb.labs.learner import shown as progress
from boxnb.labs.learner import table as passed
from boxnb.labs.pictures import where_the_password_goes
from boxnb.labs.timeline import Timeline
from boxnb.labs.trace import Trace

if TYPE_CHECKING:
    from boxnb.labs import slides as slides

__all__ = [
    "EXERCISES",
    "Elsewhere",
    "Exercise",
    "Lab",
    "Practice",
    "Timeline",
    "Trace",
    "certificate",
    "elsewhere",
    "lab",
    "laboratory",
    "passed",
    "practice",
    "progress",
    "where_the_password_goes",
]


def __getattr__(name: str) -> ModuleType:
    """Load the slides when they are first used: they need what runs a notebook."""
    if name != "slides":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), "slides"})
