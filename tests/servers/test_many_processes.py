"""Many processes share one sign-in that works without a person: one new token per expiry, and a kill at any point loses nothing."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import racing_servers
from posix_modules import fcntl
from practice_servers import EXPIRING, LISTINGS, save

from boxnb import servers, store
from boxnb.auth import RotatingAuth
from boxnb.errors import BoxNotebookError, CredentialsRefusedError, TokenStoreError
from boxnb.sandbox import Sandbox

CALLS: list[tuple[Any, str]] = [
    (os, "open"),
    (os, "fsync"),
    (os, "replace"),
    (fcntl, "flock"),
    (socket.socket, "connect"),
    (socket.socket, "sendall"),
    (socket.socket, "recv_into"),
]
"""The system calls on the file, the lock or the socket while a new token is fetched."""


def account(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Return the counters of the practice server with this name in `practice_servers`."""
    return sandbox.other_servers()[name.partition("-")[0]]


@pytest.mark.parametrize("name", EXPIRING)
def test_each_expiry_causes_one_request(sandbox: Sandbox, name: str) -> None:
    """Eight processes and many expiries: no call fails, and the server issues one token per expiry."""
    save(sandbox, name)
    servers.connect(name).get_json(LISTINGS[name])
    before = account(sandbox, name)
    errors = racing_servers.race(lambda: sandbox.clock.advance(7200), name)
    after = account(sandbox, name)
    assert errors == []
    assert after["issued"] - before["issued"] == racing_servers.ROUNDS
    saved = store.load(name)
    assert saved is not None and saved.refused == "" and saved.generation == racing_servers.ROUNDS + 1


def test_keep_alive_is_used_while_the_token_is_valid(sandbox: Sandbox) -> None:
    """Within the last minute the old token is replaced and ends; afterwards the password is sent again."""
    save(sandbox, "jamf-login")
    http = servers.connect("jamf-login")
    http.get_json(LISTINGS["jamf-login"])
    assert account(sandbox, "jamf-login")["attempts"] == 1
    sandbox.clock.advance(1170)
    http.get_json(LISTINGS["jamf-login"])
    http.get_json(LISTINGS["jamf-login"])
    assert account(sandbox, "jamf-login")["attempts"] == 1
    sandbox.clock.advance(5000)
    http.get_json(LISTINGS["jamf-login"])
    assert account(sandbox, "jamf-login")["attempts"] == 2
    paths = [call["path"] for call in sandbox.record() if "auth" in call["path"]]
    assert [path.rpartition("/")[2] for path in paths] == ["token", "keep-alive", "token"]


