"""Writing users, groups, memberships and collaborations (box-facts 4.1, 4.2, 4.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import Person
from .test_api import error_of
from .test_content import by_name, person, rows
from .test_upload import upload
from .test_writing import denied, folder

HANAKO = "hanako.yamada@example.com"


def id_of(login: str) -> str:
    """Return the id of the user with this login."""
    return next(row["id"] for row in [*rows("users"), *rows("externals")] if row["login"] == login)


def invite(
    writer: Person, item: dict[str, Any], collaborator: dict[str, str], role: str = "editor", **more: Any
) -> Any:
    """Invite a collaborator to an item."""
    body = {
        "item": {"type": item["type"], "id": item["id"]},
        "accessible_by": collaborator,
        "role": role,
        **more,
    }
    return writer.call("POST", "/collaborations", body)


def soon(days: int) -> str:
    """Return a time that many days from now."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")


def test_a_user_can_be_created_changed_and_deleted(writer: Person) -> None:
    """A user's content can be transferred before the user is deleted; items that they created still show their name."""
    body = {"name": "Nova Lind", "login": "nova.lind@example.com", "job_title": "Tester", "space_amount": -1}
    created = writer.call("POST", "/users", body)
    assert created.status_code == 201, created.text
    user = created.json()
    assert (user["login"], user["status"], user["space_amount"]) == (
        body["login"],
        "active",
        999_999_999_999_999,
    )
    assert "role" not in user
    twin = {"name": "Twin", "login": "NOVA.lind@example.com"}
    error_of(writer.call("POST", "/users", twin), 409, "user_login_already_used")
    assert writer.sign_in("nova.lind@example.com")["access_token"]
    path = f"/users/{user['id']}"
    changed = writer.call(
        "PUT", f"{path}?fields=role,status,name", {"role": "coadmin", "name": "Nova L."}
    ).json()
    assert (changed["role"], changed["name"]) == ("coadmin", "Nova L.")
    error_of(writer.call("PUT", path, {"login": HANAKO}), 409, "user_login_already_used")
    assert writer.call("PUT", path, {"login": "nova@example.com"}).json()["login"] == "nova@example.com"
    headers = {"As-User": user["id"]}
    folder(writer, "Hers", **headers)
    error_of(writer.call("DELETE", path), 400, "bad_request")
    response = writer.call("PUT", f"{path}/folders/0", {"owned_by": {"id": id_of("ada.admin@example.com")}})
    assert response.json()["name"] == "Nova L.'s Files and Folders"
    items = writer.doc(f"/folders/{response.json()['id']}/items?fields=owned_by,created_by")["entries"]
    assert [item["owned_by"]["login"] for item in items] == ["ada.admin@example.com"]
    assert writer.call("DELETE", path).status_code == 204
    error_of(writer.call("GET", path), 404, "not_found")
    items_after = writer.doc(f"/folders/{response.json()['id']}/items?fields=created_by")["entries"]
    assert [item["created_by"]["name"] for item in items_after] == ["Nova L."]


def test_a_user_is_found_by_external_id(writer: Person) -> None:
    """Users can be listed by `external_app_user_id`."""
    path = f"/users/{id_of(HANAKO)}"
    assert writer.call("PUT", path, {"external_app_user_id": "hr-7"}).status_code == 200
    page = writer.doc("/users?external_app_user_id=hr-7&limit=1000")
    assert [user["login"] for user in page["entries"]] == [HANAKO]
    assert writer.doc("/users?external_app_user_id=hr-8")["total_count"] == 0


