"""Other servers with a user name and a password: patient, repeated where that is safe, and the password stays with them."""

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
from boxnb import basic, store
from boxnb.errors import ApiError, HostNotAllowedError, NetworkError, NotSignedInError, WaitNotice
from boxnb.sandbox import devices

PASSWORD = "grüne Türen 9"  # beyond ASCII, as people choose them
PAIR = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()


class Moody(ThreadingHTTPServer):
    """Answers what it is told to, one answer a call, then 200; keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.moods: list[tuple[int, dict[str, str]] | str] = []
        self.asked: list[tuple[str, str, str | None]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    server: Moody

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization")))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mood = self.server.moods.pop(0) if self.server.moods else (200, {})
        if mood == "reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mood == "silence":
            self.rfile.read(1)  # until the other side gives up
            return
        assert isinstance(mood, tuple)
        body = b"<html>" if "text" in mood[1] else json.dumps({"path": self.path}).encode()
        self.send_response(mood[0])
        for name, value in {"Content-Length": str(len(body)), **mood[1]}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def running(moody: Moody) -> Iterator[Moody]:
    with moody:
        thread = threading.Thread(target=moody.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield moody
        moody.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Moody]:
    with running(Moody()) as moody:
        basic.save("mdm", moody.url, "reader", PASSWORD)
        yield moody


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "BACKOFF", 0.0)


def test_the_pages_of_the_practice_server_become_a_frame() -> None:
    """Each third call is answered 503, and nobody notices."""
    with devices.Devices() as practice:
        basic.save("devices", practice.url, practice.username, practice.password)
        http = basic.connect("devices")
        pages = [http.get_json("/devices", page=page, size=25)["results"] for page in range(3)]
        owned = pd.DataFrame([device for page in pages for device in page])
        assert owned["id"].tolist() == list(range(1, 61)) and 503 in practice.statuses


@pytest.mark.parametrize("trouble", [(429, {"Retry-After": "0"}), (503, {}), (500, {}), "reset"])
def test_reads_are_repeated(server: Moody, trouble: tuple[int, dict[str, str]] | str) -> None:
    """After 429, 5xx and a lost connection; each time with the password."""
    server.moods = [trouble, trouble]
    assert basic.connect("mdm").get_json("/devices", page=2) == {"path": "/api/devices?page=2"}
    assert server.asked == [("GET", "/api/devices?page=2", f"Basic {PAIR}")] * 3


@pytest.mark.parametrize("trouble", [(503, {}), "reset"])
def test_writes_are_not(server: Moody, trouble: tuple[int, dict[str, str]] | str) -> None:
    """They may have been done."""
    server.moods = [trouble]
    http = basic.connect("mdm")
    if trouble == "reset":
        with pytest.raises(requests.ConnectionError):
            http.post("/devices", json={})
    else:
        assert http.post("/devices", json={}).status_code == 503
    assert len(server.asked) == 1


def test_a_server_that_never_gets_better_is_given_up(server: Moody) -> None:
    """After six attempts, in a sentence."""
    server.moods = [(503, {})] * 10
    with pytest.raises(ApiError, match=r"127.0.0.1 answered 503 Service Unavailable for /devices"):
        basic.connect("mdm").get_json("/devices")
    assert len(server.asked) == basic.ATTEMPTS


def test_a_wait_of_hours_is_an_error_that_says_when_to_come_back(server: Moody) -> None:
    """What the server asks for is obeyed up to a limit; beyond it nobody waits, and nothing is asked again."""
    server.moods = [(429, {"Retry-After": "36000"})]
    with pytest.raises(ApiError, match=r"asks to wait 10 hours\. Run this again after .*\d\d:\d\d"):
        basic.connect("mdm").get_json("/devices")
    assert len(server.asked) == 1


def test_a_wait_of_a_few_seconds_is_said(server: Moody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it begins, with its end; a value that cannot be read is no wait."""
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    server.moods = [(429, {"Retry-After": "8"}), (429, {"Retry-After": "soon"})]
    with pytest.warns(WaitNotice, match=r"asked to wait: waiting 8 seconds, continuing after"):
        basic.connect("mdm").get_json("/devices")
    assert slept[0] == 8
    assert all(each < 5 for each in slept[1:])


