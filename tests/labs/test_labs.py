"""A lab is passed only if the sandbox's record shows the failure."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import pytest

from boxnb import labs, oauth, store
from boxnb.labs import passed_labs
from boxnb.labs.lab import Lab
from boxnb.labs.practice import Practice

NAMES = list(labs.EXERCISES)
MUST_HAVE = {
    "code-after-31-seconds",
    "code-used-twice",
    "wrong-redirect-uri",
    "consent-denied",
    "forged-state",
    "access-token-after-61-minutes",
    "refresh-token-twice",
    "two-notebooks-racing",
    "power-cut",
    "away-61-days",
    "admin-lists-users",
    "app-not-enabled",
    "loop-of-searches",
    "refresh-through-gateway",
    "consent-phishing",
}


def stage(lab: Lab) -> str:
    """Return the current stage as plain text, so that mypy does not narrow it between two clicks."""
    return str(lab.stage)


class Run(NamedTuple):
    """What one run of a lab left behind, and the record of its sandbox."""

    problem: str
    found: str
    stage: str
    exchanges: int
    said: list[str]
    record: list[dict[str, Any]]
    written: list[str]
    is_own_folder_removed: bool


def run_of(name: str) -> Run:
    """Run a lab once."""
    lab = labs.lab(name)
    lab.predict(0)
    record: list[dict[str, Any]] = []
    folders: list[str] = []

    def act_and_record(practice: Practice) -> None:
        folders.append(practice.home)
        lab.exercise.act(practice)
        record.extend(practice.sandbox.record())

    lab.run(act_and_record)
    written = [path.name for path in store.home().rglob("*")]
    is_removed = not Path(folders[0]).exists()
    return Run(
        lab.problem, lab.found, str(lab.stage), len(lab.exchanges), lab.said, record, written, is_removed
    )


class Runs:
    """The runs of the labs. Each lab runs when a test needs it, and once for all workers: each starts a sandbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def __getitem__(self, name: str) -> Run:
        file = self._folder / f"{name}.json"
        with filelock.FileLock(file.with_suffix(".lock")):
            if not file.exists():
                file.write_text(json.dumps(run_of(name)), encoding="utf-8")
        return Run(*json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Runs:
    """Every lab, run at most once."""
    own = tmp_path_factory.getbasetemp()
    return Runs((own if worker_id == "master" else own.parent) / "runs-of-labs")


@pytest.fixture(scope="module")
def flawless_record() -> list[dict[str, Any]]:
    """The record of a sign-in, a call and a refresh, all successful."""
    with Practice() as practice:
        token = practice.sign_in()
        practice.me(token)
        practice.me(oauth.refresh(practice.client, token))
        return practice.sandbox.record()


def test_every_failure_of_the_flow_has_a_lab() -> None:
    """Each question has three answers, one of them right, and a reply to each."""
    assert set(NAMES) >= MUST_HAVE
    for exercise in labs.EXERCISES.values():
        assert exercise.right_prediction < len(exercise.predictions) == 3
        assert exercise.right_explanation < len(exercise.explanations) == 3
        for choice in (*exercise.predictions, *exercise.explanations):
            assert choice.words and choice.reply


@pytest.mark.parametrize("name", NAMES)
def test_a_run_causes_its_failure_and_repairs_it(runs: Runs, name: str) -> None:
    """The record proves the failure, the trace has its requests, and the outcomes name the repair."""
    run = runs[name]
    assert run.problem == ""
    assert run.found and run.stage == "explain"
    assert run.exchanges
    if name not in ("code-used-twice", "consent-denied", "refresh-token-twice"):
        assert any(
            "Repair" in sentence or "boxnb's lock: 200" in sentence or "registered" in sentence
            for sentence in run.said
        ) or (name == "stolen-code")


@pytest.mark.parametrize("name", NAMES)
def test_labs_do_not_touch_the_shared_sandbox_or_a_profile(runs: Runs, name: str) -> None:
    """Even the lab that saves token pairs and races two processes uses its own folder, and removes it."""
    assert {*runs[name].written} <= {"labs.json", "labs.lock"}
    assert runs[name].is_own_folder_removed


@pytest.mark.parametrize("name", NAMES)
def test_a_record_without_the_failure_is_not_accepted(
    runs: Runs, flawless_record: list[dict[str, Any]], name: str
) -> None:
    """An empty record, a flawless one and the records of all other labs are not evidence."""
    evidence = labs.EXERCISES[name].evidence
    assert evidence([]) == ""
    assert evidence(flawless_record) == ""
    for other in NAMES:
        if other != name:
            assert evidence(runs[other].record) == "", other


@pytest.mark.parametrize("name", NAMES)
def test_a_record_without_refusals_is_not_accepted(runs: Runs, name: str) -> None:
    """The record of the same run, with each refusal and fault replaced by 200, is not evidence."""
    without_failures = [
        {**call, "status": 200 if (call["status"] or 500) >= 400 else call["status"], "fault": None}
        for call in runs[name].record
    ]
    # In two labs, the server does not refuse a request: remove the decisions instead.
    if name in ("consent-denied", "forged-state"):
        without_failures = [call for call in runs[name].record if "decision" not in (call.get("form") or {})]
    assert labs.EXERCISES[name].evidence(without_failures) == ""


@pytest.mark.parametrize("name", ["power-cut", "refresh-token-twice"])
def test_the_labs_about_the_grace_do_not_pass_without_it(name: str) -> None:
    """On a real server that ends the old refresh token immediately, there is nothing to explain."""
    lab = Lab(dataclasses.replace(labs.EXERCISES[name], rotation="strict"))
    lab.predict(0)
    lab.run()
    assert stage(lab) == "run" and lab.found == ""
    assert "does not show this failure" in lab.problem


def test_a_lab_needs_a_prediction_before_a_run_and_a_run_before_an_explanation() -> None:
    """A run needs a prediction and an explanation needs a run; a wrong explanation can be changed."""
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
    lab.explain(2)
    assert stage(lab) == "passed"
    assert set(passed_labs.load()) == {"code-used-twice"}


def test_a_learners_own_program_must_show_the_failure() -> None:
    """A learner may bring a program, but only a record with the failure leads to the explanation."""
    lab = labs.lab("code-after-31-seconds")
    lab.predict(1)

    def sign_in_only(practice: Practice) -> None:
        practice.attempt("Sign in", practice.sign_in)

    lab.run(sign_in_only)
    assert stage(lab) == "run" and "does not show this failure" in lab.problem
    lab.explain(1)
    assert stage(lab) == "run" and passed_labs.load() == {}
    lab.run()
    assert stage(lab) == "explain" and lab.problem == ""


def test_an_error_in_a_run_is_reported_on_the_card() -> None:
    """An error in a learner's own program becomes a sentence, and the lab does not hang."""
    lab = labs.lab("code-after-31-seconds")
    lab.predict(1)
    lab.run(lambda practice: practice.said.append(str(1 / len(practice.said))))
    assert stage(lab) == "run" and not lab.busy
    assert "ZeroDivisionError" in lab.problem


def test_a_lessons_home_applies_to_its_own_threads_only(home: Path) -> None:
    """A thread started before the lesson keeps the real home; one started by the lesson keeps the lesson's."""
    lesson_started, lesson_ended = threading.Event(), threading.Event()
    homes_of_earlier_thread: list[Path] = []
    homes_of_lesson_thread: list[Path] = []

    def started_earlier() -> None:
        lesson_started.wait(20)
        homes_of_earlier_thread.append(store.home())

    def started_by_lesson() -> None:
        homes_of_lesson_thread.append(store.home())
        lesson_ended.wait(20)
        homes_of_lesson_thread.append(store.home())

    earlier_thread = threading.Thread(target=started_earlier)
    lesson_thread = threading.Thread(target=started_by_lesson)
    earlier_thread.start()
    with Practice() as practice, practice.inside():
        lesson_started.set()
        lesson_thread.start()
        earlier_thread.join()
        assert store.home() == Path(practice.home)
    lesson_ended.set()
    lesson_thread.join()
    assert homes_of_earlier_thread == [home] and store.home() == home
    assert homes_of_lesson_thread == [Path(practice.home)] * 2


def test_a_lab_can_be_reset_and_repeated() -> None:
    """A lab can be reset even after it was passed, and it stays passed."""
    lab = labs.lab("consent-denied")
    for _ in range(2):
        lab.predict(0)
        lab.run()
        lab.explain(2)
        assert stage(lab) == "passed"
        lab.reset()
        assert stage(lab) == "predict" and lab.exchanges == [] and lab.prediction is None
    assert set(passed_labs.load()) == {"consent-denied"}


def test_with_the_lock_two_notebooks_share_one_refresh(runs: Runs) -> None:
    """In the second half of the race, both notebooks use the pair of a single refresh."""
    calls = runs["two-notebooks-racing"].record
    last_grant = max(
        index for index, call in enumerate(calls) if (call.get("form") or {}).get("decision") == "grant"
    )
    grant_types = [(call.get("form") or {}).get("grant_type") for call in calls[last_grant:]]
    assert grant_types.count("refresh_token") == 1
    api_calls = [call for call in calls[last_grant:] if call["path"] == "/2.0/users/me"]
    succeeded = [call for call in api_calls if call["status"] == 200]
    assert len(succeeded) == 2 and len({call["token"] for call in succeeded}) == 1


def test_lessons_run_in_the_sandbox_only() -> None:
    """The name of a real profile is refused before anything starts."""
    with pytest.raises(ValueError, match="only in the sandbox"):
        labs.practice("acme")


def test_an_unknown_lab_name_lists_all_names() -> None:
    """The message names the labs to choose from."""
    with pytest.raises(ValueError, match="code-after-31-seconds"):
        labs.lab("nonsense")


def test_clicks_in_the_widget_change_the_stage_of_the_lab() -> None:
    """Messages from the front end change the stage; the HTML has no event handlers, and malformed messages are ignored."""
    lab = labs.lab("wrong-redirect-uri")
    lab._repr_mimebundle_()
    view = lab._view
    for kind, value in (("predict", 1), ("run", 0), ("explain", 2), ("explain", 1)):
        view._on_message(view, {"type": kind, "value": value}, [])
    assert view.snapshot["stage"] == "passed"
    assert "Passed." in view.html and "onclick" not in view.html
    view._on_message(view, {"type": "reset", "value": 0}, [])
    assert view.snapshot["stage"] == "predict"
    view._on_message(view, "nonsense", [])
    view._on_message(view, {"type": "predict", "value": 99}, [])
    assert stage(lab) == "predict"


def test_the_repr_of_a_lab_names_it() -> None:
    """A lab shown without a widget says which one it is."""
    assert "code-after-31-seconds" in repr(Lab(labs.EXERCISES["code-after-31-seconds"]))
