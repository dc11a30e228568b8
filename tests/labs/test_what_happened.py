"""A card says in plain sentences what happened: after the run, and only then."""

from __future__ import annotations

import dataclasses
import re

import pytest

from boxnb import labs
from boxnb.labs import lab_page
from boxnb.labs.display import escaped
from boxnb.labs.exercise import SHORT_RUN
from boxnb.labs.lab import Lab


@pytest.mark.parametrize("name", labs.EXERCISES)
def test_what_happened_is_two_to_four_plain_sentences(name: str) -> None:
    """The sentences are short, and do not contain the explanation that the learner still has to choose."""
    exercise = labs.EXERCISES[name]
    sentences = re.split(r"(?<=[.!?])\s+", exercise.happened)
    assert 2 <= len(sentences) <= 4
    assert max(len(sentence.split()) for sentence in sentences) <= 30
    assert exercise.explanations[exercise.right_explanation].words.lower() not in exercise.happened.lower()


def test_a_card_says_what_happened_only_after_the_run() -> None:
    """Neither the question nor the prediction shows it; a run that did not show the failure does not either."""
    lab = labs.lab("code-used-twice")
    happened = escaped(lab.exercise.happened)
    assert happened not in lab_page.page(lab)
    lab.predict(1)
    assert happened not in lab_page.page(lab)
    lab.run(lambda practice: practice.sign_in() and None)
    assert lab.problem and happened not in lab_page.page(lab)
    lab.run()
    page = lab_page.page(lab)
    assert page.index("<h4>What happened</h4>") < page.index(happened) < page.index("Not as you predicted.")


def test_the_button_of_a_long_run_says_how_long_it_takes() -> None:
    """A run of a few seconds needs no warning, and the race of two programs has one."""
    race = labs.lab("two-notebooks-racing")
    race.predict(0)
    assert race.exercise.seconds > SHORT_RUN
    assert f">Run it (about {race.exercise.seconds} seconds)</button>" in lab_page.page(race)
    race.busy = True
    assert "Running… (about" in lab_page.page(race)
    short = Lab(dataclasses.replace(race.exercise, seconds=SHORT_RUN))
    short.predict(0)
    assert ">Run it</button>" in lab_page.page(short)
