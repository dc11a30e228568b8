"""Pulls during network errors and outages: they return the same DataFrame, or raise an error with the rows so far."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.api.connection import Progress
from boxnb.api.session import BoxSession
from boxnb.auth import RotatingAuth
from boxnb.errors import BoxNotebookError, Interrupted
from boxnb.sandbox import Sandbox

FAILURES: dict[str, dict[str, Any]] = {
    "429": {"retry_after": 7},
    "429 without a header": {},
    "500": {},
    "502": {},
    "503": {"retry_after": 7},
    "503 without a header": {},
    "reset_before": {},
    "reset_after": {},
    "truncated": {},
    "html": {},
    "content_type": {},
    "drip": {"seconds": 0.3},
    "latency": {"seconds": 0.3},
}
HARMLESS = {"content_type", "latency"}
TODAY = pd.Timestamp.now("UTC").floor("D")
SINCE, UNTIL = (str(TODAY - pd.Timedelta(days=days)) for days in (60, 30))
PULLS: dict[str, tuple[str, Callable[[boxnb.Box], pd.DataFrame]]] = {
    "users": ("/2.0/users", lambda box: box.users()),
    "tree": ("/2.0/folders/*", lambda box: box.tree()),
    "memberships": ("/2.0/groups/*", lambda box: box.memberships()),
    "events": ("/2.0/events", lambda box: box.events(stream="admin_logs_streaming")),
    "a month of events": ("/2.0/events", lambda box: box.events(since=SINCE, until=UNTIL)),
}


FULL: dict[str, pd.DataFrame] = {}
"""The result of each pull without a failure, shared by all tests of this module."""


class Time:
    """A clock that only ``sleep`` advances, so that tests do not wait."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start a sandbox that all tests in this module share; they only read."""
    state = tmp_path_factory.mktemp("failures")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox:
        sandbox.clock.freeze()  # otherwise the streams would grow from test to test
        yield sandbox
    FULL.clear()


