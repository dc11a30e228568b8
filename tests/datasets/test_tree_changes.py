"""A walk while others move, delete and add folders: it ends, repeats no item and reports what moved."""

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
chance = random.Random(5)
chance.shuffle(folders)
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
while len(folders) > 20:
    one, gone, into = folders.pop(), folders.pop(), chance.choice(folders)
    session.put(f"{url}/folders/{one}", json={"parent": {"id": into}})  # a circle is refused, as at Box
    session.delete(f"{url}/folders/{gone}?recursive=true")
    session.post(f"{url}/folders", json={"name": f"new {one}", "parent": {"id": into}})
    print(one, gone, flush=True)
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
    """Return the successful calls of one method to paths that begin like this."""
    return [
        call
        for call in sandbox.record()
        if call["method"] == method and call["path"].startswith(start) and call["status"] in (200, 201, 204)
    ]


def lineage(frame: pd.DataFrame, item: str) -> set[str]:
    """Return an item and all folders above it, according to a DataFrame."""
    above = dict(zip(frame["id"], frame["parent_id"], strict=True))
    found = [item]
    while (
        above.get(found[-1], found[-1]) not in found
    ):  # a walk may have met two folders each below the other
        found.append(above[found[-1]])
    return set(found)


def test_walk_during_moves_deletions_and_additions(box: tuple[boxnb.Box, Sandbox]) -> None:
    """The walk ends, repeats no id, reports every move, and has everything that stayed in its place."""
    here, sandbox = box
    for top in range(20):
        name = folder(here, f"top {top}", "0")
        for middle in range(5):
            below = folder(here, f"middle {middle}", name)
            for low in range(4):
                folder(here, f"low {low}", below)
    before = here.tree()
    assert before.attrs["watched"] is True
    assert before.attrs["changed"] == before.attrs["moved"] == []
    folders = before.loc[before["path"].str.startswith("top") & (before["type"] == "folder"), "id"]
    assert len(folders) == 500
    profile = sign_in(sandbox, "other")  # a sign-in of its own, as another program has
    assert profile.token is not None
    words = [sandbox.server()["api_url"], profile.token.access_token.reveal()]
    mover = subprocess.Popen(
        [sys.executable, "-c", MOVER, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert mover.stdin is not None
    assert mover.stdout is not None
    sandbox.record(clear=True)
    try:
        with sandbox.faults.during("/2.0/folders/*", "latency", seconds=0.05):  # both are as slow
            mover.stdin.write(" ".join(folders) + "\n")
            mover.stdin.flush()
            mover.stdout.readline()  # it is at work
            with pytest.warns(UserWarning, match="moved during this walk|tree is not complete") as said:
                tree = here.tree()
    finally:
        mover.kill()
        mover.communicate()
    assert any("moved during this walk" in str(one.message) for one in said)
    # What was gone when its turn came is said, too.
    gone = bool(tree.attrs["skipped"])
    assert tree.attrs["complete"] is not gone
    assert any("tree is not complete" in str(one.message) for one in said) is gone
    assert tree["id"].is_unique
    asked = calls(sandbox, "GET", "/2.0/events")
    begun, ended = asked[0]["time"], asked[1]["time"]

    def between(method: str, start: float, end: float) -> set[str]:
        return {
            call["path"].rsplit("/", 1)[1]
            for call in calls(sandbox, method, "/2.0/folders/")
            if start < call["time"] < end
        }

    moved, deleted = (between(method, begun + 0.2, ended - 0.2) for method in ("PUT", "DELETE"))
    early = between("PUT", 0, begun + 0.2) | between("DELETE", 0, begun + 0.2)  # before the watch began
    assert moved, "the other program moved nothing meanwhile"
    known = set(before["id"])
    told = {change["id"] for change in tree.attrs["changed"]}
    assert moved & known <= set(tree.attrs["moved"])
    assert deleted & set(tree["id"]) <= told  # still in the frame, and told to be in the trash
    for skipped in tree.attrs["skipped"]:
        assert lineage(tree, skipped["id"]) & (told | early), "not there any more, and nothing says so"

    after = here.tree()
    place = ["id", "path", "name"]
    stayed = before[place].merge(after[place])
    assert len(stayed) > 200
    assert len(stayed.merge(tree[place])) == len(stayed)
    for missed in known & set(after["id"]) - set(tree["id"]):
        assert lineage(after, missed) & (told | early), "missing, and nothing says so"


def test_interrupt_does_not_wait_for_the_next_page(
    box: tuple[boxnb.Box, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second page was already requested and hangs; the rows of the first page are kept."""
    here, _ = box
    made = folder(here, "crowded", "0")
    for number in range(1_001):
        link = {"url": "https://a.example", "name": f"{number:04}", "parent": {"id": made}}
        here.session.post("/web_links", json=link)
    hanging = Hanging(here, monkeypatch)
    here.on_progress = hanging.interrupt
    with pytest.raises(Interrupted):
        here.items(made)
    assert len(hanging.left()) == 1, "the call ahead was waited for"
    assert here.last_partial is not None
    assert len(here.last_partial) == 1_000
    hanging.let_go()


def test_items_deleted_between_two_pages(box: tuple[boxnb.Box, Sandbox]) -> None:
    """Deleting items of the first page neither loses nor repeats any other item."""
    here, _ = box
    made = folder(here, "crowded", "0")
    for number in range(1_200):
        link = {"url": "https://a.example", "name": f"{number:04}", "parent": {"id": made}}
        here.session.post("/web_links", json=link)
    whole = here.items(made)

    def throw_away(progress: Progress) -> None:
        if progress.pages == 1 and not progress.done:
            for which in whole["id"][5:900:40]:
                here.session.delete(f"/web_links/{which}")
            here.session.post(
                "/web_links", json={"url": "https://a.example", "name": "0000a", "parent": {"id": made}}
            )

    here.on_progress = throw_away
    found = here.items(made)
    assert found.attrs["pages"] == 2
    assert found["id"].tolist() == whole["id"].tolist()


def walked(*rows: tuple[str, str, str, str, str, int]) -> pd.DataFrame:
    """Return the DataFrame of a walk from rows of type, id, name, parent, path and depth."""
    table = Table(schema.ITEMS, PATH)
    for kind, which, name, parent, path, depth in rows:
        entry = f'{{"type": "{kind}", "id": "{which}", "name": "{name}", "parent": {{"id": "{parent}"}}}}'
        table.add(f'{{"entries": [{entry}]}}'.encode(), path, depth)
    frame = table.frame()
    frame.attrs |= {"changed": [], "moved": []}
    return frame


def test_moved_folder_and_its_content_have_the_last_path() -> None:
    """The items of the folder were listed only once, under the old path."""
    frame = walked(
        ("folder", "1", "a", "0", "", 1),
        ("folder", "2", "b", "0", "", 1),
        ("folder", "3", "c", "1", "a", 2),
        ("file", "4", "d", "3", "a/c", 3),
        ("folder", "3", "c", "2", "b", 2),
        ("file", "5", "e", "1", "a", 2),
    )
    with pytest.warns(UserWarning, match="1 items moved"):
        found = with_final_paths(frame, "0")
    assert found["id"].tolist() == ["1", "2", "4", "3", "5"]
    assert found["path"].tolist() == ["", "", "b/c", "b", "a"]
    assert found["depth"].tolist() == [1, 1, 3, 2, 2]
    assert found.attrs["moved"] == ["3"]
    assert found.dtypes.equals(frame.dtypes)


def test_folders_in_a_cycle_keep_their_paths() -> None:
    """Two moves seen in the wrong order form a cycle, which does not cause an endless loop."""
    frame = walked(
        ("folder", "1", "a", "0", "", 1),
        ("folder", "2", "b", "1", "a", 2),
        ("file", "4", "d", "2", "a/b", 3),
        ("folder", "1", "a", "2", "a/b", 3),
    )
    with pytest.warns(UserWarning, match="moved"):
        found = with_final_paths(frame, "0")
    assert found["path"].tolist() == ["a", "a/b", "a/b"]
    assert found["id"].is_unique


def test_user_added_between_two_pages(tmp_path: Path) -> None:
    """Offsets would shift, so the listing is repeated with markers, and has every user once, including the new one."""
    with boxnb.sandbox.start(
        private=True, state=tmp_path / "large", world="large", limits="off", users=2_500, folders=5, files=10
    ) as sandbox:
        sign_in(sandbox)
        here = boxnb.connect("acme")
        whole = here.users()
        assert whole.attrs["calls"] == 3
        joined: list[str] = []

        def join(progress: Progress) -> None:
            """Add a user after the first page, before the next one is requested."""
            if progress.pages == 1 and not progress.done:
                person = {"name": "New", "login": f"new{len(joined)}@example.com"}
                joined.append(here.session.post("/users", json=person).json()["id"])

        here.on_progress = join
        with pytest.raises(ListingError, match="from the beginning"):
            here.users(offset=1000)  # everybody would be more than the rest
        found = here.users()
    assert set(found["id"]) == {*whole["id"], *joined}
    assert found["id"].is_unique
    assert found.attrs["calls"] == 1 + 3 + 3  # the new one, by offset, by marker
    assert found.attrs["complete"]
