"""Writing folders, files and web links (box-facts 2.2, 2.4, 4.3 to 4.5)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from .conftest import Person
from .test_api import error_of
from .test_content import FINANCE, by_name, person, rows


def folder(writer: Person, name: str, parent: str = "0", **headers: str) -> dict[str, Any]:
    """Create a folder."""
    response = writer.call("POST", "/folders", {"name": name, "parent": {"id": parent}}, **headers)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def a_file() -> dict[str, str]:
    """Return the row of a file that the practice admin can edit."""
    wide = by_name("Customer database export")["id"]
    return next(row for row in rows("files") if row["folder_id"] == wide)


def names(writer: Person, folder_id: str = "0", **headers: str) -> list[str]:
    """Return the names of the items in a folder."""
    return [
        item["name"] for item in writer.doc(f"/folders/{folder_id}/items?limit=1000", **headers)["entries"]
    ]


def test_a_folder_can_be_created_trashed_restored_and_purged(writer: Person) -> None:
    """The content of a folder is trashed, restored and purged with it."""
    created = folder(writer, "Reports")
    assert (created["etag"], created["item_status"], created["owned_by"]["login"]) == (
        "0",
        "active",
        "ada.admin@example.com",
    )
    child = folder(writer, "2026", created["id"])
    assert [entry["name"] for entry in child["path_collection"]["entries"]] == ["All Files", "Reports"]
    error_of(writer.call("DELETE", f"/folders/{created['id']}"), 400, "folder_not_empty")
    assert writer.call("DELETE", f"/folders/{created['id']}?recursive=true").status_code == 204
    error_of(writer.call("GET", f"/folders/{child['id']}"), 404, "trashed")
    assert "Reports" in [entry["name"] for entry in writer.doc("/folders/trash/items")["entries"]]
    assert writer.doc(f"/folders/{created['id']}/trash")["item_status"] == "trashed"
    error_of(writer.call("GET", f"/folders/{child['id']}/trash"), 404, "not_trashed")
    moved = writer.call("PUT", f"/folders/{created['id']}", {"parent": {"id": "0"}})
    assert (moved.status_code, moved.json()["trashed_at"]) == (200, None)
    assert writer.call("DELETE", f"/folders/{created['id']}?recursive=true").status_code == 204
    restored = writer.call("POST", f"/folders/{created['id']}", {"name": "Reports again"})
    assert (restored.status_code, restored.json()["name"], restored.json()["trashed_at"]) == (
        201,
        "Reports again",
        None,
    )
    assert writer.doc(f"/folders/{child['id']}")["item_status"] == "active"
    error_of(writer.call("POST", f"/folders/{created['id']}"), 404, "not_trashed")
    writer.call("DELETE", f"/folders/{created['id']}?recursive=true")
    assert writer.call("DELETE", f"/folders/{created['id']}/trash").status_code == 204
    error_of(writer.call("GET", f"/folders/{created['id']}"), 404, "not_found")
    error_of(writer.call("GET", f"/folders/{child['id']}"), 404, "not_found")


def test_a_name_in_use_gets_409_with_a_list(writer: Person) -> None:
    """A name in use gets 409, whatever its case, with a list of conflicts for folders."""
    created = folder(writer, "Straße")
    for name in ("Straße", "STRASSE", "strasse"):
        response = writer.call("POST", "/folders", {"name": name, "parent": {"id": "0"}})
        conflicts = error_of(response, 409, "item_name_in_use")["context_info"]["conflicts"]
        assert [entry["id"] for entry in conflicts] == [created["id"]]
        assert set(conflicts[0]) == {"type", "id", "sequence_id", "etag", "name"}
    other = folder(writer, "Other")
    response = writer.call("PUT", f"/folders/{other['id']}", {"name": "STRASSE"})
    error_of(response, 409, "item_name_in_use")
    assert writer.call("PUT", f"/folders/{created['id']}", {"name": "STRASSE"}).json()["name"] == "STRASSE"
    file = a_file()
    target = writer.call("PUT", f"/files/{file['id']}", {"name": "CUSTOMERS_02.CSV"})
    existing = error_of(target, 409, "item_name_in_use")["context_info"]["conflicts"]
    assert existing["name"] == "customers_02.csv"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (".", "item_name_invalid"),
        ("..", "item_name_invalid"),
        ("a/b", "item_name_invalid"),
        ("a\\b", "item_name_invalid"),
        (" front", "item_name_invalid"),
        ("back ", "item_name_invalid"),
        ("bell\x07", "item_name_invalid"),
        ("x" * 256, "item_name_too_long"),
        ("", "bad_request"),
        (None, "bad_request"),
    ],
)
def test_names_that_box_refuses_get_400(reader: Person, name: str | None, code: str) -> None:
    """Each name that Box does not allow gets 400 with its code."""
    error_of(reader.call("POST", "/folders", {"name": name, "parent": {"id": "0"}}), 400, code)


def test_names_that_box_accepts_are_saved_unchanged(writer: Person) -> None:
    """Unusual names that Box allows are saved unchanged."""
    for name in ("CON", "...", "=1+1", "trailing dot.", "x" * 255, "مجلد", "<script>", "👩🏽\u200d🚀"):
        assert folder(writer, name)["name"] == name
    assert set(names(writer)) >= {"CON", "...", "x" * 255}


def test_invalid_bodies_are_refused(reader: Person) -> None:
    """Each invalid or forbidden write gets the status and code that Box gives it."""
    error_of(reader.call("POST", "/folders", {"name": "x"}), 400, "bad_request")
    error_of(reader.call("POST", "/folders", {"name": "x", "parent": {}}), 400, "bad_request")
    error_of(reader.call("POST", "/folders", ["x"]), 400, "bad_request")
    error_of(reader.call("POST", "/folders", {"name": "x", "parent": {"id": "1"}}), 404, "not_found")
    error_of(reader.call("PUT", f"/folders/{by_name('Sales')['id']}", {"name": "x"}), 403, denied())
    error_of(reader.call("PUT", "/folders/0", {"name": "x"}), 403, denied())
    response = reader.call("POST", "/folders", {"name": "x", "parent": {"id": by_name("Sales")["id"]}})
    error_of(response, 403, denied())


def denied() -> str:
    """Return the code of a missing permission."""
    return "access_denied_insufficient_permissions"


def test_a_write_with_an_outdated_etag_is_refused(writer: Person) -> None:
    """A write with an outdated etag gets 412 and does not change the folder."""
    created = folder(writer, "Guarded")
    path = f"/folders/{created['id']}"
    changed = writer.call("PUT", path, {"description": "one"}, **{"If-Match": created["etag"]})
    assert (changed.status_code, changed.json()["etag"], changed.headers["etag"]) == (200, "1", '"1"')
    error_of(writer.call("PUT", path, {"name": "x"}, **{"If-Match": "0"}), 412, "precondition_failed")
    error_of(writer.call("DELETE", path, **{"If-Match": "0"}), 412, "precondition_failed")
    assert writer.doc(path)["name"] == "Guarded"
    assert writer.call("DELETE", path, **{"If-Match": "1"}).status_code == 204


def test_a_folder_can_be_moved(writer: Person) -> None:
    """A folder can be moved, but not into itself."""
    top, other = folder(writer, "Top"), folder(writer, "Other")
    subfolder = folder(writer, "Low", top["id"])
    moved = writer.call("PUT", f"/folders/{subfolder['id']}", {"parent": {"id": other["id"]}}).json()
    assert moved["parent"]["id"] == other["id"]
    assert names(writer, top["id"]) == []
    assert names(writer, other["id"]) == ["Low"]
    response = writer.call("PUT", f"/folders/{other['id']}", {"parent": {"id": subfolder["id"]}})
    error_of(response, 400, "cyclical_folder_structure")
    error_of(writer.call("PUT", f"/folders/{subfolder['id']}", {"parent": {"id": "99"}}), 404, "not_found")
    moved_back = writer.call("PUT", f"/folders/{subfolder['id']}", {"parent": {"id": "0"}}).json()
    assert moved_back["path_collection"]["total_count"] == 1


def test_a_copy_has_the_content_but_not_the_link(writer: Person) -> None:
    """A copy has the same content, a new id and no shared link."""
    source = writer.doc(f"/files/{a_file()['id']}")
    home = folder(writer, "Copies")
    copied = writer.call("POST", f"/files/{source['id']}/copy", {"parent": {"id": home["id"]}})
    assert copied.status_code == 201
    assert (copied.json()["sha1"], copied.json()["size"]) == (source["sha1"], source["size"])
    assert copied.json()["id"] != source["id"]
    assert copied.json()["shared_link"] is None
    second = writer.call("POST", f"/files/{source['id']}/copy", {"parent": {"id": home["id"]}})
    error_of(second, 409, "item_name_in_use")
    wide = by_name("Customer database export")["id"]
    copied_folder = writer.call(
        "POST", f"/folders/{wide}/copy", {"parent": {"id": home["id"]}, "name": "All"}
    ).json()
    assert len(names(writer, copied_folder["id"])) == len(names(writer, wide)) >= 6
    assert copied_folder["owned_by"]["login"] == "ada.admin@example.com"
    response = writer.call(
        "POST", f"/folders/{home['id']}/copy", {"parent": {"id": copied_folder["id"]}, "name": "x"}
    )
    error_of(response, 400, "cyclical_folder_structure")


def test_folder_sizes_are_updated(writer: Person) -> None:
    """The size of a folder includes its subfolders and changes with them."""
    home = folder(writer, "Sizes")
    subfolder = folder(writer, "Low", home["id"])
    file = a_file()
    copied = writer.call("POST", f"/files/{file['id']}/copy", {"parent": {"id": subfolder["id"]}}).json()
    assert writer.doc(f"/folders/{home['id']}")["size"] == int(file["size"])
    writer.call("DELETE", f"/files/{copied['id']}")
    assert writer.doc(f"/folders/{home['id']}")["size"] == 0


def test_a_shared_link_can_be_created_changed_and_removed(writer: Person) -> None:
    """A shared link keeps its URL when it is changed, and expires; a new link has a new URL."""
    path = f"/folders/{folder(writer, 'Shared')['id']}?fields=shared_link"
    link = writer.call("PUT", path, {"shared_link": {"access": "open"}}).json()["shared_link"]
    assert (link["access"], link["effective_access"], link["is_password_enabled"]) == ("open", "open", False)
    soon = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
    settings = {"unshared_at": soon, "password": "secret1!", "permissions": {"can_download": False}}
    changed = writer.call("PUT", path, {"shared_link": settings}).json()["shared_link"]
    assert changed["url"] == link["url"]
    assert changed["is_password_enabled"] is True
    assert changed["permissions"]["can_download"] is False
    assert datetime.fromisoformat(changed["unshared_at"]) == datetime.fromisoformat(soon)
    for invalid_body in (
        {"password": "short"},
        {"password": "allsmall"},
        {"access": "world"},
        {"unshared_at": "2001-01-01"},
        {"vanity_name": "short"},
        {"access": "collaborators"},
    ):
        error_of(writer.call("PUT", path, {"shared_link": invalid_body}), 400, "invalid_parameter")
    assert writer.doc(path)["shared_link"] == changed
    with_link = {"BoxApi": f"shared_link={link['url']}&shared_link_password=secret1!"}
    assert writer.doc("/shared_items", **FINANCE, **with_link)["name"] == "Shared"
    writer.sandbox.clock.advance(4 * 86_400)
    writer.access = ""
    error_of(writer.call("GET", "/shared_items", **FINANCE, **with_link), 404, "not_found")
    assert writer.call("PUT", path, {"shared_link": None}).json()["shared_link"] is None
    new_link = writer.call("PUT", path, {"shared_link": {}}).json()["shared_link"]
    assert new_link["url"] != link["url"]


def test_a_refused_change_has_no_effect(writer: Person) -> None:
    """If one part of a change is invalid, the file is not changed."""
    file = writer.doc(f"/files/{a_file()['id']}")
    body = {"name": "new.csv", "description": "new", "tags": ["a"], "shared_link": {"access": "world"}}
    error_of(writer.call("PUT", f"/files/{file['id']}", body), 400, "invalid_parameter")
    assert writer.doc(f"/files/{file['id']}") == file


def test_a_locked_file_cannot_be_changed_by_others(writer: Person) -> None:
    """Other users can neither change nor delete a locked file."""
    path = f"/files/{a_file()['id']}"
    locked = writer.call("PUT", f"{path}?fields=lock", {"lock": {"access": "lock"}}).json()["lock"]
    assert locked["created_by"]["login"] == "ada.admin@example.com"
    assert "expired_at" not in locked
    other = person("chloe.walsh@example.com")
    error_of(writer.call("PUT", path, {"name": "x.csv"}, **other), 403, "access_denied_item_locked")
    error_of(writer.call("DELETE", path, **other), 403, "access_denied_item_locked")
    assert writer.call("PUT", f"{path}?fields=lock", {"lock": None}).json()["lock"] is None
    assert writer.call("PUT", path, {"name": "x.csv"}, **other).status_code == 200


def test_tags_and_flags_can_be_set(writer: Person) -> None:
    """Tags and flags of a folder can be set; settings that are not implemented get 501."""
    created = folder(writer, "Tagged")
    path = f"/folders/{created['id']}?fields=tags,can_non_owners_invite,is_collaboration_restricted_to_enterprise"
    body = {
        "tags": ["b", "a"],
        "can_non_owners_invite": False,
        "is_collaboration_restricted_to_enterprise": True,
    }
    changed = writer.call("PUT", path, body).json()
    assert (changed["tags"], changed["can_non_owners_invite"]) == (["b", "a"], False)
    assert changed["is_collaboration_restricted_to_enterprise"] is True
    error_of(writer.call("PUT", path, {"tags": ["x"] * 101}), 400, "invalid_parameter")
    error_of(writer.call("PUT", path, {"folder_upload_email": {"access": "open"}}), 501, "not_implemented")


def test_a_web_link_can_be_created_changed_and_deleted(writer: Person) -> None:
    """A web link can be created, changed, deleted and restored."""
    body = {"url": "https://example.com/a?b=<c>", "name": "Link", "parent": {"id": "0"}}
    created = writer.call("POST", "/web_links", body).json()
    assert (created["url"], created["name"], created["type"]) == (body["url"], "Link", "web_link")
    assert names(writer)[-1] == "Link"
    changed = writer.call("PUT", f"/web_links/{created['id']}", {"url": "https://example.org/"}).json()
    assert changed["url"] == "https://example.org/"
    invalid_body = {"url": "javascript:alert(1)", "parent": {"id": "0"}}
    error_of(writer.call("POST", "/web_links", invalid_body), 400, "invalid_parameter")
    assert writer.call("DELETE", f"/web_links/{created['id']}").status_code == 204
    assert writer.call("POST", f"/web_links/{created['id']}").status_code == 201


def test_a_read_only_app_cannot_write(start_sandbox: Any) -> None:
    """An app with only the read scope can read but not write."""
    sandbox = start_sandbox("narrow", limits="off")
    client = sandbox.register_app("narrow", ["http://127.0.0.1:8321/callback"], scopes=["root_readonly"])
    narrow = Person(sandbox, client)
    response = narrow.call("POST", "/folders", {"name": "x", "parent": {"id": "0"}})
    assert (response.status_code, response.content) == (403, b"")
    assert narrow.doc("/folders/0")["name"] == "All Files"


def test_changes_are_the_same_after_a_restart(start_sandbox: Any) -> None:
    """Created, changed and deleted items are the same after a restart."""
    first = Person(start_sandbox("same"), {})
    first.client = first.sandbox.practice_client()
    created = folder(first, "Kept")
    subfolder = folder(first, "Low", created["id"])
    first.call("PUT", f"/folders/{created['id']}", {"shared_link": {"access": "company"}})
    trashed_file = a_file()
    first.call("DELETE", f"/files/{trashed_file['id']}")
    before = first.doc(f"/folders/{created['id']}")
    first.sandbox.stop()
    second = Person(start_sandbox("same"), first.client, access=first.access)
    assert second.doc(f"/folders/{created['id']}") == before
    assert second.doc(f"/folders/{subfolder['id']}")["parent"]["id"] == created["id"]
    error_of(second.call("GET", f"/files/{trashed_file['id']}"), 404, "trashed")
    assert folder(second, "Next")["id"] not in (created["id"], subfolder["id"])


def test_changes_are_in_the_event_log(writer: Person) -> None:
    """Every change appears in the user's stream immediately and in admin_logs later."""
    position = writer.doc("/events?stream_position=now")["next_stream_position"]
    created = folder(writer, "Logged")
    writer.call(
        "PUT", f"/folders/{created['id']}", {"name": "Logged again", "shared_link": {"access": "open"}}
    )
    writer.call("DELETE", f"/folders/{created['id']}")
    page = writer.doc(f"/events?stream_position={position}")
    own_events = [event["event_type"] for event in page["entries"] if event["source"]["id"] == created["id"]]
    assert own_events == ["ITEM_CREATE", "ITEM_SHARED_CREATE", "ITEM_RENAME", "ITEM_TRASH"]
    writer.sandbox.clock.advance(3000)
    day = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds").replace("+", "%2B")
    log = writer.doc(f"/events?stream_type=admin_logs&created_after={day}&limit=500")["entries"]
    kinds = [event["event_type"] for event in log if (event["source"] or {}).get("item_id") == created["id"]]
    assert kinds == ["ITEM_CREATE", "SHARE", "RENAME", "DELETE"]


