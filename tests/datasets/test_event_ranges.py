"""A long range of events is pulled as parallel subranges: complete, in order and with few calls."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from hanging import Hanging
from signing import sign_in

import boxnb
from boxnb.api.connection import Progress
from boxnb.datasets import event_log, event_ranges
from boxnb.errors import BoxUnavailableError, Interrupted
from boxnb.frames import frame, schema
from boxnb.sandbox import Sandbox


@pytest.fixture
def box(free: Sandbox) -> boxnb.Box:
    """Return a Box whose clock does not move."""
    free.clock.freeze()  # otherwise a year would end a little later each time
    sign_in(free)
    return boxnb.connect("acme")


@pytest.fixture
def requests(box: boxnb.Box, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a counter of the pages requested, by the start of their subrange."""
    pages: Counter[str] = Counter()
    fetch = box.session.get_bytes

    def counting_fetch(path: str, **params: Any) -> bytes:
        pages[params.get("created_after", "a position")] += 1
        return fetch(path, **params)

    monkeypatch.setattr(box.session, "get_bytes", counting_fetch)
    return pages


def pages(sandbox: Sandbox) -> int:
    """Return the number of pages of events that the sandbox has served."""
    return len([call for call in sandbox.record() if call["path"] == "/2.0/events"])


def slow(sandbox: Sandbox) -> None:
    """Add the latency of a distant Box, which makes parallel calls worthwhile."""
    sandbox.faults.add("/2.0/events", "latency", times=10**6, seconds=0.05)


