"""Disks, files, clocks and other processes fail: one clear sentence, nothing lost, and ``verify`` finds the damage."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harvesting
import pandas as pd
import pyarrow.parquet as pq
import pytest

import boxnb
from boxnb.errors import ArgumentError, HarvestError, HarvestInUseError, Interrupted
from boxnb.harvest import Harvest, manifest_file, parts
from boxnb.sandbox import Sandbox


@pytest.fixture
def harvest(box: boxnb.Box) -> Harvest:
    """Return a complete harvest of users."""
    return box.harvest("users").run()


def files_of(harvest: Harvest) -> dict[str, bytes]:
    """Return the content of all parts."""
    return {file.name: file.read_bytes() for file in harvest.folder.rglob("*.parquet")}


@pytest.mark.filterwarnings("ignore:The ledger of calls is not up to date")
def test_a_full_disk_is_said_and_loses_nothing(box: boxnb.Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up in the middle of a run, the message says so; afterwards the run continues."""
    whole = box.harvest("events", since="200D", name="whole").run().frame()
    fsync = os.fsync
    for allowed in (4, 5, 6, 7, 8, 25):  # a part, its folder or the manifest is the first that does not fit
        harvest = box.harvest("events", since="200D", name=f"full-{allowed}")
        counter = itertools.count(1)

        def full(descriptor: int, counter: Iterator[int] = counter, allowed: int = allowed) -> None:
            if next(counter) > allowed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            with pytest.raises(HarvestError, match=r"is full\. Everything saved so far is unchanged.*run"):
                harvest.run()
        assert not list(harvest.folder.rglob("*.draft"))
        assert len(harvest.frame()) < len(whole)
        assert set(harvest.run().frame()["event_id"]) == set(whole["event_id"])
        assert harvest.verify().empty


def test_a_file_size_limit_is_said(box: boxnb.Box, tmp_path: Path) -> None:
    """A real process with a real limit reports a write that the system refuses, in one sentence."""
    code = """
import resource, signal, sys, boxnb
from boxnb.errors import HarvestError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
box = boxnb.connect("acme")
harvest = box.harvest("events", since="60D")
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    harvest.run()
except HarvestError as error:
    sys.stdout.write(str(error))
"""
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "cannot be written" in child.stdout or "is full" in child.stdout, child.stderr[-2000:]
    assert box.harvest("events", since="60D").run().complete


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing"])
def test_verify_finds_a_damaged_part(harvest: Harvest, damage: str) -> None:
    """``verify`` finds a part that was truncated, changed or deleted, and reading it says what to do."""
    assert harvest.verify().empty
    file = next(harvest.path.glob("*.parquet"))
    content = file.read_bytes()
    if damage == "truncated":
        file.write_bytes(content[:-100])
    elif damage == "changed":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        file.unlink()
    problems = harvest.verify()
    assert problems["file"].tolist() == [f"rows/{file.name}"]
    assert {"truncated": "bytes", "changed": "has changed", "missing": "is missing"}[damage] in problems[
        "problem"
    ].iloc[0]
    with pytest.raises(HarvestError, match=r"verify\(repair=True\) and then run\(\)"):
        harvest.frame()
    file.write_bytes(content)
    assert harvest.verify().empty


def test_a_part_without_a_row_is_swept(harvest: Harvest) -> None:
    """``verify`` finds what a killed process left behind; no read uses it, and the next run deletes it."""
    stray = harvest.path / "0123456789abcdef.parquet"
    stray.write_bytes(next(harvest.path.glob("*.parquet")).read_bytes())
    draft = harvest.path / ".0123456789abcdee.draft"
    draft.write_bytes(b"half")
    assert harvest.verify()["file"].tolist() == [f"rows/{stray.name}"]
    assert len(harvest.frame()) == 120
    harvest.run()
    assert not stray.exists() and not draft.exists()
    assert harvest.verify().empty


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_manifest_is_said(harvest: Harvest, box: boxnb.Box, content: bytes) -> None:
    """A damaged manifest is reported, also by ``verify``; the parts are unchanged."""
    before = files_of(harvest)
    file = harvest.folder / manifest_file.FILE
    harvest._manifest.close()
    saved = file.read_bytes()
    again = box.harvest("users")
    file.write_bytes(content)
    for use in (again.run, again.frame, again.update):
        with pytest.raises(HarvestError, match="manifest of this harvest is damaged"):
            use()
    assert "damaged" in again.verify()["problem"].iloc[0]
    assert files_of(harvest) == before
    file.write_bytes(saved)
    assert len(box.harvest("users").frame()) == 120


