"""The disk fails during a rotation: one sentence reports it, the old pair stays, and the sign-in continues to work."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from signing import sign_in
from small_files import limit_files

import boxnb
import boxnb.sandbox
from boxnb import store
from boxnb.auth import RotatingAuth
from boxnb.errors import InvalidGrantError, TokenStoreError
from boxnb.sandbox import Sandbox


def in_child(work: Callable[[], None], *, unprivileged: bool = False) -> str:
    """Run in a forked child, with `unprivileged` not as root. Return the message of its error, or an empty string."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if unprivileged and os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
            message = ""
        except TokenStoreError as error:
            message = str(error)
        except BaseException as error:  # noqa: BLE001  a forked child must not return into pytest
            message = f"unexpected {error!r}"
        os.write(write, message.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    return message


def rotate() -> None:
    """Make one call, which refreshes an expired token first."""
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def give_to_nobody(file: Path) -> None:
    """If the test runs as root, give the profile to the unprivileged user, who must also be able to reach its folder."""
    if os.getuid() != 0:
        return
    for path in (file, *file.parent.iterdir(), file.parent, file.parent.parent):
        os.chown(path, 65534, 65534)
    for parent in file.parent.parents:
        if parent != Path("/"):
            parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o011)


def test_a_full_disk_does_not_lose_the_sign_in(sandbox: Sandbox) -> None:
    """The new pair cannot be saved; once there is space, repeating the refresh returns the same pair."""
    sign_in(sandbox)
    before = store.path("acme").read_bytes()
    sandbox.clock.advance(7200)

    def full() -> None:
        limit_files(200)  # the journal fits, the profile does not
        rotate()

    assert "No saved data was lost" in in_child(full)
    assert store.path("acme").read_bytes() == before
    rotate()


def test_a_read_only_folder_is_reported_before_the_refresh(sandbox: Sandbox) -> None:
    """In a read-only folder the error is raised before the refresh token is used, as the journal cannot be written."""
    sign_in(sandbox)
    file = store.path("acme")
    sandbox.clock.advance(7200)
    with store.lock("acme"):
        pass
    give_to_nobody(file)
    file.parent.chmod(0o500)
    try:
        message = in_child(lambda: RotatingAuth("acme").rotate(_access_token()), unprivileged=True)
    finally:
        file.parent.chmod(0o700)
    assert "Check the owner and mode" in message
    assert [call["status"] for call in sandbox.record() if call["path"] == "/oauth2/token"] == [200]
    rotate()


def _access_token() -> boxnb.Secret:
    """Return the saved access token."""
    saved = store.load("acme")
    assert saved is not None
    assert saved.token is not None
    return saved.token.access_token


def test_an_unreadable_file_is_reported_in_one_sentence(sandbox: Sandbox) -> None:
    """An unreadable file is not changed, and works again once it can be read."""
    sign_in(sandbox)
    file = store.path("acme")
    give_to_nobody(file)
    file.chmod(0o000)
    message = in_child(lambda: boxnb.connect("acme") and None, unprivileged=True)
    assert "could not be read" in message
    file.chmod(0o600)
    rotate()


def test_a_file_of_another_user_is_refused(sandbox: Sandbox) -> None:
    """A file that belongs to another user is not used. Only root can create one for this test."""
    sign_in(sandbox)
    file = store.path("acme")
    if os.getuid() == 0:
        give_to_nobody(file)
        os.chown(file, 12345, 12345)
        file.chmod(0o644)
        message = in_child(lambda: boxnb.connect("acme") and None, unprivileged=True)
        assert "belongs to another user" in message
        os.chown(file, 0, 0)
    file.chmod(0o600)
    rotate()


@pytest.mark.parametrize("missing_fields", [{}, {"keep": None, "spent": None, "refreshed_by": None}])
def test_a_file_of_an_earlier_version_is_read(sandbox: Sandbox, missing_fields: dict[str, None]) -> None:
    """Fields that later versions added may be missing."""
    sign_in(sandbox)
    content = json.loads(store.path("acme").read_text())
    for name in missing_fields:
        del content[name]
    store.path("acme").write_text(json.dumps(content))
    rotate()


@pytest.mark.parametrize("kind", ["lost_token", "reset_after"])
def test_a_lost_reply_under_strict_rotation_is_reported(tmp_path: Path, kind: str) -> None:
    """If the server invalidates the old token immediately, a lost reply ends the sign-in, and one message says what to do."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as strict:
        sign_in(strict)
        strict.clock.advance(7200)
        strict.faults.add("/oauth2/token", kind)
        waits: list[float] = []
        with pytest.raises(
            InvalidGrantError, match=r"reply|response to a refresh of 'acme' was lost.*Sign in again"
        ):
            RotatingAuth("acme", sleep=waits.append).rotate(_access_token())
        assert waits == [0.5]
        sign_in(strict)
        rotate()
