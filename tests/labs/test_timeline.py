"""The timeline: what lives how long, on the sandbox's clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from boxnb import oauth
from boxnb.labs.practice import Practice, length
from boxnb.labs.timeline import page


@pytest.fixture
def practice() -> Iterator[Practice]:
    with Practice() as running:
        yield running


def states(practice: Practice) -> list[tuple[str, str]]:
    frame = practice.timeline.table()
    return list(zip(frame["kind"], frame["state"], strict=True))


def test_a_code_ages_and_a_pair_is_replaced_at_the_first_use(practice: Practice) -> None:
    """Lifetimes are Box's; the old pair lives until the new access token is used."""
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
    fresh = oauth.refresh(practice.client, token)
    assert states(practice)[2:4] == [("access token", "too old"), ("refresh token", "alive")]
    practice.me(fresh)
    assert [state for _, state in states(practice)[2:]] == ["replaced", "replaced", "alive", "alive"]
    practice.turn(days=61)
    assert [state for _, state in states(practice)[4:]] == ["too old", "too old"]
    frame = practice.timeline.table()
    assert list(frame["lives_seconds"].unique()) == [30.0, 3600.0, 60 * 86400.0]


def test_a_revoked_pair_is_shown_as_revoked(practice: Practice) -> None:
    token = practice.sign_in()
    oauth.revoke(practice.client, token)
    assert [state for _, state in states(practice)] == ["used", "revoked", "revoked"]


def test_whose_tokens_a_revoke_ends(practice: Practice) -> None:
    """Those of its sign-in; the other one's live on, and are told apart in the same second."""
    practice.sandbox.clock.freeze()
    one, other = practice.sign_in(), practice.sign_in()
    oauth.revoke(practice.client, one)
    assert practice.me(other).status_code == 200
    assert [state for _, state in states(practice)] == [
        "used",
        "revoked",
        "revoked",
        "used",
        "alive",
        "alive",
    ]
    practice.me(oauth.refresh(practice.client, other))
    ended = ["used", "revoked", "revoked", "used", "replaced", "replaced", "alive", "alive"]
    assert [state for _, state in states(practice)] == ended


def test_a_strict_server_ends_the_old_pair_at_the_refresh() -> None:
    """Not at the first use of the new one."""
    with Practice(rotation="strict") as practice:
        token = practice.sign_in()
        oauth.refresh(practice.client, token)
        assert practice.me(token).status_code == 401
        assert [state for _, state in states(practice)] == ["used", "replaced", "replaced", "alive", "alive"]


def test_now_moves_when_the_clock_turns_and_stands_when_the_sandbox_is_gone(practice: Practice) -> None:
    """The picture is drawn again by the turn itself; a stopped sandbox leaves the last time."""
    practice.sign_in()
    practice.timeline._repr_mimebundle_()
    before = practice.timeline._view.html
    practice.turn(days=3)
    assert practice.timeline._view.html != before
    assert "3 days ago" in practice.timeline._view.html
    practice.stop()
    last = practice.timeline.now()
    assert last > 0 and practice.timeline.now() == last
    assert "<title>" in practice.timeline.picture._repr_html_()


def test_the_disk_is_told_in_fingerprints(practice: Practice) -> None:
    """Generation by generation, with what is left by the sandbox's clock."""
    with pytest.raises(ValueError, match="Nothing is on disk"):
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


def test_no_code_yet(practice: Practice) -> None:
    assert repr(practice.timeline) == "No code was made yet."
    assert "No code" in page([], 0.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(31, "31 seconds"), (60, "1 minute"), (3660, "61 minutes"), (7200, "2 hours"), (86400 * 61, "61 days")],
)
def test_spans_are_told_in_the_unit_a_person_would_choose(seconds: float, words: str) -> None:
    assert length(seconds) == words
