"""A lab: the learner predicts a failure, runs it, and explains it; the sandbox's record proves that it happened.

Clicks alone prove nothing. A learner passes a lab when the record of its private sandbox shows the failure, after
a prediction was made and the right explanation chosen.
"""

from __future__ import annotations

import inspect
import textwrap
import threading
from collections.abc import Callable
from typing import Any, Literal

from boxnb.labs import passed_labs
from boxnb.labs.display import escaped, live
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.practice import Practice
from boxnb.labs.trace import diagram
from boxnb.labs.trace.exchange import Exchange

Stage = Literal["predict", "run", "explain", "passed"]
STEPS = (
    ("predict", "Predict"),
    ("run", "Run and see"),
    ("explain", "Explain"),
    ("passed", "Checked"),
)

START_OVER = '<button type="button" data-send="reset" data-key="reset">Start over</button>'
CURRENT_STEP, PAST_STEP = ' aria-current="step"', ' class="bl-past"'


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
        What the sandbox's record proves; empty if it does not show the failure.
    """

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self.watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._view: Any = None
        self._clear()

    def _clear(self) -> None:
        self.stage: Stage = "predict"
        self.prediction: int | None = None
        self.explanation: int | None = None
        self.busy = False
        self.trouble = ""
        self.found = ""
        self.said: list[str] = []
        self.exchanges: list[Exchange] = []

    def __repr__(self) -> str:
        return f"Lab {self.exercise.name!r}: {self.exercise.title}. Stage: {self.stage}."

    def _changed(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def predict(self, choice: int) -> None:
        """Choose what will happen. The first choice counts, right or wrong."""
        if self.stage == "predict" and 0 <= choice < len(self.exercise.predictions):
            self.prediction, self.stage = choice, "run"
            self._changed()

    def run(self, act: Callable[[Practice], None] | None = None) -> None:
        """Cause the failure in a new sandbox, then check that sandbox's record.

        Parameters
        ----------
        act : callable, optional
            Your own program to cause the failure, in place of the lab's; it takes a :class:`Practice`.
        """
        if self.stage == "predict" or not self._lock.acquire(blocking=False):
            return
        try:
            self.busy, self.trouble = True, ""
            self._changed()
            with Practice(rotation=self.exercise.rotation) as practice:
                (act or self.exercise.act)(practice)
                record = practice.sandbox.record()
                self.said, self.exchanges = practice.said, practice.trace.exchanges
            self.check_record(record)
        except Exception as error:  # noqa: BLE001  a learner's own program may raise anything
            self.stage = "run"
            self.trouble = f"The run ended early. {type(error).__name__}: {error}"
        finally:
            self.busy = False
            self._lock.release()
            self._changed()

    def check_record(self, record: Record) -> None:
        """Check a record, and move on to the explanation only if it shows the failure."""
        self.found = self.exercise.evidence(record)
        if not self.found:
            self.stage, self.explanation = "run", None
            self.trouble = (
                "The sandbox's record does not show this failure, so there is nothing to explain yet. "
                "Run it again."
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
        self._changed()

    def reset(self) -> None:
        """Start over. A lab that was passed stays passed."""
        if not self.busy:
            self._clear()
            self._changed()

    # ---- display ----

    def _on_click(self, kind: str, value: int) -> None:
        match kind:
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
            self._view = live(self, lambda: page(self), on_message=self._on_click, describe=self.displayed)
        return self._view._repr_mimebundle_(**options)


def page(lab: Lab) -> str:
    """Return the lab as HTML; ``data-send`` on a button names the message that a click sends."""
    exercise = lab.exercise
    current = [name for name, _ in STEPS].index(lab.stage)
    done = len(STEPS) if lab.stage == "passed" else current
    steps = "".join(
        f"<li{CURRENT_STEP if number == current else ''}{PAST_STEP if number < done else ''}>{label}</li>"
        for number, (_, label) in enumerate(STEPS)
    )
    parts = [
        f'<section class="bl-page bl-card" aria-label="Lab: {escaped(exercise.title)}" data-lab="{exercise.name}">',
        f"<h3>{escaped(exercise.title)}</h3><ol class='bl-steps'>{steps}</ol><p>{escaped(exercise.story)}</p>",
        *_prediction_part(lab),
        *_run_part(lab),
        *_explanation_part(lab),
        "</section>",
    ]
    return "".join(parts)


def _choice_buttons(
    kind: str, choices: tuple[Choice, ...], chosen: int | None, *, disabled: bool = False
) -> str:
    return "".join(
        f'<button type="button" class="bl-choice" data-send="{kind}" data-value="{number}" data-key="{kind}-{number}"'
        f'{" disabled" if disabled else ""} aria-pressed="{"true" if number == chosen else "false"}"'
        f"{' data-next' if number == 0 else ''}>{escaped(choice.words)}</button>"
        for number, choice in enumerate(choices)
    )


def _prediction_part(lab: Lab) -> list[str]:
    exercise = lab.exercise
    if lab.prediction is None:
        return [
            f"<h4>{escaped(exercise.question)}</h4>",
            _choice_buttons("predict", exercise.predictions, None),
        ]
    prediction = exercise.predictions[lab.prediction].words
    return [f"<h4>{escaped(exercise.question)}</h4>", f"<p>You predicted: {escaped(prediction)}</p>"]


def _run_part(lab: Lab) -> list[str]:
    if lab.prediction is None:
        return []
    exercise = lab.exercise
    label = "Running…" if lab.busy else ("Run again" if lab.exchanges else "Run it")
    disabled, focus = " disabled" if lab.busy else "", "" if lab.exchanges else " data-next"
    code = textwrap.dedent(inspect.getsource(exercise.act))
    parts = [
        f'<p><button type="button" class="bl-main" data-send="run" data-key="run"{disabled}{focus}>{label}</button>{START_OVER}</p>',
        f'<details data-key="code"><summary data-key="code-summary">What the button runs</summary><pre>{escaped(code)}</pre></details>',
    ]
    if lab.trouble:
        parts.append(f'<p class="bl-verdict bl-no" role="alert">{escaped(lab.trouble)}</p>')
    if lab.exchanges:
        reply = exercise.predictions[lab.prediction].reply
        right = lab.prediction == exercise.right_prediction
        outcomes = "".join(f"<li>{escaped(sentence)}</li>" for sentence in lab.said)
        parts += [
            "<h4>What happened</h4>",
            f'<ul class="bl-outcomes">{outcomes}</ul>',
            f'<p role="status"><b>{"As you predicted." if right else "Not as you predicted."}</b> {escaped(reply)}</p>'
            if lab.found
            else "",
            f'<details data-key="trace"><summary data-key="trace-summary">Every request of this run, as a diagram</summary>{diagram.page(lab.exchanges)}</details>',
        ]
    return parts


def _explanation_part(lab: Lab) -> list[str]:
    exercise = lab.exercise
    if lab.stage not in ("explain", "passed"):
        return []
    parts = [
        f"<h4>{escaped(exercise.why)}</h4>",
        _choice_buttons("explain", exercise.explanations, lab.explanation, disabled=lab.stage == "passed"),
    ]
    if lab.explanation is not None:
        right = lab.explanation == exercise.right_explanation
        reply = exercise.explanations[lab.explanation].reply
        parts.append(
            f'<p class="bl-verdict{"" if right else " bl-no"}" role="status"><b>{"Right." if right else "Not quite."}</b> '
            f"{escaped(reply)}</p>"
        )
    if lab.stage == "passed":
        parts.append(
            f'<p role="status"><span class="bl-yes">Passed.</span> The sandbox\'s record shows it: {escaped(lab.found)} '
            f'<span class="bl-soft">Rule: {escaped(exercise.rule)}.</span></p>'
        )
    return parts
