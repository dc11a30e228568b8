"""Search and device pins (box-facts 2.6, 4.8, 4.9)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Person
from .test_api import error_of
from .test_content import FINANCE, by_name, person, rows


def names(reader: Person, query: str, **headers: str) -> list[str]:
    """Return the names of the items that a search finds."""
    return [item["name"] for item in reader.doc(f"/search?{query}&limit=200", **headers)["entries"]]


def test_a_search_understands_words_phrases_and_operators(reader: Person) -> None:
    """A search understands word starts, phrases, OR and NOT."""
    assert set(names(reader, "query=customers")) >= {"customers_01.csv", "customers_06.csv"}
    assert names(reader, "query=CUSTOM%20expo") == ["Customer database export"]
    assert names(reader, "query=%22database%20export%22") == ["Customer database export"]
    assert names(reader, "query=%22export%20database%22") == []
    either = names(reader, "query=customers_01%20OR%20customers_02")
    assert {name for name in either if not name.startswith("Copy")} == {
        "customers_01.csv",
        "customers_02.csv",
    }
    without_first = names(reader, "query=customers%20NOT%20customers_01.csv&file_extensions=csv")
    assert "customers_01.csv" not in without_first
    assert "customers_02.csv" in without_first


def test_only_visible_items_are_found(reader: Person) -> None:
    """A search finds only items that the caller can see."""
    assert "Payroll" not in names(reader, "query=payroll")
    assert "Payroll" in names(reader, "query=payroll", **FINANCE)


def test_filters_narrow_a_search(reader: Person) -> None:
    """Filters by folder, type, size, time and owner narrow a search."""
    wide = by_name("Customer database export")
    in_folder = f"ancestor_folder_ids={wide['id']}"
    assert len(names(reader, f"query=customers&{in_folder}")) == 6
    assert names(reader, f"query=customers&{in_folder}&type=folder") == []
    sizes = sorted(int(row["size"]) for row in rows("files") if row["folder_id"] == wide["id"])
    assert len(names(reader, f"query=customers&{in_folder}&size_range={sizes[2]},")) == 4
    assert names(reader, f"query=customers&{in_folder}&created_at_range={quote(now())},") == []
    assert len(names(reader, f"query=customers&{in_folder}&created_at_range=,{quote(now())}")) == 6
    assert names(reader, f"query=customers&{in_folder}&owner_user_ids=1") == []
    page = reader.doc(f"/search?query=customers&{in_folder}&sort=modified_at&direction=ASC")
    assert page["type"] == "search_results_items"
    assert (page["limit"], page["total_count"]) == (30, 6)
    times = [item["modified_at"] for item in page["entries"]]
    assert sorted(datetime.fromisoformat(moment) for moment in times) == [
        datetime.fromisoformat(moment) for moment in times
    ]
    shared = reader.doc(f"/search?query=customers&{in_folder}&include_recent_shared_links=true")
    assert shared["type"] == "search_results_with_shared_links"
    assert shared["entries"][0]["item"]["type"] == "file"
    error_of(reader.call("GET", "/search?query=x&ancestor_folder_ids=1"), 404, "not_found")


def now() -> str:
    """Return the current time."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def test_the_trash_can_be_searched(reader: Person) -> None:
    """With `trash_content`, a search finds trashed items."""
    tops = {row["id"]: row for row in rows("folders")}
    file = next(row for row in rows("files") if row["trashed_at"] and row["folder_id"] in tops)
    top = tops[file["folder_id"]]
    while top["parent_id"] != "0":
        top = tops[top["parent_id"]]
    query = f"query={quote(file['name'])}"
    headers = person(top["owner"])
    assert file["name"] in names(reader, f"{query}&trash_content=trashed_only", **headers)
    by_unknown_user = f"{query}&trash_content=trashed_only&deleted_user_ids=1"
    assert names(reader, by_unknown_user, **headers) == []


