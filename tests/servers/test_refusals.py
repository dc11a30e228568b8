"""Every way in which a server can refuse or fail: the right sentence, and never a retry that locks an account."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from answering import http as response
from answering import raw, reset
from practice_servers import EXPIRING, KINDS, LISTINGS, save

import boxnb
from boxnb import servers, store
from boxnb.errors import (
    AccessTokenRejectedError,
    BoxNotebookError,
    BoxUnavailableError,
    CredentialsRefusedError,
    InvalidClientError,
    NetworkError,
    RateLimitError,
    SettingError,
    TokenEndpointError,
)
from boxnb.sandbox import Sandbox

SECRETS = {"basic": {"password": "p4ssword-of-tests"}, "header_key": {"key": "k3y-of-tests"}}


def save_odd(port: int, kind: str = "basic", **settings: str) -> None:
    """Save a made-up server on a port of this computer."""
    if kind in ("basic", "login"):
        secrets = {"password": "p4ssword-of-tests"}
        settings |= {"username": "reader"}
    elif kind == "header_key":
        secrets = {"key": "k3y-of-tests"}
    else:
        secrets, settings = (
            {"client_secret": "s3cret-of-tests"},
            {"client_id": "c", "token_url": "/token", **settings},
        )
    if kind == "login":
        settings = {"login_url": "/login", **settings}
    servers.save("odd", f"http://127.0.0.1:{port}", kind=kind, secrets=secrets, **settings)


def refused(name: str, path: str) -> BoxNotebookError:
    """Return the error of one call."""
    with pytest.raises(BoxNotebookError) as failure:
        servers.connect(name).get_json(path)
    message = str(failure.value)
    assert message.count(". ") <= 3, message
    return failure.value


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("jamf-login", "password", "refused the user name or the password of 'reader' (401). Jamf Pro says: \"Invalid credentials\". Save them again."),
        ("jamf-client", "client_secret", "The client ID or the client secret was refused. Copy both again from the server's console, and save them."),
        ("uem-client", "client_secret", "The client ID or the client secret was refused."),
        ("uem-basic", "password", "refused the user name or the password of 'reader', or the value of aw-tenant-code (401)."),
        ("key", "key", "refused the key in Authorization (401): it is wrong, was revoked, or has expired."),
    ],
)  # fmt: skip
def test_a_wrong_secret_is_sent_once(sandbox: Sandbox, name: str, wrong: str, words: str) -> None:
    """The message names what was refused, and the next calls send nothing until it is saved again."""
    save(sandbox, name, **{wrong: "a-wrong-secret"})
    server = "keyed" if name == "key" else name.partition("-")[0]
    before = sandbox.other_servers()[server]["attempts"]
    assert words in str(refused(name, LISTINGS[name]))
    for _ in range(6):
        error = refused(name, LISTINGS[name])
        assert isinstance(error, CredentialsRefusedError) and "does not send them again" in str(error)
    after = sandbox.other_servers()[server]
    assert after["attempts"] == before + 1 and after["locked"] is False
    assert str(boxnb.status(name)["problem"].iloc[0]).partition(". ")[0] in str(error)
    save(sandbox, name)
    assert servers.connect(name).get_json(LISTINGS[name])


def test_a_locked_account(sandbox: Sandbox) -> None:
    """The message says that the account is locked; once it is unlocked, the doctor tries the same password again."""
    save(sandbox, "jamf-login")
    sandbox.change_other("jamf", locked=True)
    message = str(refused("jamf-login", LISTINGS["jamf-login"]))
    assert "the account 'reader' is locked or disabled (401)" in message and "unlock it" in message
    findings = boxnb.doctor("jamf-login").set_index("check")
    assert findings.loc["secrets", "result"] == "wrong" and "locked" in findings.loc["secrets", "remedy"]
    sandbox.change_other("jamf", locked=False)
    assert isinstance(refused("jamf-login", LISTINGS["jamf-login"]), CredentialsRefusedError)
    findings = boxnb.doctor("jamf-login").set_index("check")
    assert findings["result"].tolist() == ["ok"] * len(findings)
    assert servers.connect("jamf-login").get_json(LISTINGS["jamf-login"])


def test_a_locked_account_with_basic_is_tried_again_by_the_doctor(sandbox: Sandbox) -> None:
    """For a password that is sent with each call, the doctor makes one call."""
    save(sandbox, "uem-basic")
    sandbox.change_other("uem", locked=True)
    assert "locked or disabled" in str(refused("uem-basic", LISTINGS["uem-basic"]))
    sandbox.change_other("uem", locked=False)
    assert boxnb.doctor("uem-basic")["result"].tolist() == ["ok"] * 4
    assert servers.connect("uem-basic").get_json(LISTINGS["uem-basic"])


@pytest.mark.parametrize("name", KINDS)
def test_the_doctor_finds_nothing_wrong(sandbox: Sandbox, name: str) -> None:
    """Every kind of sign-in that works has only findings that are ok."""
    save(sandbox, name)
    findings = boxnb.doctor(name)
    assert findings["result"].tolist() == ["ok"] * len(findings), findings.to_string()


def test_an_expired_or_disabled_client(sandbox: Sandbox) -> None:
    """An expired client secret has its own sentence; a disabled client is refused as Jamf does, without a reason."""
    save(sandbox, "uem-client")
    sandbox.change_other("uem", expired=True)
    assert "The client secret has expired" in str(refused("uem-client", LISTINGS["uem-client"]))
    save(sandbox, "jamf-client")
    sandbox.change_other("jamf", enabled=False)
    assert isinstance(refused("jamf-client", LISTINGS["jamf-client"]), InvalidClientError)


@pytest.mark.parametrize("expires_in", [None, 0, -5, "600", "soon", 9e18, [], {"a": 1}, True, "", 2.5])
@pytest.mark.parametrize("name", EXPIRING)
def test_an_odd_lifetime_does_not_matter(sandbox: Sandbox, name: str, expires_in: Any) -> None:
    """Whatever the server says about the lifetime, calls work, also after the token has expired."""
    save(sandbox, name)
    sandbox.change_other(name.partition("-")[0], expires_in=expires_in)
    http = servers.connect(name)
    for _ in range(2):
        assert http.get_json(LISTINGS[name])
        sandbox.clock.advance(7200)


@pytest.mark.parametrize("name", EXPIRING)
def test_a_missing_lifetime_and_a_short_one(sandbox: Sandbox, name: str) -> None:
    """A token that lives for ten seconds is not fetched again before each call."""
    server = name.partition("-")[0]
    sandbox.change_other(server, lifetime=10, password_lifetime=10)
    save(sandbox, name)
    http = servers.connect(name)
    sandbox.clock.freeze()
    for _ in range(4):
        http.get_json(LISTINGS[name])
    assert sandbox.other_servers()[server]["issued"] == 1


TOKEN_PATHS = {
    "jamf-client": "/jamf/api/oauth/token",
    "jamf-login": "/jamf/api/v1/auth/token",
    "uem-client": "/uem/connect/token",
}


@pytest.mark.parametrize("name", EXPIRING)
@pytest.mark.parametrize("fault", ["html", "502", "503", "429"])
def test_a_token_endpoint_that_fails_for_a_moment(sandbox: Sandbox, name: str, fault: str) -> None:
    """A proxy's page, 5xx and 429 are retried: none of them says that the secrets are wrong."""
    save(sandbox, name)
    sandbox.faults.add(TOKEN_PATHS[name], fault, times=1)
    profile = servers.load(name)
    http = servers.ServerSession(profile, sleep=lambda seconds: None)
    assert http.get_json(LISTINGS[name])
    saved = store.load(name)
    assert saved is not None and saved.refused == ""


