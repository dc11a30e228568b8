"""Reading folders, files, collaborations, shared links and the trash (box-facts 3, 4.3 to 4.6)."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .conftest import Person
from .test_api import error_of

DATA = Path(__file__).resolve().parents[2] / "data" / "sandbox"


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the practice company."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def by_name(name: str, kind: str = "folders") -> dict[str, str]:
    """Return the row with this name."""
    return next(row for row in rows(kind) if row["name"] == name)


def person(login: str) -> dict[str, str]:
    """Return headers that make the admin act as another user."""
    return {"As-User": next(row["id"] for row in rows("users") if row["login"] == login)}


FINANCE = person("fang.wang@example.com")


def all_by_offset(reader: Person, path: str, limit: int, **headers: str) -> list[dict[str, Any]]:
    """Return all entries, paging by offset."""
    entries: list[dict[str, Any]] = []
    offset = 0
    while True:
        page = reader.doc(f"{path}{'&' if '?' in path else '?'}limit={limit}&offset={offset}", **headers)
        assert (page["limit"], page["offset"]) == (limit, offset)
        entries += page["entries"]
        offset += page["limit"]
        if offset >= page["total_count"]:
            return entries


def all_by_marker(reader: Person, path: str, limit: int, **headers: str) -> list[dict[str, Any]]:
    """Return all entries, paging by marker."""
    entries: list[dict[str, Any]] = []
    marker: str | None = ""
    while marker is not None:
        page = reader.doc(f"{path}{'&' if '?' in path else '?'}limit={limit}&marker={marker}", **headers)
        assert "total_count" not in page
        entries += page["entries"]
        marker = page["next_marker"]
    return entries


def test_folder_zero_belongs_to_each_user(reader: Person) -> None:
    """Folder 0 shows each user their own items and those shared with them."""
    own_root = reader.doc("/folders/0")
    assert (own_root["name"], own_root["etag"], own_root["parent"], own_root["created_at"]) == (
        "All Files",
        None,
        None,
        None,
    )
    assert own_root["owned_by"]["login"] == "ada.admin@example.com"
    other_root = reader.doc("/folders/0", **FINANCE)
    names = {item["name"] for item in other_root["item_collection"]["entries"]}
    assert "Finance" in names
    assert "Finance" not in {item["name"] for item in own_root["item_collection"]["entries"]}
    assert "All hands" in names
    assert other_root["item_collection"]["total_count"] == len(other_root["item_collection"]["entries"])


def test_walks_as_every_user_find_all_content(reader: Person) -> None:
    """Walks from folder 0 of every active user find all content of the CSV files, except that of inactive users."""
    folders: set[str] = set()
    files: dict[str, dict[str, Any]] = {}

    def walk(folder: str, headers: dict[str, str]) -> None:
        for item in all_by_offset(
            reader, f"/folders/{folder}/items?fields=owned_by,size,sha1", 1000, **headers
        ):
            if item["type"] == "folder" and item["id"] not in folders:
                folders.add(item["id"])
                walk(item["id"], headers)
            elif item["type"] == "file":
                files[item["id"]] = item

    for user in rows("users"):
        if user["status"] == "active":
            walk("0", {"As-User": user["id"]})
    existing = [row for row in rows("folders") if not row["trashed_at"]]
    inactive = {row["login"] for row in rows("users") if row["status"] == "inactive"}
    missing = [row for row in existing if row["id"] not in folders]
    assert len(rows("folders")) == 800
    assert {row["owner"] for row in missing if row["parent_id"] == "0"} <= inactive
    assert len(folders) > 750
    assert len(files) > 5700
    for row in rows("files"):
        if row["id"] in files:
            assert (files[row["id"]]["size"], files[row["id"]]["sha1"]) == (int(row["size"]), row["sha1"])


def test_items_are_sorted_with_folders_first(reader: Person) -> None:
    """Folders come first, then files, then web links; paging and sorting keep that order."""
    path = f"/folders/{by_name('Odd names ☃')['id']}/items"
    items = all_by_offset(reader, path, 1000)
    kinds = [item["type"] for item in items]
    assert kinds == sorted(kinds, key=["folder", "file", "web_link"].index)
    names = [item["name"].casefold() for item in items if item["type"] == "file"]
    assert names == sorted(names)
    assert set(items[0]) == {"id", "type", "etag", "sequence_id", "name"}
    assert set(items[-1]) == {"id", "type", "etag", "sequence_id", "name", "sha1", "file_version"}
    assert all_by_offset(reader, path, 7) == items
    assert all_by_marker(reader, f"{path}?usemarker=true", 7) == items
    by_size = all_by_offset(reader, f"{path}?sort=size&direction=DESC&fields=size", 1000)
    sizes = [item["size"] for item in by_size if item["type"] == "file"]
    assert sizes == sorted(sizes, reverse=True)
    assert set(by_size[0]) == {"id", "type", "etag", "sequence_id", "name", "size"}


def test_hostile_names_are_served_unchanged(reader: Person) -> None:
    """Names that are hard to handle are served exactly as in the CSV files."""
    odd = by_name("Odd names ☃")["id"]
    names = {item["name"] for item in all_by_offset(reader, f"/folders/{odd}/items", 1000)}
    expected = {row["name"] for row in rows("files") if row["folder_id"] == odd and not row["trashed_at"]}
    assert expected <= names
    for name in ("ends with dots...", "CON", "=1+1.csv", "invoice\u202efdp.exe", "e\u0301te\u0301 (NFD).txt"):
        assert any(row["name"] == name for row in [*rows("files"), *rows("folders")]), name
    assert max(len(row["name"]) for row in rows("files")) == 255


def test_a_folder_has_its_path_owner_and_size(reader: Person) -> None:
    """A folder has its path, owner and size, and the requested fields."""
    row = next(row for row in rows("folders") if row["parent_id"] == by_name("Payroll")["id"])
    doc = reader.doc(f"/folders/{row['id']}", **FINANCE)
    assert [entry["name"] for entry in doc["path_collection"]["entries"]] == [
        "All Files",
        "Finance",
        "Payroll",
    ]
    assert doc["path_collection"]["total_count"] == 3
    assert doc["parent"]["id"] == row["parent_id"]
    assert doc["owned_by"]["login"] == by_name("Finance")["owner"]
    assert doc["item_status"] == "active"
    assert doc["shared_link"] is None
    files = [entry for entry in rows("files") if entry["folder_id"] == row["id"] and not entry["trashed_at"]]
    assert doc["size"] >= sum(int(entry["size"]) for entry in files)
    with_fields = reader.doc(f"/folders/{row['id']}?fields=has_collaborations,permissions,tags", **FINANCE)
    assert set(with_fields) == {
        "id",
        "type",
        "etag",
        "sequence_id",
        "name",
        "has_collaborations",
        "permissions",
        "tags",
    }
    assert with_fields["has_collaborations"] is True
    assert with_fields["permissions"]["can_upload"] is True


def test_hidden_items_get_404_even_for_admins(reader: Person) -> None:
    """Without permission an item gets 404, even for an admin."""
    payroll = by_name("Payroll")
    body = error_of(reader.call("GET", f"/folders/{payroll['id']}"), 404, "not_found")
    assert f"d_{payroll['id']}" in body["context_info"]["errors"][0]["message"]
    assert reader.doc(f"/folders/{payroll['id']}", **FINANCE)["name"] == "Payroll"
    visible_folder = by_name("Customer database export")["id"]
    file = next(row for row in rows("files") if row["folder_id"] == visible_folder)
    assert reader.doc(f"/files/{file['id']}")["name"] == file["name"]
    error_of(reader.call("GET", "/files/1"), 404, "not_found")


@pytest.mark.parametrize("path", ["/folders/abc", "/files/abc", "/folders/0x1/items", "/files/12a/versions"])
def test_a_malformed_id_gets_405(reader: Person, path: str) -> None:
    """A value that is not an id gets 405, as in Box."""
    error_of(reader.call("GET", path), 405, "method_not_allowed")


def test_an_unchanged_item_gets_304(reader: Person) -> None:
    """A matching `If-None-Match` gets 304 with an empty body."""
    file = next(row for row in rows("files") if row["folder_id"] == by_name("Customer database export")["id"])
    for path in (f"/files/{file['id']}", f"/folders/{file['folder_id']}"):
        first = reader.call("GET", path)
        etag = first.json()["etag"]
        second = reader.call("GET", path, **{"If-None-Match": etag})
        assert (second.status_code, second.content) == (304, b"")
        assert reader.call("GET", path, **{"If-None-Match": first.headers["etag"]}).status_code == 304
        assert reader.call("GET", path, **{"If-None-Match": "9999"}).status_code == 200


def of_many_versions() -> tuple[dict[str, str], dict[str, str]]:
    """Return the row of a file with more than three versions, and headers that make the admin its owner."""
    owned = {row["id"]: row for row in rows("folders")}
    row = next(
        file_row
        for file_row in rows("files")
        if int(file_row["versions"]) > 3 and not file_row["trashed_at"] and file_row["folder_id"] in owned
    )
    top = owned[row["folder_id"]]
    while top["parent_id"] != "0":
        top = owned[top["parent_id"]]
    return row, person(top["owner"])


def test_file_versions_do_not_include_the_current_one(reader: Person) -> None:
    """The list of versions has all versions but the current one, newest first."""
    row, headers = of_many_versions()
    page = reader.doc(f"/files/{row['id']}/versions", **headers)
    assert page["total_count"] == int(row["versions"]) - 1
    current = reader.doc(f"/files/{row['id']}?fields=file_version,version_number", **headers)
    assert current["version_number"] == row["versions"]
    assert current["file_version"]["id"] not in {version["id"] for version in page["entries"]}
    assert [version["version_number"] for version in page["entries"]] == [
        str(n) for n in range(int(row["versions"]) - 1, 0, -1)
    ]


def test_collaborations_are_inherited_and_include_groups(reader: Person) -> None:
    """Subfolders inherit collaborations, groups are included, the owner is not."""
    sales = by_name("Sales")["id"]
    collabs = all_by_marker(reader, f"/folders/{sales}/collaborations", 1)
    kinds = Counter((collab["accessible_by"] or {"type": None})["type"] for collab in collabs)
    assert kinds["group"] >= 1
    subfolder = next(
        row["id"] for row in rows("folders") if row["parent_id"] == sales and not row["trashed_at"]
    )
    ids = {collab["id"] for collab in collabs}
    inherited = reader.doc(f"/folders/{subfolder}/collaborations?limit=1000")["entries"]
    assert ids <= {collab["id"] for collab in inherited}
    assert {collab["item"]["id"] for collab in inherited if collab["id"] in ids and collab["item"]} == {sales}
    owner = by_name("Sales")["owner"]
    assert owner not in {(collab["accessible_by"] or {}).get("login") for collab in collabs}
    assert reader.doc(f"/collaborations/{collabs[0]['id']}") == collabs[0]
    role_only = reader.doc(f"/collaborations/{collabs[0]['id']}?fields=role")
    assert set(role_only) == {"id", "type", "role"}


def test_an_invitee_without_an_account_has_only_an_email_address(reader: Person) -> None:
    """An invitee without an account appears only as `invite_email`."""
    row = next(collab for collab in rows("collaborations") if collab["login"].startswith("invited."))
    doc = reader.doc(f"/collaborations/{row['id']}", **person(row["created_by"]))
    assert (doc["item"], doc["accessible_by"], doc["invite_email"]) == (None, None, row["login"])
    assert doc["status"] == "pending"


def test_only_the_callers_pending_invitations_are_listed(reader: Person) -> None:
    """Only pending invitations can be listed, and only the caller's own."""
    page = reader.doc("/collaborations?status=pending")
    assert page["total_count"] == 2
    assert {collab["accessible_by"]["login"] for collab in page["entries"]} == {"ada.admin@example.com"}
    assert {collab["accessible_by"]["name"] for collab in page["entries"]} == {""}
    error_of(reader.call("GET", "/collaborations"), 400, "missing_parameter")
    error_of(reader.call("GET", "/collaborations?status=accepted"), 400, "invalid_parameter")
    code = "collaborations_not_available_on_root_folder"
    error_of(reader.call("GET", "/folders/0/collaborations"), 400, code)


