"""The loopback receiver over real HTTP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from boxnb.errors import SignInError
from boxnb.oauth.receiver import Receiver, _is_listening, can_listen, port_in_use

STATE = "the-state-of-this-request"


class Caught(list[str]):
    """The URLs that a receiver has passed on. The receiver first responds to the browser, so a test waits for them."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def append(self, url: str) -> None:
        with self._more:
            super().append(url)
            self._more.notify_all()

    def after(self, number: int) -> list[str]:
        """Return all URLs once there are ``number`` of them, or those that arrived within ten seconds."""
        with self._more:
            self._more.wait_for(lambda: len(self) >= number, timeout=10)
            return list(self)


@pytest.fixture
def caught() -> Caught:
    """Return the list of the redirect URLs that the receiver catches."""
    return Caught()


@pytest.fixture
def receiver(caught: Caught) -> Iterator[Receiver]:
    """Yield a listening receiver for `STATE`."""
    with Receiver(STATE, "http://127.0.0.1/callback", caught.append) as listening:
        yield listening


def get(url: str, **options: object) -> requests.Response:
    """Fetch a page as a browser would."""
    return requests.get(url, timeout=5, **options)  # type: ignore[arg-type]


def test_a_grant_is_caught_and_ends_on_a_page_without_the_code(receiver: Receiver, caught: Caught) -> None:
    """The caller gets the redirect URL, and the browser ends on a URL without the code."""
    response = get(f"{receiver.redirect_uri}?code=C0DE&state={STATE}")
    assert response.status_code == 200
    assert response.url == receiver.redirect_uri + "/granted"
    assert "C0DE" not in response.text + response.url
    assert caught.after(1) == [f"{receiver.redirect_uri}?code=C0DE&state={STATE}"]


@pytest.mark.parametrize("path", ["?code=C0DE&state=" + STATE, "/granted", "?x=1", "/nothing"])
def test_pages_are_not_cached_and_send_no_referrer(receiver: Receiver, path: str) -> None:
    """Every page has headers that forbid caching, referrers and scripts."""
    headers = get(receiver.redirect_uri + path, allow_redirects=False).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_denied_has_its_own_page(receiver: Receiver, caught: Caught) -> None:
    """A denial has its own page and is caught."""
    response = get(f"{receiver.redirect_uri}?error=access_denied&state={STATE}")
    assert response.url.endswith("/denied")
    assert "not given" in response.text
    assert len(caught.after(1)) == 1


def test_a_second_redirect_is_not_caught(receiver: Receiver, caught: Caught) -> None:
    """A second redirect of the same request gets a 409."""
    get(f"{receiver.redirect_uri}?code=ONE&state={STATE}")
    response = get(f"{receiver.redirect_uri}?code=TWO&state={STATE}")
    assert (response.status_code, len(caught.after(1))) == (409, 1)


@pytest.mark.parametrize(
    "query", ["code=C&state=another", "code=C", f"code=C&state={STATE}&state=x", "code=C&state=%ff"]
)
def test_a_wrong_state_does_not_use_up_the_request(receiver: Receiver, caught: Caught, query: str) -> None:
    """A wrong, missing or repeated state gets its own page, and the right redirect still works."""
    response = get(f"{receiver.redirect_uri}?{query}")
    assert response.url.endswith("/wrong-state")
    assert "another request" in response.text
    assert len(caught.after(1)) == 1
    get(f"{receiver.redirect_uri}?code=GOOD&state={STATE}")
    assert caught.after(2)[-1].startswith(receiver.redirect_uri + "?code=GOOD")


def test_nothing_from_the_url_is_shown(receiver: Receiver) -> None:
    """No page shows text from the URL of its request."""
    evil = "<script>alert(1)</script>"
    for query in ({"error": evil, "state": STATE}, {"code": evil, "state": evil}, {evil: evil}):
        response = get(receiver.redirect_uri, params=query)
        assert "<script" not in response.text
        assert "script" not in response.url
    assert "<script" not in get(receiver.redirect_uri + "/" + evil).text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_host_name_is_refused(receiver: Receiver, caught: Caught, host: str) -> None:
    """A Host header that is not ours gets a 403 (DNS rebinding)."""
    response = get(f"{receiver.redirect_uri}?code=C&state={STATE}", headers={"Host": host})
    assert response.status_code == 403
    assert caught == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_only_get_is_accepted(receiver: Receiver, caught: Caught, method: str) -> None:
    """Every other method gets a 405."""
    response = requests.request(method, f"{receiver.redirect_uri}?code=C&state={STATE}", timeout=5)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert caught == []


