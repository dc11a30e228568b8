"""The session: bounded retries, a ledger of every request, and errors that say what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from signing import practice_client, sign_in

from boxnb import oauth, redaction, store
from boxnb.api.failures import api_error, endpoint
from boxnb.api.session import ATTEMPTS, BoxSession
from boxnb.auth import RotatingAuth
from boxnb.errors import (
    ApiError,
    BoxUnavailableError,
    ForbiddenError,
    NetworkError,
    NotFoundError,
    RateLimitError,
    TokenEndpointError,
    WaitNotice,
)
from boxnb.sandbox import Sandbox


class Time:
    """A clock that advances only when something waits, and records the waits."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def waits(time: Time) -> list[float]:
    """Return the seconds that the session waited; the test itself does not wait."""
    return time.waits


@pytest.fixture
def session(sandbox: Sandbox, time: Time) -> BoxSession:
    sign_in(sandbox)
    return BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)


def statuses(session: BoxSession) -> list[int]:
    return [call["status"] for call in session.calls]


def test_a_path_is_relative_to_the_api(session: BoxSession) -> None:
    """A path works with or without its first slash, and a full URL is used unchanged."""
    for path in ("/users/me", "users/me", session.url("/users/me")):
        assert session.get(path).json()["type"] == "user"


def test_retry_after_is_obeyed(sandbox: Sandbox, session: BoxSession, waits: list[float]) -> None:
    """After a 429 the session waits as long as the header says, or backs off without one; the ledger counts each call."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=7)
    sandbox.faults.add("/2.0/users/me", "429")
    assert session.get_json("/users/me")["type"] == "user"
    assert waits == [7.0, 2.0]
    assert statuses(session) == [429, 429, 200]


def test_a_very_long_wait_is_an_error(sandbox: Sandbox, session: BoxSession, waits: list[float]) -> None:
    """A Retry-After of one hour raises an error immediately, instead of a wait."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=3600)
    with pytest.raises(RateLimitError, match=r"rate limit.*asks you to wait 60 minutes") as caught:
        session.get_json("/users/me")
    assert caught.value.retry_after == 3600
    assert waits == []


@pytest.mark.parametrize("fault", ["500", "502", "503", "reset_before", "reset_after"])
def test_a_read_is_retried(sandbox: Sandbox, session: BoxSession, fault: str) -> None:
    """A read that fails twice succeeds at the third attempt."""
    sandbox.faults.add("/2.0/users/me", fault, times=2)
    assert session.get_json("/users/me")["type"] == "user"
    assert len(session.calls) == 3


def test_retries_are_bounded(sandbox: Sandbox, session: BoxSession, waits: list[float]) -> None:
    """The fifth failed attempt raises the error."""
    sandbox.faults.add("/2.0/users/me", "503", times=100)
    with pytest.raises(BoxUnavailableError, match="No usable response: 503") as caught:
        session.get_json("/users/me")
    assert len(session.calls) == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1
    assert caught.value.status == 503


