"""A damaged profile or an unusual response of a token endpoint affects nothing else, and is reported in one message."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import answering
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import boxnb
from boxnb import basic, oauth, redaction, runs, secret, store, tokens
from boxnb.errors import BoxNotebookError, NotSignedInError, TokenStoreError
from boxnb.local import private_files
from boxnb.oauth import token
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.signin import account, messages

NOBODY = oauth.Server("nobody", *["http://127.0.0.1:9"] * 5)
CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback", NOBODY)
TOKEN = Token(Secret("access-0a1b2c3d"), Secret("refresh-0a1b2c3d"), obtained_at=1000.0, expires_in=3600.0)


@pytest.fixture
def content() -> dict[str, Any]:
    """Save a valid profile as `good`, and return the content of its file."""
    account = {"id": "1", "name": "Zoë", "login": "z@example.com", "enterprise": {"id": "9", "name": "Lumen"}}
    store.save(store.Profile("good", CLIENT, TOKEN, generation=3, account=account))
    runs.save_mail("good", host="127.0.0.1", sender="a@example.com", to=["b@example.com"], security="none")
    saved: dict[str, Any] = json.loads(store.path("good").read_text(encoding="utf-8"))
    return saved


def write_bad_profile(text: str | bytes) -> None:
    """Write the file for the profile `bad`."""
    file = store.path("bad")
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    file.chmod(0o600)


def check_all_profiles() -> None:
    """Check that functions for all profiles still work, and that functions for the bad one work or report the damage."""
    table = boxnb.status().set_index("profile")
    assert table.loc["good", "fingerprint"] == TOKEN.fingerprint
    assert table._repr_html_() if hasattr(table, "_repr_html_") else True
    assert boxnb.status()._repr_html_()
    assert redaction.redact("nothing") == "nothing"
    with boxnb.run("r"):
        pass
    for call in (lambda: store.load("bad"), lambda: repr(boxnb.connect("bad")), lambda: boxnb.status("bad")):
        try:
            call()
        except BoxNotebookError as error:
            assert "0a1b2c3d" not in str(error)
    assert all(isinstance(value, str) for value in secret.known())


ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    12345678,
    1.5,
    float("inf"),
    float("nan"),
    10**400,
    "",
    "x",
    "\ud800",
    "a\nb",
    [],
    ["x"],
    {},
    {"x": 1},
    [[[]]],
]


def fields(content: Any, parents: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path to every field."""
    for name, value in content.items() if isinstance(content, dict) else ():
        yield (*parents, name)
        yield from fields(value, (*parents, name))


def test_any_value_in_any_field_affects_only_that_profile(content: dict[str, Any]) -> None:
    """Whatever JSON value a field has, or if it is missing, the other profiles still work."""
    attempts = 0
    for keys in fields(content):
        for value in [*ODD, "missing"]:
            changed = json.loads(json.dumps(content))
            parent = changed
            for name in keys[:-1]:
                parent = parent[name]
            if value == "missing":
                del parent[keys[-1]]
            else:
                parent[keys[-1]] = value
            write_bad_profile(json.dumps(changed))
            attempts += 1
            try:
                saved = store.load("bad")
            except BoxNotebookError as error:
                assert "0a1b2c3d" not in str(error)
                if attempts % 7 == 0:  # the status of every profile takes a while
                    table = boxnb.status().set_index("profile")
                    assert str(store.path("bad")) in table.loc["bad", "problem"]
                continue
            assert saved is not None
            store.save(saved)  # a profile that was read can be saved and read again
            assert store.load("bad") == saved
            assert boxnb.status()._repr_html_()
            if saved.token is not None:
                repr(boxnb.connect("bad"))
    assert attempts > 500
    check_all_profiles()


CONTENTS: list[str | bytes] = [
    b"",
    b"\x00" * 100,
    bytes(range(256)),
    b"{",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1" * 5000,
    b"null",
    b"[]",
    b"\xff\xfe",
    b'"\\ud800"',
    b"1e999",
    "\ud800",
]


@pytest.mark.parametrize("text", CONTENTS, ids=range(len(CONTENTS)))
def test_any_content_affects_only_that_profile(content: dict[str, Any], text: str | bytes) -> None:
    """Empty, binary, deeply nested and truncated files and lone surrogates are reported with the file's name."""
    write_bad_profile(text)
    with pytest.raises(TokenStoreError, match=r"bad\.json is damaged"):
        store.load("bad")
    check_all_profiles()