def test_an_unknown_method_does_not_reach_the_panel(receiver: Receiver, caught: Caught) -> None:
    """An unknown method gets a 501."""
    parts = urlsplit(receiver.redirect_uri)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=5)
    connection.request("BREW", "/callback?code=C&state=" + STATE)
    assert connection.getresponse().status == 501
    connection.close()
    assert caught == []


@pytest.mark.parametrize("path", ["/", "/callback/", "/other?code=C&state=" + STATE, "/callback"])
def test_other_paths_are_not_found(receiver: Receiver, caught: Caught, path: str) -> None:
    """Only the registered path with a query is a redirect."""
    base = f"http://127.0.0.1:{urlsplit(receiver.redirect_uri).port}"
    assert get(base + path).status_code == 404
    assert caught == []


def test_a_busy_port_is_skipped(caught: Caught) -> None:
    """The receiver listens on another port, and the redirect to it is caught."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with Receiver(STATE, f"http://127.0.0.1:{port}/callback", caught.append) as receiver:
            assert urlsplit(receiver.redirect_uri).port not in (None, port)
            get(f"{receiver.redirect_uri}?code=C&state={STATE}")
    assert len(caught.after(1)) == 1


def test_a_port_that_is_busy_on_ipv6_is_skipped(caught: Caught) -> None:
    """A browser tries ::1 first for localhost, so another program there would receive the redirect."""
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:  # this computer has no IPv6 loopback, so no program can listen there
        assert not _is_listening(1)
        return
    with other as busy:
        port = busy.getsockname()[1]
        with Receiver(STATE, f"http://localhost:{port}/callback", caught.append) as receiver:
            assert urlsplit(receiver.redirect_uri).port not in (None, port)


def test_start_without_a_free_port_is_a_sign_in_error(caught: Caught) -> None:
    """If every port is busy, `start` raises a SignInError."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with pytest.raises(SignInError, match="There is no free port"):
            Receiver(STATE, "http://127.0.0.1/callback", caught.append, ports=[busy.getsockname()[1]]).start()


def test_the_redirect_uri_has_the_registered_host_and_path(caught: Caught) -> None:
    """Only the port of the registered URI is replaced."""
    with Receiver(STATE, "http://localhost/a/b", caught.append) as receiver:
        parts = urlsplit(receiver.redirect_uri)
        assert (parts.hostname, parts.path) == ("localhost", "/a/b")


def test_the_next_request_is_expected_on_the_same_port(receiver: Receiver, caught: Caught) -> None:
    """After `expect`, only the new state is accepted."""
    get(f"{receiver.redirect_uri}?code=ONE&state={STATE}")
    redirect_uri = receiver.redirect_uri
    receiver.expect("fresh")
    assert get(f"{redirect_uri}?code=OLD&state={STATE}").url.endswith("/wrong-state")
    assert len(caught.after(2)) == 2
    get(f"{redirect_uri}?code=TWO&state=fresh")
    assert caught.after(3)[-1].endswith("?code=TWO&state=fresh")


def test_a_receiver_closes_after_its_time(caught: Caught) -> None:
    """The receiver closes itself after `seconds`."""
    receiver = Receiver(STATE, "http://127.0.0.1/callback", caught.append, seconds=0.05).start()
    timer = receiver._timer
    assert timer is not None
    timer.join(10)
    assert not receiver.listening


