"""A harvest of content, and what an update finds: the same as a new walk, for the folders that changed."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb import reports
from boxnb.errors import ArgumentError, ForbiddenError
from boxnb.sandbox import Sandbox

NOT_REPORTED = [
    "size",
    "modified_at",
    "content_modified_at",
    "modified_by_id",
    "modified_by_name",
    "modified_by_login",
]
"""The columns of a folder that change when something below it changes, which events do not report."""


@pytest.fixture
def box(little: Sandbox) -> boxnb.Box:
    """Return a Box signed in to that sandbox."""
    sign_in(little)
    return boxnb.connect("acme")


def listings(sandbox: Sandbox) -> int:
    """Return how many pages of folders the sandbox has been asked for since the last time."""
    record = sandbox.record(clear=True)
    return sum(
        call["path"].startswith("/2.0/folders/") and call["path"].endswith("/items") for call in record
    )


def plain(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return these columns as objects, in order of type and id, so that categories do not matter."""
    ordered = frame[columns].sort_values(["type", "id"], ignore_index=True)
    return ordered.astype("object").where(ordered.notna(), None)


def differences(harvested: pd.DataFrame, walked: pd.DataFrame) -> dict[str, int]:
    """Return the columns that differ, with the number of rows; ``rows`` if the items differ."""
    columns = list(walked.columns)
    first, second = plain(harvested, columns), plain(walked, columns)
    if list(first["id"]) != list(second["id"]):
        return {"rows": len(set(first["id"]) ^ set(second["id"]))}
    return {
        name: int((first[name] != second[name]).sum())
        for name in columns
        if not first[name].equals(second[name])
    }


class Company:
    """Changes content at random, as its owners."""

    def __init__(self, box: boxnb.Box, rows: pd.DataFrame, seed: int) -> None:
        self.session, self.rng = box.session, random.Random(seed)
        self.items = rows[rows["ownership"] == "active"]
        self.touched: set[str] = set()

    def call(self, method: str, path: str, owner: str, **body: Any) -> int:
        """Make one call as a user."""
        return self.session.request(method, path, json=body or None, headers={"As-User": owner}).status_code

    def pick(self, kind: str, owner: str | None = None) -> pd.Series:
        """Return a random item of a kind, perhaps of one owner."""
        chosen = self.items[self.items["type"] == kind]
        if owner is not None:
            chosen = chosen[chosen["owned_by_id"] == owner]
        return chosen.iloc[self.rng.randrange(len(chosen))]

    def change(self, number: int) -> None:
        """Make one change that Box reports as an event."""
        item = self.pick(self.rng.choice(["file", "file", "file", "folder"]))
        owner, path = item["owned_by_id"], f"/{item['type']}s/{item['id']}"
        target = self.pick("folder", owner)
        kind = self.rng.choice(["create", "rename", "move", "copy", "delete", "share", "lock", "invite"])
        if kind == "create":
            self.call("POST", "/folders", owner, name=f"new {number}", parent={"id": target["id"]})
        elif kind == "rename":
            self.call("PUT", path, owner, name=f"renamed {number} {item['name']}"[:200])
        elif kind == "move" and target["id"] != item["parent_id"]:  # otherwise there is no event
            self.call("PUT", path, owner, parent={"id": target["id"]})
        elif kind == "copy" and item["type"] == "file":
            self.call("POST", f"{path}/copy", owner, parent={"id": target["id"]}, name=f"copy {number}")
        elif kind == "delete":
            self.call("DELETE", f"{path}?recursive=true" if item["type"] == "folder" else path, owner)
        elif kind == "share":
            self.call("PUT", path, owner, shared_link={"access": "open"})
        elif kind == "lock" and item["type"] == "file":
            self.call("PUT", path, owner, lock={"type": "lock"})
        elif kind == "invite" and item["type"] == "folder":
            who = {"type": "user", "login": f"guest{number}@other.example"}
            self.call(
                "POST",
                "/collaborations",
                owner,
                item={"type": "folder", "id": item["id"]},
                accessible_by=who,
                role="viewer",
            )


def test_a_harvest_equals_a_walk(little: Sandbox, box: boxnb.Box) -> None:
    """A harvest has the same rows as ``reports.content``, in the same order, and takes as many calls."""
    walked = reports.content(box)
    listed = listings(little)
    harvest = box.harvest("content").run()
    assert listings(little) == listed
    content = harvest.frame()
    assert differences(content, walked) == {}
    assert content["id"].tolist() == walked["id"].tolist()
    assert content.dtypes[walked.columns].astype("str").equals(walked.dtypes.astype("str"))
    assert harvest.complete


