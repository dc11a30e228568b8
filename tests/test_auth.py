"""The rotation: one refresh per expiry, saved before it is used, for threads and processes alike."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
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
    """The practice admin, signed in and saved as profile ``acme``."""
    return sign_in(sandbox)


def test_nobody_signed_in_is_one_sentence() -> None:
    """It names the notebook to open."""
    with pytest.raises(NotSignedInError, match="01-register-and-sign-in"):
        RotatingAuth("acme")


def test_a_fresh_token_is_used_as_it_is(sandbox: Sandbox, acme: store.Profile) -> None:
    """No refresh for an hour."""
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert refreshes(sandbox) == []


def test_an_expired_token_is_refreshed_and_saved_first(sandbox: Sandbox, acme: store.Profile) -> None:
    """Two hours on, one refresh; what is on disk is what is used; the next script refreshes nothing."""
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    saved = store.load("acme")
    assert saved is not None
    assert saved.generation == 1
    assert saved.token != acme.token
    assert intent.pending(store.path("acme")) is None
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert refreshes(sandbox) == [200]


def test_sixty_one_days_away_is_one_sentence(sandbox: Sandbox, acme: store.Profile) -> None:
    """The clock of the server decides; the sentence says how long and what to do."""
    sandbox.clock.advance(61 * 86400)
    with pytest.raises(InvalidGrantError, match=r"not used for 61 days.*Sign in again"):
        boxnb.connect("acme").get("/users/me")


def test_a_revoked_pair_is_only_called_possible(sandbox: Sandbox, acme: store.Profile) -> None:
    """Nothing proves why the token was refused, so the sentence says perhaps."""
    assert acme.token is not None
    assert oauth.revoke(acme.client, acme.token)
    with pytest.raises(InvalidGrantError, match="perhaps"):
        boxnb.connect("acme").get("/users/me")


def test_the_answer_of_a_refresh_is_lost(sandbox: Sandbox, acme: store.Profile) -> None:
    """Power cut after the server rotated, before anything was saved: the old token gives the same pair."""
    assert acme.token is not None
    lost = oauth.refresh(acme.client, acme.token)
    sandbox.clock.advance(7200)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"
    assert lost.refresh_token is not None


def test_threads_share_one_refresh(sandbox: Sandbox, acme: store.Profile) -> None:
    """Eight threads meet one expired token."""
    sandbox.clock.advance(7200)
    box = boxnb.connect("acme")
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(box.get("/users/me")["type"])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["user"] * 8
    assert refreshes(sandbox) == [200]


RACER = """
import sys, boxnb
box = boxnb.connect("acme")
for line in sys.stdin:
    print(box.get("/users/me")["type"], flush=True)
"""


def test_two_processes_fifty_expiries_one_refresh_each(sandbox: Sandbox, acme: store.Profile) -> None:
    """No round loses the chain, none refreshes twice."""
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
    """A foreign server that keeps the headers it was sent."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append(dict(self.headers))
                answer(self)

            def log_message(self, *_: object) -> None:
                """Quiet: the test looks at what was seen."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def server_close(self) -> None:
        """Its thread ends first: it would ask a closed socket for ever, and slow down every test after this one."""
        self.shutdown()
        super().server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def plain(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


def unauthorized(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(401)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def test_the_token_goes_to_no_other_host(acme: store.Profile) -> None:
    """Another port is another host; it is refused before anything is sent, unless it was granted."""
    box = boxnb.connect("acme")
    with Recorder(plain) as other:
        with pytest.raises(HostNotAllowedError, match="own server's hosts only"):
            box.session.get(other.url)
        assert other.seen == []
        box.session.auth.grant(other.url)
        assert box.session.get(other.url).ok
        assert other.seen[0]["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize("answer", [plain, unauthorized])
def test_redirects_are_followed_bare(
    acme: store.Profile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Callable[..., None]
) -> None:
    """Neither the token, nor Box's headers, nor credentials of .netrc reach where a redirect points."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Recorder(answer) as other:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{other.url}/download")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with Recorder(redirect) as own:
            box = boxnb.connect("acme")
            box.session.auth.grant(own.url)
            box.session.get(own.url, headers={"As-User": "17", "BoxApi": "shared_link=x"})
            assert own.seen[0]["As-User"] == "17"
        assert len(other.seen) == 1
        assert not other.seen[0].keys() & {"Authorization", "As-User", "BoxApi"}


def test_a_second_401_is_final(acme: store.Profile) -> None:
    """One refresh, one repeat, then a sentence."""
    with Recorder(unauthorized) as own:
        box = boxnb.connect("acme")
        box.session.auth.grant(own.url)
        with pytest.raises(AccessTokenRejectedError, match="even after a refresh"):
            box.get(own.url)
        assert len(own.seen) == 2
        assert own.seen[0]["Authorization"] != own.seen[1]["Authorization"]


