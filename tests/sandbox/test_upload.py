"""Uploads in a single request and in parts, and downloads by redirect (box-facts 4.10, 4.11)."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import Person, Starter
from .test_api import error_of
from .test_content import of_many_versions, person, rows
from .test_writing import a_file

BIG = bytes(range(256)) * 90_000  # 23,040,000 bytes: three parts


def sha1_hex(data: bytes) -> str:
    """Return the SHA-1 in hex."""
    return hashlib.sha1(data).hexdigest()


def sha1_header(data: bytes) -> str:
    """Return the SHA-1 in the format of a `digest` header."""
    return "sha=" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def send(
    writer: Person, path: str, attributes: Any, data: bytes, reverse: bool = False, **headers: str
) -> requests.Response:
    """Send a file with its attributes, or with the two in the wrong order."""
    writer.doc("/users/me?fields=id")
    form = [("attributes", (None, json.dumps(attributes))), ("file", ("x", data))]
    headers = {"Authorization": f"Bearer {writer.access}", **headers}
    url = f"{writer.sandbox.url}/api/2.0{path}"
    return requests.post(url, files=form[::-1] if reverse else form, headers=headers, timeout=30)


def upload(writer: Person, name: str, data: bytes, parent: str = "0", **headers: str) -> requests.Response:
    """Upload a new file."""
    return send(writer, "/files/content", {"name": name, "parent": {"id": parent}}, data, **headers)


def fetch(writer: Person, path: str, **headers: str) -> bytes:
    """Download the content of a file."""
    response = writer.call("GET", path)
    assert response.status_code == 302, response.text
    return requests.get(response.headers["location"], headers=headers, timeout=30).content


def test_a_download_has_the_uploaded_bytes(writer: Person) -> None:
    """A download returns exactly the uploaded bytes, whole or in ranges."""
    data = b"\r\n--x\r\n\0\xff" * 1000
    response = upload(writer, "data.bin", data)
    assert response.status_code == 201, response.text
    assert response.json()["total_count"] == 1
    file = response.json()["entries"][0]
    assert (file["name"], file["size"], file["sha1"]) == ("data.bin", len(data), sha1_hex(data))
    assert fetch(writer, f"/files/{file['id']}/content") == data
    assert fetch(writer, f"/files/{file['id']}/content", Range="bytes=10-19") == data[10:20]
    assert fetch(writer, f"/files/{file['id']}/content", Range="bytes=-5") == data[-5:]
    assert upload(writer, "empty", b"").json()["entries"][0]["sha1"] == sha1_hex(b"")


def test_invalid_uploads_are_refused(writer: Person) -> None:
    """Each invalid upload gets the status and code that Box gives it."""
    attributes = {"name": "x", "parent": {"id": "0"}}
    error_of(
        send(writer, "/files/content", attributes, b"x", reverse=True), 400, "metadata_after_file_contents"
    )
    error_of(send(writer, "/files/content", {"name": "x"}, b"x"), 400, "bad_request")
    error_of(send(writer, "/files/content", [1], b"x"), 400, "bad_request")
    error_of(upload(writer, "a/b", b"x"), 400, "item_name_invalid")
    error_of(upload(writer, "x", b"x", "1"), 404, "not_found")
    response = writer.call("POST", f"{writer.sandbox.url}/api/2.0/files/content", {"name": "x"})
    error_of(response, 400, "bad_request")


def test_a_name_in_use_gets_409_with_one_object(writer: Person) -> None:
    """A name in use gets 409 with the conflicting file, in an upload and in a preflight."""
    first = upload(writer, "Same.txt", b"1").json()["entries"][0]
    response = upload(writer, "same.TXT", b"2")
    existing = error_of(response, 409, "item_name_in_use")["context_info"]["conflicts"]
    assert (existing["id"], existing["sha1"], existing["type"]) == (first["id"], sha1_hex(b"1"), "file")
    preflight = writer.call(
        "OPTIONS", "/files/content", {"name": "SAME.txt", "parent": {"id": "0"}, "size": 3}
    )
    in_preflight = error_of(preflight, 409, "item_name_in_use")["context_info"]["conflicts"]
    assert in_preflight == existing


def test_a_preflight_checks_size_and_space(writer: Person) -> None:
    """A preflight says whether a file is too large or the owner's space is used up."""
    preflight = writer.call("OPTIONS", "/files/content", {"name": "new", "parent": {"id": "0"}, "size": 3})
    assert preflight.status_code == 200
    assert preflight.json()["upload_url"].endswith("/api/2.0/files/content")
    huge = {"name": "new", "parent": {"id": "0"}, "size": 10**15}
    error_of(writer.call("OPTIONS", "/files/content", huge), 403, "file_size_limit_exceeded")
    as_hanako = person("hanako.yamada@example.com")
    size = {"name": "new", "parent": {"id": "0"}, "size": 5 * 10**9}
    response = writer.call("OPTIONS", "/files/content", {**size, "size": 5_368_709_120}, **as_hanako)
    assert response.status_code == 200
    nearly_full_user = next(
        row
        for row in rows("users")
        if int(row["space_amount"]) - int(row["space_used"]) < 10**9 and row["status"] == "active"
    )
    error_of(
        writer.call("OPTIONS", "/files/content", size, **person(nearly_full_user["login"])),
        403,
        "storage_limit_exceeded",
    )


