"""The progress file, the line in the start notebook, the record of practice, and a lab that was passed before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxnb import labs
from boxnb.labs import lab_page, passed_labs
from boxnb.labs.lab import Lab
from boxnb.labs.practice_record import time_text


def pass_lab(lab: Lab, *, prediction: int) -> None:
    """Predict, run the lab and explain it."""
    lab.predict(prediction)
    lab.run()
    lab.explain(lab.exercise.right_explanation)
    assert lab.stage == "passed"


def test_the_first_guess_is_saved_and_a_later_one_is_not() -> None:
    """Starting over does not improve the first guess, neither before the pass nor after it."""
    lab = labs.lab("consent-denied")
    lab.predict(1)
    assert passed_labs.load() == {} and passed_labs.entries()["consent-denied"].first_guess_right is False
    lab.reset()
    pass_lab(lab, prediction=0)
    entry = passed_labs.entries()["consent-denied"]
    assert entry.first_guess_right is False
    assert entry.seconds is not None and 0 < entry.seconds < 120
    lab.reset()
    lab.predict(0)
    assert passed_labs.entries()["consent-denied"] == entry


def test_progress_names_first_guesses_and_time() -> None:
    """One line has the labs passed, the first guesses, the time and the next lab."""
    assert repr(labs.progress()).startswith(f"Labs passed: 0 of {len(labs.EXERCISES)}. Next: ")
    pass_lab(labs.lab("consent-denied"), prediction=0)
    passed_labs.begin("power-cut", right=False)
    line = repr(labs.progress())
    assert f"Labs passed: 1 of {len(labs.EXERCISES)}. First guess right: 1 of 1. Time: " in line
    frame = labs.passed()
    assert frame["passed"].sum() == 1 and str(frame["passed_at"].dtype).endswith("UTC]")
    assert frame.loc["consent-denied", "first_guess_right"]
    assert frame["first_guess_right"].isna().sum() == len(frame) - 1


def test_files_of_older_versions_are_read_and_kept() -> None:
    """A number is the time of a pass, under the lab's earlier name; the next change keeps it, and damage counts as empty."""
    passed_labs.mark_passed("power-cut")
    passed_labs.file().write_text('{"code-too-late": 1790000000.5, "nonsense": "x"}', encoding="utf-8")
    assert passed_labs.load() == {"code-after-31-seconds": 1790000000.5}
    assert "First guess" not in repr(labs.progress())
    passed_labs.begin("code-after-31-seconds", right=True)
    passed_labs.mark_passed("power-cut")
    saved = json.loads(passed_labs.file().read_text(encoding="utf-8"))
    assert saved["code-after-31-seconds"] == {
        "began_at": None,
        "first_guess_right": None,
        "passed_at": 1790000000.5,
    }
    assert set(passed_labs.load()) == {"code-after-31-seconds", "power-cut"}
    assert passed_labs.file().stat().st_mode & 0o777 == 0o600
    passed_labs.file().write_text("not json", encoding="utf-8")
    assert passed_labs.load() == {}


def test_the_record_of_practice_is_not_a_certificate(tmp_path: Path) -> None:
    """The page shows guesses and time, says that nobody verified it, and escapes names."""
    with pytest.raises(ValueError, match="No lab has been passed yet"):
        labs.record_of_practice("Kim", tmp_path / "none.html")
    passed_labs.begin("power-cut", right=True)
    passed_labs.mark_passed("power-cut")
    passed_labs.mark_passed("power-cut")
    target = labs.record_of_practice("<script>alert(1)</script> & Kim", tmp_path / "record.html")
    page = target.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "<h1>Record of practice</h1>" in page and "ertificate" not in page
    assert "First guess right: 1 of 1. Time: 0 s." in page and "<td>right</td><td>0 s</td>" in page
    assert "Not signed or verified. Made on the learner's computer for the trainer's information." in page
    assert "power goes" in page and "http" not in page


def test_a_passed_lab_says_so_in_a_new_kernel() -> None:
    """It shows when it was passed, offers to do it again, and names the next lab of the lesson."""
    passed_labs.file().parent.mkdir(parents=True, exist_ok=True)
    passed_labs.file().write_text('{"code-after-31-seconds": 1790000000.5}', encoding="utf-8")
    lab = labs.lab("code-after-31-seconds")
    page = lab_page.page(lab)
    assert lab.stage == "passed" and "You passed this lab</span> on 2026-09-21 at 14:13 UTC" in page
    assert "Next in this lesson: <b>The same code, twice</b>" in page
    assert "lab(&quot;code-used-twice&quot;)" in page
    assert '<button type="button" hidden data-goto="code-used-twice"' in page
    assert 'data-send="predict"' not in page
    lab.run()
    lab.predict(0)
    assert lab.exchanges == [] and lab.prediction is None
    lab.reset()
    assert 'data-send="predict"' in lab_page.page(lab)


def test_the_next_lab_is_the_next_of_the_lesson_that_is_not_passed() -> None:
    """After the last lab it is the first that was left out, and at the end there is none."""
    lesson = [name for name, exercise in labs.EXERCISES.items() if exercise.notebook == "04-attack-it"]
    for name in lesson[1:]:
        passed_labs.mark_passed(name)
    last = labs.lab(lesson[-1])
    assert last.following is not None and last.following.name == lesson[0]
    passed_labs.mark_passed(lesson[0])
    assert last.following is None
    assert "You have passed every lab of this lesson." in lab_page.page(last)


def test_a_lab_works_where_progress_cannot_be_saved(home: Path) -> None:
    """A prediction does not need the file."""
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_text("a file where the folder should be", encoding="utf-8")
    lab = labs.lab("consent-denied")
    lab.predict(0)
    assert lab.prediction == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (725, "12 min"), (3 * 3600 + 290, "3 h 5 min"), (4 * 86400, "4 days")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    """A time is rounded to what a trainer wants to know."""
    assert time_text(seconds) == text
