"""People, groups and memberships: as the rows say, as Box answers them, as they were changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import times
from .state import State

Doc = dict[str, Any]
Row = dict[str, str]
Rows = Callable[[str], Iterable[Row]]
ENTERPRISE: Doc = {"id": "900719925474099301", "type": "enterprise", "name": "Lumen & Fjord Ltd"}
NOBODY: Doc = {"id": "2", "type": "user", "name": "Anonymous User", "login": ""}
USER_MINI = ("name", "login")
USER_STANDARD = [
    "created_at",
    "modified_at",
    "language",
    "timezone",
    "space_amount",
    "space_used",
    "max_upload_size",
    "status",
    "job_title",
    "phone",
    "address",
    "avatar_url",
    "notification_email",
]
USER_FULL = [
    "role",
    "tracking_codes",
    "can_see_managed_users",
    "is_sync_enabled",
    "is_external_collab_restricted",
    "is_exempt_from_device_limits",
    "is_exempt_from_login_verification",
    "enterprise",
    "my_tags",
    "hostname",
    "is_platform_access_only",
    "external_app_user_id",
]
GROUP_MINI = ("name", "group_type")
GROUP_STANDARD = ("created_at", "modified_at")
GROUP_FULL = [
    "provenance",
    "external_sync_identifier",
    "description",
    "invitability_level",
    "member_viewability_level",
    "permissions",
]


def _user(row: dict[str, str]) -> Doc:
    codes = (
        [{"type": "tracking_code", "name": "department", "value": row["department"]}]
        if row["department"]
        else []
    )
    return {
        "id": row["id"],
        "type": "user",
        "name": row["name"],
        "login": row["login"],
        "created_at": row["created_at"],
        "modified_at": row["modified_at"],
        "language": row["language"],
        "timezone": row["timezone"],
        "space_amount": int(row["space_amount"]),
        "space_used": int(row["space_used"]),
        "max_upload_size": int(row["max_upload_size"]),
        "status": row["status"],
        "job_title": row["job_title"],
        "phone": row["phone"],
        "address": row["address"],
        "avatar_url": "",
        "notification_email": None,
        "role": row["role"],
        "tracking_codes": codes,
        "can_see_managed_users": True,
        "is_sync_enabled": row["role"] != "user",
        "is_external_collab_restricted": False,
        "is_exempt_from_device_limits": False,
        "is_exempt_from_login_verification": False,
        "enterprise": ENTERPRISE,
        "my_tags": [],
        "hostname": "",
        "is_platform_access_only": False,
        "external_app_user_id": "",
    }


def _group(row: dict[str, str]) -> Doc:
    return {
        "id": row["id"],
        "type": "group",
        "name": row["name"],
        "group_type": "managed_group",
        "created_at": row["created_at"],
        "modified_at": row["modified_at"],
        "provenance": row["provenance"],
        "external_sync_identifier": row["external_sync_identifier"],
        "description": row["description"],
        "invitability_level": row["invitability_level"],
        "member_viewability_level": row["member_viewability_level"],
        "permissions": {"can_invite_as_collaborator": True},
    }


def mini(doc: Doc) -> Doc:
    """The mini form of a user or group, as Box nests it in other objects."""
    names = USER_MINI if doc["type"] == "user" else GROUP_MINI
    return {key: doc[key] for key in ("id", "type", *names)}


def shape(doc: Doc, fields: str | None) -> Doc:
    """`doc` as Box answers it: the standard set, or with ``fields`` the mini set plus what was asked (box-facts 3.3)."""
    user = doc["type"] == "user"
    small = ("id", "type", *(USER_MINI if user else GROUP_MINI))
    if fields is None:
        wanted: list[str] = [*small, *(USER_STANDARD if user else GROUP_STANDARD)]
    else:
        wanted = [*small, *(name.strip() for name in fields.split(","))]
    return {key: doc[key] for key in dict.fromkeys(wanted) if key in doc}


def outsider(row: Row) -> Doc:
    """A person of another company, as far as Box shows them: a limited set, the rest is null (box-facts 4.1)."""
    company: Doc | None = None
    if row["company_id"]:
        company = {"id": row["company_id"], "type": "enterprise", "name": row["company"]}
    blank: Doc = dict.fromkeys([*USER_STANDARD, *USER_FULL])
    named = {"id": row["id"], "type": "user", "name": row["name"], "login": row["login"]}
    return {**named, **blank, "enterprise": company}


class People:
    """Users, groups and memberships by id; `rows` gives the rows of a file by its name.

    `day` is what the ages in the rows count from, in epoch seconds.
    """

    def __init__(self, rows: Rows, state: State, day: float) -> None:
        self._state, self.revision, self.day = state, 0, day
        self.users: dict[str, Doc] = {row["id"]: _user(row) for row in self._dated(by_id(rows("users")))}
        self.outsiders: dict[str, Doc] = {row["id"]: outsider(row) for row in rows("externals")}
        self.row_logins = self._logins()  # the rows name people as they were, whoever left or changed since
        self.gone: dict[str, Doc] = {}
        for one, doc in state.changes("user").items():
            if doc is None or "gone" in doc:
                self.users.pop(one, None)
                self.gone[one] = doc["gone"] if doc else {**NOBODY, "id": one}
            else:
                self.users[one] = doc
        self.groups: dict[str, Doc] = {row["id"]: _group(row) for row in self._dated(by_id(rows("groups")))}
        _overlay(self.groups, state.changes("group"))
        self.memberships: dict[str, Doc] = {
            row["id"]: {**row, "type": "group_membership"} for row in self._dated(rows("memberships"))
        }
        _overlay(self.memberships, state.changes("membership"))
        self.logins = self._logins()
        self.groups_of: dict[str, set[str]] = {}
        self._by_user: dict[str, dict[str, Doc]] = {}
        self._by_group: dict[str, dict[str, Doc]] = {}
        for membership in list(self.memberships.values()):
            self._index(membership)

    def _dated(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows with their two times as Box writes times."""
        for row in rows:
            dates = {name: times.written(row[name], self.day) for name in ("created_at", "modified_at")}
            yield {**row, **dates}

    def _logins(self) -> dict[str, str]:
        everybody = [*self.outsiders.items(), *self.users.items()]
        return {user["login"].casefold(): one for one, user in everybody}

    def _index(self, membership: Doc) -> None:
        user, group = membership["user_id"], membership["group_id"]
        self._by_user.setdefault(user, {})[membership["id"]] = membership
        self._by_group.setdefault(group, {})[membership["id"]] = membership
        self.groups_of.setdefault(user, set()).add(group)

    def by_login(self, login: str) -> Doc | None:
        """The person of the company with this login, whatever its case."""
        return self.users.get(self.logins.get(login.strip().casefold(), ""))

    def person_id(self, login: str) -> str:
        """The id behind a login of a row, or of ``2``: nobody; raises `ValueError` for an unknown one."""
        if login == NOBODY["id"]:
            return login
        found = self.row_logins.get(login.casefold())
        if found is None:
            raise ValueError(f"nobody has the login {login!r}")
        return found

    def person(self, user_id: str) -> Doc:
        """The mini form of anybody: of the company, of another one, deleted, or nobody."""
        if user_id == NOBODY["id"]:
            return dict(NOBODY)
        found = self.users.get(user_id) or self.outsiders.get(user_id) or self.gone.get(user_id)
        return mini(found) if found else {"id": user_id, "type": "user", "name": "", "login": ""}

    def admin(self) -> Doc:
        """The practice admin: the first person with the role admin."""
        return next(user for user in self.users.values() if user["role"] == "admin")

    def change_user(self, user_id: str, changes: Doc) -> Doc:
        """Change a person and remember it."""
        user = self.users[user_id]
        old = user["login"].casefold()
        user.update(changes)
        if self.logins.get(old) == user_id:
            del self.logins[old]
        return self.keep_user(user)

    def keep_user(self, user: Doc) -> Doc:
        """Add a person, or write their present form."""
        self.revision += 1
        self.users[user["id"]] = user
        self.logins[user["login"].casefold()] = user["id"]
        self._state.change("user", user["id"], user)
        return user

    def remove_user(self, user_id: str) -> None:
        """Delete a person; what they made keeps their name."""
        self.revision += 1
        user = self.users.pop(user_id)
        self.gone[user_id] = mini(user)
        self.logins.pop(user["login"].casefold(), None)
        for membership in self.of_user(user_id):
            self.remove_membership(membership)
        self._state.change("user", user_id, {"gone": mini(user)})

    def keep_group(self, group: Doc) -> Doc:
        """Add a group, or write its present form."""
        self.groups[group["id"]] = group
        self._state.change("group", group["id"], group)
        return group

    def remove_group(self, group_id: str) -> None:
        """Delete a group and its memberships."""
        for membership in self.of_group(group_id):
            self.remove_membership(membership)
        del self.groups[group_id]
        self._state.change("group", group_id, None)

    def of_user(self, user_id: str) -> list[Doc]:
        """The memberships of a person."""
        return list(self._by_user.get(user_id, {}).values())

    def of_group(self, group_id: str) -> list[Doc]:
        """The memberships of a group."""
        return list(self._by_group.get(group_id, {}).values())

    def keep_membership(self, membership: Doc) -> Doc:
        """Add a membership, or write its present form."""
        self.memberships[membership["id"]] = membership
        self._index(membership)
        self._state.change("membership", membership["id"], membership)
        return membership

    def remove_membership(self, membership: Doc) -> None:
        """End a membership."""
        key, user, group = membership["id"], membership["user_id"], membership["group_id"]
        self.memberships.pop(key, None)
        self._by_user[user].pop(key, None)
        self._by_group[group].pop(key, None)
        self.groups_of[user] = {one["group_id"] for one in self._by_user[user].values()}
        self._state.change("membership", key, None)

    def membership(self, membership: Doc) -> Doc:
        """A membership as Box answers it."""
        return {
            "id": membership["id"],
            "type": "group_membership",
            "user": self.person(membership["user_id"]),
            "group": mini(self.groups[membership["group_id"]]),
            "role": membership["role"],
            "created_at": membership["created_at"],
            "modified_at": membership["modified_at"],
        }


def by_id(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of their ids as numbers."""
    return sorted(rows, key=lambda row: int(row["id"]))


def _overlay(table: dict[str, Doc], changes: dict[str, Doc | None]) -> None:
    for one, doc in changes.items():
        if doc is None:
            table.pop(one, None)
        else:
            table[one] = doc
