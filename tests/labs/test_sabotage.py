"""Sabotage: a lab does not pass in a real sandbox where its failure cannot happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from boxnb import labs
from boxnb.labs import passed_labs
from boxnb.labs.exercises import attacks, race
from boxnb.labs.practice import Practice

Sabotage = Callable[[Practice, pytest.MonkeyPatch], None]


def stop_clock(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """No time passes, so nothing expires."""
    patch.setattr(practice, "turn", lambda **_span: "")


def register_every_uri(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The wrong redirect URIs are registered as well."""
    uris = [practice.client.redirect_uri, "http://127.0.0.1/other"]
    practice.sandbox.change_app(practice.client.client_id, redirect_uris=uris)


def register_nearly_right_uris(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The addresses that are nearly right are registered as well."""
    register = practice.sandbox.register_app
    patch.setattr(
        practice.sandbox, "register_app", lambda name, uris: register(name, [*uris, *attacks.NEARLY_RIGHT])
    )


def fail_first_exchange(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The first exchange fails before the code is used, so the second is the first use."""
    practice.sandbox.faults.add("/oauth2/token", "503")


def always_grant(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The person never presses Deny."""
    approve = practice.sandbox.approve
    patch.setattr(
        practice.sandbox, "approve", lambda url, **options: approve(url, **{**options, "deny": False})
    )


def attack_own_account(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The forged redirect belongs to the person's own account."""
    patch.setattr(attacks, "MALLORY", "ada.admin@example.com")


def give_thief_the_secret(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The thief has the client secret, so the first to exchange the stolen code succeeds."""
    patch.setattr(attacks.dataclasses, "replace", lambda client, **_changes: client)


def fail_revocation(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The leaked pair stays valid."""
    practice.sandbox.faults.add("/oauth2/revoke", "503", times=9)


def lock_both_races(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """Both programs use the lock, so there is no race."""
    original = race.race
    patch.setattr(race, "race", lambda practice, _how: original(practice, "with boxnb's lock"))


def disable_faults(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """No power cut and no proxy: every response arrives, and comes from the server."""
    patch.setattr(type(practice.sandbox.faults), "add", lambda *_arguments, **_options: {})


def grant_all_scopes(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The app has the scope from the start."""
    register = practice.sandbox.register_app
    patch.setattr(practice.sandbox, "register_app", lambda name, uris, _scopes: register(name, uris))


def keep_app_enabled(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The app is never disabled."""
    patch.setattr(practice.sandbox, "change_app", lambda *_arguments, **_options: {})


def change_sandbox_only(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The sandbox's own options prevent the failure, see SANDBOX_OPTIONS."""


SABOTAGES: dict[str, Sabotage] = {
    "code-after-31-seconds": stop_clock,
    "code-used-twice": fail_first_exchange,
    "wrong-redirect-uri": register_every_uri,
    "consent-denied": always_grant,
    "forged-state": attack_own_account,
    "stolen-code": give_thief_the_secret,
    "links-nearly-right": register_nearly_right_uris,
    "consent-phishing": keep_app_enabled,
    "access-token-after-61-minutes": stop_clock,
    "refresh-token-twice": change_sandbox_only,
    "two-notebooks-racing": lock_both_races,
    "power-cut": disable_faults,
    "away-61-days": stop_clock,
    "admin-lists-users": grant_all_scopes,
    "app-not-enabled": keep_app_enabled,
    "loop-of-searches": change_sandbox_only,
    "refresh-through-gateway": disable_faults,
    "stolen-sign-in-file": keep_app_enabled,
    "token-in-a-log": fail_revocation,
}
SANDBOX_OPTIONS: dict[str, dict[str, Any]] = {
    "refresh-token-twice": {"rotation": "strict"},
    "loop-of-searches": {"limits": "off"},
}


def test_every_lab_has_a_sabotage() -> None:
    """A new lab has to come with conditions under which it must not pass."""
    assert set(SABOTAGES) == set(labs.EXERCISES)


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_lab_does_not_pass_where_its_failure_cannot_happen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with the right answers and its own program, the lab is not passed, and it says why."""
    import boxnb.sandbox

    start = boxnb.sandbox.start
    options = SANDBOX_OPTIONS.get(name, {})
    monkeypatch.setattr(boxnb.sandbox, "start", lambda **arguments: start(**{**arguments, **options}))
    lab = labs.lab(name)
    lab.predict(lab.exercise.right_prediction)
    record: list[dict[str, Any]] = []

    def act_with_sabotage(practice: Practice) -> None:
        with monkeypatch.context() as patch:
            SABOTAGES[name](practice, patch)
            try:
                lab.exercise.act(practice)
            finally:
                record.extend(practice.sandbox.record())

    lab.run(act_with_sabotage)
    lab.explain(lab.exercise.right_explanation)
    assert lab.found == "" and lab.stage == "run"
    assert "does not show this failure" in lab.problem
    assert len(record) >= 4  # the lab did run
    assert lab.exercise.evidence(record) == ""
    assert passed_labs.load() == {}
