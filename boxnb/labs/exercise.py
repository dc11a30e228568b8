"""One exercise of a lab: its question, its answers, what it does and how the sandbox's record proves it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from boxnb.labs.practice import Practice

Record = list[dict[str, Any]]
"""What :meth:`boxnb.sandbox.Sandbox.record` gives: each request the sandbox saw, oldest first."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """One answer: its words, and what is said to whoever chose it."""

    words: str
    reply: str


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One failure of the flow.

    Attributes
    ----------
    act : callable
        Makes it happen in a :class:`Practice`, then repairs it.
    evidence : callable
        Reads the sandbox's record: a sentence saying what was seen, or empty when the failure is not there.
    predictions, explanations : tuple of Choice
        ``right_prediction`` and ``right_explanation`` are their positions.
    """

    name: str
    title: str
    story: str
    question: str
    predictions: tuple[Choice, ...]
    right_prediction: int
    act: Callable[[Practice], None]
    evidence: Callable[[Record], str]
    why: str
    explanations: tuple[Choice, ...]
    right_explanation: int
    rule: str
    notebook: str = "03-break-it"
    rotation: str = "grace"