def test_year_of_events_is_complete(
    free: Sandbox, box: boxnb.Box, requests: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parallel subranges give the same DataFrame as one page after another, and few more calls are made."""
    with monkeypatch.context() as single_thread:
        single_thread.setattr(event_ranges, "THREADS", 1)
        one_by_one = box.events(since="366D")
    assert len(requests) == 1
    slow(free)
    year = box.events(since="366D")
    assert year.equals(one_by_one)
    assert len(year) > 29_000
    assert year["event_id"].is_unique
    assert year["created_at"].is_monotonic_increasing
    assert year["extra"].isna().all()
    assert len(box.events(position=year.attrs["position"])) == 0  # no events come after the year
    assert year.attrs["calls"] <= one_by_one.attrs["calls"] * 1.1 + 12
    logins = box.events(since="366D", event_type="LOGIN")
    assert logins["event_id"].tolist() == year.loc[year["event_type"] == "LOGIN", "event_id"].tolist()
    details = json.loads(year["additional_details"].dropna().iloc[0])
    assert isinstance(details, dict)


def test_short_first_page_does_not_prevent_subranges(
    free: Sandbox, box: boxnb.Box, requests: Counter[str]
) -> None:
    """Box returns short pages in the middle of a stream, so a short first page does not mean a short range."""
    begins = pd.date_range(end=pd.Timestamp.now("UTC").normalize() - pd.Timedelta("200D"), periods=60)

    def first_page_rows(begin: pd.Timestamp) -> int:
        query = {"stream_type": "admin_logs", "created_after": event_ranges.rfc3339(begin), "limit": 500}
        return len(box.get("/events", **query)["entries"])

    begin_of_short_page = next(begin for begin in begins if first_page_rows(begin) < 500)
    requests.clear()
    slow(free)
    events = box.events(since=begin_of_short_page)
    assert events["event_id"].is_unique
    assert events["created_at"].is_monotonic_increasing
    assert len(events) > 10_000
    assert len(requests) > 3
    assert max(requests.values()) < requests.total() / 2


def test_short_range_is_not_split(free: Sandbox, box: boxnb.Box, requests: Counter[str]) -> None:
    """Subranges take more calls, so two pages are fetched one after the other, and then the empty page at the end."""
    slow(free)
    year = box.events(since="366D")
    times = year["created_at"]
    first = next(  # two pages are estimated only where the events of the second are about as dense as those of the first
        row
        for row in range(len(times) - 1000, 0, -100)
        if times[row + 900] - times[row] < 2.5 * (times[row + 500] - times[row])
    )
    requests.clear()
    events = box.events(since=times[first].floor("s"), until=times[first + 900])
    assert len(events) >= 900
    assert requests.total() <= 4
    assert len(requests) == 1


def test_failed_page_does_not_leave_a_gap(free: Sandbox, box: boxnb.Box) -> None:
    """The partial result is the beginning of the full one, and the resume argument fetches the rest."""
    slow(free)
    full = box.events(since="366D")
    for page in (2, 12, 25, 40):
        free.faults.clear()
        free.faults.add("/2.0/events", "html", skip=page, times=1)
        slow(free)
        with pytest.raises(BoxUnavailableError) as caught:
            box.events(since="366D")
        partial = caught.value.partial
        assert partial is not None
        assert 0 < len(partial) < len(full)
        assert partial["event_id"].tolist() == full["event_id"].head(len(partial)).tolist()
        assert partial.attrs["complete"] is False
        assert "position" not in partial.attrs
        remaining = box.events(**partial.attrs["resume"])
        assert remaining["event_id"].tolist() == full["event_id"].tail(len(remaining)).tolist()
        assert len(partial) + len(remaining) >= len(full)


def test_subranges_before_a_failed_one_are_returned(
    free: Sandbox, box: boxnb.Box, requests: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subrange of the newest events fails first, and the events of all earlier ones are returned."""
    slow(free)
    full = box.events(since="366D")
    last_start = max(requests)
    fetch = box.session.get_bytes

    def failing_fetch(path: str, **params: Any) -> bytes:
        if params["created_after"] > event_ranges.rfc3339(full["created_at"].iloc[len(full) // 2]):
            raise BoxUnavailableError("The response is not a page of entries. Try again.", status=200)
        return fetch(path, **params)

    assert last_start > event_ranges.rfc3339(full["created_at"].iloc[len(full) // 2])
    monkeypatch.setattr(box.session, "get_bytes", failing_fetch)
    with pytest.raises(BoxUnavailableError) as caught:
        box.events(since="366D")
    partial = caught.value.partial
    assert partial is not None
    assert partial["event_id"].tolist() == full["event_id"].head(len(partial)).tolist()
    assert len(partial) > len(full) // 3


def test_interrupt_does_not_leave_a_gap(free: Sandbox, box: boxnb.Box) -> None:
    """The partial result is the beginning of the full one."""
    slow(free)
    full = box.events(since="366D")

    def stop(progress: Progress) -> None:
        if not progress.done and progress.rows > 8_000:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted, match=r"box.last_partial"):
        box.events(since="366D")
    partial = box.last_partial
    assert partial is not None
    assert 0 < len(partial) < len(full)
    assert partial["event_id"].tolist() == full["event_id"].head(len(partial)).tolist()


def test_interrupt_does_not_wait_for_a_hanging_call(
    free: Sandbox, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events of the first subrange are kept, and threads that wait for a call do not make another one."""
    hanging = Hanging(box, monkeypatch)
    box.on_progress = hanging.interrupt
    slow(free)
    with pytest.raises(Interrupted):
        box.events(since="366D")
    hanging_threads = hanging.left()
    assert hanging_threads, "the interrupt waited for the calls in flight"
    assert box.last_partial is not None
    assert len(box.last_partial) > 0
    pages_before = pages(free)
    hanging.let_go()
    assert pages(free) <= pages_before + len(hanging_threads)


def test_progress_ends_at_the_number_of_rows(free: Sandbox, box: boxnb.Box) -> None:
    """Progress never decreases, and counts repeated events only in the second at each split."""
    slow(free)
    reports: list[Progress] = []
    box.on_progress = reports.append
    year = box.events(since="366D")
    assert reports[-1].done
    rows = [progress.rows for progress in reports]
    assert rows == sorted(rows)
    assert len(year) <= reports[-1].rows <= len(year) + 100


def test_thousands_of_events_in_one_second_are_fetched_once(
    free: Sandbox, box: boxnb.Box, requests: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script created 2,000 folders. The range is not split near that second, so its events are fetched once."""
    second = pd.Timestamp(free.clock.now(), unit="s", tz="UTC").floor("s")
    names = [{"name": f"folder {number}", "parent": {"id": "0"}} for number in range(2_000)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda body: box.session.call("POST", "/folders", json=body), names))
    free.clock.advance(86_400)  # admin_logs come late
    slow(free)
    monkeypatch.setattr(event_ranges, "THREADS", 4)
    events = box.events(since=second - pd.Timedelta("1s"), until=second + pd.Timedelta("6s"))
    assert (events["created_at"] == second).sum() >= 2_000
    assert events["event_id"].is_unique
    assert requests.total() <= 8  # including short pages and the empty one at the end
    assert len(requests) == 1
    around = box.events(since=second - pd.Timedelta("1D"), until=second + pd.Timedelta("1D"))
    assert (around["created_at"] == second).sum() == (events["created_at"] == second).sum()
    assert around["event_id"].is_unique


def test_error_in_a_thread_ends_the_pull(
    free: Sandbox, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error between two subranges is raised, and the pull does not wait forever for the next one."""

    def fail(subranges: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(event_ranges._Subranges, "_next", fail)
    with pytest.raises(ZeroDivisionError):
        box.events(since="366D")


def test_interrupt_after_the_last_page_keeps_all_rows(
    box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while the DataFrame is created does not lose rows."""
    without_duplicates = event_log._without_duplicates
    interrupts = iter([KeyboardInterrupt()])

    def interrupt_once(events: pd.DataFrame) -> pd.DataFrame:
        for interrupt in interrupts:
            raise interrupt
        return without_duplicates(events)

    rows = len(box.events(since="3D"))
    monkeypatch.setattr(event_log, "_without_duplicates", interrupt_once)
    with pytest.raises(Interrupted):
        box.events(since="3D")
    assert box.last_partial is not None
    assert len(box.last_partial) == rows


def test_events_without_an_id_are_not_duplicates() -> None:
    """Rows without an id stay, because Box may leave it out."""
    rows = [{"event_id": "1"}, {"event_type": "LOGIN"}, {"event_id": "1"}, {"event_type": "LOGIN"}]
    assert event_log._without_duplicates(frame(rows, schema.EVENTS))["event_id"].fillna("none").tolist() == [
        "1",
        "none",
        "none",
    ]
