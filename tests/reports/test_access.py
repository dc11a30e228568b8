"""Who can see what, compared for every item with what the sandbox's own database says, also after a thousand changes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from one_home import home as home
from signing import sign_in

import boxnb.sandbox
from boxnb import reports
from boxnb.errors import ApiError
from boxnb.reports.permissions import ACCESS, ANYONE, EVERYONE, MEMBERS, ROLES, VISIBLE
from boxnb.sandbox.server.company.company import World
from boxnb.sandbox.server.company.state import State
from boxnb.sandbox.server.company.tree import Item

pytestmark = pytest.mark.usefixtures("untraced")

Key = tuple[str, str]


class Answer(NamedTuple):
    """What the reports say about a company, and the company's database at that moment."""

    content: pd.DataFrame
    access: pd.DataFrame
    seen: dict[str, pd.DataFrame]
    parts: dict[str, pd.DataFrame]
    tree: pd.DataFrame
    access_of_tree: pd.DataFrame
    world: World
    now: float


def change_sharing(box: boxnb.Box, content: pd.DataFrame, number: int) -> None:
    """Make random changes to invitations, links and groups, each by the owner of the item, until ``number`` were made."""
    dice = random.Random(17)
    own = content[(content["ownership"] == "active") & (content["type"] != "web_link")]
    items = own[["type", "id", "owned_by_id"]].astype("str").to_numpy().tolist()
    users, groups = box.users()["id"].tolist(), box.groups()["id"].tolist()
    collaborations: list[tuple[str, str]] = []
    memberships = [(row, "") for row in box.memberships()["id"]]
    made = 0
    while made < number:
        kind, item_id, owner = dice.choice(items)
        role = dice.choice([*ROLES[1:]])
        who = dice.choice(
            [
                {"type": "user", "id": dice.choice(users)},
                {"type": "group", "id": dice.choice(groups)},
                {"type": "user", "login": f"someone{dice.randrange(40)}@elsewhere.example"},
            ]
        )
        try:
            match dice.randrange(8):
                case 0 | 1 | 2:
                    body: dict[str, Any] = {"item": {"type": kind, "id": item_id}, "accessible_by": who}
                    if dice.random() < 0.2:
                        body["expires_at"] = "2099-01-01T00:00:00Z"
                    new = box.post("/collaborations", {**body, "role": role}, as_user=owner)
                    collaborations.append((new["id"], owner))
                case 3 if collaborations:
                    row, owner = dice.choice(collaborations)
                    box.put(f"/collaborations/{row}", {"role": role}, as_user=owner)
                case 4 if collaborations:
                    row, owner = collaborations.pop(dice.randrange(len(collaborations)))
                    box.delete(f"/collaborations/{row}", as_user=owner)
                case 5:
                    link = dice.choice([None, {"access": "open"}, {"access": "company"}])
                    box.put(f"/{kind}s/{item_id}", {"shared_link": link}, as_user=owner)
                case 6:
                    user, group = dice.choice(users), dice.choice(groups)
                    added = box.post("/group_memberships", {"user": {"id": user}, "group": {"id": group}})
                    memberships.append((added["id"], ""))
                case _:
                    row, _ = memberships.pop(dice.randrange(len(memberships)))
                    box.delete(f"/group_memberships/{row}")
        except ApiError as error:
            assert error.status in (400, 403, 404, 409), error
            continue
        made += 1


