"""An update after users joined, left or were deleted equals a new walk, also of content that several users see."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from signing import sign_in

import boxnb
from boxnb import reports
from boxnb.sandbox import Sandbox

ABOVE = {"size", "modified_at", "content_modified_at"}
"""What changes in the folders above a change; ``doubts`` names it."""

TIMES = ["first_seen", "seen_since", "last_seen"]


@pytest.fixture
def sizes() -> dict[str, int]:
    """Return the sizes of the enterprise: many users, whose folders others see at different depths."""
    return {"users": 40, "folders": 150, "files": 200, "events": 20}


@pytest.fixture
def box(little: Sandbox) -> boxnb.Box:
    """Return a Box signed in to that sandbox."""
    sign_in(little)
    return boxnb.connect("acme")


def by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by type and id, as objects, without the times of the rounds."""
    plain = frame.drop(columns=TIMES, errors="ignore").astype("object")
    return plain.where(plain.notna(), None).set_index(["type", "id"]).sort_index()


def differing(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return the values that differ, one row each, with ``item`` and ``column``. Both must have the same items."""
    one, two = by_id(first), by_id(second)
    assert list(one.index) == list(two.index)
    return pd.DataFrame(
        [
            (item, name, one.loc[item, name], two.loc[item, name])
            for name in one.columns
            for item in one.index[(one[name] != two[name]).to_numpy()]
            if one.loc[item, name] is not None or two.loc[item, name] is not None
        ],
        columns=["item", "column", "first", "second"],
    )


class People:
    """Changes users and who sees what, at random."""

    def __init__(self, box: boxnb.Box, rows: pd.DataFrame, seed: int) -> None:
        self.box, self.rng = box, random.Random(seed)
        self.users = box.users().query("role == 'user'")
        self.items = rows[rows["ownership"] == "active"]
        self.moved: set[tuple[str, str]] = set()

    def call(self, method: str, path: str, owner: str | None = None, **body: object) -> dict[str, object]:
        """Make one call, perhaps as a user; return the body of the response."""
        headers = None if owner is None else {"As-User": owner}
        response = self.box.session.request(method, path, json=body or None, headers=headers)
        return response.json() if response.content else {}

    def change(self, kind: str) -> None:
        """Make one change of a kind."""
        user = self.users["id"].iloc[self.rng.randrange(len(self.users))]
        folders = self.items[self.items["type"] == "folder"]
        folder = folders.iloc[self.rng.randrange(len(folders))]
        owner = folder["owned_by_id"]
        if kind in ("active", "inactive"):
            self.call("PUT", f"/users/{user}", status=kind)
        elif kind == "delete":
            self.call("DELETE", f"/users/{user}?force=true")
        elif kind == "invite":
            item = {"type": "folder", "id": folder["id"]}
            who = {"type": "user", "id": user}
            self.call("POST", "/collaborations", owner, item=item, accessible_by=who, role="viewer")
        elif kind == "remove":
            found = self.call("GET", f"/folders/{folder['id']}/collaborations", owner).get("entries")
            if isinstance(found, list) and found:
                self.call("DELETE", f"/collaborations/{found[0]['id']}", owner)
        elif kind == "again":  # to the folder where it already is
            self.moved.add(("folder", folder["id"]))
            self.call("PUT", f"/folders/{folder['id']}", owner, parent={"id": folder["parent_id"]})


@pytest.mark.parametrize("seed", [1, 2])
def test_an_update_equals_a_new_walk_after_users_left(little: Sandbox, box: boxnb.Box, seed: int) -> None:
    """After random changes of users and access, every value equals that of a new walk, but for what ``doubts`` names."""
    harvest = box.harvest("content").run()
    kinds = ["active", "inactive", "inactive", "delete", "invite", "remove", "again"]
    moved: set[tuple[str, str]] = set()
    for number in range(2):
        people = People(box, harvest.frame(), 10 * seed + number)
        for kind in kinds * 2:
            people.change(kind)
        moved |= people.moved
        little.clock.advance(7200)
        harvest.update()
        walked = reports.content(box)
        found = differing(harvest.frame()[walked.columns], walked)
        own = found["column"].str.startswith(("modified_", "content_modified", "etag"))
        expected = found["column"].isin(ABOVE) | (own & found["item"].isin(moved))
        assert found[~expected].empty, found[~expected].to_string()
    whats = harvest.doubts["what"]
    assert whats.str.contains("moved to the folder where they already are").any()
    assert harvest.doubts["calls"].iloc[0] == harvest.rounds["calls"].iloc[0]


def test_an_update_after_a_user_was_deleted_drops_the_content(little: Sandbox, box: boxnb.Box) -> None:
    """The content of a user who was deleted is gone after the next update, for few calls."""
    harvest = box.harvest("content").run()
    rows = harvest.frame()
    admins = set(box.users().query("role != 'user'")["id"])
    owned = rows[~rows["owned_by_id"].isin(admins) & (rows["ownership"] == "active")]
    owner = owned["owned_by_id"].value_counts().index[0]
    assert box.session.request("DELETE", f"/users/{owner}?force=true").status_code == 204
    little.clock.advance(7200)
    changes = harvest.update()
    assert set(changes.loc[changes["change"] == "gone", "id"]) == set(
        rows.loc[rows["owned_by_id"] == owner, "id"]
    )
    assert harvest.rounds["calls"].iloc[-1] < harvest.rounds["calls"].iloc[0] / 2