def test_a_wrong_checksum_is_refused(writer: Person) -> None:
    """An upload with a wrong SHA-1 is refused."""
    error_of(upload(writer, "x", b"x", **{"content-md5": sha1_hex(b"y")}), 400, "bad_digest")
    assert upload(writer, "x", b"x", **{"content-md5": sha1_hex(b"x")}).status_code == 201


def test_a_new_version_replaces_the_content(writer: Person) -> None:
    """A new version is downloaded from then on, and earlier versions can still be downloaded."""
    file = upload(writer, "v.txt", b"one").json()["entries"][0]
    path = f"/files/{file['id']}/content"
    stale = send(writer, path, {"name": "v.txt"}, b"two", **{"If-Match": "7"})
    error_of(stale, 412, "precondition_failed")
    response = send(writer, path, {"name": "v.txt"}, b"two!", **{"If-Match": file["etag"]})
    assert response.status_code == 200, response.text
    new = response.json()["entries"][0]
    assert (new["id"], new["sha1"], new["size"], new["etag"]) == (file["id"], sha1_hex(b"two!"), 4, "1")
    earlier = writer.doc(f"/files/{file['id']}/versions")["entries"]
    assert [(version["id"], version["sha1"]) for version in earlier] == [
        (file["file_version"]["id"], sha1_hex(b"one"))
    ]
    assert fetch(writer, path) == b"two!"
    assert fetch(writer, f"{path}?version={earlier[0]['id']}") == b"one"
    error_of(writer.call("GET", f"{path}?version=1"), 404, "not_found")
    second_upload = send(writer, f"/files/{a_file()['id']}/content", {"name": "customers_01.csv"}, b"new")
    assert second_upload.status_code == 200
    count = writer.doc(f"/files/{a_file()['id']}/versions")["total_count"]
    assert count == int(a_file()["versions"])


def test_files_have_the_bytes_of_their_row(reader: Person) -> None:
    """The bytes of a file of the company have the size and SHA-1 of its row."""
    row = a_file()
    data = fetch(reader, f"/files/{row['id']}/content")
    assert (len(data), sha1_hex(data)) == (int(row["size"]), row["sha1"])
    twin = next(file for file in rows("files") if file["same_as"])
    original = next(file for file in rows("files") if file["id"] == twin["same_as"])
    assert (twin["sha1"], twin["size"]) == (original["sha1"], original["size"])


def test_a_download_url_works_without_a_token_and_expires(writer: Person) -> None:
    """A download URL works without a token for 15 minutes."""
    file = upload(writer, "تقرير.txt", b"hello").json()["entries"][0]
    url = writer.call("GET", f"/files/{file['id']}/content").headers["location"]
    assert urlsplit(url).hostname != urlsplit(writer.sandbox.url).hostname
    writer.sandbox.clock.advance(890)
    response = requests.get(url, timeout=10)
    assert response.content == b"hello"
    assert "filename*=UTF-8''" in response.headers["content-disposition"]
    assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=10).status_code == 404
    writer.sandbox.clock.advance(20)
    assert requests.get(url, timeout=10).status_code == 403
    refused = requests.get(f"{writer.sandbox.url}/2.0/files/{file['id']}/content?access_token=x", timeout=10)
    assert refused.status_code == 401
    accepted = requests.get(
        f"{writer.sandbox.url}/2.0/files/{file['id']}/content?access_token={writer.access}",
        timeout=10,
        allow_redirects=False,
    )
    assert accepted.status_code == 302
    assert (
        requests.get(
            f"{writer.sandbox.url}/2.0/users/me?access_token={writer.access}", timeout=10
        ).status_code
        == 401
    )


