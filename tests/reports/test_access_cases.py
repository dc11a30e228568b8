"""Single cases of who can see what: groups, links, expiries, several ways to one item, and what cannot be seen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.errors import ArgumentError, IdError, NotFoundError
from boxnb.reports.permissions import ANYONE, EVERYONE, MEMBERS, VISIBLE
from boxnb.sandbox import Sandbox

OUTSIDER = "someone@elsewhere.example"


@pytest.fixture(scope="module")
def company(home: Path) -> Iterator[Sandbox]:
    with boxnb.sandbox.start(private=True, state=home / "state", limits="off") as sandbox:
        sign_in(sandbox)
        yield sandbox


@pytest.fixture
def box(company: Sandbox) -> boxnb.Box:
    return boxnb.connect("acme")


class Folders:
    """A folder of the admin with a folder in it and a file in that one, and functions that share them."""

    def __init__(self, box: boxnb.Box) -> None:
        self.box = box
        number = len(box.items("0"))
        self.outer = self._folder(f"Case {number}", "0")
        self.inner = self._folder("Inner", self.outer)
        parts = {
            "attributes": (None, f'{{"name": "a.txt", "parent": {{"id": "{self.inner}"}}}}'),
            "file": ("a.txt", b"a"),
        }
        self.file: str = box.post("/files/content", files=parts)["entries"][0]["id"]

    def _folder(self, name: str, parent: str) -> str:
        created: str = self.box.post("/folders", {"name": name, "parent": {"id": parent}})["id"]
        return created

    def invite(self, item: str, role: str, *, kind: str = "folder", **who: Any) -> dict[str, Any]:
        more = {"expires_at": who.pop("expires_at")} if "expires_at" in who else {}
        who = {"type": "group" if "group" in who else "user", **who}
        if "group" in who:
            who["id"] = who.pop("group")
        body = {"item": {"type": kind, "id": item}, "accessible_by": who, "role": role, **more}
        created: dict[str, Any] = self.box.post("/collaborations", body)
        return created

    def access(self, of: Any = None, **options: Any) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reports.access(self.box, self.outer if of is None else of, **options)


@pytest.fixture
def folders(box: boxnb.Box) -> Folders:
    return Folders(box)


def user_id(box: boxnb.Box, login: str) -> str:
    return str(box.users(filter_term=login)["id"].iloc[0])


def test_only_the_owner_can_see_a_private_folder(folders: Folders) -> None:
    """Ownership begins at the topmost folder, also for a folder or a DataFrame from further down."""
    for of in (
        folders.outer,
        folders.inner,
        folders.box.tree(folders.outer),
        folders.box.tree(folders.inner),
    ):
        access = folders.access(of)
        assert access[["login", "item_id", "role", "via"]].to_numpy().tolist() == [
            ["ada.admin@example.com", folders.outer, "owner", "owner"]
        ]
        assert access.attrs["complete"] is True


def test_an_empty_folder_has_access_too(folders: Folders) -> None:
    """A folder without items is not left out."""
    empty = folders._folder("Empty", folders.outer)
    folders.invite(empty, "viewer", login="greta.haas@example.com")
    assert set(folders.access(empty)["login"]) == {"ada.admin@example.com", "greta.haas@example.com"}


def test_the_strongest_role_is_shown_and_the_others_are_listed(folders: Folders) -> None:
    """Someone who was invited and is in an invited group has one row per item, with both ways."""
    greta = user_id(folders.box, "greta.haas")
    group = folders.box.post("/groups", {"name": f"Group of {folders.outer}"})["id"]
    folders.box.post("/group_memberships", {"user": {"id": greta}, "group": {"id": group}})
    folders.invite(folders.inner, "viewer", id=greta, expires_at="2098-01-31T00:00:00Z")
    folders.invite(folders.inner, "editor", group=group)
    folders.invite(folders.outer, "previewer", id=greta)
    rows = folders.access()
    own = rows[rows["login"] == "greta.haas@example.com"].set_index("item_id")
    inner, outer = own.loc[folders.inner], own.loc[folders.outer]
    assert (inner["role"], inner["via"], inner["through"]) == ("editor", "group", f"Group of {folders.outer}")
    assert inner["other_ways"] == "viewer through an invitation until 2098-01-31"
    assert (bool(inner["has_access_above"]), bool(outer["has_access_above"])) == (True, False)
    seen = reports.visible_to(
        folders.box, "greta.haas@example.com", of=folders.box.tree(folders.outer), rows=rows
    )
    assert dict(zip(seen["id"], seen["role"], strict=True)) == {
        folders.inner: "editor",
        folders.file: "editor",
    }
    assert set(seen["begins_at"]) == {"Inner"}


def test_what_has_ended_or_not_begun_gives_no_access(folders: Folders, company: Sandbox) -> None:
    """Pending invitations, expired collaborations and expired links have no rows."""
    folders.invite(folders.outer, "editor", login=OUTSIDER)
    assert OUTSIDER not in set(folders.access()["login"])
    soon = pd.Timestamp(company.clock.now() + 3600, unit="s").strftime("%Y-%m-%dT%H:%M:%SZ")
    folders.invite(folders.inner, "editor", login="greta.haas@example.com", expires_at=soon)
    link = {"access": "open", "unshared_at": soon}
    folders.box.put(f"/folders/{folders.inner}", {"shared_link": link})
    before = folders.access()
    assert {"greta.haas@example.com", ANYONE} <= set(before["login"])
    assert before.set_index("login").loc["greta.haas@example.com", "until"] == pd.Timestamp(soon)
    company.clock.advance(7200)
    sign_in(company)
    later = reports.access(boxnb.connect("acme"), folders.outer)
    assert set(later["login"]) == {"ada.admin@example.com"}


def test_links_stand_for_people_who_are_not_known(folders: Folders) -> None:
    """An open link is for anyone, a company's link for its users, and a link for collaborators gives nobody access."""
    for item, link in ((folders.outer, {"access": "company"}), (folders.inner, {"access": "collaborators"})):
        folders.box.put(f"/folders/{item}", {"shared_link": link})
    folders.box.put(
        f"/files/{folders.file}",
        {"shared_link": {"access": "open", "password": "Pr4ctice!x", "permissions": {"can_download": False}}},
    )
    links = folders.access().query("via == 'link'").set_index("login")
    assert set(links.index) == {ANYONE, EVERYONE}
    anyone, everyone = links.loc[ANYONE], links.loc[EVERYONE]
    assert (anyone["item_id"], anyone["role"], anyone["through"]) == (
        folders.file,
        "previewer",
        "link with a password",
    )
    assert (everyone["item_id"], everyone["role"], everyone["through"]) == (folders.outer, "viewer", "link")
    assert (bool(anyone["is_external"]), bool(everyone["is_external"])) == (True, False)


