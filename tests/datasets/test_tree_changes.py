"""A walk while others move, delete and add folders: each item appears once, and moves are reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hanging import Hanging
from moving import moving
from signing import sign_in

import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.api.connection import Progress
from boxnb.datasets.content import PATH
from boxnb.datasets.tree_changes import with_final_paths
from boxnb.errors import Interrupted, ListingError
from boxnb.frames import Table, schema
from boxnb.sandbox import Sandbox


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


def create_folders(box: boxnb.Box) -> None:
    """Create 500 folders on three levels."""
    for top in range(20):
        top_id = folder(box, f"top {top}", "0")
        for middle in range(5):
            middle_id = folder(box, f"middle {middle}", top_id)
            for low in range(4):
                folder(box, f"low {low}", middle_id)


class Changes(NamedTuple):
    """The ids of folders that another program moved or deleted, by when the walk could notice it."""

    moved: set[str]
    deleted: set[str]
    too_early: set[str]

    @classmethod
    def during(cls, sandbox: Sandbox) -> Changes:
        """Read them from the record of the sandbox. A walk watches from its first call for events to its second."""
        watch = calls(sandbox, "GET", "/2.0/events")
        started, ended = watch[0]["time"] + 0.2, watch[1]["time"] - 0.2

        def between(method: str, start: float, end: float) -> set[str]:
            return {
                call["path"].rsplit("/", 1)[1]
                for call in calls(sandbox, method, "/2.0/folders/")
                if start < call["time"] < end
            }

        too_early = between("PUT", 0, started) | between("DELETE", 0, started)
        return cls(between("PUT", started, ended), between("DELETE", started, ended), too_early)


def walk_during_changes(box: boxnb.Box, sandbox: Sandbox, folders: Iterable[str]) -> pd.DataFrame:
    """Walk the tree while another program changes these folders, and check the warnings."""
    other_program = sign_in(sandbox, "other")
    assert other_program.token is not None
    sandbox.record(clear=True)
    with (
        sandbox.faults.during("/2.0/folders/*", "latency", seconds=0.05),  # slows both programs down
        moving(sandbox, other_program.token.access_token.reveal(), folders),
        pytest.warns(UserWarning, match="moved during this walk|tree is not complete") as caught,
    ):
        tree = box.tree()
    messages = [str(warning.message) for warning in caught]
    assert any("moved during this walk" in message for message in messages)
    # Folders that were deleted before they were listed are reported, too.
    assert any("tree is not complete" in message for message in messages) is bool(tree.attrs["skipped"])
    return tree


def test_walk_during_moves_deletions_and_additions(box: tuple[boxnb.Box, Sandbox]) -> None:
    """Each id appears once, every move is reported, and items that did not move are all in the result."""
    acme, sandbox = box
    create_folders(acme)
    before = acme.tree()
    assert before.attrs["watched"] is True
    assert before.attrs["changed"] == before.attrs["moved"] == []
    folders = before.loc[before["path"].str.startswith("top") & (before["type"] == "folder"), "id"]
    assert len(folders) == 500
    tree = walk_during_changes(acme, sandbox, folders)
    changes = Changes.during(sandbox)
    assert changes.moved, "the other program did not move anything during the walk"

    assert tree["id"].is_unique
    assert tree.attrs["complete"] is not bool(tree.attrs["skipped"])
    known_ids = set(before["id"])
    reported = {change["id"] for change in tree.attrs["changed"]}
    assert changes.moved & known_ids <= set(tree.attrs["moved"])
    assert changes.deleted & set(tree["id"]) <= reported  # in the result, but reported as deleted
    for skipped in tree.attrs["skipped"]:
        explained = lineage(tree, skipped["id"]) & (reported | changes.too_early)
        assert explained, "a deleted folder is not reported"

    after = acme.tree()
    columns = ["id", "path", "name"]
    unchanged = before[columns].merge(after[columns])
    assert len(unchanged) > 200
    assert len(unchanged.merge(tree[columns])) == len(unchanged)
    for missing_id in known_ids & set(after["id"]) - set(tree["id"]):
        explained = lineage(after, missing_id) & (reported | changes.too_early)
        assert explained, "a missing item is not reported"


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