def test_a_server_that_says_nothing_is_given_up(server: Moody, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is always a timeout."""
    monkeypatch.setattr(basic, "TIMEOUT", (5.0, 0.2))
    server.moods = ["silence"] * basic.ATTEMPTS
    with pytest.raises(NetworkError, match=r"no answer from 127.0.0.1 in time|no complete answer"):
        basic.connect("mdm").get_json("/devices")
    while server.moods:  # a busy computer comes to the last call late
        time.sleep(0.01)
    server.moods = ["silence"]
    with pytest.raises(requests.Timeout):
        basic.connect("mdm").post("/devices", json={})


def test_a_wrong_password_and_odd_answers_have_their_sentences(server: Moody) -> None:
    """401, 404, and a proxy's page."""
    http = basic.connect("mdm")
    for mood, words in (
        ((401, {}), "refused the user name or password: save them again"),
        ((404, {}), "answered 404 Not Found"),
        ((200, {"text": "yes"}), "something else than JSON"),
    ):
        server.moods = [mood]
        with pytest.raises(ApiError, match=words):
            http.get_json("/devices")


def test_the_password_goes_to_its_own_server_only(server: Moody) -> None:
    """Neither by a full address nor by a redirect."""
    http = basic.connect("mdm")
    for address in (
        "http://localhost:1/api",
        f"https://127.0.0.1:{server.server_port}/api",
        f"http://127.0.0.1:{server.server_port}@evil.example/",
    ):
        with pytest.raises(HostNotAllowedError, match="does not go to"):
            http.get(address)
    with running(Moody()) as other:
        server.moods = [(302, {"Location": f"http://localhost:{other.server_port}/elsewhere"})]
        http.get("/moved")
    assert other.asked == [("GET", "/elsewhere", None)]


def test_a_certificate_of_the_company_is_saved_with_the_server(tmp_path: Path) -> None:
    """Without it the password is not sent; the sentence says what to do."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    moody = Moody()
    moody.socket = context.wrap_socket(moody.socket, server_side=True)
    with running(moody):
        url = moody.url.replace("http:", "https:")
        basic.save("mdm", url, "reader", PASSWORD)
        with pytest.raises(NetworkError, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            basic.connect("mdm").get_json("/devices")
        assert moody.asked == []
        basic.save("mdm", url, "reader", PASSWORD, verify=str(bundle))
        assert basic.connect("mdm").get_json("/devices") == {"path": "/api/devices"}


def test_netrc_does_not_change_who_asks(
    server: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saved password counts."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    basic.connect("mdm").get_json("/devices")
    assert server.asked[0][2] == f"Basic {PAIR}"


def test_the_password_lies_in_a_private_file_and_is_never_shown(server: Moody) -> None:
    """Neither plain nor in base64, whoever logs it; in a run's log, too."""
    assert basic.path("mdm").stat().st_mode & 0o777 == 0o600
    assert basic.path("mdm").parent == store.home() / "servers"
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


def test_a_session_is_not_pickled(server: Moody) -> None:
    """The password would lie about in clear."""
    with pytest.raises(TypeError, match="password"):
        pickle.dumps(basic.connect("mdm"))


def test_in_clear_only_to_this_computer(tmp_path: Path) -> None:
    """The password would be read on the way."""
    for url in ("http://mdm.example.com/api", "ftp://mdm.example.com", "mdm.example.com"):
        with pytest.raises(ValueError, match="in clear"):
            basic.save("mdm", url, "reader", "x")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert basic.save("mdm", "https://mdm.example.com/api/", "reader", "x", verify=str(bundle)).exists()
    assert basic.connect("mdm").verify == str(bundle)
    assert basic.connect("mdm").url == "https://mdm.example.com/api"


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff"])
def test_what_is_not_saved_is_said(content: bytes | None) -> None:
    """No file, or a damaged one."""
    if content is not None:
        basic.save("mdm", "https://mdm.example.com", "reader", "x").write_bytes(content)
    with pytest.raises(NotSignedInError, match=r"boxnb\.basic\.save"):
        basic.connect("mdm")
    for name in ("", "../x", "a/b", ".x"):
        with pytest.raises(ValueError):
            basic.connect(name)