@pytest.fixture(scope="module", params=["as it is", "after a thousand changes"])
def answer(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Return what the reports say about the practice company, as it is and after a thousand random changes."""
    state = tmp_path_factory.mktemp("state")  # the tests read it, so it stays locked
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox:
        sign_in(sandbox)
        box = boxnb.connect("acme")
        content = reports.content(box)
        if request.param != "as it is":
            change_sharing(box, content, 1000)
            content = reports.content(box)
        with pytest.warns(UserWarning, match="the folders above it, and boxnb cannot act as"):
            access = reports.access(box, content)
        dice = random.Random(3)
        logins = dice.sample(sorted(access.loc[access["via"] != "link", "login"].dropna().unique()), 25)
        with pytest.warns(UserWarning, match="visible_to is not complete"):
            seen = {login: reports.visible_to(box, login, of=content, rows=access) for login in logins}
        depth = content[(content["type"] == "folder") & (content["depth"] == 3)]
        rows = depth[depth["ownership"] == "active"].sample(6, random_state=1)
        parts = {
            row.id: reports.access(box, row.id, as_user=row.owned_by_id)
            for row in rows.itertuples(index=False)
        }
        tree = box.tree(as_user=box.users(filter_term="olga.petrenko")["id"].iloc[0])
        access_of_tree = reports.access(box, tree)
        now = sandbox.clock.now()
    return Answer(content, access, seen, parts, tree, access_of_tree, World("small", State(state), now), now)


def roles_in_database(world: World, now: float, item: Item) -> dict[str, set[str]]:
    """Return the roles that each user has on one item itself, from ownership and collaborations, by user id or login."""
    roles: dict[str, set[str]] = {}
    for collab in world.access.collabs.values():
        if (collab.item_type, collab.item_id) != (item.kind, item.id):
            continue
        if collab.status != "accepted" or (collab.expires is not None and collab.expires <= now):
            continue
        members = [user for user, groups in world.groups_of.items() if collab.group in groups]
        for person in members if collab.group else [collab.user or collab.email]:
            roles.setdefault(person, set()).add(collab.role)
    return roles


def everyone_in_database(answer: Answer) -> dict[Key, dict[str, set[str]]]:
    """Return the roles of each user on each item, including those through the folders above, by brute force."""
    world, now = answer.world, answer.now
    on_items = {
        (item.kind, item.id): roles_in_database(world, now, item)
        for item in world.tree.everything()
        if any(True for _ in world.access.on(item))
    }
    everyone: dict[Key, dict[str, set[str]]] = {}
    for item in world.tree.everything():
        roles: dict[str, set[str]] = {}
        for above in item.up():
            roles.setdefault(above.owner, set()).add("owner")
            for person, own in on_items.get((above.kind, above.id), {}).items():
                roles.setdefault(person, set()).update(own)
            link = above.link
            if link is not None and link.access in ("open", "company") and link.alive(now):
                name = ANYONE if link.access == "open" else EVERYONE
                roles.setdefault(name, set()).add("viewer" if link.download else "previewer")
        everyone[item.kind, item.id] = roles
    return everyone


def strongest(roles: set[str]) -> str:
    return min(roles, key=ROLES.index)


def grants_in_report(access: pd.DataFrame) -> dict[Key, dict[str, str]]:
    """Return the role of each person on each item of the report."""
    grants: dict[Key, dict[str, str]] = {}
    person = access["user_id"].where(access["user_id"].notna(), access["login"])
    for kind, item, who, role in zip(
        access["item_type"], access["item_id"], person, access["role"], strict=True
    ):
        grants.setdefault((kind, item), {})[who] = role
    return grants


def roles_in_report(
    answer: Answer, access: pd.DataFrame | dict[Key, dict[str, str]], item: Item
) -> dict[str, str]:
    """Return the strongest role of each person on an item and the folders above it, according to the report."""
    grants = grants_in_report(access) if not isinstance(access, dict) else access
    roles: dict[str, set[str]] = {}
    for above in item.up():
        for who, role in grants.get((above.kind, above.id), {}).items():
            roles.setdefault(who, set()).add(role)
    return {who: strongest(names) for who, names in roles.items()}


def items_of(answer: Answer) -> list[Item]:
    """Return the items of the walk, in the database."""
    world = answer.world
    return [
        world.tree.of(kind)[item]
        for kind, item in zip(answer.content["type"].astype("str"), answer.content["id"], strict=True)
    ]


def test_access_is_what_the_database_says(answer: Answer) -> None:
    """For each of the 6,654 items, the same people have the same strongest role; links count as people of their own."""
    everyone, grants = everyone_in_database(answer), grants_in_report(answer.access)
    items = items_of(answer)
    assert len(items) > 6600
    differences = [
        (item.kind, item.id, item.name)
        for item in items
        if roles_in_report(answer, grants, item)
        != {who: strongest(roles) for who, roles in everyone[item.kind, item.id].items()}
    ]
    assert differences == []


def test_the_access_of_one_user_s_tree_is_what_the_database_says(answer: Answer) -> None:
    """The folders above whatever others share with the user are read as their owners, so nobody is missing."""
    everyone, grants = everyone_in_database(answer), grants_in_report(answer.access_of_tree)
    items = items_of(answer._replace(content=answer.tree))
    assert len({item.owner for item in items}) > 3
    for item in items:
        expected = {who: strongest(roles) for who, roles in everyone[item.kind, item.id].items()}
        assert roles_in_report(answer, grants, item) == expected


def test_each_person_and_item_appears_once(answer: Answer) -> None:
    """A row says where access begins: nobody has two rows for one item, and the columns are those of the table."""
    access = answer.access
    person = access["user_id"].where(access["user_id"].notna(), access["login"])
    assert (
        not pd.DataFrame({"person": person, "type": access["item_type"], "id": access["item_id"]})
        .duplicated()
        .any()
    )
    assert list(access.columns) == list(ACCESS)
    assert not (access["login"] == MEMBERS).any()


def test_access_above_is_what_the_database_says(answer: Answer) -> None:
    """``has_access_above`` is true for exactly those rows whose person can see a folder above the item."""
    everyone, access = everyone_in_database(answer), answer.access
    person = access["user_id"].where(access["user_id"].notna(), access["login"])
    for kind, item_id, who, flag in zip(
        access["item_type"], access["item_id"], person, access["has_access_above"], strict=True
    ):
        item = answer.world.tree.of(kind)[item_id]
        above = item.parent is not None and who in everyone["folder", item.parent.id]
        # The owner of a folder owns everything in it, and has only one row.
        assert bool(flag) == above, (kind, item_id, who)


def test_who_is_external_and_active_is_what_the_database_says(answer: Answer) -> None:
    """External people are not users of the enterprise, and suspended users are not active."""
    users, access = answer.world.users, answer.access
    people = access[access["via"] != "link"]
    assert (people["is_external"] == ~people["user_id"].isin(list(users))).all()
    managed = people[~people["is_external"].astype(bool)]
    assert (
        managed["is_active"] == managed["user_id"].map(lambda user: users[user]["status"] != "inactive")
    ).all()
    assert people.loc[people["is_external"].astype(bool), "is_active"].isna().all()
    links = access[access["via"] == "link"]
    assert (links["is_external"] == (links["login"] == ANYONE)).all()


def test_until_is_when_the_role_ends(answer: Answer) -> None:
    """The expiry is that of the collaboration in the same row."""
    rows = answer.access[answer.access["collaboration_id"].notna()]
    assert rows["until"].notna().any()
    for collaboration, until in zip(rows["collaboration_id"], rows["until"], strict=True):
        expires = answer.world.access.collabs[collaboration].expires
        assert (None if expires is None else pd.Timestamp(expires, unit="s", tz="UTC")) == (
            None if pd.isna(until) else until
        )


def test_everything_that_a_person_can_see_is_what_the_database_says(answer: Answer) -> None:
    """For 25 people, the items and the strongest roles are those of the database."""
    everyone, items = everyone_in_database(answer), items_of(answer)
    for login, seen in answer.seen.items():
        who = answer.access.loc[answer.access["login"] == login, "user_id"].iloc[0]
        expected = {
            (item.kind, item.id): strongest(everyone[item.kind, item.id][who])
            for item in items
            if who in everyone[item.kind, item.id]
        }
        keys = zip(seen["type"].astype("str"), seen["id"], strict=True)
        assert dict(zip(keys, seen["role"].astype("str"), strict=True)) == expected
        assert list(seen.columns) == list(VISIBLE)


def test_a_folder_has_the_access_of_the_folders_above_it(answer: Answer) -> None:
    """The access to one folder three levels down is the same as in the report on all content."""
    everyone = everyone_in_database(answer)
    assert len(answer.parts) == 6
    for folder_id, access in answer.parts.items():
        folder = answer.world.tree.of("folder")[folder_id]
        assert access.attrs["complete"] is True
        for item in [folder, *folder.below()]:
            expected = {who: strongest(roles) for who, roles in everyone[item.kind, item.id].items()}
            if not item.is_trashed():
                assert roles_in_report(answer, access, item) == expected
        paths = dict(zip(access["item_id"], access["path"], strict=True))
        above = list(folder.up())[1:]
        assert paths[above[-1].id] == ""
        assert set(access.attrs["above"]) == {entry.id for entry in [folder, *above]}