def test_the_collaborations_of_a_group_are_listed(reader: Person) -> None:
    """A group's collaborations match the CSV file."""
    staff = next(row["id"] for row in rows("groups") if row["name"] == "All staff")
    page = reader.doc(f"/groups/{staff}/collaborations?limit=1000")
    expected = [row for row in rows("collaborations") if row["group_id"] == staff]
    assert {collab["id"] for collab in page["entries"]} == {row["id"] for row in expected}
    assert page["total_count"] == len(expected) >= 2
    error_of(reader.call("GET", "/groups/1/collaborations"), 404, "not_found")


def test_an_expired_collaboration_is_still_listed(reader: Person) -> None:
    """An expired collaboration is still listed for its item."""
    expired = [row for row in rows("collaborations") if row["expires_at"].startswith("-")]
    assert expired
    page = reader.doc(f"/folders/{expired[0]['item_id']}/collaborations", **person(expired[0]["created_by"]))
    assert expired[0]["id"] in {collab["id"] for collab in page["entries"]}


def test_a_shared_link_opens_its_item(reader: Person) -> None:
    """A shared link opens its item and its content, for other users too."""
    owner = person(by_name("Finance")["owner"])
    payroll = by_name("Payroll")
    link = reader.doc(f"/folders/{payroll['id']}?fields=shared_link", **owner)["shared_link"]
    assert (link["access"], link["unshared_at"], link["is_password_enabled"]) == ("open", None, False)
    assert link["download_url"] is None
    kinds = Counter(row["link"] for row in [*rows("files"), *rows("folders")] if row["link"])
    assert min(kinds[kind] for kind in ("open", "company", "collaborators")) > 10
    expiries = [row["link_expires"] for row in [*rows("files"), *rows("folders")] if row["link_expires"]]
    assert {text[0] for text in expiries} == {"+", "-"}
    with_link = {"BoxApi": f"shared_link={link['url']}"}
    item = reader.doc("/shared_items", **with_link)
    assert (item["type"], item["id"]) == ("folder", payroll["id"])
    assert reader.doc(f"/folders/{payroll['id']}", **with_link)["name"] == "Payroll"
    file = next(row for row in rows("files") if row["folder_id"] == payroll["id"] and not row["trashed_at"])
    assert reader.doc(f"/files/{file['id']}", **with_link)["name"] == file["name"]
    error_of(reader.call("GET", f"/files/{file['id']}"), 404, "not_found")
    error_of(reader.call("GET", "/shared_items"), 400, "missing_parameter")
    error_of(
        reader.call("GET", "/shared_items", BoxApi="shared_link=https://x.example/s/none"), 404, "not_found"
    )


