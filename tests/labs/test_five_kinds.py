"""The trace draws each of the five kinds of sign-in with the secrets that it sends, and shows none of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from boxnb import servers, store
from boxnb.labs.practice import Practice


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A lesson with its sandbox."""
    with Practice() as running:
        yield running


def save_all(practice: Practice) -> list[str]:
    """Save one server for each kind but a person's consent, call each once, and return their secrets."""
    jamf, uem, keyed = practice.sandbox.other_servers().values()
    both = {"password": uem["password"], "header:aw-tenant-code": uem["key"]}
    save = servers.save
    with practice.inside("basic"):
        save("a", uem["url"], preset="workspace-one", kind="basic", username="reader", secrets=both)
        servers.connect("a").get_json("/API/system/info")
    with practice.inside("key"):
        save("b", keyed["url"], kind="header_key", prefix="SSWS", secrets={"key": keyed["key"]})
        servers.connect("b").get_json("/api/v1/users")
    with practice.inside("login"):
        password = {"password": jamf["password"]}
        save("c", jamf["url"], preset="jamf-pro", kind="login", username="reader", secrets=password)
        servers.connect("c").get_json("/api/v1/auth")
    with practice.inside("client"):
        secret = {"client_secret": jamf["client_secret"]}
        save("d", jamf["url"], preset="jamf-pro", client_id=jamf["client_id"], secrets=secret)
        servers.connect("d").get_json("/api/v1/auth")
    return [uem["password"], uem["key"], keyed["key"], jamf["password"], jamf["client_secret"]]


def test_each_kind_is_drawn_with_the_secrets_that_it_sends(practice: Practice) -> None:
    """A password and a key go to the API; a login and client credentials exchange theirs for a token, which goes to the API."""
    secrets = save_all(practice)
    assert [exchange.note for exchange in practice.trace.exchanges if exchange.note] == [
        "basic",
        "key",
        "login",
        "client",
    ]
    basic, key, login, login_call, client, client_call = practice.trace.requests
    assert basic.label.count("<secret ") == 2 and key.label.count("<secret ") == 1
    assert login.label.startswith("password for a token <secret ") and login.answer.startswith(
        "token <secret "
    )
    assert login_call.label.endswith(login.answer.removeprefix("token "))
    assert client.answer.startswith("access <secret ") and "refresh" not in client.answer
    assert client_call.label.endswith(client.answer.removeprefix("access "))
    for output in (repr(practice.trace.exchanges), practice.trace.picture._repr_html_()):
        assert not any(secret in output for secret in secrets)
    assert store.names() == []  # nothing is saved outside the lesson


def test_a_wrong_password_in_a_loop_is_one_request(practice: Practice) -> None:
    """Eight calls send it once, and the account is not locked."""
    jamf = practice.sandbox.other_servers()["jamf"]
    wrong = {"password": "a wrong one"}
    with practice.inside():
        servers.save("c", jamf["url"], preset="jamf-pro", kind="login", username="reader", secrets=wrong)
        for number in range(8):
            practice.attempt(f"call {number}", lambda: servers.connect("c").get_json("/api/v1/auth"))
    assert [exchange.status for exchange in practice.trace.requests] == [401]
    assert "Invalid credentials" in practice.said[0]
    assert all("does not send them again" in outcome for outcome in practice.said[1:])
    account = practice.sandbox.other_servers()["jamf"]
    assert (account["attempts"], account["locked"]) == (1, False)
