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
    good = {"X-Sandbox-Key": key}
    assert requests.post(url, headers=good, timeout=10).status_code == 200
    assert requests.post(url, timeout=10).status_code == 403
    assert requests.post(url, headers={"X-Sandbox-Key": "x"}, timeout=10).status_code == 403
    assert requests.get(url, headers=good, timeout=10).status_code == 405
    for origin in ("https://evil.example", "null"):
        assert requests.post(url, headers={**good, "Origin": origin}, timeout=10).status_code == 403
    assert requests.post(url, headers={**good, "Host": "evil.example"}, timeout=10).status_code == 421


def test_bad_commands_raise_a_sentence(ada: Person) -> None:
    """A bad command raises `SandboxError` with the reason."""
    with pytest.raises(SandboxError, match="unknown fault"):
        ada.sandbox.faults.add("/2.0/users", "earthquake")
    with pytest.raises(SandboxError, match="unknown setting"):
        ada.sandbox.faults.add("/2.0/users", "500", colour="red")
    with pytest.raises(SandboxError, match="must be https"):
        ada.sandbox.register_app("x", ["http://apps.example/"])
    with pytest.raises(SandboxError, match="no user has this login"):
        ada.sandbox.change_user("nobody@example.com", status="active")


def test_the_record_has_everything_but_secrets(ada: Person) -> None:
    """The record shows every request of the API and not one secret."""
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
    called = [(entry["method"], entry["path"], entry["status"]) for entry in record]
    assert called[-2:] == [("GET", "/2.0/users/me", 200), ("POST", "/oauth2/revoke", 200)]
    assert record[-2]["user"] == "ada.admin@example.com"
    assert record[-2]["query"] == {"fields": "role"}
    assert record[-2]["ms"] > 0
    assert not any(entry["path"].startswith("/_sandbox") for entry in record)
    ada.sandbox.record(clear=True)
    assert ada.sandbox.record() == []


def test_faults_that_answer(ada: Person) -> None:
    """Each fault that answers changes the next answer and only that one."""
    ada.http.hooks["response"].clear()  # these answers are wrong on purpose
    token = ada.sign_in()["access_token"]
    add = ada.sandbox.faults.add
    add("/2.0/users*", "429", retry_after=7)
    answer = ada.get("/users", token)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    add("/2.0/users*", "429")
    assert "retry-after" not in ada.get("/users", token).headers
    for kind in ("500", "502", "503"):
        add("/2.0/users*", kind)
        assert ada.get("/users", token).status_code == int(kind)
    add("/2.0/users*", "html")
    answer = ada.get("/users", token)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    add("/2.0/users*", "content_type")
    answer = ada.get("/users", token)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.json()["total_count"] == 120
    add("/2.0/users*", "drip", seconds=0.02)
    assert ada.get("/users", token).json()["total_count"] == 120
    add("/2.0/users*", "latency", seconds=0.2)
    assert ada.get("/users", token).elapsed.total_seconds() >= 0.2
    assert ada.get("/users", token).status_code == 200
    assert ada.sandbox.faults.list() == []


def test_faults_of_the_token_endpoint_have_its_shape(ada: Person) -> None:
    """Faults at the token endpoint have the error format of OAuth."""
    token = ada.sign_in()["refresh_token"]
    for kind, error in (
        ("429", "rate_limit_exceeded"),
        ("500", "internal_server_error"),
        ("503", "unavailable"),
    ):
        ada.sandbox.faults.add("/oauth2/token", kind, retry_after=2)
        answer = ada.refresh(token)
        assert (answer.status_code, answer.headers["retry-after"]) == (int(kind), "2")
        assert answer.json()["error"] == error
    assert ada.refresh(token).status_code == 200


