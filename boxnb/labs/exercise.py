"""The exercise behind a lab: its question, its answers, what it runs, and what the sandbox's record must show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from boxnb.labs.practice import Practice

Stage = Literal["predict", "run", "explain", "passed"]
"""The next step of a lab, or ``"passed"``."""

Record = list[dict[str, Any]]
"""What :meth:`boxnb.sandbox.Sandbox.record` returns: each request the sandbox received, oldest first."""

SHORT_RUN = 5
"""A learner waits for this many seconds without being told beforehand."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """One possible answer: its text, and the reply to a learner who chooses it."""

    words: str
    reply: str


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One failure of the flow, with everything that its lab shows, runs and checks.

    Attributes
    ----------
    act : callable
        Causes the failure in a :class:`Practice`, then repairs it. The lab shows its source code.
    evidence : callable
        Takes the sandbox's record. Returns a sentence that says what happened, or an empty string if the
        record does not show the failure.
    happened : str
        What the run does, in two to four sentences. The lab shows it after the run, and only then.
    predictions, explanations : tuple of Choice
        The choices that the lab offers.
    right_prediction, right_explanation : int
        The positions of the correct choices.
    seconds : int
        How long the run takes. The button says it where it is more than 5.
    """

    name: str
    title: str
    story: str
    question: str
    predictions: tuple[Choice, ...]
    right_prediction: int
    act: Callable[[Practice], None]
    evidence: Callable[[Record], str]
    happened: str
    why: str
    explanations: tuple[Choice, ...]
    right_explanation: int
    rule: str
    notebook: str = "03-break-it"
    rotation: str = "grace"
    seconds: int = 2
