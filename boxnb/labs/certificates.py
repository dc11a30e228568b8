"""Every lab and when it was passed: a table, a line for the start notebook, a certificate to print."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from boxnb.labs import passed_labs
from boxnb.labs.catalogue import EXERCISES
from boxnb.labs.display import Still, escaped


def table() -> pd.DataFrame:
    """Every lab and when it was passed.

    Returns
    -------
    DataFrame
        ``title``, ``notebook`` (text), ``passed`` (bool), ``passed_at`` (UTC); indexed by ``lab``.
    """
    import pandas as pd

    kept = passed_labs.load()
    rows = [
        (each.name, each.title, each.notebook, each.name in kept, kept.get(each.name))
        for each in EXERCISES.values()
    ]
    frame = pd.DataFrame(rows, columns=["lab", "title", "notebook", "passed", "passed_at"]).set_index("lab")
    frame["passed_at"] = pd.to_datetime(frame["passed_at"], unit="s", utc=True).dt.round("s")
    return frame


def shown() -> Still:
    """One line for the start notebook: how many labs are passed, and where the next one is."""
    kept = passed_labs.load()
    done = [each for each in EXERCISES.values() if each.name in kept]
    left = [each for each in EXERCISES.values() if each.name not in kept]
    words = f"Labs passed: {len(done)} of {len(EXERCISES)}."
    words += f" Next: {left[0].title}, in 3-teach/{left[0].notebook}.ipynb." if left else " All of them."
    share = len(done) / len(EXERCISES)
    inner = (
        f'<div class="bl-page"><p>{escaped(words)}</p><svg viewBox="0 0 400 12" width="400" role="img" '
        f'aria-label="{escaped(words)}"><rect width="400" height="12" rx="6" fill="var(--bl-line)"/>'
        f'<rect width="{400 * share:.0f}" height="12" rx="6" fill="var(--bl-good)"/></svg></div>'
    )
    return Still(inner, words)


CERTIFICATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 44rem; margin: 3rem auto; padding: 0 1.5rem; font: 16px/1.5 system-ui, sans-serif; }}
table {{ border-collapse: collapse; width: 100%; }} th, td {{ text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #8888; }}
@media print {{ body {{ margin: 0; font-size: 12px; }} }}
</style></head><body><h1>{title}</h1>
<p><strong>{learner}</strong> passed {count} of {total} labs about the OAuth2 authorization-code flow.</p>
<p>Each lab asks for a prediction, lets the failure happen in a sandbox, and is checked against the sandbox's own record.</p>
<table><thead><tr><th scope="col">Lab</th><th scope="col">Passed (UTC)</th></tr></thead><tbody>{rows}</tbody></table>
<p><small>Made by boxnb on the learner's own computer. Nobody signed it: it helps a trainer, it proves nothing.</small></p>
</body></html>
"""


def certificate(learner: str, path: str | Path = "certificate.html") -> Path:
    """Write one page for a trainer: who passed which lab when.

    Parameters
    ----------
    learner : str
        The name to print; any text.
    path : path
        The HTML file to write.

    Raises
    ------
    ValueError
        No lab was passed yet.
    """
    frame = table()
    done = frame[frame["passed"]].sort_values("passed_at")
    if done.empty:
        raise ValueError("No lab was passed yet: open notebooks/3-teach/03-break-it.ipynb and pass one.")
    rows = "".join(
        f"<tr><td>{escaped(row.title)}</td><td>{row.passed_at:%Y-%m-%d %H:%M}</td></tr>"
        for row in done.itertuples()
    )
    target = Path(path)
    page = CERTIFICATE.format(
        title="Certificate of a learner",
        learner=escaped(learner),
        count=len(done),
        total=len(frame),
        rows=rows,
    )
    target.write_text(page, encoding="utf-8")
    return target