def test_an_update_equals_a_new_walk(little: Sandbox, box: boxnb.Box) -> None:
    """After random changes, an update equals a new walk except for what events do not report, and lists only what changed."""
    harvest = box.harvest("content").run()
    first = harvest.frame()
    frames = {harvest.rounds["begun"].iloc[-1]: first}
    made = total = 0
    for seed in range(3):
        company = Company(box, harvest.frame(), seed)
        for number in range(40):
            company.change(seed * 1000 + number)
        little.clock.advance(7200)
        listings(little)
        changes = harvest.update()
        made += listings(little)
        total += 120
        assert changes["id"].is_unique
        frames[harvest.rounds["begun"].iloc[-1]] = harvest.frame()
    walked = reports.content(box)
    full = listings(little)
    different = differences(harvest.frame(), walked)
    assert set(different) <= set(NOT_REPORTED)
    files = harvest.frame().query("type == 'file'"), walked.query("type == 'file'")
    assert differences(*files) == {}
    assert made < 3 * full
    for begun, frame in frames.items():
        then = harvest.at(begun)
        assert (
            plain(then, list(first.columns))
            .drop(columns="last_seen")
            .equals(plain(frame, list(first.columns)).drop(columns="last_seen"))
        )
    harvest.update(full=True)
    assert differences(harvest.frame(), reports.content(box)) == {}
    changes = harvest.changes(next(iter(frames)))
    assert changes["id"].is_unique
    now, before = set(harvest.frame()["id"]), set(first["id"])
    assert set(changes.loc[changes["change"] == "new", "id"]) == now - before
    assert before - now <= set(changes.loc[changes["change"] == "gone", "id"])
    assert (changes.loc[changes["change"] == "changed", "changed_columns"].str.len() > 0).all()


def test_an_update_lists_only_the_folders_that_changed(little: Sandbox, box: boxnb.Box) -> None:
    """After one new file, an update lists one folder; without changes, it lists none."""
    harvest = box.harvest("content").run()
    company = Company(box, harvest.frame(), 1)
    file = company.pick("file")
    folder = company.pick("folder", file["owned_by_id"])
    assert (
        company.call(
            "POST", f"/files/{file['id']}/copy", file["owned_by_id"], parent={"id": folder["id"]}, name="c"
        )
        == 201
    )
    little.clock.advance(7200)
    listings(little)
    changes = harvest.update()
    assert listings(little) <= 1
    assert changes["change"].tolist().count("new") == 1
    assert harvest.update().empty
    assert listings(little) == 0
    assert len(harvest.doubts) >= 5
    assert harvest.doubts["calls"].iloc[0] == harvest.rounds["calls"].iloc[0]


def test_a_deleted_folder_takes_everything_below_it(little: Sandbox, box: boxnb.Box) -> None:
    """When a folder disappears, its content does too; when it comes back, an update walks it again."""
    harvest = box.harvest("content").run()
    rows = harvest.frame()
    nested = rows[(rows["type"] == "folder") & (rows["ownership"] == "active")]
    top = nested[nested["id"].isin(nested["parent_id"])].iloc[0]
    company = Company(box, rows, 1)
    assert company.call("DELETE", f"/folders/{top['id']}?recursive=true", top["owned_by_id"]) == 204
    little.clock.advance(7200)
    gone = harvest.update()
    assert set(gone["change"]) <= {"gone", "changed"}
    assert differences(harvest.frame(), reports.content(box)).keys() <= {*NOT_REPORTED}
    assert company.call("POST", f"/folders/{top['id']}", top["owned_by_id"]) == 201
    little.clock.advance(7200)
    back = harvest.update()
    assert set(back.loc[back["change"] == "new", "id"]) == set(gone.loc[gone["change"] == "gone", "id"])


def test_only_some_users(little: Sandbox, box: boxnb.Box) -> None:
    """``people_of`` walks only what these users can see."""
    users = box.users()["id"].head(2).tolist()
    harvest = box.harvest("content", people_of=users).run()
    walked = reports.content(box, people_of=users)
    assert set(differences(harvest.frame(), walked)) <= {
        "seen_as"
    }  # either of two users who see an item may be named


def test_collaborations_and_links_are_made_from_the_content(little: Sandbox, box: boxnb.Box) -> None:
    """Shared links need no call of their own; collaborations are those of ``reports.collaborations``."""
    content = box.harvest("content").run()
    listings(little)
    links = box.harvest("shared_links").run()
    assert listings(little) == 0
    expected = content.frame()
    expected = expected[expected["shared_link_url"].notna()]
    assert set(links.frame()["id"]) == set(expected["id"])
    collaborations = box.harvest("collaborations").run()
    report = reports.collaborations(box, of=content.frame())
    assert set(report["who_id"].dropna()) == set(collaborations.frame()["accessible_by_id"].dropna())
    assert len(report) == len(collaborations.frame())
    company = Company(box, content.frame(), 2)
    folder = company.pick("folder")
    company.call("PUT", f"/folders/{folder['id']}", folder["owned_by_id"], shared_link={"access": "open"})
    little.clock.advance(7200)
    new = links.update()
    assert new["id"].tolist() == [folder["id"]]
    with pytest.raises(ArgumentError, match="of takes a harvest of the content"):
        box.harvest("shared_links", of=links)


def test_refusing_everyone_ends_the_walk(little: Sandbox, box: boxnb.Box) -> None:
    """If the app may not use As-User, the run ends with one sentence, and does not waste calls on the other users."""
    little.change_app(box.profile.client.client_id, scopes=["manage_managed_users"])
    sign_in(little, "weak")
    harvest = boxnb.connect("weak").harvest("content")
    with pytest.raises(ForbiddenError, match="refused all 8 requests"):
        harvest.run()
    assert not harvest.complete
    assert harvest.frame().empty
