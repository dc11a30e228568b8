"""Lessons about OAuth2: a private sandbox, a trace of every request, a timeline of codes and tokens, and labs.

::

    practice = labs.practice("sandbox")   # a private sandbox and folder of profiles for this notebook
    practice.trace                        # every request, as a sequence diagram
    practice.timeline                     # how long each code and token lives
    labs.lab("code-used-twice")           # predict, run, explain; checked against the sandbox's record

`exercise` describes a lab's question and evidence, and `exercises` contains one exercise for each lab. `lab` runs an
exercise and decides when it is passed. `passed_labs` saves which labs are passed, and `practice_record` shows them.
`practice` is a lesson's private sandbox.
No other package of boxnb imports this one.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from boxnb.labs.catalogue import EXERCISES, lab, laboratory
from boxnb.labs.drawings import flow_picture, where_the_password_goes
from boxnb.labs.exercise import Exercise
from boxnb.labs.lab import Lab
from boxnb.labs.other_server import Elsewhere, elsewhere
from boxnb.labs.practice import Practice, practice
from boxnb.labs.practice_record import certificate as certificate
from boxnb.labs.practice_record import progress, record_of_practice
from boxnb.labs.practice_record import table as passed
from boxnb.labs.timeline import Timeline
from boxnb.labs.trace.fingerprints import addresses
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
    "addresses",
    "elsewhere",
    "flow_picture",
    "lab",
    "laboratory",
    "passed",
    "practice",
    "progress",
    "record_of_practice",
    "where_the_password_goes",
]


def __getattr__(name: str) -> ModuleType:
    """Import ``slides`` on first use, because it needs the packages that run a notebook."""
    if name != "slides":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), "slides"})
