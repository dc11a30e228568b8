"""Sabotage: each lab's own program against a real sandbox in which its failure cannot happen; none of them passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from boxnb import labs
from boxnb.labs import passed_labs
from boxnb.labs.exercises import codes, race
from boxnb.labs.practice import Practice

Spoil = Callable[[Practice, pytest.MonkeyPatch], None]


def clock_stands(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """No time passes: nothing grows old."""
    patch.setattr(practice, "turn", lambda **_span: "")


def every_address_registered(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """A careless console: the wrong redirect URIs are registered as well."""
    uris = [practice.client.redirect_uri, "http://127.0.0.1/other", "https://collector.example/callback"]
    practice.sandbox.change_app(practice.client.client_id, redirect_uris=uris)


def token_endpoint_down_once(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The first exchange never reaches the code, so the second is its first use."""
    practice.sandbox.faults.add("/oauth2/token", "503")


def everybody_says_yes(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """Nobody presses Deny."""
    approve = practice.sandbox.approve
    patch.setattr(
        practice.sandbox, "approve", lambda url, **options: approve(url, **{**options, "deny": False})
    )


def no_attacker(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The redirect is of the person's own account."""
    patch.setattr(codes, "MALLORY", "ada.admin@example.com")


def thief_knows_the_secret(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The client secret protects nothing: the stolen code is exchanged by whoever comes first."""
    patch.setattr(codes.dataclasses, "replace", lambda client, **_changes: client)


def thief_is_kept_out(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The first refresh, the thief's, is not served."""
    practice.sandbox.faults.add("/oauth2/token", "503", skip=1)


def revoking_fails(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The pair in the log lives on."""
    practice.sandbox.faults.add("/oauth2/revoke", "503", times=9)


def one_after_the_other(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """Both programs go through the kit's lock, so that there is no race."""
    real = race.race
    patch.setattr(race, "race", lambda home, _how: real(home, "with the kit's lock"))


def no_fault(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """No power cut, no proxy: every answer arrives, and it is the server's."""
    patch.setattr(type(practice.sandbox.faults), "add", lambda *_given, **_more: {})


def wide_scopes(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """The app had the scope from the beginning."""
    register = practice.sandbox.register_app
    patch.setattr(practice.sandbox, "register_app", lambda name, uris, _scopes: register(name, uris))


def always_enabled(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """Nobody disables the app."""
    patch.setattr(practice.sandbox, "change_app", lambda *_given, **_more: {})


def no_grace(practice: Practice, patch: pytest.MonkeyPatch) -> None:
    """Nothing more: the sandbox of this run is the strict one, see SANDBOX."""


SPOILED: dict[str, Spoil] = {
    "code-too-late": clock_stands,
    "code-used-twice": token_endpoint_down_once,
    "wrong-redirect-uri": every_address_registered,
    "consent-denied": everybody_says_yes,
    "forged-state": no_attacker,
    "stolen-code": thief_knows_the_secret,
    "open-redirect": every_address_registered,
    "expired-access-token": clock_stands,
    "refresh-token-twice": no_grace,
    "two-notebooks-racing": one_after_the_other,
    "power-cut": no_fault,
    "away-61-days": clock_stands,
    "scope-missing": wide_scopes,
    "app-not-enabled": always_enabled,
    "rate-limit": no_grace,
    "proxy-html": no_fault,
    "stolen-refresh-token": thief_is_kept_out,
    "token-in-a-log": revoking_fails,
}
SANDBOX: dict[str, dict[str, Any]] = {
    "refresh-token-twice": {"rotation": "strict"},
    "rate-limit": {"limits": "off"},
}


def test_every_lab_has_a_sabotage() -> None:
    """A new lab has to say in which world it must not pass."""
    assert set(SPOILED) == set(labs.EXERCISES)


@pytest.mark.parametrize("name", SPOILED)
def test_no_lab_passes_where_its_failure_cannot_happen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right answers, the lab's own run, a real server: and still not passed, with a sentence why."""
    import boxnb.sandbox

    start = boxnb.sandbox.start
    options = SANDBOX.get(name, {})
    monkeypatch.setattr(boxnb.sandbox, "start", lambda **given: start(**{**given, **options}))
    lab = labs.lab(name)
    lab.predict(lab.exercise.right_prediction)
    seen: list[dict[str, Any]] = []

    def spoiled(practice: Practice) -> None:
        with monkeypatch.context() as patch:
            SPOILED[name](practice, patch)
            try:
                lab.exercise.act(practice)
            finally:
                seen.extend(practice.sandbox.record())

    lab.run(spoiled)
    lab.explain(lab.exercise.right_explanation)
    assert lab.found == "" and lab.stage == "run"
    assert "does not show this failure" in lab.trouble
    assert len(seen) >= 4  # it did run
    assert lab.exercise.evidence(seen) == ""
    assert passed_labs.load() == {}
