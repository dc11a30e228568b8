"""The sign-in flow without a browser: real HTTP against a sandbox, where `approve` plays the user."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import boxnb
from boxnb import oauth, store
from boxnb.errors import SignInCancelled
from boxnb.oauth import Client
from boxnb.signin.flow import DEFAULT_REDIRECT, SignInFlow

CO_ADMIN = "bo.nakamura@example.com"


def code_of(url: str) -> str:
    """Return the authorization code in a redirect URL."""
    return parse_qs(urlsplit(url).query)["code"][0]


def approve(sandbox: Any, watched: Any, **decision: Any) -> str:
    """Grant or deny the open request as the user would. Return the redirect URL."""
    return str(sandbox.approve(watched.flow.snapshot()["authorize_url"], **decision))


def is_signed_in(view: dict[str, Any]) -> bool:
    """Return whether a view shows a finished sign-in."""
    return view["step"] == "done"


def has_alert(view: dict[str, Any]) -> bool:
    """Return whether a view shows an alert and waits for the user."""
    return bool(view["alert"]) and not view["busy"]


def test_a_pasted_address_signs_in_and_saves(sandbox: Any, watched: Any) -> None:
    """Pasting the redirect URL signs in, saves the token pair and shows the account and the file."""
    watched.flow.paste(approve(sandbox, watched))
    view = watched.until(is_signed_in)
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None
    assert saved.account is not None
    assert view["who"]["login"] == saved.account["login"]
    assert view["who"]["enterprise"]
    assert view["saved"]["fingerprint"] == saved.token.fingerprint
    assert view["saved"]["path"] == str(store.path("lab"))
    assert 3500 < view["saved"]["access_seconds"] < 4300
    assert view["saved"]["refresh_seconds"] == pytest.approx(60 * 86400, abs=60)
    assert boxnb.connect("lab").get("/users/me")["login"] == view["who"]["login"]


def test_the_receiver_signs_in_without_a_paste(sandbox: Any, watched: Any) -> None:
    """A redirect that the receiver catches signs in."""
    page = requests.get(approve(sandbox, watched), timeout=10)
    assert page.url.endswith("/granted")
    watched.until(is_signed_in)


def test_the_registered_redirect_uri_is_saved_without_the_port_in_use(sandbox: Any, watched: Any) -> None:
    """The profile holds the registered redirect URI, not the port the receiver happened to get."""
    assert watched.flow.snapshot()["listening"] != "http://127.0.0.1/callback"
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    saved = store.load("lab")
    assert saved is not None
    assert saved.client.redirect_uri == "http://127.0.0.1/callback"


def test_the_app_is_saved_before_the_sign_in(client: Client, watched: Any) -> None:
    """The profile holds the app as soon as the flow has started."""
    saved = store.load("lab")
    assert saved is not None
    assert (saved.client, saved.token) == (client, None)


def test_the_pair_is_saved_before_it_is_used(
    sandbox: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token pair is saved before the first call with it."""
    was_saved: list[bool] = []

    def ask(*_: Any) -> dict[str, Any]:
        saved = store.load("lab")
        was_saved.append(saved is not None and saved.token is not None)
        return {"login": "x"}

    monkeypatch.setattr("boxnb.signin.flow.who_is", ask)
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    assert was_saved == [True]


def test_deny_shows_a_sentence_and_opens_a_new_request(sandbox: Any, watched: Any) -> None:
    """After a pasted denial, there is an alert and a new link, and the next attempt succeeds."""
    before = watched.flow.snapshot()["authorize_url"]
    watched.flow.paste(approve(sandbox, watched, deny=True))
    view = watched.until(has_alert)
    assert "denied" in view["alert"]
    assert view["authorize_url"] != before
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_the_receiver_reports_a_denial(sandbox: Any, watched: Any) -> None:
    """A denial that the receiver catches shows the same alert."""
    page = requests.get(approve(sandbox, watched, deny=True), timeout=10)
    assert page.url.endswith("/denied")
    assert "denied" in watched.until(has_alert)["alert"]
    requests.get(approve(sandbox, watched), timeout=10)
    watched.until(is_signed_in)


