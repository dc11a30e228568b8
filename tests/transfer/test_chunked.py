"""Chunked uploads with odd responses and false conflicts: each fails soon with a true message, and the token stays with Box."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pretending import PAGE, Answer, Pretender, pretending

import boxnb
from boxnb import store
from boxnb.errors import ApiError, BoxNotebookError, BoxUnavailableError, TransferError
from boxnb.transfer import chunked, targets, uploads

DATA = bytes(range(250)) * 12
HTML = {"Content-Type": "text/html"}, PAGE[2]
Pretended = tuple[Pretender, boxnb.Box]


class Sessions:
    """Upload sessions with parts of 1000 bytes; a test can replace each response."""

    def __init__(self, pretender: Pretender) -> None:
        self.pretender = pretender
        self.session_fields: Any = {}
        self.part_fields: Any = {}
        self.commits: list[Answer] = []
        self.stored: dict[int, bytes] = {}
        self.ended = 0

    def __call__(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Answer | None:
        if not path.startswith("/api/2.0/files/upload_sessions"):
            return None
        below = path.removeprefix("/api/2.0/files/upload_sessions")
        if method == "POST" and not below:
            return 201, {}, {"id": "S1", "type": "upload_session", "part_size": 1000} | self.session_fields
        if method == "PUT":
            first = int(headers["Content-Range"].split()[1].split("-")[0])
            self.stored[first] = body
            part = {"part_id": f"P{first}", "offset": first, "size": len(body)}
            part["sha1"] = hashlib.sha1(body).hexdigest()
            return (
                200,
                {},
                self.part_fields if callable(self.part_fields) else {"part": part | self.part_fields},
            )
        if method == "DELETE":
            self.ended += 1
            return 204, {}, b""
        if below.endswith("/parts"):
            return 200, {}, {"entries": [], "total_count": 0}
        if below.endswith("/commit"):
            if self.commits:
                return self.commits[0] if len(self.commits) == 1 else self.commits.pop(0)
            content = b"".join(self.stored[offset] for offset in sorted(self.stored))
            number = self.pretender.add("large.bin", content)
            return 201, {}, {"entries": [self.pretender.items[number]]}
        return 200, {}, {"id": "S1", "part_size": 1000}


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretended]:
    monkeypatch.setattr(uploads, "IN_PARTS", 2000)
    with pretending() as pair:
        yield pair


@pytest.fixture
def sessions(pretended: Pretended) -> Sessions:
    upload_sessions = Sessions(pretended[0])
    pretended[0].first = upload_sessions
    return upload_sessions


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large.bin"
    file.write_bytes(DATA)
    return file


ENDPOINTS: dict[str, Any] = {
    "absent": {},
    "null": {"session_endpoints": None},
    "a list": {"session_endpoints": ["/parts"]},
    "empty": {"session_endpoints": {}},
    "all null": {"session_endpoints": dict.fromkeys(chunked.ENDPOINTS)},
    "numbers": {"session_endpoints": dict.fromkeys(chunked.ENDPOINTS, 5)},
    "another host": {
        "session_endpoints": dict.fromkeys(chunked.ENDPOINTS, "https://elsewhere.example/parts")
    },
    "another port": {"session_endpoints": dict.fromkeys(chunked.ENDPOINTS, "http://127.0.0.1:9/parts")},
    "a longer name": {
        "session_endpoints": dict.fromkeys(chunked.ENDPOINTS, "https://127.0.0.1.evil.example/x")
    },
    "with a password": {"session_endpoints": dict.fromkeys(chunked.ENDPOINTS, "https://a:b@127.0.0.1/x")},
    "not a URL": {"session_endpoints": dict.fromkeys(chunked.ENDPOINTS, "http://[")},
    "the size as a string": {"part_size": "1000"},
    "larger than the file": {"part_size": 10**30},
}


@pytest.mark.parametrize("fields", ENDPOINTS.values(), ids=ENDPOINTS)
def test_the_urls_of_a_session_belong_to_the_server(
    pretended: Pretended, sessions: Sessions, large: Path, fields: Any
) -> None:
    """A missing or foreign URL is replaced by the documented one, and the token is sent only to the server."""
    sessions.session_fields = fields
    row = pretended[1].upload(large).iloc[0]
    assert row["action"] == "uploaded"
    assert pretended[0].names("0") == {"large.bin": DATA}
    own_origin = {("http", "127.0.0.1", int(pretended[0].url.rpartition(":")[2]))}
    assert {origin[:3] for origin in pretended[1].session.auth._origins()} == own_origin


@pytest.mark.parametrize(
    ("server", "url", "is_own"),
    [
        ("https://upload.box.com/api/2.0", "https://upload.box.com/api/2.0/files/upload_sessions/1", True),
        ("https://upload.box.com/api/2.0", "https://fra.upload.app.box.com/x", True),
        ("https://upload.box.com/api/2.0", "http://upload.app.box.com/x", False),
        ("https://upload.box.com/api/2.0", "https://box.com.evil.example/x", False),
        ("https://upload.box.com/api/2.0", "https://notbox.com/x", False),
        ("https://upload.box.com/api/2.0", "https://upload.box.com@evil.example/x", False),
        ("https://10.0.0.5/api/2.0", "https://11.0.0.5/x", False),
        ("https://10.0.0.5/api/2.0", "https://10.0.0.5/x", True),
        ("https://files.local/api", "https://other.local/x", False),
        ("https://files.example.co.uk/api", "https://files.example.co.uk/x", True),
        ("https://files.example.co.uk/api", "https://eu.files.example.co.uk/x", True),
        ("https://mine.co.uk/api", "https://theirs.co.uk/x", False),
        ("https://mine.github.io/api", "https://theirs.github.io/x", False),
        ("https://api.box.com/2.0", "https://upload.app.box.com:8443/x", False),
    ],
)
def test_which_urls_belong_to_the_server(pretended: Pretended, server: str, url: str, is_own: bool) -> None:
    """The profile's hosts, hosts below them and, for Box, all hosts in its domain belong to the server; no others do."""
    import dataclasses

    profile = pretended[1].profile
    other_server = dataclasses.replace(profile.client.server, upload_url=server, api_url=server)
    store.save(dataclasses.replace(profile, client=dataclasses.replace(profile.client, server=other_server)))
    caller = chunked.Caller(boxnb.connect("pretended"), None)
    assert targets.is_own(caller, url) is is_own


