"""Write the page: which calls were made, where Box differs, which part of boxnb that affects, and how to hand the page in.

Nothing on the page comes from a response, except names of fields that `words.Names` allows, and statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .answers import Answer, Difference

HAND_IN = """## Hand this page in

1. Read the page. It does not contain names, logins, ids, dates or texts of your Box: only names of fields, types and statuses.
2. In the repository that you got boxnb from, open an issue with the form *Problem*, and paste the page or attach the file.
3. Without an account there, mail the file to the person who gave you boxnb.

Hand it in even if there is no difference: until you do, nobody knows that.
"""


@dataclass
class Run:
    """What one run has found."""

    version: str
    day: str
    role: str
    calls: int
    answers: Sequence[Answer]
    differences: Sequence[Difference]
    unmet: Sequence[tuple[str, str]]


def page(run: Run) -> str:
    """Return the page as Markdown."""
    count = len(run.differences)
    heading = {0: "No differences", 1: "1 difference"}.get(count, f"{count} differences")
    calls = f"boxnb {run.version} made {run.calls} calls to Box on {run.day}, as {run.role}."
    parts = [
        "# Box, compared with what boxnb expects\n",
        f"{calls} All of them were reads, except one refresh of the token pair.\n",
        f"## {heading}\n",
        _differences(run.differences),
        "## What could not be checked\n",
        _unmet(run.unmet),
        "## Calls\n",
        _calls(run.answers),
        HAND_IN,
    ]
    return "\n".join(parts)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines)


def cell(text: str) -> str:
    """Return a text that fits into one cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _differences(differences: Sequence[Difference]) -> str:
    if not differences:
        return "Every response matched Box's description, boxnb's datasets and the sandbox.\n"
    rows = [(f"`{each.call}`", f"`{each.where}`", *each[2:]) for each in differences]
    return table(("call", "where", "boxnb expects", "Box returned", "what it affects"), rows)


def _unmet(unmet: Sequence[tuple[str, str]]) -> str:
    if not unmet:
        return "Everything in the plan was checked.\n"
    return table(("what", "why"), unmet)


def _calls(answers: Sequence[Answer]) -> str:
    rows = [(answer.probe.name, f"`{answer.probe.call}`", str(answer.status)) for answer in answers]
    return table(("read", "call", "status"), rows)