def test_an_expired_code_shows_an_alert(sandbox: Any, watched: Any) -> None:
    """The code is older than 30 seconds. The next attempt succeeds."""
    url = approve(sandbox, watched)
    sandbox.clock.advance(31)
    watched.flow.paste(url)
    assert "30 seconds" in watched.until(has_alert)["alert"]
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_a_wrong_state_is_refused(sandbox: Any, watched: Any) -> None:
    """The redirect of an older request is refused, whether pasted or caught, and nothing is saved."""
    old_redirect = approve(sandbox, watched)
    watched.flow.new_request()
    watched.flow.paste(old_redirect)
    assert "another request" in watched.until(has_alert)["alert"]
    assert requests.get(old_redirect, timeout=10).url.endswith("/wrong-state")
    assert "another request" in watched.until(has_alert)["alert"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    requests.get(approve(sandbox, watched), timeout=10)
    watched.until(is_signed_in)


@pytest.mark.parametrize(
    "text", ["", "  ", "hello there, what now?", "https://app.box.com/folder/0", "{link}"]
)
def test_text_that_is_not_a_redirect_does_not_end_the_request(sandbox: Any, watched: Any, text: str) -> None:
    """After an unusable paste, the link stays the same, and the right URL still works."""
    link = watched.flow.snapshot()["authorize_url"]
    redirect = approve(sandbox, watched)
    watched.flow.paste(text.format(link=link))
    view = watched.until(has_alert)
    assert view["authorize_url"] == link
    watched.flow.paste(redirect)
    watched.until(is_signed_in)


def test_a_bare_code_is_saved_only_after_the_user_confirms(sandbox: Any, watched: Any) -> None:
    """The panel shows the account of a code without its state before it saves the pair."""
    watched.flow.paste(code_of(approve(sandbox, watched)))
    view = watched.until(lambda view: view["step"] == "confirm")
    assert view["who"]["login"]
    assert view["who"]["enterprise"]
    assert "state" in view["note"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    watched.flow.confirm(True)
    watched.until(is_signed_in)
    saved = store.load("lab")
    assert saved is not None
    assert saved.account is not None
    assert saved.account["login"] == view["who"]["login"]


def test_a_declined_pair_is_revoked_and_not_saved(sandbox: Any, watched: Any) -> None:
    """If the user declines, the token pair is revoked and the file stays without one."""
    watched.flow.paste(code_of(approve(sandbox, watched)))
    watched.until(lambda view: view["step"] == "confirm")
    watched.flow.confirm(False)
    view = watched.until(lambda view: view["step"] == "open" and not view["busy"])
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    assert "Nothing was saved" in view["note"]
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())


def ask_again_for_a_bare_code(sandbox: Any, watched: Any) -> bytes:
    """Sign in, then paste a bare code. Return the file as saved before the confirmation."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    before = store.path("lab").read_bytes()
    watched.flow.again()
    watched.flow.paste(code_of(approve(sandbox, watched)))
    watched.until(lambda view: view["step"] == "confirm")
    return before


def test_a_bare_code_does_not_replace_a_saved_token_unless_the_user_confirms(
    sandbox: Any, watched: Any
) -> None:
    """If the user declines, the file is unchanged."""
    before = ask_again_for_a_bare_code(sandbox, watched)
    watched.flow.confirm(False)
    watched.until(lambda view: view["step"] == "open" and not view["busy"])
    assert store.path("lab").read_bytes() == before


def test_cancelling_after_the_confirmation_keeps_the_old_sign_in(sandbox: Any, watched: Any) -> None:
    """If the user cancels while another kernel holds the profile's lock, the new pair is revoked and not saved."""
    before = ask_again_for_a_bare_code(sandbox, watched)
    with store.lock("lab"):
        watched.flow.confirm(True)
        watched.flow.cancel()
    for thread in threading.enumerate():
        if thread.name == "boxnb-sign-in":
            thread.join(60)
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())
    assert store.path("lab").read_bytes() == before
    assert boxnb.connect("lab").get("/users/me")["login"]


