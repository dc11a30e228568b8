"""Eight processes with four threads each use one sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import racing
from signing import refreshes, sign_in

import boxnb.sandbox
from boxnb import store
from boxnb.errors import InvalidGrantError
from boxnb.sandbox import Sandbox


def test_each_expiry_causes_one_rotation(tmp_path: Path) -> None:
    """No call fails, no sign-in is lost, and no process refreshes twice. The full race is a separate command."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        sign_in(sandbox)
        assert racing.race(sandbox, rounds=15) == []
        assert refreshes(sandbox) == [200] * 15


@pytest.fixture
def signed_in_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox in which profile acme is signed in."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state") as sandbox:
        sign_in(sandbox)
        yield sandbox


def copy_profile() -> None:
    """Copy the profile as users do: `cp acme.json copy.json`."""
    copy = store.path("copy")
    copy.write_bytes(store.path("acme").read_bytes())
    copy.chmod(0o600)


def call(profile: str) -> str:
    """Make one call with a profile and return the type of the object in the response."""
    return str(boxnb.connect(profile).get("/users/me")["type"])


def assert_refused(profile: str) -> None:
    """Check that a call fails, and that the message says what may have happened."""
    with pytest.raises(InvalidGrantError, match="Perhaps another copy of the profile used it"):
        call(profile)


def test_a_stale_copy_does_not_break_the_original(signed_in_sandbox: Sandbox) -> None:
    """An outdated backup fails at its first refresh, and the original continues to work."""
    copy_profile()
    for _ in range(2):
        signed_in_sandbox.clock.advance(7200)
        assert call("acme") == "user"
    before = len(refreshes(signed_in_sandbox))
    assert_refused("copy")
    # One refresh, and one more after the file was read again, but no loop.
    assert len(refreshes(signed_in_sandbox)) - before <= 2
    signed_in_sandbox.clock.advance(7200)
    assert call("acme") == "user"


@pytest.mark.parametrize(("first", "second"), [("acme", "copy"), ("copy", "acme")])
def test_the_second_of_two_files_with_the_same_pair_fails(
    signed_in_sandbox: Sandbox, first: str, second: str
) -> None:
    """The first file to refresh continues to work, and neither refreshes in a loop."""
    copy_profile()
    signed_in_sandbox.clock.advance(7200)
    assert call(first) == "user"
    assert_refused(second)
    assert_refused(second)
    assert len(refreshes(signed_in_sandbox)) <= 5
    signed_in_sandbox.clock.advance(7200)
    assert call(first) == "user"