def test_a_range_beyond_the_end_gets_416(writer: Person) -> None:
    """The 416 for a range beyond the end contains the size of the file."""
    file = upload(writer, "r.txt", b"hello").json()["entries"][0]
    url = writer.call("GET", f"/files/{file['id']}/content").headers["location"]
    response = requests.get(url, headers={"Range": "bytes=9-"}, timeout=10)
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */5")
    part = requests.get(url, headers={"Range": "bytes=3-"}, timeout=10)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"lo", "bytes 3-4/5")


class Session:
    """A chunked upload, step by step."""

    def __init__(
        self, writer: Person, data: bytes, name: str = "big.bin", path: str = "/files/upload_sessions"
    ) -> None:
        self.writer, self.data = writer, data
        body = {"folder_id": "0", "file_size": len(data), "file_name": name}
        self.response = writer.call("POST", f"{writer.sandbox.url}/api/2.0{path}", body)
        if self.response.status_code == 201:
            self.doc = self.response.json()
            self.endpoints = self.doc["session_endpoints"]

    def put(
        self,
        start: int,
        data: bytes | None = None,
        digest: str | None = None,
        content_range: str | None = None,
    ) -> requests.Response:
        """Send one part."""
        data = self.data[start : start + self.doc["part_size"]] if data is None else data
        headers = {
            "Authorization": f"Bearer {self.writer.access}",
            "digest": digest or sha1_header(data),
            "content-range": content_range or f"bytes {start}-{start + len(data) - 1}/{len(self.data)}",
            "content-type": "application/octet-stream",
        }
        return requests.put(self.endpoints["upload_part"], data=data, headers=headers, timeout=30)

    def put_all(self) -> list[dict[str, Any]]:
        """Send all parts in order."""
        parts = []
        for start in range(0, len(self.data), self.doc["part_size"]):
            response = self.put(start)
            assert response.status_code == 200, response.text
            parts.append(response.json()["part"])
        return parts

    def commit(self, parts: list[dict[str, Any]], digest: str | None = None) -> requests.Response:
        """Commit the upload."""
        headers = {"digest": digest or sha1_header(self.data)}
        return self.writer.call("POST", self.endpoints["commit"], {"parts": parts}, **headers)


def test_a_chunked_upload_is_complete_after_its_commit(writer: Person) -> None:
    """A commit must list all parts in order, for a new file and for a new version."""
    session = Session(writer, BIG)
    assert session.response.status_code == 201, session.response.text
    assert (session.doc["total_parts"], session.doc["num_parts_processed"]) == (3, 0)
    parts = session.put_all()
    assert parts[0]["sha1"] == sha1_hex(BIG[: session.doc["part_size"]])
    part_list = writer.call("GET", session.endpoints["list_parts"]).json()
    assert (part_list["total_count"], part_list["entries"]) == (3, parts)
    assert writer.call("GET", session.endpoints["status"]).json()["num_parts_processed"] == 3
    error_of(session.commit(parts[::-1]), 400, "parts_mismatch")
    error_of(session.commit(parts[:2]), 400, "parts_mismatch")
    error_of(session.commit(parts, sha1_header(b"other")), 400, "bad_digest")
    committed = session.commit(parts)
    assert committed.status_code == 201, committed.text
    file = committed.json()["entries"][0]
    assert (file["size"], file["sha1"], file["name"]) == (len(BIG), sha1_hex(BIG), "big.bin")
    assert fetch(writer, f"/files/{file['id']}/content") == BIG
    error_of(session.commit(parts), 404, "not_found")
    version = Session(writer, BIG[::-1], path=f"/files/{file['id']}/upload_sessions")
    committed_version = version.commit(version.put_all())
    assert committed_version.status_code == 201, committed_version.text
    assert committed_version.json()["entries"][0]["id"] == file["id"]
    assert writer.doc(f"/files/{file['id']}/versions")["total_count"] == 1


def test_parts_can_be_sent_in_parallel(writer: Person) -> None:
    """Parts that were sent in parallel can be committed."""
    session = Session(writer, BIG)
    starts = range(0, len(BIG), session.doc["part_size"])
    with ThreadPoolExecutor(3) as pool:
        parts = [response.json()["part"] for response in pool.map(session.put, starts)]
    assert session.commit(parts).status_code == 201