def test_force_deletes_a_user_with_their_content(writer: Person) -> None:
    """With `force`, the user's content is deleted too."""
    login = "chloe.walsh@example.com"
    owned_folder = next(row for row in rows("folders") if row["owner"] == login)
    assert writer.call("DELETE", f"/users/{id_of(login)}?force=true").status_code == 204
    assert writer.call("GET", f"/folders/{owned_folder['id']}").status_code == 404
    assert writer.doc("/users?limit=1")["total_count"] == 119
    assert writer.call("GET", "/users/me", **person(login)).status_code == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"login": "x@example.com"}, "bad_request"),
        ({"name": "x"}, "bad_request"),
        ({"name": "x", "login": "no address"}, "invalid_parameter"),
        ({"name": "x" * 51, "login": "x@example.com"}, "invalid_parameter"),
        ({"name": "x", "login": "x@example.com", "status": "asleep"}, "invalid_parameter"),
        ({"name": "x", "login": "x@example.com", "role": "admin"}, "invalid_parameter"),
        ({"name": "x", "login": "x@example.com", "space_amount": "much"}, "invalid_parameter"),
        ({"name": "x", "login": "x@example.com", "is_sync_enabled": "yes"}, "invalid_parameter"),
        ({"name": "x", "login": "x@example.com", "tracking_codes": "IT"}, "invalid_parameter"),
    ],
)
def test_invalid_users_are_refused(reader: Person, body: dict[str, Any], code: str) -> None:
    """Each invalid setting of a new user gets 400 with its code."""
    error_of(reader.call("POST", "/users", body), 400, code)


def test_coadmins_cannot_change_admins_or_roles(writer: Person) -> None:
    """A co-admin cannot change admins or roles, and users cannot create users."""
    ada, bo, carmen = (id_of(f"{name}@example.com") for name in ("ada.admin", "bo.nakamura", "carmen.ibanez"))
    coadmin = {"As-User": bo}
    error_of(writer.call("PUT", f"/users/{carmen}", {"name": "x"}, **coadmin), 403, denied())
    error_of(writer.call("PUT", f"/users/{ada}", {"name": "x"}, **coadmin), 403, denied())
    error_of(writer.call("PUT", f"/users/{id_of(HANAKO)}", {"role": "coadmin"}, **coadmin), 403, denied())
    assert writer.call("PUT", f"/users/{id_of(HANAKO)}", {"phone": "1"}, **coadmin).json()["phone"] == "1"
    error_of(writer.call("PUT", f"/users/{ada}", {"status": "inactive"}), 403, denied())
    error_of(writer.call("DELETE", f"/users/{ada}"), 403, denied())
    error_of(
        writer.call("POST", "/users", {"name": "x", "login": "y@z.example"}, **person(HANAKO)), 403, denied()
    )
    error_of(writer.call("PUT", f"/users/{bo}", {"enterprise": None}), 501, "not_implemented")


def test_an_inactive_user_is_locked_out_immediately(writer: Person) -> None:
    """The token of a user stops working as soon as the account becomes inactive."""
    token = writer.sign_in(HANAKO)["access_token"]
    assert writer.get("/users/me", token).status_code == 200
    writer.call("PUT", f"/users/{id_of(HANAKO)}", {"status": "inactive"})
    assert writer.get("/users/me", token).status_code == 401


def test_groups_and_memberships_can_be_changed(writer: Person) -> None:
    """Groups and memberships can be created, changed and deleted, and names are unique."""
    created = writer.call("POST", "/groups", {"name": "New group", "invitability_level": "admins_only"})
    assert created.status_code == 201
    group = created.json()
    body = error_of(writer.call("POST", "/groups", {"name": "New group"}), 409, "conflict")
    assert body["context_info"]["errors"][0]["name"] == "name"
    path = f"/groups/{group['id']}"
    changed = writer.call(
        "PUT", f"{path}?fields=description,name", {"description": "d", "name": "Newer"}
    ).json()
    assert (changed["description"], changed["name"]) == ("d", "Newer")
    error_of(writer.call("PUT", path, {"name": "Finance"}), 409, "conflict")
    error_of(writer.call("PUT", path, {"invitability_level": "nobody"}), 400, "invalid_parameter")
    member = {"user": {"id": id_of(HANAKO)}, "group": {"id": group["id"]}}
    first = writer.call("POST", "/group_memberships", member)
    assert (first.status_code, first.json()["role"]) == (201, "member")
    error_of(writer.call("POST", "/group_memberships", member), 409, "conflict")
    with_permission = {**member, "configurable_permissions": {"can_run_reports": True}}
    error_of(writer.call("POST", "/group_memberships", with_permission), 501, "not_implemented")
    membership_path = f"/group_memberships/{first.json()['id']}"
    assert writer.call("PUT", membership_path, {"role": "admin"}).json()["role"] == "admin"
    assert writer.doc(f"{path}/memberships")["total_count"] == 1
    assert writer.call("DELETE", membership_path).status_code == 204
    assert writer.doc(f"{path}/memberships")["total_count"] == 0
    assert writer.call("DELETE", path).status_code == 204
    error_of(writer.call("GET", path), 404, "not_found")
    error_of(writer.call("POST", "/group_memberships", member), 404, "not_found")


