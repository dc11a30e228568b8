"""Permissions on items: ownership, collaborations, groups, shared links (box-facts 4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from . import times
from .state import State
from .tree import Item, Row, Tree

VIEW = frozenset({"list", "preview"})
ROLES: dict[str, frozenset[str]] = {
    "owner": VIEW | {"download", "upload", "edit", "delete", "invite", "share", "own"},
    "co-owner": VIEW | {"download", "upload", "edit", "delete", "invite", "share"},
    "editor": VIEW | {"download", "upload", "edit", "delete", "invite", "share"},
    "viewer uploader": VIEW | {"download", "upload", "share"},
    "previewer uploader": VIEW | {"upload"},
    "viewer": VIEW | {"download", "share"},
    "previewer": VIEW,
    "uploader": frozenset({"list", "upload"}),
}
INVITABLE = [role for role in ROLES if role != "owner"]
NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Collab:
    """One collaboration. `user` is an id, or empty for a group or an invitee without an account (`email`)."""

    id: str
    item_type: str
    item_id: str
    user: str
    group: str
    email: str
    role: str
    status: str
    created_by: str
    created: float
    modified: float
    expires: float | None = None
    acknowledged: float | None = None
    is_access_only: bool = False
    can_view_path: bool = False
    by_id: bool = False

    def gives_access(self, now: float) -> bool:
        """Return whether the collaboration gives access at the time `now`."""
        return self.status == "accepted" and (self.expires is None or now < self.expires)


class Access:
    """All collaborations and the permissions they give. `groups_of` maps a user id to the ids of its groups."""

    def __init__(self, state: State, tree: Tree, groups_of: dict[str, set[str]]) -> None:
        self._state, self.tree, self.groups_of = state, tree, groups_of
        self.collabs: dict[str, Collab] = {}
        self._on: dict[tuple[str, str], dict[str, Collab]] = {}
        self._to_user: dict[str, dict[str, Collab]] = {}
        self._to_group: dict[str, dict[str, Collab]] = {}

    def read_row(self, row: Row, day: float, people: dict[str, str]) -> None:
        """Add the collaboration in a row of `collaborations.csv`; `people` maps logins to ids."""
        login = row["login"].casefold()
        created = times.read(row["created_at"], day)
        self._index(
            Collab(
                row["id"],
                row["item_type"],
                row["item_id"],
                people.get(login, ""),
                row["group_id"],
                row["login"] if login not in people else "",
                row["role"],
                row["status"],
                people[row["created_by"].casefold()],
                created,
                times.read(row["modified_at"], day),
                times.read(row["expires_at"], day) if row["expires_at"] else None,
                created if row["status"] == "accepted" else None,
            )
        )

    def finish(self) -> None:
        """Apply the changes saved in the state, after all rows are read."""
        for collab_id, doc in self._state.changes("collaboration").items():
            if collab_id in self.collabs:
                self._unindex(self.collabs[collab_id])
            if doc is not None:
                self._index(Collab(**doc))

    def _index(self, collab: Collab) -> None:
        self.collabs[collab.id] = collab
        self._on.setdefault((collab.item_type, collab.item_id), {})[collab.id] = collab
        table, key = (self._to_group, collab.group) if collab.group else (self._to_user, collab.user)
        table.setdefault(key, {})[collab.id] = collab

    def _unindex(self, collab: Collab) -> None:
        self.collabs.pop(collab.id, None)
        self._on.get((collab.item_type, collab.item_id), {}).pop(collab.id, None)
        table, key = (self._to_group, collab.group) if collab.group else (self._to_user, collab.user)
        table.get(key, {}).pop(collab.id, None)

    def save(self, collab: Collab) -> Collab:
        """Add a collaboration, or save changes to it."""
        self._index(collab)
        self._state.change("collaboration", collab.id, asdict(collab))
        return collab

    def drop(self, collab: Collab) -> None:
        """End a collaboration."""
        self._unindex(collab)
        self._state.change("collaboration", collab.id, None)

    def on(self, item: Item) -> list[Collab]:
        """Return the collaborations on this item itself, not on its ancestor folders."""
        return list(self._on.get((item.kind, item.id), {}).values())

    def of_group(self, group_id: str) -> list[Collab]:
        """Return the collaborations of a group."""
        return list(self._to_group.get(group_id, {}).values())

    def of_user(self, user_id: str) -> list[Collab]:
        """Return the collaborations of a user, but not those of their groups."""
        return list(self._to_user.get(user_id, {}).values())

    def reaching(self, user_id: str) -> Iterator[Collab]:
        """Yield the collaborations of a user and of their groups."""
        yield from self._to_user.get(user_id, {}).values()
        for group in self.groups_of.get(user_id, ()):
            yield from self._to_group.get(group, {}).values()

    def may(self, user_id: str, item: Item, now: float) -> frozenset[str]:
        """Return what a user can do with an item: the union of the permissions on it and on its ancestor folders."""
        if item.owner == user_id:
            return ROLES["owner"]
        rights = NOTHING
        groups = self.groups_of.get(user_id, NOTHING)
        for ancestor in item.up():
            for collab in self._on.get((ancestor.kind, ancestor.id), {}).values():
                if (collab.user == user_id or collab.group in groups) and collab.gives_access(now):
                    rights |= ROLES[collab.role]
        return rights

    def has_collaborators(self, item: Item, now: float) -> bool:
        """Return whether a collaboration on the item or on an ancestor folder gives access to anyone."""
        return any(
            collab.gives_access(now)
            for ancestor in item.up()
            for collab in self._on.get((ancestor.kind, ancestor.id), {}).values()
        )

    def mounted(self, user_id: str, now: float) -> list[Item]:
        """Return the items of other users on this user's top level: the topmost items that this user can see."""
        items: dict[tuple[str, str], Item] = {}
        for collab in self.reaching(user_id):
            item = self.tree.of(collab.item_type).get(collab.item_id)
            if item is None or not collab.gives_access(now) or item.owner == user_id or item.is_trashed():
                continue
            if item.parent is None or not self.may(user_id, item.parent, now):
                items[item.kind, item.id] = item
        return list(items.values())

    def top(self, user_id: str, now: float) -> list[Item]:
        """Return everything at a user's top level: their own items and those shared with them."""
        own = [item for item in self.tree.siblings(user_id, None).values() if item.trashed is None]
        return own + self.mounted(user_id, now)

    def reachable(self, user_id: str, now: float) -> Iterator[Item]:
        """Yield every item that a user can see, once."""
        yielded: set[tuple[str, str]] = set()
        for top in self.top(user_id, now):
            for item in [top, *top.below()]:
                if (item.kind, item.id) not in yielded:
                    yielded.add((item.kind, item.id))
                    yield item

    def opened_by(self, item: Item, links: Iterable[Item]) -> bool:
        """Return whether one of these shared links opens the item, directly or through an ancestor folder."""
        opened = {(linked.kind, linked.id) for linked in links}
        return any((ancestor.kind, ancestor.id) in opened for ancestor in item.up())