SIZES = {
    "none": None,
    "zero": 0,
    "below": -5,
    "too small": 1e-9,
    "infinite": 1e999,
    "text": "large",
    "a list": [1],
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_an_impossible_part_size_is_refused(
    pretended: Pretended, sessions: Sessions, large: Path, size: Any
) -> None:
    """The error is raised before any part is sent."""
    sessions.session_fields = {"part_size": size}
    with pytest.raises(BoxUnavailableError, match="No usable response: 201"):
        pretended[1].upload(large)
    assert not sessions.stored


def test_too_many_parts_are_refused(pretended: Pretended, sessions: Sessions, tmp_path: Path) -> None:
    """With a part size of one byte, each byte would cost a call."""
    file = tmp_path / "many.bin"
    file.write_bytes(b"x" * (chunked.MAX_PARTS + 1))
    sessions.session_fields = {"part_size": 1}
    with pytest.raises(BoxUnavailableError, match="No usable response"):
        pretended[1].upload(file)
    assert not sessions.stored


ODD_PARTS: dict[str, Any] = {
    "another offset": {"offset": 5},
    "no offset": {"offset": None},
    "another size": {"size": 7},
    "infinite": {"offset": 1e999},
    "another digest": {"sha1": "0" * 40},
    "a digest that is a list": {"sha1": [1]},
}


@pytest.mark.parametrize("part", ODD_PARTS.values(), ids=ODD_PARTS)
def test_a_response_about_another_part_is_an_error(
    pretended: Pretended, sessions: Sessions, large: Path, part: Any
) -> None:
    """The error is raised soon, and no file is created."""
    sessions.part_fields = part
    started = time.monotonic()
    with pytest.raises((BoxUnavailableError, TransferError)) as caught:
        pretended[1].upload(large)
    assert time.monotonic() - started < 5
    assert pretended[0].names("0") == {}
    if "sha1" in part:
        assert "received different content for the part that starts at byte" in str(caught.value)


@pytest.mark.parametrize(
    "response",
    [
        {},
        [],
        None,
        5,
        "text",
        {"part": None},
        {"part": []},
        {"part": {}},
        b"",
        b"<html>",
        b"[" * 90_000,
        b'{"part',
    ],
)
def test_a_response_without_a_part_is_an_error(pretended: Pretended, large: Path, response: Any) -> None:
    """All of these responses cause the same error."""
    sessions = Sessions(pretended[0])

    def first(method: str, *rest: Any) -> Answer | None:
        return (200, {}, response) if method == "PUT" else sessions(method, *rest)

    pretended[0].first = first
    with pytest.raises(BoxUnavailableError, match="No usable response: 200"):
        pretended[1].upload(large)


def test_a_commit_that_never_ends_is_an_error(
    pretended: Pretended, sessions: Sessions, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do, and the next call reuses the uploaded parts."""
    waits: list[float] = []
    monkeypatch.setattr(chunked.Caller, "sleep", lambda self, seconds: waits.append(seconds))
    sessions.commits = [(202, {"Retry-After": "60"}, b"")]
    with pytest.raises(BoxUnavailableError, match=r"has not assembled the file yet \(202\)") as caught:
        pretended[1].upload(large)
    assert "proxy" not in str(caught.value)
    assert sum(waits) <= chunked.COMMIT_WAIT
    assert sessions.ended == 0
    sessions.commits = []
    assert pretended[1].upload(large)["action"].tolist() == ["uploaded"]


DAMAGED: dict[str, Any] = {
    "a list": [],
    "a number": 5,
    "deep": "[" * 100_000,
    "not UTF-8": b"\xff\xfe",
    "a zero byte": b"\x00",
    "part_size": {"part_size": "x"},
    "URLs": {"upload_part": 5},
    "another host": {"upload_part": "https://elsewhere.example/x"},
    "version_of": None,
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_upload_state_is_ignored(
    pretended: Pretended, sessions: Sessions, large: Path, damage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload starts again, and the token is not sent to a URL from the file."""
    monkeypatch.setattr(chunked.Caller, "sleep", lambda self, seconds: None)
    sessions.commits = [(202, {}, b"")]
    with pytest.raises(BoxUnavailableError):
        pretended[1].upload(large)
    (state,) = (store.home() / "transfers").glob("*.json")
    if isinstance(damage, dict):
        saved = json.loads(state.read_bytes())
        saved["session"] |= damage
        state.write_text(json.dumps(saved))
    elif damage is None:
        state.write_text(json.dumps(json.loads(state.read_bytes()) | {"version_of": 5}))
    else:
        state.write_bytes(damage if isinstance(damage, bytes) else str(damage).encode())
    sessions.commits = []
    assert pretended[1].upload(large)["action"].tolist() == ["uploaded"]
    assert "elsewhere.example" not in str(pretended[1].session.auth._origins())


@pytest.mark.parametrize("size", [10, 1_500_000], ids=["directly", "preflight"])
@pytest.mark.parametrize("body", [PAGE[2], b"[" * 100_000, b'"conflict"', b"[]", b"null"])
def test_a_conflict_with_a_page_is_not_retried(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, body: bytes
) -> None:
    """A retry would get the same page of the proxy."""
    monkeypatch.setattr(uploads, "IN_PARTS", 20_000_000)
    file = tmp_path / "a.bin"
    file.write_bytes(b"x" * size)
    pretended[0].first = lambda *_: (409, HTML[0], body)
    started = time.monotonic()
    with pytest.raises(BoxUnavailableError, match=r"No usable response: 409 for .*, text/html"):
        pretended[1].upload(file)
    assert time.monotonic() - started < 5
    assert len(pretended[0].calls) == 1


def test_a_conflict_with_a_page_is_not_retried_for_folders_and_sessions(
    pretended: Pretended, large: Path
) -> None:
    """The rule holds for all calls that create something."""
    pretended[0].first = lambda *_: (409, *HTML)
    with pytest.raises(BoxUnavailableError, match="409"):
        pretended[1].upload(large)
    with pytest.raises(BoxUnavailableError, match="409"):
        pretended[1].upload_folder(large.parent)
    assert len(pretended[0].calls) == 2


CONFLICTS: dict[str, tuple[Any, str]] = {
    "an empty object": ({}, "name already"),
    "a type": ({"type": "file"}, "name already"),
    "nulls": ({"type": None, "id": None, "name": None}, "name already"),
    "no id": ({"type": "file", "name": "a.bin"}, "conflicts with file 'a.bin'."),
    "an empty id": ({"type": "file", "name": "a.bin", "id": ""}, "conflicts with file 'a.bin'."),
    "an id that is a list": ({"type": "file", "name": "a.bin", "id": [1]}, "conflicts with file 'a.bin'."),
    "an id that is true": ({"type": "file", "id": True, "name": "a.bin"}, "conflicts with file 'a.bin'"),
    "a name that is a list": ({"type": ["file"], "id": {}, "name": [1]}, "name already"),
}


@pytest.mark.parametrize("conflict", CONFLICTS.values(), ids=CONFLICTS)
@pytest.mark.parametrize("is_list", [False, True])
def test_a_conflict_shows_only_known_fields(
    pretended: Pretended, tmp_path: Path, conflict: tuple[Any, str], is_list: bool
) -> None:
    """The message has no empty quotes or brackets."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc")
    conflicts = [conflict[0]] if is_list else conflict[0]
    body = {
        "type": "error",
        "status": 409,
        "code": "item_name_in_use",
        "context_info": {"conflicts": conflicts},
    }
    pretended[0].first = lambda *_: (409, {}, body)
    with pytest.raises(ApiError) as caught:
        pretended[1].upload(file)
    assert conflict[1] in str(caught.value)
    assert "''" not in str(caught.value)
    assert "(id )" not in str(caught.value)


@pytest.mark.parametrize("item_type", [None, 5, [], "", {}])
def test_a_conflict_of_an_unknown_type_is_compared_as_a_file(
    pretended: Pretended, tmp_path: Path, item_type: Any
) -> None:
    """Box may leave out fields of small objects."""
    pretended[0].add("a.bin", b"abc")
    pretended[0].items["100"]["type"] = item_type
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc")
    assert pretended[1].upload(file)["action"].tolist() == ["same content"]


def test_an_upload_without_a_sha1_is_not_verified(pretended: Pretended, tmp_path: Path) -> None:
    """The message reports the missing SHA-1 instead of claiming that the content differs."""
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc")

    def first(method: str, path: str, *_: Any) -> Answer | None:
        if method == "POST":
            return 201, {}, {"entries": [{"id": "5", "name": "a.bin"}]}
        return (200, {}, {"id": "5", "name": "a.bin"}) if path.endswith("/files/5") else None

    pretended[0].first = first
    with pytest.raises(BoxNotebookError, match="does not report a SHA-1"):
        pretended[1].upload(file)
