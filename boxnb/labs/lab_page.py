"""A lab as HTML: the page that its widget shows."""

from __future__ import annotations

import inspect
import json
import textwrap
from datetime import UTC, datetime
from typing import Protocol

from boxnb.labs.display import escaped
from boxnb.labs.exercise import SHORT_RUN, Choice, Exercise, Stage
from boxnb.labs.trace import diagram
from boxnb.labs.trace.exchange import Exchange

STEPS: tuple[tuple[Stage, str], ...] = (
    ("predict", "Predict"),
    ("run", "Run and see"),
    ("explain", "Explain"),
    ("passed", "Checked"),
)

START_OVER = '<button type="button" data-send="reset" data-key="reset">Start over</button>'
CURRENT_STEP, PAST_STEP = ' aria-current="step"', ' class="bl-past"'


class LabState(Protocol):
    """The attributes of a :class:`boxnb.labs.lab.Lab` that the page shows; the docstring of ``Lab`` describes them."""

    exercise: Exercise
    stage: Stage
    prediction: int | None
    explanation: int | None
    busy: bool
    problem: str
    found: str
    said: list[str]
    exchanges: list[Exchange]
    passed_at: float | None

    @property
    def following(self) -> Exercise | None:
        """The next lab of the same lesson."""
        ...


def page(lab: LabState) -> str:
    """Return the lab as HTML; ``data-send`` on a button names the message that a click sends."""
    exercise = lab.exercise
    current = [name for name, _ in STEPS].index(lab.stage)
    past_count = len(STEPS) if lab.stage == "passed" else current
    steps = "".join(
        f"<li{CURRENT_STEP if number == current else ''}{PAST_STEP if number < past_count else ''}>{label}</li>"
        for number, (_, label) in enumerate(STEPS)
    )
    if lab.stage == "passed" and lab.prediction is None:
        middle = _passed_earlier(lab)
    else:
        middle = [*_prediction_part(lab), *_run_part(lab), *_explanation_part(lab)]
    parts = [
        f'<section class="bl-page bl-card" aria-label="Lab: {escaped(exercise.title)}" data-lab="{exercise.name}">',
        f"<h3>{escaped(exercise.title)}</h3><ol class='bl-steps'>{steps}</ol><p>{escaped(exercise.story)}</p>",
        *middle,
        "</section>",
    ]
    return "".join(parts)


def _passed_earlier(lab: LabState) -> list[str]:
    """Return what a lab shows that was passed before: when, the way to do it again, and the next lab."""
    when = datetime.fromtimestamp(lab.passed_at or 0, UTC)
    return [
        f'<p role="status"><span class="bl-yes">You passed this lab</span> on {when:%Y-%m-%d at %H:%M} UTC.</p>',
        '<p><button type="button" data-send="reset" data-key="reset">Do it again</button></p>',
        _next_lab(lab),
    ]


def _next_lab(lab: LabState) -> str:
    """Return the name of the next lab, and a button that `live_view.js` shows while the lab's card is in the notebook."""
    if lab.following is None:
        return '<p class="bl-soft">You have passed every lab of this lesson.</p>'
    following = lab.following
    return (
        f"<p>Next in this lesson: <b>{escaped(following.title)}</b>, "
        f"<code>lab({escaped(json.dumps(following.name))})</code>. "
        f'<button type="button" hidden data-goto="{following.name}" data-key="next">Go to it</button></p>'
    )


def _choice_buttons(
    action: str, choices: tuple[Choice, ...], chosen: int | None, *, disabled: bool = False
) -> str:
    return "".join(
        f'<button type="button" class="bl-choice" data-send="{action}" data-value="{number}" data-key="{action}-{number}"'
        f'{" disabled" if disabled else ""} aria-pressed="{"true" if number == chosen else "false"}"'
        f"{' data-next' if number == 0 else ''}>{escaped(choice.words)}</button>"
        for number, choice in enumerate(choices)
    )


def _prediction_part(lab: LabState) -> list[str]:
    exercise = lab.exercise
    if lab.prediction is None:
        return [
            f"<h4>{escaped(exercise.question)}</h4>",
            _choice_buttons("predict", exercise.predictions, None),
        ]
    prediction = exercise.predictions[lab.prediction].words
    return [f"<h4>{escaped(exercise.question)}</h4>", f"<p>You predicted: {escaped(prediction)}</p>"]


def _run_part(lab: LabState) -> list[str]:
    if lab.prediction is None:
        return []
    exercise = lab.exercise
    label = _run_label(lab)
    disabled, focus = " disabled" if lab.busy else "", "" if lab.exchanges else " data-next"
    code = textwrap.dedent(inspect.getsource(exercise.act))
    parts = [
        f'<p><button type="button" class="bl-main" data-send="run" data-key="run"{disabled}{focus}>{label}</button>{START_OVER}</p>',
        f'<details data-key="code"><summary data-key="code-summary">What the button runs</summary><pre>{escaped(code)}</pre></details>',
    ]
    if lab.problem:
        parts.append(f'<p class="bl-verdict bl-no" role="alert">{escaped(lab.problem)}</p>')
    if lab.exchanges:
        reply = exercise.predictions[lab.prediction].reply
        right = lab.prediction == exercise.right_prediction
        outcomes = "".join(f"<li>{escaped(sentence)}</li>" for sentence in lab.said)
        parts += [
            "<h4>What happened</h4>",
            f"<p>{escaped(exercise.happened)}</p>" if lab.found else "",
            f'<ul class="bl-outcomes">{outcomes}</ul>',
            f'<p role="status"><b>{"As you predicted." if right else "Not as you predicted."}</b> {escaped(reply)}</p>'
            if lab.found
            else "",
            f'<details data-key="trace"><summary data-key="trace-summary">Every request of this run, as a diagram</summary>{diagram.page(lab.exchanges, fold=True)}</details>',
        ]
    return parts


def _run_label(lab: LabState) -> str:
    """Return the text of the button that starts a run, with the seconds that a long run takes."""
    seconds = lab.exercise.seconds
    wait = f" (about {seconds} seconds)" if seconds > SHORT_RUN else ""
    if lab.busy:
        return f"Running…{wait}"
    return f"{'Run again' if lab.exchanges else 'Run it'}{wait}"


def _explanation_part(lab: LabState) -> list[str]:
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
        parts.append(_next_lab(lab))
    return parts
