"""How long what is saved lives, and what keeps it alive."""

from __future__ import annotations

import pytest
from signing import refreshes, sign_in

import boxnb
from boxnb import store
from boxnb.errors import NotSignedInError
from boxnb.sandbox import Sandbox


def test_every_profile_has_a_row_even_a_damaged_one(sandbox: Sandbox) -> None:
    """Signed in, only registered, damaged: the table stands, the trouble is in its column."""
    profile = sign_in(sandbox)
    store.save(store.Profile("registered", profile.client))
    store.save(store.Profile("damaged", profile.client))
    store.path("damaged").write_text("{")
    table = boxnb.status().set_index("profile")
    assert table["signed_in"].fillna(False).to_dict() == {"acme": True, "damaged": False, "registered": False}
    assert "damaged" in table.loc["damaged", "problem"]
    assert table["problem"].isna().sum() == 2


@pytest.mark.parametrize(("days", "says"), [(49, None), (51, "51 of 60 days"), (61, "sign in again")])
def test_age_is_told_from_fifty_days_on(sandbox: Sandbox, days: int, says: str | None) -> None:
    """In the server's days; keep_alive is the remedy while there is one."""
    profile = sign_in(sandbox)
    assert profile.token is not None
    row = boxnb.status("acme", clock=lambda: profile.token.obtained_at + days * 86400).iloc[0]
    assert (
        row["problem"] is None or row["problem"] != row["problem"] if says is None else says in row["problem"]
    )
    assert row["refresh_days_left"] == max(0, 60 - days)


def test_keep_alive_begins_another_sixty_days(sandbox: Sandbox) -> None:
    """Once a month, for years: one refresh each, told in a sentence with fingerprints."""
    sign_in(sandbox)
    for _ in range(24):
        sandbox.clock.advance(30 * 86400)
        assert "another 60 days" in boxnb.keep_alive("acme")
    assert refreshes(sandbox) == [200] * 24
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_keep_alive_of_nobody() -> None:
    """The sentence of every other call."""
    with pytest.raises(NotSignedInError, match="Nobody is signed in"):
        boxnb.keep_alive("acme")
