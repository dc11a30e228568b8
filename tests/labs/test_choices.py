"""A learner cannot tell the right answer of a lab by its length: the catalogue is measured here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from boxnb import labs
from boxnb.labs import passed_labs
from boxnb.labs.exercise import Choice, Exercise

SHARE = 0.4
"""In at most this share of all labs, the right answer may be the longest of its three, or the shortest."""
POSITIONS = (0.25, 0.42)
"""Between these shares of all labs, the right answer is the first, the second and the third of its three."""
SHORTEST = 0.6
"""A wrong answer has at least this part of the right answer's length."""


def questions(exercise: Exercise) -> tuple[tuple[tuple[Choice, ...], int], ...]:
    """Return the choices for the prediction and for the explanation, each with the position of the right one."""
    return (
        (exercise.predictions, exercise.right_prediction),
        (exercise.explanations, exercise.right_explanation),
    )


@pytest.mark.parametrize("extreme", [max, min], ids=["longest", "shortest"])
@pytest.mark.parametrize("number", [0, 1], ids=["predictions", "explanations"])
def test_the_length_of_an_answer_says_nothing(number: int, extreme: Callable[[list[int]], int]) -> None:
    """Someone who always chooses the longest answer, or the shortest, is right in at most 40 % of the labs."""
    guessed = []
    for name, exercise in labs.EXERCISES.items():
        choices, right = questions(exercise)[number]
        lengths = [len(choice.words) for choice in choices]
        if lengths[right] == extreme(lengths):
            guessed.append(name)
    assert len(guessed) <= SHARE * len(labs.EXERCISES), guessed


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("number", [0, 1], ids=["predictions", "explanations"])
def test_the_position_of_an_answer_says_nothing(number: int, position: int) -> None:
    """Someone who always chooses the first answer, the middle one or the last is right in about a third of the labs."""
    guessed = [
        name for name, exercise in labs.EXERCISES.items() if questions(exercise)[number][1] == position
    ]
    fewest, most = POSITIONS
    assert fewest <= len(guessed) / len(labs.EXERCISES) <= most, guessed


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_no_wrong_answer_is_much_shorter_than_the_right_one(name: str) -> None:
    """A distractor has at least 60 % of the right answer's length."""
    for choices, right in questions(labs.EXERCISES[name]):
        for choice in choices:
            assert len(choice.words) >= SHORTEST * len(choices[right].words), choice.words


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_every_answer_has_its_own_words_and_reply(name: str) -> None:
    """No two answers of a lab are the same, and a title does not contain its right answer."""
    exercise = labs.EXERCISES[name]
    for choices, right in questions(exercise):
        assert len({choice.words for choice in choices}) == len({choice.reply for choice in choices}) == 3
        assert choices[right].words.lower() not in f"{exercise.title} {exercise.story}".lower()


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_the_name_of_a_lab_says_nothing(name: str) -> None:
    """The notebook shows the name above the card: it does not say how a request ends."""
    assert not set(name.split("-")) & {"late", "expired", "missing", "limit", "html", "refused", "error"}
    assert name not in passed_labs.RENAMED
    assert labs.lab(name).exercise.name == name
