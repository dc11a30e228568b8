"""Other servers with a user name and a password: safe calls are retried, and the password is sent only to its own server."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import requests
import trustme

import boxnb
from boxnb import basic, servers, store
from boxnb.api import retrying
from boxnb.errors import (
    ApiError,
    HostNotAllowedError,
    NetworkError,
    NotSignedInError,
    RateLimitError,
    WaitNotice,
)
from boxnb.local import private_files
from boxnb.sandbox import devices
from boxnb.servers import ServerSession, session

PASSWORD = "grüne Türen 9"  # not only ASCII, as users choose them
PAIR = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()


class ScriptedServer(ThreadingHTTPServer):
    """A server that sends a list of responses, then only 200, and records its requests."""

    daemon_threads = True

    def __init__(self) -> None:
        self.responses: list[tuple[int, dict[str, str]] | str] = []
        self.requests: list[tuple[str, str, str | None]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Authorization")))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = self.server.responses.pop(0) if self.server.responses else (200, {})
        if response == "reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if response == "silence":
            self.rfile.read(1)  # until the client gives up
            return
        assert isinstance(response, tuple)
        body = b"<html>" if "text" in response[1] else json.dumps({"path": self.path}).encode()
        self.send_response(response[0])
        for name, value in {"Content-Length": str(len(body)), **response[1]}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the name that http.server expects

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def running(scripted: ScriptedServer) -> Iterator[ScriptedServer]:
    with scripted:
        thread = threading.Thread(target=scripted.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield scripted
        scripted.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with running(ScriptedServer()) as scripted:
        basic.save("mdm", scripted.url, "reader", PASSWORD)
        yield scripted


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_backoff", lambda attempt: 0.0)


def test_the_pages_of_the_practice_server_become_a_dataframe() -> None:
    """Every page is fetched, although the server responds to every third call with 503."""
    with devices.Devices() as practice:
        basic.save("devices", practice.url, practice.username, practice.password)
        http = basic.connect("devices")
        pages = [http.get_json("/devices", page=page, size=25)["results"] for page in range(3)]
        frame = pd.DataFrame([device for page in pages for device in page])
        assert frame["id"].tolist() == list(range(1, 61)) and 503 in practice.statuses


@pytest.mark.parametrize("failure", [(429, {"Retry-After": "0"}), (503, {}), (500, {}), "reset"])
def test_reads_are_retried(server: ScriptedServer, failure: tuple[int, dict[str, str]] | str) -> None:
    """A read is retried after 429, 5xx and a lost connection, each time with the password."""
    server.responses = [failure, failure]
    assert basic.connect("mdm").get_json("/devices", page=2) == {"path": "/api/devices?page=2"}
    assert server.requests == [("GET", "/api/devices?page=2", f"Basic {PAIR}")] * 3


@pytest.mark.parametrize("failure", [(503, {}), "reset"])
def test_writes_are_not_retried(server: ScriptedServer, failure: tuple[int, dict[str, str]] | str) -> None:
    """A write is not retried, because the server may already have executed it."""
    server.responses = [failure]
    http = basic.connect("mdm")
    if failure == "reset":
        with pytest.raises(requests.ConnectionError):
            http.post("/devices", json={})
    else:
        assert http.post("/devices", json={}).status_code == 503
    assert len(server.requests) == 1


def test_reads_are_given_up_after_five_attempts(server: ScriptedServer) -> None:
    """If every attempt fails, the last response becomes an error."""
    server.responses = [(503, {})] * 10
    with pytest.raises(ApiError, match=r"No usable response: 503 for /api/devices.*tried 5 times"):
        basic.connect("mdm").get_json("/devices")
    assert len(server.requests) == retrying.ATTEMPTS


def test_a_wait_of_hours_is_an_error_with_a_time_to_retry(server: ScriptedServer) -> None:
    """If the server asks for a wait beyond the limit, the error comes immediately and says when to try again."""
    server.responses = [(429, {"Retry-After": "36000"})]
    with pytest.raises(RateLimitError, match=r"asks you to wait 10 hours\. Run this again after .*\d\d:\d\d"):
        basic.connect("mdm").get_json("/devices")
    assert len(server.requests) == 1


def test_a_wait_of_a_few_seconds_is_reported(server: ScriptedServer) -> None:
    """A warning says when the wait ends, and a value that cannot be read does not cause a long wait."""
    waits: list[float] = []
    server.responses = [(429, {"Retry-After": "8"}), (429, {"Retry-After": "soon"})]
    http = ServerSession(servers.load("mdm"), sleep=waits.append, monotonic=lambda: 1000.0 + sum(waits))
    with pytest.warns(WaitNotice, match=r"asked boxnb to wait: waiting 8 seconds, continuing after"):
        http.get_json("/devices")
    assert waits[0] == 8
    assert all(seconds < 5 for seconds in waits[1:])


def test_a_server_that_does_not_respond_is_given_up(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call has a timeout."""
    monkeypatch.setattr(session, "TIMEOUT", (5.0, 0.2))
    server.responses = ["silence"] * retrying.ATTEMPTS
    with pytest.raises(NetworkError, match=r"did not respond in time|is incomplete|no complete response"):
        basic.connect("mdm").get_json("/devices")
    while server.responses:  # on a busy computer the last call arrives late
        time.sleep(0.01)
    server.responses = ["silence"]
    with pytest.raises(requests.Timeout):
        basic.connect("mdm").post("/devices", json={})