def test_the_trash_can_be_searched_by_the_user_who_deleted(writer: Person) -> None:
    """`deleted_user_ids` finds only items that these users deleted."""
    created = writer.call("POST", "/folders", {"name": "Thrown away", "parent": {"id": "0"}}).json()
    assert writer.call("DELETE", f"/folders/{created['id']}").status_code == 204
    writer.sandbox.clock.advance(700)  # until the index is up to date
    me = writer.doc("/users/me")["id"]
    query = "query=Thrown&trash_content=trashed_only&deleted_user_ids="
    assert names(writer, query + me) == ["Thrown away"]
    assert names(writer, query + rows("users")[5]["id"]) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "missing_parameter"),
        ("query=%20", "missing_parameter"),
        ("query=x&offset=10001", "invalid_offset"),
        ("query=x&type=picture", "invalid_parameter"),
        ("query=x&sort=colour", "invalid_parameter"),
        ("query=x&size_range=7", "invalid_parameter"),
        ("query=x&created_at_range=soon,", "invalid_parameter"),
        ("query=x&content_types=smell", "invalid_parameter"),
    ],
)
def test_invalid_parameters_are_refused(reader: Person, query: str, code: str) -> None:
    """Each invalid parameter gets 400 with its code."""
    error_of(reader.call("GET", f"/search?{query}"), 400, code)


def test_page_size_and_scope_are_limited(reader: Person) -> None:
    """A page has at most 200 results, and searching the enterprise needs the scope."""
    assert reader.doc("/search?query=a&limit=1000")["limit"] == 200
    code = "access_denied_insufficient_permissions"
    error_of(reader.call("GET", "/search?query=a&scope=enterprise_content"), 403, code)
    error_of(reader.call("GET", "/search?mdfilters=[]"), 501, "not_implemented")


def test_searches_are_limited_per_second_and_per_minute(ada: Person) -> None:
    """A user may search 6 times per second and 60 times per minute."""
    responses: list[Any] = [ada.call("GET", "/search?query=box") for _ in range(7)]
    codes = [response.status_code for response in responses]
    assert codes[:6] == [200] * 6 or codes[-1] == 200
    deadline = time.monotonic() + 40
    succeeded = sum(code == 200 for code in codes)
    while time.monotonic() < deadline:
        response = ada.call("GET", "/search?query=box")
        if response.status_code == 200:
            succeeded += 1
            continue
        error_of(response, 429, "rate_limit_exceeded")
        if int(response.headers["retry-after"]) > 2:
            break
        time.sleep(0.1)
    assert succeeded == 60


def test_a_global_content_manager_searches_everything(start_sandbox: Any) -> None:
    """A Global Content Manager finds and reads everything in the company."""
    sandbox = start_sandbox("gcm", limits="off")
    scopes = ["root_readonly", "enterprise_content", "manage_managed_users"]
    client = sandbox.register_app("gcm", ["http://127.0.0.1:8321/callback"], scopes=scopes)
    gcm = Person(sandbox, client)
    assert "Payroll" in names(gcm, "query=payroll&scope=enterprise_content")
    assert gcm.doc(f"/folders/{by_name('Payroll')['id']}")["name"] == "Payroll"


def test_device_pins_have_integer_markers(reader: Person) -> None:
    """Device pins are paged by integer markers, in both directions."""
    company = reader.doc("/users/me?fields=enterprise")["enterprise"]["id"]
    ids: list[str] = []
    marker: int | None = 0
    while marker is not None:
        page = reader.doc(f"/enterprises/{company}/device_pinners?limit=50&marker={marker}")
        assert page["order"] == [{"by": "id", "direction": "asc"}]
        ids += [pin["id"] for pin in page["entries"]]
        marker = page.get("next_marker")
        assert marker is None or isinstance(marker, int)
    assert ids == [row["id"] for row in rows("device_pins")]
    reversed_page = reader.doc(f"/enterprises/{company}/device_pinners?limit=1000&direction=DESC")
    assert [pin["id"] for pin in reversed_page["entries"]] == ids[::-1]
    error_of(reader.call("GET", "/enterprises/1/device_pinners"), 404, "not_found")


def test_a_device_pin_can_be_removed(writer: Person) -> None:
    """A device pin can be read and removed."""
    pin = rows("device_pins")[3]
    doc = writer.doc(f"/device_pinners/{pin['id']}")
    assert (doc["product_name"], doc["owned_by"]["login"]) == (pin["product_name"], pin["login"])
    assert writer.call("DELETE", f"/device_pinners/{pin['id']}").status_code == 204
    error_of(writer.call("GET", f"/device_pinners/{pin['id']}"), 404, "not_found")
