"""Calls that other clients make: older SDKs, Box's newest one, rclone, and sign-ins with fewer scopes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from .conftest import Person
from .test_api import error_of
from .test_content import by_name, rows
from .test_upload import BIG, fetch, upload
from .test_writing import a_file, folder

READ_ONLY = "root_readonly"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STALE = {"type": "file", "id": "1"}


def read_only(ada: Person) -> Person:
    """Sign in again through a link that requests read access only, and return the same user."""
    ada.access = ada.sign_in(scope=READ_ONLY)["access_token"]
    return ada


def lacks_scope(response: requests.Response) -> bool:
    """Return whether the token lacked the scope (box-facts 1.12): an empty 403 with the reason in its header."""
    challenge = response.headers.get("WWW-Authenticate", "")
    return (response.status_code, response.content) == (
        403,
        b"",
    ) and 'error="insufficient_scope"' in challenge


def test_a_link_can_request_fewer_scopes_than_the_app_has(ada: Person) -> None:
    """With `scope=`, a link of an app with read and write access can request read access only."""
    page = ada.http.get(ada.url(scope=READ_ONLY), timeout=10)
    assert page.status_code == 200
    pair = ada.sign_in(scope=READ_ONLY)
    assert ada.get("/folders/0", pair["access_token"]).status_code == 200
    assert lacks_scope(ada.get("/users", pair["access_token"]))  # only what the link requested
    ada.access = pair["access_token"]
    body = {"name": "Not allowed", "parent": {"id": "0"}}
    assert lacks_scope(ada.call("POST", "/folders", body))
    ada.access = ada.sign_in()["access_token"]
    assert ada.call("POST", "/folders", body).status_code == 201


def test_a_refresh_does_not_widen_a_narrowed_scope(ada: Person) -> None:
    """A pair that is refreshed from a narrowed one stays narrowed (box-facts 1.10), even if the refresh requests more."""
    narrow = ada.sign_in(scope=READ_ONLY)
    more = {
        "grant_type": "refresh_token",
        "refresh_token": narrow["refresh_token"],
        "scope": "root_readwrite",
    }
    ada.access = ada.token(**more).json()["access_token"]
    assert ada.call("GET", "/folders/0").status_code == 200
    assert lacks_scope(ada.call("POST", "/folders", {"name": "x", "parent": {"id": "0"}}))


def test_the_consent_page_lists_only_the_narrowed_scope(ada: Person) -> None:
    """The consent page lists read access but not write access, and each scope once."""
    ada.sandbox.approve(ada.url())
    page = ada.http.get(ada.url(scope=READ_ONLY), timeout=10)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    form = {"step": "sign-in", "csrf": csrf[1], "login": "ada.admin@example.com", "password": "practice"}
    consent = ada.http.post(ada.url(scope=f"{READ_ONLY} {READ_ONLY}"), data=form, timeout=10).text
    assert consent.count(f"<code>{READ_ONLY}</code>") == 1
    assert "root_readwrite" not in consent


@pytest.mark.parametrize(
    "scope", ["root_readonly manage_app_users", "item_download", "ROOT_READONLY", "root_readonly,x"]
)
def test_a_scope_the_app_does_not_have_is_refused(ada: Person, scope: str) -> None:
    """A link cannot request a scope that the app does not have."""
    page = ada.http.get(ada.url(scope=scope), timeout=10)
    assert page.status_code == 400
    assert "invalid_scope" in page.text


def test_a_read_only_app_cannot_request_write_access(ada: Person) -> None:
    """An app with read access cannot request the wider scope."""
    app = ada.sandbox.register_app("Reader", ["http://127.0.0.1/callback"], scopes=[READ_ONLY])
    reader = Person(ada.sandbox, app)
    assert "invalid_scope" in reader.http.get(reader.url(scope="root_readwrite"), timeout=10).text
    reader.http.close()


def writes() -> list[tuple[str, str]]:
    """Return the method and path of every operation that can change something, from the sandbox's tables."""
    from boxnb.sandbox.server.api.routes import TABLES, UPLOAD_TABLES

    operations = []
    for base, tables in (("/2.0", TABLES), ("/api/2.0", UPLOAD_TABLES)):
        for table in tables:
            for path, handlers in table.items():
                operations += [(method, base + path) for method in handlers if method != "GET"]
    # The first only returns the URL of the long poll, and the second is a query.
    return sorted(
        set(operations) - {("OPTIONS", "/2.0/events"), ("POST", "/2.0/metadata_queries/execute_read")}
    )


