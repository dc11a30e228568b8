"""One call: bounded repeats, a ledger that sees each, and errors that help."""

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
from boxnb.api.session import ATTEMPTS, BoxSession, api_error, endpoint
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
    """A clock that only waiting moves; what was waited for is kept."""

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
    """The seconds the session asked to wait; none is really waited."""
    return time.waits


@pytest.fixture
def session(sandbox: Sandbox, time: Time) -> BoxSession:
    sign_in(sandbox)
    return BoxSession(RotatingAuth("acme", sleep=time.sleep), sleep=time.sleep, clock=time)


def statuses(session: BoxSession) -> list[int]:
    return [call["status"] for call in session.calls]


def test_a_path_is_taken_below_the_api(session: BoxSession) -> None:
    """With or without its first slash; a full address stays."""
    for path in ("/users/me", "users/me", session.url("/users/me")):
        assert session.get(path).json()["type"] == "user"


def test_retry_after_is_obeyed(sandbox: Sandbox, session: BoxSession, waits: list[float]) -> None:
    """429 with a header waits what it says, without one backs off; the ledger has each call."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=7)
    sandbox.faults.add("/2.0/users/me", "429")
    assert session.get_json("/users/me")["type"] == "user"
    assert waits == [7.0, 2.0]
    assert statuses(session) == [429, 429, 200]


def test_a_wait_beyond_patience_is_not_waited(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """An hour of Retry-After is an error that says so at once."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=3600)
    with pytest.raises(RateLimitError, match=r"rate limit.*asks to wait 60 minutes") as caught:
        session.get_json("/users/me")
    assert caught.value.retry_after == 3600
    assert waits == []


@pytest.mark.parametrize("kind", ["500", "502", "503", "reset_before", "reset_after"])
def test_a_read_is_repeated(sandbox: Sandbox, session: BoxSession, kind: str) -> None:
    """Twice broken, then answered."""
    sandbox.faults.add("/2.0/users/me", kind, times=2)
    assert session.get_json("/users/me")["type"] == "user"
    assert len(session.calls) == 3


def test_repeats_are_bounded(sandbox: Sandbox, session: BoxSession, waits: list[float]) -> None:
    """After five attempts the error comes, with Box's request id."""
    sandbox.faults.add("/2.0/users/me", "503", times=100)
    with pytest.raises(BoxUnavailableError, match="No usable answer: 503") as caught:
        session.get_json("/users/me")
    assert len(session.calls) == ATTEMPTS
    assert len(waits) == ATTEMPTS - 1
    assert caught.value.status == 503


