"""Labs: passed by what the sandbox saw, and by nothing else."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boxnb import labs, oauth, store
from boxnb.labs import passed_labs
from boxnb.labs.lab import Lab
from boxnb.labs.practice import Practice

NAMES = list(labs.EXERCISES)
MUST_HAVE = {
    "code-too-late",
    "code-used-twice",
    "wrong-redirect-uri",
    "consent-denied",
    "forged-state",
    "expired-access-token",
    "refresh-token-twice",
    "two-notebooks-racing",
    "power-cut",
    "away-61-days",
    "scope-missing",
    "app-not-enabled",
    "rate-limit",
    "proxy-html",
}


def stage(lab: Lab) -> str:
    """Read anew each time: clicks change it."""
    return str(lab.stage)


class Run:
    """What one run of a lab left behind."""

    def __init__(self, name: str) -> None:
        self.lab = labs.lab(name)
        self.lab.predict(0)
        self.seen: list[dict[str, Any]] = []

        def watched(practice: Practice) -> None:
            self.lab.exercise.act(practice)
            self.seen = practice.sandbox.record()

        self.lab.run(watched)


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Run]]:
    """Every lab, run once."""
    yield {name: Run(name) for name in NAMES}


@pytest.fixture(scope="module")
def nothing_wrong() -> list[dict[str, Any]]:
    """The record of a sign-in, a call and a refresh in which nothing failed."""
    with Practice() as practice:
        token = practice.sign_in()
        practice.me(token)
        practice.me(oauth.refresh(practice.client, token))
        return practice.sandbox.record()


def test_every_failure_of_the_flow_has_a_lab() -> None:
    """At least these; each with three answers of which one is right, and replies to all."""
    assert set(NAMES) >= MUST_HAVE
    for each in labs.EXERCISES.values():
        assert each.right_prediction < len(each.predictions) == 3
        assert each.right_explanation < len(each.explanations) == 3
        for choice in (*each.predictions, *each.explanations):
            assert choice.words and choice.reply


@pytest.mark.parametrize("name", NAMES)
def test_the_run_shows_its_failure_and_repairs_it(runs: dict[str, Run], name: str) -> None:
    """The record proves it, the trace drew it, the sentences hold no secret and the last thing done worked."""
    lab = runs[name].lab
    assert lab.trouble == ""
    assert lab.found and lab.stage == "explain"
    assert lab.exchanges
    if name not in ("code-used-twice", "consent-denied", "refresh-token-twice"):
        assert any(
            "Repair" in line or "kit's lock: 200" in line or "registered" in line for line in lab.said
        ) or (name == "stolen-code")


@pytest.mark.parametrize("name", NAMES)
def test_without_the_failure_the_check_fails(
    runs: dict[str, Run], nothing_wrong: list[dict[str, Any]], name: str
) -> None:
    """Sabotage: an empty record, one in which all went well, and the records of all other labs prove nothing."""
    evidence = labs.EXERCISES[name].evidence
    assert evidence([]) == ""
    assert evidence(nothing_wrong) == ""
    for other in NAMES:
        if other != name:
            assert evidence(runs[other].seen) == "", other


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_lets_everything_pass_is_noticed(runs: dict[str, Run], name: str) -> None:
    """Sabotage: the same run, but each refusal and fault in the record turned into a 200."""
    healed = [
        {**call, "status": 200 if (call["status"] or 500) >= 400 else call["status"], "fault": None}
        for call in runs[name].seen
    ]
    if name in (
        "consent-denied",
        "forged-state",
    ):  # nothing is refused there: take away what was decided instead
        healed = [call for call in runs[name].seen if "decision" not in (call.get("form") or {})]
    assert labs.EXERCISES[name].evidence(healed) == ""


@pytest.mark.parametrize("name", ["power-cut", "refresh-token-twice"])
def test_a_server_without_the_grace_does_not_pass_the_labs_about_it(name: str) -> None:
    """Sabotage with a real server: where the old refresh token dies at once, there is nothing to explain."""
    lab = Lab(dataclasses.replace(labs.EXERCISES[name], rotation="strict"))
    lab.predict(0)
    lab.run()
    assert stage(lab) == "run" and lab.found == ""
    assert "does not show this failure" in lab.trouble


def test_a_lab_asks_before_it_runs_and_checks_before_it_passes() -> None:
    """Run without a prediction does nothing; explain without a run neither; a wrong answer may be changed."""
    lab = labs.lab("code-used-twice")
    lab.run()
    assert stage(lab) == "predict" and not lab.exchanges
    lab.explain(lab.exercise.right_explanation)
    assert stage(lab) == "predict"
    lab.predict(0)
    lab.predict(2)
    assert lab.prediction == 0  # the first choice counts
    lab.explain(lab.exercise.right_explanation)
    assert stage(lab) == "run"
    lab.run()
    lab.explain(1)
    assert stage(lab) == "explain" and lab.explanation == 1
    assert passed_labs.load() == {}
    lab.explain(0)
    assert stage(lab) == "passed"
    assert set(passed_labs.load()) == {"code-used-twice"}


def test_a_run_of_ones_own_that_shows_nothing_does_not_pass() -> None:
    """A learner may bring a program; only a record with the failure leads on."""
    lab = labs.lab("code-too-late")
    lab.predict(1)

    def all_well(practice: Practice) -> None:
        practice.attempt("all well", practice.sign_in)

    lab.run(all_well)
    assert stage(lab) == "run" and "does not show this failure" in lab.trouble
    lab.explain(1)
    assert stage(lab) == "run" and passed_labs.load() == {}
    lab.run()
    assert stage(lab) == "explain" and lab.trouble == ""


def test_a_run_that_breaks_says_so_on_the_card() -> None:
    """A mistake in a learner's own program is a sentence, not a lab that hangs."""
    lab = labs.lab("code-too-late")
    lab.predict(1)
    lab.run(lambda practice: practice.said.append(str(1 / len(practice.said))))
    assert stage(lab) == "run" and not lab.busy
    assert "ZeroDivisionError" in lab.trouble