def test_a_read_only_sign_in_cannot_change_anything(ada: Person) -> None:
    """Every operation that writes is refused because of the scope, for items and users alike."""
    read_only(ada)
    ids = {
        "folders": by_name("Payroll")["id"],
        "files": a_file()["id"],
        "web_links": rows("weblinks")[0]["id"],
        "users": rows("users")[3]["id"],
        "groups": rows("groups")[0]["id"],
        "group_memberships": rows("memberships")[0]["id"],
        "collaborations": rows("collaborations")[0]["id"],
    }
    assert len(writes()) > 40
    allowed = []
    for method, path in writes():
        kind = path.removeprefix("/api").split("/")[2]
        url = ada.sandbox.url + path.replace("{id}", ids.get(kind, "1")).replace("{version}", "1")
        response = ada.call(method, url.replace("{session}", "A" * 32), {"name": "x", "parent": {"id": "0"}})
        if not lacks_scope(response):
            allowed.append((method, path, response.status_code, response.text))
    assert allowed == []


def test_the_older_sdk_reads_the_latest_position(ada: Person) -> None:
    """`limit=0` with `stream_position=now` returns the position without events (boxsdk 1 to 4, get_latest_stream_position)."""
    for stream in ("all", "changes", "sync", "admin_logs", "admin_logs_streaming"):
        latest = ada.doc(f"/events?limit=0&stream_position=now&stream_type={stream}")
        assert (latest["entries"], latest["chunk_size"]) == ([], 0)
        assert latest["next_stream_position"].isdigit()
        following = ada.doc(f"/events?stream_position={latest['next_stream_position']}&stream_type={stream}")
        assert following["chunk_size"] == len(following["entries"])


def test_a_zero_limit_is_refused_unless_the_position_is_now(ada: Person) -> None:
    """A zero limit gets `invalid_limit` (box-facts 3.1), except when the latest position is requested."""
    for path in (
        "/events?limit=0",
        "/events?limit=0&stream_position=0",
        "/users?limit=0",
        "/folders/0/items?limit=0",
    ):
        error_of(ada.call("GET", path), 400, "invalid_limit")
    error_of(ada.call("GET", "/events?limit=-1&stream_position=now"), 400, "invalid_limit")


def test_empty_permissions_do_not_change_a_membership(writer: Person) -> None:
    """An empty `configurable_permissions` does not change a membership; other values are refused."""
    group = writer.call("POST", "/groups", {"name": "Night shift"}).json()
    user_ids = [row["id"] for row in rows("users")[2:5]]
    for user_id, permissions, status in zip(user_ids, ({}, None, []), (201, 201, 400), strict=True):
        body = {
            "user": {"id": user_id},
            "group": {"id": group["id"]},
            "configurable_permissions": permissions,
        }
        created = writer.call("POST", "/group_memberships", body)
        assert created.status_code == status, created.text
    member = writer.doc(f"/groups/{group['id']}/memberships")["entries"][0]["id"]
    promoted = writer.call(
        "PUT", f"/group_memberships/{member}", {"role": "admin", "configurable_permissions": {}}
    )
    assert promoted.json()["role"] == "admin"
    unchanged = writer.call("PUT", f"/group_memberships/{member}", {"configurable_permissions": {}})
    assert unchanged.json()["role"] == "admin"  # a body without a role does not change it
    with_permission = {"configurable_permissions": {"can_run_reports": True}}
    error_of(writer.call("PUT", f"/group_memberships/{member}", with_permission), 501, "not_implemented")
    with_string = {"configurable_permissions": {"can_run_reports": "yes"}}
    error_of(writer.call("PUT", f"/group_memberships/{member}", with_string), 400, "invalid_parameter")


def test_a_preflight_may_have_a_trailing_slash(writer: Person) -> None:
    """Rclone calls `OPTIONS /files/content/`, and sends only a name (backend/box/box.go)."""
    body = {"name": "new.bin", "parent": {"id": "0"}}
    for path in ("/files/content", "/files/content/"):
        preflight = writer.call("OPTIONS", path, body)
        assert (preflight.status_code, preflight.json()["upload_token"]) == (200, None)
        assert preflight.json()["upload_url"].endswith("/api/2.0/files/content")
    upload(writer, "new.bin", b"x")
    error_of(writer.call("OPTIONS", "/files/content/", body), 409, "item_name_in_use")


