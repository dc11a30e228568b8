"""How long what is saved lives, and what keeps it alive."""

from __future__ import annotations

import dataclasses

import pytest
from signing import practice_client, refreshes, sign_in

import boxnb
from boxnb import oauth, store
from boxnb.errors import ForbiddenError, NotSignedInError
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret


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


@pytest.mark.parametrize(("days", "says"), [(49, None), (51, "51 of 60 days"), (61, "Sign in again")])
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


def test_scopes_are_what_calls_have_shown(sandbox: Sandbox) -> None:
    """Not tried, then proved or refused: Box does not tell which scopes a token has."""
    app = sandbox.register_app(
        "half", ["http://127.0.0.1/callback"], scopes=["root_readonly", "manage_managed_users"]
    )
    practice = practice_client(sandbox)
    client = oauth.Client(
        app["client_id"], Secret(app["client_secret"]), practice.redirect_uri, practice.server
    )
    sign_in(sandbox, client=client)
    assert boxnb.status("acme")["scopes"][0].count("not tried") == 4
    box = boxnb.connect("acme")
    box.get("/users/me")
    box.users()
    with pytest.raises(ForbiddenError, match="lacks a scope"):
        box.groups()
    shown = boxnb.status("acme")["scopes"][0]
    assert "manage_managed_users proved" in shown
    assert "manage_groups refused" in shown
    assert shown.count("not tried") == 2


def test_the_card_escapes_and_says_when_there_is_nothing(sandbox: Sandbox) -> None:
    """Markup in a name is text; no profile is a sentence; a column of the table is still a column."""
    assert "Nothing is saved yet" in boxnb.status()._repr_html_()
    profile = sign_in(sandbox)
    store.save(dataclasses.replace(profile, account={"name": "<b>Ada</b>", "login": "a@example.com"}))
    card = boxnb.status()._repr_html_()
    assert "&lt;b&gt;Ada" in card
    assert "refresh days left" in card
    assert boxnb.status()["profile"].tolist() == ["acme"]
