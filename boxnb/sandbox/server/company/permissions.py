"""Who may do what with which item: ownership, collaborations, groups, shared links (box-facts 4.6)."""

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
    """One collaboration. `user` is an id, empty for a group or for who never opened an account (`email`)."""

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

    def works(self, now: float) -> bool:
        """Does it give access?"""
        return self.status == "accepted" and (self.expires is None or now < self.expires)


class Access:
    """All collaborations, and what follows from them. `groups_of` maps a user id to the ids of its groups."""

    def __init__(self, state: State, tree: Tree, groups_of: dict[str, set[str]]) -> None:
        self._state, self.tree, self.groups_of = state, tree, groups_of
        self.collabs: dict[str, Collab] = {}
        self._on: dict[tuple[str, str], dict[str, Collab]] = {}
        self._to_user: dict[str, dict[str, Collab]] = {}
        self._to_group: dict[str, dict[str, Collab]] = {}

    def read_row(self, row: Row, day: float, people: dict[str, str]) -> None:
        """One row of `collaborations.csv`; `people` maps logins to ids."""
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
        """After the rows: the changes of the state."""
        for one, doc in self._state.changes("collaboration").items():
            if one in self.collabs:
                self._unindex(self.collabs[one])
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

    def keep(self, collab: Collab) -> Collab:
        """Add it, or write its present form."""
        self._index(collab)
        self._state.change("collaboration", collab.id, asdict(collab))
        return collab

    def drop(self, collab: Collab) -> None:
        """End it."""
        self._unindex(collab)
        self._state.change("collaboration", collab.id, None)

    def on(self, item: Item) -> list[Collab]:
        """The collaborations of this very item."""
        return list(self._on.get((item.kind, item.id), {}).values())

    def of_group(self, group_id: str) -> list[Collab]:
        """The collaborations of a group."""
        return list(self._to_group.get(group_id, {}).values())

    def of_user(self, user_id: str) -> list[Collab]:
        """The collaborations of a person, not those of their groups."""
        return list(self._to_user.get(user_id, {}).values())

    def reaching(self, user_id: str) -> Iterator[Collab]:
        """The collaborations of a person and of their groups."""
        yield from self._to_user.get(user_id, {}).values()
        for group in self.groups_of.get(user_id, ()):
            yield from self._to_group.get(group, {}).values()

    def may(self, user_id: str, item: Item, now: float) -> frozenset[str]:
        """What a person may do with an item: the sum of what holds here and above."""
        if item.owner == user_id:
            return ROLES["owner"]
        rights = NOTHING
        groups = self.groups_of.get(user_id, NOTHING)
        for above in item.up():
            for collab in self._on.get((above.kind, above.id), {}).values():
                if (collab.user == user_id or collab.group in groups) and collab.works(now):
                    rights |= ROLES[collab.role]
        return rights

    def collaborated(self, item: Item, now: float) -> bool:
        """Does anybody but the owner have access, by invitation here or above?"""
        return any(
            collab.works(now)
            for above in item.up()
            for collab in self._on.get((above.kind, above.id), {}).values()
        )

    def mounted(self, user_id: str, now: float) -> list[Item]:
        """Items of other people that appear on this person's top level: the highest ones they may see."""
        found: dict[tuple[str, str], Item] = {}
        for collab in self.reaching(user_id):
            item = self.tree.of(collab.item_type).get(collab.item_id)
            if item is None or not collab.works(now) or item.owner == user_id or item.is_trashed():
                continue
            if item.parent is None or not self.may(user_id, item.parent, now):
                found[item.kind, item.id] = item
        return list(found.values())

    def top(self, user_id: str, now: float) -> list[Item]:
        """Everything on a person's top level: their own and what others share with them."""
        own = [item for item in self.tree.siblings(user_id, None).values() if item.trashed is None]
        return own + self.mounted(user_id, now)

    def reachable(self, user_id: str, now: float) -> Iterator[Item]:
        """Everything a person may see, each once."""
        seen: set[tuple[str, str]] = set()
        for top in self.top(user_id, now):
            for item in [top, *top.below()]:
                if (item.kind, item.id) not in seen:
                    seen.add((item.kind, item.id))
                    yield item

    def opened_by(self, item: Item, links: Iterable[Item]) -> bool:
        """Is the item, or a folder above it, one that a given shared link opens?"""
        opened = {(one.kind, one.id) for one in links}
        return any((above.kind, above.id) in opened for above in item.up())
