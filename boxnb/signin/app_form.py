"""Ask for the app in a terminal, field by field. Each answer is checked at once, and a refused one is never offered again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from boxnb.secret import Secret
from boxnb.signin import messages
from boxnb.signin import terminal_messages as text
from boxnb.signin.flow import SignInFlow


class Ask(Protocol):
    """Show a prompt and return the answer, without spaces around it."""

    def __call__(self, prompt: str, *, hidden: bool = False) -> str:
        """Return the answer."""


def fill_in(flow: SignInFlow, view: dict[str, Any], ask: Ask, say: Callable[[str], object]) -> None:
    """Ask for client ID, client secret and redirect URI, and register them. Enter keeps what is already known."""
    client_id = _answer(ask, say, text.CLIENT_ID, view["client_id"], messages.client_id_problem)
    _client_secret(flow, ask, say, client_id, view["secret"])
    redirect_uri = _answer(ask, say, text.REDIRECT_URI, view["redirect_uri"], messages.redirect_uri_problem)
    flow.register(client_id, "", redirect_uri)


def _answer(
    ask: Ask, say: Callable[[str], object], label: str, known: str, problem_of: Callable[[str], str]
) -> str:
    """Ask until the answer can be right, and return it."""
    default = "" if problem_of(known) else known
    while problem := problem_of(answer := ask(text.field(label, default)) or default):
        say(problem)
    return answer


def _client_secret(
    flow: SignInFlow, ask: Ask, say: Callable[[str], object], client_id: str, fingerprint: str
) -> None:
    """Ask until the client secret can be right. Enter keeps the one with this fingerprint."""
    while True:
        answer = ask(text.field(text.CLIENT_SECRET, fingerprint=fingerprint), hidden=True)
        if fingerprint and not answer:
            break
        if not (problem := messages.client_secret_problem(Secret(answer), client_id)):
            flow.draft_secret(answer)
            break
        say(problem)
    say(text.received(flow.snapshot()["secret"]))