def test_a_membership_gives_access_to_folders(writer: Person) -> None:
    """A user can open a group's folders while they are a member."""
    finance = next(row["id"] for row in rows("groups") if row["name"] == "Finance")
    payroll = f"/folders/{by_name('Payroll')['id']}"
    other = person(HANAKO)
    assert writer.call("GET", payroll, **other).status_code == 404
    body = {"user": {"id": id_of(HANAKO)}, "group": {"id": finance}}
    membership = writer.call("POST", "/group_memberships", body).json()
    assert writer.call("GET", payroll, **other).status_code == 200
    writer.call("DELETE", f"/group_memberships/{membership['id']}")
    assert writer.call("GET", payroll, **other).status_code == 404


def test_an_invited_managed_user_has_access_immediately(writer: Person) -> None:
    """An invited managed user has the role of the collaboration until it ends."""
    home = folder(writer, "Shared home")
    other = person(HANAKO)
    assert writer.call("GET", f"/folders/{home['id']}", **other).status_code == 404
    invitation = invite(writer, home, {"type": "user", "login": HANAKO.upper()}, "viewer")
    assert invitation.status_code == 201, invitation.text
    collab = invitation.json()
    assert (collab["status"], collab["role"], collab["item"]["id"]) == ("accepted", "viewer", home["id"])
    assert collab["accessible_by"]["login"] == HANAKO
    assert writer.call("GET", f"/folders/{home['id']}", **other).status_code == 200
    response = writer.call("POST", "/folders", {"name": "x", "parent": {"id": home["id"]}}, **other)
    error_of(response, 403, denied())
    error_of(invite(writer, home, {"type": "user", "id": id_of(HANAKO)}), 400, "user_already_collaborator")
    error_of(
        invite(writer, home, {"type": "user", "id": collab["created_by"]["id"]}),
        400,
        "user_already_collaborator",
    )
    path = f"/collaborations/{collab['id']}"
    assert writer.call("PUT", path, {"role": "editor"}).json()["role"] == "editor"
    assert (
        writer.call("POST", "/folders", {"name": "x", "parent": {"id": home["id"]}}, **other).status_code
        == 201
    )
    error_of(writer.call("PUT", path, {"role": "king"}), 400, "invalid_parameter")
    error_of(writer.call("PUT", path, {"status": "accepted"}), 403, denied())
    assert writer.call("DELETE", path, **other).status_code == 204
    assert writer.call("GET", f"/folders/{home['id']}", **other).status_code == 404