@pytest.mark.parametrize("name", EXPIRING)
def test_a_proxy_page_instead_of_a_token(
    sandbox: Sandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says that a proxy replied; nothing is recorded as refused."""
    monkeypatch.setattr("boxnb.tokens.WAITS", ())
    save(sandbox, name)
    with sandbox.faults(TOKEN_PATHS[name], "html"):
        assert "often means that a company proxy replied" in str(refused(name, LISTINGS[name]))
    assert servers.connect(name).get_json(LISTINGS[name])


def test_a_password_is_not_sent_again_after_a_lost_response(sandbox: Sandbox) -> None:
    """The server may have counted a wrong password, so boxnb does not repeat it. It repeats client credentials."""
    for name, path, sent in (("jamf-login", "auth/token", 1), ("jamf-client", "oauth/token", 2)):
        save(sandbox, name)
        sandbox.record(clear=True)
        sandbox.faults.add(f"*{path}", "reset_after", times=1)
        http = servers.ServerSession(servers.load(name), sleep=lambda seconds: None)
        if sent == 1:
            with pytest.raises(TokenEndpointError, match=r"Cannot get an access token for 'jamf-login'\."):
                http.get_json(LISTINGS[name])
        else:
            http.get_json(LISTINGS[name])
        assert len([call for call in sandbox.record() if call["path"].endswith(path)]) == sent


CHALLENGES: list[tuple[str, dict[str, str], str]] = [
    ("basic", {}, "Save them again, or with another kind if Basic is off there."),
    ("basic", {"WWW-Authenticate": 'Basic realm="x"'}, "refused the user name or the password of 'reader' (401). Save them again."),
    ("basic", {"WWW-Authenticate": 'Bearer realm="x"'}, "does not accept a user name and password with each call (401): it asks for bearer."),
    ("basic", {"WWW-Authenticate": 'Bearer realm="x", Basic realm="x"'}, "Save them again."),
    ("header_key", {}, "refused the key in Authorization (401)"),
    ("header_key", {"WWW-Authenticate": "ApiKey"}, "refused the key in Authorization (401)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "headers", "words"), CHALLENGES)
def test_a_401_with_and_without_a_challenge(kind: str, headers: dict[str, str], words: str) -> None:
    """The header ``WWW-Authenticate`` says whether the secrets are wrong or the server does not accept them."""
    with raw(response(401, b"", headers)) as port:
        save_odd(port, kind)
        error = refused("odd", "/x")
        assert isinstance(error, AccessTokenRejectedError) and words in str(error)


@pytest.mark.parametrize("challenge", [{}, {"WWW-Authenticate": 'Bearer error="invalid_token"'}])
def test_a_401_even_after_a_new_token(challenge: dict[str, str]) -> None:
    """One new token and one retry, then an error: not a loop."""
    requests: list[bytes] = []

    def reply(connection: Any) -> None:
        requests.append(connection.recv(65536))

    token = response(200, {"access_token": "an-access-token", "expires_in": 600})
    seen: list[str] = []

    def respond(connection: Any) -> None:
        # The helper has already read the request, so the number of the connection says which one it is.
        seen.append("token" if len(seen) in (0, 2) else "api")
        connection.sendall(token if seen[-1] == "token" else response(401, b"", challenge))

    with raw(respond) as port:
        save_odd(port, "client_credentials")
        error = refused("odd", "/x")
    assert seen == ["token", "api", "token", "api"]
    assert "refused the access token even after boxnb got a new one: 401 for /x" in str(error)


@pytest.mark.parametrize("name", KINDS)
def test_a_proxy_page_instead_of_the_api(sandbox: Sandbox, name: str) -> None:
    """A page with status 200 is not JSON, and the error says so."""
    save(sandbox, name)
    http = servers.connect(name)
    http.get_json(LISTINGS[name])
    with sandbox.faults("/*", "html"):
        with pytest.raises(BoxUnavailableError, match="whether a company proxy replied"):
            http.get_json(LISTINGS[name])
        with pytest.raises(BoxUnavailableError, match="a company proxy replied"):
            http.frame(LISTINGS[name])


def test_a_server_that_is_down() -> None:
    """No connection, a reset and an unknown name: what to check, for the API and for the token endpoint."""
    with raw(reset) as port:
        save_odd(port)
        profile = servers.load("odd")
        with pytest.raises(NetworkError, match=r"closed the connection|was lost"):
            servers.ServerSession(profile, sleep=lambda seconds: None).get_json("/x")
    for kind in ("login", "client_credentials"):
        save_odd(9, kind)
        http = servers.ServerSession(servers.load("odd"), sleep=lambda seconds: None)
        with pytest.raises(
            TokenEndpointError, match=r"saved sign-in is unchanged\. 127\.0\.0\.1 refused the connection"
        ):
            http.get_json("/x")


def test_a_long_wait_and_an_internal_error() -> None:
    """A wait of hours says when to try again; the words of each vendor's error body are quoted."""
    with raw(response(429, {"error": "slow"}, {"Retry-After": "36000"})) as port:
        save_odd(port)
        with pytest.raises(RateLimitError, match="asks you to wait 10 hours"):
            servers.connect("odd").get_json("/x")
    bodies = (
        {"httpStatus": 400, "errors": [{"code": "INVALID", "description": "the vendor's words", "id": "0"}]},
        {"errorCode": 1, "message": "the vendor's words", "activityId": "x"},
        {"errorCode": "E1", "errorSummary": "the vendor's words"},
        {"error": {"code": "Bad", "message": "the vendor's words", "innerError": {}}},
        {"error": "bad", "error_description": "the vendor's words"},
    )
    for body in bodies:
        with raw(response(400, body)) as port:
            save_odd(port)
            error = refused("odd", "/things/123")
            assert (
                str(error)
                == '127.0.0.1 refused the call: 400 for /things/:id. 127.0.0.1 says: "the vendor\'s words".'
            )


def test_a_write_is_not_repeated_after_a_lost_response(sandbox: Sandbox) -> None:
    """As everywhere in boxnb, because the server may have carried the write out."""
    save(sandbox, "key")
    sandbox.faults.add("/keyed/*", "reset_after", times=5)
    sandbox.record(clear=True)
    with pytest.raises(NetworkError):
        servers.connect("key").call("POST", "/api/v1/users", json={})
    assert len(sandbox.record()) == 1


def test_a_key_that_was_not_used_for_thirty_days(sandbox: Sandbox) -> None:
    """Each use starts the thirty days again; after thirty days without use, the server refuses the key."""
    save(sandbox, "key")
    for _ in range(3):
        sandbox.clock.advance(20 * 86400)
        servers.connect("key").get_json(LISTINGS["key"])
    sandbox.clock.advance(31 * 86400)
    assert "has expired" in str(refused("key", LISTINGS["key"]))


@pytest.mark.parametrize("keep", ["file", "command"])
def test_secrets_in_another_backend(sandbox: Sandbox, tmp_path: Any, keep: str) -> None:
    """With a command as the backend, the profile's file has no secret, and new tokens and refusals work the same."""
    program = tmp_path / "secrets.sh"
    program.write_text(
        '#!/bin/sh\nfile="$(dirname "$0")/$2"\ncase "$1" in get) cat "$file" 2>/dev/null || true;; set) cat > "$file";; '
        'delete) rm -f "$file";; esac\n'
    )
    program.chmod(0o700)
    where = "file" if keep == "file" else f"command:{program}"
    for name in KINDS:
        save(sandbox, name)
        store.migrate(name, where)
        assert len(servers.connect(name).frame(LISTINGS[name])) == 240
        profile = servers.load(name)
        text = store.path(name).read_text(encoding="utf-8")
        for secret in profile.secrets().values():
            assert (secret.reveal() in text) is (keep == "file" and secret.reveal() in json.dumps(text))
        sandbox.clock.advance(7200)
        assert servers.connect(name).get_json(LISTINGS[name])
    assert pathlib.Path(store.path("key")).exists()


def test_a_name_is_used_only_once(sandbox: Sandbox) -> None:
    """A server cannot take the name of a sign-in to Box, and a sign-in to Box cannot take that of a server."""
    from signing import sign_in

    sign_in(sandbox, "acme")
    with pytest.raises(SettingError, match="'acme' is a saved sign-in to sandbox"):
        servers.save("acme", "https://mdm.example.com", username="x", secrets=SECRETS["basic"])
    with pytest.raises(SettingError, match=r"Use boxnb\.connect\('acme'\)"):
        servers.connect("acme")
    save(sandbox, "key")
    with pytest.raises(SettingError, match=r"Use boxnb\.servers\.connect\('key'\)"):
        boxnb.connect("key")


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("login", 400, {"error": "invalid_grant"}),
        ("login", 400, b"<p>wrong password</p>"),
        ("login", 423, b""),
        ("client_credentials", 400, {"error": "invalid_grant"}),
        ("client_credentials", 400, b""),
        ("client_credentials", 403, b"<p>no</p>"),
    ],
)
def test_a_refusal_in_other_words_is_not_repeated(
    kind: str, status: int, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call sends the secrets once, whatever the refusal looks like, and the message never mentions a refresh token."""
    monkeypatch.setattr("boxnb.tokens.WAITS", (0.0, 0.0))
    seen: list[int] = []

    def reply(connection: Any) -> None:
        seen.append(status)
        connection.sendall(response(status, body))

    with raw(reply) as port:
        save_odd(port, kind)
        message = str(refused("odd", "/x"))
        assert len(seen) == 1 and "refresh token" not in message
        if kind == "login" or isinstance(body, dict):
            assert "does not send them again" in str(refused("odd", "/x")) and len(seen) == 1
