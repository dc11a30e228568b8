"""What a message advises depends on where it is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from signing import practice_client, sign_in

import boxnb
from boxnb import oauth, store
from boxnb.errors import NetworkError, NotSignedInError
from boxnb.local import reader
from boxnb.sandbox import Sandbox
from boxnb.signin import status

PANEL = "open 1-onboard/01-register-and-sign-in.ipynb and sign in there"


def missing() -> str:
    """Return the message for a profile that does not exist."""
    with pytest.raises(NotSignedInError) as caught:
        boxnb.status("nobody")
    return str(caught.value)


def unconnected() -> str:
    """Return the message of `connect` for such a profile."""
    with pytest.raises(NotSignedInError) as caught:
        boxnb.connect("nobody")
    return str(caught.value)


def unsigned() -> str:
    """Return the message of `RotatingAuth` for such a profile."""
    with pytest.raises(NotSignedInError) as caught:
        boxnb.auth.RotatingAuth("nobody")
    return str(caught.value)


def examined() -> str:
    """Return the remedy of `doctor` for such a profile."""
    return str(boxnb.doctor("nobody")["remedy"].iloc[-1])


def configured() -> str:
    """Return the message for settings of such a profile."""
    with pytest.raises(boxnb.errors.SettingError) as caught:
        store.configure("nobody", verify=True)
    return str(caught.value)


@pytest.mark.parametrize("message", [missing, unconnected, unsigned, examined, configured])
@pytest.mark.parametrize("place", ["terminal", "notebook", "run"])
def test_the_advice_fits_the_place(
    message: Callable[[], str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets a command and a notebook the panel; a notebook under ``boxnb run`` is read in a terminal."""
    if place != "terminal":
        monkeypatch.setattr(reader, "kernel", object)
    if place == "run":
        monkeypatch.setenv(reader.RUN_FOLDER, "anywhere")
    text = message().lower()
    assert (PANEL in text) == (place == "notebook")
    assert ("run boxnb sign-in nobody" in text) == (place != "notebook")


@pytest.mark.parametrize("is_notebook", [True, False])
def test_a_sign_in_that_has_ended_says_how_to_sign_in_again(
    sandbox: Sandbox, is_notebook: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal of a refresh and the status of an old sign-in end with the same advice."""
    saved = sign_in(sandbox)
    assert saved.token is not None
    oauth.revoke(saved.client, saved.token)
    monkeypatch.setattr(reader, "kernel", lambda: object() if is_notebook else None)
    advice = f"Sign in again: {PANEL if is_notebook else 'run boxnb sign-in acme'}."
    with pytest.raises(boxnb.errors.InvalidGrantError) as caught:
        boxnb.keep_alive("acme")
    assert str(caught.value).endswith(advice)
    later = saved.token.obtained_at + 61 * 86400
    assert status.status("acme", clock=lambda: later)["problem"].iloc[0].endswith(advice)


@pytest.mark.parametrize(
    ("is_notebook", "advice"), [(True, 'run boxnb.connect("sandbox")'), (False, "run boxnb sign-in sandbox")]
)
def test_a_call_to_a_stopped_sandbox_says_how_to_start_it(
    sandbox: Sandbox, is_notebook: bool, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is not to blame."""
    sign_in(sandbox)
    box = boxnb.connect("acme")
    sandbox.stop()
    monkeypatch.setattr(reader, "kernel", lambda: object() if is_notebook else None)
    monkeypatch.setattr(box.session, "_sleep", lambda seconds: None)
    with (
        pytest.warns(boxnb.errors.WaitNotice),
        pytest.raises(NetworkError, match="The sandbox has stopped") as caught,
    ):
        box.get("/users/me")
    assert advice in str(caught.value)


def test_an_app_without_a_sign_in_is_not_a_missing_profile(sandbox: Sandbox) -> None:
    """There is no question whether another name was meant."""
    store.save(store.Profile("acme", practice_client(sandbox)))
    store.save(store.Profile("acmee", practice_client(sandbox)))
    with pytest.raises(NotSignedInError) as caught:
        boxnb.connect("acme")
    assert str(caught.value) == "Nobody is signed in as 'acme' yet. Run boxnb sign-in acme."