def test_a_write_is_not_repeated_after_a_lost_answer(sandbox: Sandbox, session: BoxSession) -> None:
    """It may have been done; 429 alone surely was not."""
    sandbox.faults.add("/2.0/users*", "reset_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        session.post("/users", json={"name": "Nobody", "login": "nobody@example.com"})
    sandbox.faults.clear()
    sandbox.faults.add("/2.0/users*", "503", method="POST")
    assert session.post("/users", json={}).status_code == 503
    sandbox.faults.add("/2.0/users*", "429", method="POST", retry_after=1)
    assert session.post("/users", json={}).status_code != 429


def test_a_write_that_never_connected_is_repeated(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """Nothing listens: each attempt surely did nothing."""
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        session.post("/users", json={})
    assert len(session.calls) == ATTEMPTS


def test_a_file_that_is_sent_again_is_sent_whole(
    sandbox: Sandbox, session: BoxSession, tmp_path: Path
) -> None:
    """From where it stood, not from where the first attempt left it; what can be read once is sent once."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"skip these twenty:  all my data")
    address = session.auth.profile.client.server.upload_url + "/files/content"
    wanted = {"attributes": json.dumps({"name": "again.txt", "parent": {"id": "0"}})}
    sandbox.faults.add("/api/2.0/files/content", "429", method="POST", retry_after=1)
    with path.open("rb") as file:
        file.seek(20)
        answer = session.post(address, data=wanted, files={"file": ("again.txt", file)})
    assert answer.status_code == 201
    assert session.get(f"/files/{answer.json()['entries'][0]['id']}/content").content == b"all my data"
    assert statuses(session)[:2] == [429, 201]
    sandbox.faults.add("/2.0/users*", "429", method="POST", retry_after=1)
    assert session.post("/users", data=iter([b"{}"])).status_code == 429


def test_a_proxy_page_is_called_one(sandbox: Sandbox, session: BoxSession) -> None:
    """HTML with status 200 is no answer of Box."""
    sandbox.faults.add("/2.0/users/me", "html")
    with pytest.raises(BoxUnavailableError, match=r"text/html.*company proxy"):
        session.get_json("/users/me")


def test_missing_and_unbuilt_are_told_apart(session: BoxSession) -> None:
    """404 for what is not there, 501 for what the sandbox has not."""
    with pytest.raises(NotFoundError, match="may not see it") as caught:
        session.get_json("/users/1")
    assert caught.value.request_id
    with pytest.raises(ApiError, match="does not support this call"):
        session.get_json("/no/such/path")


def test_a_missing_scope_says_which_two_steps(sandbox: Sandbox) -> None:
    """Tick the scope, then sign in again."""
    app = sandbox.register_app("narrow", ["http://127.0.0.1/callback"], scopes=["root_readonly"])
    client = oauth.Client(
        app["client_id"], app["client_secret"], "http://127.0.0.1/callback", oauth.Server(**sandbox.server())
    )
    sign_in(sandbox, client=client)
    with pytest.raises(ForbiddenError, match=r"lacks a scope.*Tick 'Manage users' in.*sign in again"):
        BoxSession(RotatingAuth("acme")).get_json("/users")


LOST: list[Callable[[Sandbox], object]] = [
    lambda sandbox: sandbox.faults.add("/oauth2/token", "lost_token"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "reset_before"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "truncated"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "conflict"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "429"),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "500", times=3),
    lambda sandbox: sandbox.faults.add("/oauth2/token", "html"),
]


@pytest.mark.parametrize("lose", LOST, ids=["lost", "reset", "truncated", "409", "429", "500x3", "html"])
def test_no_mishap_at_the_token_endpoint_loses_the_chain(
    sandbox: Sandbox, session: BoxSession, lose: Callable[[Sandbox], object]
) -> None:
    """Box answers the same refresh token with the same pair until the new one is used, so it is asked again."""
    sandbox.clock.advance(7200)
    lose(sandbox)
    assert session.get_json("/users/me")["type"] == "user"
    sandbox.clock.advance(7200)
    assert session.get_json("/users/me")["type"] == "user"


def test_no_network_is_one_sentence(sandbox: Sandbox, session: BoxSession) -> None:
    """Reading: a sentence, with what requests raised behind it; nothing is repeated for ever."""
    sandbox.stop()
    with pytest.raises(NetworkError, match="The sandbox has stopped") as caught:
        session.get_json("/users/me")
    assert isinstance(caught.value.__cause__, requests.ConnectionError)
    assert len(session.calls) == ATTEMPTS


def test_no_network_at_refresh_is_one_sentence(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """The refresh is repeated a few times, the call around it is not, and the saved sign-in stays."""
    saved = store.load("acme")
    sandbox.clock.advance(7200)
    session.get("/users/1")
    sandbox.faults.add("/oauth2/token", "reset_before", times=1000)
    sandbox.clock.advance(7200)
    waits.clear()
    with pytest.raises(TokenEndpointError, match="untouched"):
        session.get_json("/users/me")
    assert len(waits) == 4
    assert store.load("acme") != saved


def test_an_address_that_carries_its_own_right_is_in_no_message(session: BoxSession) -> None:
    """Neither of Box's own hosts nor of the sandbox."""
    for address in ("https://dl.boxcloud.com/d/1/b1!Abc/download", "http://127.0.0.1:1/dl/1/2/3/secret"):
        assert endpoint(address) == "/download"
        assert "Abc" not in redaction.mask(
            f'{urlsplit(address).hostname}:443 "GET {urlsplit(address).path} HTTP/1.1" 200'
        )
    me = session.get("/users/me")
    me.url, me.status_code = "https://dl.boxcloud.com/d/1/b1!Abc/download", 404
    assert "Abc" not in str(api_error(me))


def test_a_file_of_this_computer_is_no_certificate(session: BoxSession) -> None:
    """What cannot be used is named."""
    session.get("/users/me")
    folder = store.home() / "pace"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("")
    with pytest.raises(NetworkError, match=re.escape(str(folder))):
        session.call("GET", "/users/me")


def test_memberships_of_a_user_need_another_scope(sandbox: Sandbox) -> None:
    """What is proved by another call stays proved."""
    client = practice_client(sandbox)
    sandbox.change_app(client.client_id, scopes=["root_readonly", "manage_managed_users"])
    sign_in(sandbox)
    session = BoxSession(RotatingAuth("acme"))
    who = session.get_json("/users", limit=1)["entries"][0]["id"]
    with pytest.raises(ForbiddenError, match="Manage groups"):
        session.get_json(f"/users/{who}/memberships")
    assert session.ledger.scopes() == {"manage_managed_users": "proved", "manage_groups": "refused"}


def test_endpoints_of_one_kind_are_counted_together() -> None:
    """Ids are blanked."""
    assert endpoint("https://api.box.com/2.0/users/123/memberships?limit=1") == "/2.0/users/:id/memberships"
    assert endpoint("https://upload.box.com/api/2.0/files/upload_sessions/65230CDB8866EF36/commit") == (
        "/api/2.0/files/upload_sessions/:id/commit"
    )


# Waits are said, with their end.


def test_a_wait_of_more_than_a_few_seconds_is_said_before_it_begins(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """As a warning in a terminal and a notebook, or to whoever asked to hear it; shorter ones are not worth a line."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=90)
    with pytest.warns(
        WaitNotice,
        match=r"The practice Box asked to wait: waiting 90 seconds, continuing after .*\d\d:\d\d:\d\d",
    ):
        session.get_json("/users/me")
    assert waits[0] == 90
    told: list[str] = []
    session.on_wait = told.append
    sandbox.faults.add("/2.0/users/me", "429", retry_after=2)
    session.get_json("/users/me")
    assert told == []
    sandbox.faults.add("/2.0/users/me", "503", times=4)
    session.get_json("/users/me")
    assert [line.partition(",")[0] for line in told] == [
        "The practice Box answered 503 at attempt 3 of 5: waiting 4 seconds",
        "The practice Box answered 503 at attempt 4 of 5: waiting 8 seconds",
    ]


def test_a_long_pause_that_another_call_was_told_is_said_by_the_next(
    sandbox: Sandbox, session: BoxSession, waits: list[float]
) -> None:
    """Ten minutes are not slept off in silence: the next call says it, asks, and the server decides."""
    sandbox.faults.add("/2.0/users/me", "429", retry_after=600)
    with pytest.raises(RateLimitError, match="asks to wait 10 minutes"):
        session.get_json("/users/me")
    with pytest.warns(
        WaitNotice, match=r"At an earlier call the practice Box asked to wait 10 minutes.*after .*\d\d:\d\d"
    ):
        assert session.get_json("/users/me")["type"] == "user"
    assert sum(waits) < 1


def test_many_threads_that_wait_for_the_same_say_it_once(sandbox: Sandbox, session: BoxSession) -> None:
    """One line for one wait."""
    told: list[str] = []
    session.on_wait = told.append
    session.get_json("/users/me")
    session._limits_for(session.url("/users/me"), {})[0].limited(60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: session.get_json("/users/me"), range(8)))
    assert len(told) == 1 and "waiting 60 seconds" in told[0]


OTHER_PROCESS = """
import warnings
from boxnb.auth import RotatingAuth
from boxnb.api.session import BoxSession
warnings.simplefilter("always")
session = BoxSession(RotatingAuth("acme"), sleep=lambda seconds: print("slept", round(seconds)))
print(session.get_json("/users/me")["type"])
"""


def test_another_process_says_the_pause_it_finds(sandbox: Sandbox) -> None:
    """The pause lies in a file which all kernels of the profile share."""
    sign_in(sandbox)
    here = BoxSession(RotatingAuth("acme"))
    here.get_json("/users/me")
    here._limits_for(here.url("/users/me"), {})[0].limited(900)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS], capture_output=True, text=True, check=True, timeout=60
    )
    assert "asked to wait 15 minutes" in done.stderr and "WaitNotice" in done.stderr
    assert done.stdout.splitlines()[-1] == "user" and "slept 9" not in done.stdout
