"""In any order of events, a sign-in that Box still accepts is never lost, and one that is lost is reported."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from signing import sign_in
from test_crash import rotate_and_kill

import boxnb.sandbox
from boxnb import oauth, store
from boxnb.auth import RotatingAuth
from boxnb.errors import InvalidGrantError

HOURS = 3600
_numbers = itertools.count()


class Chain(RuleBasedStateMachine):
    """One profile, the processes and copies that use it, and whether Box accepts each of them."""

    sandbox: boxnb.sandbox.Sandbox
    home: Path

    @initialize()
    def begin(self) -> None:
        """Sign in with a new profile in a new home folder."""
        self.name = "acme"
        self.folder = self.home / str(next(_numbers))
        os.environ["BOXNB_HOME"] = str(self.folder)
        sign_in(self.sandbox, self.name)
        self.alive = True
        self.copy: bytes | None = None
        self.old = RotatingAuth(self.name)  # a kernel that was started first and keeps its token in memory

    def call(self, auth: RotatingAuth) -> str:
        """Make one call and return the type of the object in the response."""
        import requests

        url = auth.profile.client.server.api_url + "/users/me"
        return str(requests.get(url, auth=auth, timeout=20).json()["type"])

    def expect(self, auth: RotatingAuth) -> None:
        """Check that a call succeeds if the sign-in is valid, and otherwise that the error says what to do."""
        if self.alive:
            assert self.call(auth) == "user"
            return
        with pytest.raises(InvalidGrantError, match="Sign in again"):
            self.call(auth)

    @rule(hours=st.sampled_from([0, 1, 2, 24 * 30]))
    def time_passes(self, hours: int) -> None:
        """Advance the clock of the sandbox."""
        self.sandbox.clock.advance(hours * HOURS)

    @rule()
    def a_new_notebook_calls(self) -> None:
        """Call from a kernel that reads the saved sign-in."""
        self.expect(RotatingAuth(self.name))

    @rule()
    def the_old_notebook_calls(self) -> None:
        """Call from the kernel that was started first."""
        self.expect(self.old)

    @precondition(lambda self: self.alive)
    @rule(point=st.integers(0, 70))
    def a_notebook_is_killed_during_a_refresh(self, point: int) -> None:
        """Kill a process at one point of a refresh, then call from another."""
        self.sandbox.clock.advance(2 * HOURS)
        rotate_and_kill(point, self.folder / "report")
        self.expect(RotatingAuth(self.name))

    @precondition(lambda self: self.alive)
    @rule(kind=st.sampled_from(["lost_token", "reset_before", "conflict", "500", "html", "truncated"]))
    def the_token_endpoint_fails_once(self, kind: str) -> None:
        """Refresh while the token endpoint fails once."""
        self.sandbox.clock.advance(2 * HOURS)
        self.sandbox.faults.add("/oauth2/token", kind)
        auth = RotatingAuth(self.name, sleep=lambda _: None)
        self.expect(auth)
        self.sandbox.faults.clear()

    @precondition(lambda self: self.alive)
    @rule()
    def the_file_is_copied(self) -> None:
        """Copy the profile's file."""
        self.expect(RotatingAuth(self.name))
        self.copy = store.path(self.name).read_bytes()

    @precondition(lambda self: self.alive and self.copy is not None)
    @rule()
    def the_copy_is_restored_after_a_refresh(self) -> None:
        """Use a copy whose token pair has been refreshed since: it fails, and the current file still works."""
        before = store.load(self.name)
        assert before is not None
        self.sandbox.clock.advance(2 * HOURS)
        self.expect(RotatingAuth(self.name))
        saved = store.path(self.name).read_bytes()
        store.path(self.name).write_bytes(self.copy or b"")
        self.alive = False
        self.expect(RotatingAuth(self.name))
        # The current file works when it is restored: only the copy failed.
        store.path(self.name).write_bytes(saved)
        self.alive = True
        self.copy = None
        self.old = RotatingAuth(self.name)

    @precondition(lambda self: self.alive)
    @rule()
    def an_admin_revokes(self) -> None:
        """Revoke the token pair on the server."""
        saved = store.load(self.name)
        assert saved is not None
        assert saved.token is not None
        assert oauth.revoke(saved.client, saved.token)
        self.alive = False

    @precondition(lambda self: not self.alive)
    @rule()
    def the_person_signs_in_again(self) -> None:
        """Sign in again after the sign-in was lost."""
        sign_in(self.sandbox, self.name)
        self.alive = True
        self.old.reread()

    @rule()
    def two_months_pass(self) -> None:
        """Advance the clock beyond the lifetime of the refresh token."""
        self.sandbox.clock.advance(61 * 24 * HOURS)
        self.alive = False


@pytest.fixture(params=["grace"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> type[Chain]:
    """Return the state machine, with its home in the folder of this test."""
    return type("ChainHere", (Chain,), {"home": tmp_path})


def test_a_valid_sign_in_is_not_lost_in_any_order_of_events(
    machine: type[Chain], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls, expiries, kills, faults, copies, revocations, long absences and sign-ins may happen in any order."""
    monkeypatch.setenv("BOXNB_HOME", str(tmp_path))
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        machine.sandbox = sandbox
        machine.TestCase.settings = settings(
            max_examples=10,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,  # so that every test run tries the same orders
        )
        machine.TestCase("runTest").runTest()