def test_a_write_is_not_retried_after_a_lost_response(sandbox: Sandbox, session: BoxSession) -> None:
    """Box may have done the write, unless it returned 429."""
    sandbox.faults.add("/2.0/users*", "reset_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        session.post("/users", json={"name": "Nobody", "login": "nobody@example.com"})
    sandbox.faults.clear()
    sandbox.faults.add("/2.0/users*", "503", method="POST")
    assert session.post("/users", json={}).status_code == 503
    sandbox.faults.add("/2.0/users*", "429", method="POST", retry_after=1)
    assert session.post("/users", json={}).status_code != 429


def test_a_write_that_never_connected_is_retried(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """Without a connection no attempt can have changed anything."""
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        session.post("/users", json={})
    assert len(session.calls) == ATTEMPTS


def test_a_retry_sends_the_whole_file(sandbox: Sandbox, session: BoxSession, tmp_path: Path) -> None:
    """A retry reads the file from its original position; content that can be read only once is sent only once."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"skip these twenty:  all my data")
    url = session.auth.profile.client.server.upload_url + "/files/content"
    form = {"attributes": json.dumps({"name": "again.txt", "parent": {"id": "0"}})}
    sandbox.faults.add("/api/2.0/files/content", "429", method="POST", retry_after=1)
    with path.open("rb") as file:
        file.seek(20)
        response = session.post(url, data=form, files={"file": ("again.txt", file)})
    assert response.status_code == 201
    assert session.get(f"/files/{response.json()['entries'][0]['id']}/content").content == b"all my data"
    assert statuses(session)[:2] == [429, 201]
    sandbox.faults.add("/2.0/users*", "429", method="POST", retry_after=1)
    assert session.post("/users", data=iter([b"{}"])).status_code == 429


def test_a_proxy_page_is_recognized(sandbox: Sandbox, session: BoxSession) -> None:
    """HTML with status 200 is not a response from Box."""
    sandbox.faults.add("/2.0/users/me", "html")
    with pytest.raises(BoxUnavailableError, match=r"text/html.*company proxy"):
        session.get_json("/users/me")


def test_a_missing_item_and_an_unsupported_call_have_different_errors(session: BoxSession) -> None:
    """A missing item gives 404, and a call that the sandbox does not support gives 501."""
    with pytest.raises(NotFoundError, match="cannot see it") as caught:
        session.get_json("/users/1")
    assert caught.value.request_id
    with pytest.raises(ApiError, match="does not support this call"):
        session.get_json("/no/such/path")


def test_a_missing_scope_is_reported_with_both_steps(sandbox: Sandbox) -> None:
    """The message says to tick the scope and to sign in again."""
    app = sandbox.register_app("narrow", ["http://127.0.0.1/callback"], scopes=["root_readonly"])
    client = oauth.Client(
        app["client_id"], app["client_secret"], "http://127.0.0.1/callback", oauth.Server(**sandbox.server())
    )
    sign_in(sandbox, client=client)
    with pytest.raises(ForbiddenError, match=r"lacks a scope.*Tick 'Manage users' in.*sign in again"):
        BoxSession(RotatingAuth("acme")).get_json("/users")


FAILURES: list[Callable[[Sandbox], object]] = [
    lambda sandbox: sandbox.faults.add("/oauth2/token", "lost_token"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "reset_before"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "truncated"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "conflict"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "429"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "500", times=3),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "html"),
]


@pytest.mark.parametrize(
    "add_fault", FAILURES, ids=["lost", "reset", "truncated", "409", "429", "500x3", "html"]
)
def test_a_failed_refresh_does_not_lose_the_sign_in(
    sandbox: Sandbox, session: BoxSession, add_fault: Callable[[Sandbox], object]
) -> None:
    """Until the new pair is used, Box returns the same pair for the same refresh token, so boxnb can repeat the refresh."""
    sandbox.clock.advance(7200)
    add_fault(sandbox)
    assert session.get_json("/users/me")["type"] == "user"
    sandbox.clock.advance(7200)
    assert session.get_json("/users/me")["type"] == "user"


def test_a_stopped_sandbox_is_reported(sandbox: Sandbox, session: BoxSession) -> None:
    """The message says what to do, the original exception is its cause, and the retries end."""
    sandbox.stop()
    with pytest.raises(NetworkError, match="The sandbox has stopped") as caught:
        session.get_json("/users/me")
    assert isinstance(caught.value.__cause__, requests.ConnectionError)
    assert len(session.calls) == ATTEMPTS


def test_a_refresh_that_keeps_failing_does_not_lose_the_sign_in(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """The refresh is retried a few times, the call that needed it is not, and the saved sign-in stays."""
    saved = store.load("acme")
    sandbox.clock.advance(7200)
    session.get("/users/1")
    sandbox.faults.add("/oauth2/token", "reset_before", times=1000)
    sandbox.clock.advance(7200)
    waits.clear()
    with pytest.raises(TokenEndpointError, match="unchanged"):
        session.get_json("/users/me")
    assert len(waits) == 4
    assert store.load("acme") != saved


def test_no_message_contains_a_download_url(session: BoxSession) -> None:
    """The rule holds for URLs of Box and of the sandbox."""
    for url in ("https://dl.boxcloud.com/d/1/b1!Abc/download", "http://127.0.0.1:1/dl/1/2/3/secret"):
        assert endpoint(url) == "/download"
        assert "Abc" not in redaction.redact(
            f'{urlsplit(url).hostname}:443 "GET {urlsplit(url).path} HTTP/1.1" 200'
        )
    me = session.get("/users/me")
    me.url, me.status_code = "https://dl.boxcloud.com/d/1/b1!Abc/download", 404
    assert "Abc" not in str(api_error(me))


def test_an_unusable_local_file_is_reported_with_its_path(session: BoxSession) -> None:
    """The error is a NetworkError with the path in its message."""
    session.get("/users/me")
    folder = store.home() / "pace"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("")
    with pytest.raises(NetworkError, match=re.escape(str(folder))):
        session.call("GET", "/users/me")


def test_memberships_of_a_user_need_another_scope(sandbox: Sandbox) -> None:
    """A call proves or refutes only its own scope."""
    client = practice_client(sandbox)
    sandbox.change_app(client.client_id, scopes=["root_readonly", "manage_managed_users"])
    sign_in(sandbox)
    session = BoxSession(RotatingAuth("acme"))
    user_id = session.get_json("/users", limit=1)["entries"][0]["id"]
    with pytest.raises(ForbiddenError, match="Manage groups"):
        session.get_json(f"/users/{user_id}/memberships")
    assert session.ledger.scopes() == {"manage_managed_users": "proved", "manage_groups": "refused"}


def test_similar_calls_are_counted_together() -> None:
    """Ids in a URL become `:id`."""
    assert endpoint("https://api.box.com/2.0/users/123/memberships?limit=1") == "/2.0/users/:id/memberships"
    assert endpoint("https://upload.box.com/api/2.0/files/upload_sessions/65230CDB8866EF36/commit") == (
        "/api/2.0/files/upload_sessions/:id/commit"
    )


# Announcements of waits.


def test_a_long_wait_is_announced_before_it_begins(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """The announcement is a warning, or a line for `on_wait`; shorter waits are not announced."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=90)
    with pytest.warns(
        WaitNotice,
        match=r"The sandbox asked boxnb to wait: waiting 90 seconds, continuing after .*\d\d:\d\d:\d\d",
    ):
        session.get_json("/users/me")
    assert waits[0] == 90
    announced: list[str] = []
    session.on_wait = announced.append
    sandbox.faults.add("/2.0/users/me", "429", retry_after=2)
    session.get_json("/users/me")
    assert announced == []
    sandbox.faults.add("/2.0/users/me", "503", times=4)
    session.get_json("/users/me")
    assert [line.partition(",")[0] for line in announced] == [
        "The sandbox returned 503 on attempt 3 of 5: waiting 4 seconds",
        "The sandbox returned 503 on attempt 4 of 5: waiting 8 seconds",
    ]


def test_a_pause_that_an_earlier_call_caused_is_announced(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """The next call announces the pause and is sent anyway, because the server decides."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=600)
    with pytest.raises(RateLimitError, match="asks you to wait 10 minutes"):
        session.get_json("/users/me")
    with pytest.warns(
        WaitNotice,
        match=r"After an earlier call, the sandbox asked boxnb to wait 10 minutes.*after .*\d\d:\d\d",
    ):
        assert session.get_json("/users/me")["type"] == "user"
    assert sum(waits) < 1


def test_threads_announce_a_shared_wait_once(sandbox: Sandbox, session: BoxSession) -> None:
    """Eight waiting threads produce one line."""
    announced: list[str] = []
    session.on_wait = announced.append
    session.get_json("/users/me")
    session._limits_for(session.url("/users/me"), {})[0].pause_all(60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: session.get_json("/users/me"), range(8)))
    assert len(announced) == 1 and "waiting 60 seconds" in announced[0]


OTHER_PROCESS = """
import warnings
from boxnb.auth import RotatingAuth
from boxnb.api.session import BoxSession
warnings.simplefilter("always")
session = BoxSession(RotatingAuth("acme"), sleep=lambda seconds: print("slept", round(seconds)))
print(session.get_json("/users/me")["type"])
"""


def test_another_process_announces_the_pause(sandbox: Sandbox) -> None:
    """All processes of a profile share the pause in a file."""
    sign_in(sandbox)
    session = BoxSession(RotatingAuth("acme"))
    session.get_json("/users/me")
    session._limits_for(session.url("/users/me"), {})[0].pause_all(900)
    process = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS], capture_output=True, text=True, check=True, timeout=60
    )
    assert "asked boxnb to wait 15 minutes" in process.stderr and "WaitNotice" in process.stderr
    assert process.stdout.splitlines()[-1] == "user" and "slept 9" not in process.stdout
