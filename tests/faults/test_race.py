"""Eight processes with four threads each on one sign-in."""

from __future__ import annotations

from pathlib import Path

import pytest
import racing
from signing import refreshes, sign_in

import boxnb.sandbox
from boxnb import store
from boxnb.errors import InvalidGrantError


def test_one_rotation_for_each_expiry(tmp_path: Path) -> None:
    """No call fails, no chain is lost, nobody refreshes twice; the full race is a command of its own."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        sign_in(sandbox)
        assert racing.race(sandbox, rounds=15) == []
        assert refreshes(sandbox) == [200] * 15


def test_a_stale_copy_of_the_file_fails_alone(tmp_path: Path) -> None:
    """The copy says so in one sentence; the original goes on."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state") as sandbox:
        sign_in(sandbox)
        original = store.path("acme")
        copy = store.path("copy")
        copy.write_bytes(original.read_bytes())
        copy.chmod(0o600)
        sandbox.clock.advance(7200)
        boxnb.connect("acme").get("/users/me")
        with pytest.raises(InvalidGrantError, match="perhaps a copy of the file was used elsewhere"):
            boxnb.connect("copy").get("/users/me")
        sandbox.clock.advance(7200)
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"
