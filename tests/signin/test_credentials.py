"""Client credentials of Box, and the form for secrets: refusals are explained, and a refused secret replaces nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import boxnb
from boxnb import oauth, servers, store
from boxnb.errors import (
    CredentialsRefusedError,
    InvalidClientError,
    SandboxError,
    SettingError,
    SignInCancelled,
    TokenEndpointError,
)
from boxnb.oauth import Server
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret
from boxnb.signin import credentials
from boxnb.widgets import front_end


@pytest.fixture
def app(sandbox: Sandbox) -> dict[str, Any]:
    """Return an app that signs in by itself and that the admin has authorized."""
    registered = sandbox.register_server_app("Nightly")
    sandbox.authorize_app(registered["client_id"])
    return registered


def profile_of(sandbox: Sandbox, app: dict[str, Any], **values: str) -> store.Profile:
    """Return a profile for an app, by default for the whole enterprise."""
    entered = {"client_id": app["client_id"], **(values or {"enterprise_id": app["enterprise_id"]})}
    secrets = {"client_secret": Secret(app["client_secret"])}
    return credentials.box_profile("night", entered, secrets, Server(**sandbox.server()))


def test_connect_works_the_same(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """The profile has no refresh token, and a new access token is fetched when the old one expires."""
    message = credentials.save_tried(profile_of(sandbox, app))
    assert "Signed in as Nightly <AutomationUser_" in message
    box = boxnb.connect("night")
    assert len(box.users()) == 121, "the 120 users, and the app's service account"
    assert "client credentials, for the enterprise" in repr(box)
    token = box.session.auth.saved_token
    assert token.refresh_token is None
    sandbox.clock.advance(7200)
    assert box.me()["login"].iloc[0].startswith("AutomationUser_")
    assert box.session.auth.saved_token != token
    saved = store.load("night")
    assert saved is not None and saved.token == box.session.auth.saved_token
    assert json.loads(store.path("night").read_text(encoding="utf-8"))["format"] == 2


def test_status_doctor_keep_alive_and_sign_out(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """They know a profile without a refresh token, and the secrets stay until they are deleted."""
    credentials.save_tried(profile_of(sandbox, app))
    row = boxnb.status("night").iloc[0]
    assert row["sign_in"] == "client credentials" and row["signed_in"] and pd.isna(row["refresh_days_left"])
    findings = boxnb.doctor("night").set_index("check")
    assert findings.loc["secrets", "result"] == "ok" and findings.loc["role", "result"] == "ok"
    assert findings.loc["As-User", "result"] == "ok"
    assert "needs no refresh token" in boxnb.keep_alive("night")
    assert "Its secrets stay saved" in boxnb.sign_out("night")
    assert boxnb.connect("night").me()["login"].iloc[0].startswith("AutomationUser_")


def test_a_token_for_one_user(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """With a user ID, calls are made as that user."""
    credentials.save_tried(profile_of(sandbox, app))
    users = boxnb.connect("night").users()
    other = users[users["role"] == "user"].iloc[0]
    credentials.save_tried(profile_of(sandbox, app, user_id=other["id"]))
    assert boxnb.connect("night").me()["login"].iloc[0] == other["login"]
    sandbox.change_server_app(app["client_id"], user_tokens=False)
    sandbox.authorize_app(app["client_id"])
    with pytest.raises(TokenEndpointError, match="gives this app no token for the saved enterprise or user"):
        credentials.save_tried(profile_of(sandbox, app, user_id=other["id"]))


def test_every_refusal_has_its_own_sentence(sandbox: Sandbox) -> None:
    """An app without authorization, one that changed, another type of app, a wrong ID and a wrong secret."""
    app = sandbox.register_server_app("Nightly")
    with pytest.raises(
        TokenEndpointError,
        match=r"No admin has authorized this app yet.*Server Authentication Apps, with the client ID",
    ):
        credentials.save_tried(profile_of(sandbox, app))
    assert store.load("night") is None
    with pytest.raises(SandboxError, match="only an admin"):
        sandbox.authorize_app(app["client_id"], login="layla.mourad@example.com")
    sandbox.authorize_app(app["client_id"])
    with pytest.raises(TokenEndpointError, match=r"gives this app no token.*Grant credentials are invalid"):
        credentials.save_tried(profile_of(sandbox, app, enterprise_id="1"))
    with pytest.raises(
        InvalidClientError, match=r"client ID or the client secret was refused.*Configuration tab"
    ):
        credentials.save_tried(profile_of(sandbox, {**app, "client_secret": "wrong"}))
    credentials.save_tried(profile_of(sandbox, app))
    sandbox.change_server_app(app["client_id"], scopes=["root_readonly"])
    sandbox.clock.advance(7200)
    with pytest.raises(TokenEndpointError, match="ask an admin to authorize the app again after each change"):
        boxnb.connect("night").me()
    sandbox.authorize_app(app["client_id"])
    assert len(boxnb.connect("night").me()) == 1, "a refusal that an admin can end is tried again"
    practice = sandbox.practice_client()
    with pytest.raises(
        TokenEndpointError,
        match=r"cannot sign in with client credentials.*the type of an app cannot be changed",
    ):
        credentials.save_tried(profile_of(sandbox, {**practice, "enterprise_id": app["enterprise_id"]}))


def test_an_app_of_the_other_type_cannot_sign_a_user_in(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """The token endpoint refuses a code for an app that uses client credentials."""
    client = oauth.Client(
        app["client_id"], app["client_secret"], "http://127.0.0.1/", Server(**sandbox.server())
    )
    with pytest.raises(TokenEndpointError, match="does not let this app use this kind of sign-in"):
        oauth.exchange_code(client, "code")


def test_a_withdrawn_secret_is_not_sent_again(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """After the secret was reset, one call is refused; later ones, and other sessions, send nothing."""
    credentials.save_tried(profile_of(sandbox, app))
    box = boxnb.connect("night")
    sandbox.change_server_app(app["client_id"], client_secret="another-secret-of-tests")
    with pytest.raises(InvalidClientError, match="client secret was refused"):
        box.me()
    sandbox.record(clear=True)
    for _ in range(2):
        with pytest.raises(CredentialsRefusedError, match="does not send them again"):
            boxnb.connect("night").me()
    assert [call for call in sandbox.record() if call["path"] == "/oauth2/token"] == []
    assert "was refused" in boxnb.status("night")["problem"].iloc[0]
    credentials.save_tried(profile_of(sandbox, {**app, "client_secret": "another-secret-of-tests"}))
    assert len(boxnb.connect("night").me()) == 1


def test_a_person_s_sign_in_becomes_client_credentials(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """The profile keeps its name and settings; the refresh token of the person is no longer in the file."""
    from signing import sign_in

    person = sign_in(sandbox, "night")
    store.configure("night", monthly_calls=5000)
    credentials.save_tried(profile_of(sandbox, app))
    saved = store.load("night")
    assert saved is not None and saved.monthly_calls == 5000 and person.token is not None
    assert person.token.refresh_token is not None
    assert person.token.refresh_token.reveal() not in store.path("night").read_text(encoding="utf-8")


def settle(form: credentials.CredentialsForm) -> dict[str, Any]:
    """Wait until a form's thread has ended, and return its snapshot."""
    deadline = time.monotonic() + 60
    while form.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    return form.snapshot()


