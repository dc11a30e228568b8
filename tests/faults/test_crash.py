"""A kill or a power cut at any point of a rotation: the next start continues without the user."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from posix_modules import fcntl
from signing import sign_in

import boxnb
from boxnb import store
from boxnb.sandbox import Sandbox
from boxnb.store import intent

# Every system call of a rotation that concerns the file, the lock or the socket.
CALLS: list[tuple[Any, str]] = [
    (os, "open"),
    (os, "fsync"),
    (os, "replace"),
    (os, "unlink"),
    (fcntl, "flock"),
    (socket.socket, "connect"),
    (socket.socket, "sendall"),
    (socket.socket, "recv_into"),
    (socket.socket, "close"),
]


def watch(monkeypatch: pytest.MonkeyPatch, before: Callable[..., None], after: Callable[..., None]) -> None:
    """Call ``before`` and ``after`` around each of :data:`CALLS`, with its name and arguments."""

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before(name, *arguments)
            result = real(*arguments, **options)
            after(name, result, *arguments)
            return result

        return call

    for owner, name in CALLS:
        monkeypatch.setattr(owner, name, wrap(name, getattr(owner, name)))


def rotate() -> None:
    """Make one call, as a notebook does, that first has to refresh the token pair."""
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def rotate_and_kill(point: int, report: Path) -> tuple[int, bool]:
    """Rotate in a child that kills itself at one point. Return its process ID, and whether it reached the point."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return child, os.WIFSIGNALED(status)
    with pytest.MonkeyPatch.context() as monkeypatch:
        steps = itertools.count()

        def step(when: str) -> Callable[..., None]:
            def kill_at_point(name: str, *_: Any) -> None:
                if next(steps) == point:
                    report.write_text(f"{when} {name}", encoding="utf-8")
                    os.kill(os.getpid(), signal.SIGKILL)

            return kill_at_point

        watch(monkeypatch, step("before"), step("after"))
        try:
            rotate()
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            sys.stderr.write(repr(error))
            os._exit(1)
        os._exit(0)


def test_a_kill_at_any_point_does_not_lose_the_sign_in(sandbox: Sandbox, tmp_path: Path) -> None:
    """The next start continues without the user. After a kill between journal and save, the journal has the process ID."""
    sign_in(sandbox)
    report = tmp_path / "report"
    points: list[str] = []
    journals = 0
    for point in itertools.count():
        sandbox.clock.advance(7200)
        child, killed = rotate_and_kill(point, report)
        if not killed:
            break
        points.append(report.read_text())
        pending = intent.pending(store.path("acme"))
        if pending is not None:
            assert pending["pid"] == child
            journals += 1
        rotate()
        pending, saved = intent.pending(store.path("acme")), store.load("acme")
        # After a kill between the save and the removal of the journal, the journal is of an earlier generation.
        assert saved is not None
        assert pending is None or pending["generation"] < saved.generation
    reached = {point.split()[1] for point in points}
    # Whether a socket is closed within a rotation depends on when the server drops an idle connection.
    assert reached | {"close"} == {name for _, name in CALLS}, points
    assert len(points) > 50
    assert journals > 20
    sandbox.clock.advance(7200)
    rotate()


def states(operations: list[tuple[str, Any]], old: bytes) -> Iterator[bytes]:
    """Yield what the profile's file may contain after a power cut: any data that was not flushed may be missing."""
    for cut in range(len(operations) + 1):
        performed = operations[:cut]
        flushed = {target for kind, target in performed if kind == "fsync"}
        content, name_is_safe = old, True
        for kind, target in performed:
            if kind == "replace":
                content, name_is_safe, data_is_safe = target[1], False, target[0] in flushed
                yield content if data_is_safe else b""
            elif kind == "fsync folder":
                name_is_safe = True
        yield content
        if not name_is_safe:
            yield old


def test_after_a_power_cut_the_old_or_the_new_pair_is_saved(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data is flushed before the rename, and the rename before the token is used."""
    sign_in(sandbox)
    file = store.path("acme")
    old = file.read_bytes()
    sandbox.clock.advance(7200)
    operations: list[tuple[str, Any]] = []

    def before(name: str, *arguments: Any) -> None:
        if name == "replace" and Path(arguments[1]) == file:
            operations.append((name, (str(arguments[0]), Path(arguments[0]).read_bytes())))
        if name == "fsync":
            target = str(Path(f"/proc/self/fd/{arguments[0]}").readlink())
            operations.append(("fsync folder", target) if Path(target).is_dir() else ("fsync", target))
        if name == "sendall":
            operations.append(("send", bytes(arguments[1])))

    watch(monkeypatch, before, lambda *_: None)
    rotate()
    monkeypatch.undo()
    new = file.read_bytes()
    assert set(states(operations, old)) == {old, new}
    kinds = [kind for kind, _ in operations]
    access_token = json.loads(new)["token"]["access_token"].encode()
    first_use = next(
        i for i, (kind, data) in enumerate(operations) if kind == "send" and access_token in data
    )
    assert "fsync folder" in kinds[kinds.index("replace") : first_use]


def test_the_model_detects_a_missing_flush() -> None:
    """According to the model, the file may be empty if its data is not flushed."""
    assert b"" in set(states([("replace", ("draft", b"new"))], b"old"))
    assert b"old" in set(states([("fsync", "draft"), ("replace", ("draft", b"new"))], b"old"))