def test_a_lessons_home_is_for_its_own_threads(home: Path) -> None:
    """What a thread of before saves meanwhile goes where it belongs; a thread of the lesson stays with the lesson."""
    begin, end = threading.Event(), threading.Event()
    before: list[Path] = []
    inside: list[Path] = []

    def other() -> None:
        begin.wait(20)
        before.append(store.home())

    def worker() -> None:
        inside.append(store.home())
        end.wait(20)
        inside.append(store.home())

    threads = [threading.Thread(target=other), threading.Thread(target=worker)]
    threads[0].start()
    with Practice() as practice, practice.inside():
        begin.set()
        threads[1].start()
        threads[0].join()
        assert store.home() == Path(practice.home)
    end.set()
    threads[1].join()
    assert before == [home] and store.home() == home
    assert inside == [Path(practice.home)] * 2


def test_a_lab_can_be_reset_and_repeated() -> None:
    """After a pass as well; what was passed stays passed."""
    lab = labs.lab("consent-denied")
    for _ in range(2):
        lab.predict(2)
        lab.run()
        lab.explain(1)
        assert stage(lab) == "passed"
        lab.reset()
        assert stage(lab) == "predict" and lab.exchanges == [] and lab.prediction is None
    assert set(passed_labs.load()) == {"consent-denied"}


def test_labs_touch_neither_the_shared_sandbox_nor_a_profile(home: Path) -> None:
    """Also not the one that saves pairs and races two processes: all of it happens elsewhere, and is gone after."""
    lab = labs.lab("two-notebooks-racing")
    lab.predict(1)
    folders: list[str] = []

    def noted(practice: Practice) -> None:
        folders.append(practice.home)
        lab.exercise.act(practice)

    lab.run(noted)
    assert lab.found
    assert not home.exists() or list(home.rglob("*")) == []
    assert store.names() == []
    assert not Path(folders[0]).exists()


def test_the_kits_lock_gave_one_refresh_for_two_notebooks(runs: dict[str, Run]) -> None:
    """In the second half of the race both are served from one rotation."""
    calls = runs["two-notebooks-racing"].seen
    last = max(
        place for place, call in enumerate(calls) if (call.get("form") or {}).get("decision") == "grant"
    )
    grants = [(call.get("form") or {}).get("grant_type") for call in calls[last:]]
    assert grants.count("refresh_token") == 1
    served = [call for call in calls[last:] if call["path"] == "/2.0/users/me"]
    good = [call for call in served if call["status"] == 200]
    assert len(good) == 2 and len({call["token"] for call in good}) == 1


def test_lessons_run_in_the_sandbox_only() -> None:
    """A real profile's name is refused before anything starts."""
    with pytest.raises(ValueError, match="sandbox only"):
        labs.practice("acme")


def test_an_unknown_lab_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="code-too-late"):
        labs.lab("nonsense")


def test_the_widget_hears_a_click_and_shows_the_stage() -> None:
    """Messages of the front end move the lab; the page holds no secret and no handler of its own."""
    lab = labs.lab("wrong-redirect-uri")
    lab._repr_mimebundle_()
    view = lab._view
    for kind, value in (("predict", 1), ("run", 0), ("explain", 2), ("explain", 0)):
        view._on_message(view, {"type": kind, "value": value}, [])
    assert view.seen["stage"] == "passed"
    assert "Passed." in view.html and "onclick" not in view.html
    view._on_message(view, {"type": "reset", "value": 0}, [])
    assert view.seen["stage"] == "predict"
    view._on_message(view, "nonsense", [])
    view._on_message(view, {"type": "predict", "value": 99}, [])
    assert stage(lab) == "predict"


def test_progress_is_shown_and_a_certificate_escapes_what_it_prints(tmp_path: Path) -> None:
    """One line, one table, one page."""
    assert "0 of" in repr(labs.progress())
    with pytest.raises(ValueError, match="No lab was passed yet"):
        labs.certificate("Kim", tmp_path / "none.html")
    passed_labs.passed("power-cut")
    passed_labs.passed("power-cut")
    frame = labs.passed()
    assert frame["passed"].sum() == 1 and str(frame["passed_at"].dtype).endswith("UTC]")
    target = labs.certificate("<script>alert(1)</script> & Kim", tmp_path / "certificate.html")
    page = target.read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "power goes" in page and "http" not in page
    assert passed_labs.file().stat().st_mode & 0o777 == 0o600
    passed_labs.file().write_text("not json", encoding="utf-8")
    assert passed_labs.load() == {}


def test_a_lab_says_what_it_is() -> None:
    assert "code-too-late" in repr(Lab(labs.EXERCISES["code-too-late"]))
