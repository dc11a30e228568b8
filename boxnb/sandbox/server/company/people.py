"""Users, groups and memberships: reading them from rows, changing them, and returning them in Box's form."""

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


def new_user(user_id: str, login: str, now: str) -> Doc:
    """Return a user as the company has it before anything about it is set."""
    switched_off = dict.fromkeys(
        (
            *("is_external_collab_restricted", "is_exempt_from_device_limits"),
            *("is_exempt_from_login_verification", "is_platform_access_only"),
        ),
        False,
    )
    return {
        "id": user_id,
        "type": "user",
        "name": "",
        "login": login,
        "created_at": now,
        "modified_at": now,
        "language": "en",
        "timezone": "Europe/London",
        "space_amount": 10_737_418_240,
        "space_used": 0,
        "max_upload_size": 5_368_709_120,
        "status": "active",
        **dict.fromkeys(
            ("job_title", "phone", "address", "avatar_url", "hostname", "external_app_user_id"), ""
        ),
        "notification_email": None,
        "role": "user",
        "tracking_codes": [],
        **switched_off,
        "can_see_managed_users": True,
        "is_sync_enabled": True,
        "enterprise": ENTERPRISE,
        "my_tags": [],
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
    """Return the mini form of a user or group, as Box nests it in other objects."""
    names = USER_MINI if doc["type"] == "user" else GROUP_MINI
    return {key: doc[key] for key in ("id", "type", *names)}


def shape(doc: Doc, fields: str | None) -> Doc:
    """Return `doc` as Box returns it: with its standard fields, or the mini fields and those in ``fields`` (box-facts 3.3)."""
    user = doc["type"] == "user"
    small = ("id", "type", *(USER_MINI if user else GROUP_MINI))
    if fields is None:
        names: list[str] = [*small, *(USER_STANDARD if user else GROUP_STANDARD)]
    else:
        names = [*small, *(name.strip() for name in fields.split(","))]
    return {key: doc[key] for key in dict.fromkeys(names) if key in doc}


def outsider(row: Row) -> Doc:
    """Return a user of another company with the few fields that Box shows; all other fields are null (box-facts 4.1)."""
    company: Doc | None = None
    if row["company_id"]:
        company = {"id": row["company_id"], "type": "enterprise", "name": row["company"]}
    hidden_fields: Doc = dict.fromkeys([*USER_STANDARD, *USER_FULL])
    identity = {"id": row["id"], "type": "user", "name": row["name"], "login": row["login"]}
    return {**identity, **hidden_fields, "enterprise": company}


class People:
    """Users, groups and memberships by id.

    `rows` returns the rows of the file with a given name. The ages in the rows are counted from `day`, in epoch seconds.
    """

    def __init__(self, rows: Rows, state: State, day: float) -> None:
        self._state, self.revision, self.day = state, 0, day
        self.users: dict[str, Doc] = {row["id"]: _user(row) for row in self._dated(by_id(rows("users")))}
        self.outsiders: dict[str, Doc] = {row["id"]: outsider(row) for row in rows("externals")}
        # Rows use the original logins, even for users who have since been changed or deleted.
        self.row_logins = self._logins()
        self.deleted: dict[str, Doc] = {}
        for user_id, doc in state.changes("user").items():
            if doc is None or "gone" in doc:
                self.users.pop(user_id, None)
                self.deleted[user_id] = doc["gone"] if doc else {**NOBODY, "id": user_id}
            else:
                self.users[user_id] = doc
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
        """Yield the rows, with `created_at` and `modified_at` as Box formats times."""
        for row in rows:
            dates = {
                name: times.as_box_formats(row[name], self.day) for name in ("created_at", "modified_at")
            }
            yield {**row, **dates}

    def _logins(self) -> dict[str, str]:
        users = [*self.outsiders.items(), *self.users.items()]
        return {user["login"].casefold(): user_id for user_id, user in users}

    def _index(self, membership: Doc) -> None:
        user, group = membership["user_id"], membership["group_id"]
        self._by_user.setdefault(user, {})[membership["id"]] = membership
        self._by_group.setdefault(group, {})[membership["id"]] = membership
        self.groups_of.setdefault(user, set()).add(group)

    def by_login(self, login: str) -> Doc | None:
        """Return the user of the company with this login, ignoring case."""
        return self.users.get(self.logins.get(login.strip().casefold(), ""))

    def person_id(self, login: str) -> str:
        """Return the user id for a login in a row (``2`` is the anonymous user). Raises `ValueError` for an unknown login."""
        if login == NOBODY["id"]:
            return login
        user_id = self.row_logins.get(login.casefold())
        if user_id is None:
            raise ValueError(f"no user has the login {login!r}")
        return user_id

    def person(self, user_id: str) -> Doc:
        """Return the mini form of any user: managed, external, deleted or anonymous."""
        if user_id == NOBODY["id"]:
            return dict(NOBODY)
        user = self.users.get(user_id) or self.outsiders.get(user_id) or self.deleted.get(user_id)
        return mini(user) if user else {"id": user_id, "type": "user", "name": "", "login": ""}

    def admin(self) -> Doc:
        """Return the practice admin: the first user with the role admin."""
        return next(user for user in self.users.values() if user["role"] == "admin")

    def change_user(self, user_id: str, changes: Doc) -> Doc:
        """Change a user and save the change."""
        user = self.users[user_id]
        old = user["login"].casefold()
        user.update(changes)
        if self.logins.get(old) == user_id:
            del self.logins[old]
        return self.save_user(user)

    def save_user(self, user: Doc) -> Doc:
        """Add a user, or save changes to it."""
        self.revision += 1
        self.users[user["id"]] = user
        self.logins[user["login"].casefold()] = user["id"]
        self._state.change("user", user["id"], user)
        return user

    def remove_user(self, user_id: str) -> None:
        """Delete a user. Items that the user created still show the user's name."""
        self.revision += 1
        user = self.users.pop(user_id)
        self.deleted[user_id] = mini(user)
        self.logins.pop(user["login"].casefold(), None)
        for membership in self.of_user(user_id):
            self.remove_membership(membership)
        self._state.change("user", user_id, {"gone": mini(user)})

    def save_group(self, group: Doc) -> Doc:
        """Add a group, or save changes to it."""
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
        """Return the memberships of a user."""
        return list(self._by_user.get(user_id, {}).values())

    def of_group(self, group_id: str) -> list[Doc]:
        """Return the memberships of a group."""
        return list(self._by_group.get(group_id, {}).values())

    def save_membership(self, membership: Doc) -> Doc:
        """Add a membership, or save changes to it."""
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
        self.groups_of[user] = {other["group_id"] for other in self._by_user[user].values()}
        self._state.change("membership", key, None)

    def membership(self, membership: Doc) -> Doc:
        """Return a membership as Box returns it."""
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
    """Return the rows ordered by numeric id."""
    return sorted(rows, key=lambda row: int(row["id"]))


def _overlay(table: dict[str, Doc], changes: dict[str, Doc | None]) -> None:
    for key, doc in changes.items():
        if doc is None:
            table.pop(key, None)
        else:
            table[key] = doc
