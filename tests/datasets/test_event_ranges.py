"""A long range of events is pulled in parallel pieces: complete, in order and in few calls, however it ends."""

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
    free.clock.freeze()  # or a year would end a little later each time
    sign_in(free)
    return boxnb.connect("acme")


@pytest.fixture
def asked(box: boxnb.Box, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return the number of pages requested, by the start of their piece."""
    pages: Counter[str] = Counter()
    fetch = box.session.get_bytes

    def noted(path: str, **params: Any) -> bytes:
        pages[params.get("created_after", "a position")] += 1
        return fetch(path, **params)

    monkeypatch.setattr(box.session, "get_bytes", noted)
    return pages


def pages(sandbox: Sandbox) -> int:
    """Return how many pages of events the sandbox has served."""
    return len([call for call in sandbox.record() if call["path"] == "/2.0/events"])


def slow(sandbox: Sandbox) -> None:
    """Add the latency of a distant Box, for which parallel calls are worthwhile."""
    sandbox.faults.add("/2.0/events", "latency", times=10**6, seconds=0.05)


def test_year_of_events_is_complete(
    free: Sandbox, box: boxnb.Box, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parallel pieces give the same DataFrame as one chain. Busy periods have shorter pieces."""
    with monkeypatch.context() as patch:
        patch.setattr(event_ranges, "THREADS", 1)
        chain = box.events(since="366D")
    assert len(asked) == 1
    slow(free)
    year = box.events(since="366D")
    assert year.equals(chain)
    assert len(year) > 29_000
    assert year["event_id"].is_unique
    assert year["created_at"].is_monotonic_increasing
    assert year["extra"].isna().all()
    assert len(box.events(position=year.attrs["position"])) == 0  # what it has is what comes after the year
    assert year.attrs["calls"] <= chain.attrs["calls"] * 1.1 + 12
    logins = box.events(since="366D", event_type="LOGIN")
    assert logins["event_id"].tolist() == year.loc[year["event_type"] == "LOGIN", "event_id"].tolist()
    details = json.loads(year["additional_details"].dropna().iloc[0])
    assert isinstance(details, dict)


def test_short_first_page_does_not_prevent_pieces(free: Sandbox, box: boxnb.Box, asked: Counter[str]) -> None:
    """Box returns short pages in the middle of a stream, so a short first page does not mean a short range."""
    begins = pd.date_range(end=pd.Timestamp.now("UTC").normalize() - pd.Timedelta("200D"), periods=60)

    def first(begin: pd.Timestamp) -> int:
        query = {"stream_type": "admin_logs", "created_after": event_ranges.rfc3339(begin), "limit": 500}
        return len(box.get("/events", **query)["entries"])

    short = next(begin for begin in begins if first(begin) < 500)
    asked.clear()
    slow(free)
    found = box.events(since=short)
    assert found["event_id"].is_unique
    assert found["created_at"].is_monotonic_increasing
    assert len(found) > 10_000
    assert len(asked) > 3
    assert max(asked.values()) < asked.total() / 2


def test_short_range_is_not_split(free: Sandbox, box: boxnb.Box, asked: Counter[str]) -> None:
    """Pieces cost calls, so two pages are fetched one after the other, plus one that finds the end."""
    slow(free)
    year = box.events(since="366D")
    begin = year["created_at"].iloc[-900].floor("s")
    asked.clear()
    found = box.events(since=begin)
    assert len(found) >= 900
    assert asked.total() <= 4
    assert len(asked) == 1


def test_failed_page_leaves_no_gap(free: Sandbox, box: boxnb.Box) -> None:
    """In any piece, the partial result is the start of the whole, and the resume argument fetches the rest."""
    slow(free)
    whole = box.events(since="366D")
    for page in (2, 12, 25, 40):
        free.faults.clear()
        free.faults.add("/2.0/events", "html", skip=page, times=1)
        slow(free)
        with pytest.raises(BoxUnavailableError) as caught:
            box.events(since="366D")
        partial = caught.value.partial
        assert partial is not None
        assert 0 < len(partial) < len(whole)
        assert partial["event_id"].tolist() == whole["event_id"].head(len(partial)).tolist()
        assert partial.attrs["complete"] is False
        assert "position" not in partial.attrs
        rest = box.events(**partial.attrs["resume"])
        assert rest["event_id"].tolist() == whole["event_id"].tail(len(rest)).tolist()
        assert len(partial) + len(rest) >= len(whole)


def test_pieces_before_a_failed_one_are_kept(
    free: Sandbox, box: boxnb.Box, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The piece of the newest events fails at once, and the events of all earlier pieces are returned."""
    slow(free)
    whole = box.events(since="366D")
    newest = max(asked)
    fetch = box.session.get_bytes

    def broken(path: str, **params: Any) -> bytes:
        if params["created_after"] > event_ranges.rfc3339(whole["created_at"].iloc[len(whole) // 2]):
            raise BoxUnavailableError("The response is not a page of entries. Try again.", status=200)
        return fetch(path, **params)

    assert newest > event_ranges.rfc3339(whole["created_at"].iloc[len(whole) // 2])
    monkeypatch.setattr(box.session, "get_bytes", broken)
    with pytest.raises(BoxUnavailableError) as caught:
        box.events(since="366D")
    partial = caught.value.partial
    assert partial is not None
    assert partial["event_id"].tolist() == whole["event_id"].head(len(partial)).tolist()
    assert len(partial) > len(whole) // 3


def test_interrupt_leaves_no_gap(free: Sandbox, box: boxnb.Box) -> None:
    """The start of the whole is kept, up to the first piece that has not ended."""
    slow(free)
    whole = box.events(since="366D")

    def stop(progress: Progress) -> None:
        if not progress.done and progress.rows > 8_000:
            raise KeyboardInterrupt

    box.on_progress = stop
    with pytest.raises(Interrupted, match=r"box.last_partial"):
        box.events(since="366D")
    partial = box.last_partial
    assert partial is not None
    assert 0 < len(partial) < len(whole)
    assert partial["event_id"].tolist() == whole["event_id"].head(len(partial)).tolist()


def test_interrupt_does_not_wait_for_a_hanging_call(
    free: Sandbox, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events of the first piece are kept, and waiting threads make no further call."""
    hanging = Hanging(box, monkeypatch)
    box.on_progress = hanging.interrupt
    slow(free)
    with pytest.raises(Interrupted):
        box.events(since="366D")
    left = hanging.left()
    assert left, "the calls on their way were waited for"
    assert box.last_partial is not None
    assert len(box.last_partial) > 0
    begun = pages(free)
    hanging.let_go()
    assert pages(free) <= begun + len(left)


def test_progress_ends_at_the_number_of_rows(free: Sandbox, box: boxnb.Box) -> None:
    """It never decreases, and repeated events are not counted, except for one second at each seam."""
    slow(free)
    seen: list[Progress] = []
    box.on_progress = seen.append
    year = box.events(since="366D")
    assert seen[-1].done
    rows = [progress.rows for progress in seen]
    assert rows == sorted(rows)
    assert len(year) <= seen[-1].rows <= len(year) + 100


def test_thousands_of_events_in_one_second_are_fetched_once(
    free: Sandbox, box: boxnb.Box, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script made 2,000 folders; no cut is so close to that second that the events are fetched again."""
    second = pd.Timestamp(free.clock.now(), unit="s", tz="UTC").floor("s")
    names = [{"name": f"folder {number}", "parent": {"id": "0"}} for number in range(2_000)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda body: box.session.call("POST", "/folders", json=body), names))
    free.clock.advance(86_400)  # admin_logs come late
    slow(free)
    monkeypatch.setattr(event_ranges, "THREADS", 4)
    found = box.events(since=second - pd.Timedelta("1s"), until=second + pd.Timedelta("6s"))
    assert (found["created_at"] == second).sum() >= 2_000
    assert found["event_id"].is_unique
    assert asked.total() <= 8  # short pages among them, and the end
    assert len(asked) == 1
    around = box.events(since=second - pd.Timedelta("1D"), until=second + pd.Timedelta("1D"))
    assert (around["created_at"] == second).sum() == (found["created_at"] == second).sum()
    assert around["event_id"].is_unique


def test_error_in_a_thread_ends_the_pull(
    free: Sandbox, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error between two pieces is raised, and nothing waits forever for the next piece."""

    def broken(chain: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(event_ranges._Subranges, "_next", broken)
    with pytest.raises(ZeroDivisionError):
        box.events(since="366D")


def test_interrupt_after_the_last_page_keeps_all_rows(
    box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt comes while the DataFrame is created."""
    once = event_log._without_duplicates
    presses = iter([KeyboardInterrupt()])

    def pressed(whole: pd.DataFrame) -> pd.DataFrame:
        for press in presses:
            raise press
        return once(whole)

    rows = len(box.events(since="3D"))
    monkeypatch.setattr(event_log, "_without_duplicates", pressed)
    with pytest.raises(Interrupted):
        box.events(since="3D")
    assert box.last_partial is not None
    assert len(box.last_partial) == rows


def test_events_without_an_id_are_not_duplicates() -> None:
    """Box may leave the id out; each row is still an event."""
    rows = [{"event_id": "1"}, {"event_type": "LOGIN"}, {"event_id": "1"}, {"event_type": "LOGIN"}]
    assert event_log._without_duplicates(frame(rows, schema.EVENTS))["event_id"].fillna("none").tolist() == [
        "1",
        "none",
        "none",
    ]
