"""Network errors, proxies and busy servers during a pull: the same DataFrame, or an error with the rows so far."""

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

TROUBLES: dict[str, dict[str, Any]] = {
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
WORKS: dict[str, tuple[str, Callable[[boxnb.Box], pd.DataFrame]]] = {
    "users": ("/2.0/users", lambda box: box.users()),
    "tree": ("/2.0/folders/*", lambda box: box.tree()),
    "memberships": ("/2.0/groups/*", lambda box: box.memberships()),
    "events": ("/2.0/events", lambda box: box.events(stream="admin_logs_streaming")),
    "a month of events": ("/2.0/events", lambda box: box.events(since="2026-09-01", until="2026-10-01")),
}


WHOLE: dict[str, pd.DataFrame] = {}
"""The result of each pull without a failure, shared by all tests in this module."""


class Time:
    """A clock that only waiting moves, so that no test waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start a sandbox that all tests in this module share; they only read."""
    state = tmp_path_factory.mktemp("troubles")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox:
        sandbox.clock.freeze()  # otherwise the streams would grow from test to test
        yield sandbox
    WHOLE.clear()


@pytest.fixture
def box(company: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[boxnb.Box]:
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    sign_in(company)
    box = boxnb.connect("acme")
    time = Time()
    box.session = BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)
    box.session.deadline = 1.0  # a slow response ("drip") takes 1.5 seconds
    yield box
    company.faults.clear()


def complete_frame(work: str, box: boxnb.Box) -> pd.DataFrame:
    if work not in WHOLE:
        WHOLE[work] = WORKS[work][1](box)
    return WHOLE[work]


def add_fault(company: Sandbox, path: str, trouble: str, times: int, skip: int) -> None:
    company.faults.add(path, trouble.split()[0], times=times, skip=skip, **TROUBLES[trouble])


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_short_failure(box: boxnb.Box, company: Sandbox, trouble: str, work: str) -> None:
    """After one failed call the DataFrame is the same, row for row; the page of a proxy is an error."""
    path, pull = WORKS[work]
    whole = complete_frame(work, box)
    add_fault(company, path, trouble, times=1, skip=0 if work == "users" else 2)
    if trouble != "html":
        frame = pull(box)
        pd.testing.assert_frame_equal(frame, whole)
        assert frame.attrs["complete"]
        return
    with pytest.raises(BoxNotebookError, match="proxy") as caught:
        pull(box)
    check(caught.value, box, whole)


@pytest.mark.parametrize("work", [work for work in WORKS if work != "users"])  # users have only one page
@pytest.mark.parametrize("trouble", sorted(TROUBLES.keys() - HARMLESS))
def test_a_lasting_failure(box: boxnb.Box, company: Sandbox, trouble: str, work: str) -> None:
    """The error has a message and the rows so far, and a second pull fetches the rest."""
    path, pull = WORKS[work]
    whole = complete_frame(work, box)
    box.session.deadline = 0.1  # a slow response takes 1.5 seconds, five times
    add_fault(company, path, trouble, times=1_000_000, skip=3)
    with pytest.raises(BoxNotebookError) as caught:
        pull(box)
    assert len(str(caught.value)) > 40
    assert "Traceback" not in str(caught.value)
    partial = check(caught.value, box, whole)
    company.faults.clear()
    box.session.deadline = 10.0
    more = partial.attrs["resume"]
    if more is None:
        assert len(partial) == 0, "there are rows but no way to resume"
        return
    arguments = {"tree": {}, "events": {"stream": "admin_logs_streaming"}}.get(work, {})
    if work == "a month of events":
        arguments = {"until": "2026-10-01"}
    name = "events" if "events" in work else work
    rest = getattr(box, name)(**arguments, **more)
    key = "event_id" if name == "events" else "id"
    both = pd.concat([partial, rest]).drop_duplicates(key)
    assert set(both[key]) == set(whole[key])


def check(error: BoxNotebookError, box: boxnb.Box, whole: pd.DataFrame) -> pd.DataFrame:
    """Check the partial DataFrame: the same columns, only rows of the complete pull, and marked as incomplete."""
    partial = error.partial
    assert partial is not None
    assert partial is box.last_partial
    assert partial.attrs["complete"] is False
    assert list(partial.columns) == list(whole.columns)
    key = "event_id" if "event_id" in whole else "id"
    rows = whole.set_index(key).loc[partial[key]].reset_index()[list(whole.columns)]
    for column in whole.columns:
        if column not in ("path", "depth") and whole[column].dtype != "category":
            pd.testing.assert_series_equal(partial[column], rows[column], check_names=False)
    return partial


def test_a_pull_accepts_its_resume_arguments(box: boxnb.Box) -> None:
    """Every name in ``resume`` is a parameter of the dataset."""
    names = {
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
    for dataset, taken in names.items():
        assert taken <= set(inspect.signature(getattr(box, dataset)).parameters), dataset


def test_an_interrupted_walk_can_be_resumed(box: boxnb.Box) -> None:
    """A walk of the pending folders fetches the rest."""
    whole = box.tree()

    def stop(progress: Progress) -> None:
        if progress.pages == 12 and not progress.done:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted) as caught:
        box.tree()
    box.on_progress = None
    partial = caught.value.partial
    assert partial is not None
    rest = box.tree(**partial.attrs["resume"])
    both = pd.concat([partial, rest]).drop_duplicates("id")
    columns = ["id", "path", "depth"]
    assert (
        both[columns].sort_values("id").to_numpy().tolist()
        == whole[columns].sort_values("id").to_numpy().tolist()
    )


def test_interrupted_events_are_complete_up_to_a_moment(box: boxnb.Box) -> None:
    """Several ranges are pulled at once; the rows have no gap, and a second pull continues from their end."""
    year = {"since": "2026-01-01", "until": "2026-10-01"}
    whole = box.events(**year)
    seen: list[int] = []
    stopped: list[bool] = []

    def stop(progress: Progress) -> None:
        if stopped:
            return
        seen.append(progress.rows)
        if progress.pages > 10:
            stopped.append(True)
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted) as caught:
        box.events(**year)
    box.on_progress = None
    partial = caught.value.partial
    assert partial is not None
    once = partial.drop_duplicates("event_id")["event_id"].tolist()
    assert 500 < len(once) < len(whole)
    assert once == whole["event_id"].head(len(once)).tolist()
    rest = box.events(until=year["until"], **partial.attrs["resume"])
    assert set(once) | set(rest["event_id"]) == set(whole["event_id"])
    assert seen == sorted(seen)


def test_failed_collaborations_can_be_resumed(box: boxnb.Box, company: Sandbox) -> None:
    """Folders and files are mixed; the second pull fetches those not fetched yet."""
    tree = box.tree()
    tree = tree[tree["has_collaborations"].fillna(False)].groupby("type", observed=True).head(10)
    whole = box.collaborations(tree)
    company.faults.add("/2.0/folders/*/collaborations", "500", times=1_000_000, skip=2)
    with pytest.raises(BoxNotebookError) as caught:
        box.collaborations(tree)
    company.faults.clear()
    partial = caught.value.partial
    assert partial is not None
    rest = box.collaborations(**partial.attrs["resume"])
    assert set(whole["id"]) <= set(partial["id"]) | set(rest["id"])