def sign_in_as_another_user(sandbox: Any, watched: Any) -> tuple[bytes, dict[str, Any]]:
    """Sign in as the admin, then as a co-admin. Return the file as saved before that, and the view that asks."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    before = store.path("lab").read_bytes()
    watched.flow.again()
    watched.flow.paste(approve(sandbox, watched, login=CO_ADMIN))
    return before, watched.until(lambda view: view["step"] == "confirm")


def test_another_account_replaces_the_saved_one_only_after_the_user_confirms(
    sandbox: Any, watched: Any
) -> None:
    """The view names both accounts, and the file changes only after the user confirms."""
    before, view = sign_in_as_another_user(sandbox, watched)
    assert (view["bare"], view["who"]["login"]) == (False, CO_ADMIN)
    assert view["before"]["login"] == "ada.admin@example.com"
    assert "another account" in view["note"]
    assert store.path("lab").read_bytes() == before
    watched.flow.confirm(True)
    watched.until(is_signed_in)
    saved = store.load("lab")
    assert saved is not None and saved.account is not None
    assert saved.account["login"] == CO_ADMIN


def test_another_account_that_the_user_declines_is_revoked(sandbox: Any, watched: Any) -> None:
    """If the user declines, the file is unchanged, and the pair of the other account is revoked."""
    before, _ = sign_in_as_another_user(sandbox, watched)
    watched.flow.confirm(False)
    watched.until(lambda view: view["step"] == "open" and not view["busy"])
    assert store.path("lab").read_bytes() == before
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())


def test_the_same_account_again_needs_no_confirmation(sandbox: Any, watched: Any) -> None:
    """A second sign-in by the same user replaces the token pair."""
    watched.flow.paste(approve(sandbox, watched))
    first_fingerprint = watched.until(is_signed_in)["saved"]["fingerprint"]
    watched.flow.again()
    watched.flow.paste(approve(sandbox, watched))
    assert watched.until(is_signed_in)["saved"]["fingerprint"] != first_fingerprint


def test_an_unknown_account_does_not_replace_a_known_one(sandbox: Any, watched: Any) -> None:
    """If Box does not say who signed in, the saved sign-in stays, and the new pair is revoked."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    before = store.path("lab").read_bytes()
    watched.flow.again()
    url = approve(sandbox, watched)
    with sandbox.faults.during("/2.0/users/me", "500"):
        watched.flow.paste(url)
        assert "Cannot find out who signed in" in watched.until(has_alert)["alert"]
    assert store.path("lab").read_bytes() == before
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())


def test_opening_box_reopens_a_closed_receiver(sandbox: Any, watched: Any) -> None:
    """The view shows that nothing listens, until the user follows the link."""
    url = watched.flow.snapshot()["listening"]
    watched.flow._receiver.close()
    assert watched.flow.snapshot()["listening"] == ""
    watched.flow.opened()
    assert watched.flow.snapshot()["listening"] == url
    requests.get(approve(sandbox, watched), timeout=20)
    watched.until(is_signed_in)


def test_the_receiver_never_accepts_a_bare_code(sandbox: Any, watched: Any) -> None:
    """If a code without its state reaches the receiver, the panel shows an alert."""
    watched.flow.receive(code_of(approve(sandbox, watched)))
    assert "without its state" in watched.until(has_alert)["alert"]


