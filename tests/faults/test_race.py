"""Eight processes with four threads each on one sign-in."""

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


def test_one_rotation_for_each_expiry(tmp_path: Path) -> None:
    """No call fails, no chain is lost, nobody refreshes twice; the full race is a command of its own."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        sign_in(sandbox)
        assert racing.race(sandbox, rounds=15) == []
        assert refreshes(sandbox) == [200] * 15


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Sandbox]:
    """Somebody is signed in as acme."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state") as sandbox:
        sign_in(sandbox)
        yield sandbox


def copied() -> None:
    """What people do: `cp acme.json copy.json`."""
    copy = store.path("copy")
    copy.write_bytes(store.path("acme").read_bytes())
    copy.chmod(0o600)


def asks(profile: str) -> str:
    return str(boxnb.connect(profile).get("/users/me")["type"])


def refused(profile: str) -> None:
    """In one sentence that names what may have happened."""
    with pytest.raises(InvalidGrantError, match="perhaps another copy of the profile used it"):
        asks(profile)


def test_a_stale_copy_of_the_file_fails_alone(practice: Sandbox) -> None:
    """A backup of yesterday: it is told so at its first refresh, and the original goes on."""
    copied()
    for _ in range(2):
        practice.clock.advance(7200)
        assert asks("acme") == "user"
    before = len(refreshes(practice))
    refused("copy")
    assert len(refreshes(practice)) - before <= 2  # asked, looked into the file once more, no loop
    practice.clock.advance(7200)
    assert asks("acme") == "user"


@pytest.mark.parametrize(("first", "second"), [("acme", "copy"), ("copy", "acme")])
def test_of_two_files_with_the_same_pair_the_second_is_told(
    practice: Sandbox, first: str, second: str
) -> None:
    """Whoever comes second; the first goes on, and neither asks again and again."""
    copied()
    practice.clock.advance(7200)
    assert asks(first) == "user"
    refused(second)
    refused(second)
    assert len(refreshes(practice)) <= 5
    practice.clock.advance(7200)
    assert asks(first) == "user"