def test_a_client_that_hangs_up_while_sending_a_body_breaks_nothing(ada: Person) -> None:
    """A client that hangs up in the middle of a body is recorded as 408, and the next call works."""
    token = ada.sign_in()["access_token"]
    parts = urlsplit(ada.sandbox.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as line:
        line.sendall(
            f"PUT /2.0/folders/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
    until = time.monotonic() + 30
    while not (entries := [entry for entry in ada.sandbox.record() if entry["method"] == "PUT"]):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert entries[-1]["status"] == 408
    assert ada.get("/users/me", token).status_code == 200


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated"])
def test_faults_that_break_the_connection(ada: Person, kind: str) -> None:
    """A fault that breaks the connection is recorded, and the next call works."""
    token = ada.sign_in()["access_token"]
    ada.sandbox.faults.add("/2.0/users", kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ada.get("/users", token)
    assert ada.sandbox.record()[-1]["fault"] == kind
    assert ada.get("/users", token).status_code == 200


def test_a_lost_token_answer_after_the_rotation(ada: Person, strict: Person) -> None:
    """After a lost answer a refresh can be repeated, except with strict rotation."""
    for person, status in ((ada, 200), (strict, 400)):
        pair = person.sign_in()
        person.sandbox.faults.add("", "lost_token")
        with pytest.raises(requests.ConnectionError):
            person.refresh(pair["refresh_token"])
        assert person.refresh(pair["refresh_token"]).status_code == status


def test_reset_before_leaves_the_work_undone(strict: Person) -> None:
    """A connection reset before the work leaves the old pair valid."""
    pair = strict.sign_in()
    strict.sandbox.faults.add("/oauth2/token", "reset_before")
    with pytest.raises(requests.ConnectionError):
        strict.refresh(pair["refresh_token"])
    assert strict.refresh(pair["refresh_token"]).status_code == 200


def test_racing_refreshes_get_the_same_pair(ada: Person) -> None:
    """With grace rotation, all refreshes that race with one token get the same pair."""
    pair = ada.sign_in()
    ada.sandbox.faults.add("/oauth2/token", "conflict")
    answer = ada.refresh(pair["refresh_token"])
    assert (answer.status_code, answer.content) == (409, b"")
    with ThreadPoolExecutor(8) as pool:
        access_tokens = list(
            pool.map(lambda _: ada.refresh(pair["refresh_token"]).json()["access_token"], range(8))
        )
    assert len(set(access_tokens)) == 1


def test_racing_refreshes_of_a_strict_server_have_one_winner(strict: Person) -> None:
    """With strict rotation, exactly one of the racing refreshes succeeds."""
    pair = strict.sign_in()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: strict.refresh(pair["refresh_token"]), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert strict.get("/users/me", winner["access_token"]).status_code == 200


def test_faults_by_call_number_method_and_block(ada: Person) -> None:
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


def test_the_clock(ada: Person) -> None:
    """The clock can be frozen, advanced and reset."""
    clock = ada.sandbox.clock
    assert abs(clock.now() - time.time()) < 60  # tolerant, because a busy computer can stall
    frozen = clock.freeze()
    assert clock.now() == frozen
    assert clock.advance(3600) == frozen + 3600 == clock.now()
    assert abs(clock.reset() - time.time()) < 60  # tolerant, because a busy computer can stall


def test_two_sandboxes_side_by_side(begin: Starter) -> None:
    """Two sandboxes share neither clock nor tokens."""
    one, two = begin("one"), begin("two")
    assert one.url != two.url
    one.clock.advance(86400)
    assert two.clock.now() - time.time() < 60
    ada = Person(one, one.practice_client())
    token = ada.sign_in()["access_token"]
    ada.sandbox = two
    assert ada.get("/users/me", token).status_code == 401
    one.stop()
    assert two.alive()


def test_two_servers_never_share_one_state(begin: Starter) -> None:
    """A second server with the same state does not start."""
    begin()
    with pytest.raises(SandboxError, match="locked"):
        begin()


def test_a_taken_port_and_an_unknown_world_raise_a_sentence(begin: Starter) -> None:
    """The reason why a sandbox did not start is in the error."""
    first = begin()
    with pytest.raises(SandboxError, match="cannot start"):
        begin("other", port=int(first.url.rpartition(":")[2]))
    with pytest.raises(SandboxError, match="unknown world 'mars'"):
        begin("third", world="mars")


def test_it_stops_when_idle(begin: Starter) -> None:
    """A sandbox without requests stops after the idle time."""
    sandbox = begin(idle=0.5)
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


def run_elsewhere(code: str) -> str:
    """Run code in another Python process, like another kernel."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return process.stdout.strip()


def test_the_shared_one_survives_its_kernel_and_is_found_again(own_home: Path) -> None:
    """The shared sandbox outlives the kernel that started it, and other kernels find it."""
    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(lambda _: run_elsewhere(START), range(6)))
    try:
        assert len(answers) == 1  # six kernels at once, one sandbox
        sandbox = boxnb.sandbox.start()
        assert f"{sandbox.url} {sandbox.pid}" in answers
        assert boxnb.sandbox.clock.now() > 0
        assert boxnb.sandbox.faults.list() == []
        assert boxnb.sandbox.record() == []
        assert (own_home / "sandbox.json").stat().st_mode & 0o777 == 0o600
    finally:
        assert boxnb.sandbox.stop()
    assert not boxnb.sandbox.stop()
    assert not (own_home / "sandbox.json").exists()


def test_a_killed_shared_sandbox_restarts_at_the_same_address(own_home: Path) -> None:
    """After a kill, the shared sandbox starts again at the same address."""
    url, _, pid = run_elsewhere(START).partition(" ")
    os.kill(int(pid), signal.SIGKILL)
    try:
        assert boxnb.sandbox.start().url == url
    finally:
        boxnb.sandbox.stop()


def test_a_path_prefix_of_a_proxy(begin: Starter) -> None:
    """Behind a proxy every path works with and without the prefix."""
    sandbox = begin(prefix="/user/ada/proxy/80")
    with_prefix = requests.get(f"{sandbox.url}/user/ada/proxy/80/2.0/users/me", timeout=10)
    assert with_prefix.status_code == 401
    client = sandbox.practice_client()
    query = f"response_type=code&client_id={client['client_id']}"
    redirect = sandbox.approve(f"{sandbox.url}/user/ada/proxy/80/api/oauth2/authorize?{query}")
    assert "code=" in redirect


def test_how_calls_are_counted() -> None:
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


def test_a_further_host_name_can_be_admitted(begin: Starter) -> None:
    """An additional host name is served, any other is refused."""
    sandbox = begin(allow_host=["box.lan"])
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
def test_a_kill_during_rotation_leaves_a_valid_refresh_token(begin: Starter, after: float) -> None:
    """After a kill at any moment, the last refresh token received still works."""
    sandbox = begin()
    ada = Person(sandbox, sandbox.practice_client())
    refresh_tokens = [ada.sign_in()["refresh_token"]]

    def rotate() -> None:
        while True:
            pair = ada.refresh(refresh_tokens[-1]).json()
            refresh_tokens.append(pair["refresh_token"])
            ada.get("/users/me", pair["access_token"])

    kill_during(sandbox, rotate, after)
    ada.sandbox = begin()
    pair = ada.refresh(refresh_tokens[-1])
    assert pair.status_code == 200
    assert ada.get("/users/me", pair.json()["access_token"]).status_code == 200


@pytest.mark.parametrize("after", [0.02, 0.05, 0.09])
def test_a_kill_during_strict_rotation_leaves_one_living_pair(begin: Starter, after: float) -> None:
    """After a kill, exactly one pair is alive, and the database is intact."""
    sandbox = begin(rotation="strict")
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
    ada.sandbox = begin(rotation="strict")
    assert ada.refresh(alive[0][0]).status_code == 200


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3])
def test_a_kill_during_writes_loses_nothing_that_was_answered(begin: Starter, after: float) -> None:
    """After a kill, everything the sandbox had confirmed is still there."""
    sandbox = begin(limits="off")
    ada = Person(sandbox, sandbox.practice_client())
    home = ada.call("POST", "/folders", {"name": "Killed", "parent": {"id": "0"}}).json()["id"]
    answered: dict[str, str] = {}
    sent: dict[str, bytes] = {}

    def write() -> None:
        for number in itertools.count():
            created = ada.call("POST", "/folders", {"name": f"a {number}", "parent": {"id": home}}).json()
            answered[created["id"]] = created["name"]
            ada.call("PUT", f"/folders/{created['id']}", {"name": f"b {number}"})
            answered[created["id"]] = f"b {number}"
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
    ada.sandbox = begin(limits="off")
    entries = ada.doc(f"/folders/{home}/items?limit=1000&fields=name")["entries"]
    names_by_id = {entry["id"]: entry["name"] for entry in entries}
    for item, name in answered.items():  # the last change may have been applied without an answer
        assert names_by_id[item] == name or item == list(answered)[-1]
    assert len(names_by_id) <= len(answered) + 1
    for item, data in sent.items():
        location = ada.call("GET", f"/files/{item}/content").headers["location"]
        assert requests.get(location, timeout=10).content == data
    assert ada.call("POST", "/folders", {"name": "After", "parent": {"id": home}}).status_code == 201


def peak(sandbox: Sandbox) -> int:
    """Return the most memory the process has used, in megabytes."""
    lines = Path(f"/proc/{sandbox.pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(
    "path", ["/oauth2/token", "/console", "/api/oauth2/authorize", "/_sandbox/ping", "/2.0/groups"]
)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_an_endless_body_costs_no_memory(ada: Person, path: str, chunked: bool, kind: str) -> None:
    """Any web page can send one. It is refused before it is read, or after the first megabyte."""
    before = peak(ada.sandbox)
    host, port = ada.sandbox.url.removeprefix("http://").split(":")
    size = 30_000_000
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    piece = b"a=b&" * 50_000
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    answer = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
        try:
            connection.sendall(head.encode())
            for _ in range(size // len(piece)):
                connection.sendall(framed)
            answer = connection.recv(100)
        except OSError:
            pass  # the connection was closed while sending
    assert answer[:12] in (b"", *(b"HTTP/1.1 %d" % status for status in (400, 401, 403, 413)))
    assert peak(ada.sandbox) - before < 40
    assert ada.sandbox.alive()


def test_a_form_has_a_maximum_of_fields(ada: Person) -> None:
    """A form with a hundred thousand fields is refused, and the record stays small."""
    answer = requests.post(f"{ada.sandbox.url}/oauth2/token", data="a=b&" * 100_000, timeout=20)
    assert answer.status_code == 400
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "x" * 30_000}
    answer = requests.post(
        f"{ada.sandbox.url}/oauth2/token", data="a=b&" * 100_000, headers=headers, timeout=20
    )
    assert answer.status_code == 400
    assert len(json.dumps(ada.sandbox.record()[-1])) < 5_000


ODD_TEXTS = ["\\ud800", "x\\udfffy", "a\\u0000b", "a\\nb", "\\u001b[31m"]


@pytest.mark.parametrize("text", ODD_TEXTS)
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
def test_a_bad_name_breaks_no_listing(ada: Person, method: str, path: str, body: str, text: str) -> None:
    """Half a surrogate pair or a control character gets 400, and every listing still works."""
    headers = {"Authorization": f"Bearer {ada.sign_in()['access_token']}", "Content-Type": "application/json"}
    sent = requests.request(
        method, f"{ada.sandbox.url}/2.0{path}", data=body % text, headers=headers, timeout=20
    )
    assert sent.status_code == 400
    for listing in ("/groups", "/users", "/folders/0/items"):
        assert requests.get(f"{ada.sandbox.url}/2.0{listing}", headers=headers, timeout=20).status_code == 200


@pytest.mark.parametrize(
    "body", ['{"name": NaN}', '{"space_amount": 1e999}', '{"space_amount": %s}' % (10**400), "[" * 9000]
)
def test_a_bad_number_breaks_no_listing(ada: Person, body: str) -> None:
    """A number that no answer could contain gets 400."""
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


def test_a_private_sandbox_ends_with_a_killed_owner_and_the_shared_one_does_not(own_home: Path) -> None:
    """Its folder is removed too. The shared sandbox keeps running for other kernels."""
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