def test_each_role_has_its_permissions(writer: Person) -> None:
    """Each role allows exactly the downloads, uploads and changes that Box gives it."""
    home = folder(writer, "Roles")
    file = upload(writer, "p.txt", b"p", home["id"]).json()["entries"][0]
    other = person(HANAKO)
    collab = invite(writer, home, {"type": "user", "id": id_of(HANAKO)}, "previewer").json()

    def may() -> tuple[int, int, int]:
        """Return the statuses of a download, an upload and a change."""
        return (
            writer.call("GET", f"/files/{file['id']}/content", **other).status_code,
            writer.call(
                "POST", "/folders", {"name": f"f{len(statuses)}", "parent": {"id": home["id"]}}, **other
            ).status_code,
            writer.call("PUT", f"/files/{file['id']}", {"description": "x"}, **other).status_code,
        )

    statuses: list[tuple[int, int, int]] = []
    for role in (
        "previewer",
        "viewer",
        "previewer uploader",
        "viewer uploader",
        "editor",
        "co-owner",
        "uploader",
    ):
        writer.call("PUT", f"/collaborations/{collab['id']}", {"role": role})
        statuses.append(may())
    assert statuses == [
        (403, 403, 403),
        (302, 403, 403),
        (403, 201, 403),
        (302, 201, 403),
        (302, 201, 200),
        (302, 201, 200),
        (403, 201, 403),
    ]
    permissions = writer.doc(f"/files/{file['id']}?fields=permissions", **other)["permissions"]
    assert (permissions["can_upload"], permissions["can_download"]) == (True, False)


def test_an_invitation_of_an_external_user_stays_pending(writer: Person) -> None:
    """External users must accept first; until then their name and the item are hidden."""
    home = folder(writer, "With others")
    external = next(row for row in rows("externals"))
    by_login = invite(writer, home, {"type": "user", "login": external["login"]}).json()
    assert (by_login["status"], by_login["item"], by_login["accessible_by"]["name"]) == ("pending", None, "")
    assert by_login["accessible_by"]["login"] == external["login"]
    second = rows("externals")[1]
    by_id = invite(writer, home, {"type": "user", "id": second["id"]}).json()
    assert by_id["accessible_by"]["login"] == ""
    unknown = invite(writer, home, {"type": "user", "login": "nobody@nowhere.example"}).json()
    assert (unknown["accessible_by"], unknown["invite_email"]) == (None, "nobody@nowhere.example")
    error_of(invite(writer, home, {"type": "user", "login": "no address"}), 400, "invalid_parameter")
    writer.call("PUT", f"/folders/{home['id']}", {"is_collaboration_restricted_to_enterprise": True})
    error_of(invite(writer, home, {"type": "user", "login": rows("externals")[2]["login"]}), 403, denied())


def test_an_invitation_can_be_accepted_or_rejected(writer: Person) -> None:
    """After an invitation is accepted, the invitee can open the item."""
    pending_entries = writer.doc("/collaborations?status=pending")["entries"]
    first, second = (f"/collaborations/{entry['id']}" for entry in pending_entries)
    error_of(writer.call("PUT", first, {"status": "maybe"}), 400, "invalid_status")
    accepted = writer.call("PUT", first, {"status": "accepted"}).json()
    assert (accepted["status"], accepted["item"]["type"]) == ("accepted", "folder")
    assert writer.call("GET", f"/folders/{accepted['item']['id']}").status_code == 200
    assert writer.call("PUT", second, {"status": "rejected"}).json()["status"] == "rejected"
    assert writer.doc("/collaborations?status=pending")["total_count"] == 0


def test_groups_and_files_can_be_shared_until_a_date(writer: Person) -> None:
    """Groups and single files can be shared, and a collaboration ends when it expires."""
    home = folder(writer, "Group home")
    board = next(row["id"] for row in rows("groups") if row["name"] == "Board")
    group_collab = invite(writer, home, {"type": "group", "id": board}, "viewer").json()
    assert group_collab["accessible_by"] == {
        "id": board,
        "type": "group",
        "name": "Board",
        "group_type": "managed_group",
    }
    assert group_collab["id"] in {
        user_collab["id"] for user_collab in writer.doc(f"/groups/{board}/collaborations")["entries"]
    }
    file = upload(writer, "one.txt", b"1", home["id"]).json()["entries"][0]
    outsider = next(row for row in rows("users") if row["login"] == HANAKO)
    error_of(
        invite(writer, file, {"type": "user", "id": outsider["id"]}, expires_at="2001-01-01"),
        400,
        "invalid_parameter",
    )
    user_collab = invite(
        writer, file, {"type": "user", "id": outsider["id"]}, "viewer", expires_at=soon(2)
    ).json()
    other = person(HANAKO)
    assert "one.txt" in [
        item["name"] for item in writer.doc("/folders/0/items?limit=1000", **other)["entries"]
    ]
    entries = writer.doc(f"/files/{file['id']}/collaborations")["entries"]
    assert {collab["id"] for collab in entries} == {user_collab["id"], group_collab["id"]}
    writer.sandbox.clock.advance(3 * 86_400)
    writer.access = ""
    assert writer.call("GET", f"/files/{file['id']}", **other).status_code == 404