def test_a_receiver_prints_nothing(receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed, and `repr` contains neither code nor state."""
    get(f"{receiver.redirect_uri}?code=C0DE&state={STATE}")
    get(f"{receiver.redirect_uri}?code=C0DE&state=wrong")
    assert capfd.readouterr() == ("", "")
    assert "C0DE" not in repr(receiver)
    assert STATE not in repr(receiver)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://127.0.0.1/callback", True),
        ("http://localhost:8000/", True),
        ("https://localhost/", False),
        ("https://app.box.com", False),
        ("http://127.0.0.1.example.com/", False),
        ("urn:ietf:wg:oauth:2.0:oob", False),
    ],
)
def test_where_a_receiver_can_listen(uri: str, expected: bool) -> None:
    """Only plain http on 127.0.0.1 or localhost is accepted."""
    assert can_listen(uri) is expected
    if not expected:
        with pytest.raises(SignInError):
            Receiver(STATE, uri, lambda _url: None)


def test_an_error_without_a_state_does_not_use_up_the_request(receiver: Receiver, caught: Caught) -> None:
    """Box sends error 107 without a state. Anyone can send it, so the receiver keeps waiting for the right redirect."""
    response = get(f"{receiver.redirect_uri}?error=server_error&error_description=107")
    assert response.url.endswith("/unproved") and "Box did not grant access" in response.text
    assert "another request" not in response.text and "107" not in response.text
    assert len(caught.after(1)) == 1
    get(f"{receiver.redirect_uri}?code=GOOD&state={STATE}")
    assert [urlsplit(url).query.partition("&")[0] for url in caught.after(2)] == [
        "error=server_error",
        "code=GOOD",
    ]


def test_a_server_error_is_not_called_a_denial(receiver: Receiver) -> None:
    """If the server fails, the page does not say that the user denied access."""
    response = get(f"{receiver.redirect_uri}?error=temporarily_unavailable&state={STATE}")
    assert response.url.endswith("/failed") and "was told not to" not in response.text


def test_the_pages_name_the_server(caught: Caught) -> None:
    """The server need not be Box, and its name is escaped."""
    with Receiver(STATE, "http://127.0.0.1/callback", caught.append, server="<b>Acme") as receiver:
        for query in ("code=C&state=x", "error=server_error", f"error=access_denied&state={STATE}", ""):
            page = get(f"{receiver.redirect_uri}?{query}").text
            assert "Box" not in page and "<b>" not in page and "&lt;b&gt;Acme" in page


def test_localhost_is_bound_on_both_families(caught: Caught) -> None:
    """A browser tries ::1 first, so the receiver binds both addresses and catches a redirect to either."""
    with Receiver(STATE, "http://localhost/callback", caught.append) as receiver:
        port = receiver._port
        with socket.socket(socket.AF_INET6) as thief, pytest.raises(OSError):
            thief.bind(("::1", port))
        with socket.socket() as thief, pytest.raises(OSError):
            thief.bind(("127.0.0.1", port))
        connection = http.client.HTTPConnection("::1", port, timeout=5)
        connection.request("GET", f"/callback?code=C0DE&state={STATE}", headers={"Host": f"localhost:{port}"})
        assert connection.getresponse().status == 303
        connection.close()
    assert caught.after(1) == [f"http://localhost:{port}/callback?code=C0DE&state={STATE}"]
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            assert probe.connect_ex((host, port)) != 0  # both are closed


def test_a_port_bound_on_ipv6_is_skipped(caught: Caught) -> None:
    """A port that another program has bound is skipped, even if that program does not listen yet."""
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        port = other.getsockname()[1]
        with Receiver(STATE, f"http://localhost:{port}/callback", caught.append) as receiver:
            assert (
                receiver._port != port
                and receiver.redirect_uri == f"http://localhost:{receiver._port}/callback"
            )


def test_127_0_0_1_does_not_bind_an_ipv6_port(receiver: Receiver) -> None:
    """A browser tries only the IP address that the URL contains."""
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", receiver._port))


def test_behind_a_hub_the_port_is_bound_on_both_families(caught: Caught) -> None:
    """The proxy of a hub connects to localhost, so another user who binds ::1 would get the code."""
    behind = "https://hub.example.com/user/ada/proxy/8930/callback"
    with (
        Receiver(STATE, "http://127.0.0.1:8930/callback", caught.append, [0], behind=behind) as receiver,
        socket.socket(socket.AF_INET6) as thief,
        pytest.raises(OSError),
    ):
        thief.bind(("::1", receiver._port))


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_bound_port_is_in_use_before_anyone_listens(family: int, host: str) -> None:
    """The program that bound the port, on either family, may start to listen after the user has followed the link."""
    with socket.socket(family) as other:
        other.bind((host, 0))
        port = other.getsockname()[1]
        assert port_in_use(port)
    assert not port_in_use(port)


def test_a_port_is_free_for_the_next_sign_in_immediately(caught: Caught) -> None:
    """A hub forwards to one port only, and a closed connection would normally block that port for a minute."""
    with Receiver(STATE, "http://127.0.0.1/callback", caught.append) as first:
        port = first._port
        assert get(f"{first.redirect_uri}?code=C0DE&state={STATE}").status_code == 200
    with Receiver(STATE, "http://127.0.0.1/callback", caught.append, [port]) as second:
        assert second._port == port