def test_invitations_to_single_files_are_read_unless_refused(folders: Folders) -> None:
    """``files=False`` takes fewer calls and says that the report is not complete."""
    folders.invite(folders.file, "viewer", kind="file", login="greta.haas@example.com")
    with_files, without = folders.access(), folders.access(files=False)
    assert set(with_files.loc[with_files["item_type"] == "file", "login"]) == {"greta.haas@example.com"}
    assert (with_files.attrs["complete"], without.attrs["complete"]) == (True, False)
    assert "greta.haas@example.com" not in set(without["login"])
    assert "because of files=False" in without.attrs["skipped"][0]["why"]


def test_a_group_that_cannot_be_read_is_not_lost(folders: Folders, company: Sandbox) -> None:
    """The group has a row of its own, and ``attrs`` says that its members are not known."""
    greta = user_id(folders.box, "greta.haas")
    group = folders.box.post("/groups", {"name": f"Hidden {folders.outer}"})["id"]
    folders.box.post("/group_memberships", {"user": {"id": greta}, "group": {"id": group}})
    folders.invite(folders.outer, "editor", group=group)
    with company.faults.during(f"/2.0/groups/{group}/memberships", "conflict"):
        access = folders.access()
    row = access.set_index("login").loc[MEMBERS]
    assert (row["via"], row["through"], row["role"]) == ("group", f"Hidden {folders.outer}", "editor")
    assert pd.isna(row["is_external"])
    assert access.attrs["complete"] is False
    assert access.attrs["skipped"][0]["id"] == group


def test_collaborations_fetched_before_are_used(folders: Folders) -> None:
    """Rows about other content are left out, and no collaborations are pulled again."""
    folders.invite(folders.outer, "viewer", login="greta.haas@example.com")
    tree = folders.box.tree("0")
    collaborations = reports.collaborations(folders.box, of=tree)
    own = tree[tree["id"].isin([folders.outer, folders.inner, folders.file])]
    before = folders.box.calls["calls"].sum()
    access = folders.access(own, collaborations=collaborations)
    assert set(access["login"]) == {"ada.admin@example.com", "greta.haas@example.com"}
    assert folders.box.calls["calls"].sum() - before <= 4
    pd.testing.assert_frame_equal(access, folders.access(own))


def test_a_walk_by_tree_is_enough_for_the_collaborations(folders: Folders) -> None:
    """``box.tree`` as input of ``reports.collaborations`` gives the invitations to everything in it, and who is external."""
    folders.invite(folders.inner, "viewer", login="greta.haas@example.com")
    folders.invite(folders.inner, "editor", login=OUTSIDER)
    rows = reports.collaborations(folders.box, of=folders.box.tree(folders.outer)).set_index("login")
    assert set(rows.index) == {"greta.haas@example.com", OUTSIDER}
    assert rows["is_external"].astype(bool).to_dict() == {"greta.haas@example.com": False, OUTSIDER: True}
    assert set(rows["item_name"]) == {"Inner"}
    assert rows.attrs["complete"] is True


@pytest.mark.parametrize("of", [["a"], {"id": "x"}, "no id", pd.NA, 1.5])
def test_anything_else_is_refused(box: boxnb.Box, of: Any) -> None:
    """The message says that an id of a folder is needed."""
    with pytest.raises(IdError):
        reports.access(box, of)
    with pytest.raises(ArgumentError, match="files takes True or False"):
        reports.access(box, "1", files="no")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        reports.access(box, "1")


def test_nobody_sees_anything_by_an_unknown_login(folders: Folders) -> None:
    """A person without access has an empty DataFrame with all columns."""
    seen = reports.visible_to(folders.box, "nobody@example.com", of=folders.box.tree(folders.outer))
    assert seen.empty
    assert list(seen.columns) == list(VISIBLE)
