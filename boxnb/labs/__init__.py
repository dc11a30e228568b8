"""Teaching: a practice Box of one's own, a trace that can be seen, lifetimes on an axis, labs with checks.

::

    practice = labs.practice("sandbox")   # a sandbox and a folder of profiles, for this notebook alone
    practice.trace                        # every request, drawn
    practice.timeline                     # how long everything lives
    labs.lab("code-too-late")             # predict, run, see, explain, checked
"""

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
