"""What a run may spend: no call beyond ``max_calls`` and no wait beyond ``until``, also when the server asks for retries."""

from __future__ import annotations

import datetime
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

import boxnb
from boxnb.harvest import Harvest
from boxnb.sandbox import Sandbox


def calls(sandbox: Sandbox) -> int:
    """Return how many calls of the API the sandbox has received since the last time."""
    return sum(call["path"].startswith("/2.0/") for call in sandbox.record(clear=True))


def by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in a fixed order, without the times at which they were seen."""
    seen = ["first_seen", "seen_since", "last_seen"]
    return frame.drop(columns=seen).sort_values("event_id", ignore_index=True)


@pytest.fixture
def waits(box: boxnb.Box) -> list[float]:
    """Let the session of the Box note its waits instead of waiting, and return them."""
    found: list[float] = []
    session: Any = box.session
    session._sleep = found.append
    return found


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("kind", "executor"), [("429", None), ("503", None), ("reset_after", None), ("503", "pool")]
)
def test_retries_count_against_max_calls(
    free: Sandbox, box: boxnb.Box, kind: str, executor: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often the server fails, no run sends more calls than ``max_calls``; the runs together fetch everything once."""
    monkeypatch.setattr("boxnb.harvest.workers._wait", lambda seconds: None)
    now = pd.Timestamp(free.clock.now(), unit="s", tz="UTC").floor("s")
    times = {"since": now - pd.Timedelta("60D"), "until": now - pd.Timedelta("1D")}
    whole = box.harvest("events", **times, name="whole").run().frame()
    harvest = box.harvest("events", **times, name="failing")
    settings = {"retry_after": 0} if kind == "429" else {}
    allowed = [1, 2, 7]
    with ThreadPoolExecutor(4) as pool:
        for max_calls in allowed:
            free.faults.clear()
            for skip in range(0, 40, 3):
                free.faults.add("/2.0/events", kind, times=2, skip=skip, **settings)
            calls(free)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                harvest.run(max_calls=max_calls, lanes=4, executor=pool if executor else None)
            assert calls(free) <= max_calls
        free.faults.clear()
        harvest.run(executor=pool if executor else None)
    found = harvest.frame()
    assert set(found["event_id"]) == set(whole["event_id"])
    assert list(by_id(found)["event_id"]) == list(by_id(whole)["event_id"])
    assert by_id(found).equals(by_id(whole))
    assert harvest.rounds["calls"].sum() == box.session.ledger.calls - whole.attrs["calls"]


@pytest.mark.usefixtures("waits")
def test_a_spent_budget_names_the_failure(free: Sandbox, box: boxnb.Box) -> None:
    """If ``max_calls`` leaves no call to send a page again, a warning says why, and the next run fetches the page."""
    harvest = box.harvest("events", since="30D")
    free.faults.add("/2.0/events", "503", times=1)
    calls(free)
    with pytest.warns(
        UserWarning, match=r"returned 503 on attempt 1 of 5, and max_calls leaves no .*run\(\)"
    ):
        harvest.run(max_calls=1)
    assert calls(free) == 1
    assert harvest.run().complete


@pytest.mark.parametrize("executor", [None, "pool"])
def test_a_refused_token_counts_against_max_calls(
    free: Sandbox, box: boxnb.Box, executor: str | None
) -> None:
    """The call that is sent again after a refresh counts, and the ledger has all of them."""
    harvest = box.harvest("events", since="30D")
    box.get("/users/me")
    other = boxnb.connect("acme")
    other.session.auth.rotate(rejected=other.session.auth.token().access_token)
    other.get("/users/me")  # the first use of the new token ends the old one
    calls(free)
    before = box.session.ledger.calls
    with ThreadPoolExecutor(1) as pool:
        with pytest.warns(UserWarning, match="access token was refused, and max_calls"):
            harvest.run(max_calls=1, executor=pool if executor else None)
        assert calls(free) == 1 == box.session.ledger.calls - before
        assert harvest.run(executor=pool if executor else None).complete
    assert calls(free) == box.session.ledger.calls - before - 1


@pytest.mark.parametrize("executor", [None, "pool"])
@pytest.mark.parametrize("kind", ["429", "503"])
def test_no_wait_passes_until(
    free: Sandbox,
    box: boxnb.Box,
    kind: str,
    executor: str | None,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that the server asks to wait longer than ``until`` does not wait, and says so."""
    monkeypatch.setattr("boxnb.harvest.workers._wait", waits.append)
    harvest = box.harvest("events", since="30D")
    box.get("/users/me")  # from now on, the skew of the server's clock is known
    free.faults.add("/2.0/events", kind, times=1, retry_after=25)
    with ThreadPoolExecutor(1) as pool:
        with pytest.warns(UserWarning, match=r"until.*run\(\)"):
            harvest.run(until=datetime.timedelta(seconds=20), executor=pool if executor else None)
        assert not harvest.complete
        assert max(waits, default=0) < 20
        assert harvest.run(until="1h", executor=pool if executor else None).complete


def test_no_pause_passes_until(free: Sandbox, box: boxnb.Box, waits: list[float]) -> None:
    """A pause that another process of the profile began is not waited for beyond ``until``."""
    harvest: Harvest = box.harvest("events", since="30D")
    box.get("/users/me")
    box.session._pacer("me", "general").pause_all(100.0)
    calls(free)
    with pytest.warns(UserWarning, match="asked boxnb to wait.*until"):
        harvest.run(until=datetime.timedelta(seconds=20))
    assert calls(free) == 0 and not waits


def test_other_calls_do_not_count(free: Sandbox, box: boxnb.Box) -> None:
    """Calls that the same connection makes outside the run are not counted against its budget."""
    harvest = box.harvest("events", since="366D")
    box.on_progress = lambda progress: box.get("/users/me")
    calls(free)
    harvest.run(max_calls=5)
    box.on_progress = None
    events = sum(call["path"] == "/2.0/events" for call in free.record())
    assert events == 5
