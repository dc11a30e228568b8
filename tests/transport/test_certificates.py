"""Only an explicit ``False`` switches the certificate check off, and no secret leaves this computer over plain HTTP."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import trustme

import boxnb
from boxnb import auth, basic, oauth, servers, store, tokens
from boxnb.api import retrying
from boxnb.errors import BoxNotebookError, HostNotAllowedError
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.signin import account, messages
from boxnb.store import mail_settings
from boxnb.transport import sessions

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")

TOKEN = Token(Secret("access-0a1b2c3d"), Secret("refresh-0a1b2c3d"), obtained_at=1000.0, expires_in=3600.0)
RESPONSE = b'{"access_token": "new-access-token", "refresh_token": "new-refresh-token", "expires_in": 3600, "id": "1"}'


class Impostor(ThreadingHTTPServer):
    """A server that responds like a token endpoint and an API, and records what it receives."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.received: list[bytes] = []
        super().__init__((host, 0), Handler)
        self.url = f"{'http' if context is None else 'https'}://{host}:{self.server_port}"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def server(self) -> oauth.Server:
        return oauth.Server(
            "impostor", self.url, self.url + "/t", self.url + "/r", self.url + "/2.0", self.url
        )


class Handler(BaseHTTPRequestHandler):
    server: Impostor

    def do_GET(self) -> None:
        self.server.received.append(self.headers.get("Authorization", "").encode())
        self.server.received.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(RESPONSE)))
        self.end_headers()
        self.wfile.write(RESPONSE)

    do_POST = do_GET  # noqa: N815  the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Do not log requests."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client does not trust the certificate
            return


def serve(impostor: Impostor) -> Iterator[Impostor]:
    with impostor:
        thread = threading.Thread(target=impostor.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield impostor
        impostor.shutdown()
        thread.join()


@pytest.fixture
def untrusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Impostor]:
    """An https server with an untrusted certificate."""
    monkeypatch.setattr(tokens, "WAITS", ())
    monkeypatch.setattr(retrying, "ATTEMPTS", 1)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    yield from serve(Impostor(context))


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Impostor]:
    """A plain http server that boxnb does not consider to be this computer."""
    monkeypatch.setattr(tokens, "WAITS", ())
    yield from serve(Impostor(host="127.0.0.2"))


def save_profile(server: oauth.Server, **facts: Any) -> None:
    client = oauth.Client("abc", Secret("the-client-secret"), "http://127.0.0.1/callback", server)
    store.save(store.Profile("acme", client, TOKEN, **facts))


EMPTY = ["", "  ", None]
INVALID = [0, 1, 0.0, b"", [], {}, (), np.False_, b"/etc/ca.pem", Ellipsis]
MISSING = ["false", "0", "no", "/no/such/file.pem", "False", Path("/no/such/folder")]


@pytest.mark.parametrize("verify", EMPTY)
def test_an_empty_setting_means_the_usual_certificates(untrusted: Impostor, verify: str | None) -> None:
    """With the value of an unset variable, as from ``os.environ.get("CA", "")``, nothing is sent to an untrusted server."""
    save_profile(untrusted.server(), verify=verify)
    store.configure("acme", verify=verify)
    basic.save("devices", untrusted.url, "reader", "hunter2-password", verify=verify)
    with pytest.raises(BoxNotebookError, match="certificate"):
        boxnb.connect("acme").get("/users/me")
    with pytest.raises(BoxNotebookError, match="certificate"):
        basic.connect("devices").get_json("/x")
    assert untrusted.received == []
    row = boxnb.doctor("acme").set_index("check").loc["connection to the server"]
    # The default CA bundle does not contain this server's authority.
    assert row["result"] == "wrong" and "default CA bundle" in row["finding"]


@pytest.mark.parametrize("verify", [*INVALID, *MISSING], ids=repr)
def test_an_invalid_verify_is_refused(untrusted: Impostor, verify: Any) -> None:
    """The error is raised when ``verify`` is set, and the profile does not change."""
    save_profile(untrusted.server())
    for attempt in (
        lambda: store.configure("acme", verify=verify),
        lambda: basic.save("devices", untrusted.url, "reader", "hunter2-password", verify=verify),
    ):
        with pytest.raises(ValueError, match=r"verify takes True, False or|CA bundle '.*' does not exist"):
            attempt()
    profile = store.load("acme")
    assert profile is not None
    assert profile.verify is True


@pytest.mark.parametrize("verify", [*EMPTY, *INVALID[:-1], *MISSING, False], ids=repr)
def test_only_false_switches_off_the_check_of_a_session(untrusted: Impostor, verify: Any) -> None:
    """The rule holds for the session, for one request and for a prepared request."""
    with sessions.Session() as http:
        http.verify = verify
        calls = [
            lambda: http.get(untrusted.url, timeout=5),
            lambda: http.send(requests.Request("GET", untrusted.url).prepare(), timeout=5),
        ]
        with sessions.Session() as other:
            calls.append(lambda: other.get(untrusted.url, timeout=5, verify=verify))
            for call in calls:
                untrusted.received.clear()
                if verify is False:
                    assert call().ok
                else:
                    with pytest.raises((OSError, ValueError)):
                        call()
                assert bool(untrusted.received) is (verify is False)


