"""Refreshing the access token: once per expiry, saved before it is used, for threads and processes."""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from answering import http, raw
from posix_modules import fcntl
from signing import refreshes, sign_in

import boxnb
from boxnb import oauth, store
from boxnb.auth import RotatingAuth
from boxnb.errors import (
    AccessTokenRejectedError,
    BoxNotebookError,
    HostNotAllowedError,
    InvalidGrantError,
    NotSignedInError,
    TokenEndpointError,
    TokenStoreError,
)
from boxnb.oauth import endpoint
from boxnb.sandbox import Sandbox
from boxnb.store import intent


@pytest.fixture
def acme(sandbox: Sandbox) -> store.Profile:
    """Return the profile `acme`, signed in as the practice admin."""
    return sign_in(sandbox)


def test_without_a_sign_in_the_error_names_the_command() -> None:
    """The error says how to sign in."""
    with pytest.raises(NotSignedInError, match="boxnb sign-in "):
        RotatingAuth("acme")


def test_a_valid_token_is_used_without_a_refresh(sandbox: Sandbox, acme: store.Profile) -> None:
    """A valid access token is used without a refresh."""
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert refreshes(sandbox) == []


def test_an_expired_token_is_refreshed_once_and_saved(sandbox: Sandbox, acme: store.Profile) -> None:
    """After two hours there is one refresh, and the next process uses the saved pair."""
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    saved = store.load("acme")
    assert saved is not None
    assert saved.generation == 1
    assert saved.token != acme.token
    assert intent.pending(store.path("acme")) is None
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert refreshes(sandbox) == [200]


def test_a_sign_in_that_was_not_used_for_61_days_is_reported(sandbox: Sandbox, acme: store.Profile) -> None:
    """After 61 days by the server's clock, the error says how long the sign-in was not used and what to do."""
    sandbox.clock.advance(61 * 86400)
    with pytest.raises(InvalidGrantError, match=r"has not been used for 61 days.*Sign in again"):
        boxnb.connect("acme").get("/users/me")


def test_the_error_for_a_revoked_pair_names_possible_causes(sandbox: Sandbox, acme: store.Profile) -> None:
    """The cause of the refusal is not certain, so the error says "perhaps"."""
    assert acme.token is not None
    assert oauth.revoke(acme.client, acme.token)
    with pytest.raises(InvalidGrantError, match="Perhaps"):
        boxnb.connect("acme").get("/users/me")


def test_a_lost_response_to_a_refresh_does_not_lose_the_sign_in(
    sandbox: Sandbox, acme: store.Profile
) -> None:
    """If the response to a refresh was never saved, the server returns the same pair for the old token."""
    assert acme.token is not None
    unsaved = oauth.refresh(acme.client, acme.token)
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert unsaved.refresh_token is not None


