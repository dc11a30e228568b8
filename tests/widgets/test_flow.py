"""The sign-in without a browser: real HTTP against a practice Box, `approve` plays the person."""

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


def code_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["code"][0]


def approve(sandbox: Any, watched: Any, **how: Any) -> str:
    return str(sandbox.approve(watched.flow.snapshot()["authorize_url"], **how))


def ended(view: dict[str, Any]) -> bool:
    return view["step"] == "done"


def alerted(view: dict[str, Any]) -> bool:
    return bool(view["alert"]) and not view["busy"]


def test_a_pasted_address_ends_signed_in_and_saved(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(approve(sandbox, watched))
    view = watched.until(ended)
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


def test_the_receiver_ends_it_without_a_paste(sandbox: Any, watched: Any) -> None:
    page = requests.get(approve(sandbox, watched), timeout=10)
    assert page.url.endswith("/granted")
    watched.until(ended)


def test_the_registered_redirect_uri_is_kept_not_the_port_of_the_day(sandbox: Any, watched: Any) -> None:
    assert watched.flow.snapshot()["listening"] != "http://127.0.0.1/callback"
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    saved = store.load("lab")
    assert saved is not None
    assert saved.client.redirect_uri == "http://127.0.0.1/callback"


def test_the_app_is_saved_before_anybody_signs_in(client: Client, watched: Any) -> None:
    saved = store.load("lab")
    assert saved is not None
    assert (saved.client, saved.token) == (client, None)


def test_the_pair_is_on_disk_before_it_is_used(
    sandbox: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def ask(*_: Any) -> dict[str, Any]:
        saved = store.load("lab")
        seen.append(saved is not None and saved.token is not None)
        return {"login": "x"}

    monkeypatch.setattr("boxnb.signin.flow.who_is", ask)
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    assert seen == [True]


def test_deny_is_answered_in_a_sentence_with_a_fresh_state(sandbox: Any, watched: Any) -> None:
    before = watched.flow.snapshot()["authorize_url"]
    watched.flow.paste(approve(sandbox, watched, deny=True))
    view = watched.until(alerted)
    assert "denied" in view["alert"]
    assert view["authorize_url"] != before
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_deny_reaches_the_receiver_too(sandbox: Any, watched: Any) -> None:
    page = requests.get(approve(sandbox, watched, deny=True), timeout=10)
    assert page.url.endswith("/denied")
    assert "denied" in watched.until(alerted)["alert"]
    requests.get(approve(sandbox, watched), timeout=10)
    watched.until(ended)


def test_a_code_older_than_30_seconds(sandbox: Any, watched: Any) -> None:
    url = approve(sandbox, watched)
    sandbox.clock.advance(31)
    watched.flow.paste(url)
    assert "30 seconds" in watched.until(alerted)["alert"]
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_a_wrong_state_by_paste_and_by_the_receiver(sandbox: Any, watched: Any) -> None:
    old = approve(sandbox, watched)
    watched.flow.new_request()
    watched.flow.paste(old)
    assert "another request" in watched.until(alerted)["alert"]
    assert requests.get(old, timeout=10).url.endswith("/wrong-state")
    assert "another request" in watched.until(alerted)["alert"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    requests.get(approve(sandbox, watched), timeout=10)
    watched.until(ended)


@pytest.mark.parametrize(
    "text", ["", "  ", "hello there, what now?", "https://app.box.com/folder/0", "{link}"]
)
def test_text_that_is_no_answer_does_not_end_the_request(sandbox: Any, watched: Any, text: str) -> None:
    link = watched.flow.snapshot()["authorize_url"]
    answer = approve(sandbox, watched)
    watched.flow.paste(text.format(link=link))
    view = watched.until(alerted)
    assert view["authorize_url"] == link
    watched.flow.paste(answer)
    watched.until(ended)


def test_a_bare_code_needs_a_yes_before_anything_is_saved(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(code_of(approve(sandbox, watched)))
    view = watched.until(lambda v: v["step"] == "confirm")
    assert view["who"]["login"]
    assert view["who"]["enterprise"]
    assert "state" in view["note"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    watched.flow.confirm(True)
    watched.until(ended)
    saved = store.load("lab")
    assert saved is not None
    assert saved.account is not None
    assert saved.account["login"] == view["who"]["login"]


def test_a_no_saves_nothing_and_revokes_the_pair(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(code_of(approve(sandbox, watched)))
    watched.until(lambda v: v["step"] == "confirm")
    watched.flow.confirm(False)
    view = watched.until(lambda v: v["step"] == "open" and not v["busy"])
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is None
    assert "Nothing was saved" in view["note"]
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())


def asked_for_another_yes(sandbox: Any, watched: Any) -> bytes:
    """Signed in, and then again by a bare code; what is saved so far."""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    before = store.path("lab").read_bytes()
    watched.flow.again()
    watched.flow.paste(code_of(approve(sandbox, watched)))
    watched.until(lambda v: v["step"] == "confirm")
    return before


def test_a_bare_code_does_not_replace_a_saved_token_without_a_yes(sandbox: Any, watched: Any) -> None:
    before = asked_for_another_yes(sandbox, watched)
    watched.flow.confirm(False)
    watched.until(lambda v: v["step"] == "open" and not v["busy"])
    assert store.path("lab").read_bytes() == before


def test_a_cancel_after_the_yes_leaves_the_old_sign_in(sandbox: Any, watched: Any) -> None:
    """Another kernel holds the profile meanwhile: the new pair is revoked and saved nowhere."""
    before = asked_for_another_yes(sandbox, watched)
    with store.lock("lab"):
        watched.flow.confirm(True)
        watched.flow.cancel()
    for thread in threading.enumerate():
        if thread.name == "boxnb-sign-in":
            thread.join(60)
    assert any(call["path"].endswith("/revoke") for call in sandbox.record())
    assert store.path("lab").read_bytes() == before
    assert boxnb.connect("lab").get("/users/me")["login"]


def test_a_receiver_that_has_closed_listens_again_for_who_opens_box(sandbox: Any, watched: Any) -> None:
    """After a break; until then the view says that nothing listens."""
    address = watched.flow.snapshot()["listening"]
    watched.flow._receiver.close()
    assert watched.flow.snapshot()["listening"] == ""
    watched.flow.opened()
    assert watched.flow.snapshot()["listening"] == address
    requests.get(approve(sandbox, watched), timeout=20)
    watched.until(ended)


def test_the_receiver_never_takes_a_bare_code(sandbox: Any, watched: Any) -> None:
    watched.flow.receive(code_of(approve(sandbox, watched)))
    assert "without its state" in watched.until(alerted)["alert"]


def test_a_wrong_secret_is_said_and_the_saved_sign_in_survives(
    sandbox: Any, client: Client, watch: Any
) -> None:
    watched = watch(server=client.server)
    assert watched.flow.snapshot()["step"] == "register"
    watched.flow.register(client.client_id, "not-the-secret", client.redirect_uri)
    watched.flow.paste(approve(sandbox, watched))
    assert "secret was refused" in watched.until(alerted)["alert"]
    watched.flow.change_app()
    watched.flow.register(client.client_id, client.client_secret.reveal(), client.redirect_uri)
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    before = store.load("lab")
    watched.flow.change_app()
    watched.flow.register("another-app", "its-secret", client.redirect_uri)
    assert store.load("lab") == before


def test_registering_needs_both(client: Client, watch: Any) -> None:
    watched = watch(server=client.server)
    watched.flow.register(client.client_id, "")
    assert "Both" in watched.flow.snapshot()["alert"]
    assert store.load("lab") is None
    assert watched.flow.snapshot()["redirect_uri"] == DEFAULT_REDIRECT


def test_a_server_that_cannot_be_reached(sandbox: Any, watched: Any) -> None:
    url = approve(sandbox, watched)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/token"
    request = watched.flow._request
    assert request is not None
    server = oauth.Server(**{**vars(request.server), "token_url": nowhere})
    watched.flow._request = Client(request.client_id, request.client_secret, request.redirect_uri, server)
    watched.flow.paste(url)
    view = watched.until(alerted)
    assert "cannot be reached" in view["alert"]
    assert code_of(url) not in json.dumps(view["alert"])


def test_a_failing_question_who_it_is_keeps_the_sign_in(sandbox: Any, watched: Any) -> None:
    url = approve(sandbox, watched)
    sandbox.faults.add("/2.0/users/me", "500")
    watched.flow.paste(url)
    view = watched.until(ended)
    assert "500" in view["note"]
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None


def test_a_full_disk_is_said_and_nothing_is_lost(
    sandbox: Any, watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.path("lab").read_bytes()
    url = approve(sandbox, watched)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        watched.flow.paste(url)
        assert "No space left" in watched.until(alerted)["alert"]
    assert store.path("lab").read_bytes() == before
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_a_saved_sign_in_is_silent(sandbox: Any, watched: Any, client: Client) -> None:
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    again = SignInFlow("lab").start()
    assert again.finished
    assert again.snapshot()["who"]["login"]
    assert again.snapshot()["listening"] == ""


def test_after_61_days_one_sentence_and_the_form(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)
    sandbox.clock.advance(61 * 86400)
    again = SignInFlow("lab").start()
    view = again.snapshot()
    assert view["step"] == "open"
    assert "60" in view["alert"]
    again.close()


def test_two_hours_later_the_saved_sign_in_refreshes_by_itself(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(approve(sandbox, watched))
    first = watched.until(ended)["saved"]["fingerprint"]
    sandbox.clock.advance(2 * 3600)
    again = SignInFlow("lab").start()
    assert again.finished
    assert again.snapshot()["saved"]["fingerprint"] != first


def test_cancel_stops_whoever_waits_and_the_panel_starts_again(sandbox: Any, watched: Any) -> None:
    watched.flow.cancel()
    assert watched.flow.finished
    assert isinstance(watched.flow.failure, SignInCancelled)
    watched.flow.again()
    assert not watched.flow.finished
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_cancel_says_that_the_saved_sign_in_holds(sandbox: Any, watched: Any) -> None:
    watched.flow.paste(approve(sandbox, watched))
    name = watched.until(ended)["who"]["name"]
    watched.flow.again()
    watched.flow.cancel()
    assert watched.flow.snapshot()["note"] == f"Cancelled; you are still signed in as {name}."
    assert boxnb.connect("lab").get("/users/me")["name"] == name


def test_cancel_before_anybody_signed_in_promises_nothing(watched: Any) -> None:
    watched.flow.cancel()
    assert watched.flow.snapshot()["note"] == "Cancelled."


@pytest.mark.parametrize(
    ("client_id", "client_secret", "said"),
    [
        ("ada@example.com", "a-secret-of-an-app", "That is no Client ID"),
        ("My notebook", "a-secret-of-an-app", "That is no Client ID"),
        ("the-same-twice", " the-same-twice ", "are the same text"),
        ("an-app", "", "Both are needed"),
        ("", "a-secret-of-an-app", "Both are needed"),
    ],
)
def test_what_cannot_be_an_app_is_said_before_anybody_is_sent_away(
    watch: Any, client: Client, client_id: str, client_secret: str, said: str
) -> None:
    watched = watch(server=client.server)
    watched.flow.register(client_id, client_secret)
    view = watched.flow.snapshot()
    assert view["step"] == "register" and said in view["alert"]
    assert client_secret.strip() == "" or client_secret.strip() not in view["alert"]
    assert store.load("lab") is None


def test_a_refused_secret_brings_the_form_back_with_the_id_in_it(
    sandbox: Any, watch: Any, client: Client
) -> None:
    app = sandbox.register_app("Mine", [DEFAULT_REDIRECT])
    watched = watch(server=client.server)
    watched.flow.register(app["client_id"], "mistyped-secret")
    watched.flow.paste(approve(sandbox, watched))
    view = watched.until(alerted)
    assert (view["step"], view["client_id"], view["secret"]) == ("register", app["client_id"], "")
    assert "secret was refused" in view["alert"]
    watched.flow.register(app["client_id"], app["client_secret"])
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_an_app_whose_redirect_uri_nothing_can_listen_at(sandbox: Any, client: Client, watch: Any) -> None:
    app = sandbox.register_app("Elsewhere", ["https://example.com/back"])
    watched = watch(server=client.server)
    watched.flow.register(app["client_id"], app["client_secret"], "https://example.com/back")
    assert watched.flow.snapshot()["listening"] == ""
    watched.flow.paste(approve(sandbox, watched))
    watched.until(ended)


def test_no_secret_is_ever_in_what_a_view_sees(sandbox: Any, client: Client, watch: Any) -> None:
    views: list[str] = []
    watched = watch(server=client.server)
    flow = watched.flow
    note = flow.on_change
    flow.on_change = lambda: (views.append(json.dumps(flow.snapshot()) + repr(flow)), note())[1]
    flow.draft_secret(client.client_secret.reveal())
    flow.register(client.client_id, "", client.redirect_uri)
    url = approve(sandbox, watched)
    flow.paste(url)
    watched.until(ended)
    saved = store.load("lab")
    assert saved is not None
    assert saved.token is not None
    assert saved.token.refresh_token is not None
    secrets = (client.client_secret, saved.token.access_token, saved.token.refresh_token)
    for secret in (*(each.reveal() for each in secrets), code_of(url)):
        assert not any(secret in view for view in views)
