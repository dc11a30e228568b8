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
    return [one["name"] for one in reader.doc(f"/search?{query}&limit=200", **headers)["entries"]]


def test_words_phrases_and_operators(reader: Person) -> None:
    assert set(names(reader, "query=customers")) >= {"customers_01.csv", "customers_06.csv"}
    assert names(reader, "query=CUSTOM%20expo") == ["Customer database export"]
    assert names(reader, "query=%22database%20export%22") == ["Customer database export"]
    assert names(reader, "query=%22export%20database%22") == []
    both = names(reader, "query=customers_01%20OR%20customers_02")
    assert {name for name in both if not name.startswith("Copy")} == {"customers_01.csv", "customers_02.csv"}
    rest = names(reader, "query=customers%20NOT%20customers_01.csv&file_extensions=csv")
    assert "customers_01.csv" not in rest
    assert "customers_02.csv" in rest


def test_only_what_the_caller_sees(reader: Person) -> None:
    assert "Payroll" not in names(reader, "query=payroll")
    assert "Payroll" in names(reader, "query=payroll", **FINANCE)


def test_filters(reader: Person) -> None:
    wide = by_name("Customer database export")
    inside = f"ancestor_folder_ids={wide['id']}"
    assert len(names(reader, f"query=customers&{inside}")) == 6
    assert names(reader, f"query=customers&{inside}&type=folder") == []
    sizes = sorted(int(row["size"]) for row in rows("files") if row["folder_id"] == wide["id"])
    assert len(names(reader, f"query=customers&{inside}&size_range={sizes[2]},")) == 4
    assert names(reader, f"query=customers&{inside}&created_at_range={quote(now())},") == []
    assert len(names(reader, f"query=customers&{inside}&created_at_range=,{quote(now())}")) == 6
    assert names(reader, f"query=customers&{inside}&owner_user_ids=1") == []
    page = reader.doc(f"/search?query=customers&{inside}&sort=modified_at&direction=ASC")
    assert page["type"] == "search_results_items"
    assert (page["limit"], page["total_count"]) == (30, 6)
    times = [one["modified_at"] for one in page["entries"]]
    assert sorted(datetime.fromisoformat(one) for one in times) == [
        datetime.fromisoformat(one) for one in times
    ]
    shared = reader.doc(f"/search?query=customers&{inside}&include_recent_shared_links=true")
    assert shared["type"] == "search_results_with_shared_links"
    assert shared["entries"][0]["item"]["type"] == "file"
    error_of(reader.call("GET", "/search?query=x&ancestor_folder_ids=1"), 404, "not_found")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def test_the_trash_is_searched_when_asked(reader: Person) -> None:
    tops = {row["id"]: row for row in rows("folders")}
    one = next(row for row in rows("files") if row["trashed_at"] and row["folder_id"] in tops)
    top = tops[one["folder_id"]]
    while top["parent_id"] != "0":
        top = tops[top["parent_id"]]
    query = f"query={quote(one['name'])}"
    headers = person(top["owner"])
    assert one["name"] in names(reader, f"{query}&trash_content=trashed_only", **headers)
    nobody = f"{query}&trash_content=trashed_only&deleted_user_ids=1"
    assert names(reader, nobody, **headers) == []


def test_who_threw_it_away_can_be_asked(writer: Person) -> None:
    made = writer.call("POST", "/folders", {"name": "Thrown away", "parent": {"id": "0"}}).json()
    assert writer.call("DELETE", f"/folders/{made['id']}").status_code == 204
    writer.sandbox.clock.advance(700)  # the index lags
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
def test_bad_questions(reader: Person, query: str, code: str) -> None:
    error_of(reader.call("GET", f"/search?{query}"), 400, code)


def test_limits_of_a_page_and_of_the_right(reader: Person) -> None:
    assert reader.doc("/search?query=a&limit=1000")["limit"] == 200
    code = "access_denied_insufficient_permissions"
    error_of(reader.call("GET", "/search?query=a&scope=enterprise_content"), 403, code)
    error_of(reader.call("GET", "/search?mdfilters=[]"), 501, "not_implemented")


def test_six_searches_a_second_then_sixty_a_minute(ada: Person) -> None:
    answers: list[Any] = [ada.call("GET", "/search?query=box") for _ in range(7)]
    codes = [answer.status_code for answer in answers]
    assert codes[:6] == [200] * 6 or codes[-1] == 200
    deadline = time.monotonic() + 40
    done = sum(code == 200 for code in codes)
    while time.monotonic() < deadline:
        answer = ada.call("GET", "/search?query=box")
        if answer.status_code == 200:
            done += 1
            continue
        error_of(answer, 429, "rate_limit_exceeded")
        if int(answer.headers["retry-after"]) > 2:
            break
        time.sleep(0.1)
    assert done == 60


def test_global_content_manager_searches_everything(begin: Any) -> None:
    sandbox = begin("gcm", limits="off")
    scopes = ["root_readonly", "enterprise_content", "manage_managed_users"]
    client = sandbox.register_app("gcm", ["http://127.0.0.1:8321/callback"], scopes=scopes)
    gcm = Person(sandbox, client)
    assert "Payroll" in names(gcm, "query=payroll&scope=enterprise_content")
    assert gcm.doc(f"/folders/{by_name('Payroll')['id']}")["name"] == "Payroll"


def test_device_pins_have_integer_markers(reader: Person) -> None:
    company = reader.doc("/users/me?fields=enterprise")["enterprise"]["id"]
    seen: list[str] = []
    marker: int | None = 0
    while marker is not None:
        page = reader.doc(f"/enterprises/{company}/device_pinners?limit=50&marker={marker}")
        assert page["order"] == [{"by": "id", "direction": "asc"}]
        seen += [one["id"] for one in page["entries"]]
        marker = page.get("next_marker")
        assert marker is None or isinstance(marker, int)
    assert seen == [row["id"] for row in rows("device_pins")]
    back = reader.doc(f"/enterprises/{company}/device_pinners?limit=1000&direction=DESC")
    assert [one["id"] for one in back["entries"]] == seen[::-1]
    error_of(reader.call("GET", "/enterprises/1/device_pinners"), 404, "not_found")


def test_a_device_pin_can_be_removed(writer: Person) -> None:
    one = rows("device_pins")[3]
    doc = writer.doc(f"/device_pinners/{one['id']}")
    assert (doc["product_name"], doc["owned_by"]["login"]) == (one["product_name"], one["login"])
    assert writer.call("DELETE", f"/device_pinners/{one['id']}").status_code == 204
    error_of(writer.call("GET", f"/device_pinners/{one['id']}"), 404, "not_found")
