"""The ten questions of the presenter's notebook: each is answered in a cell that a reader can point at."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

TEACH = Path(__file__).parents[2] / "notebooks" / "3-teach"
FLOW, TIME, BREAK, ATTACK = "01-the-flow-by-hand", "02-tokens-over-time", "03-break-it", "04-attack-it"
ANSWERS = {
    1: [
        (FLOW, "You type name and password at the authorization server"),
        (FLOW, "could do everything you can, for ever"),
    ],
    2: [
        (FLOW, "where history and shoulders can see it"),
        (BREAK, "A second use means that somebody else may have"),
    ],
    3: [(ATTACK, "The notebook compares it, before the exchange"), (FLOW, "a request that you never made")],
    4: [
        (FLOW, "is not in it, because everybody on the way can read a link"),
        (FLOW, "Here the client secret is sent"),
        (FLOW, "as it does in every request to the token endpoint"),
        (FLOW, "when a token is revoked, and in none to the API"),
    ],
    5: [(TIME, "a lost one has to become useless soon"), (BREAK, "a lost one must become useless soon")],
    6: [(BREAK, "of two holders, one is refused"), (FLOW, "cannot both live on, and a stolen one shows")],
    7: [(FLOW, "As long as nobody has used the new access token"), (FLOW, "a lost answer loses nothing")],
    8: [(BREAK, "reads the file again, refreshes only if nobody has, saves")],
    9: [(BREAK, "A token keeps the scopes it was made with: sign in again")],
    10: [
        (ATTACK, "remove the app's access, reset the client secret, sign in again"),
        (ATTACK, "act in this order: remove the app's access"),
    ],
}


def prose(name: str) -> str:
    book = nbformat.read(TEACH / f"{name}.ipynb", as_version=4)
    return "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")


def test_there_are_ten_questions() -> None:
    """Numbered, each ending in a question mark."""
    asked = re.findall(r"^(\d+)\. .+\?$", prose("05-teach-it"), re.MULTILINE)
    assert [int(number) for number in asked] == list(ANSWERS)


@pytest.mark.parametrize("number", ANSWERS)
def test_the_notebooks_answer_it_outside_the_labs(number: int) -> None:
    """In prose, so that whoever only reads finds it."""
    for name, words in ANSWERS[number]:
        assert words in prose(name), words
