"""The presenter's notebook: each of its ten questions is answered in a lesson and in the notes, and slides are for the audience."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from boxnb import labs

TEACH = Path(__file__).parents[2] / "notebooks" / "3-teach"
FLOW, TIME, BREAK, ATTACK = "01-the-flow-by-hand", "02-tokens-over-time", "03-break-it", "04-attack-it"
ANSWERS = {
    1: [
        (FLOW, "You type your user name and password at the authorization server"),
        (FLOW, "Whoever has your password can do everything you can"),
    ],
    2: [
        (FLOW, "anyone looking over your shoulder can read it"),
        (BREAK, "A second use means that somebody else may have"),
    ],
    3: [(ATTACK, "The notebook compares it, before the exchange"), (FLOW, "a request that you never made")],
    4: [
        (FLOW, "is not in the link, because a link ends up in the browser's history"),
        (FLOW, "Here the client secret is sent"),
        (FLOW, "travels with every request to the token endpoint"),
        (FLOW, "It also travels with the request that revokes a token, but never to the API"),
    ],
    5: [(TIME, "a lost one has to become useless soon"), (BREAK, "a lost one must become useless soon")],
    6: [(BREAK, "of two holders, one is refused"), (FLOW, "Only the newest pair of a sign-in works")],
    7: [(FLOW, "As long as nobody has used the new access token"), (FLOW, "a lost answer loses nothing")],
    8: [(BREAK, "reads the file again, refreshes only if nobody has, saves")],
    9: [(BREAK, "A token keeps the scopes it was made with: sign in again")],
    10: [
        (ATTACK, "remove the app's access, reset the client secret, sign in again"),
        (ATTACK, "act in this order: remove the app's access"),
    ],
}


def prose(name: str) -> str:
    """Return the Markdown of a notebook."""
    notebook = nbformat.read(TEACH / f"{name}.ipynb", as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_ten_questions() -> None:
    """The questions are numbered, and each ends with a question mark."""
    numbers = re.findall(r"^(\d+)\. .+\?$", prose("05-teach-it"), re.MULTILINE)
    assert [int(number) for number in numbers] == list(ANSWERS)


@pytest.mark.parametrize("number", ANSWERS)
def test_the_notebooks_answer_each_question_outside_the_labs(number: int) -> None:
    """Readers who skip the labs still find the answer."""
    for name, sentence in ANSWERS[number]:
        assert sentence in prose(name), sentence


def presented() -> list[nbformat.NotebookNode]:
    """Return the cells of the presenter's notebook."""
    return nbformat.read(TEACH / "05-teach-it.ipynb", as_version=4).cells


def slide_type(cell: nbformat.NotebookNode) -> str:
    """Return the slide type of a cell, which is empty for a cell that continues a slide."""
    return str(cell.metadata.get("slideshow", {}).get("slide_type", ""))


@pytest.mark.parametrize("number", ANSWERS)
def test_the_notes_answer_each_question(number: int) -> None:
    """An answer of about ten lines is in the notes, which the audience does not see."""
    answers = [cell for cell in presented() if cell.source.startswith(f"**Answer {number}.**")]
    assert [slide_type(cell) for cell in answers] == ["notes"]
    assert 8 <= len(answers[0].source.splitlines()) - 1 <= 12


def test_slides_do_not_speak_to_the_presenter() -> None:
    """What the presenter should see or do is in the notes, or in cells that no slide shows."""
    for cell in presented():
        if slide_type(cell) not in ("notes", "skip"):
            assert not re.search(r"You should see|\*\*Minute|You will learn|Before you begin", cell.source)


LESSONS = (FLOW, TIME, BREAK, ATTACK, "06-beyond-box")
MINUTES = {"word": 1 / 200, "code": 1 / 2, "lab": 3.0}


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_takes_the_time_that_it_states(name: str) -> None:
    """Within a quarter, at 200 words a minute, half a minute a code cell with its output, 3 minutes a lab; drawings are not counted."""
    notebook = nbformat.read(TEACH / f"{name}.ipynb", as_version=4)
    stated = re.search(r"\*\*Time\*\* (\d+) minutes", notebook.cells[0].source)
    assert stated is not None
    minutes = 0.0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"[|#*`-]+", " ", re.sub(r"\]\([^)]*\)", "]", cell.source))
            minutes += MINUTES["word"] * len(text.split())
        else:
            minutes += MINUTES["lab" if cell.source.startswith('lab("') else "code"]
    assert 0.75 <= minutes / int(stated[1]) <= 1.25, minutes


@pytest.mark.parametrize("name", [BREAK, ATTACK])
def test_a_heading_is_the_title_of_the_lab_below_it(name: str) -> None:
    """The learner finds a lab of the progress table under the same words, and nothing between them says how it ends."""
    heading = ""
    for cell in nbformat.read(TEACH / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown":
            heading = ([heading, *re.findall(r"^##+ (.+)$", cell.source, re.MULTILINE)])[-1]
        elif opened := re.match(r'lab\("(.+)"\)', cell.source):
            assert heading == labs.EXERCISES[opened[1]].title