def test_a_version_can_be_promoted_trashed_and_restored(writer: Person) -> None:
    """An earlier version can be promoted, trashed and restored; the current one cannot be trashed."""
    file = upload(writer, "v.txt", b"one").json()["entries"][0]
    path, first = f"/files/{file['id']}", file["file_version"]["id"]
    send(writer, f"{path}/content", {}, b"two!")
    earlier = writer.doc(f"{path}/versions/{first}")
    assert (earlier["sha1"], earlier["version_number"], earlier["trashed_at"]) == (
        sha1_hex(b"one"),
        "1",
        None,
    )
    promoted = writer.call("POST", f"{path}/versions/current", {"type": "file_version", "id": first})
    assert (promoted.status_code, promoted.json()["sha1"], promoted.json()["version_number"]) == (
        201,
        sha1_hex(b"one"),
        "3",
    )
    assert fetch(writer, f"{path}/content") == b"one"
    current = writer.doc(f"{path}?fields=file_version,version_number,size")
    assert (current["file_version"]["id"], current["version_number"], current["size"]) == (
        promoted.json()["id"],
        "3",
        3,
    )
    assert writer.doc(f"{path}/versions/{current['file_version']['id']}?fields=size")["size"] == 3
    assert writer.call("DELETE", f"{path}/versions/{first}", **{"If-Match": "99"}).status_code == 412
    assert writer.call("DELETE", f"{path}/versions/{first}").status_code == 204
    versions = writer.doc(f"{path}/versions")["entries"]
    assert [bool(earlier["trashed_at"]) for earlier in versions] == [False, True]
    error_of(writer.call("POST", f"{path}/versions/current", {"id": first}), 404, "trashed")
    error_of(writer.call("PUT", f"{path}/versions/{first}", {}), 400, "invalid_parameter")
    restored = writer.call("PUT", f"{path}/versions/{first}", {"trashed_at": None})
    assert (restored.status_code, restored.json()["trashed_at"]) == (200, None)
    denied = "access_denied_insufficient_permissions"
    error_of(writer.call("DELETE", f"{path}/versions/{promoted.json()['id']}"), 403, denied)
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"trashed_at": None})):
        error_of(writer.call(method, f"{path}/versions/1", body), 404, "not_found")


def test_promoted_versions_survive_a_kill(start_sandbox: Starter) -> None:
    """After a kill, promoted and trashed versions are the same."""
    sandbox = start_sandbox("kept", limits="off")
    writer = Person(sandbox, sandbox.practice_client())
    row, owner = of_many_versions()
    path = f"/files/{row['id']}"
    old = writer.doc(f"{path}/versions", **owner)["entries"][-1]
    promoted = writer.call("POST", f"{path}/versions/current", {"id": old["id"]}, **owner)
    assert (promoted.status_code, promoted.json()["sha1"]) == (201, old["sha1"])
    assert writer.call("DELETE", f"{path}/versions/{old['id']}", **owner).status_code == 204
    process = sandbox._process
    assert process is not None
    process.kill()
    process.wait(10)
    writer.sandbox = start_sandbox("kept", limits="off")
    assert writer.doc(f"{path}/versions/{old['id']}", **owner)["trashed_at"]
    responses = [
        writer.call("GET", f"{path}/content{query}", **owner) for query in ("", f"?version={old['id']}")
    ]
    current, earlier = (
        requests.get(response.headers["location"], timeout=30).content for response in responses
    )
    assert current == earlier
    assert len(current) == old["size"]


def test_one_of_several_simultaneous_versions_succeeds(writer: Person) -> None:
    """Of several simultaneous uploads with the same etag, only one succeeds."""
    file = upload(writer, "race.txt", b"0").json()["entries"][0]

    def send_one(number: int) -> int:
        """Upload a version and return the status."""
        data = str(number).encode() * 300_000
        headers = {"If-Match": file["etag"]}
        return send(writer, f"/files/{file['id']}/content", {"name": "race.txt"}, data, **headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send_one, range(4))) == [200, 412, 412, 412]