@pytest.fixture
def box(company: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[boxnb.Box]:
    """Yield the admin's Box, with a clock that does not wait."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    sign_in(company)
    box = boxnb.connect("acme")
    time = Time()
    box.session = BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)
    box.session.deadline = 1.0  # a slow response ("drip") takes 1.5 seconds
    yield box
    company.faults.clear()


def complete_frame(name: str, box: boxnb.Box) -> pd.DataFrame:
    if name not in FULL:
        FULL[name] = PULLS[name][1](box)
    return FULL[name]


def add_fault(company: Sandbox, path: str, failure: str, times: int, skip: int) -> None:
    company.faults.add(path, failure.split()[0], times=times, skip=skip, **FAILURES[failure])


@pytest.mark.parametrize("name", PULLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_short_failure(box: boxnb.Box, company: Sandbox, failure: str, name: str) -> None:
    """After one failed call the DataFrame is the same, unless a proxy responded, which is an error."""
    path, pull = PULLS[name]
    full = complete_frame(name, box)
    add_fault(company, path, failure, times=1, skip=0 if name == "users" else 2)
    if failure != "html":
        frame = pull(box)
        pd.testing.assert_frame_equal(frame, full)
        assert frame.attrs["complete"]
        return
    with pytest.raises(BoxNotebookError, match="proxy") as caught:
        pull(box)
    check(caught.value, box, full)


@pytest.mark.parametrize("name", [name for name in PULLS if name != "users"])  # users have only one page
@pytest.mark.parametrize("failure", sorted(FAILURES.keys() - HARMLESS))
def test_a_lasting_failure(box: boxnb.Box, company: Sandbox, failure: str, name: str) -> None:
    """The error has a message and the rows so far, and a resumed pull fetches the rest."""
    path, pull = PULLS[name]
    full = complete_frame(name, box)
    box.session.deadline = 0.1  # a slow response takes 1.5 seconds, five times
    add_fault(company, path, failure, times=1_000_000, skip=3)
    with pytest.raises(BoxNotebookError) as caught:
        pull(box)
    assert len(str(caught.value)) > 40
    assert "Traceback" not in str(caught.value)
    partial = check(caught.value, box, full)
    company.faults.clear()
    box.session.deadline = 10.0
    resume = partial.attrs["resume"]
    if resume is None:
        assert len(partial) == 0, "there are rows, but the pull cannot be resumed"
        return
    arguments = {"tree": {}, "events": {"stream": "admin_logs_streaming"}}.get(name, {})
    if name == "a month of events":
        arguments = {"until": UNTIL}
    method = "events" if "events" in name else name
    remaining = getattr(box, method)(**arguments, **resume)
    key = "event_id" if method == "events" else "id"
    combined = pd.concat([partial, remaining]).drop_duplicates(key)
    assert set(combined[key]) == set(full[key])


def check(error: BoxNotebookError, box: boxnb.Box, full: pd.DataFrame) -> pd.DataFrame:
    """Check that the partial DataFrame has the columns and rows of the full one, and is marked incomplete."""
    partial = error.partial
    assert partial is not None
    assert partial is box.last_partial
    assert partial.attrs["complete"] is False
    assert list(partial.columns) == list(full.columns)
    key = "event_id" if "event_id" in full else "id"
    rows = full.set_index(key).loc[partial[key]].reset_index()[list(full.columns)]
    for column in full.columns:
        if column not in ("path", "depth") and full[column].dtype != "category":
            pd.testing.assert_series_equal(partial[column], rows[column], check_names=False)
    return partial


def test_a_pull_accepts_its_resume_arguments(box: boxnb.Box) -> None:
    """Every name in ``resume`` is a parameter of the dataset."""
    resume_arguments = {
        "users": {"marker", "offset"},
        "groups": {"offset"},
        "memberships": {"ids"},
        "items": {"marker"},
        "tree": {"pending"},
        "versions": {"offset"},
        "trash": {"marker"},
        "device_pins": {"marker"},
        "collaborations": {"of"},
        "events": {"position", "since"},
    }
    for dataset, arguments in resume_arguments.items():
        assert arguments <= set(inspect.signature(getattr(box, dataset)).parameters), dataset


def test_an_interrupted_walk_can_be_resumed(box: boxnb.Box) -> None:
    """A second walk of the pending folders returns the rest."""
    full = box.tree()

    def stop(progress: Progress) -> None:
        if progress.pages == 12 and not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted) as caught:
        box.tree()
    box.on_progress = None
    partial = caught.value.partial
    assert partial is not None
    remaining = box.tree(**partial.attrs["resume"])
    combined = pd.concat([partial, remaining]).drop_duplicates("id")
    columns = ["id", "path", "depth"]
    assert (
        combined[columns].sort_values("id").to_numpy().tolist()
        == full[columns].sort_values("id").to_numpy().tolist()
    )


def test_interrupted_events_are_complete_up_to_a_moment(box: boxnb.Box) -> None:
    """Although subranges are pulled in parallel, the rows do not have a gap, and a second pull continues from their end."""
    year = {"since": str(TODAY - pd.Timedelta(days=330)), "until": UNTIL}
    full = box.events(**year)
    row_counts: list[int] = []
    stops: list[bool] = []

    def stop(progress: Progress) -> None:
        if stops:
            return
        row_counts.append(progress.rows)
        if progress.pages > 10:
            stops.append(True)
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted) as caught:
        box.events(**year)
    box.on_progress = None
    partial = caught.value.partial
    assert partial is not None
    event_ids = partial.drop_duplicates("event_id")["event_id"].tolist()
    assert 500 < len(event_ids) < len(full)
    assert event_ids == full["event_id"].head(len(event_ids)).tolist()
    remaining = box.events(until=year["until"], **partial.attrs["resume"])
    assert set(event_ids) | set(remaining["event_id"]) == set(full["event_id"])
    assert row_counts == sorted(row_counts)


def test_failed_collaborations_can_be_resumed(box: boxnb.Box, company: Sandbox) -> None:
    """A second pull fetches the collaborations of the remaining folders and files."""
    tree = box.tree()
    tree = tree[tree["has_collaborations"].fillna(False)].groupby("type", observed=True).head(10)
    full = box.collaborations(tree)
    company.faults.add("/2.0/folders/*/collaborations", "500", times=1_000_000, skip=2)
    with pytest.raises(BoxNotebookError) as caught:
        box.collaborations(tree)
    company.faults.clear()
    partial = caught.value.partial
    assert partial is not None
    remaining = box.collaborations(**partial.attrs["resume"])
    assert set(full["id"]) <= set(partial["id"]) | set(remaining["id"])
