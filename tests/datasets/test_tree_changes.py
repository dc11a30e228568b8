"""A walk while others move, delete and add folders: each item appears once, and moves are reported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hanging import Hanging
from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.api.connection import Progress
from boxnb.datasets.content import PATH
from boxnb.datasets.tree_changes import with_final_paths
from boxnb.errors import Interrupted, ListingError
from boxnb.frames import Table, schema
from boxnb.sandbox import Sandbox

MOVER = """
import random, sys, time, requests
url, token = sys.argv[1:3]
folders = sys.stdin.readline().split()
rng = random.Random(5)
rng.shuffle(folders)
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
while len(folders) > 20:
    moved, deleted, target = folders.pop(), folders.pop(), rng.choice(folders)
    session.put(f"{url}/folders/{moved}", json={"parent": {"id": target}})  # a cycle is refused, as in Box
    session.delete(f"{url}/folders/{deleted}?recursive=true")
    session.post(f"{url}/folders", json={"name": f"new {moved}", "parent": {"id": target}})
    print(moved, deleted, flush=True)
"""


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[boxnb.Box, Sandbox]]:
    """Yield a Box and its sandbox, without rate limits."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        sign_in(sandbox)
        yield boxnb.connect("acme"), sandbox


def folder(box: boxnb.Box, name: str, parent: str) -> str:
    """Create a folder and return its id."""
    return str(box.session.post("/folders", json={"name": name, "parent": {"id": parent}}).json()["id"])


def calls(sandbox: Sandbox, method: str, start: str) -> list[dict[str, Any]]:
    """Return the successful calls with this method to paths that begin with ``start``."""
    return [
        call
        for call in sandbox.record()
        if call["method"] == method and call["path"].startswith(start) and call["status"] in (200, 201, 204)
    ]


def lineage(frame: pd.DataFrame, item: str) -> set[str]:
    """Return an item and all its ancestor folders, according to a DataFrame."""
    parents = dict(zip(frame["id"], frame["parent_id"], strict=True))
    folders = [item]
    # The walk may have listed two folders inside each other.
    while parents.get(folders[-1], folders[-1]) not in folders:
        folders.append(parents[folders[-1]])
    return set(folders)


