"""The event streams (box-facts 3.4, 4.7): order, delay, duplicates, retention, positions."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from .conftest import Person
from .test_api import error_of
from .test_content import by_name, person


def walk(reader: Person, query: str, limit: int = 500, **headers: str) -> list[dict[str, Any]]:
    """All pages until one is empty."""
    seen: list[dict[str, Any]] = []
    position = "0"
    while True:
        page = reader.doc(f"/events?{query}&limit={limit}&stream_position={position}", **headers)
        assert page["chunk_size"] == len(page["entries"]) <= limit
        if not page["entries"]:
            assert page["next_stream_position"] == position or position == "0"
            return seen
        seen += page["entries"]
        position = page["next_stream_position"]


def stamp(days: float) -> str:
    return quote((datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds"))


@pytest.fixture(scope="module")
def year(reader: Person) -> list[dict[str, Any]]:
    return walk(reader, "stream_type=admin_logs")


def test_a_year_in_order_without_duplicates(year: list[dict[str, Any]]) -> None:
    assert 29_000 < len(year) <= 30_100
    times = [datetime.fromisoformat(one["created_at"]) for one in year]
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(days=360)
    assert len({one["event_id"] for one in year}) == len(year)
    assert {one["type"] for one in year} == {"event"}
    kinds = Counter(one["event_type"] for one in year)
    assert len(kinds) > 15
    assert (
        min(kinds[kind] for kind in ("LOGIN", "FAILED_LOGIN", "UPLOAD", "DOWNLOAD", "SHARE", "DELETE")) > 50
    )
    assert all(one["ip_address"] for one in year)


def test_the_planted_bursts_stand_out(year: list[dict[str, Any]]) -> None:
    failed = Counter(one["source"]["login"] for one in year if one["event_type"] == "FAILED_LOGIN")
    assert failed.most_common(1)[0][0] == "maya.vogel@example.com"
    assert failed.most_common(1)[0][1] >= 160
    nights = Counter(
        (one["created_by"]["login"], one["created_at"][:10])
        for one in year
        if one["event_type"] == "DOWNLOAD" and one["created_by"]["id"] != "2"
    )
    (login, _), most = nights.most_common(1)[0]
    assert login == "samuel.haas@example.com"
    assert most > 5 * nights.most_common(3)[-1][1]
    assert sum(one.get("created_by", {}).get("id") == "2" for one in year) > 200


def test_positions_are_text_beyond_what_a_float_holds(reader: Person) -> None:
    page = reader.doc("/events?stream_type=admin_logs&limit=1")
    position = page["next_stream_position"]
    assert isinstance(position, str)
    assert int(position) > 2**53
    assert int(float(position)) != int(position)


def test_a_short_page_is_not_the_end(reader: Person) -> None:
    position = "0"
    for _ in range(200):
        page = reader.doc(f"/events?stream_type=admin_logs&limit=20&stream_position={position}")
        position = page["next_stream_position"]
        if page["chunk_size"] < 20:
            break
    assert 0 < page["chunk_size"] < 20
    assert reader.doc(f"/events?stream_type=admin_logs&stream_position={position}")["entries"]


def test_windows_and_kinds(reader: Person, year: list[dict[str, Any]]) -> None:
    after, before = stamp(30), stamp(20)
    kinds = "LOGIN,FAILED_LOGIN"
    query = f"stream_type=admin_logs&created_after={after}&created_before={before}&event_type={kinds}"
    found = walk(reader, query)
    begin, end = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC) - timedelta(days=20)
    expected = [
        one["event_id"]
        for one in year
        if one["event_type"] in kinds.split(",") and begin <= datetime.fromisoformat(one["created_at"]) <= end
    ]
    assert abs(len(found) - len(expected)) <= 2
    assert {one["event_id"] for one in found} - set(expected) == set() or len(found) == len(expected)
    assert {one["event_type"] for one in found} == {"LOGIN", "FAILED_LOGIN"}
    nothing = walk(reader, "stream_type=admin_logs&event_type=NO_SUCH_TYPE")
    assert nothing == []


def test_default_and_largest_page(reader: Person) -> None:
    recent = f"&created_after={stamp(3)}"
    sizes = [
        reader.doc(f"/events?stream_type=admin_logs{recent}{limit}")["chunk_size"]
        for limit in ("", "&limit=5000")
    ]
    assert sizes[0] <= 100
    assert sizes[1] <= 500


def test_streaming_is_unordered_with_duplicates_and_14_days(
    reader: Person, year: list[dict[str, Any]]
) -> None:
    after = stamp(1)
    found = walk(reader, f"stream_type=admin_logs_streaming&created_after={after}")
    times = [datetime.fromisoformat(one["created_at"]) for one in found]
    assert times != sorted(times)
    assert min(times) < datetime.now(UTC) - timedelta(days=13)
    assert min(times) > datetime.now(UTC) - timedelta(days=15)
    counts = Counter(one["event_id"] for one in found)
    assert 0.01 < sum(count > 1 for count in counts.values()) / len(counts) < 0.1
    border = datetime.now(UTC) - timedelta(days=13, hours=23)
    expected = {one["event_id"] for one in year if datetime.fromisoformat(one["created_at"]) > border}
    assert expected <= set(counts)


def test_now_is_an_empty_page_with_a_position(reader: Person) -> None:
    for stream in ("all", "admin_logs", "admin_logs_streaming"):
        page = reader.doc(f"/events?stream_type={stream}&stream_position=now")
        assert page["entries"] == []
        assert int(page["next_stream_position"]) > 2**53


def test_a_persons_own_stream(reader: Person) -> None:
    headers = person("fang.wang@example.com")
    found = walk(reader, "event_type=LOGIN&created_before=2001-01-01T00:00:00Z", limit=100, **headers)
    assert found
    kinds = {one["event_type"] for one in found}
    assert kinds & {"ITEM_UPLOAD", "ITEM_PREVIEW", "ITEM_DOWNLOAD"}
    assert "LOGIN" not in kinds
    assert {one["source"]["type"] for one in found} <= {"file", "folder", "web_link"}
    assert all("recorded_at" in one and "additional_details" not in one for one in found)
    oldest = min(datetime.fromisoformat(one["created_at"]) for one in found)
    assert oldest > datetime.now(UTC) - timedelta(days=22)
    changes = walk(reader, "stream_type=changes", **headers)
    assert not {one["event_type"] for one in changes} & {"ITEM_PREVIEW", "ITEM_DOWNLOAD"}
    for one in found[:20]:
        if one["source"]["item_status"] == "active":
            assert (
                reader.call("GET", f"/{one['source']['type']}s/{one['source']['id']}", **headers).status_code
                == 200
            )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("stream_type=everything", "invalid_parameter"),
        ("stream_type=admin_logs&created_after=yesterday", "invalid_parameter"),
        ("stream_position=1.15e18", "invalid_parameter"),
        ("limit=0", "invalid_limit"),
    ],
)
def test_bad_questions(reader: Person, query: str, code: str) -> None:
    error_of(reader.call("GET", f"/events?{query}"), 400, code)


def test_the_companys_stream_is_for_admins_with_the_scope(reader: Person) -> None:
    code = "access_denied_insufficient_permissions"
    plain = reader.sign_in("hanako.yamada@example.com")["access_token"]
    error_of(reader.get("/events?stream_type=admin_logs", plain), 403, code)
    assert reader.get("/events", plain).status_code == 200
    narrow = reader.sign_in(scope="root_readwrite")["access_token"]
    answer = reader.get("/events?stream_type=admin_logs_streaming", narrow)
    assert (answer.status_code, answer.content) == (403, b"")


def test_what_happens_here_appears_later_in_one_stream_than_in_the_other(writer: Person) -> None:
    def seen(stream: str) -> list[str]:
        after = quote(datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"))
        query = f"stream_type={stream}&created_after={after}&limit=500&event_type=LOGIN"
        page = writer.doc(f"/events?{query}&stream_position={position[stream]}")
        return [one["source"]["login"] for one in page["entries"]]

    writer.doc("/users/me")
    began = writer.sandbox.clock.freeze()
    position = {
        stream: writer.doc(f"/events?stream_type={stream}&stream_position=now")["next_stream_position"]
        for stream in ("admin_logs", "admin_logs_streaming")
    }
    writer.sign_in("bo.nakamura@example.com")
    assert seen("admin_logs") == seen("admin_logs_streaming") == []
    for _ in range(4):
        writer.sandbox.clock.advance(30)
    assert "bo.nakamura@example.com" in seen("admin_logs_streaming")
    writer.sandbox.clock.advance(1680)
    assert seen("admin_logs") == ["bo.nakamura@example.com"]


def test_events_name_things_as_they_are_called_now(ada: Person) -> None:
    """What was read before is not answered again after a file or a person has another name."""
    query = "/events?stream_type=admin_logs&event_type=DOWNLOAD&limit=500"
    people = ada.doc("/users?limit=1000&fields=status")["entries"]
    active = {each["id"] for each in people if each["status"] == "active"}  # others may not rename anything
    one = next(
        each
        for each in ada.doc(query)["entries"]
        if {each.get("created_by", {}).get("id"), each["source"]["owned_by"]["id"]} <= active
    )
    file, who, owner = one["source"]["item_id"], one["created_by"]["id"], one["source"]["owned_by"]["id"]

    def now() -> tuple[str, str]:
        again = next(each for each in ada.doc(query)["entries"] if each["event_id"] == one["event_id"])
        return again["source"]["item_name"], again["created_by"]["name"]

    before = now()
    answer = ada.call("PUT", f"/files/{file}", {"name": "other.txt"}, **{"As-User": owner})
    assert answer.status_code == 200
    assert now() == ("other.txt", before[1])
    assert ada.call("PUT", f"/users/{who}", {"name": "Other Name"}).status_code == 200
    assert now() == ("other.txt", "Other Name")


def test_the_year_is_the_same_whenever_it_is_first_asked_for(begin: Any, tmp_path: Path) -> None:
    """Before and after content of it is gone: it is made from the rows alone."""
    since = stamp(300)

    def events_of(one: Person) -> list[tuple[str, str, str]]:
        events = one.doc(f"/events?stream_type=admin_logs&limit=500&created_after={since}")["entries"]
        return [(event["event_id"], event["event_type"], event["created_at"]) for event in events]

    fresh = begin("year")
    fresh.stop()
    shutil.copytree(tmp_path / "year", tmp_path / "same year")
    untouched, changed = (Person(begin(name), {}) for name in ("year", "same year"))
    for one in (untouched, changed):
        one.client = one.sandbox.practice_client()
    engineering = by_name("Engineering")
    owner = person(engineering["owner"])
    changed.call("DELETE", f"/folders/{engineering['id']}?recursive=true", **owner)
    assert changed.call("DELETE", f"/folders/{engineering['id']}/trash", **owner).status_code == 204
    assert len(events_of(untouched)) > 400
    assert events_of(changed) == events_of(untouched)


def test_events_outlive_a_restart(begin: Any) -> None:
    def logins(one: Person) -> list[str]:
        page = one.doc(f"/events?stream_type=admin_logs&event_type=FAILED_LOGIN&created_after={stamp(0.1)}")
        return [event["event_id"] for event in page["entries"]]

    first = Person(begin("same"), {})
    first.client = first.sandbox.practice_client()
    with pytest.raises(Exception, match=r".*"):
        first.sandbox.approve(first.url(), "bo.nakamura@example.com", "wrong")
    first.doc("/users/me")
    wide = by_name("Customer database export")["id"]
    first.call("PUT", f"/folders/{wide}", {"name": "Renamed"})
    engineering = by_name("Engineering")
    owner = person(engineering["owner"])
    first.call("DELETE", f"/folders/{engineering['id']}?recursive=true", **owner)
    assert first.call("DELETE", f"/folders/{engineering['id']}/trash", **owner).status_code == 204
    first.sandbox.clock.advance(3000)
    before = logins(first)
    assert len(before) == 1
    oldest = first.doc("/events?stream_type=admin_logs&limit=500")
    first.sandbox.stop()
    second = Person(begin("same"), first.client)
    second.access = first.access
    assert logins(second) == before
    again = second.doc("/events?stream_type=admin_logs&limit=500")
    assert again["entries"][5:100] == oldest["entries"][5:100]


def test_the_long_poll_answers_when_something_happens(writer: Person) -> None:
    entry = writer.call("OPTIONS", "/events").json()["entries"][0]
    assert (entry["type"], entry["retry_timeout"], entry["ttl"]) == ("realtime_server", 610, "10")
    answers: list[dict[str, Any]] = []

    def wait() -> None:
        answers.append(requests.get(entry["url"], timeout=30).json())

    waiting = threading.Thread(target=wait)
    waiting.start()
    writer.sign_in("bo.nakamura@example.com")
    waiting.join(20)
    assert answers[0]["message"] == "new_change"
    wrong = entry["url"].replace("channel=", "channel=x")
    assert requests.get(wrong, timeout=5).status_code == 404