def test_a_newer_manifest_is_refused_and_an_older_one_is_read(
    harvest: Harvest, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older boxnb refuses a newer harvest in one sentence; a newer one upgrades the older manifest and reads it."""
    with monkeypatch.context() as newer:
        newer.setattr(manifest_file, "VERSION", 2)
        newer.setattr(manifest_file, "UPGRADES", {1: ("ALTER TABLE parts ADD COLUMN colour TEXT",)})
        assert len(box.harvest("users").frame()) == 120
    with pytest.raises(HarvestError, match=r"written by a newer boxnb .version 2"):
        box.harvest("users").run()
    with sqlite3.connect(harvest.folder / manifest_file.FILE) as database:
        database.execute("UPDATE facts SET value = '0' WHERE name = 'version'")
    database.close()
    with pytest.raises(HarvestError, match="damaged"):
        box.harvest("users").frame()


def test_columns_that_an_older_version_did_not_save_are_missing(harvest: Harvest) -> None:
    """Reading works for a part that lacks a column, or has one that was dropped since."""
    (listed,) = harvest._manifest.parts(parts.ROWS)
    table = pq.read_table(harvest.path / listed.part.file)
    older = table.drop_columns(["job_title"])
    older = older.rename_columns(["old_name" if name == "phone" else name for name in older.column_names])
    part = parts.write(harvest.path, [older], None)
    harvest._manifest.replace([listed.part.file], [listed._replace(part=part)])
    frame = harvest.frame()
    assert frame["job_title"].isna().all() and frame["phone"].isna().all()
    assert frame["job_title"].dtype == "str"


def test_a_clock_that_goes_back_is_said(free: Sandbox, harvest: Harvest, box: boxnb.Box) -> None:
    """An update with a clock that is far behind would mix up what is newer, so it does not start."""
    free.clock.advance(-7200)
    box.get("/users/me")
    before = files_of(harvest)
    with pytest.raises(HarvestError, match=r"clock is 1.. minutes earlier"):
        harvest.update()
    assert files_of(harvest) == before
    free.clock.advance(7201)
    box.get("/users/me")
    assert harvest.update().empty


def test_two_processes_cannot_write_at_once(free: Sandbox, box: boxnb.Box) -> None:
    """The second process says which process holds the harvest; reading is still possible."""
    free.faults.add("/2.0/events", "latency", times=10**6, seconds=0.2)
    process = harvesting.start("events", since="366D")
    assert process.stdout is not None
    process.stdout.readline()
    harvest = box.harvest("events", since="366D")
    while not any(harvest.path.glob("*.parquet")) or harvest.frame().empty:
        assert process.poll() is None
    with pytest.raises(
        HarvestInUseError, match=f"Process {process.pid} on .* is working on this harvest .run."
    ) as caught:
        harvest.run()
    assert caught.value.pid == process.pid
    assert caught.value.host
    assert len(harvest.frame()) > 0
    assert "not finished" in repr(harvest)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    free.faults.clear()
    assert harvest.run().complete


def test_an_interrupt_saves_what_has_arrived(free: Sandbox, box: boxnb.Box) -> None:
    """A user who interrupts keeps the rows so far, and the next run continues."""
    free.faults.add("/2.0/events", "latency", times=10**6, seconds=0.05)
    harvest = box.harvest("events", since="366D")

    def interrupt(progress: Any) -> None:
        if progress.rows > 2000:
            raise KeyboardInterrupt

    box.on_progress = interrupt
    with pytest.raises(Interrupted, match=r"rows are saved; run\(\) continues"):
        harvest.run()
    box.on_progress = None
    assert len(harvest.frame()) > 2000
    free.faults.clear()
    assert harvest.run().complete


def test_another_sign_in_is_not_mixed_in(
    free: Sandbox, box: boxnb.Box, harvest: Harvest, tmp_path: Path
) -> None:
    """A harvest that belongs to another user is not continued."""
    with sqlite3.connect(harvest.folder / manifest_file.FILE) as database:
        database.execute("UPDATE facts SET value = '\"someone at Box\"' WHERE name = 'account'")
    database.close()
    profile = boxnb.store.load("acme")
    assert profile is not None
    boxnb.store.save(dataclasses.replace(profile, account={"login": "ada.admin@example.com"}))
    with pytest.raises(HarvestError, match="belongs to another sign-in"):
        boxnb.connect("acme").harvest("users").run()


def test_compact_forget_and_delete(free: Sandbox, box: boxnb.Box) -> None:
    """Compacting keeps the rows; forgetting drops old events; deleting removes the harvest and nothing else."""
    harvest = box.harvest("events", since="366D").run()
    events = harvest.frame()
    for _ in range(3):
        free.clock.advance(3600)
        box.session.post("/folders", json={"name": str(free.clock.now()), "parent": {"id": "0"}})
        free.clock.advance(3600)
        harvest.update()
    rows = harvest.frame()
    harvest.compact()
    assert len(list(harvest.path.iterdir())) == 1
    assert harvest.frame().equals(rows)
    middle = events["created_at"].iloc[len(events) // 2]
    forgotten = harvest.forget(before=middle)
    assert forgotten == (rows["created_at"] < middle).sum()
    assert harvest.frame()["created_at"].min() >= middle
    assert harvest.verify().empty
    other = harvest.folder / "notes.txt"
    other.write_text("mine", encoding="utf-8")
    harvest.delete()
    assert [file.name for file in harvest.folder.iterdir()] == ["notes.txt"]
    with pytest.raises(HarvestError, match="has not been started"):
        harvest.frame()
    harvest.run()
    assert len(harvest.frame()) > 0


def test_the_folder_is_private(harvest: Harvest) -> None:
    """Only the user can read the folder and its files."""
    for path in (harvest.folder, harvest.path, *harvest.folder.rglob("*.*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_compared_datasets_say_what_changed(free: Sandbox, box: boxnb.Box, harvest: Harvest) -> None:
    """An update returns a changed user once, and the earlier state can be read."""
    first = harvest.frame()
    user = first.iloc[5]
    assert box.session.put(f"/users/{user['id']}", json={"name": "Changed Name"}).status_code == 200
    free.clock.advance(60)
    changes = harvest.update()
    assert changes["change"].tolist() == ["changed"]
    assert "name" in changes["changed_columns"].iloc[0].split(", ")
    assert changes["id"].tolist() == [user["id"]]
    begun = harvest.rounds["begun"]
    then, now = harvest.at(begun.iloc[0]), harvest.frame()
    assert set(then["name"]) == set(first["name"])
    assert now.set_index("id").loc[user["id"], "name"] == "Changed Name"
    assert now.set_index("id").loc[user["id"], "first_seen"] == begun.iloc[0]
    assert now.set_index("id").loc[user["id"], "seen_since"] == begun.iloc[1]
    assert set(now["last_seen"]) == {begun.iloc[1]}
    assert isinstance(
        harvest.sql("SELECT count(*) AS n FROM history")["n"].iloc[0], (int, pd.Int64Dtype().type)
    )
    with pytest.raises(ArgumentError, match="no column 'nonsense'"):
        harvest.frame(["nonsense"])