def test_walk_during_moves_deletions_and_additions(box: tuple[boxnb.Box, Sandbox]) -> None:
    """Each id appears once, every move is reported, and items that did not move are all in the result."""
    acme, sandbox = box
    for top in range(20):
        top_id = folder(acme, f"top {top}", "0")
        for middle in range(5):
            middle_id = folder(acme, f"middle {middle}", top_id)
            for low in range(4):
                folder(acme, f"low {low}", middle_id)
    before = acme.tree()
    assert before.attrs["watched"] is True
    assert before.attrs["changed"] == before.attrs["moved"] == []
    folders = before.loc[before["path"].str.startswith("top") & (before["type"] == "folder"), "id"]
    assert len(folders) == 500
    profile = sign_in(sandbox, "other")  # a separate sign-in, like that of another program
    assert profile.token is not None
    arguments = [sandbox.server()["api_url"], profile.token.access_token.reveal()]
    mover = subprocess.Popen(
        [sys.executable, "-c", MOVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert mover.stdin is not None
    assert mover.stdout is not None
    sandbox.record(clear=True)
    try:
        with sandbox.faults.during("/2.0/folders/*", "latency", seconds=0.05):  # slows both down
            mover.stdin.write(" ".join(folders) + "\n")
            mover.stdin.flush()
            mover.stdout.readline()  # the first changes are made
            with pytest.warns(UserWarning, match="moved during this walk|tree is not complete") as caught:
                tree = acme.tree()
    finally:
        mover.kill()
        mover.communicate()
    assert any("moved during this walk" in str(warning.message) for warning in caught)
    # Folders that were deleted before they were listed are reported, too.
    some_deleted = bool(tree.attrs["skipped"])
    assert tree.attrs["complete"] is not some_deleted
    assert any("tree is not complete" in str(warning.message) for warning in caught) is some_deleted
    assert tree["id"].is_unique
    event_calls = calls(sandbox, "GET", "/2.0/events")
    watch_started, watch_ended = event_calls[0]["time"], event_calls[1]["time"]

    def between(method: str, start: float, end: float) -> set[str]:
        return {
            call["path"].rsplit("/", 1)[1]
            for call in calls(sandbox, method, "/2.0/folders/")
            if start < call["time"] < end
        }

    moved, deleted = (between(method, watch_started + 0.2, watch_ended - 0.2) for method in ("PUT", "DELETE"))
    # Changes before the watch started are too early to be reported.
    before_watch = set().union(*(between(method, 0, watch_started + 0.2) for method in ("PUT", "DELETE")))
    assert moved, "the other program did not move anything during the walk"
    known_ids = set(before["id"])
    changed_ids = {change["id"] for change in tree.attrs["changed"]}
    assert moved & known_ids <= set(tree.attrs["moved"])
    assert deleted & set(tree["id"]) <= changed_ids  # in the frame, but reported as deleted
    for skipped in tree.attrs["skipped"]:
        assert lineage(tree, skipped["id"]) & (changed_ids | before_watch), "a deleted folder is not reported"

    after = acme.tree()
    columns = ["id", "path", "name"]
    unchanged = before[columns].merge(after[columns])
    assert len(unchanged) > 200
    assert len(unchanged.merge(tree[columns])) == len(unchanged)
    for missing_id in known_ids & set(after["id"]) - set(tree["id"]):
        assert lineage(after, missing_id) & (changed_ids | before_watch), "a missing item is not reported"


def test_interrupt_does_not_wait_for_the_next_page(
    box: tuple[boxnb.Box, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the request for the second page hangs, an interrupt keeps the rows of the first."""
    acme, _ = box
    crowded = folder(acme, "crowded", "0")
    for number in range(1_001):
        link = {"url": "https://a.example", "name": f"{number:04}", "parent": {"id": crowded}}
        acme.session.post("/web_links", json=link)
    hanging = Hanging(acme, monkeypatch)
    acme.on_progress = hanging.interrupt
    with pytest.raises(Interrupted):
        acme.items(crowded)
    assert len(hanging.left()) == 1, "the interrupt waited for the call in flight"
    assert acme.last_partial is not None
    assert len(acme.last_partial) == 1_000
    hanging.let_go()


def test_items_deleted_between_two_pages(box: tuple[boxnb.Box, Sandbox]) -> None:
    """If items of the first page are deleted, the others are neither lost nor repeated."""
    acme, _ = box
    crowded = folder(acme, "crowded", "0")
    for number in range(1_200):
        link = {"url": "https://a.example", "name": f"{number:04}", "parent": {"id": crowded}}
        acme.session.post("/web_links", json=link)
    before = acme.items(crowded)

    def delete_items(progress: Progress) -> None:
        if progress.pages == 1 and not progress.done:
            for link_id in before["id"][5:900:40]:
                acme.session.delete(f"/web_links/{link_id}")
            acme.session.post(
                "/web_links", json={"url": "https://a.example", "name": "0000a", "parent": {"id": crowded}}
            )

    acme.on_progress = delete_items
    after = acme.items(crowded)
    assert after.attrs["pages"] == 2
    assert after["id"].tolist() == before["id"].tolist()


def walk_frame(*rows: tuple[str, str, str, str, str, int]) -> pd.DataFrame:
    """Return the DataFrame of a walk with these rows: type, id, name, parent, path and depth."""
    table = Table(schema.ITEMS, PATH)
    for item_type, item_id, name, parent, path, depth in rows:
        entry = (
            f'{{"type": "{item_type}", "id": "{item_id}", "name": "{name}", "parent": {{"id": "{parent}"}}}}'
        )
        table.add(f'{{"entries": [{entry}]}}'.encode(), path, depth)
    frame = table.frame()
    frame.attrs |= {"changed": [], "moved": []}
    return frame


def test_moved_folder_and_its_content_have_the_last_path() -> None:
    """The items of a moved folder were listed only once, at the old path."""
    frame = walk_frame(
        ("folder", "1", "a", "0", "", 1),
        ("folder", "2", "b", "0", "", 1),
        ("folder", "3", "c", "1", "a", 2),
        ("file", "4", "d", "3", "a/c", 3),
        ("folder", "3", "c", "2", "b", 2),
        ("file", "5", "e", "1", "a", 2),
    )
    with pytest.warns(UserWarning, match="1 items moved"):
        result = with_final_paths(frame, "0")
    assert result["id"].tolist() == ["1", "2", "4", "3", "5"]
    assert result["path"].tolist() == ["", "", "b/c", "b", "a"]
    assert result["depth"].tolist() == [1, 1, 3, 2, 2]
    assert result.attrs["moved"] == ["3"]
    assert result.dtypes.equals(frame.dtypes)


def test_folders_in_a_cycle_keep_their_paths() -> None:
    """Two moves that are seen in the wrong order form a cycle, which does not cause an endless loop."""
    frame = walk_frame(
        ("folder", "1", "a", "0", "", 1),
        ("folder", "2", "b", "1", "a", 2),
        ("file", "4", "d", "2", "a/b", 3),
        ("folder", "1", "a", "2", "a/b", 3),
    )
    with pytest.warns(UserWarning, match="moved"):
        result = with_final_paths(frame, "0")
    assert result["path"].tolist() == ["a", "a/b", "a/b"]
    assert result["id"].is_unique


def test_user_added_between_two_pages(tmp_path: Path) -> None:
    """Offsets would shift, so the listing is repeated with markers, and has each user once, including the new one."""
    with boxnb.sandbox.start(
        private=True, state=tmp_path / "large", world="large", limits="off", users=2_500, folders=5, files=10
    ) as sandbox:
        sign_in(sandbox)
        acme = boxnb.connect("acme")
        before = acme.users()
        assert before.attrs["calls"] == 3
        added_ids: list[str] = []

        def add_user(progress: Progress) -> None:
            """Add a user after the first page, before the next one is requested."""
            if progress.pages == 1 and not progress.done:
                person = {"name": "New", "login": f"new{len(added_ids)}@example.com"}
                added_ids.append(acme.session.post("/users", json=person).json()["id"])

        acme.on_progress = add_user
        with pytest.raises(ListingError, match="from the beginning"):
            acme.users(offset=1000)  # a listing by marker would repeat the first 1,000
        after = acme.users()
    assert set(after["id"]) == {*before["id"], *added_ids}
    assert after["id"].is_unique
    assert after.attrs["calls"] == 1 + 3 + 3  # the added user, the pages by offset, the pages by marker
    assert after.attrs["complete"]