def test_the_form_says_what_is_missing_and_what_was_refused(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """Nothing is saved until the server accepts it, and no snapshot has a secret."""
    form = credentials.box_form("night", server=Server(**sandbox.server()))
    changes: list[dict[str, Any]] = []
    form.on_change = lambda: changes.append(form.snapshot())
    form.submit({"client_id": app["client_id"], "client_secret": "  "})
    assert form.snapshot()["alert"] == "Client secret is empty."
    assert (
        "an admin authorizes it first: Admin Console, Apps, Platform Apps Manager" in form.snapshot()["help"]
    )
    entered = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    form.submit(entered)
    assert "Enter the enterprise ID or a user ID" in settle(form)["alert"]
    form.submit({**entered, "enterprise_id": "12"})
    assert "gives this app no token" in settle(form)["alert"]
    assert store.load("night") is None
    form.submit({**entered, "enterprise_id": app["enterprise_id"]})
    view = settle(form)
    assert view["step"] == "done" and "Signed in as Nightly" in view["note"]
    assert app["client_secret"] not in json.dumps(changes)
    assert {field["name"]: field["value"] for field in view["fields"]}["client_id"] == app["client_id"]


def test_the_form_of_a_server(sandbox: Sandbox) -> None:
    """A wrong password is not saved, the right one is, and a cancelled form can start again."""
    jamf = sandbox.other_servers()["jamf"]
    form = credentials.server_form(
        "jamf", jamf["url"], preset="jamf-pro", kind="login", settings={"username": "reader"}
    )
    assert [field.name for field in form.fields] == ["username", "password"]
    form.submit({"username": "reader", "password": "wrong"})
    assert "refused the user name or the password of 'reader'" in settle(form)["alert"]
    assert servers.names() == []
    form.cancel()
    assert isinstance(form.failure, SignInCancelled) and form.finished
    form.again()
    form.submit({"password": jamf["password"]})
    assert settle(form)["step"] == "done"
    assert len(servers.connect("jamf").frame("/api/v1/computers-inventory")) == 240


def test_prompts_ask_for_the_same(sandbox: Sandbox) -> None:
    """By text, only what is missing is asked for, and secrets at a hidden prompt."""
    uem = sandbox.other_servers()["uem"]
    asked: list[str] = []
    hidden: Iterator[str] = iter([uem["password"], uem["key"]])

    def ask_secret(prompt: str) -> str:
        asked.append(prompt)
        return next(hidden)

    form = credentials.server_form("uem", uem["url"], preset="workspace-one", kind="basic")
    message = credentials.ask(form, ask_text=lambda prompt: "reader", ask_secret=ask_secret)
    assert (
        asked == ["Password: ", "Value of aw-tenant-code: "] and "The server accepts the sign-in" in message
    )

    def ended(prompt: str) -> str:
        raise EOFError

    with pytest.raises(SignInCancelled, match="Nothing can be typed here"):
        credentials.ask(credentials.box_form("night"), ask_text=ended)
    with pytest.raises(SettingError, match="Client secret is empty"):
        credentials.ask(
            credentials.box_form("night"), ask_text=lambda prompt: "1", ask_secret=lambda prompt: ""
        )


def test_a_server_that_does_not_respond_is_saved_with_a_note(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, the secrets are saved, and the message says that they were not tried."""
    monkeypatch.setattr("boxnb.tokens.WAITS", ())
    form = credentials.server_form(
        "api", "http://127.0.0.1:9", kind="client_credentials", settings={"token_url": "/token"}
    )
    form.submit({"client_id": "c", "client_secret": "a-secret-of-tests", "token_url": "/token"})
    note = settle(form)["note"]
    assert "It has not been tried" in note and "refused the connection" in note and servers.names() == ["api"]


def test_sign_in_by_text_returns_the_right_connection(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``boxnb.widgets.save_server`` asks by text outside a notebook, and its object connects to the server."""
    keyed = sandbox.other_servers()["keyed"]
    monkeypatch.setattr("boxnb.signin.credentials.getpass.getpass", lambda prompt: keyed["key"])
    saved = front_end.save_server("keyed", keyed["url"], kind="header_key", prefix="SSWS", terminal=True)
    assert "Saved in" in capsys.readouterr().out and "boxnb.servers.connect('keyed')" in repr(saved)


def test_a_link_to_sign_in_is_not_offered_for_such_a_profile(sandbox: Sandbox, app: dict[str, Any]) -> None:
    """Otherwise a person's token pair would replace the secrets. The message says how to enter other secrets."""
    credentials.save_tried(profile_of(sandbox, app))
    with pytest.raises(
        SettingError, match=r"signs in without a person.*boxnb\.sign_in\('night', client_credentials=True\)"
    ):
        boxnb.sign_in("night", terminal=False)
    keyed = sandbox.other_servers()["keyed"]
    servers.save("keyed", keyed["url"], kind="header_key", prefix="SSWS", secrets={"key": keyed["key"]})
    with pytest.raises(SettingError, match=r"use boxnb\.widgets\.save_server"):
        boxnb.sign_in("keyed", terminal=False)