@pytest.mark.parametrize(
    "file_type", ["folder", "pipe", "link to nothing", "link to itself", "name of a device"]
)
def test_anything_instead_of_the_file_affects_only_that_profile(
    content: dict[str, Any], file_type: str
) -> None:
    """A folder, pipe, link or device name instead of the file is reported, and nothing blocks."""
    file = store.path("bad")
    if file_type == "folder":
        file.mkdir()
    elif file_type == "pipe":
        os.mkfifo(file)
    elif file_type == "name of a device":
        file.with_name("con.json").write_text("{}")
    else:
        file.symlink_to(file if "itself" in file_type else file.with_name("nothing"))
    check_all_profiles()
    if file_type != "name of a device":
        assert str(file) in boxnb.status().set_index("profile").loc["bad", "problem"]
        assert str(file) in boxnb.status("bad").loc[0, "problem"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.data(),
)
def test_a_random_value_affects_only_that_profile(
    content: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    """Whatever value Hypothesis puts into whatever field, the other profiles still work."""
    keys = data.draw(st.sampled_from(list(fields(content))))
    changed = json.loads(json.dumps(content))
    parent = changed
    for name in keys[:-1]:
        parent = parent[name]
    parent[keys[-1]] = value
    write_bad_profile(json.dumps(changed))
    assert boxnb.status()._repr_html_()
    try:
        store.load("bad")
    except BoxNotebookError:
        return


def test_a_name_with_a_lone_surrogate_can_be_saved() -> None:
    """A lone surrogate in a name from Box must not prevent boxnb from saving the new pair."""
    store.save(store.Profile("acme", CLIENT, TOKEN, account={"id": "1", "name": "\ud83d"}))
    saved = store.load("acme")
    assert saved is not None
    assert saved.account == {"id": "1", "name": "?"}
    assert "<" in boxnb.status()._repr_html_()


def test_a_secret_must_be_text() -> None:
    """A number among the known secrets would break the redaction of every line."""
    for value in (5, None, b"x", ["x"]):
        with pytest.raises(TypeError, match="A secret must be text"):
            Secret(value)  # type: ignore[arg-type]
    surrogate = Secret("half\ud800letter")
    assert surrogate == Secret("half\ud800letter") and len(surrogate.digest) == 64 and repr(surrogate)
    assert redaction.redact("half a letter") == "half a letter"


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"[" * 100_000, b'{"url": 5, "username": "u", "password": "p"}', b'{"url": "https://x", "username": "u"}',
     b'{"url": "https://x", "username": "u", "password": 5}', b'{"url": "https://x", "username": "u", "password": "p", "verify": 0}'],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_server_file_is_reported(text: bytes) -> None:
    """The error for a file that an older boxnb wrote contains the call that saves the server again."""
    file = store.home() / "servers" / "devices.json"
    private_files.private_folder(file.parent)
    private_files.write_private(file, text)
    assert basic.path("devices") == file
    with pytest.raises(NotSignedInError, match=r"damaged.*boxnb\.basic\.save"):
        basic.connect("devices")
    file.unlink()
    file.mkdir()
    with pytest.raises(TokenStoreError):
        basic.connect("devices")


