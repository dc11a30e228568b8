"""A harvest of admin events: it is complete, has each event once, continues after a kill, and is updated with few calls."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import harvesting
import pandas as pd
import pytest

import boxnb
from boxnb.errors import ArgumentError, BoxUnavailableError, HarvestError, RangeError
from boxnb.sandbox import Sandbox


def calls(sandbox: Sandbox) -> int:
    """Return how many pages of events the sandbox has been asked for since the last time."""
    return sum(call["path"] == "/2.0/events" for call in sandbox.record(clear=True))


def by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the dataset, in order of the event ids."""
    seen = ["first_seen", "seen_since", "last_seen"]
    return frame.drop(columns=seen, errors="ignore").sort_values("event_id", ignore_index=True)


def test_a_harvest_has_the_rows_of_the_dataset_for_as_many_calls(free: Sandbox, box: boxnb.Box) -> None:
    """A harvest has the same rows and dtypes as ``box.events``, in order of time, for at most one percent more calls."""
    free.faults.add("/2.0/events", "latency", times=10**6, seconds=0.03)
    year = box.events(since="366D")
    calls(free)
    harvest = box.harvest("events", since="366D")
    assert calls(free) == 0
    assert "not started" in repr(harvest)
    assert harvest.run() is harvest
    made = calls(free)
    events = harvest.frame()
    assert by_id(events).equals(by_id(year))
    assert events["created_at"].is_monotonic_increasing
    assert made <= year.attrs["calls"] * 1.01 + 1
    assert events.attrs["complete"] is True
    assert harvest.complete
    assert harvest.run() is harvest
    assert calls(free) == 0


def test_any_program_reads_the_folder(box: boxnb.Box) -> None:
    """``path`` has few Parquet files with the rows of ``frame()``, and nothing else."""
    harvest = box.harvest("events", since="60D").run()
    assert {file.suffix for file in harvest.path.iterdir()} == {".parquet"}
    assert len(list(harvest.path.iterdir())) == 1
    whole = pd.read_parquet(harvest.path)
    assert list(whole.columns) == list(harvest.frame().columns)
    assert set(whole["event_id"]) == set(harvest.frame()["event_id"])


def test_a_killed_harvest_continues_with_what_is_missing(free: Sandbox, box: boxnb.Box) -> None:
    """After kills at random moments, the result is the same row for row, and few calls are made again."""
    free.faults.add("/2.0/events", "latency", times=10**6, seconds=0.05)
    whole = box.harvest("events", since="366D", name="whole").run()
    uninterrupted = calls(free)
    rng = random.Random(1)
    killed = 0
    for _ in range(6):
        killed += harvesting.run_and_kill("events", rng.uniform(0.1, 0.5), since="366D", name="killed")
    harvest = box.harvest("events", since="366D", name="killed").run()
    assert killed >= 3
    assert by_id(harvest.frame()).equals(by_id(whole.frame()))
    assert harvest.verify().empty
    assert calls(free) <= uninterrupted + killed * 8


@pytest.mark.parametrize("kind", ["html", "reset_after", "truncated"])
def test_a_failed_page_keeps_the_others(free: Sandbox, box: boxnb.Box, kind: str) -> None:
    """A page that cannot be fetched ends the run; the next run fetches it, and the result has no gap."""
    whole = box.harvest("events", since="200D", name="whole").run().frame()
    free.faults.add("/2.0/events", kind, skip=6, times=5 if kind == "reset_after" else 1)
    harvest = box.harvest("events", since="200D", name="failed")
    try:
        harvest.run()
    except boxnb.BoxNotebookError:
        assert not harvest.complete
        assert harvest.frame().attrs["complete"] is False
        assert "not finished" in repr(harvest)
    free.faults.clear()
    assert by_id(harvest.run().frame()).equals(by_id(whole))