def fetch_and_kill(name: str, point: int, report: Path) -> bool:
    """Make a call that has to get a new token, in a child that kills itself at one point. Return whether it reached that point."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    with pytest.MonkeyPatch.context() as monkeypatch:
        steps = itertools.count()

        def kill_at_point(real: Callable[..., Any], call: str) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                for when in ("before", "after"):
                    if when == "after":
                        result = real(*arguments, **options)
                    if next(steps) == point:
                        report.write_text(f"{when} {call}", encoding="utf-8")
                        os.kill(os.getpid(), signal.SIGKILL)
                return result

            return wrapped

        for owner, call in CALLS:
            monkeypatch.setattr(owner, call, kill_at_point(getattr(owner, call), call))
        try:
            http = servers.connect(name)
            for _ in range(2):  # if the token is still valid, the first response shows the server's time
                http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            report.write_text(repr(error), encoding="utf-8")
            os._exit(1)
        report.write_text(f"ended after {next(steps)} steps", encoding="utf-8")
        os._exit(0)


@pytest.mark.parametrize(
    ("name", "seconds"), [("jamf-client", 7200), ("jamf-login", 1170), ("uem-client", 7200)]
)
def test_a_kill_at_any_point_loses_nothing(sandbox: Sandbox, tmp_path: Path, name: str, seconds: int) -> None:
    """After a kill at any of these system calls, the next start continues without a person, also after keep-alive."""
    save(sandbox, name)
    points: list[str] = []
    for point in itertools.count():
        servers.connect(name).get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
        sandbox.clock.advance(seconds)
        (tmp_path / "report").unlink(missing_ok=True)
        killed = fetch_and_kill(name, point, tmp_path / "report")
        points.append((tmp_path / "report").read_text(encoding="utf-8"))
        if not killed:
            break
    end = points.pop()
    assert end.startswith("ended after ")
    assert {point.split()[1] for point in points} == {call for _, call in CALLS}, (end, points[-3:])
    assert len(points) > 30
    servers.connect(name).get_json(LISTINGS[name])
    saved = store.load(name)
    assert saved is not None and saved.refused == ""


@pytest.mark.parametrize(
    ("name", "secret", "error"),
    [
        ("jamf-login", "password", CredentialsRefusedError),
        ("uem-basic", "password", Exception),
        ("jamf-client", "client_secret", CredentialsRefusedError),
        ("key", "key", Exception),
    ],
)
def test_many_processes_do_not_lock_an_account(
    sandbox: Sandbox, name: str, secret: str, error: type[Exception]
) -> None:
    """Eight processes with a wrong secret send it once in total, and every one of them says what is wrong."""
    save(sandbox, name, **{secret: "a-wrong-secret"})
    server = "keyed" if name == "key" else name.partition("-")[0]
    before = sandbox.other_servers()[server]["attempts"]
    errors = racing_servers.race(lambda: None, name, rounds=3)
    assert len(errors) == racing_servers.PROCESSES * 3
    after = sandbox.other_servers()[server]
    assert after["attempts"] - before == 1 and after["locked"] is False
    assert sum("does not send them again" in one for one in errors) == len(errors) - 1
    with pytest.raises(error, match="does not send them again, because the server could lock the account"):
        servers.connect(name).get_json(LISTINGS[name])
    save(sandbox, name)
    assert servers.connect(name).get_json(LISTINGS[name])


@pytest.mark.parametrize(("name", "secret"), [("uem-basic", "password"), ("key", "key")])
def test_a_changed_secret_is_not_sent_by_every_session(sandbox: Sandbox, name: str, secret: str) -> None:
    """Of many sessions that were accepted, one is refused and one confirms it; the others send nothing, and say why."""
    save(sandbox, name)
    sessions = [servers.connect(name) for _ in range(racing_servers.PROCESSES)]
    for http in sessions * 2:
        http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
    server = name.partition("-")[0] if name != "key" else "keyed"
    sandbox.change_other(server, **{secret: "changed-by-its-admin"})
    before = sandbox.other_servers()[server]["attempts"]
    errors = []
    for http in sessions:
        with pytest.raises(BoxNotebookError) as refused:
            http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
        errors.append(str(refused.value))
    after = sandbox.other_servers()[server]
    assert after["attempts"] - before == 2 and after["locked"] is False
    assert sum("does not send them again" in message for message in errors) == len(errors) - 2
    save(sandbox, name)
    assert servers.connect(name).get_json(LISTINGS[name])


@pytest.mark.parametrize(("name", "secret"), [("uem-basic", "password"), ("key", "key")])
def test_a_refusal_that_has_passed_does_not_count_for_other_sessions(
    sandbox: Sandbox, name: str, secret: str
) -> None:
    """Once the secret is accepted again, the next single refusal of another session is not final."""
    save(sandbox, name)
    first, second = servers.connect(name), servers.connect(name)
    server = name.partition("-")[0] if name != "key" else "keyed"
    right = str(sandbox.other_servers()[server][secret])
    for http in (first, second, first, second):
        http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
    for http in (first, second):
        sandbox.change_other(server, **{secret: "changed-by-its-admin"})
        with pytest.raises(BoxNotebookError):
            http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])
        sandbox.change_other(server, **{secret: right})
        saved = store.load(name)
        assert saved is not None and saved.refused == ""
        http.get_json(LISTINGS[name], **racing_servers.ONE_ROW[name])


def test_a_token_that_cannot_be_saved_is_used(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk, the error says so; the next call with the same session saves the token that was fetched."""
    save(sandbox, "jamf-client")
    auth = RotatingAuth("jamf-client")

    def full(*_: object) -> None:
        raise TokenStoreError("The disk is full.", store.path("jamf-client"))

    with monkeypatch.context() as patched:
        patched.setattr(store, "save", full)
        with pytest.raises(TokenStoreError, match="disk is full"):
            auth.token()
    assert auth.token().access_token
    saved = store.load("jamf-client")
    assert saved is not None and saved.token == auth.saved_token
    assert account(sandbox, "jamf-client")["issued"] == 1


def test_a_token_ended_by_the_server_is_replaced(sandbox: Sandbox) -> None:
    """A 401 leads to a new token and one retry, also in the middle of a listing."""
    for name in EXPIRING:
        save(sandbox, name)
        http = servers.connect(name)
        http.get_json(LISTINGS[name])
        sandbox.change_other(name.partition("-")[0], end_tokens=True)
        assert len(http.frame(LISTINGS[name])) == 240


def test_the_clock_of_this_computer_does_not_matter(sandbox: Sandbox) -> None:
    """Expiries follow the server's clock, which is days ahead."""
    sandbox.clock.advance(40 * 86400)
    save(sandbox, "jamf-login")
    http = servers.connect("jamf-login")
    for _ in range(3):
        http.get_json(LISTINGS["jamf-login"])
    assert account(sandbox, "jamf-login")["issued"] == 1