class Endpoint(ThreadingHTTPServer):
    """A token endpoint with one response."""

    daemon_threads = True
    body = b""
    date = "Fri, 20 Nov 2026 08:30:00 GMT"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answering(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(200)
        self.send_header("Date", self.server.date)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(tokens, "WAITS", ())
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refresh_with_response(endpoint: Endpoint, body: bytes) -> Token | None:
    """Return the token after a refresh with this response; `None` if boxnb raised an error of its own."""
    endpoint.body = body
    server = oauth.Server("odd", *[endpoint.url] * 5)
    profile = store.Profile(
        "acme",
        oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/cb", server),
        TOKEN,
    )
    store.save(profile)
    try:
        boxnb.auth.RotatingAuth("acme").token()
    except BoxNotebookError as error:
        assert "NEW" not in str(error)
        assert store.load("acme") == profile  # the saved sign-in is unchanged
    assert boxnb.status()._repr_html_() and repr(boxnb.connect("acme"))
    saved = store.load("acme")
    assert saved is not None
    return saved.token if saved.generation else None


LIFETIMES = [
    ("1e999", 3600.0), ("-1e999", 3600.0), ("NaN", 3600.0), ("1" + "0" * 400, 3600.0), ('"3600"', 3600.0), ('"soon"', 3600.0),
    ('"1e999"', 3600.0), ("null", 3600.0), ("true", 3600.0), ("[3600]", 3600.0), ("{}", 3600.0), ("-5", 3600.0), ('""', 3600.0),
    ("4175", 4175.0), ("3992.5", 3992.5), ("0", 0.0), ("1e300", token.LONGEST), ('"\\ud800"', 3600.0), ("1" * 5000, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), LIFETIMES, ids=range(len(LIFETIMES)))
def test_any_lifetime_is_usable(endpoint: Endpoint, text: str, seconds: float | None) -> None:
    """A lifetime that is not a duration counts as the nominal hour, and the new pair is saved."""
    pair = b'{"access_token": "NEWaccess", "refresh_token": "NEWrefresh", "expires_in": %s}' % text.encode()
    token = refresh_with_response(endpoint, pair)
    if seconds is None:  # not JSON that Python can read
        assert token is None
        return
    assert token is not None
    assert (token.access_token, token.refresh_token, token.expires_in) == (
        Secret("NEWaccess"),
        Secret("NEWrefresh"),
        seconds,
    )


RESPONSES: list[tuple[bytes, tuple[str, str] | None]] = [
    (b"[" * 100_000, None),
    (b'{"access_token":' * 5000, None),
    (b'{"access_token": "NEW\\ud800", "refresh_token": "NEWr"}', None),
    (b'{"access_token": "NEW\\r\\nX-Header: 1", "refresh_token": "NEWr"}', None),
    (b'{"access_token": "NEW\\u00fc", "refresh_token": "NEWr"}', None),
    (b'{"access_token": "", "refresh_token": "NEWr"}', None),
    (b'{"access_token": ["NEW"], "refresh_token": "NEWr"}', None),
    (b'{"access_token": "NEWa", "refresh_token": ["NEWr"]}', None),
    (b'{"access_token": "NEWa", "refresh_token": "NEW\\ud800"}', None),
    (b'{"access_token": true, "refresh_token": "NEWr"}', None),
    (b"null", None),
    (b'"NEW"', None),
    (b"", None),
    (b"\xff\xfe\x00", None),
    (b'{"access_token": "NEWa\\n", "refresh_token": "NEWr\\r\\n"}', ("NEWa", "NEWr")),
    (b'{"access_token": 12345678, "refresh_token": 87654321}', ("12345678", "87654321")),
    (
        b'{"access_token": "NEWa", "refresh_token": "NEWr", "token_type": ["x"], "scope": ["a", "b"]}',
        ("NEWa", "NEWr"),
    ),
    (
        b'{"access_token": "NEWa", "refresh_token": "NEWr", "token_type": 5, "scope": {"a": 1}}',
        ("NEWa", "NEWr"),
    ),
    (b'{"access_token": "NEWa", "refresh_token": null}', ("NEWa", "refresh-0a1b2c3d")),
    (b'{"access_token": "NEWa", "refresh_token": ""}', ("NEWa", "refresh-0a1b2c3d")),
]


@pytest.mark.parametrize(("body", "pair"), RESPONSES, ids=range(len(RESPONSES)))
def test_an_unusual_response_is_used_or_refused(
    endpoint: Endpoint, body: bytes, pair: tuple[str, str] | None
) -> None:
    """A response is used if possible; otherwise boxnb raises an error, and the saved pair stays."""
    token = refresh_with_response(endpoint, body)
    if pair is None:
        assert token is None
    else:
        assert token is not None
        assert (token.access_token, token.refresh_token) == tuple(map(Secret, pair))
        assert token.scope in (None, "a b")


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Fri, 20 Nov 0001 08:30:00 GMT",
        "Fri, 20 Nov 99999 08:30:00 GMT",
        "Fri, 20 Nov 2026 08:30:00 -0000",
    ],
)
def test_a_date_of_the_server_that_cannot_be_read_is_ignored(endpoint: Endpoint, date: str) -> None:
    """If the server's date cannot be read, this computer's clock is used."""
    endpoint.date = date
    token = refresh_with_response(
        endpoint, b'{"access_token": "NEWa", "refresh_token": "NEWr", "expires_in": 3600}'
    )
    assert token is not None
    assert token.access_token == Secret("NEWa")


def test_an_unusual_error_response_becomes_an_error_of_boxnb(endpoint: Endpoint) -> None:
    """Deeply nested or unexpected JSON in an error response becomes an error of boxnb."""
    for body in (
        b"[" * 100_000,
        b'{"error": {"a": 1}}',
        b'{"error": "\\ud800"}',
        b'{"error": 5, "error_description": []}',
    ):
        assert refresh_with_response(endpoint, body) is None


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "[" * 100_000, '{"format": 1, "keep": 5}'])
@pytest.mark.filterwarnings("ignore:.*was damaged:UserWarning")
def test_a_damaged_profile_can_be_deleted(content: dict[str, Any], text: str) -> None:
    """A damaged profile can be deleted, as its error advises, and the others stay."""
    write_bad_profile(text)
    store.delete("bad")
    assert store.names() == ["good"]


def test_deleting_a_damaged_profile_deletes_its_secrets(content: dict[str, Any], tmp_path: Path) -> None:
    """The command deletes the secrets, although the rest of the file cannot be read."""
    program = tmp_path / "manager.sh"
    program.write_text(f'#!/bin/sh\necho "$1 $2" >> "{tmp_path}/calls"\n', encoding="utf-8")
    program.chmod(0o700)
    write_bad_profile(json.dumps({"format": 1, "keep": f"command:{program}", "client": 5}))
    store.delete("bad")
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "delete bad\n"


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"[]", b'{"login": 5, "enterprise": "acme", "name": "\\ud800"}']
)
def test_an_unusual_response_about_the_user_is_refused_or_becomes_text(text: bytes) -> None:
    """An unusual response about the user is refused, or its fields become text."""
    with answering.raw(answering.http(200, text)) as port:
        client = oauth.Client(
            "a", Secret("s"), "http://127.0.0.1/", oauth.Server("x", *[f"http://127.0.0.1:{port}"] * 5)
        )
        try:
            fields = messages.account_fields(account.who_is("acme", client, TOKEN))
        except account.AccountError as error:
            assert "does not name a user" in str(error)
        else:
            assert (fields["login"], fields["enterprise"], fields["name"]) == ("5", "", "?")