def test_the_ownership_of_a_folder_can_be_transferred(writer: Person) -> None:
    """The new owner of a folder also owns its content, and the previous owner becomes an editor."""
    home = folder(writer, "Heirloom")
    subfolder = folder(writer, "Low", home["id"])
    collab = invite(writer, home, {"type": "user", "id": id_of(HANAKO)}).json()
    response = writer.call("PUT", f"/collaborations/{collab['id']}", {"role": "owner"})
    assert (response.status_code, response.content) == (204, b"")
    new_state = writer.doc(f"/folders/{subfolder['id']}?fields=owned_by,permissions")
    assert new_state["owned_by"]["login"] == HANAKO
    assert new_state["permissions"]["can_upload"] is True
    entries = writer.doc(f"/folders/{home['id']}/collaborations")["entries"]
    assert [(entry["accessible_by"]["login"], entry["role"]) for entry in entries] == [
        ("ada.admin@example.com", "editor")
    ]


def test_invalid_invitations_are_refused(reader: Person) -> None:
    """Each invalid invitation gets the status and code that Box gives it."""
    home = {"type": "folder", "id": "0"}
    code = "collaborations_not_available_on_root_folder"
    error_of(invite(reader, home, {"type": "user", "id": id_of(HANAKO)}), 400, code)
    sales = {"type": "folder", "id": by_name("Sales")["id"]}
    error_of(invite(reader, sales, {"type": "user", "id": id_of(HANAKO)}), 403, denied())
    hidden = {"type": "folder", "id": by_name("Payroll")["id"]}
    error_of(invite(reader, hidden, {"type": "user", "id": id_of(HANAKO)}), 404, "not_found")
    export_folder = {"type": "folder", "id": by_name("Customer database export")["id"]}
    error_of(invite(reader, export_folder, {"type": "user", "id": "1"}), 404, "not_found")
    error_of(invite(reader, export_folder, {"type": "robot", "id": "1"}), 400, "invalid_parameter")
    error_of(
        invite(reader, export_folder, {"type": "user", "id": id_of(HANAKO)}, "owner"),
        400,
        "invalid_parameter",
    )
    error_of(reader.call("POST", "/collaborations", {"role": "editor"}), 400, "bad_request")


def test_people_are_the_same_after_a_restart(start_sandbox: Any) -> None:
    """Users, groups, memberships and collaborations are the same after a restart."""
    first = Person(start_sandbox("same"), {})
    first.client = first.sandbox.practice_client()
    user = first.call("POST", "/users", {"name": "Stays", "login": "stays@example.com"}).json()
    group = first.call("POST", "/groups", {"name": "Stays too"}).json()
    first.call("POST", "/group_memberships", {"user": {"id": user["id"]}, "group": {"id": group["id"]}})
    home = folder(first, "Home")
    collab = invite(first, home, {"type": "group", "id": group["id"]}).json()
    first.call("DELETE", f"/users/{id_of('ethan.okafor@example.com')}?force=true")
    first.sandbox.stop()
    second = Person(start_sandbox("same"), first.client, access=first.access)
    assert second.doc(f"/users/{user['id']}") == user
    assert second.doc(f"/users/{user['id']}/memberships")["total_count"] == 1
    assert second.doc(f"/collaborations/{collab['id']}") == collab
    assert second.doc(f"/folders/{home['id']}", **{"As-User": user["id"]})["name"] == "Home"
    error_of(second.call("GET", f"/users/{id_of('ethan.okafor@example.com')}"), 404, "not_found")