def test_a_wrong_secret_keeps_the_saved_sign_in(sandbox: Any, client: Client, watch: Any) -> None:
    """A refused client secret shows an alert, and another app does not replace a saved sign-in."""
    watched = watch(server=client.server)
    assert watched.flow.snapshot()["step"] == "register"
    watched.flow.register(client.client_id, "not-the-secret", client.redirect_uri)
    watched.flow.paste(approve(sandbox, watched))
    assert "secret was refused" in watched.until(has_alert)["alert"]
    watched.flow.change_app()
    watched.flow.register(client.client_id, client.client_secret.reveal(), client.redirect_uri)
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    before = store.load("lab")
    watched.flow.change_app()
    watched.flow.register("another-app", "its-secret", client.redirect_uri)
    assert store.load("lab") == before


def test_registering_needs_id_and_secret(client: Client, watch: Any) -> None:
    """Without a client secret nothing is saved, and the form stays."""
    watched = watch(server=client.server)
    watched.flow.register(client.client_id, "")
    assert "Both" in watched.flow.snapshot()["alert"]
    assert store.load("lab") is None
    assert watched.flow.snapshot()["redirect_uri"] == DEFAULT_REDIRECT


def test_an_unreachable_server_is_reported(sandbox: Any, watched: Any) -> None:
    """The alert says that the server refused the connection and does not include the code."""
    url = approve(sandbox, watched)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/token"
    request = watched.flow._request
    assert request is not None
    server = oauth.Server(**{**vars(request.server), "token_url": nowhere})
    watched.flow._request = Client(request.client_id, request.client_secret, request.redirect_uri, server)
    watched.flow.paste(url)
    view = watched.until(has_alert)
    assert "refused the connection" in view["alert"]
    assert code_of(url) not in json.dumps(view["alert"])


