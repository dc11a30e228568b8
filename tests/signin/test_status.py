"""How long saved sign-ins live, and how to keep them alive."""

from __future__ import annotations

import dataclasses

import pytest
from signing import practice_client, refreshes, sign_in

import boxnb
from boxnb import oauth, store
from boxnb.errors import ForbiddenError, NotSignedInError
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret


def test_status_has_a_row_for_every_profile(sandbox: Sandbox) -> None:
    """A damaged profile has a row too, with its problem."""
    profile = sign_in(sandbox)
    store.save(store.Profile("registered", profile.client))
    store.save(store.Profile("damaged", profile.client))
    store.path("damaged").write_text("{")
    table = boxnb.status().set_index("profile")
    assert table["signed_in"].fillna(False).to_dict() == {"acme": True, "damaged": False, "registered": False}
    assert "damaged" in table.loc["damaged", "problem"]
    assert table["problem"].isna().sum() == 2


@pytest.mark.parametrize(("days", "problem"), [(49, None), (51, "51 of 60 days"), (61, "Sign in again")])
def test_status_warns_after_fifty_days(sandbox: Sandbox, days: int, problem: str | None) -> None:
    """Days count by the server's clock, and keep_alive is the remedy until day 60."""
    profile = sign_in(sandbox)
    assert profile.token is not None
    row = boxnb.status("acme", clock=lambda: profile.token.obtained_at + days * 86400).iloc[0]
    assert (
        row["problem"] is None or row["problem"] != row["problem"]
        if problem is None
        else problem in row["problem"]
    )
    assert row["refresh_days_left"] == max(0, 60 - days)


def test_keep_alive_starts_another_sixty_days(sandbox: Sandbox) -> None:
    """Run once a month for two years, keep_alive refreshes once each time."""
    sign_in(sandbox)
    for _ in range(24):
        sandbox.clock.advance(30 * 86400)
        assert "another 60 days" in boxnb.keep_alive("acme")
    assert refreshes(sandbox) == [200] * 24
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_keep_alive_without_a_sign_in_raises() -> None:
    """The error says that there is no such profile, or that nobody is signed in with it."""
    with pytest.raises(NotSignedInError, match="There is no profile 'acme'"):
        boxnb.keep_alive("acme")
    store.save(store.Profile("acme", oauth.Client("id", Secret("app-secret"), "http://127.0.0.1/callback")))
    with pytest.raises(NotSignedInError, match="Nobody is signed in as 'acme' yet"):
        boxnb.keep_alive("acme")


def test_scopes_show_what_calls_have_proved(sandbox: Sandbox) -> None:
    """Each scope is not tried, proved or refused, because Box does not list a token's scopes."""
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
    scopes = boxnb.status("acme")["scopes"][0]
    assert "manage_managed_users proved" in scopes
    assert "manage_groups refused" in scopes
    assert scopes.count("not tried") == 2


def test_the_card_escapes_names(sandbox: Sandbox) -> None:
    """Markup in a name is escaped. Without a profile, the card is a sentence."""
    assert "Nothing is saved yet" in boxnb.status()._repr_html_()
    profile = sign_in(sandbox)
    store.save(dataclasses.replace(profile, account={"name": "<b>Ada</b>", "login": "a@example.com"}))
    card = boxnb.status()._repr_html_()
    assert "&lt;b&gt;Ada" in card
    assert "refresh days left" in card
    assert boxnb.status()["profile"].tolist() == ["acme"]
