"""Network errors: each message states the true cause, and each comes from a real exception."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest
import requests
import trustme
from answering import http, raw, reset
from hypothesis import given
from hypothesis import strategies as st

from boxnb.transport.network_trouble import hopeless, network_trouble
from boxnb.transport.sessions import Session, never_connected, read_within, unsigned_session

OK = http(200, b"hi")
TRUNCATED = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhi"
UTC = datetime.UTC


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def wait_for_close(connection: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            continue


def context(authority: trustme.CA, *names: str, **when: datetime.datetime) -> ssl.SSLContext:
    tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **when).configure_cert(tls_context)
    return tls_context


def message_for(url: str, verify: bool | str = True, **options: object) -> str:
    """Return the message for the error that a request ends with."""
    with unsigned_session(verify) as session, pytest.raises(OSError) as caught:
        options = {"timeout": (5, 0.5), "stream": True, **options}
        read_within(session.get(url, **options), 5)  # type: ignore[arg-type]
    message = network_trouble(caught.value)
    assert "\n" not in message and message.endswith(".")
    assert len(re.findall(r"[.:;] [A-Z]", message)) <= 2, "three short sentences at most"
    return message


HANDSHAKES = {
    "hangs up": (b"", "closed the encrypted connection"),
    "plain HTTP": (http(400), "does not speak TLS"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak TLS"),
    "alert, handshake": (
        b"\x15\x03\x01\x00\x02\x02\x28",
        r"refused the TLS connection \(alert: handshake failure\)",
    ),
    "alert, version": (
        b"\x15\x03\x01\x00\x02\x02\x46",
        r"refused the TLS connection \(alert: protocol version\)",
    ),
    "alert, internal": (
        b"\x15\x03\x01\x00\x02\x02\x50",
        r"refused the TLS connection \(alert: internal error\)",
    ),
}


@pytest.mark.parametrize("case", HANDSHAKES)
def test_a_failed_handshake_does_not_blame_a_certificate(case: str) -> None:
    """The handshake ends before a certificate arrives."""
    reply, words = HANDSHAKES[case]
    with raw(reply) as port:
        message = message_for(f"https://127.0.0.1:{port}")
    assert re.search(words, message)
    assert "not trusted" not in message and "REQUESTS_CA_BUNDLE" not in message


def test_a_reset_during_the_handshake_is_a_lost_connection() -> None:
    """Firewalls reset connections in this way."""
    with raw(reset) as port:
        message = message_for(f"https://127.0.0.1:{port}")
    assert "was lost before the response arrived" in message and "certificate" not in message


def test_a_handshake_without_a_response_is_a_timeout() -> None:
    """The server accepts the connection and sends nothing."""
    with raw(wait_for_close) as port:
        message = message_for(f"https://127.0.0.1:{port}", timeout=(0.5, 0.5))
    assert "127.0.0.1 did not respond in time" in message


def test_an_untrusted_certificate_is_reported_with_the_setting(authority: trustme.CA) -> None:
    """A company proxy causes this error; the company's CA bundle is the only remedy."""
    with raw(OK, context(authority, "127.0.0.1")) as port:
        message = message_for(f"https://127.0.0.1:{port}")
    assert "not trusted here (unable to get local issuer certificate)" in message
    assert "REQUESTS_CA_BUNDLE" in message and "PEM" in message


def test_a_self_signed_certificate_is_reported_as_untrusted(tmp_path: Path) -> None:
    """The message contains OpenSSL's own reason."""
    alone = trustme.CA(organization_name="127.0.0.1")
    tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pem = tmp_path / "alone.pem"
    pem.write_bytes(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    tls_context.load_cert_chain(pem)
    with raw(OK, tls_context) as port:
        assert "not trusted here (self-signed certificate)" in message_for(f"https://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        (("127.0.0.1",), (-20, -10), "has expired. Check this computer's date and time"),
        (("127.0.0.1",), (10, 20), "is not valid yet. Check this computer's date and time"),
        (("other.example",), (-10, 10), "was issued for another name"),
        (("127.0.0.2",), (-10, 10), "was issued for another name"),
    ],
)
def test_a_wrong_date_or_name_in_a_certificate_is_reported(
    authority: trustme.CA, bundle: str, names: tuple[str, ...], days: tuple[int, int], words: str
) -> None:
    """A CA bundle would not help, so the message does not mention one."""
    begin, end = (datetime.datetime.now(UTC) + datetime.timedelta(days=day) for day in days)
    with raw(OK, context(authority, *names, not_before=begin, not_after=end)) as port:
        message = message_for(f"https://127.0.0.1:{port}", bundle)
    assert words in message
    assert "not trusted" not in message and "PEM" not in message