def test_a_link_respects_its_password_and_expiry(reader: Person) -> None:
    """A link with a password needs it, and an expired link opens nothing."""
    tops = {row["id"]: row for row in rows("folders")}

    def owner_of(row: dict[str, str]) -> dict[str, str]:
        """Return headers that make the admin the owner of an item."""
        top = tops.get(row.get("folder_id") or row["parent_id"], row)
        while top["parent_id"] != "0":
            top = tops[top["parent_id"]]
        return person(top["owner"])

    active = {row["login"] for row in rows("users") if row["status"] == "active"}
    usable_rows = []
    for row in rows("files"):
        if row["link"] and not row["trashed_at"] and row["folder_id"] in tops:
            top = tops[row["folder_id"]]
            while top["parent_id"] != "0":
                top = tops[top["parent_id"]]
            if top["owner"] in active:
                usable_rows.append(row)
    locked = next(row for row in usable_rows if row["link_password"] and row["link"] == "open")
    url = reader.doc(f"/files/{locked['id']}", **owner_of(locked))["shared_link"]["url"]
    without_password = reader.call("GET", "/shared_items", BoxApi=f"shared_link={url}")
    error_of(without_password, 403, "incorrect_shared_item_password")
    with_password = {"BoxApi": f"shared_link={url}&shared_link_password={locked['link_password']}"}
    assert reader.doc("/shared_items", **with_password)["id"] == locked["id"]
    expired = next(row for row in usable_rows if row["link_expires"].startswith("-"))
    link = reader.doc(f"/files/{expired['id']}", **owner_of(expired))["shared_link"]
    assert link["effective_permission"] == "no_access"
    error_of(reader.call("GET", "/shared_items", BoxApi=f"shared_link={link['url']}"), 404, "not_found")


