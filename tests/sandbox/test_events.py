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
    """Return the events of all pages until one is empty."""
    events: list[dict[str, Any]] = []
    position = "0"
    while True:
        page = reader.doc(f"/events?{query}&limit={limit}&stream_position={position}", **headers)
        assert page["chunk_size"] == len(page["entries"]) <= limit
        if not page["entries"]:
            assert page["next_stream_position"] == position or position == "0"
            return events
        events += page["entries"]
        position = page["next_stream_position"]


def stamp(days: float) -> str:
    """Return the time that many days ago, escaped for a URL."""
    return quote((datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds"))


@pytest.fixture(scope="module")
def year(reader: Person) -> list[dict[str, Any]]:
    """All events of the year."""
    return walk(reader, "stream_type=admin_logs")


def test_a_year_of_events_is_in_order_without_duplicates(year: list[dict[str, Any]]) -> None:
    """The stream has a year of events in order, each once."""
    assert 29_000 < len(year) <= 30_100
    times = [datetime.fromisoformat(event["created_at"]) for event in year]
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(days=360)
    assert len({event["event_id"] for event in year}) == len(year)
    assert {event["type"] for event in year} == {"event"}
    kinds = Counter(event["event_type"] for event in year)
    assert len(kinds) > 15
    assert (
        min(kinds[kind] for kind in ("LOGIN", "FAILED_LOGIN", "UPLOAD", "DOWNLOAD", "SHARE", "DELETE")) > 50
    )
    assert all(event["ip_address"] for event in year)


def test_the_incidents_stand_out(year: list[dict[str, Any]]) -> None:
    """The bursts of incidents.csv are the most frequent failed sign-ins and downloads."""
    failed = Counter(event["source"]["login"] for event in year if event["event_type"] == "FAILED_LOGIN")
    assert failed.most_common(1)[0][0] == "maya.vogel@example.com"
    assert failed.most_common(1)[0][1] >= 160
    nights = Counter(
        (event["created_by"]["login"], event["created_at"][:10])
        for event in year
        if event["event_type"] == "DOWNLOAD" and event["created_by"]["id"] != "2"
    )
    (login, _), count = nights.most_common(1)[0]
    assert login == "samuel.haas@example.com"
    assert count > 5 * nights.most_common(3)[-1][1]
    assert sum(event.get("created_by", {}).get("id") == "2" for event in year) > 200


def test_positions_are_strings_too_large_for_a_float(reader: Person) -> None:
    """A stream position is a string, because a float would round it."""
    page = reader.doc("/events?stream_type=admin_logs&limit=1")
    position = page["next_stream_position"]
    assert isinstance(position, str)
    assert int(position) > 2**53
    assert int(float(position)) != int(position)


def test_a_short_page_is_not_the_end(reader: Person) -> None:
    """A page shorter than the limit does not mean that the stream has ended."""
    position = "0"
    for _ in range(200):
        page = reader.doc(f"/events?stream_type=admin_logs&limit=20&stream_position={position}")
        position = page["next_stream_position"]
        if page["chunk_size"] < 20:
            break
    assert 0 < page["chunk_size"] < 20
    assert reader.doc(f"/events?stream_type=admin_logs&stream_position={position}")["entries"]


def test_events_can_be_selected_by_time_and_type(reader: Person, year: list[dict[str, Any]]) -> None:
    """A range of times and types returns the same events as the entire stream."""
    after, before = stamp(30), stamp(20)
    kinds = "LOGIN,FAILED_LOGIN"
    query = f"stream_type=admin_logs&created_after={after}&created_before={before}&event_type={kinds}"
    events = walk(reader, query)
    oldest, newest = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC) - timedelta(days=20)
    expected = [
        event["event_id"]
        for event in year
        if event["event_type"] in kinds.split(",")
        and oldest <= datetime.fromisoformat(event["created_at"]) <= newest
    ]
    assert abs(len(events) - len(expected)) <= 2
    assert {event["event_id"] for event in events} - set(expected) == set() or len(events) == len(expected)
    assert {event["event_type"] for event in events} == {"LOGIN", "FAILED_LOGIN"}
    no_events = walk(reader, "stream_type=admin_logs&event_type=NO_SUCH_TYPE")
    assert no_events == []


def test_a_page_has_100_events_and_at_most_500(reader: Person) -> None:
    """The default page has 100 events, the largest 500."""
    recent = f"&created_after={stamp(3)}"
    sizes = [
        reader.doc(f"/events?stream_type=admin_logs{recent}{limit}")["chunk_size"]
        for limit in ("", "&limit=5000")
    ]
    assert sizes[0] <= 100
    assert sizes[1] <= 500


def test_streaming_is_unordered_with_duplicates_for_14_days(
    reader: Person, year: list[dict[str, Any]]
) -> None:
    """`admin_logs_streaming` is unordered, has duplicates and keeps 14 days."""
    after = stamp(1)
    events = walk(reader, f"stream_type=admin_logs_streaming&created_after={after}")
    times = [datetime.fromisoformat(event["created_at"]) for event in events]
    assert times != sorted(times)
    assert min(times) < datetime.now(UTC) - timedelta(days=13)
    assert min(times) > datetime.now(UTC) - timedelta(days=15)
    counts = Counter(event["event_id"] for event in events)
    assert 0.01 < sum(count > 1 for count in counts.values()) / len(counts) < 0.1
    earliest = datetime.now(UTC) - timedelta(days=13, hours=23)
    expected = {event["event_id"] for event in year if datetime.fromisoformat(event["created_at"]) > earliest}
    assert expected <= set(counts)


def test_now_is_an_empty_page_with_the_latest_position(reader: Person) -> None:
    """`stream_position=now` returns the latest position and no events."""
    for stream in ("all", "admin_logs", "admin_logs_streaming"):
        page = reader.doc(f"/events?stream_type={stream}&stream_position=now")
        assert page["entries"] == []
        assert int(page["next_stream_position"]) > 2**53


def test_the_stream_of_a_user_has_visible_items(reader: Person) -> None:
    """A user's stream has events of visible items and ignores `event_type` and times."""
    headers = person("fang.wang@example.com")
    events = walk(reader, "event_type=LOGIN&created_before=2001-01-01T00:00:00Z", limit=100, **headers)
    assert events
    kinds = {event["event_type"] for event in events}
    assert kinds & {"ITEM_UPLOAD", "ITEM_PREVIEW", "ITEM_DOWNLOAD"}
    assert "LOGIN" not in kinds
    assert {event["source"]["type"] for event in events} <= {"file", "folder", "web_link"}
    assert all("recorded_at" in event and "additional_details" not in event for event in events)
    oldest = min(datetime.fromisoformat(event["created_at"]) for event in events)
    assert oldest > datetime.now(UTC) - timedelta(days=22)
    changes = walk(reader, "stream_type=changes", **headers)
    assert not {event["event_type"] for event in changes} & {"ITEM_PREVIEW", "ITEM_DOWNLOAD"}
    for event in events[:20]:
        if event["source"]["item_status"] == "active":
            assert (
                reader.call(
                    "GET", f"/{event['source']['type']}s/{event['source']['id']}", **headers
                ).status_code
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
def test_invalid_parameters_are_refused(reader: Person, query: str, code: str) -> None:
    """Each invalid parameter gets 400 with its code."""
    error_of(reader.call("GET", f"/events?{query}"), 400, code)


def test_the_enterprise_stream_needs_an_admin_and_the_scope(reader: Person) -> None:
    """The enterprise stream is only for admins with the right scope."""
    code = "access_denied_insufficient_permissions"
    user_token = reader.sign_in("hanako.yamada@example.com")["access_token"]
    error_of(reader.get("/events?stream_type=admin_logs", user_token), 403, code)
    assert reader.get("/events", user_token).status_code == 200
    narrow = reader.sign_in(scope="root_readwrite")["access_token"]
    response = reader.get("/events?stream_type=admin_logs_streaming", narrow)
    assert (response.status_code, response.content) == (403, b"")


def test_a_new_event_appears_in_streaming_before_admin_logs(writer: Person) -> None:
    """A new event appears in `admin_logs_streaming` first, and in `admin_logs` up to half an hour later."""

    def logins(stream: str) -> list[str]:
        """Return the logins that a stream has recorded since the test began."""
        after = quote(datetime.fromtimestamp(start, UTC).isoformat(timespec="seconds"))
        query = f"stream_type={stream}&created_after={after}&limit=500&event_type=LOGIN"
        page = writer.doc(f"/events?{query}&stream_position={position[stream]}")
        return [event["source"]["login"] for event in page["entries"]]

    writer.doc("/users/me")
    start = writer.sandbox.clock.freeze()
    position = {
        stream: writer.doc(f"/events?stream_type={stream}&stream_position=now")["next_stream_position"]
        for stream in ("admin_logs", "admin_logs_streaming")
    }
    writer.sign_in("bo.nakamura@example.com")
    assert logins("admin_logs") == logins("admin_logs_streaming") == []
    for _ in range(4):
        writer.sandbox.clock.advance(30)
    assert "bo.nakamura@example.com" in logins("admin_logs_streaming")
    writer.sandbox.clock.advance(1680)
    assert logins("admin_logs") == ["bo.nakamura@example.com"]


def test_events_use_current_names(ada: Person) -> None:
    """After a file or user is renamed, events show the new name, not a cached one."""
    query = "/events?stream_type=admin_logs&event_type=DOWNLOAD&limit=500"
    users = ada.doc("/users?limit=1000&fields=status")["entries"]
    active = {user["id"] for user in users if user["status"] == "active"}  # others cannot rename anything
    event = next(
        entry
        for entry in ada.doc(query)["entries"]
        if {entry.get("created_by", {}).get("id"), entry["source"]["owned_by"]["id"]} <= active
    )
    file, user_id, owner = (
        event["source"]["item_id"],
        event["created_by"]["id"],
        event["source"]["owned_by"]["id"],
    )

    def now() -> tuple[str, str]:
        """Return the current names in the event."""
        same_event = next(
            entry for entry in ada.doc(query)["entries"] if entry["event_id"] == event["event_id"]
        )
        return same_event["source"]["item_name"], same_event["created_by"]["name"]

    before = now()
    response = ada.call("PUT", f"/files/{file}", {"name": "other.txt"}, **{"As-User": owner})
    assert response.status_code == 200
    assert now() == ("other.txt", before[1])
    assert ada.call("PUT", f"/users/{user_id}", {"name": "Other Name"}).status_code == 200
    assert now() == ("other.txt", "Other Name")


def test_the_history_is_the_same_whenever_it_is_made(start_sandbox: Any, tmp_path: Path) -> None:
    """It is made from the company's rows, so deleting content before it is first requested changes nothing."""
    since = stamp(300)

    def events_of(user: Person) -> list[tuple[str, str, str]]:
        """Return id, type and time of the events of the first page since then. Its length depends on the position."""
        events = user.doc(f"/events?stream_type=admin_logs&limit=500&created_after={since}")["entries"]
        return [(event["event_id"], event["event_type"], event["created_at"]) for event in events]

    fresh = start_sandbox("year")
    fresh.stop()
    shutil.copytree(tmp_path / "year", tmp_path / "same year")
    untouched, changed = (Person(start_sandbox(name), {}) for name in ("year", "same year"))
    for user in (untouched, changed):
        user.client = user.sandbox.practice_client()
    engineering = by_name("Engineering")
    owner = person(engineering["owner"])
    changed.call("DELETE", f"/folders/{engineering['id']}?recursive=true", **owner)
    assert changed.call("DELETE", f"/folders/{engineering['id']}/trash", **owner).status_code == 204
    events = events_of(untouched)
    assert events and events_of(changed) == events


def test_events_are_the_same_after_a_restart(start_sandbox: Any) -> None:
    """After a restart, new events and the history are the same."""

    def logins(user: Person) -> list[str]:
        """Return the ids of the recent failed sign-ins."""
        page = user.doc(f"/events?stream_type=admin_logs&event_type=FAILED_LOGIN&created_after={stamp(0.1)}")
        return [event["event_id"] for event in page["entries"]]

    first = Person(start_sandbox("same"), {})
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
    second = Person(start_sandbox("same"), first.client)
    second.access = first.access
    assert logins(second) == before
    after_restart = second.doc("/events?stream_type=admin_logs&limit=500")
    assert after_restart["entries"][5:100] == oldest["entries"][5:100]


def test_the_long_poll_responds_after_an_event(writer: Person) -> None:
    """The long poll responds once an event is recorded."""
    entry = writer.call("OPTIONS", "/events").json()["entries"][0]
    assert (entry["type"], entry["retry_timeout"], entry["ttl"]) == ("realtime_server", 610, "10")
    responses: list[dict[str, Any]] = []

    def wait() -> None:
        """Wait for the long poll."""
        responses.append(requests.get(entry["url"], timeout=30).json())

    thread = threading.Thread(target=wait)
    thread.start()
    writer.sign_in("bo.nakamura@example.com")
    thread.join(20)
    assert responses[0]["message"] == "new_change"
    wrong_url = entry["url"].replace("channel=", "channel=x")
    assert requests.get(wrong_url, timeout=5).status_code == 404
