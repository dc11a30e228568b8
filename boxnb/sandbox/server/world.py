"""The practice company: people, groups and memberships, read from the CSV files a reader can open and change."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from .state import State

Doc = dict[str, Any]
PACKAGE = Path(__file__).resolve().parents[2]
ENTERPRISE: Doc = {"id": "900719925474099301", "type": "enterprise", "name": "Lumen & Fjord Ltd"}
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


def data_folder(world: str) -> Path:
    """Folder of the CSV files: beside the package in a checkout, inside it in an installed wheel.

    Raises `FileNotFoundError` naming both places when neither has them.
    """
    if world != "small":
        given = Path(world)
        if (given / "users.csv").is_file():
            return given
        raise FileNotFoundError(
            f"unknown world {world!r}: 'small', or a folder with users.csv and groups.csv"
        )
    places = [PACKAGE.parent / "data" / "sandbox", PACKAGE / "_data" / "sandbox"]
    for place in places:
        if (place / "users.csv").is_file():
            return place
    raise FileNotFoundError("the practice company is missing, looked in " + " and ".join(map(str, places)))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _by_id(path: Path) -> list[dict[str, str]]:
    return sorted(_rows(path), key=lambda row: int(row["id"]))


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


class World:
    """People and groups in memory; changes made through the sandbox are kept in the state."""

    def __init__(self, world: str, state: State) -> None:
        folder = data_folder(world)
        self._state = state
        self.users: dict[str, Doc] = {row["id"]: _user(row) for row in _by_id(folder / "users.csv")}
        for row in state.all("SELECT * FROM changed_users"):
            if row["id"] in self.users:
                self.users[row["id"]].update(json.loads(row["doc"]))
        self.groups: dict[str, Doc] = {row["id"]: _group(row) for row in _by_id(folder / "groups.csv")}
        self.memberships: list[Doc] = [
            {
                "id": row["id"],
                "type": "group_membership",
                "user": mini(self.users[row["user_id"]]),
                "group": mini(self.groups[row["group_id"]]),
                "role": row["role"],
                "created_at": row["created_at"],
                "modified_at": row["modified_at"],
            }
            for row in _rows(folder / "memberships.csv")
        ]

    def by_login(self, login: str) -> Doc | None:
        """The person with this login, whatever its case."""
        wanted = login.strip().casefold()
        return next((user for user in self.users.values() if user["login"].casefold() == wanted), None)

    def admin(self) -> Doc:
        """The practice admin: the first person with the role admin."""
        return next(user for user in self.users.values() if user["role"] == "admin")

    def change_user(self, user_id: str, changes: Doc) -> Doc:
        """Change a person and remember it."""
        user = self.users[user_id]
        row = self._state.one("SELECT doc FROM changed_users WHERE id=?", (user_id,))
        kept = {**(json.loads(row["doc"]) if row else {}), **changes}
        self._state.run("INSERT OR REPLACE INTO changed_users VALUES (?, ?)", (user_id, json.dumps(kept)))
        user.update(changes)
        return user