@pytest.mark.parametrize("verify", ["", 0, None, [], "false", "/no/such/file", False], ids=repr)
def test_only_false_in_a_profile_switches_off_the_check(untrusted: Impostor, verify: Any) -> None:
    """The value may have been written by hand or by another program."""
    save_profile(untrusted.server())
    file = store.path("acme")
    file.write_text(file.read_text().replace('"verify": true', f'"verify": {json.dumps(verify)}'))
    if verify is False:
        assert boxnb.connect("acme").get("/users/me")["id"] == "1"
        assert any(b"the-client-secret" in body for body in untrusted.received)
    else:
        with pytest.raises(BoxNotebookError):
            boxnb.connect("acme").get("/users/me")
        assert untrusted.received == []


def test_a_disabled_check_is_shown_in_red(untrusted: Impostor) -> None:
    """Doctor, status and the panel report it and say how to enable it."""
    save_profile(untrusted.server())
    store.configure("acme", verify=False)
    findings = boxnb.doctor("acme")
    row = findings.set_index("check").loc["connection to the server"]
    assert row["result"] == "wrong" and "configure('acme', verify=True)" in row["remedy"]
    assert "color:#c62828'>✗ wrong" in findings._repr_html_()
    status = boxnb.status()
    assert "Certificates are not checked" in status.loc[0, "problem"]
    red = "<td style='text-align:left;white-space:normal;color:#c62828'>"
    assert f"{red}Certificates are not checked" in status._repr_html_()
    assert "Certificates are not checked" in messages.unchecked_warning("acme")
    store.configure("acme", verify=True)
    assert messages.unchecked_warning("acme") == ""
    assert "Certificates" not in str(boxnb.status().to_dict("records"))


def test_mail_settings_check_certificates_too() -> None:
    """The same rule holds for mail servers."""
    fields = {"host": "127.0.0.1", "port": 25, "security": "none", "username": "", "password": Secret("")}
    settings = mail_settings.MailSettings(**fields, sender="a@example.com", verify="")  # type: ignore[arg-type]
    assert settings.verify is True
    with pytest.raises(ValueError, match="Only False itself"):
        mail_settings.MailSettings(**fields, sender="a@example.com", verify=0)  # type: ignore[arg-type]


def test_no_secret_leaves_this_computer_over_plain_http(remote: Impostor) -> None:
    """Every call that would contain a secret is refused before it is sent."""
    save_profile(remote.server())
    profile = store.load("acme")
    assert profile is not None
    method = store.Method("basic", "plain", {"username": "reader"}, {"password": Secret("hunter2")})
    server = oauth.Server("mdm", *[remote.url] * 5)
    by_password = store.Profile("mdm", oauth.Client("", Secret(""), "", server), method=method)
    calls = [
        lambda: oauth.exchange_code(profile.client, "code"),
        lambda: oauth.refresh(profile.client, TOKEN),
        lambda: oauth.revoke(profile.client, TOKEN),
        lambda: auth.RotatingAuth("acme").token(),
        lambda: account.who_is("acme", profile.client, TOKEN),
        lambda: requests.get(remote.url + "/2.0/x", auth=auth.RotatingAuth("acme"), timeout=5),
        lambda: servers.ServerSession(by_password).get("/x"),
    ]
    for call in calls:
        with pytest.raises(HostNotAllowedError, match=r"would travel unencrypted to 127\.0\.0\.2"):
            call()
    with pytest.raises(ValueError, match="travel unencrypted"):
        basic.save("devices", remote.url, "reader", "hunter2-password")
    assert "Not signed out: The client secret would travel unencrypted" in boxnb.sign_out("acme")
    assert "They were not sent." in set(boxnb.doctor("acme")["finding"])
    assert remote.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://box.example.com\\@127.0.0.1/t",
        "http://127.0.0.1@box.example.com/t",
        "http://127.0.0.1.example.com/t",
        "HTTP://BOX.EXAMPLE.COM/t",
        " http://box.example.com/t",
        "http://0.0.0.0/t",
        "ftp://127.0.0.1/t",
    ],
)
def test_an_odd_url_is_parsed_as_requests_parses_it(url: str) -> None:
    """Text before a backslash or an @ does not change the host."""
    with pytest.raises((HostNotAllowedError, requests.RequestException)):
        sessions.require_private(url, "client secret")


@pytest.mark.parametrize(
    "url", ["https://box.example.com/t", "http://localhost:1/", "http://[::1]:8/", "http://127.0.0.1/"]
)
def test_https_and_this_computer_are_allowed(url: str) -> None:
    """A secret may be sent to these URLs."""
    sessions.require_private(url, "client secret")


def test_a_refused_url_does_not_leave_a_pending_refresh(remote: Impostor) -> None:
    """Nothing was sent, so the file that records a pending refresh does not exist."""
    save_profile(remote.server())
    with pytest.raises(HostNotAllowedError):
        auth.RotatingAuth("acme").token()
    assert not store.path("acme").with_suffix(".intent").exists()