def test_the_sign_in_is_kept_if_the_account_is_unknown(sandbox: Any, watched: Any) -> None:
    """A failed GET /users/me is reported, and the token pair stays saved."""
    url = approve(sandbox, watched)
    sandbox.faults.add("/2.0/users/me", "500")
    watched.flow.paste(url)
    view = watched.until(is_signed_in)
    assert "500" in view["note"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None


def test_a_full_disk_does_not_damage_the_profile(
    sandbox: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed save shows an alert and leaves the file unchanged, and the next attempt succeeds."""
    before = store.path("lab").read_bytes()
    url = approve(sandbox, watched)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        watched.flow.paste(url)
        assert "No space left" in watched.until(has_alert)["alert"]
    assert store.path("lab").read_bytes() == before
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_a_saved_sign_in_needs_no_input(sandbox: Any, watched: Any, client: Client) -> None:
    """A new flow finishes immediately and does not listen."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    new_flow = SignInFlow("lab").start()
    assert new_flow.finished
    assert new_flow.snapshot()["who"]["login"]
    assert new_flow.snapshot()["listening"] == ""


def test_a_new_request_opens_after_61_days(sandbox: Any, watched: Any) -> None:
    """For an expired refresh token, the flow shows one sentence and opens a request."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)
    sandbox.clock.advance(61 * 86400)
    new_flow = SignInFlow("lab").start()
    view = new_flow.snapshot()
    assert view["step"] == "open"
    assert "60" in view["alert"]
    new_flow.close()


def test_a_saved_sign_in_refreshes_after_two_hours(sandbox: Any, watched: Any) -> None:
    """A new flow refreshes an expired access token and finishes."""
    watched.flow.paste(approve(sandbox, watched))
    first_fingerprint = watched.until(is_signed_in)["saved"]["fingerprint"]
    sandbox.clock.advance(2 * 3600)
    new_flow = SignInFlow("lab").start()
    assert new_flow.finished
    assert new_flow.snapshot()["saved"]["fingerprint"] != first_fingerprint


def test_a_cancelled_flow_can_start_again(sandbox: Any, watched: Any) -> None:
    """Cancelling ends the flow with an error. The next attempt succeeds."""
    watched.flow.cancel()
    assert watched.flow.finished
    assert isinstance(watched.flow.failure, SignInCancelled)
    watched.flow.again()
    assert not watched.flow.finished
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_cancelling_reports_that_the_saved_sign_in_still_works(sandbox: Any, watched: Any) -> None:
    """The note names the user who is still signed in."""
    watched.flow.paste(approve(sandbox, watched))
    name = watched.until(is_signed_in)["who"]["name"]
    watched.flow.again()
    watched.flow.cancel()
    assert watched.flow.snapshot()["note"] == f"Cancelled. You are still signed in as {name}."
    assert boxnb.connect("lab").get("/users/me")["name"] == name


def test_cancelling_without_a_saved_sign_in_shows_a_short_note(watched: Any) -> None:
    """The note says only that the flow was cancelled."""
    watched.flow.cancel()
    assert watched.flow.snapshot()["note"] == "Cancelled."


@pytest.mark.parametrize(
    ("client_id", "client_secret", "sentence"),
    [
        ("ada@example.com", "a-secret-of-an-app", "That is not a Client ID"),
        ("My notebook", "a-secret-of-an-app", "That is not a Client ID"),
        ("the-same-twice", " the-same-twice ", "are identical"),
        ("an-app", "", "Both fields are required"),
        ("", "a-secret-of-an-app", "Both fields are required"),
    ],
)
def test_an_obvious_mistake_in_the_form_is_reported(
    watch: Any, client: Client, client_id: str, client_secret: str, sentence: str
) -> None:
    """For an obvious mistake in the form, the alert does not include the secret, and nothing is saved."""
    watched = watch(server=client.server)
    watched.flow.register(client_id, client_secret)
    view = watched.flow.snapshot()
    assert view["step"] == "register" and sentence in view["alert"]
    assert client_secret.strip() == "" or client_secret.strip() not in view["alert"]
    assert store.load("lab") is None


def test_a_refused_secret_brings_the_form_back(sandbox: Any, watch: Any, client: Client) -> None:
    """The form still contains the client ID, and typing the right secret works."""
    app = sandbox.register_app("Mine", [DEFAULT_REDIRECT])
    watched = watch(server=client.server)
    watched.flow.register(app["client_id"], "mistyped-secret")
    watched.flow.paste(approve(sandbox, watched))
    view = watched.until(has_alert)
    assert (view["step"], view["client_id"], view["secret"]) == ("register", app["client_id"], "")
    assert "secret was refused" in view["alert"]
    watched.flow.register(app["client_id"], app["client_secret"])
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_pasting_works_where_boxnb_cannot_listen(sandbox: Any, client: Client, watch: Any) -> None:
    """An app whose redirect URI is on another host works once the URL is pasted."""
    app = sandbox.register_app("Elsewhere", ["https://example.com/back"])
    watched = watch(server=client.server)
    watched.flow.register(app["client_id"], app["client_secret"], "https://example.com/back")
    assert watched.flow.snapshot()["listening"] == ""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(is_signed_in)


def test_snapshots_do_not_contain_secrets(sandbox: Any, client: Client, watch: Any) -> None:
    """Neither the client secret, the code nor a token appears in any snapshot or repr."""
    views: list[str] = []
    watched = watch(server=client.server)
    flow = watched.flow
    note = flow.on_change
    flow.on_change = lambda: (views.append(json.dumps(flow.snapshot()) + repr(flow)), note())[1]
    flow.draft_secret(client.client_secret.reveal())
    flow.register(client.client_id, "", client.redirect_uri)
    url = approve(sandbox, watched)
    flow.paste(url)
    watched.until(is_signed_in)
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None
    assert saved.token.refresh_token is not None
    secrets = (client.client_secret, saved.token.access_token, saved.token.refresh_token)
    for secret in (*(secret.reveal() for secret in secrets), code_of(url)):
        assert not any(secret in view for view in views)
