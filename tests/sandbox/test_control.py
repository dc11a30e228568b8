"""The control surface, the record, faults, the clock, processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import boxnb.sandbox
from boxnb.errors import SandboxError
from boxnb.sandbox import Sandbox
from boxnb.sandbox.server.rate_limits import Limits

from .conftest import Person, Starter


def test_the_control_surface_needs_its_key_and_refuses_web_pages(ada: Person) -> None:
    """A call without the key or from another web page is refused."""
    url, key = f"{ada.sandbox.url}/_sandbox/ping", ada.sandbox._key
    headers = {"X-Sandbox-Key": key}
    assert requests.post(url, headers=headers, timeout=10).status_code == 200
    assert requests.post(url, timeout=10).status_code == 403
    assert requests.post(url, headers={"X-Sandbox-Key": "x"}, timeout=10).status_code == 403
    assert requests.get(url, headers=headers, timeout=10).status_code == 405
    for origin in ("https://evil.example", "null"):
        assert requests.post(url, headers={**headers, "Origin": origin}, timeout=10).status_code == 403
    assert requests.post(url, headers={**headers, "Host": "evil.example"}, timeout=10).status_code == 421


def test_the_error_of_an_invalid_command_has_the_reason(ada: Person) -> None:
    """An invalid command raises `SandboxError` with the reason."""
    with pytest.raises(SandboxError, match="unknown fault"):
        ada.sandbox.faults.add("/2.0/users", "earthquake")
    with pytest.raises(SandboxError, match="unknown setting"):
        ada.sandbox.faults.add("/2.0/users", "500", colour="red")
    with pytest.raises(SandboxError, match="must be https"):
        ada.sandbox.register_app("x", ["http://apps.example/"])
    with pytest.raises(SandboxError, match="no user has this login"):
        ada.sandbox.change_user("nobody@example.com", status="active")
    with pytest.raises(SandboxError, match="one of admin, coadmin, user"):
        ada.sandbox.change_user("bo.nakamura@example.com", role="owner")
    with pytest.raises(SandboxError, match="one of active, inactive"):
        ada.sandbox.change_user("bo.nakamura@example.com", status="away")
    with pytest.raises(SandboxError, match="needs an admin"):
        ada.sandbox.change_user("ada.admin@example.com", role="user")


def test_the_record_has_every_request_without_secrets(ada: Person) -> None:
    """The record contains every request of the API, without secrets."""
    code = ada.code()
    pair = ada.exchange(code).json()
    new = ada.refresh(pair["refresh_token"]).json()
    ada.get("/users/me?fields=role", new["access_token"])
    file = ada.get("/search?query=customers&type=file", new["access_token"]).json()["entries"][0]["id"]
    headers = {"Authorization": f"Bearer {new['access_token']}"}
    location = requests.get(
        f"{ada.sandbox.url}/2.0/files/{file}/content", headers=headers, timeout=10, allow_redirects=False
    ).headers["location"]
    assert requests.get(location, timeout=10).status_code == 200
    assert location.rpartition("/")[2] not in json.dumps(ada.sandbox.record())
    ada.get("/users/me?fields=role", new["access_token"])
    ada.revoke(new["access_token"])
    record = ada.sandbox.record()
    text = json.dumps(record)
    for secret in (code, ada.client["client_secret"], "practice", *pair.values(), *new.values()):
        if isinstance(secret, str) and len(secret) > 7:
            assert secret not in text
    calls = [(entry["method"], entry["path"], entry["status"]) for entry in record]
    assert calls[-2:] == [("GET", "/2.0/users/me", 200), ("POST", "/oauth2/revoke", 200)]
    assert record[-2]["user"] == "ada.admin@example.com"
    assert record[-2]["query"] == {"fields": "role"}
    assert record[-2]["ms"] > 0
    assert not any(entry["path"].startswith("/_sandbox") for entry in record)
    ada.sandbox.record(clear=True)
    assert ada.sandbox.record() == []


def test_faults_can_change_a_response(ada: Person) -> None:
    """Each of these faults changes the next response and no other."""
    ada.http.hooks["response"].clear()  # these responses are invalid on purpose
    token = ada.sign_in()["access_token"]
    add = ada.sandbox.faults.add
    add("/2.0/users*", "429", retry_after=7)
    response = ada.get("/users", token)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    add("/2.0/users*", "429")
    assert "retry-after" not in ada.get("/users", token).headers
    for kind in ("500", "502", "503"):
        add("/2.0/users*", kind)
        assert ada.get("/users", token).status_code == int(kind)
    add("/2.0/users*", "html")
    response = ada.get("/users", token)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    add("/2.0/users*", "content_type")
    response = ada.get("/users", token)
    assert response.headers["content-type"].startswith("text/plain")
    assert response.json()["total_count"] == 120
    add("/2.0/users*", "drip", seconds=0.02)
    assert ada.get("/users", token).json()["total_count"] == 120
    add("/2.0/users*", "latency", seconds=0.2)
    assert ada.get("/users", token).elapsed.total_seconds() >= 0.2
    assert ada.get("/users", token).status_code == 200
    assert ada.sandbox.faults.list() == []


def test_faults_of_the_token_endpoint_have_its_error_format(ada: Person) -> None:
    """Faults of the token endpoint have the error format of OAuth."""
    token = ada.sign_in()["refresh_token"]
    for kind, error in (
        ("429", "rate_limit_exceeded"),
        ("500", "internal_server_error"),
        ("503", "unavailable"),
    ):
        ada.sandbox.faults.add("/oauth2/token", kind, retry_after=2)
        response = ada.refresh(token)
        assert (response.status_code, response.headers["retry-after"]) == (int(kind), "2")
        assert response.json()["error"] == error
    assert ada.refresh(token).status_code == 200


def test_a_client_that_disconnects_while_sending_is_recorded(ada: Person) -> None:
    """A client that disconnects while sending a body is recorded as 408, and the next call succeeds."""
    token = ada.sign_in()["access_token"]
    parts = urlsplit(ada.sandbox.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as connection:
        connection.sendall(
            f"PUT /2.0/folders/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
    deadline = time.monotonic() + 30
    while not (entries := [entry for entry in ada.sandbox.record() if entry["method"] == "PUT"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert entries[-1]["status"] == 408
    assert ada.get("/users/me", token).status_code == 200


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated"])
def test_faults_can_break_the_connection(ada: Person, kind: str) -> None:
    """A fault that breaks the connection is recorded, and the next call succeeds."""
    token = ada.sign_in()["access_token"]
    ada.sandbox.faults.add("/2.0/users", kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ada.get("/users", token)
    assert ada.sandbox.record()[-1]["fault"] == kind
    assert ada.get("/users", token).status_code == 200


def test_a_refresh_can_be_repeated_after_a_lost_response(ada: Person, strict: Person) -> None:
    """After a lost response a refresh can be repeated, except with strict rotation."""
    for person, status in ((ada, 200), (strict, 400)):
        pair = person.sign_in()
        person.sandbox.faults.add("", "lost_token")
        with pytest.raises(requests.ConnectionError):
            person.refresh(pair["refresh_token"])
        assert person.refresh(pair["refresh_token"]).status_code == status


def test_reset_before_does_not_refresh_the_pair(strict: Person) -> None:
    """If the connection is reset before the refresh, the old pair stays valid."""
    pair = strict.sign_in()
    strict.sandbox.faults.add("/oauth2/token", "reset_before")
    with pytest.raises(requests.ConnectionError):
        strict.refresh(pair["refresh_token"])
    assert strict.refresh(pair["refresh_token"]).status_code == 200


def test_racing_refreshes_get_the_same_pair(ada: Person) -> None:
    """With grace rotation, all refreshes that race with one token get the same pair."""
    pair = ada.sign_in()
    ada.sandbox.faults.add("/oauth2/token", "conflict")
    response = ada.refresh(pair["refresh_token"])
    assert (response.status_code, response.content) == (409, b"")
    with ThreadPoolExecutor(8) as pool:
        access_tokens = list(
            pool.map(lambda _: ada.refresh(pair["refresh_token"]).json()["access_token"], range(8))
        )
    assert len(set(access_tokens)) == 1


def test_racing_refreshes_of_a_strict_server_have_one_winner(strict: Person) -> None:
    """With strict rotation, exactly one of the racing refreshes succeeds."""
    pair = strict.sign_in()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: strict.refresh(pair["refresh_token"]), range(8)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 7
    winner = next(response.json() for response in responses if response.status_code == 200)
    assert strict.get("/users/me", winner["access_token"]).status_code == 200


def test_faults_can_be_limited_to_some_calls(ada: Person) -> None:
    """A fault can skip calls, apply to one method, or last for a `with` block."""
    token = ada.sign_in()["access_token"]
    ada.sandbox.faults.add("/2.0/users", "500", times=2, skip=1)
    assert [ada.get("/users", token).status_code for _ in range(4)] == [200, 500, 500, 200]
    ada.sandbox.faults.add("/2.0/users", "500", method="POST")
    assert ada.get("/users", token).status_code == 200
    ada.sandbox.faults.clear()
    with ada.sandbox.faults.during("/2.0/users", "503"):
        assert {ada.get("/users", token).status_code for _ in range(3)} == {503}
    assert ada.get("/users", token).status_code == 200


def test_the_clock_can_be_frozen_advanced_and_reset(ada: Person) -> None:
    """The clock can be frozen, advanced and reset."""
    clock = ada.sandbox.clock
    assert abs(clock.now() - time.time()) < 60  # tolerant, because a busy computer can stall
    frozen = clock.freeze()
    assert clock.now() == frozen
    assert clock.advance(3600) == frozen + 3600 == clock.now()
    assert abs(clock.reset() - time.time()) < 60  # tolerant, because a busy computer can stall


def test_two_sandboxes_do_not_share_clock_or_tokens(start_sandbox: Starter) -> None:
    """Two sandboxes share neither clock nor tokens."""
    first, second = start_sandbox("first"), start_sandbox("second")
    assert first.url != second.url
    first.clock.advance(86400)
    assert second.clock.now() - time.time() < 60
    ada = Person(first, first.practice_client())
    token = ada.sign_in()["access_token"]
    ada.sandbox = second
    assert ada.get("/users/me", token).status_code == 401
    first.stop()
    assert second.alive()


def test_a_second_server_with_the_same_state_does_not_start(start_sandbox: Starter) -> None:
    """A second server with the same state reports that the state is locked."""
    start_sandbox()
    with pytest.raises(SandboxError, match="locked"):
        start_sandbox()


def test_a_port_in_use_and_an_unknown_world_are_reported(start_sandbox: Starter) -> None:
    """The error contains the reason why a sandbox did not start."""
    first = start_sandbox()
    with pytest.raises(SandboxError, match="cannot start"):
        start_sandbox("other", port=int(first.url.rpartition(":")[2]))
    with pytest.raises(SandboxError, match="unknown world 'mars'"):
        start_sandbox("third", world="mars")


def test_an_idle_sandbox_stops(start_sandbox: Starter) -> None:
    """A sandbox without requests stops after the idle time."""
    sandbox = start_sandbox(idle=0.5)
    process = sandbox._process
    assert process is not None
    assert process.wait(15) == 0
    assert not sandbox.alive()


def test_stop_can_be_repeated_and_removes_a_temporary_state() -> None:
    """Stopping twice is fine, and the temporary folder is removed."""
    with boxnb.sandbox.start(private=True) as sandbox:
        assert (sandbox.state / "sandbox.sqlite").stat().st_mode & 0o777 == 0o600
        assert (sandbox.state / "sandbox.json").stat().st_mode & 0o777 == 0o600
    assert not sandbox.state.exists()
    sandbox.stop()
    with pytest.raises(SandboxError, match="did not respond"):
        sandbox.clock.now()


START = "import boxnb.sandbox as s; a = s.start(); print(a.url, a.pid)"


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a temporary folder as boxnb's home."""
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run_in_another_process(code: str) -> str:
    """Run code in another Python process, as in another kernel."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return process.stdout.strip()


def test_the_shared_sandbox_outlives_its_kernel(own_home: Path) -> None:
    """The shared sandbox outlives the kernel that started it, and other kernels find it."""
    with ThreadPoolExecutor(6) as pool:
        printed = set(pool.map(lambda _: run_in_another_process(START), range(6)))
    try:
        assert len(printed) == 1  # six kernels in parallel, one sandbox
        sandbox = boxnb.sandbox.start()
        assert f"{sandbox.url} {sandbox.pid}" in printed
        assert boxnb.sandbox.clock.now() > 0
        assert boxnb.sandbox.faults.list() == []
        assert boxnb.sandbox.record() == []
        assert (own_home / "sandbox.json").stat().st_mode & 0o777 == 0o600
    finally:
        assert boxnb.sandbox.stop()
    assert not boxnb.sandbox.stop()
    assert not (own_home / "sandbox.json").exists()


def test_a_killed_shared_sandbox_restarts_at_the_same_url(own_home: Path) -> None:
    """After a kill, the shared sandbox starts again at the same URL."""
    url, _, pid = run_in_another_process(START).partition(" ")
    os.kill(int(pid), signal.SIGKILL)
    try:
        assert boxnb.sandbox.start().url == url
    finally:
        boxnb.sandbox.stop()


def test_paths_work_with_the_prefix_of_a_proxy(start_sandbox: Starter) -> None:
    """Behind a proxy every path works with and without the prefix."""
    sandbox = start_sandbox(prefix="/user/ada/proxy/80")
    with_prefix = requests.get(f"{sandbox.url}/user/ada/proxy/80/2.0/users/me", timeout=10)
    assert with_prefix.status_code == 401
    client = sandbox.practice_client()
    query = f"response_type=code&client_id={client['client_id']}"
    redirect = sandbox.approve(f"{sandbox.url}/user/ada/proxy/80/api/oauth2/authorize?{query}")
    assert "code=" in redirect


def test_calls_are_counted_by_the_configured_limit() -> None:
    """Calls are counted in a rolling minute, a fixed minute or a token bucket, or not at all."""
    rolling = Limits("rolling", 2)
    assert [rolling.wait("a", t) for t in (0, 1, 2, 60, 61.5)] == [0, 0, 58, 0, 0]
    fixed = Limits("fixed", 2)
    assert [fixed.wait("a", t) for t in (50, 51, 52, 60)] == [0, 0, 8, 0]
    bucket = Limits("bucket", 2)
    assert [bucket.wait("a", t) for t in (0, 0, 0, 30)] == [0, 0, 30, 0]
    assert Limits("off", 0).wait("a") == 0
    with pytest.raises(ValueError, match="limits must be one of"):
        Limits("lunar")


def test_an_additional_host_name_can_be_allowed(start_sandbox: Starter) -> None:
    """An additional host name is served, any other is refused."""
    sandbox = start_sandbox(allow_host=["box.lan"])
    for host, status in [("box.lan:443", 200), ("other.lan", 421)]:
        assert requests.get(sandbox.url, headers={"Host": host}, timeout=10).status_code == status


def kill_during(sandbox: Sandbox, work: Callable[[], None], after: float) -> None:
    """Kill the process of a sandbox while work on it is running."""
    process = sandbox._process
    assert process is not None
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        time.sleep(after)
        process.kill()
        with pytest.raises(requests.RequestException):
            future.result(30)
    process.wait(10)


@pytest.mark.parametrize("after", [0.01, 0.03, 0.05, 0.08])
def test_the_last_refresh_token_works_after_a_kill(start_sandbox: Starter, after: float) -> None:
    """After a kill at any moment, the last refresh token received still works."""
    sandbox = start_sandbox()
    ada = Person(sandbox, sandbox.practice_client())
    refresh_tokens = [ada.sign_in()["refresh_token"]]

    def rotate() -> None:
        while True:
            pair = ada.refresh(refresh_tokens[-1]).json()
            refresh_tokens.append(pair["refresh_token"])
            ada.get("/users/me", pair["access_token"])

    kill_during(sandbox, rotate, after)
    ada.sandbox = start_sandbox()
    pair = ada.refresh(refresh_tokens[-1])
    assert pair.status_code == 200
    assert ada.get("/users/me", pair.json()["access_token"]).status_code == 200


@pytest.mark.parametrize("after", [0.02, 0.05, 0.09])
def test_one_pair_is_valid_after_a_kill_during_strict_rotation(start_sandbox: Starter, after: float) -> None:
    """After a kill, exactly one pair is valid, and the database is intact."""
    sandbox = start_sandbox(rotation="strict")
    ada = Person(sandbox, sandbox.practice_client())
    first = ada.sign_in()["refresh_token"]

    def rotate() -> None:
        token = first
        while True:
            token = ada.refresh(token).json()["refresh_token"]

    kill_during(sandbox, rotate, after)
    with sqlite3.connect(sandbox.state / "sandbox.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        alive = db.execute("SELECT refresh FROM pairs WHERE dead=''").fetchall()
    db.close()
    assert len(alive) == 1
    ada.sandbox = start_sandbox(rotation="strict")
    assert ada.refresh(alive[0][0]).status_code == 200


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3])
def test_a_kill_does_not_lose_confirmed_writes(start_sandbox: Starter, after: float) -> None:
    """After a kill, everything the sandbox had confirmed is still there."""
    sandbox = start_sandbox(limits="off")
    ada = Person(sandbox, sandbox.practice_client())
    home = ada.call("POST", "/folders", {"name": "Killed", "parent": {"id": "0"}}).json()["id"]
    confirmed: dict[str, str] = {}
    sent: dict[str, bytes] = {}

    def write() -> None:
        for number in itertools.count():
            created = ada.call("POST", "/folders", {"name": f"a {number}", "parent": {"id": home}}).json()
            confirmed[created["id"]] = created["name"]
            ada.call("PUT", f"/folders/{created['id']}", {"name": f"b {number}"})
            confirmed[created["id"]] = f"b {number}"
            form = [
                ("attributes", (None, json.dumps({"name": f"c {number}", "parent": {"id": created["id"]}}))),
                ("file", ("x", b"bytes %d" % number)),
            ]
            headers = {"Authorization": f"Bearer {ada.access}"}
            file = requests.post(
                f"{sandbox.url}/api/2.0/files/content", files=form, headers=headers, timeout=10
            )
            sent[file.json()["entries"][0]["id"]] = b"bytes %d" % number

    kill_during(sandbox, write, after)
    ada.sandbox = start_sandbox(limits="off")
    entries = ada.doc(f"/folders/{home}/items?limit=1000&fields=name")["entries"]
    names_by_id = {entry["id"]: entry["name"] for entry in entries}
    for item, name in confirmed.items():  # the last change may have been applied without a response
        assert names_by_id[item] == name or item == list(confirmed)[-1]
    assert len(names_by_id) <= len(confirmed) + 1
    for item, data in sent.items():
        location = ada.call("GET", f"/files/{item}/content").headers["location"]
        assert requests.get(location, timeout=10).content == data
    assert ada.call("POST", "/folders", {"name": "After", "parent": {"id": home}}).status_code == 201


def peak_memory(sandbox: Sandbox) -> int:
    """Return the peak memory of the process, in megabytes."""
    lines = Path(f"/proc/{sandbox.pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
@pytest.mark.parametrize(
    "path", ["/oauth2/token", "/console", "/api/oauth2/authorize", "/_sandbox/ping", "/2.0/groups"]
)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_an_endless_body_does_not_use_memory(
    ada: Person, path: str, chunked: bool, content_type: str
) -> None:
    """An endless body, which any web page can send, is refused before it is read, or after the first megabyte."""
    before = peak_memory(ada.sandbox)
    host, port = ada.sandbox.url.removeprefix("http://").split(":")
    size = 30_000_000
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    chunk = b"a=b&" * 50_000
    data = b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk
    response = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {content_type}\r\n{length}\r\n\r\n"
        )
        try:
            connection.sendall(head.encode())
            for _ in range(size // len(chunk)):
                connection.sendall(data)
            response = connection.recv(100)
        except OSError:
            pass  # the connection was closed while sending
    assert response[:12] in (b"", *(b"HTTP/1.1 %d" % status for status in (400, 401, 403, 413)))
    assert peak_memory(ada.sandbox) - before < 40
    assert ada.sandbox.alive()


def test_a_form_with_too_many_fields_is_refused(ada: Person) -> None:
    """A form with a hundred thousand fields is refused, and the record stays small."""
    response = requests.post(f"{ada.sandbox.url}/oauth2/token", data="a=b&" * 100_000, timeout=20)
    assert response.status_code == 400
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "x" * 30_000}
    response = requests.post(
        f"{ada.sandbox.url}/oauth2/token", data="a=b&" * 100_000, headers=headers, timeout=20
    )
    assert response.status_code == 400
    assert len(json.dumps(ada.sandbox.record()[-1])) < 5_000


INVALID_NAMES = ["\\ud800", "x\\udfffy", "a\\u0000b", "a\\nb", "\\u001b[31m"]


@pytest.mark.parametrize("name", INVALID_NAMES)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/groups", '{"name": "%s"}'),
        ("POST", "/users", '{"name": "%s", "login": "new@example.com"}'),
        ("POST", "/users", '{"name": "New", "login": "new@example.com", "job_title": "%s"}'),
        ("POST", "/folders", '{"name": "%s", "parent": {"id": "0"}}'),
        ("POST", "/web_links", '{"name": "%s", "url": "https://example.com", "parent": {"id": "0"}}'),
    ],
)
def test_an_invalid_name_does_not_break_listings(
    ada: Person, method: str, path: str, body: str, name: str
) -> None:
    """A lone surrogate or a control character gets 400, and every listing still works."""
    headers = {"Authorization": f"Bearer {ada.sign_in()['access_token']}", "Content-Type": "application/json"}
    sent = requests.request(
        method, f"{ada.sandbox.url}/2.0{path}", data=body % name, headers=headers, timeout=20
    )
    assert sent.status_code == 400
    for listing in ("/groups", "/users", "/folders/0/items"):
        assert requests.get(f"{ada.sandbox.url}/2.0{listing}", headers=headers, timeout=20).status_code == 200


@pytest.mark.parametrize(
    "body", ['{"name": NaN}', '{"space_amount": 1e999}', '{"space_amount": %s}' % (10**400), "[" * 9000]
)
def test_an_invalid_number_does_not_break_listings(ada: Person, body: str) -> None:
    """A number that no response can contain gets 400, and every listing still works."""
    headers = {"Authorization": f"Bearer {ada.sign_in()['access_token']}", "Content-Type": "application/json"}
    me = requests.get(f"{ada.sandbox.url}/2.0/users/me", headers=headers, timeout=20).json()["id"]
    sent = requests.put(f"{ada.sandbox.url}/2.0/users/{me}", data=body, headers=headers, timeout=20)
    assert sent.status_code == 400
    assert requests.get(f"{ada.sandbox.url}/2.0/users", headers=headers, timeout=20).status_code == 200


OWNER = """
import boxnb, os, signal, sys
own, shared = boxnb.sandbox.start(private=True), boxnb.sandbox.start()
print(own.pid, own.state, shared.pid, flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_private_sandbox_stops_when_its_owner_is_killed(own_home: Path) -> None:
    """A private sandbox stops and its folder is removed; the shared sandbox keeps running for other kernels."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid, state, shared = owner.stdout.readline().split()
    assert running(int(pid)) and Path(state).is_dir()
    owner.communicate("")
    assert owner.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while (running(int(pid)) or Path(state).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(int(pid)) and not Path(state).exists()
    assert running(int(shared))
    assert boxnb.sandbox.stop()


def running(pid: int) -> bool:
    """Return whether a process is running. A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