@pytest.mark.parametrize("content", ["DER", "empty", "text"])
def test_a_certificate_file_in_another_format_is_reported(
    authority: trustme.CA, bundle: str, tmp_path: Path, content: str
) -> None:
    """Windows exports DER, and a full disk leaves an empty file."""
    file = tmp_path / f"{content}.cer"
    pem = Path(bundle).read_text(encoding="ascii")
    file.write_bytes({"DER": ssl.PEM_cert_to_DER_cert(pem), "empty": b"", "text": b"hello"}[content])
    with raw(OK, context(authority, "127.0.0.1")) as port:
        message = message_for(f"https://127.0.0.1:{port}", str(file))
    assert "does not contain a PEM certificate" in message and "openssl x509 -inform der" in message
    assert "not trusted" not in message


def test_a_folder_of_certificates_is_not_enough(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL ignores files without hashed names in a folder; the message contains the setting and its value."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with raw(OK, context(authority, "127.0.0.1")) as port:
        message = message_for(f"https://127.0.0.1:{port}")
    assert f"REQUESTS_CA_BUNDLE (now {tmp_path})" in message and "to a PEM file" in message


def test_a_missing_certificate_file_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message contains the path of the file and the setting that refers to it."""
    assert "/no/such.pem does not exist. Correct the profile's verify" in message_for(
        "https://127.0.0.1:9", "/no/such.pem"
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    assert "/no/such.pem does not exist. Correct REQUESTS_CA_BUNDLE" in message_for("https://127.0.0.1:9")


CONNECTIONS = {
    "closes": (b"", "closed the connection without a response"),
    "reset": (reset, "was lost before the response arrived"),
    "reset within the body": (
        lambda connection: (connection.sendall(TRUNCATED), reset(connection)),
        "is incomplete",
    ),
    "short body": (TRUNCATED, "is incomplete"),
    "broken chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi", "is incomplete"),
    "broken gzip": (http(200, b"hello", {"Content-Encoding": "gzip"}), "could not be decompressed"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP"),
    "a flood of headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", "is not HTTP"),
    "silent": (wait_for_close, "127.0.0.1 did not respond in time"),
    "silent within the body": (
        lambda connection: (connection.sendall(TRUNCATED), wait_for_close(connection)),
        "127.0.0.1 did not respond in time",
    ),
    "redirects in a loop": (http(302, b"", {"Location": "/again"}), "redirects the request in a loop"),
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_each_way_a_connection_can_end_has_its_own_message(case: str) -> None:
    """The message contains the host but not the URL, which could contain a code."""
    reply, words = CONNECTIONS[case]
    with raw(reply) as port:  # type: ignore[arg-type]
        message = message_for(f"http://127.0.0.1:{port}/path?code=hidden")
    assert words in message and "127.0.0.1" in message
    assert "hidden" not in message and "certificate" not in message and "proxy set in" not in message


def test_a_closed_port_is_reported() -> None:
    """A closed port is not reported as a slow network."""
    message = message_for("https://127.0.0.1:9/")
    assert "refused the connection: no server is running there" in message


def test_an_unknown_host_name_is_reported() -> None:
    """The message mentions DNS and the host."""
    assert "The name no.such.host.invalid cannot be looked up (DNS)" in message_for(
        "https://no.such.host.invalid/"
    )


def test_a_connection_that_is_never_accepted_is_reported() -> None:
    """A server whose queue is full does not reply to the first packet, so the connection times out."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    pending = [socket.socket() for _ in range(4)]
    for connection in pending:
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", port))
    message = message_for(f"http://127.0.0.1:{port}", timeout=(0.3, 0.3))
    for connection in [*pending, listener]:
        connection.close()
    assert "did not accept the connection in time" in message


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://a b/",
        "https://.x.com/",
        f"https://{'a' * 70}.com/",
        "http://x:99999/",
        "htp://x/",
        "x",
    ],
)
def test_a_malformed_url_is_reported(url: str) -> None:
    """Every exception of requests and urllib3 becomes a message."""
    assert "cannot be used" in message_for(url)


def test_a_header_that_cannot_be_sent_is_reported() -> None:
    """A line break and a character beyond Latin-1 are not network errors."""
    for value in ("a\nb", "Ł€"):
        message = message_for("http://127.0.0.1:9/", headers={"As-User": value})
        assert "so nothing was sent" in message and "network" not in message