def test_invalid_parts_are_refused(writer: Person) -> None:
    """Each invalid part gets the status and code that Box gives it."""
    session = Session(writer, BIG)
    size = session.doc["part_size"]
    error_of(session.put(0, digest=sha1_header(b"x")), 412, "precondition_failed")
    error_of(session.put(0, digest="md5=x"), 400, "bad_digest")
    error_of(session.put(7, BIG[7 : 7 + size]), 416, "range_not_satisfiable")
    error_of(session.put(0, BIG[:100]), 416, "range_not_satisfiable")
    error_of(session.put(0, content_range="bytes 0-1"), 400, "bad_request")
    first = session.put(0)
    assert session.put(0).json() == first.json()
    error_of(session.put(0, b"\0" * size), 409, "range_overlaps_existing_part")
    other = person("hanako.yamada@example.com")
    error_of(writer.call("GET", session.endpoints["status"], **other), 403, "forbidden")
    assert writer.call("DELETE", session.endpoints["abort"]).status_code == 204
    error_of(writer.call("GET", session.endpoints["status"]), 404, "not_found")


def test_invalid_sessions_are_refused(writer: Person) -> None:
    """Each invalid upload session gets the status and code that Box gives it."""
    path = f"{writer.sandbox.url}/api/2.0/files/upload_sessions"
    accepted: dict[str, Any] = {"folder_id": "0", "file_size": 30_000_000, "file_name": "x"}
    for change, code in (
        ({"file_size": 1000}, "file_size_too_small"),
        ({"file_size": None}, "missing_file_size"),
        ({"file_size": "x"}, "invalid_file_size"),
        ({"folder_id": None}, "missing_destination"),
        ({"folder_id": "x"}, "invalid_folder_id"),
        ({"file_name": None}, "missing_file_name"),
        ({"file_name": "a/b"}, "item_name_invalid"),
    ):
        error_of(writer.call("POST", path, {**accepted, **change}), 400, code)
    error_of(writer.call("POST", path, {**accepted, "folder_id": "1"}), 404, "not_found")
    upload(writer, "X", b"1")
    error_of(writer.call("POST", path, accepted), 409, "item_name_in_use")


def test_a_session_lasts_seven_days_and_survives_a_restart(start_sandbox: Any) -> None:
    """An upload session can be continued after a restart and expires after seven days."""
    first = Person(start_sandbox("same"), {})
    first.client = first.sandbox.practice_client()
    session = Session(first, BIG)
    part = session.put(0).json()["part"]
    first.sandbox.stop()
    second = Person(start_sandbox("same"), first.client, access=first.access)
    session.writer = second
    session.endpoints = second.call(
        "GET", f"{second.sandbox.url}/api/2.0/files/upload_sessions/{session.doc['id']}"
    ).json()["session_endpoints"]
    size = session.doc["part_size"]
    parts = [part, *(session.put(start).json()["part"] for start in (size, 2 * size))]
    assert session.commit(parts).status_code == 201
    late = Session(second, BIG, "late.bin")
    second.sandbox.clock.advance(7 * 86_400 + 60)
    second.access = ""
    error_of(second.call("GET", late.endpoints["status"]), 410, "session_expired")


def test_the_fault_202_delays_a_download(writer: Person) -> None:
    """With the fault 202, a download is not ready for one call, then it succeeds."""
    file = upload(writer, "slow.txt", b"s").json()["entries"][0]
    writer.sandbox.faults.add("/2.0/files/*/content", "202", retry_after=3)
    response = writer.call("GET", f"/files/{file['id']}/content")
    assert (response.status_code, response.content, response.headers["retry-after"]) == (202, b"", "3")
    assert fetch(writer, f"/files/{file['id']}/content") == b"s"


@pytest.mark.parametrize("path", ["/2.0/files/content", "/2.0/files/1/content"])
def test_uploads_work_only_on_the_upload_host(reader: Person, path: str) -> None:
    """An upload to the API host gets 501."""
    error_of(reader.call("POST", f"{reader.sandbox.url}{path}", {}), 501, "not_implemented")


def test_an_upload_uses_space(writer: Person) -> None:
    """An upload adds its size to the owner's used space."""
    before = writer.doc("/users/me")["space_used"]
    upload(writer, "space", b"x" * 1000)
    assert writer.doc("/users/me")["space_used"] == before + 1000


def test_the_upload_after_240_in_a_minute_gets_429(ada: Person) -> None:
    """In one minute, 240 uploads succeed and the next one gets 429."""
    codes = [upload(ada, f"{number}", b"x").status_code for number in range(241)]
    assert codes == [201] * 240 + [429]