@pytest.mark.parametrize(
    "path",
    ["/users/me/", "/folders/0/", "/folders/0/items/?limit=2", "/users/?limit=1", "/folders/trash/items/"],
)
def test_other_paths_may_have_a_trailing_slash(reader: Person, path: str) -> None:
    """The response is the same with and without the slash, in every table."""
    assert reader.doc(path) == reader.doc(path.replace("/?", "?").removesuffix("/"))


def test_a_path_without_its_id_is_not_implemented(reader: Person) -> None:
    """A path with two slashes and a folder without an id are not implemented."""
    for path in ("/folders//", "/folders/", "/nothing/"):
        assert reader.call("GET", path).status_code == 501


def test_a_new_version_has_a_preflight(writer: Person) -> None:
    """Boxsdk 1 to 4 also make a preflight before a new version: `OPTIONS /files/:id/content`."""
    first = upload(writer, "one.txt", b"1").json()["entries"][0]
    upload(writer, "two.txt", b"2")
    path = f"/files/{first['id']}/content"
    preflight = writer.call("OPTIONS", path, {"size": 10})
    assert preflight.json()["upload_url"].endswith(f"/api/2.0/files/{first['id']}/content")
    assert writer.call("OPTIONS", path, {"size": 10, "name": "one.txt"}).status_code == 200
    error_of(writer.call("OPTIONS", path, {"size": 10, "name": "TWO.txt"}), 409, "item_name_in_use")
    error_of(writer.call("OPTIONS", path, {"size": 10**15}), 403, "file_size_limit_exceeded")
    error_of(writer.call("OPTIONS", path, {"size": 1}, **{"If-Match": "9"}), 412, "precondition_failed")
    error_of(writer.call("OPTIONS", "/files/1/content", {"size": 1}), 404, "not_found")