def test_the_trash_lists_deleted_items(reader: Person) -> None:
    """The trash lists what the user deleted, and trashed items cannot be read."""
    file = next(row for row in rows("files") if row["trashed_at"] and row["folder_id"] != "0")
    tops = {row["id"]: row for row in rows("folders")}
    top = tops[file["folder_id"]]
    while top["parent_id"] != "0":
        top = tops[top["parent_id"]]
    headers = person(top["owner"])
    items = all_by_marker(
        reader, "/folders/trash/items?usemarker=true&fields=trashed_at,item_status", 3, **headers
    )
    assert file["id"] in {item["id"] for item in items}
    assert {item["item_status"] for item in items} == {"trashed"}
    assert all_by_offset(reader, "/folders/trash/items?fields=trashed_at,item_status", 3, **headers) == items
    error_of(
        reader.call("GET", "/folders/trash/items?usemarker=true&sort=name", **headers),
        400,
        "invalid_parameter",
    )
    error_of(reader.call("GET", f"/files/{file['id']}", **headers), 404, "trashed")


def test_a_web_link_can_be_read(reader: Person) -> None:
    """A web link can be read with its URL."""
    row = rows("weblinks")[0]
    tops = {folder["id"]: folder for folder in rows("folders")}
    top = tops[row["folder_id"]]
    while top["parent_id"] != "0":
        top = tops[top["parent_id"]]
    doc = reader.doc(f"/web_links/{row['id']}", **person(top["owner"]))
    assert (doc["url"], doc["name"], doc["type"]) == (row["url"], row["name"], "web_link")


