"""One recorded request and its response, without any secret."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A request and its response, without any secret; or a ``note`` about what happened between two requests.

    Attributes
    ----------
    at : float
        Seconds since the trace was created, by this computer's clock.
    sender, receiver : str
        ``notebook``, ``browser``, ``authorization server``, ``API``, or somebody else such as ``thief``.
    status : int or None
        ``None`` if no response arrived; ``error`` then names the reason.
    answer : str
        The most important part of the response, in a few words.
    carried : str
        What a redirect makes the browser carry to the notebook, such as the code and the state.
    milliseconds : float
        Time until the response was read.
    section : str
        The section, usually in an RFC, that defines the rule for this exchange.
    link_from : str
        Who handed the authorization link to the browser that opens it; empty for other requests.
    carried_to : str
        Who receives what the browser carries.
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
    link_from: str = ""
    carried_to: str = ""

    @property
    def outcome(self) -> str:
        """The status and :attr:`answer`, or why no response arrived."""
        return f"{self.status} {self.answer}".strip() if self.status else f"no response: {self.error}"


def in_words(exchange: Exchange) -> str:
    """Return one exchange as a sentence."""
    carried = (
        f"; the {exchange.sender} carries {exchange.carried} to the {exchange.carried_to or 'notebook'}"
        if exchange.carried
        else ""
    )
    if exchange.note:
        return f"-- {exchange.note}{carried} --"
    handed = (
        f"The {exchange.link_from} hands the link to the {exchange.sender}. " if exchange.link_from else ""
    )
    return (
        f"{exchange.number}. {handed}{exchange.sender} to {exchange.receiver}: {exchange.label}. "
        f"Response: {exchange.outcome}{carried}."
    )
