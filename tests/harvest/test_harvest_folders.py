"""The folder of a harvest: what is in it is read, changed and deleted by the harvest that it belongs to, and by no other."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import boxnb
from boxnb import store
from boxnb.errors import ArgumentError, HarvestError
from boxnb.harvest import Harvest

ACTIONS = {
    "frame": lambda harvest: harvest.frame(),
    "condition": lambda harvest: harvest.frame(where="true"),
    "sql": lambda harvest: harvest.sql("SELECT * FROM harvest"),
    "at": lambda harvest: harvest.at("2099-01-01"),
    "changes": lambda harvest: harvest.changes("9D"),
    "unreported": lambda harvest: harvest.unreported(),
    "complete": lambda harvest: harvest.complete,
    "delete": lambda harvest: harvest.delete(),
    "forget": lambda harvest: harvest.forget("1D"),
    "compact": lambda harvest: harvest.compact(),
    "update": lambda harvest: harvest.update(),
}


def test_another_dataset_with_the_same_name_is_refused(box: boxnb.Box) -> None:
    """A harvest of another dataset or with other arguments neither reads nor deletes what is in the folder."""
    users = box.harvest("users", name="mine").run()
    rows = users.frame()
    for other in (box.harvest("groups", name="mine"), box.harvest("users", name="mine", user_type="all")):
        for action in ACTIONS.values():
            with pytest.raises(ArgumentError, match=r"a harvest of users with no arguments"):
                action(other)
        assert "a harvest of users with no arguments" in repr(other)
    assert users.frame().equals(rows)
    assert users.verify().empty


def test_another_account_with_the_same_name_is_refused(box: boxnb.Box, tmp_path: Path) -> None:
    """After another user has signed in to the profile, the rows of the first one are neither read nor deleted."""
    folder = tmp_path / "shared"
    _as("ada@acme.example").harvest("users", folder=folder).run()
    other = _as("bob@acme.example").harvest("users", folder=folder)
    for action in ACTIONS.values():
        with pytest.raises(HarvestError, match="belongs to another sign-in"):
            action(other)
    assert len(_as("ada@acme.example").harvest("users", folder=folder).frame()) == len(box.users())


def _as(login: str) -> boxnb.Box:
    """Save another account in the profile, and return a connection with it."""
    saved = store.load("acme")
    assert saved is not None
    store.save(dataclasses.replace(saved, account={"id": login, "login": login}))
    return boxnb.connect("acme")


def test_files_of_others_stay(box: boxnb.Box, tmp_path: Path) -> None:
    """Neither a run nor delete() touches files in the folder that are not of a harvest."""
    folder = tmp_path / "mine"
    own = [
        folder / "rows" / "notes.csv",
        folder / "rows" / "own.parquet",
        folder / "history" / "deep" / "a.txt",
    ]
    for file in own:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    box.harvest("users", folder=folder).delete()
    assert [file.read_text() for file in own] == ["mine"] * 3
    harvest = box.harvest("users", folder=folder).run()
    harvest.update()
    harvest.delete()
    assert sorted(file for file in folder.rglob("*") if file.is_file()) == sorted(own)
    assert not harvest.folder.joinpath("fetched").exists()


def test_an_object_sees_that_its_harvest_was_replaced(box: boxnb.Box) -> None:
    """If a harvest is deleted and started again, an older object of it reads and continues the new one."""
    old = box.harvest("users").run()
    box.harvest("users").delete()
    with pytest.raises(HarvestError, match="has not been started"):
        old.frame()
    new = box.harvest("users").run()
    assert old.frame().equals(new.frame())
    old.run()
    old.update()
    assert new.verify().empty
    assert len(new.frame()) == len(old.frame())


def test_damaged_text_in_a_manifest_is_said(box: boxnb.Box) -> None:
    """A manifest that SQLite can read, but whose text is damaged, is named in one sentence; the card says it too."""
    harvest = box.harvest("users").run()
    for statement in (
        "UPDATE rounds SET arguments = '{'",
        "UPDATE facts SET value = 'nothing' WHERE name = 'account'",
        "DELETE FROM facts WHERE name = 'dataset'",
    ):
        with sqlite3.connect(harvest.folder / "manifest.sqlite") as database:
            database.execute(statement)
        database.close()
        for action in (ACTIONS["frame"], ACTIONS["complete"], ACTIONS["update"]):
            with pytest.raises(HarvestError, match="manifest of this harvest is damaged"):
                action(harvest)
        assert "damaged" in repr(harvest)
    harvest.delete()
    assert len(box.harvest("users").run().frame()) == len(box.users())


def test_rows_without_a_manifest_do_not_count_twice(box: boxnb.Box) -> None:
    """If the manifest was deleted, nothing is fetched next to the old rows; after delete(), each row is there once."""
    harvest = box.harvest("users").run()
    for file in harvest.folder.glob("manifest*"):
        file.unlink()
    before = sorted(harvest.path.iterdir())
    with pytest.raises(HarvestError, match=r"manifest .* is missing.*delete\(\)"):
        box.harvest("users").run()
    assert sorted(harvest.path.iterdir()) == before
    box.harvest("users").delete()
    again = box.harvest("users").run()
    assert len(pd.read_parquet(again.path)) == len(again.frame())


def test_odd_names_folders_and_datasets_are_refused(box: boxnb.Box) -> None:
    """Names that some system cannot use for a folder, folders that are not paths, and odd datasets are refused."""
    odd: dict[str, list[Any]] = {
        "name": ["a.", "a..", "..", ".", "a/b", "a\\b", "a\n", "", "con", "NUL.txt", "aé", "a" * 101, 5],
        "folder": [5, b"x", "", "a\0b", "~nobody-has-this-name/x"],
        "dataset": [["users"], {}, None, 5, "nothing"],
    }
    for argument, values in odd.items():
        for value in values:
            with pytest.raises(ArgumentError, match=argument):
                box.harvest(**{"dataset": "users", argument: value})


def test_harvests_made_from_different_content_are_different(box: boxnb.Box, tmp_path: Path) -> None:
    """Shared links of two harvests of content are not mixed, even if their folders have the same name."""
    sources = [box.harvest("content", folder=tmp_path / name / "content") for name in ("one", "two")]
    made: list[Harvest] = [box.harvest("shared_links", of=source) for source in sources]
    assert made[0].folder != made[1].folder