def test_threads_share_one_refresh(sandbox: Sandbox, acme: store.Profile) -> None:
    """Eight threads with one expired token refresh it once."""
    sandbox.clock.advance(7200)
    box = boxnb.connect("acme")
    types: list[str] = []
    threads = [threading.Thread(target=lambda: types.append(box.get("/users/me")["type"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert types == ["user"] * 8
    assert refreshes(sandbox) == [200]


RACER = """
import sys, boxnb
box = boxnb.connect("acme")
for line in sys.stdin:
    print(box.get("/users/me")["type"], flush=True)
"""


def test_two_processes_refresh_once_for_each_of_fifty_expiries(sandbox: Sandbox, acme: store.Profile) -> None:
    """The token expires fifty times. Each time, the two processes refresh it once, and the sign-in is never lost."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(2)
    ]
    try:
        for _ in range(50):
            sandbox.clock.advance(7200)
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write("go\n")
                racer.stdin.flush()
            for racer in racers:
                assert racer.stdout is not None
                assert racer.stdout.readline() == "user\n"
    finally:
        for racer in racers:
            racer.communicate()
    assert refreshes(sandbox) == [200] * 50


class Recorder(ThreadingHTTPServer):
    """A server that records the headers of each request."""

    def __init__(self, respond: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.received: list[dict[str, str]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                recorder.received.append(dict(self.headers))
                respond(self)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def server_close(self) -> None:
        """Stop the thread first. With a closed socket it would loop forever and slow down the next tests."""
        self.shutdown()
        super().server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def ok_response(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


def unauthorized_response(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(401)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def test_the_token_is_not_sent_to_another_host(acme: store.Profile) -> None:
    """A server on another port counts as another host, and receives no request unless it was granted."""
    box = boxnb.connect("acme")
    with Recorder(ok_response) as other:
        with pytest.raises(HostNotAllowedError, match="sent only to its own server's hosts"):
            box.session.get(other.url)
        assert other.received == []
        box.session.auth.grant(other.url)
        assert box.session.get(other.url).ok
        assert other.received[0]["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize("respond", [ok_response, unauthorized_response])
def test_redirects_are_followed_without_credentials(
    acme: store.Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, respond: Callable[..., None]
) -> None:
    """A redirect is followed without the token, Box's headers or credentials from .netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Recorder(respond) as other:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{other.url}/download")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with Recorder(redirect) as own:
            box = boxnb.connect("acme")
            box.session.auth.grant(own.url)
            box.session.get(own.url, headers={"As-User": "17", "BoxApi": "shared_link=x"})
            assert own.received[0]["As-User"] == "17"
        assert len(other.received) == 1
        assert not other.received[0].keys() & {"Authorization", "As-User", "BoxApi"}


def test_a_second_401_is_final(acme: store.Profile) -> None:
    """After one refresh and one retry, a 401 is an error."""
    with Recorder(unauthorized_response) as own:
        box = boxnb.connect("acme")
        box.session.auth.grant(own.url)
        with pytest.raises(AccessTokenRejectedError, match="even after a refresh"):
            box.get(own.url)
        assert len(own.received) == 2
        assert own.received[0]["Authorization"] != own.received[1]["Authorization"]


def test_a_plain_requests_script_uses_the_same_sign_in(sandbox: Sandbox, acme: store.Profile) -> None:
    """A script needs only requests and RotatingAuth."""
    url = sandbox.server()["api_url"] + "/users/me"
    sandbox.clock.advance(7200)
    assert requests.get(url, auth=RotatingAuth("acme"), timeout=10).json()["type"] == "user"
    assert refreshes(sandbox) == [200]


def test_sign_out_revokes_and_deletes_the_pair(sandbox: Sandbox, acme: store.Profile) -> None:
    """The token pair is revoked and deleted, and the app stays registered."""
    assert "revoked and is deleted" in boxnb.sign_out("acme")
    saved = store.load("acme")
    assert saved is not None
    assert saved.token is None
    assert acme.token is not None
    with pytest.raises(InvalidGrantError):
        oauth.refresh(acme.client, acme.token)
    assert "Nobody is signed in" in boxnb.sign_out("acme")


def test_sign_out_with_a_full_disk_names_the_file_with_the_token(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is revoked, and the error names the file that still contains it."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("pathlib.Path.replace", full)
        with pytest.raises(TokenStoreError, match="revoked and no longer works, but it is still"):
            boxnb.sign_out("acme")
    assert "had already been revoked" in boxnb.sign_out("acme")


def test_sign_out_without_a_server_does_not_delete_the_token(sandbox: Sandbox, acme: store.Profile) -> None:
    """The token may still be valid, so it stays saved, and the message says that the user is not signed out."""
    sandbox.stop()
    assert "Not signed out" in boxnb.sign_out("acme")
    assert store.load("acme") == acme


def test_no_secret_is_in_an_error_or_the_journal(sandbox: Sandbox, acme: store.Profile) -> None:
    """No token and no client secret is in an error, the sandbox's record or the journal."""
    assert acme.token is not None and acme.token.refresh_token is not None
    secrets = [acme.token.access_token, acme.token.refresh_token, acme.client.client_secret]
    oauth.revoke(acme.client, acme.token)
    with pytest.raises(InvalidGrantError) as caught:
        boxnb.connect("acme").get("/users/me")
    intent.begin(store.path("acme"), generation=0, fingerprint=acme.token.fingerprint, now=0.0)
    outputs = [
        "".join(map(str, (caught.value, caught.value.__cause__, repr(acme), repr(boxnb.connect("acme"))))),
        json.dumps(sandbox.record()),
        intent.path(store.path("acme")).read_text(),
    ]
    assert not [output for output in outputs for secret in secrets if secret.reveal() in output]


def test_a_crash_during_a_refresh_is_named(tmp_path: Path) -> None:
    """A strict server no longer accepts the old token. The error names the process that died, which the journal recorded."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as strict:
        profile = sign_in(strict)
        token = profile.token
        assert token is not None
        intent.begin(store.path("acme"), generation=0, fingerprint=token.fingerprint, now=0.0)
        oauth.refresh(profile.client, token)
        strict.clock.advance(7200)
        with pytest.raises(InvalidGrantError, match=f"interrupted .*process {os.getpid()} on"):
            boxnb.connect("acme").get("/users/me")
        assert store.load("acme") == profile


def test_a_refresh_is_repeated_after_a_slow_response(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that arrives too slowly is abandoned, and the repeated refresh returns the same pair."""
    monkeypatch.setattr(endpoint, "PATIENCE", 0.3)
    sandbox.clock.advance(7200)
    sandbox.faults.add("/oauth2/token", "drip", seconds=0.2)
    waits: list[float] = []
    auth = RotatingAuth("acme", sleep=waits.append)
    url = sandbox.server()["api_url"] + "/users/me"
    assert requests.get(url, auth=auth, timeout=10).json()["type"] == "user"
    assert waits == [0.5]
    assert store.load("acme") != acme


def test_a_file_system_without_locks_is_reported(
    acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems do not support locks, and without a lock a sign-in could be lost."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(TokenStoreError, match="does not support locks"), store.lock("acme"):
        pass


def test_no_secret_is_written_anywhere(
    sandbox: Sandbox, acme: store.Profile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No secret is in any file except the profile, nor in logs or tracebacks."""
    secrets: list[str] = []
    outputs: list[str] = []

    def remember_secrets() -> None:
        saved = store.load("acme")
        assert saved is not None
        assert saved.token is not None
        secrets.extend([saved.token.access_token.reveal(), saved.client.client_secret.reveal()])
        assert saved.token.refresh_token is not None
        secrets.append(saved.token.refresh_token.reveal())

    caplog.set_level(logging.DEBUG)
    remember_secrets()
    for fault in ("", "lost_token", "html", "truncated", "500", "conflict", "429", "reset_before"):
        sandbox.clock.advance(7200)
        if fault:
            sandbox.faults.add("/oauth2/token", fault, times=9)
        try:
            requests.get(
                sandbox.server()["api_url"] + "/users/me",
                auth=RotatingAuth("acme", sleep=lambda _: None),
                timeout=10,
            )
        except BoxNotebookError as error:
            outputs.append("".join(traceback.format_exception(error)))
        sandbox.faults.clear()
        boxnb.connect("acme").users()
        remember_secrets()
    outputs += [caplog.text, repr(boxnb.status()), repr(boxnb.connect("acme")), str(boxnb.doctor("acme"))]
    outputs += [boxnb.sign_out("acme"), json.dumps(sandbox.record())]
    assert len(set(secrets)) > 10
    files = [file for file in store.home().rglob("*") if file.is_file() and file != store.path("acme")]
    assert len(files) >= 3
    outputs += [file.read_bytes().decode("latin-1") for file in files]
    assert [output[:80] for output in outputs for secret in set(secrets) if secret in output] == []


def test_requests_to_this_computer_use_no_proxy(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company proxy could not reach the sandbox, and would see its secrets."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Recorder(ok_response) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sandbox.clock.advance(7200)
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"
        assert "revoked" in boxnb.sign_out("acme")
        assert proxy.received == []


def test_a_corrected_clock_does_not_end_the_sign_in(sandbox: Sandbox, acme: store.Profile) -> None:
    """After the clock was corrected, a saved skew of 90 days does not end the sign-in: only the server decides."""
    store.save(dataclasses.replace(acme, skew=90 * 86400.0))
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_refresh_without_a_date_keeps_the_known_skew(acme: store.Profile) -> None:
    """If a token endpoint sends no ``Date``, the new access token does not look older than it is."""
    pair = {"access_token": "a2" * 16, "refresh_token": "r2" * 16, "expires_in": 3600}
    with raw(http(200, pair)) as port:
        server = oauth.Server("fake", *[f"http://127.0.0.1:{port}"] * 5)
        assert acme.token is not None
        expired = dataclasses.replace(acme.token, expires_in=0.0)
        client = dataclasses.replace(acme.client, server=server)
        store.save(dataclasses.replace(acme, client=client, token=expired, skew=7200.0))
        auth = RotatingAuth("acme")
        assert auth.token().minutes_left(auth.now()) in (59, 60)
    saved = store.load("acme")
    assert saved is not None
    assert saved.skew == pytest.approx(7200, abs=60)


def test_a_newer_pair_saved_during_a_refusal_is_used(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an older script refreshed at the same time, its saved pair is used after the refusal."""
    sandbox.clock.advance(7200)
    real = oauth.refresh

    def refresh_elsewhere_first(client: oauth.Client, token: object, **options: object) -> object:
        monkeypatch.setattr(oauth, "refresh", real)
        assert acme.token is not None
        other_pair = real(acme.client, acme.token)
        headers = {"Authorization": f"Bearer {other_pair.access_token.reveal()}"}
        assert requests.get(sandbox.server()["api_url"] + "/users/me", headers=headers, timeout=10).ok
        store.save(acme.renewed(other_pair, 0.0))
        return real(client, token, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(oauth, "refresh", refresh_elsewhere_first)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_no_journal_remains_if_the_server_is_unreachable(sandbox: Sandbox, acme: store.Profile) -> None:
    """The journal of a refresh without a network is deleted, so that a later refusal is not blamed on a crash."""
    sandbox.clock.advance(7200)
    auth = RotatingAuth("acme", sleep=lambda _: None)
    state = sandbox.state
    sandbox.stop()
    assert acme.token is not None
    with pytest.raises(TokenEndpointError, match="saved sign-in is unchanged"):
        auth.rotate(acme.token.access_token)
    assert state
    assert intent.pending(store.path("acme")) is None


def test_retry_after_is_obeyed_at_the_token_endpoint(sandbox: Sandbox, acme: store.Profile) -> None:
    """While it holds the lock, boxnb waits as long as the server asks, up to half a minute."""
    sandbox.faults.add("/oauth2/token", "429", retry_after=7)
    waits: list[float] = []
    assert acme.token is not None
    RotatingAuth("acme", sleep=waits.append).rotate(acme.token.access_token)
    assert waits == [7.0]


def test_a_sign_in_without_a_refresh_token_is_reported(sandbox: Sandbox, acme: store.Profile) -> None:
    """The error mentions the missing refresh token, but neither copies of the profile nor a changed password."""
    assert acme.token is not None
    store.save(dataclasses.replace(acme, token=dataclasses.replace(acme.token, refresh_token=None)))
    sandbox.clock.advance(70 * 86400)
    auth = RotatingAuth("acme")
    with pytest.raises(
        InvalidGrantError,
        match=r"has no refresh token, and its access token has expired or was refused.*Sign in again",
    ) as caught:
        auth.rotate(rejected=auth.saved_token.access_token)
    assert "Perhaps" not in str(caught.value) and "password" not in str(caught.value)


def test_a_refused_refresh_repeats_the_server_s_reason(sandbox: Sandbox, acme: store.Profile) -> None:
    """The error quotes the server's reason after the possible causes."""
    assert acme.token is not None
    oauth.revoke(acme.client, acme.token)
    with pytest.raises(
        InvalidGrantError, match=r'Perhaps.*The sandbox says: "Invalid refresh token"'
    ) as caught:
        RotatingAuth("acme").rotate(rejected=acme.token.access_token)
    assert caught.value.description


def test_a_long_retry_after_at_the_token_endpoint_is_an_immediate_error(
    sandbox: Sandbox, acme: store.Profile
) -> None:
    """The error says when to try again, the sign-in is unchanged, and boxnb does not wait while it holds the lock."""
    assert acme.token is not None
    sandbox.faults.add("/oauth2/token", "429", retry_after=600)
    waits: list[float] = []
    with pytest.raises(TokenEndpointError, match=r"\(429.*Try again after .*\d\d:\d\d") as caught:
        RotatingAuth("acme", sleep=waits.append).rotate(acme.token.access_token)
    assert waits == [] and caught.value.retry_after == 600
    RotatingAuth("acme").rotate(acme.token.access_token)
