"""Find the name that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(name: str, others: Iterable[str]) -> str:
    """Return the name that is most similar to this one, whatever its case; empty if none is similar enough."""
    by_lower = {other.lower(): other for other in others if other != name}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.75)
    return by_lower[matches[0]] if matches else ""


def question(name: str, others: Iterable[str]) -> str:
    """Return the question whether a similar name was meant, after a space; empty if there is none."""
    other = closest(name, others)
    return f" Did you mean {other!r}?" if other else ""