def test_external_users_are_found_by_login(reader: Person) -> None:
    """External users are found by exact login, and undisclosed fields are null."""
    row = next(external for external in rows("externals") if external["company_id"])
    doc = reader.doc(f"/users/{row['id']}?fields=enterprise,role")
    assert doc["enterprise"]["id"] == row["company_id"]
    assert doc["role"] is None
    matches = reader.doc(f"/users?user_type=external&filter_term={row['login']}")
    assert [external["id"] for external in matches["entries"]] == [row["id"]]
    assert reader.doc(f"/users?user_type=external&filter_term={row['login'][:-1]}")["entries"] == []


def test_sorting_and_paging_are_validated(reader: Person) -> None:
    """Unknown sort orders and invalid limits get 400."""
    error_of(reader.call("GET", "/folders/0/items?sort=colour"), 400, "invalid_parameter")
    error_of(reader.call("GET", "/folders/0/items?direction=sideways"), 400, "invalid_parameter")
    error_of(reader.call("GET", "/folders/0/items?limit=0"), 400, "invalid_limit")
    assert reader.doc("/folders/0/items?limit=9999")["limit"] == 1000


def test_reading_needs_the_scope(reader: Person) -> None:
    """Without a scope that reads content, a folder gets an empty 403."""
    narrow = reader.sign_in(scope="manage_managed_users")["access_token"]
    response = reader.get("/folders/0", narrow)
    assert (response.status_code, response.content) == (403, b"")
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