def test_a_budget_stops_a_run_and_the_next_continues(free: Sandbox, box: boxnb.Box) -> None:
    """No run exceeds ``max_calls``; several runs with a budget complete the harvest."""
    harvest = box.harvest("events", since="366D")
    made = []
    while not harvest.complete:
        calls(free)
        harvest.run(max_calls=15)
        made.append(calls(free))
    assert max(made) == 15
    assert len(made) >= 4
    assert by_id(harvest.frame()).equals(by_id(box.events(since="366D")))


def test_until_stops_a_run(free: Sandbox, box: boxnb.Box) -> None:
    """A run that should end before now does not make a call."""
    harvest = box.harvest("events", since="30D")
    calls(free)
    harvest.run(until=pd.Timestamp(free.clock.now() - 3600, unit="s", tz="UTC"))
    assert calls(free) == 0
    assert not harvest.complete
    assert harvest.run(until="1h").complete


def test_an_update_fetches_what_is_new_with_few_calls(free: Sandbox, box: boxnb.Box) -> None:
    """An update adds new events and those that arrive late, each once, with a few calls."""
    harvest = box.harvest("events", since="300D").run()
    first = harvest.frame()
    for name in ("a", "b", "c"):
        box.session.post("/folders", json={"name": name, "parent": {"id": "0"}})
    free.clock.advance(7200)
    calls(free)
    new = harvest.update()
    assert calls(free) <= 6
    assert "ITEM_CREATE" in set(new["event_type"]) or len(new) >= 3
    assert set(new["change"]) == {"new"}
    later = harvest.frame()
    assert len(later) == len(first) + len(new)
    assert later["event_id"].is_unique
    assert by_id(later[later["created_at"] >= first["created_at"].min()]).equals(
        by_id(box.events(since=first["created_at"].min()))
    )
    then = harvest.at(first["last_seen"].iloc[0])
    assert by_id(then).equals(by_id(first))
    assert len(harvest.update()) == 0


def test_rows_say_when_they_were_first_seen(free: Sandbox, box: boxnb.Box) -> None:
    """``first_seen`` is the time of the round, and ``changes`` returns what came after a time."""
    harvest = box.harvest("events", since="10D").run()
    begun = harvest.rounds["begun"].iloc[0]
    assert set(harvest.frame()["first_seen"]) == {begun}
    free.clock.advance(3600)
    box.session.post("/folders", json={"name": "new", "parent": {"id": "0"}})
    free.clock.advance(3600)
    new = harvest.update()
    assert len(new) > 0
    assert harvest.changes(begun)["event_id"].tolist() == new["event_id"].tolist()
    assert len(harvest.changes("1min")) == 0 or harvest.rounds["begun"].iloc[1] > begun
    with pytest.raises(RangeError, match="does not go back that far"):
        harvest.at("9D")


def test_sql_reads_the_harvest_and_nothing_else(box: boxnb.Box, tmp_path: Path) -> None:
    """SQL returns boxnb's dtypes; a query that reads another file is refused in one sentence."""
    harvest = box.harvest("events", since="60D").run()
    counts = harvest.sql(
        "SELECT event_type, count(*) AS n, max(created_at) AS last FROM harvest GROUP BY ALL ORDER BY n DESC"
    )
    assert counts["n"].sum() == len(harvest.frame())
    assert [str(dtype) for dtype in counts.dtypes] == ["str", "Int64", "datetime64[us, UTC]"]
    other = tmp_path / "other.parquet"
    shutil.copy(next(harvest.path.iterdir()), other)
    with pytest.raises(ArgumentError, match="cannot be run"):
        harvest.sql(f"SELECT * FROM read_parquet('{other}')")
    with pytest.raises(ArgumentError, match="cannot be run"):
        harvest.sql("SELECT nonsense FROM harvest")
    downloads = harvest.frame(columns=["event_id", "created_at"], where="event_type = 'DOWNLOAD'")
    events = harvest.frame()
    expected = events.loc[events["event_type"] == "DOWNLOAD", ["event_id", "created_at"]]
    assert downloads["event_id"].sort_values().tolist() == expected["event_id"].sort_values().tolist()
    assert downloads["created_at"].dtype == "datetime64[us, UTC]"


