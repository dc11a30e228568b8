"""A lab: the learner predicts a failure, runs it, and explains it; the sandbox's record proves that it happened.

Clicks alone prove nothing. To pass a lab, a learner predicts, runs and explains the failure. The explanation must be
right, and the record of the lab's private sandbox must show the failure.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

from boxnb.errors import TokenStoreError
from boxnb.labs import lab_page, passed_labs
from boxnb.labs.display import live
from boxnb.labs.exercise import Exercise, Record, Stage
from boxnb.labs.practice import Practice
from boxnb.labs.trace.exchange import Exchange


class Lab:
    """One learner's progress through one exercise; displayed as a widget, but usable without one.

    Attributes
    ----------
    stage : {"predict", "run", "explain", "passed"}
        The next step, or ``"passed"``.
    said : list of str
        The outcome of each attempt in the last run, one sentence each.
    exchanges : list of Exchange
        The trace of the last run.
    found : str
        A sentence that says what the sandbox's record proves; empty if the record does not show the failure.
    passed_at : float or None
        When the lab was first passed, in seconds since the epoch, perhaps in an earlier kernel.
    """

    def __init__(self, exercise: Exercise, lesson: Sequence[Exercise] = ()) -> None:
        """Show the lab's question, or when it was passed. ``lesson`` contains the labs of its notebook, in order."""
        self.exercise = exercise
        self._lesson = lesson
        self.watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._view: Any = None
        self.stage: Stage = "predict"
        self._clear()
        self.passed_at = passed_labs.load().get(exercise.name)
        if self.passed_at is not None:
            self.stage = "passed"

    def _clear(self) -> None:
        self.stage = "predict"
        self.prediction: int | None = None
        self.explanation: int | None = None
        self.busy = False
        self.problem = ""
        self.found = ""
        self.said: list[str] = []
        self.exchanges: list[Exchange] = []

    def __repr__(self) -> str:
        return f"Lab {self.exercise.name!r}: {self.exercise.title}. Stage: {self.stage}."

    def _changed(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def predict(self, choice: int) -> None:
        """Predict what will happen. Only the very first choice is saved, right or wrong, also if the lab is done again."""
        if self.stage == "predict" and 0 <= choice < len(self.exercise.predictions):
            self.prediction, self.stage = choice, "run"
            with contextlib.suppress(OSError, TokenStoreError):  # without a record of it, the lab still works
                passed_labs.begin(self.exercise.name, right=choice == self.exercise.right_prediction)
            self._changed()

    def run(self, act: Callable[[Practice], None] | None = None) -> None:
        """Cause the failure in a new sandbox, then check that sandbox's record.

        Parameters
        ----------
        act : callable, optional
            Your own function to cause the failure instead of the lab's. It takes a :class:`Practice`.
        """
        if self.prediction is None or not self._lock.acquire(blocking=False):
            return
        try:
            self.busy, self.problem = True, ""
            self._changed()
            with Practice(rotation=self.exercise.rotation) as practice:
                (act or self.exercise.act)(practice)
                record = practice.sandbox.record()
                self.said, self.exchanges = practice.said, practice.trace.exchanges
            self.check_record(record)
        except Exception as error:  # noqa: BLE001  a learner's own program may raise anything
            self.stage = "run"
            self.problem = f"The run ended early. {type(error).__name__}: {error}"
        finally:
            self.busy = False
            self._lock.release()
            self._changed()

    def check_record(self, record: Record) -> None:
        """Check a record, and go on to the explanation only if the record shows the failure."""
        self.found = self.exercise.evidence(record)
        if not self.found:
            self.stage, self.explanation = "run", None
            self.problem = (
                "The sandbox's record does not show this failure, so there is nothing to explain yet. "
                "Run the lab again."
            )
        elif self.stage == "run":
            self.stage = "explain"

    def explain(self, choice: int) -> None:
        """Choose why it happened. A wrong choice gets a reply and can be changed."""
        if self.stage != "explain" or not 0 <= choice < len(self.exercise.explanations):
            return
        self.explanation = choice
        if choice == self.exercise.right_explanation and self.found:
            self.stage = "passed"
            passed_labs.mark_passed(self.exercise.name)
            self.passed_at = passed_labs.load().get(self.exercise.name)
        self._changed()

    @property
    def following(self) -> Exercise | None:
        """The next lab of the same lesson that is not passed yet; after the last one, the first that was left out."""
        names = [exercise.name for exercise in self._lesson]
        position = names.index(self.exercise.name) if self.exercise.name in names else 0
        passed = passed_labs.load()
        others = [*self._lesson[position + 1 :], *self._lesson[:position]]
        return next((exercise for exercise in others if exercise.name not in passed), None)

    def reset(self) -> None:
        """Start over. A lab that was passed stays passed."""
        if not self.busy:
            self._clear()
            self._changed()

    def _on_click(self, action: str, value: int) -> None:
        match action:
            case "predict":
                self.predict(value)
            case "run":
                self.run()
            case "explain":
                self.explain(value)
            case "reset":
                self.reset()

    def displayed(self) -> dict[str, Any]:
        """Return what the widget shows, as data."""
        return {"lab": self.exercise.name, "stage": self.stage, "busy": self.busy, "found": self.found}

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._view is None:
            self._view = live(
                self, lambda: lab_page.page(self), on_message=self._on_click, describe=self.displayed
            )
        return self._view._repr_mimebundle_(**options)
