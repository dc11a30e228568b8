"""The timeline shows the lifetimes of codes and tokens by the sandbox's clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from boxnb import oauth
from boxnb.labs.practice import Practice, duration
from boxnb.labs.timeline import page


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A private sandbox with its timeline."""
    with Practice() as running:
        yield running


def states(practice: Practice) -> list[tuple[str, str]]:
    """Return the kind and state of each code and token."""
    frame = practice.timeline.table()
    return list(zip(frame["kind"], frame["state"], strict=True))


def test_a_code_expires_and_a_pair_is_replaced_at_the_first_use(practice: Practice) -> None:
    """Lifetimes are the same as Box's; the old pair is valid until the new access token is first used."""
    state = oauth.new_state()
    code = oauth.parse_redirect(practice.grant(state), state=state)
    assert states(practice) == [("code", "alive")]
    practice.turn(seconds=31)
    assert states(practice) == [("code", "too old")]
    token = oauth.exchange_code(practice.client, oauth.parse_redirect(practice.grant(state), state=state))
    assert code and states(practice)[1:] == [
        ("code", "used"),
        ("access token", "alive"),
        ("refresh token", "alive"),
    ]
    practice.turn(minutes=61)
    new_pair = oauth.refresh(practice.client, token)
    assert states(practice)[2:4] == [("access token", "too old"), ("refresh token", "alive")]
    practice.me(new_pair)
    assert [state for _, state in states(practice)[2:]] == ["replaced", "replaced", "alive", "alive"]
    practice.turn(days=61)
    assert [state for _, state in states(practice)[4:]] == ["too old", "too old"]
    frame = practice.timeline.table()
    assert list(frame["lives_seconds"].unique()) == [30.0, 3600.0, 60 * 86400.0]


def test_a_revoked_pair_is_shown_as_revoked(practice: Practice) -> None:
    """Revoking ends both tokens of the pair."""
    token = practice.sign_in()
    oauth.revoke(practice.client, token)
    assert [state for _, state in states(practice)] == ["used", "revoked", "revoked"]


def test_revoking_ends_only_the_tokens_of_its_sign_in(practice: Practice) -> None:
    """The tokens of another sign-in stay alive, even one from the same second."""
    practice.sandbox.clock.freeze()
    revoked_pair, other_pair = practice.sign_in(), practice.sign_in()
    oauth.revoke(practice.client, revoked_pair)
    assert practice.me(other_pair).status_code == 200
    assert [state for _, state in states(practice)] == [
        "used",
        "revoked",
        "revoked",
        "used",
        "alive",
        "alive",
    ]
    practice.me(oauth.refresh(practice.client, other_pair))
    expected = ["used", "revoked", "revoked", "used", "replaced", "replaced", "alive", "alive"]
    assert [state for _, state in states(practice)] == expected


def test_a_strict_server_ends_the_old_pair_at_the_refresh() -> None:
    """The old pair does not wait for the first use of the new one."""
    with Practice(rotation="strict") as practice:
        token = practice.sign_in()
        oauth.refresh(practice.client, token)
        assert practice.me(token).status_code == 401
        assert [state for _, state in states(practice)] == ["used", "replaced", "replaced", "alive", "alive"]


def test_now_follows_the_clock_and_stops_with_the_sandbox(practice: Practice) -> None:
    """Moving the clock redraws the timeline; once the sandbox has stopped, the last known time stays."""
    practice.sign_in()
    practice.timeline._repr_mimebundle_()
    before = practice.timeline._view.html
    practice.turn(days=3)
    assert practice.timeline._view.html != before
    assert "3 days ago" in practice.timeline._view.html
    practice.stop()
    last_time = practice.timeline.now()
    assert last_time > 0 and practice.timeline.now() == last_time
    assert "<title>" in practice.timeline.picture._repr_html_()


def test_the_saved_pair_is_shown_as_fingerprints(practice: Practice) -> None:
    """Each generation has its own fingerprints, with the time left by the sandbox's clock."""
    with pytest.raises(ValueError, match="Nothing is saved yet"):
        practice.on_disk()
    token = practice.sign_in()
    practice.save(token)
    first = practice.on_disk().iloc[0]
    assert first["generation"] == 0 and first["mode"] == "600"
    assert first["access_token"] == token.access_token.fingerprint
    practice.turn(minutes=61)
    practice.save(oauth.refresh(practice.client, token))
    second = practice.on_disk().iloc[0]
    assert second["generation"] == 1 and second["refresh_token"] != first["refresh_token"]
    assert 59 < second["access_minutes_left"] <= 60


def test_an_empty_timeline_is_described_in_a_sentence(practice: Practice) -> None:
    """Before the first sign-in, the timeline says that no code has been issued."""
    assert repr(practice.timeline) == "No code has been issued yet."
    assert "No code" in page([], 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(31, "31 seconds"), (60, "1 minute"), (3660, "61 minutes"), (7200, "2 hours"), (86400 * 61, "61 days")],
)
def test_durations_use_their_natural_unit(seconds: float, text: str) -> None:
    """61 minutes stay minutes, and two hours are hours."""
    assert duration(seconds) == text
