"""One recorded request and its answer, without a secret."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One request and its answer, without a secret; or a ``note``: something that happened between two requests.

    Attributes
    ----------
    at : float
        Seconds since the trace began, by this computer's clock.
    sender, receiver : str
        ``browser``, ``notebook``, ``authorization server``, ``API``.
    status : int or None
        None when no answer came; then ``error`` says why.
    milliseconds : float
    section : str
        Where the rule for this exchange is written.
    """

    number: int
    at: float
    method: str = ""
    url: str = ""
    sender: str = ""
    receiver: str = ""
    label: str = ""
    request_headers: dict[str, str] = dataclasses.field(default_factory=dict)
    form: dict[str, str] = dataclasses.field(default_factory=dict)
    status: int | None = None
    answer: str = ""
    response_headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str = ""
    carried: str = ""
    milliseconds: float = 0.0
    section: str = ""
    error: str = ""
    note: str = ""


def in_words(each: Exchange) -> str:
    """One exchange as a sentence."""
    if each.note:
        return f"-- {each.note} --"
    ending = f"{each.status} {each.answer}".strip() if each.status else f"no answer: {each.error}"
    carried = f"; the browser carries {each.carried} to the notebook" if each.carried else ""
    return f"{each.number}. {each.sender} to {each.receiver}: {each.label}. Answer: {ending}{carried}."