@pytest.mark.parametrize("after", [0.02, 0.07, 0.15])
def test_a_kill_does_not_leave_a_partial_copy(start_sandbox: Any, after: float) -> None:
    """After a kill, every copy is complete and every confirmed copy exists."""
    first = Person(start_sandbox("same", limits="off"), {})
    first.client = first.sandbox.practice_client()
    wide = by_name("Customer database export")["id"]
    item_count = len(names(first, wide))
    confirmed: list[str] = []
    process = first.sandbox._process
    assert process is not None

    def copy() -> None:
        while True:
            body = {"parent": {"id": "0"}, "name": f"Copy {len(confirmed)}"}
            confirmed.append(first.call("POST", f"/folders/{wide}/copy", body).json()["id"])

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(copy)
        time.sleep(after)
        process.kill()
        with pytest.raises(requests.RequestException):
            work.result(30)
    process.wait(10)
    second = Person(start_sandbox("same", limits="off"), first.client, access=first.access)
    copies = [
        entry
        for entry in second.doc("/folders/0/items?limit=1000")["entries"]
        if entry["name"].startswith("Copy ")
    ]
    assert set(confirmed) <= {entry["id"] for entry in copies}
    assert len(copies) <= len(confirmed) + 1
    assert [len(names(second, entry["id"])) for entry in copies] == [item_count] * len(copies)
