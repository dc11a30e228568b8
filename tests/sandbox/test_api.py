"""The API that an admin reads: users, groups, memberships; errors, permissions, limits (box-facts 1.12, 2, 3, 4.1, 4.2)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from company import age

from .conftest import Person, Starter

DATA = Path(__file__).resolve().parents[2] / "data" / "sandbox"
STANDARD = {
    *("id", "type", "name", "login", "created_at", "modified_at", "language", "timezone", "space_amount"),
    *("space_used", "max_upload_size", "status", "job_title", "phone", "address", "avatar_url"),
    "notification_email",
}


@pytest.fixture
def token(ada: Person) -> str:
    """An access token of the practice admin."""
    access: str = ada.sign_in()["access_token"]
    return access


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the practice company."""
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def error_of(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """Check an error response and return its body."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["type"], body["status"], body["code"]) == (
        status,
        "error",
        status,
        code,
    )
    assert body["request_id"] != response.headers["box-request-id"]
    return body


def test_paging_by_offset_returns_every_user_once(ada: Person, token: str) -> None:
    """Pages by offset are sorted by id and have a total."""
    ids: list[str] = []
    while True:
        page = ada.get(f"/users?limit=50&offset={len(ids)}", token).json()
        assert (page["total_count"], page["limit"], page["offset"]) == (120, 50, len(ids))
        assert set(page["entries"][0]) == STANDARD
        ids += [user["id"] for user in page["entries"]]
        if len(ids) >= page["total_count"]:
            break
    assert len(set(ids)) == 120
    assert ids == sorted(ids, key=int)


def test_paging_by_marker_returns_every_user_once(ada: Person, token: str) -> None:
    """Pages by marker have neither a total nor an offset."""
    ids: list[str] = []
    marker = ""
    while marker is not None:
        page = ada.get(f"/users?usemarker=true&limit=37&marker={marker}", token).json()
        assert "total_count" not in page
        assert "offset" not in page
        ids += [user["id"] for user in page["entries"]]
        marker = page["next_marker"]
    assert len(set(ids)) == len(ids) == 120


def test_a_large_limit_is_lowered_and_the_default_is_100(ada: Person, token: str) -> None:
    """The default limit is 100, and a limit above 1000 is lowered silently."""
    assert ada.get("/users?limit=5000", token).json()["limit"] == 1000
    page = ada.get("/users", token).json()
    assert (page["limit"], len(page["entries"])) == (100, 100)
    assert ada.get("/users?offset=500", token).json()["entries"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_limit"),
        ("limit=-1", "invalid_limit"),
        ("limit=ten", "invalid_limit"),
        ("limit=%C2%B2", "invalid_limit"),
        ("offset=-1", "invalid_offset"),
        ("offset=10001", "invalid_offset"),
        ("usemarker=true&marker=garbage", "invalid_parameter"),
        ("usemarker=true&marker=YWZ0ZXI6eA==", "invalid_parameter"),
        ("user_type=martian", "invalid_parameter"),
    ],
)
def test_invalid_parameters_are_refused(ada: Person, token: str, query: str, code: str) -> None:
    """Each invalid parameter gets 400 with its code."""
    body = error_of(ada.get(f"/users?{query}", token), 400, code)
    assert body["context_info"]["errors"][0]["reason"] == "invalid_parameter"


def test_fields_add_to_the_mini_form(ada: Person, token: str) -> None:
    """`fields` adds fields to the mini form and ignores unknown names."""
    page = ada.get("/users?fields=role,tracking_codes,enterprise,nonsense&limit=1", token).json()
    assert set(page["entries"][0]) == {"id", "type", "name", "login", "role", "tracking_codes", "enterprise"}
    me = ada.get("/users/me?fields=role", token).json()
    assert (me["login"], me["role"]) == ("ada.admin@example.com", "admin")


def test_filter_term_is_a_prefix_of_name_or_login(ada: Person, token: str) -> None:
    """`filter_term` matches the start of a name or login, ignoring case."""
    entries = ada.get("/users?filter_term=ALEX", token).json()["entries"]
    assert {user["name"] for user in entries} == {"Alex Meyer", "alex meyer", "Αλέξης Παππάς"}
    assert ada.get("/users?filter_term=yer", token).json()["total_count"] == 0
    assert ada.get("/users?user_type=external", token).json()["total_count"] == 0


def test_the_company_matches_its_csv_files(ada: Person, token: str) -> None:
    """The served users match users.csv, which contains names, ids and zones that are hard to handle."""
    served = {user["id"]: user for user in ada.get("/users?limit=1000", token).json()["entries"]}
    rows_by_id = {row["id"]: row for row in rows("users.csv")}
    assert set(served) == set(rows_by_id)
    for user_id, row in rows_by_id.items():
        for name in ("name", "login", "status", "timezone"):
            assert served[user_id][name] == row[name]
        assert served[user_id]["created_at"][19:] == row["created_at"][-6:]
        assert served[user_id]["space_used"] == int(row["space_used"])
    times = [
        (pd.Timestamp(served[user_id]["created_at"]), row["created_at"])
        for user_id, row in rows_by_id.items()
    ]
    # All ages count from the same day, the day of the first start.
    days = {moment.tz_convert("UTC") - age(text) for moment, text in times}
    assert len(days) == 1 and days == {day.floor("D") for day in days}
    names = [row["name"] for row in rows_by_id.values()]
    assert any("<b>" in name for name in names)
    assert any(name.startswith("=") for name in names)
    assert any("\u0590" <= char <= "\u06ff" for name in names for char in name)
    assert sum(int(user_id) != int(float(user_id)) for user_id in rows_by_id) >= 10
    roles = sorted(row["role"] for row in rows_by_id.values() if row["role"] != "user")
    assert roles == ["admin", "coadmin", "coadmin"]


def test_a_user_is_found_by_id(ada: Person, token: str) -> None:
    """A user is found by id; an unknown id gets 404."""
    row = rows("users.csv")[7]
    assert ada.get(f"/users/{row['id']}", token).json()["name"] == row["name"]
    body = error_of(ada.get("/users/1", token), 404, "not_found")
    assert body["message"] == "Not Found"
    assert body["context_info"]["errors"][0]["name"] == "user"


def test_memberships_are_listed_by_group_and_by_user(ada: Person, token: str) -> None:
    """The memberships of all groups match the CSV file, and a user's own list has the same entries."""
    page = ada.get("/groups?limit=1000", token).json()
    assert page["total_count"] == len(page["entries"]) == len(rows("groups.csv")) == 25
    assert set(page["entries"][0]) == {"id", "type", "name", "group_type", "created_at", "modified_at"}
    total = 0
    for group in page["entries"]:
        memberships = ada.get(f"/groups/{group['id']}/memberships?limit=1000", token).json()
        total += memberships["total_count"]
        assert all(entry["group"]["id"] == group["id"] for entry in memberships["entries"])
    assert total == len(rows("memberships.csv"))
    entry = ada.get(f"/groups/{page['entries'][0]['id']}/memberships?limit=1", token).json()["entries"][0]
    own_memberships = ada.get(f"/users/{entry['user']['id']}/memberships", token).json()["entries"]
    assert entry in own_memberships
    assert ada.get(f"/group_memberships/{entry['id']}", token).json() == entry
    error_of(ada.get("/groups/1", token), 404, "not_found")
    error_of(ada.get("/groups/1/memberships", token), 404, "not_found")
    assert ada.get("/groups?filter_term=project", token).json()["total_count"] == 3


def test_a_missing_or_wrong_token_gets_401(ada: Person) -> None:
    """The header of a 401 says whether the token is missing or invalid."""
    for header, error in [
        ({}, "invalid_request"),
        ({"Authorization": "Bearer "}, "invalid_request"),
        ({"Authorization": "Basic eDp5"}, "invalid_request"),
        ({"Authorization": "Bearer nonsense"}, "invalid_token"),
    ]:
        response = requests.get(f"{ada.sandbox.url}/2.0/users/me", headers=header, timeout=10)
        assert (response.status_code, response.content) == (401, b"")
        assert f'Bearer realm="Service", error="{error}"' in response.headers["www-authenticate"]


def test_an_ordinary_user_cannot_list_users(ada: Person) -> None:
    """An ordinary user can read only their own account and memberships."""
    token = ada.sign_in("hanako.yamada@example.com")["access_token"]
    code = "access_denied_insufficient_permissions"
    error_of(ada.get("/users", token), 403, code)
    error_of(ada.get("/groups", token), 403, code)
    me = ada.get("/users/me?fields=role", token).json()
    assert me["role"] == "user"
    assert ada.get(f"/users/{me['id']}/memberships", token).status_code == 200


def test_as_user_is_for_admins(ada: Person, token: str) -> None:
    """`As-User` is for admins with its scope; co-admins cannot use it to act as other admins."""
    ids = {row["login"].partition("@")[0]: row["id"] for row in rows("users.csv")}

    def status(access: str, name: str) -> int:
        return ada.get("/users/me", access, **{"As-User": ids.get(name, "1")}).status_code

    response = ada.get("/users/me", token, **{"As-User": ids["hanako.yamada"]})
    assert response.json()["name"] == "山田 花子"
    error_of(ada.get("/users", token, **{"As-User": ids["hanako.yamada"]}), 403, denied_code())
    assert status(token, "nobody at all") == 403
    coadmin = ada.sign_in("bo.nakamura@example.com")["access_token"]
    assert status(coadmin, "hanako.yamada") == 200
    assert status(coadmin, "ada.admin") == 403
    assert status(coadmin, "carmen.ibanez") == 403
    user_token = ada.sign_in("hanako.yamada@example.com")["access_token"]
    assert status(user_token, "ken.sato") == 403
    narrow = ada.sign_in(scope="manage_managed_users")["access_token"]
    assert status(narrow, "hanako.yamada") == 403


def denied_code() -> str:
    """Return the code of a missing permission."""
    return "access_denied_insufficient_permissions"


def test_other_versions_of_the_api_are_refused(ada: Person, token: str) -> None:
    """Only the API version that the sandbox has is accepted."""
    assert ada.get("/users/me", token, **{"box-version": "2024.0"}).status_code == 200
    for version in ("2025.0", "", "latest", "2024.0, 2025.0"):
        response = ada.get("/users/me", token, **{"box-version": version})
        assert "2024.0" in error_of(response, 400, "invalid_api_version")["message"]


@pytest.mark.parametrize(
    "path", ["/recent_items", "/files/1/watermark", "/file_version_retentions?limit=1", "/nonsense"]
)
def test_paths_that_are_not_implemented_get_501(ada: Person, token: str, path: str) -> None:
    """A path that is not implemented gets 501 with the path in the message."""
    body = error_of(ada.get(path, token), 501, "not_implemented")
    assert path.partition("?")[0] in body["message"]


def test_writes_that_are_not_implemented_get_501(ada: Person, token: str) -> None:
    """Writing to a path that is not implemented gets 501 too."""
    headers = {"Authorization": f"Bearer {token}"}
    response = requests.post(
        f"{ada.sandbox.url}/2.0/webhooks", json={"name": "x"}, headers=headers, timeout=10
    )
    error_of(response, 501, "not_implemented")


def test_the_call_after_a_thousand_in_a_minute_gets_429(ada: Person, token: str) -> None:
    """The 429 after a thousand calls says when to retry; other users are not affected."""
    responses = [ada.get("/users/me", token) for _ in range(1001)]
    assert {response.status_code for response in responses[:1000]} == {200}
    body = error_of(responses[-1], 429, "rate_limit_exceeded")
    assert "Request rate limit exceeded" in body["message"]
    assert 1 <= int(responses[-1].headers["retry-after"]) <= 60
    other = ada.sign_in("bo.nakamura@example.com")["access_token"]
    assert ada.get("/users/me", other).status_code == 200


def test_limits_can_be_off(start_sandbox: Starter) -> None:
    """With limits off, no call gets 429."""
    sandbox = start_sandbox(limits="off")
    ada = Person(sandbox, sandbox.practice_client())
    token = ada.sign_in()["access_token"]
    assert {ada.get("/users/me", token).status_code for _ in range(1010)} == {200}
