"""The address of a server and of its calls: what it may contain, and where the secrets go."""

from __future__ import annotations

import pytest
from answering import http as response
from answering import raw

from boxnb import servers, store
from boxnb.errors import ForbiddenError, HostNotAllowedError, SettingError

PASSWORD = "p4ssword-x"


def saved(port: int) -> servers.ServerSession:
    """Return a session for a server on this computer."""
    servers.save("own", f"http://127.0.0.1:{port}", secrets={"password": PASSWORD}, username="reader")
    return servers.connect("own")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://reader:p4ssword-x@uem.example", "user name or a password before the host"),
        ("ftp://reader:p4ssword-x@uem.example", "user name or a password before the host"),
        ("https://p4ssword-x@uem.example/api", "user name or a password before the host"),
        ("https://[p4ssword-x@uem.example", "user name or a password before the host"),
        ("https://uem.example/api?tenant=7", r"'\?tenant=7' would be part of every path"),
        ("https://uem.example/api#top", "'#top' would be part of every path"),
        ("uem.example", "is not an https address"),
    ],
)
def test_an_address_is_a_host_and_a_path(url: str, message: str) -> None:
    """What does not belong to an address is refused before it is saved, and a password in it is not shown."""
    with pytest.raises(SettingError, match=message) as refused:
        servers.save("own", url, secrets={"password": PASSWORD}, username="reader")
    assert PASSWORD not in str(refused.value)
    assert store.load("own") is None


def test_an_endpoint_may_have_a_query() -> None:
    """A token endpoint may have one, but no fragment (RFC 6749 3.2)."""
    arguments = {"kind": "client_credentials", "client_id": "kit", "secrets": {"client_secret": PASSWORD}}
    servers.save("own", "https://uem.example", token_url="/token?tenant=7", **arguments)  # type: ignore[arg-type]
    profile = store.load("own")
    assert profile is not None
    assert profile.client.server.token_url == "https://uem.example/token?tenant=7"
    with pytest.raises(SettingError, match="'#top' would be part"):
        servers.save("own", "https://uem.example", token_url="/token#top", **arguments)  # type: ignore[arg-type]


def test_an_address_in_a_query_stays_a_parameter() -> None:
    """A path whose query contains another address is still a path of this server."""
    with raw(response(200, {"id": 1})) as port:
        http = saved(port)
        assert http.full_url("/find?site=https://elsewhere.example/x").startswith(
            f"http://127.0.0.1:{port}/find"
        )
        assert http.get_json("/find?site=https://elsewhere.example/x") == {"id": 1}


def test_another_scheme_or_port_of_the_same_host_is_named() -> None:
    """The message does not say that the secrets of a host are not sent to that host."""
    page = response(200, [{"id": 1}], {"Link": '<https://127.0.0.1:9/things>; rel="next"'})
    with raw(page) as port, pytest.raises(HostNotAllowedError) as refused:
        saved(port).frame("/things")
    message = str(refused.value)
    assert f"for http://127.0.0.1:{port} are not sent to https://127.0.0.1:9: the host is the same" in message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_after_a_redirect_does_not_blame_the_secrets(status: int) -> None:
    """Another host gets no secret, so its refusal says nothing about them, and the server stays usable."""
    with raw(response(status, {"message": "sign in first"})) as other:
        redirect = response(302, b"", {"Location": f"http://localhost:{other}/files/7"})
        with raw(redirect) as port:
            http = saved(port)
            with pytest.raises(
                ForbiddenError, match="redirected the call to localhost, which refused it"
            ) as refused:
                http.get_json("/files/7")
    assert refused.value.status == status
    assert "sign in first" in str(refused.value)
    profile = store.load("own")
    assert profile is not None and not profile.refused
