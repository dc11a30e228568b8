"""The learner's progress: a table of all labs, one line for the start notebook, and a record of practice to print."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from boxnb.labs import passed_labs
from boxnb.labs.catalogue import EXERCISES
from boxnb.labs.display import Still, escaped
from boxnb.labs.passed_labs import Entry


def table() -> pd.DataFrame:
    """Return every lab, when it was passed, and how.

    Returns
    -------
    DataFrame
        ``title``, ``notebook`` (str), ``passed`` (bool), ``passed_at`` (UTC), ``first_guess_right`` (boolean) and
        ``seconds`` (Float64) from the first click to the pass, both missing if unknown; indexed by ``lab``.
    """
    entries = passed_labs.entries()
    rows = []
    for exercise in EXERCISES.values():
        entry = entries.get(exercise.name, Entry())
        passed = entry.passed_at is not None
        row = (exercise.name, exercise.title, exercise.notebook, passed, entry.passed_at)
        rows.append((*row, entry.first_guess_right if passed else None, entry.seconds))
    columns = ["lab", "title", "notebook", "passed", "passed_at", "first_guess_right", "seconds"]
    frame = pd.DataFrame(rows, columns=columns).set_index("lab")
    frame["passed_at"] = pd.to_datetime(frame["passed_at"], unit="s", utc=True).dt.round("s")
    return frame.astype({"first_guess_right": "boolean", "seconds": "Float64"})


def _passed(entries: dict[str, Entry]) -> list[Entry]:
    """Return the entries of the labs that were passed; a lab of another version of boxnb does not count."""
    return [entry for name, entry in entries.items() if entry.passed_at is not None and name in EXERCISES]


def _guesses(entries: Iterable[Entry]) -> str:
    """Return how many first guesses were right, of those that are known; empty if none is known."""
    known = [entry.first_guess_right for entry in entries if entry.first_guess_right is not None]
    return f"{sum(known)} of {len(known)}" if known else ""


def _total_time(entries: Iterable[Entry]) -> str:
    """Return the time from the first click to the pass, added up; empty if it is not known of any lab."""
    known = [entry.seconds for entry in entries if entry.seconds is not None]
    return time_text(sum(known)) if known else ""


def time_text(seconds: float) -> str:
    """Return a span of time as people write it: ``45 s``, ``12 min``, ``3 h 5 min``, ``4 days``."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{round(minutes / 1440)} days"


def _so_far(entries: list[Entry]) -> str:
    """Return the first guesses and the time as sentences, as far as they are known."""
    guesses, spent = _guesses(entries), _total_time(entries)
    sentences = [f"First guess right: {guesses}."] if guesses else []
    sentences += [f"Time: {spent}."] if spent else []
    return " ".join(sentences)


def progress() -> Still:
    """Return one line for the start notebook: the labs passed, the first guesses, the time, and the next lab."""
    entries = passed_labs.entries()
    passed = _passed(entries)
    remaining = [
        exercise for name, exercise in EXERCISES.items() if entries.get(name, Entry()).passed_at is None
    ]
    text = f"Labs passed: {len(passed)} of {len(EXERCISES)}. {_so_far(passed)}".rstrip()
    if remaining:
        text += f" Next: {remaining[0].title}, in 3-teach/{remaining[0].notebook}.ipynb."
    share = len(passed) / len(EXERCISES)
    inner = (
        f'<div class="bl-page"><p>{escaped(text)}</p><svg viewBox="0 0 400 12" width="400" role="img" '
        f'aria-label="{escaped(text)}"><rect width="400" height="12" rx="6" fill="var(--bl-line)"/>'
        f'<rect width="{400 * share:.0f}" height="12" rx="6" fill="var(--bl-good)"/></svg></div>'
    )
    return Still(inner, text)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 46rem; margin: 3rem auto; padding: 0 1.5rem; font: 16px/1.5 system-ui, sans-serif; }}
table {{ border-collapse: collapse; width: 100%; }} th, td {{ text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #8888; }}
@media print {{ body {{ margin: 0; font-size: 12px; }} }}
</style></head><body><h1>{title}</h1>
<p><strong>{learner}</strong> passed {count} of {total} labs about the OAuth2 authorization-code flow. {so_far}</p>
<p>Each lab asks for a prediction, causes a failure in a sandbox, and is checked against the sandbox's own record.
The first guess is the very first prediction. The time runs from the first click to the pass, breaks included.</p>
<table><thead><tr><th scope="col">Lab</th><th scope="col">First guess</th><th scope="col">Time</th>
<th scope="col">Passed (UTC)</th></tr></thead><tbody>{rows}</tbody></table>
<p><small>Not signed or verified. Made on the learner's computer for the trainer's information.</small></p>
</body></html>
"""


def record_of_practice(learner: str, path: str | Path = "record-of-practice.html") -> Path:
    """Write an HTML page that shows a trainer which labs the learner passed, when, and how.

    Parameters
    ----------
    learner : str
        The name to print; any string is allowed.
    path : path
        The HTML file to write.

    Raises
    ------
    ValueError
        No lab has been passed yet.
    """
    frame = table()
    passed = frame[frame["passed"]].sort_values("passed_at")
    if passed.empty:
        raise ValueError("No lab has been passed yet. Open 3-teach/03-break-it.ipynb and pass one.")
    entries = passed_labs.entries()
    rows = "".join(
        f"<tr><td>{escaped(row.title)}</td><td>{_guess_text(entries[str(row.Index)])}</td>"
        f"<td>{_total_time([entries[str(row.Index)]])}</td><td>{row.passed_at:%Y-%m-%d %H:%M}</td></tr>"
        for row in passed.itertuples()
    )
    target = Path(path)
    page = PAGE.format(
        title="Record of practice",
        learner=escaped(learner),
        count=len(passed),
        total=len(frame),
        so_far=_so_far(_passed(entries)),
        rows=rows,
    )
    target.write_text(page, encoding="utf-8")
    return target


def _guess_text(entry: Entry) -> str:
    """Return how the first guess was, as one word; empty if it is not known."""
    return {True: "right", False: "wrong", None: ""}[entry.first_guess_right]


def certificate(learner: str, path: str | Path = "record-of-practice.html") -> Path:
    """Return :func:`record_of_practice`, which had this name before 1.0.

    .. deprecated:: 1.0
        Use :func:`record_of_practice`. The older name warns, and goes in 2.0.
    """
    warnings.warn(
        "labs.certificate is now called labs.record_of_practice. The older name goes in boxnb 2.0.",
        FutureWarning,
        stacklevel=2,
    )
    return record_of_practice(learner, path)
