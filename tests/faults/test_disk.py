"""The disk misbehaves in the middle of a rotation: a sentence, the old pair kept, and the chain goes on."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from signing import sign_in

import boxnb
import boxnb.sandbox
from boxnb import store
from boxnb.auth import RotatingAuth
from boxnb.errors import InvalidGrantError, TokenStoreError
from boxnb.sandbox import Sandbox


def in_child(work: Callable[[], None], *, unprivileged: bool = False) -> str:
    """Run in a forked child, where root gives up its rights if asked; the sentence it ended with, or nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if unprivileged and os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
            said = ""
        except TokenStoreError as error:
            said = str(error)
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            said = f"unexpected {error!r}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def rotate() -> None:
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def open_to_all(file: Path) -> None:
    """Give the profile to who a root test becomes, and let it reach the folder."""
    if os.getuid() != 0:
        return
    for each in (file, *file.parent.iterdir(), file.parent, file.parent.parent):
        os.chown(each, 65534, 65534)
    for parent in file.parent.parents:
        if parent != Path("/"):
            parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o011)


def test_the_disk_is_full_in_mid_rotation(sandbox: Sandbox) -> None:
    """The server rotated, nothing could be saved: once there is room, the same refresh gives the same pair."""
    sign_in(sandbox)
    before = store.path("acme").read_bytes()
    sandbox.clock.advance(7200)

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))  # the journal fits, the profile does not
        rotate()

    assert "Nothing saved was lost" in in_child(full)
    assert store.path("acme").read_bytes() == before
    rotate()


def test_the_folder_is_read_only_in_mid_rotation(sandbox: Sandbox) -> None:
    """Told before the refresh token is spent: the journal could not be written."""
    sign_in(sandbox)
    file = store.path("acme")
    sandbox.clock.advance(7200)
    with store.lock("acme"):
        pass
    open_to_all(file)
    file.parent.chmod(0o500)
    try:
        said = in_child(lambda: RotatingAuth("acme").rotate(_access()), unprivileged=True)
    finally:
        file.parent.chmod(0o700)
    assert "Check the owner and mode" in said
    assert [call["status"] for call in sandbox.record() if call["path"] == "/oauth2/token"] == [200]
    rotate()


def _access() -> boxnb.Secret:
    saved = store.load("acme")
    assert saved is not None
    assert saved.token is not None
    return saved.token.access_token


def test_a_file_that_may_not_be_read(sandbox: Sandbox) -> None:
    """A sentence, and the file is left as it is."""
    sign_in(sandbox)
    file = store.path("acme")
    open_to_all(file)
    file.chmod(0o000)
    said = in_child(lambda: boxnb.connect("acme") and None, unprivileged=True)
    assert "could not be read" in said
    file.chmod(0o600)
    rotate()


def test_somebody_elses_file_is_refused(sandbox: Sandbox) -> None:
    """Where root can make one: it belongs to another user, so it is not ours to use."""
    sign_in(sandbox)
    file = store.path("acme")
    if os.getuid() == 0:
        open_to_all(file)
        os.chown(file, 12345, 12345)
        file.chmod(0o644)
        said = in_child(lambda: boxnb.connect("acme") and None, unprivileged=True)
        assert "belongs to another user" in said
        os.chown(file, 0, 0)
    file.chmod(0o600)
    rotate()


@pytest.mark.parametrize("older", [{}, {"keep": None, "spent": None, "refreshed_by": None}])
def test_a_file_of_an_earlier_boxnb_is_read(sandbox: Sandbox, older: dict[str, None]) -> None:
    """Fields that came later may be missing."""
    sign_in(sandbox)
    content = json.loads(store.path("acme").read_text())
    for name in older:
        del content[name]
    store.path("acme").write_text(json.dumps(content))
    rotate()


@pytest.mark.parametrize("kind", ["lost_token", "reset_after"])
def test_strict_rotation_and_a_lost_reply_end_in_one_diagnosis(tmp_path: Path, kind: str) -> None:
    """Where the server retires the old token at once, a lost reply is the end: said once, with the remedy."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as strict:
        sign_in(strict)
        strict.clock.advance(7200)
        strict.faults.add("/oauth2/token", kind)
        waits: list[float] = []
        with pytest.raises(
            InvalidGrantError, match=r"reply|answer to a refresh of 'acme' was lost.*Sign in again"
        ):
            RotatingAuth("acme", sleep=waits.append).rotate(_access())
        assert waits == [0.5]
        sign_in(strict)
        rotate()