def test_the_older_paths_of_the_token_endpoints_work(ada: Person) -> None:
    """`/api/oauth2/token` and `/api/oauth2/revoke` work, as at app.box.com (box-facts 1.1)."""
    base, keys = f"{ada.sandbox.url}/api/oauth2", {}
    keys.update({key: ada.client[key] for key in ("client_id", "client_secret")})
    code = {**keys, "grant_type": "authorization_code", "code": ada.code()}
    pair = ada.http.post(f"{base}/token", data=code, timeout=10).json()
    refresh = {**keys, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    newer = ada.http.post(f"{base}/token", data=refresh, timeout=10).json()
    assert ada.get("/users/me", newer["access_token"]).status_code == 200
    revoked = ada.http.post(f"{base}/revoke", data={**keys, "token": newer["refresh_token"]}, timeout=10)
    assert (revoked.status_code, revoked.content) == (200, b"")
    assert ada.get("/users/me", newer["access_token"]).status_code == 401


def test_faults_of_the_token_endpoint_apply_to_its_older_path(ada: Person) -> None:
    """A fault applies to an operation whichever of its paths a client calls."""
    ada.sandbox.faults.add("/oauth2/token", "503")
    keys = {key: ada.client[key] for key in ("client_id", "client_secret")}
    form = {**keys, "grant_type": "authorization_code", "code": ada.code()}
    assert ada.http.post(f"{ada.sandbox.url}/api/oauth2/token", data=form, timeout=10).status_code == 503


def test_the_time_of_a_file_can_be_set(writer: Person) -> None:
    """`PUT /files/:id` with only `content_modified_at`, as rclone's SetModTime sends it, does not change anything else."""
    file = upload(writer, "dated.txt", b"1").json()["entries"][0]
    path = f"/files/{file['id']}"
    when = "2019-03-04T05:06:07+01:00"
    changed = writer.call(
        "PUT", f"{path}?fields=content_modified_at,name", {"content_modified_at": when}
    ).json()
    assert (changed["content_modified_at"], changed["name"]) == ("2019-03-04T04:06:07+00:00", "dated.txt")
    assert writer.doc(path)["content_created_at"] == file["content_created_at"]
    renamed = writer.call("PUT", path, {"name": "renamed.txt", "content_modified_at": None}).json()
    assert (renamed["name"], renamed["content_modified_at"]) == ("renamed.txt", "2019-03-04T04:06:07+00:00")
    for invalid in ("yesterday", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", 7, {"x": 1}):
        refusal = writer.call("PUT", path, {"name": "not.txt", "content_modified_at": invalid})
        error_of(refusal, 400, "invalid_parameter")
    assert writer.doc(path)["name"] == "renamed.txt"  # a refused change has no effect
    assert fetch(writer, f"{path}/content") == b"1"


def test_a_time_beyond_the_year_9999_is_refused(writer: Person) -> None:
    """A time in the year 10000 is refused, because it would break every listing of the folder."""
    parts = [
        (
            "attributes",
            (None, json.dumps({"name": "late", "parent": {"id": "0"}, "content_modified_at": LATE})),
        ),
        ("file", ("late", b"x")),
    ]
    url, headers = f"{writer.sandbox.url}/api/2.0/files/content", {"Authorization": f"Bearer {token(writer)}"}
    response = writer.http.post(url, files=parts, headers=headers, timeout=10)  # type: ignore[arg-type]
    error_of(response, 400, "invalid_parameter")
    assert writer.call("GET", "/folders/0/items?fields=content_modified_at").status_code == 200


LATE = "9999-12-31T23:59:59-12:00"


def token(writer: Person) -> str:
    """Return an access token of the practice admin."""
    writer.doc("/users/me")
    return writer.access


def ids_in_trash(writer: Person) -> set[str]:
    """Return the ids of the items in the trash."""
    return {item["id"] for item in writer.doc("/folders/trash/items?limit=1000")["entries"]}


def test_purging_a_folder_does_not_purge_items_trashed_before(writer: Person) -> None:
    """Items trashed separately stay in the trash; the rest of the folder is deleted permanently."""
    top = folder(writer, "Top")
    middle = folder(writer, "Middle", top["id"])
    trashed_folder = folder(writer, "Early", middle["id"])
    inner_file = upload(writer, "deep.txt", b"deep", trashed_folder["id"]).json()["entries"][0]
    trashed_file = upload(writer, "deeper.txt", b"deeper", trashed_folder["id"]).json()["entries"][0]
    other_file = upload(writer, "late.txt", b"late", middle["id"]).json()["entries"][0]
    writer.call("DELETE", f"/files/{trashed_file['id']}")
    writer.call("DELETE", f"/folders/{trashed_folder['id']}?recursive=true")
    writer.call("DELETE", f"/folders/{top['id']}?recursive=true")
    before = ids_in_trash(writer)
    assert before >= {top["id"], trashed_folder["id"], trashed_file["id"]}
    assert writer.call("DELETE", f"/folders/{top['id']}/trash").status_code == 204
    assert ids_in_trash(writer) == before - {top["id"]}
    for path in (f"/folders/{middle['id']}", f"/files/{other_file['id']}", f"/folders/{top['id']}/trash"):
        error_of(writer.call("GET", path), 404, "not_found")
    error_of(writer.call("GET", f"/files/{inner_file['id']}"), 404, "trashed")
    # Its parent folder no longer exists.
    error_of(writer.call("POST", f"/folders/{trashed_folder['id']}"), 403, "forbidden")
    restored = writer.call("POST", f"/folders/{trashed_folder['id']}", {"parent": {"id": "0"}})
    assert (restored.status_code, restored.json()["parent"]["id"]) == (201, "0")
    assert fetch(writer, f"/files/{inner_file['id']}/content") == b"deep"
    # Its folder is restored, so it does not need another one.
    second_restored = writer.call("POST", f"/files/{trashed_file['id']}")
    assert (second_restored.status_code, second_restored.json()["parent"]["id"]) == (
        201,
        trashed_folder["id"],
    )
    writer.call("DELETE", f"/folders/{trashed_folder['id']}?recursive=true")
    assert writer.call("POST", f"/folders/{trashed_folder['id']}").status_code == 201  # no longer an orphan


def test_the_trash_can_be_emptied_entry_by_entry(writer: Person) -> None:
    """Every entry of the trash can be purged in the order of the list, as rclone's cleanup does."""
    top = folder(writer, "Outer")
    inner = upload(writer, "inner.txt", b"1", top["id"]).json()["entries"][0]
    writer.call("DELETE", f"/files/{inner['id']}")
    writer.call("DELETE", f"/folders/{top['id']}?recursive=true")
    entries = writer.doc("/folders/trash/items?limit=1000&fields=type&fields=id")["entries"]
    for entry in entries:
        assert writer.call("DELETE", f"/{entry['type']}s/{entry['id']}/trash").status_code == 204, entry
    assert ids_in_trash(writer) == set()


def test_orphans_in_the_trash_survive_a_restart(start_sandbox: Any) -> None:
    """After a restart, an item whose folder was purged is still in the trash."""
    first = start_sandbox("orphans", limits="off")
    writer = Person(first, first.practice_client())
    top = folder(writer, "Top")
    file = upload(writer, "kept.txt", b"kept", top["id"]).json()["entries"][0]
    writer.call("DELETE", f"/files/{file['id']}")
    writer.call("DELETE", f"/folders/{top['id']}?recursive=true")
    writer.call("DELETE", f"/folders/{top['id']}/trash")
    first.stop()
    second = start_sandbox("orphans", limits="off")
    writer.sandbox, writer.access = second, ""
    assert file["id"] in ids_in_trash(writer)
    error_of(writer.call("POST", f"/files/{file['id']}"), 403, "forbidden")
    assert writer.call("POST", f"/files/{file['id']}", {"parent": {"id": "0"}}).status_code == 201
    writer.http.close()


def part_of(data: bytes, first: int, size: int) -> dict[str, Any]:
    """Return a part as a client sends it to request a plan."""
    chunk = data[first : first + size]
    return {"offset": first, "size": len(chunk), "sha512": hashlib.sha512(chunk).hexdigest()}


def plan_of(writer: Person, session: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Return the plan of a session."""
    size = session["part_size"]
    parts = [part_of(data, first, size) for first in range(0, len(data), size)]
    response = writer.call("POST", session["session_endpoints"]["plan"], {"parts": parts})
    assert response.status_code == 200, response.text
    plan: dict[str, Any] = response.json()
    return plan


def new_session(writer: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Start an upload session."""
    response = writer.call("POST", f"{writer.sandbox.url}/api/2.0{path}", body)
    assert response.status_code == 201, response.text
    session: dict[str, Any] = response.json()
    return session


def test_a_plan_lists_the_parts_already_sent(writer: Person) -> None:
    """A plan has no hits at first, then the parts that were sent, and only if their bytes are equal."""
    session = new_session(
        writer, "/files/upload_sessions", {"folder_id": "0", "file_size": len(BIG), "file_name": "b"}
    )
    assert session["session_endpoints"]["plan"].endswith(f"/files/upload_sessions/{session['id']}/plan")
    first_plan = plan_of(writer, session, BIG)
    assert (first_plan["upload_session_id"], first_plan["hits"]) == (session["id"], [])
    assert len(first_plan["misses"]) == session["total_parts"]
    chunk = BIG[: session["part_size"]]
    digest = base64.b64encode(hashlib.sha1(chunk).digest()).decode()
    headers = {"Digest": f"sha={digest}", "Content-Range": f"bytes 0-{len(chunk) - 1}/{len(BIG)}"}
    headers |= {"Authorization": f"Bearer {token(writer)}"}
    sent = writer.http.put(
        session["session_endpoints"]["upload_part"], data=chunk, headers=headers, timeout=30
    )
    part = sent.json()["part"]
    second_plan = plan_of(writer, session, BIG)
    assert second_plan["hits"] == [{**part_of(BIG, 0, len(chunk)), "part_id": part["part_id"]}]
    assert plan_of(writer, session, bytes(len(BIG)))["hits"] == []
    url = session["session_endpoints"]["plan"]
    for invalid in ({}, {"parts": "x"}, {"parts": [1]}, {"parts": [{"offset": 0}]}, {"parts": [{**STALE}]}):
        error_of(writer.call("POST", url, invalid), 400, "bad_request")
    outside = {
        "parts": [{"offset": -8, "size": 1, "sha512": "x"}, {"offset": 10**12, "size": 1, "sha512": "x"}]
    }
    assert len(writer.call("POST", url, outside).json()["misses"]) == 2


def test_a_new_version_sends_only_what_changed(writer: Person) -> None:
    """Parts that the file already has are not sent again, and the new version is still complete."""
    file = upload(writer, "big.bin", BIG).json()["entries"][0]
    session = new_session(writer, f"/files/{file['id']}/upload_sessions", {"file_size": len(BIG)})
    size = session["part_size"]
    changed = BIG[:-1] + b"!"
    plan = plan_of(writer, session, changed)
    assert [part["offset"] for part in plan["hits"]] == [0, size]
    assert [part["offset"] for part in plan["misses"]] == [2 * size]
    last = changed[2 * size :]
    digest = base64.b64encode(hashlib.sha1(last).digest()).decode()
    content_range = f"bytes {2 * size}-{len(changed) - 1}/{len(changed)}"
    headers = {
        "Digest": f"sha={digest}",
        "Content-Range": content_range,
        "Authorization": f"Bearer {token(writer)}",
    }
    endpoints = session["session_endpoints"]
    sent = writer.http.put(endpoints["upload_part"], data=last, headers=headers, timeout=30).json()["part"]
    parts = [{name: part[name] for name in ("part_id", "offset", "size")} for part in [*plan["hits"], sent]]
    file_digest = base64.b64encode(hashlib.sha1(changed).digest()).decode()
    committed = writer.call("POST", endpoints["commit"], {"parts": parts}, Digest=f"sha={file_digest}")
    assert committed.status_code == 201, committed.text
    assert committed.json()["entries"][0]["sha1"] == hashlib.sha1(changed).hexdigest()
    assert fetch(writer, f"/files/{file['id']}/content") == changed


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer", "bearer "])
def test_the_scheme_ignores_case(reader: Person, scheme: str) -> None:
    """`Authorization: bearer ...` is the same as `Bearer` (RFC 9110 11.1)."""
    token(reader)
    headers = {"Authorization": f"{scheme} {reader.access}"}
    assert (
        reader.http.get(f"{reader.sandbox.url}/2.0/users/me", headers=headers, timeout=10).status_code == 200
    )


def test_the_fields_parameter_can_be_repeated(reader: Person) -> None:
    """If each field has its own parameter, as rclone sends them, every entry has a type and an id."""
    page = reader.doc("/folders/0/items?fields=type&fields=id&limit=3")
    assert all({"type", "id"} <= set(entry) for entry in page["entries"])


def test_a_client_secret_in_the_url_is_not_accepted(ada: Person) -> None:
    """The client's credentials are not read from the query, which logs would record (RFC 6749 2.3.1)."""
    keys = {key: ada.client[key] for key in ("client_id", "client_secret")}
    query = {**keys, "grant_type": "authorization_code", "code": ada.code()}
    url = f"{ada.sandbox.url}/oauth2/token"
    response = ada.http.post(url, params=query, headers=FORM, timeout=10)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("digest", "status"),
    [
        (lambda data: "sha-512=" + base64.b64encode(hashlib.sha512(data).digest()).decode(), 200),
        (lambda data: "SHA-512=" + base64.b64encode(hashlib.sha512(data).digest()).decode(), 200),
        (lambda data: "sha-512=" + base64.b64encode(hashlib.sha512(b"other").digest()).decode(), 412),
        (lambda data: "sha-512=" + base64.b64encode(hashlib.sha1(data).digest()).decode(), 400),
        (lambda data: "sha-256=" + base64.b64encode(hashlib.sha256(data).digest()).decode(), 400),
        (lambda data: "sha-512=no base64", 400),
    ],
)
def test_a_part_can_be_checked_by_sha_512(
    writer: Person, digest: Callable[[bytes], str], status: int
) -> None:
    """A part can be checked by SHA-512, as in Box's SDK 10.18; other algorithms and wrong digests are refused."""
    session = new_session(
        writer, "/files/upload_sessions", {"folder_id": "0", "file_size": len(BIG), "file_name": "b"}
    )
    chunk = BIG[: session["part_size"]]
    headers = {"Digest": digest(chunk), "Content-Range": f"bytes 0-{len(chunk) - 1}/{len(BIG)}"}
    headers |= {"Authorization": f"Bearer {token(writer)}"}
    sent = writer.http.put(
        session["session_endpoints"]["upload_part"], data=chunk, headers=headers, timeout=30
    )
    assert sent.status_code == status, sent.text
    if status == 200:
        assert sent.json()["part"]["sha1"] == hashlib.sha1(chunk).hexdigest()
        commit = {"Digest": digest(BIG)}  # a file can be checked only by SHA-1
        error_of(
            writer.call("POST", session["session_endpoints"]["commit"], {"parts": []}, **commit),
            400,
            "bad_digest",
        )
