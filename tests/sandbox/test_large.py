"""A company of any size from a seed, and pages rendered in advance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import boxnb.sandbox
from boxnb.errors import SandboxError
from boxnb.sandbox.server.company.generated import Rows, Size

from .conftest import Person
from .test_events import stamp, walk

SIZES = {"users": 2_500, "folders": 200, "files": 3_000, "events": 8_000}
FILES = ["users", "groups", "memberships", "externals", "folders", "files", "collaborations", "device_pins"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The practice admin of a large company, shared by the tests of this module."""
    state = tmp_path_factory.mktemp("large")
    with boxnb.sandbox.start(private=True, state=state, limits="off", world="large", **SIZES) as sandbox:
        person = Person(sandbox, sandbox.practice_client())
        yield person
        person.http.close()


def digest(size: Size) -> str:
    """Return a digest of all rows of a company."""
    rows = Rows(size)
    content = json.dumps([[name, list(rows(name))] for name in FILES])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def test_the_same_seed_gives_the_same_company() -> None:
    """The rows depend only on sizes and seed."""
    size = Size(users=300, folders=40, files=500, events=100)
    assert digest(size) == "306644b36b98760c"
    assert digest(size) == digest(size)
    assert digest(Size(users=300, folders=40, files=500, events=100, seed="2")) != digest(size)


def test_markers_and_offsets_return_the_same_users(large: Person) -> None:
    """Markers and offsets return every user once, in the same order."""
    ids: list[str] = []
    marker: str | None = ""
    while marker is not None:
        page = large.doc(f"/users?usemarker=true&limit=1000&marker={marker}")
        ids += [user["id"] for user in page["entries"]]
        marker = page["next_marker"]
    assert len(set(ids)) == len(ids) == SIZES["users"]
    assert ids == sorted(ids, key=int)
    by_offset = [
        user["id"]
        for offset in range(0, 3000, 1000)
        for user in large.doc(f"/users?limit=1000&offset={offset}")["entries"]
    ]
    assert by_offset == ids
    assert any(float(user_id) != int(user_id) or int(float(user_id)) != int(user_id) for user_id in ids)


def test_a_prerendered_page_equals_the_response(large: Person) -> None:
    """The compressed and the uncompressed page have the same content as the single user."""
    uncompressed = large.call("GET", "/users?limit=1000", **{"Accept-Encoding": "identity"})
    compressed = large.call("GET", "/users?limit=1000", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in uncompressed.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert uncompressed.content == compressed.content
    first = uncompressed.json()["entries"][0]
    assert large.doc(f"/users/{first['id']}") == first


def test_a_change_appears_on_the_next_page(large: Person) -> None:
    """Changed, added and deleted users are on the next page that is fetched."""
    page = large.doc("/users?limit=1000&fields=phone")
    user = page["entries"][7]
    large.call("PUT", f"/users/{user['id']}", {"phone": "changed"})
    changed = large.doc("/users?limit=1000&fields=phone")
    assert changed["entries"][7]["phone"] == "changed"
    assert [row["id"] for row in changed["entries"]] == [row["id"] for row in page["entries"]]
    created = large.call("POST", "/users", {"name": "New", "login": "new@example.com"}).json()
    assert large.doc("/users?limit=1")["total_count"] == SIZES["users"] + 1
    assert large.call("DELETE", f"/users/{created['id']}").status_code == 204
    assert large.doc("/users?limit=1")["total_count"] == SIZES["users"]


def test_a_large_company_has_folders_and_device_pins(large: Person) -> None:
    """Folders and device pins of a large company can be read."""
    rows = list(Rows(Size(**SIZES))("folders"))
    top = next(row for row in rows if row["parent_id"] == "0")
    people = list(Rows(Size(**SIZES))("users"))
    owner = next(row for row in people if row["login"] == top["owner"])
    doc = large.doc(f"/folders/{top['id']}", **{"As-User": owner["id"]})
    assert doc["name"] == top["name"]
    company = large.doc("/users/me?fields=enterprise")["enterprise"]["id"]
    page = large.doc(f"/enterprises/{company}/device_pinners?limit=1000")
    assert len(page["entries"]) == 1000


def test_the_year_has_the_requested_number_of_events(large: Person) -> None:
    """Each event of the year appears once."""
    year = walk(large, "stream_type=admin_logs")
    assert SIZES["events"] * 0.97 < len(year) <= SIZES["events"] + 10
    assert len({event["event_id"] for event in year}) == len(year)
    logins = walk(large, f"stream_type=admin_logs&event_type=LOGIN&created_after={stamp(100)}")
    assert logins


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"world": "small", "users": 500}, "work only with --world large"),
        ({"world": "large", "users": 1}, "3 to 2,000,000 users"),
        ({"world": "nowhere"}, "unknown world"),
    ],
)
def test_an_impossible_company_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """An impossible size or an unknown world is refused with the reason."""
    with pytest.raises(SandboxError, match=message):
        boxnb.sandbox.start(private=True, state=tmp_path / "state", **options)


def test_the_small_company_can_have_another_year(start_sandbox: Any) -> None:
    """The small company can have another seed and number of events."""
    sandbox = start_sandbox("few", events=3_000, seed="2", limits="off")
    few = Person(sandbox, sandbox.practice_client())
    assert 2_900 < len(walk(few, "stream_type=admin_logs")) <= 3_005