def test_a_plain_requests_script_uses_the_same_sign_in(sandbox: Sandbox, acme: store.Profile) -> None:
    """Three lines, no session of ours."""
    url = sandbox.server()["api_url"] + "/users/me"
    sandbox.clock.advance(7200)
    assert requests.get(url, auth=RotatingAuth("acme"), timeout=10).json()["type"] == "user"
    assert refreshes(sandbox) == [200]


def test_sign_out_revokes_then_forgets(sandbox: Sandbox, acme: store.Profile) -> None:
    """The pair is dead at the server and gone from the disk; the app stays registered."""
    assert "revoked and is deleted" in boxnb.sign_out("acme")
    saved = store.load("acme")
    assert saved is not None
    assert saved.token is None
    assert acme.token is not None
    with pytest.raises(InvalidGrantError):
        oauth.refresh(acme.client, acme.token)
    assert "Nobody is signed in" in boxnb.sign_out("acme")


def test_sign_out_with_a_full_disk_says_what_is_left_of_it(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is revoked by then; the file that still holds it is named."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("pathlib.Path.replace", full)
        with pytest.raises(TokenStoreError, match="revoked and no longer works, but it is still"):
            boxnb.sign_out("acme")
    assert "had already been revoked" in boxnb.sign_out("acme")


def test_sign_out_without_a_server_tells_the_truth(sandbox: Sandbox, acme: store.Profile) -> None:
    """The token may still work, so it is kept and the sentence says so."""
    sandbox.stop()
    assert "Not signed out" in boxnb.sign_out("acme")
    assert store.load("acme") == acme


def test_nothing_secret_stands_in_an_error_or_the_journal(sandbox: Sandbox, acme: store.Profile) -> None:
    """Searched for both tokens and the client secret."""
    assert acme.token is not None and acme.token.refresh_token is not None
    secrets = [acme.token.access_token, acme.token.refresh_token, acme.client.client_secret]
    oauth.revoke(acme.client, acme.token)
    with pytest.raises(InvalidGrantError) as caught:
        boxnb.connect("acme").get("/users/me")
    intent.begin(store.path("acme"), generation=0, fingerprint=acme.token.fingerprint, now=0.0)
    texts = [
        "".join(map(str, (caught.value, caught.value.__cause__, repr(acme), repr(boxnb.connect("acme"))))),
        json.dumps(sandbox.record()),
        intent.path(store.path("acme")).read_text(),
    ]
    assert not [text for text in texts for secret in secrets if secret.reveal() in text]


def test_a_crash_in_mid_refresh_under_strict_rotation_is_named(tmp_path: Path) -> None:
    """The journal of the process that died names it; the old token is gone at a strict server."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "strict", rotation="strict") as strict:
        profile = sign_in(strict)
        token = profile.token
        assert token is not None
        intent.begin(store.path("acme"), generation=0, fingerprint=token.fingerprint, now=0.0)
        oauth.refresh(profile.client, token)
        strict.clock.advance(7200)
        with pytest.raises(InvalidGrantError, match=f"cut off .*process {os.getpid()} on"):
            boxnb.connect("acme").get("/users/me")
        assert store.load("acme") == profile


def test_an_answer_that_drips_is_given_up_and_asked_for_again(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte by byte for longer than patience: the same refresh again gives the same pair."""
    monkeypatch.setattr(endpoint, "PATIENCE", 0.3)
    sandbox.clock.advance(7200)
    sandbox.faults.add("/oauth2/token", "drip", seconds=0.2)
    waits: list[float] = []
    auth = RotatingAuth("acme", sleep=waits.append)
    url = sandbox.server()["api_url"] + "/users/me"
    assert requests.get(url, auth=auth, timeout=10).json()["type"] == "user"
    assert waits == [0.5]
    assert store.load("acme") != acme


def test_a_file_system_without_locks_is_told(acme: store.Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network folders have none; going on without would be a gamble with the chain."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(TokenStoreError, match="no locks"), store.lock("acme"):
        pass


def test_no_secret_is_written_anywhere(
    sandbox: Sandbox, acme: store.Profile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every secret there was, searched byte by byte in every file but the profile, in logs and in tracebacks."""
    known: list[str] = []
    told: list[str] = []

    def learn() -> None:
        saved = store.load("acme")
        assert saved is not None
        assert saved.token is not None
        known.extend([saved.token.access_token.reveal(), saved.client.client_secret.reveal()])
        assert saved.token.refresh_token is not None
        known.append(saved.token.refresh_token.reveal())

    caplog.set_level(logging.DEBUG)
    learn()
    for kind in ("", "lost_token", "html", "truncated", "500", "conflict", "429", "reset_before"):
        sandbox.clock.advance(7200)
        if kind:
            sandbox.faults.add("/oauth2/token", kind, times=9)
        try:
            requests.get(
                sandbox.server()["api_url"] + "/users/me",
                auth=RotatingAuth("acme", sleep=lambda _: None),
                timeout=10,
            )
        except BoxNotebookError as error:
            told.append("".join(traceback.format_exception(error)))
        sandbox.faults.clear()
        boxnb.connect("acme").users()
        learn()
    told += [caplog.text, repr(boxnb.status()), repr(boxnb.connect("acme")), str(boxnb.doctor("acme"))]
    told += [boxnb.sign_out("acme"), json.dumps(sandbox.record())]
    assert len(set(known)) > 10
    files = [file for file in store.home().rglob("*") if file.is_file() and file != store.path("acme")]
    assert len(files) >= 3
    texts = [*told, *(file.read_bytes().decode("latin-1") for file in files)]
    assert [text[:80] for text in texts for secret in set(known) if secret in text] == []


def test_no_proxy_is_asked_for_this_computer(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company proxy could not reach the sandbox, and would see its secrets."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Recorder(plain) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sandbox.clock.advance(7200)
        assert boxnb.connect("acme").get("/users/me")["type"] == "user"
        assert "revoked" in boxnb.sign_out("acme")
        assert proxy.seen == []


def test_a_clock_that_was_set_right_ends_no_sign_in(sandbox: Sandbox, acme: store.Profile) -> None:
    """A skew of 90 days was saved, then somebody corrected the clock: only the server may say it is over."""
    store.save(dataclasses.replace(acme, skew=90 * 86400.0))
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_a_newer_pair_saved_during_the_refusal_is_taken(
    sandbox: Sandbox, acme: store.Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older script rotated while our request was under way: look once more before asking anybody."""
    sandbox.clock.advance(7200)
    real = oauth.refresh

    def elsewhere_first(client: oauth.Client, token: object, **options: object) -> object:
        monkeypatch.setattr(oauth, "refresh", real)
        assert acme.token is not None
        theirs = real(acme.client, acme.token)
        headers = {"Authorization": f"Bearer {theirs.access_token.reveal()}"}
        assert requests.get(sandbox.server()["api_url"] + "/users/me", headers=headers, timeout=10).ok
        store.save(acme.refreshed(theirs, 0.0))
        return real(client, token, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(oauth, "refresh", elsewhere_first)
    assert boxnb.connect("acme").get("/users/me")["type"] == "user"


def test_nobody_reached_is_no_crash(sandbox: Sandbox, acme: store.Profile) -> None:
    """Offline at expiry leaves no journal behind, so a later refusal is not blamed on a crash."""
    sandbox.clock.advance(7200)
    auth = RotatingAuth("acme", sleep=lambda _: None)
    state = sandbox.state
    sandbox.stop()
    assert acme.token is not None
    with pytest.raises(TokenEndpointError, match="untouched"):
        auth.rotate(acme.token.access_token)
    assert state
    assert intent.pending(store.path("acme")) is None


def test_retry_after_is_obeyed_at_the_token_endpoint(sandbox: Sandbox, acme: store.Profile) -> None:
    """Within reason: half a minute at most while the lock is held."""
    sandbox.faults.add("/oauth2/token", "429", retry_after=7)
    waits: list[float] = []
    assert acme.token is not None
    RotatingAuth("acme", sleep=waits.append).rotate(acme.token.access_token)
    assert waits == [7.0]


def test_a_sign_in_without_a_refresh_token_is_told_as_that(sandbox: Sandbox, acme: store.Profile) -> None:
    """No server refused anything, so nobody is sent to look for copies or a changed password."""
    assert acme.token is not None
    store.save(dataclasses.replace(acme, token=dataclasses.replace(acme.token, refresh_token=None)))
    sandbox.clock.advance(70 * 86400)
    auth = RotatingAuth("acme")
    with pytest.raises(
        InvalidGrantError, match=r"has no refresh token, so it cannot be renewed.*Sign in again"
    ) as caught:
        auth.rotate(rejected=auth.saved_token.access_token)
    assert "perhaps" not in str(caught.value) and "password" not in str(caught.value)


def test_a_refused_refresh_repeats_the_server_s_reason(sandbox: Sandbox, acme: store.Profile) -> None:
    """What it said stands beside what is possible."""
    assert acme.token is not None
    oauth.revoke(acme.client, acme.token)
    with pytest.raises(
        InvalidGrantError, match=r'perhaps.*The practice Box says: "Invalid refresh token"'
    ) as caught:
        RotatingAuth("acme").rotate(rejected=acme.token.access_token)
    assert caught.value.description


def test_a_long_retry_after_at_the_token_endpoint_is_an_error_at_once(
    sandbox: Sandbox, acme: store.Profile
) -> None:
    """It says when to come back; the sign-in stays as it was, and nobody waits with the lock held."""
    assert acme.token is not None
    sandbox.faults.add("/oauth2/token", "429", retry_after=600)
    waits: list[float] = []
    with pytest.raises(TokenEndpointError, match=r"\(429.*Try again after .*\d\d:\d\d") as caught:
        RotatingAuth("acme", sleep=waits.append).rotate(acme.token.access_token)
    assert waits == [] and caught.value.retry_after == 600
    RotatingAuth("acme").rotate(acme.token.access_token)