PROXIES = {
    "no server": ("http://127.0.0.1:9", "refuses connections"),
    "unknown name": ("http://proxy.invalid:8080", "has a name that cannot be looked up"),
    "slash in password": ("http://jane:hid/den@127.0.0.1:9", "cannot be read"),
    "hash in password": ("http://jane:hid#den@127.0.0.1:9", "cannot be read"),
    "question in password": ("http://jane:hid?den@127.0.0.1:9", "cannot be read"),
    "at in password": ("http://jane:hid@den@127.0.0.1:9", "refuses connections"),
    "percent in password": ("http://jane:hid%den@127.0.0.1:9", "cannot be read"),
    "impossible port": ("http://127.0.0.1:99999", "cannot be read"),
    "word for a port": ("http://127.0.0.1:port", "cannot be read"),
    "unclosed bracket": ("http://[::1", "cannot be read"),
    "space": ("http://127.0.0.1 :9", "cannot be read"),
    "no host": ("http://", "cannot be read"),
    "ftp": ("ftp://127.0.0.1:9", "cannot be read"),
    "long label": (f"http://{'a' * 80}:9", "cannot be read"),
    "socks5": ("socks5://127.0.0.1:9", 'Run pip install "requests[socks]", then try again'),
    "socks5h": ("socks5h://127.0.0.1:9", 'Run pip install "requests[socks]", then try again'),
    "socks": ("socks://127.0.0.1:9", "as socks5h://host:port, then try again"),
}


@pytest.fixture(params=["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def setting(request: pytest.FixtureRequest) -> Iterator[str]:
    return request.param


@pytest.mark.parametrize("case", PROXIES)
def test_a_proxy_error_is_reported_with_the_setting(
    case: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message contains the name of the setting, never its password."""
    value, words = PROXIES[case]
    monkeypatch.setenv(setting, value)
    message = message_for("https://api.box.example/2.0/users/me")
    assert words in message and setting in message
    assert "hid" not in message and "den" not in message


TUNNELS = {
    "407": (http(407), "asks for a user name and a password (407)"),
    "403": (http(403), "did not forward the request to api.box.example (403"),
    "502": (http(502), "did not forward the request to api.box.example (502"),
    "closes": (b"", "through the proxy set in HTTPS_PROXY"),
    "silent": (wait_for_close, "in time through the proxy set in HTTPS_PROXY"),
}


@pytest.mark.parametrize("case", TUNNELS)
def test_each_refusal_by_a_proxy_has_its_remedy(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 407 the message asks for the password, after a 403 for the administrator of the proxy."""
    reply, words = TUNNELS[case]
    with raw(reply) as port:  # type: ignore[arg-type]
        monkeypatch.setenv("HTTPS_PROXY", f"http://jane:hidden@127.0.0.1:{port}")
        message = message_for("https://api.box.example/2.0/users/me", timeout=(0.5, 0.5))
    assert words in message and "HTTPS_PROXY" in message and "hidden" not in message


def test_a_proxy_without_tls_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A common mistake is to write https:// before the proxy's address."""
    with raw(http(407)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        assert "speaks plain HTTP. Write its address with http://" in message_for("https://api.box.example/")


def test_errors_of_local_files_are_not_network_errors(tmp_path: Path) -> None:
    """The message contains the path of the file."""
    full = OSError(28, "No space left on device", str(tmp_path))
    assert "Free up disk space" in network_trouble(full) and "owner" not in network_trouble(full)
    with pytest.raises(OSError, match="Is a directory") as caught:
        tmp_path.read_bytes()
    assert f"{tmp_path} cannot be used" in network_trouble(caught.value)
    with filelock.FileLock(tmp_path / "a.lock"), pytest.raises(OSError, match=r"lock") as caught:
        filelock.FileLock(tmp_path / "a.lock", timeout=0).acquire()
    assert "Another process has held the lock" in network_trouble(caught.value)


def test_hopeless_requests_are_not_retried(authority: trustme.CA) -> None:
    """A bad certificate or a server without TLS fails in the same way every time, and no request is sent."""
    with raw(OK, context(authority, "127.0.0.1")) as untrusted, raw(http(400)) as clear, raw(b"") as closes:
        results = {}
        for name, port in {"untrusted": untrusted, "clear": clear, "closes": closes}.items():
            with Session() as session, pytest.raises(requests.ConnectionError) as caught:
                session.get(f"https://127.0.0.1:{port}", timeout=5)
            results[name] = (hopeless(caught.value), never_connected(caught.value))
    assert results == {"untrusted": (True, True), "clear": (True, True), "closes": (False, False)}


@given(st.text(st.characters(codec="latin-1", exclude_characters="\0\n\r"), max_size=40))
def test_no_proxy_setting_causes_a_message_with_its_password(value: str) -> None:
    """Every invalid setting becomes a message."""
    before = os.environ.get("HTTPS_PROXY")
    os.environ["HTTPS_PROXY"] = f"http://jane:hidden{value}@127.0.0.1:9"
    try:
        message = message_for("https://127.0.0.9.invalid/")
    finally:
        os.environ.pop("HTTPS_PROXY")
        if before is not None:
            os.environ["HTTPS_PROXY"] = before
    assert "hidden" not in message