def test_event_types_and_ranges_are_harvests_of_their_own(box: boxnb.Box) -> None:
    """Each combination of arguments has its own folder, and the same line finds the same harvest."""
    logins = box.harvest("events", since="60D", event_type="LOGIN").run()
    assert set(logins.frame()["event_type"]) == {"LOGIN"}
    assert box.harvest("events", since="60D", event_type=["LOGIN"]).folder == logins.folder
    assert box.harvest("events", since="60D").folder != logins.folder
    with pytest.raises(ArgumentError, match="Pass the same arguments"):
        box.harvest("events", since="61D", folder=logins.folder).run()


@pytest.mark.parametrize(
    ("dataset", "arguments", "message"),
    [
        ("nothing", {}, "dataset"),
        ("events", {"since": "yesterday-ish"}, "Cannot read"),
        ("events", {"colour": "red"}, "takes since, until, event_type, not 'colour'"),
        ("users", {"user_type": "odd"}, "user_type"),
        ("groups", {"since": "7D"}, "takes no arguments"),
        ("events", {"name": "../outside"}, "name takes letters"),
    ],
)
def test_wrong_arguments_are_named(
    box: boxnb.Box, dataset: str, arguments: dict[str, Any], message: str
) -> None:
    """A wrong argument is named before anything is created."""
    with pytest.raises(boxnb.BoxNotebookError, match=message):
        box.harvest(dataset, **arguments)


def test_a_harvest_that_was_not_started_says_so(box: boxnb.Box) -> None:
    """Reading before ``run()`` is an error in one sentence, and nothing is created."""
    harvest = box.harvest("events")
    for read in (harvest.frame, lambda: harvest.sql("SELECT 1"), lambda: harvest.at("1D")):
        with pytest.raises(HarvestError, match=r"Call run\(\) first"):
            read()
    assert not harvest.folder.exists()
    assert len(harvest.rounds) == len(harvest.doubts) == 0


def test_refused_by_the_server(free: Sandbox, box: boxnb.Box) -> None:
    """An outage ends the run with the error of the pull; nothing is lost."""
    harvest = box.harvest("events", since="60D")
    with free.faults.during("/2.0/events", "html"), pytest.raises(BoxUnavailableError):
        harvest.run()
    assert harvest.run().complete


def test_a_report_covers_each_event_once(free: Sandbox, box: boxnb.Box) -> None:
    """Until a report is marked, it covers the same events again; afterwards, only what is new."""
    harvest = box.harvest("events", since="30D")
    harvest.update()
    assert len(harvest.rounds) == 1
    first = harvest.unreported()
    assert first.attrs["first_report"] is True
    assert len(first) == len(harvest.frame()) == len(harvest.unreported())
    harvest.mark_reported()
    assert harvest.unreported().empty
    box.session.post("/folders", json={"name": "new", "parent": {"id": "0"}})
    free.clock.advance(7200)
    harvest.update()
    new = harvest.unreported()
    assert new.attrs["first_report"] is False
    assert 0 < len(new) < 20
    assert not set(new["event_id"]) & set(first["event_id"])


def test_the_card_says_what_a_run_costs(free: Sandbox, box: boxnb.Box) -> None:
    """After a run, the card of the same dataset says what another costs, and its share of the month's licence."""
    boxnb.store.configure("acme", monthly_calls=100)
    box = boxnb.connect("acme")
    assert "not known yet" in repr(box.harvest("memberships"))
    harvest = box.harvest("memberships").run()
    assert "Next update    about 26 calls" in repr(harvest)
    assert "about 26 calls, less than a minute, 26% of the month's licence" in repr(
        box.harvest("memberships", name="other")
    )
    assert "names and logins" in harvest._repr_html_()
    assert harvest.update().empty
    assert harvest.rounds["calls"].tolist() == [26, 26]
