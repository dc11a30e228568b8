"""``verify(repair=True)`` removes damaged parts, and the next run fetches their rows again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import boxnb
from boxnb.errors import HarvestError
from boxnb.harvest import Harvest, parts
from boxnb.sandbox import Sandbox

SEEN = ["first_seen", "seen_since", "last_seen"]


def damage(file: Path, how: str) -> None:
    """Truncate a file, change one bit of it, or delete it."""
    content = file.read_bytes()
    middle = len(content) // 2
    if how == "truncated":
        file.write_bytes(content[:middle])
    elif how == "bit":
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        file.unlink()


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in a fixed order, without the times at which they were seen."""
    key = [name for name in ("type", "id", "event_id") if name in frame]
    return frame.drop(columns=SEEN).sort_values(key, ignore_index=True)


def calls(sandbox: Sandbox) -> int:
    """Return how many calls the sandbox has received since the last time."""
    return sum(call["path"].startswith("/2.0/") for call in sandbox.record(clear=True))


@pytest.mark.parametrize("how", ["truncated", "bit", "missing"])
def test_a_damaged_part_of_users_is_fetched_again(free: Sandbox, box: boxnb.Box, how: str) -> None:
    """Without repair, nothing is removed; with it, the next run fetches the rows again, and the doubts say so."""
    harvest = box.harvest("users").run()
    before = harvest.frame()
    file = next(harvest.path.glob("*.parquet"))
    damage(file, how)
    assert len(harvest.verify()) == 1
    with pytest.raises(HarvestError, match=r"verify\(repair=True\) and then run\(\)"):
        harvest.frame()
    assert len(harvest.verify(repair=True)) == 1
    assert not file.exists() and not harvest.complete
    assert harvest.verify().empty and harvest.frame().empty
    assert "run() fetches their rows again" in repr(harvest)
    free.clock.advance(60)
    harvest.run()
    assert harvest.complete and harvest.verify().empty
    assert plain(harvest.frame()).equals(plain(before))
    assert harvest.rounds["kind"].tolist() == ["run", "repair"]
    assert harvest.doubts["what"].str.contains("120 rows of a damaged part").any()
    calls(free)
    harvest.run()
    assert calls(free) == 0


@pytest.mark.parametrize("how", ["truncated", "bit"])
def test_damaged_events_are_fetched_again(free: Sandbox, box: boxnb.Box, how: str) -> None:
    """The run fetches only the events of the same time again, and the next update continues where the last one ended."""
    harvest = box.harvest("events", since="300D").run(max_calls=12)
    free.clock.advance(1)
    before = box.harvest("events", since="300D", name="whole").run()
    harvest.run()
    ids = set(harvest.frame()["event_id"])
    assert ids == set(before.frame()["event_id"])
    listed = harvest._manifest.parts(parts.ROWS)
    harvest.compact()
    listed = harvest._manifest.parts(parts.ROWS)
    damage(harvest.path / listed[0].part.file, how)
    harvest.verify(repair=True)
    lost = ids - set(harvest.frame()["event_id"])
    assert len(lost) == listed[0].part.rows
    box.session.post("/folders", json={"name": "later", "parent": {"id": "0"}})
    free.clock.advance(3600)
    changes = harvest.update()
    assert lost <= set(changes["event_id"])
    rows = harvest.frame()
    assert rows["event_id"].is_unique and ids < set(rows["event_id"])
    assert harvest.complete and harvest.verify().empty
    assert harvest.rounds["kind"].tolist() == ["run", "repair", "update"]


@pytest.mark.parametrize("how", ["truncated", "bit"])
def test_pages_of_an_unfinished_run_wait_again(free: Sandbox, box: boxnb.Box, how: str) -> None:
    """If a part is damaged before the run has ended, only its pages are fetched again."""
    calls(free)
    whole = box.harvest("content", name="whole").run()
    once = calls(free)
    harvest = box.harvest("content", name="damaged").run(max_calls=once // 2)
    fetched = sorted((harvest.folder / parts.FETCHED).glob("*.parquet"), key=lambda file: file.stat().st_size)
    assert len(fetched) > 2
    damage(fetched[0], how)
    assert len(harvest.verify(repair=True)) == 1
    harvest.run()
    made = calls(free)
    assert once < made < once * 1.5
    assert plain(harvest.frame()).equals(plain(whole.frame()))
    assert harvest.complete and harvest.verify().empty
    assert harvest.rounds["kind"].tolist() == ["run"]


def test_a_damaged_part_of_content_is_walked_again(free: Sandbox, box: boxnb.Box) -> None:
    """An update of content whose rows were damaged walks everything, because events do not name what was lost."""
    harvest = box.harvest("content").run()
    before = harvest.frame()
    for file in harvest.path.glob("*.parquet"):
        damage(file, "truncated")
    harvest.verify(repair=True)
    free.clock.advance(3600)
    changes = harvest.update()
    assert set(changes["change"]) == {"new"}
    assert plain(harvest.frame()).equals(plain(before))
    assert harvest.rounds["kind"].tolist() == ["run", "repair"]


def test_the_history_cannot_be_fetched_again(free: Sandbox, box: boxnb.Box) -> None:
    """Repair removes a damaged part of the history without a further call, and the doubts say what is lost."""
    harvest: Harvest = box.harvest("users").run()
    user = harvest.frame().iloc[5]
    assert box.session.put(f"/users/{user['id']}", json={"name": "Changed Name"}).status_code == 200
    free.clock.advance(60)
    harvest.update()
    before = harvest.frame()
    damage(next((harvest.folder / parts.HISTORY).glob("*.parquet")), "bit")
    with pytest.raises(HarvestError, match="is damaged or truncated"):
        harvest.at(harvest.rounds["begun"].iloc[0])
    harvest.verify(repair=True)
    calls(free)
    harvest.run()
    assert calls(free) == 0
    assert harvest.complete and harvest.frame().equals(before)
    assert harvest.doubts["why"].str.contains("only a backup has this part of the history").any()


def test_repair_changes_nothing_that_is_whole(box: boxnb.Box) -> None:
    """A harvest without damage is not changed, and one that was not started says so."""
    harvest = box.harvest("users")
    with pytest.raises(HarvestError, match="has not been started"):
        harvest.verify(repair=True)
    before = {file: file.read_bytes() for file in harvest.run().path.glob("*.parquet")}
    assert harvest.verify(repair=True).empty
    assert {file: file.read_bytes() for file in harvest.path.glob("*.parquet")} == before
    assert harvest.complete
