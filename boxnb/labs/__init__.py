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

from boxnb.labs.catalogue import EXERCISES, lab, laboratory
from boxnb.labs.certificates import certificate
from boxnb.labs.certificates import shown as progress
from boxnb.labs.certificates import table as passed
from boxnb.labs.exercise import Exercise
from boxnb.labs.lab import Lab
from boxnb.labs.other_server import Elsewhere, elsewhere
from boxnb.labs.password_drawing import where_the_password_goes
from boxnb.labs.practice import Practice, practice
from boxnb.labs.timeline import Timeline
from boxnb.labs.trace.trace import Trace

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