def test_a_wrong_password_and_unusual_responses_have_their_own_errors(server: ScriptedServer) -> None:
    """A 401, a 404 and a proxy's page each have their own error."""
    http = basic.connect("mdm")
    for response, words in (
        ((200, {"text": "yes"}), "No usable response: 200 for /api/devices"),
        ((404, {}), r"has nothing at this path.*404 for /api/devices"),
        ((401, {}), r"refused the user name or the password of 'reader' \(401\)\. Save them again"),
    ):
        server.responses = [response]
        with pytest.raises(ApiError, match=words):
            http.get_json("/devices")


def test_the_password_is_sent_only_to_its_own_server(server: ScriptedServer) -> None:
    """Neither a full URL nor a redirect sends the password to another server."""
    http = basic.connect("mdm")
    for url in (
        "http://localhost:1/api",
        f"https://127.0.0.1:{server.server_port}/api",
        f"http://127.0.0.1:{server.server_port}@evil.example/",
    ):
        with pytest.raises(HostNotAllowedError, match="are not sent to"):
            http.get(url)
    with running(ScriptedServer()) as other:
        server.responses = [(302, {"Location": f"http://localhost:{other.server_port}/elsewhere"})]
        http.get("/moved")
    assert other.requests == [("GET", "/elsewhere", None)]


def test_a_ca_bundle_is_saved_with_the_server(tmp_path: Path) -> None:
    """Without the CA bundle the password is not sent, and with it the call works."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    scripted = ScriptedServer()
    scripted.socket = context.wrap_socket(scripted.socket, server_side=True)
    with running(scripted):
        url = scripted.url.replace("http:", "https:")
        basic.save("mdm", url, "reader", PASSWORD)
        with pytest.raises(NetworkError, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            basic.connect("mdm").get_json("/devices")
        assert scripted.requests == []
        basic.save("mdm", url, "reader", PASSWORD, verify=str(bundle))
        assert basic.connect("mdm").get_json("/devices") == {"path": "/api/devices"}


def test_netrc_does_not_replace_the_password(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saved password is used, not one in .netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    basic.connect("mdm").get_json("/devices")
    assert server.requests[0][2] == f"Basic {PAIR}"


def test_the_password_is_in_a_private_file_and_never_shown(server: ScriptedServer) -> None:
    """The file is private, and the log of a run does not show the password, either in plain text or in base64."""
    assert basic.path("mdm").stat().st_mode & 0o777 == 0o600
    assert basic.path("mdm").parent == store.home() / "profiles"
    http = basic.connect("mdm")
    assert PASSWORD not in repr(http) + repr(vars(http))
    with boxnb.run("careless") as run:
        http.get_json("/devices")
        logging.getLogger("careless").info("asked with %s, that is %s", PAIR, PASSWORD)
        logging.getLogger("careless").info("headers %s", http.get("/devices").request.headers)
        print("printed:", PAIR, PASSWORD)
    assert run.log_file is not None and run.calls == 2
    text = run.log_file.read_text(encoding="utf-8")
    assert "asked with <secret" in text and PAIR not in text and PASSWORD not in text


def test_a_session_cannot_be_pickled(server: ScriptedServer) -> None:
    """A pickle would contain the password in plain text."""
    with pytest.raises(TypeError, match="password"):
        pickle.dumps(basic.connect("mdm"))


def test_the_password_is_sent_unencrypted_only_to_this_computer(tmp_path: Path) -> None:
    """A URL without https is refused, because the password could be read in transit."""
    for url in ("http://mdm.example.com/api", "ftp://mdm.example.com", "mdm.example.com"):
        with pytest.raises(ValueError, match=r"travel unencrypted"):
            basic.save("mdm", url, "reader", "x")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert basic.save("mdm", "https://mdm.example.com/api/", "reader", "x", verify=str(bundle)).exists()
    assert basic.connect("mdm").verify == str(bundle)
    assert basic.connect("mdm").url == "https://mdm.example.com/api"


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff"])
def test_a_server_that_is_not_saved_is_reported(content: bytes | None) -> None:
    """The error for a missing file, or a damaged one of an older boxnb, contains the call that saves the server."""
    if content is not None:
        older = store.home() / "servers" / "mdm.json"
        private_files.private_folder(older.parent)
        private_files.write_private(older, content)
    with pytest.raises(NotSignedInError, match=r"boxnb\.basic\.save"):
        basic.connect("mdm")
    for name in ("", "../x", "a/b", ".x"):
        with pytest.raises(ValueError):
            basic.connect(name)
