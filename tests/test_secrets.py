"""Whatever prints variables, requests, pickles or the output of another process sees fingerprints."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import os
import pickle
import random
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import answering
import leaks
import pytest
import requests
from mailing import mailbox
from pretending import Answer, pretending
from signing import practice_client, sign_in

import boxnb
from boxnb import basic, masking, network, oauth, store, tokens
from boxnb.auth import RotatingAuth
from boxnb.errors import ApiError, BoxNotebookError, MailError, NetworkError, TokenStoreError
from boxnb.runs import mail
from boxnb.sandbox import Sandbox
from boxnb.tokens import Header, Secret, Token, bearer, sealed
from boxnb.transfer import parts

FORM = "very-secret-form-value"


def pair(profile: store.Profile) -> list[str]:
    assert profile.token is not None and profile.token.refresh_token is not None
    found = profile.token.access_token, profile.token.refresh_token, profile.client.client_secret
    return [each.reveal() for each in found]


def dead_server() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_an_interrupt_at_any_moment_shows_no_secret(sandbox: Sandbox) -> None:
    """Of a call, and of one that refreshes first: in the variables of no frame, in no error behind it."""
    seed = random.Random(7)
    sign_in(sandbox)
    boxnb.connect("acme").get("/users/me")  # all is imported now
    for number in range(40):
        name = f"acme-{number}"  # a lock that an interrupt left belongs to this one alone
        secrets = pair(sign_in(sandbox, name))
        if number % 2:
            sandbox.clock.advance(7200)
        box = boxnb.connect(name)
        error = leaks.interrupted_at(seed.randrange(1, 4000), lambda box=box: box.get("/users/me"), __file__)
        if error is not None:
            assert leaks.leaked(error, secrets) == []


def test_the_errors_of_a_dead_server_show_no_secret(sandbox: Sandbox) -> None:
    """Neither requests' own of box.session nor ours, with all that led to them; nor those of the token endpoint."""
    saved = sign_in(sandbox)
    address = dead_server()
    dead = oauth.Server("dead", *[address] * 5)
    store.save(
        store.Profile("dead", oauth.Client("id", saved.client.client_secret, "http://x", dead), saved.token)
    )
    box = boxnb.connect("dead")
    box.session._sleep = lambda _seconds: None
    with pytest.raises(requests.ConnectionError) as raw:
        box.session.post("/users", json={"name": "x"})
    with pytest.raises(NetworkError) as ours:
        box.get("/users/me")
    assert saved.token is not None
    with pytest.raises(requests.ConnectionError) as refreshing:
        oauth.refresh(oauth.Client("id", saved.client.client_secret, "http://x", dead), saved.token)
    for found in (raw, ours, refreshing):
        assert leaks.leaked(found.value, pair(saved)) == []
    assert any(
        "requests/adapters.py" in str(entry.path) for entry in raw.traceback
    )  # the lines are all there


def test_a_refused_refresh_shows_no_secret(sandbox: Sandbox) -> None:
    """A wrong client secret, and a redirect that was pasted with the wrong state."""
    saved = sign_in(sandbox)
    wrong = oauth.Client(saved.client.client_id, Secret(FORM), saved.client.redirect_uri, saved.client.server)
    assert saved.token is not None
    with pytest.raises(BoxNotebookError) as refused:
        oauth.refresh(wrong, saved.token)
    assert leaks.leaked(refused.value, [*pair(saved), FORM]) == []
    with pytest.raises(BoxNotebookError) as mismatch:
        oauth.parse_redirect(f"http://127.0.0.1/callback?code={'c' * 30}&state=other", state="mine")
    trace = mismatch.value.__traceback__
    assert trace is not None and trace.tb_next is not None
    inner = trace.tb_next
    while inner is not None:
        assert "c" * 30 not in repr(inner.tb_frame.f_locals)
        inner = inner.tb_next


def test_a_damaged_profile_shows_nothing_of_itself() -> None:
    """Neither does the JSON error behind the sentence, which holds the whole text."""
    file = store.path("acme")
    store.disk.private_folder(file.parent)
    store.disk.write_private(file, json.dumps({"token": {"access_token": FORM}}).encode()[:-1])
    with pytest.raises(TokenStoreError) as damaged:
        store.load("acme")
    assert leaks.leaked(damaged.value, [FORM]) == []


def test_an_error_that_was_there_before_keeps_its_variables() -> None:
    """Only what ran inside is emptied: a user's own traceback stays whole."""

    @sealed
    def inside(word: str) -> None:
        held = word * 2
        raise ValueError(len(held))

    def outside() -> None:
        mine = "my own variable"
        raise KeyError(len(mine))

    try:
        outside()
    except KeyError:
        with pytest.raises(ValueError, match="34") as found:
            inside("a secret for once")
    inner = found.value.__traceback__
    while inner is not None and inner.tb_next is not None:
        inner = inner.tb_next
    assert inner is not None and inner.tb_frame.f_code.co_name == "inside" and inner.tb_frame.f_locals == {}
    before = found.value.__context__
    assert (
        before is not None and before.__traceback__ is not None and before.__traceback__.tb_next is not None
    )
    assert before.__traceback__.tb_next.tb_frame.f_locals == {"mine": "my own variable"}


@pytest.mark.parametrize("plain", [False, True], ids=["box.session", "requests.get"])
def test_a_response_carries_no_token(sandbox: Sandbox, plain: bool) -> None:
    """Nor does its request, its history after a refresh, its pickle or its JSON; what was sent was whole."""
    saved = sign_in(sandbox)
    sandbox.clock.advance(30)
    url = f"{sandbox.url}/2.0/users/me"
    sandbox.clock.advance(3570 + 61)  # refused, and repeated after a refresh
    get = requests.get if plain else boxnb.connect("acme").session.get
    answer = get(url, timeout=20, **({"auth": RotatingAuth("acme")} if plain else {}))  # type: ignore[operator]
    assert answer.status_code == 200
    renewed = store.load("acme")
    assert renewed is not None
    sent = answer.request.headers
    dumped = pickle.dumps(answer)
    text = f"{sent!r}{dict(sent)}{json.dumps(dict(sent))}{dumped!r}{sent['Authorization']}" + "".join(
        sent.values()
    )
    for secret in [*pair(saved), *pair(renewed)]:
        assert secret not in text
    assert sent["Authorization"].startswith("Bearer <secret ")
    assert pickle.loads(dumped).request.headers["Authorization"] == str(sent["Authorization"])


def test_a_basic_password_is_in_no_request(sandbox: Sandbox) -> None:
    """It travels, base64 of name and password included, and nothing shows it."""
    basic.save("devices", sandbox.url, "reader", FORM)
    http = basic.connect("devices")
    answer = http.get("/nothing")
    assert http.auth is not None
    held = f"{answer.request.headers}{pickle.dumps(answer)!r}{vars(http)}{vars(http.auth)}"
    assert FORM not in held and http._pair.reveal() not in held


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\t"])
def test_a_token_with_a_line_end_is_sent_without(end: str) -> None:
    """An edited file's, a secret manager's."""
    assert bearer(Secret(f"token-of-{FORM}{end}")).encode("latin-1") == f"Bearer token-of-{FORM}".encode()


@pytest.mark.parametrize("odd", ["a\nb", "a\x00b", "ü", "a\r\nX-Evil: 1"])
def test_a_token_no_header_can_carry_is_refused_unseen(sandbox: Sandbox, odd: str) -> None:
    """In one sentence, before anything is sent."""
    with pytest.raises(ValueError, match="cannot be sent") as refused:
        Header("Bearer", Secret(FORM + odd))
    assert leaks.leaked(refused.value, [FORM]) == []


def test_what_is_in_use_is_not_forgotten_for_words() -> None:
    """A thousand later ones push out those that nobody used since."""
    client_secret = Secret("a-client-secret-in-use")
    for number in range(tokens.KNOWN * 2):
        Secret(f"word-{number}")
        if number % 500 == 0:
            Secret(client_secret)
    assert "a-client-secret-in-use" in tokens.known() and len(tokens.known()) == tokens.KNOWN


def test_masking_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in characters looked at, not in seconds: a page of unclosed scripts is searched once."""
    page = "<script " * 20_000
    assert masking.mask_page(page) == page
    assert masking.mask_page("<script>fetch()</script>token: abcdef<SCRIPT>x</SCRIPT>") == (
        "<script>fetch()</script>token: &lt;masked&gt;<SCRIPT>x</SCRIPT>"
    )


def test_many_secrets_are_all_masked() -> None:
    """Longest first, in every spelling they travel in."""
    known = [Secret(f"{number:04}-{FORM}") for number in range(500)] + [Secret(f"0001-{FORM}-longer")]
    text = " ".join(secret.reveal() for secret in known)
    assert masking.known_only(text) == " ".join(str(secret) for secret in known)


def test_an_older_secret_is_still_masked_in_the_common_forms() -> None:
    """The client secret is the oldest of a long session."""
    odd = 'an "older" & <odd> password/of=mine'
    Secret(odd)
    for number in range(300):
        Secret(f"{number:04}-{FORM}")
    forms = [odd, quote(odd, safe=""), quote_plus(odd), json.dumps(odd), html.escape(odd), repr(odd)]
    for form in [*forms, base64.b64encode(f"user:{odd}".encode()).decode()]:
        assert "<secret " in masking.known_only(form), form


CHILD = """
import sys
from boxnb.tokens import Secret
for number in range(3):
    Secret(f"only-the-child-knows-{number}-ü")
"""


@pytest.mark.parametrize("word", ["code", "token", "acce", "Authorization", "password"])
def test_a_secret_that_is_a_common_word_uncovers_no_field(word: str) -> None:
    """Once ``token`` is somebody's password, ``access_token=`` is still the name of a field."""
    kept = tokens.Secret(word)
    text = (
        "POST /token?code=unheard-1&access_token=unheard-2 {'Authorization': 'Basic unheard-3'}"
        ' "password": "unheard-4" https://me:unheard-5@example.com/x Authorization=Basic unheard-6\n'
        "the token: Authorization=Basic unheard-7\ntoken: password= unheard-8"
    )
    assert "unheard" not in masking.mask(text)
    assert masking.mask(f'"password": "{kept.reveal()}"').count(kept.reveal()) <= (word == "password")


def test_what_follows_a_known_secret_in_a_header_is_masked_too() -> None:
    """The known user name does not end the field."""
    tokens.Secret("known-user-name")
    line = masking.mask("Authorization=Digest known-user-name unheard-7")
    assert "unheard-7" not in line and "known-user-name" not in line


def test_a_secret_with_blanks_is_masked_whole_in_a_field() -> None:
    """A field ends at a blank, the secret does not."""
    kept = tokens.Secret("zebra blue river")
    assert masking.mask(f"password={kept.reveal()} and more").endswith("> and more")


def test_a_child_hands_its_secrets_over_unreadably(tmp_path: Path) -> None:
    """The run knows them afterwards; the file alone shows nothing, and a line that was cut off costs only itself."""
    file, key = tmp_path / "known", "k" * 64
    file.touch(mode=0o600)
    environment = {**os.environ, tokens.HANDED: f"{file}:{key}", "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", CHILD], env=environment, check=True, timeout=60)
    content = file.read_bytes()
    assert b"only-the-child" not in content and len(content.splitlines()) == 3
    file.write_bytes(content[:-30])
    tokens.take_over(file, key)
    assert {f"only-the-child-knows-{number}-ü" for number in range(2)} <= set(tokens.known())


def test_mail_errors_show_no_password(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of a server that refuses it and says it back; nor does the connection of one that takes it."""
    sign_in(sandbox)
    with mailbox(tmp_path) as server:
        settings = mail.settings_of("acme")
        connection = mail._connected(settings)
        assert server.password not in repr(vars(connection))
        connection.close()
        wrong = mail.dataclasses.replace(settings, password=Secret(FORM))
        with pytest.raises(MailError) as refused:
            mail.send(wrong, mail.compose(wrong, ["ada@example.com"], "s", "t", "<p>t</p>", []))
    assert leaks.leaked(refused.value, [FORM]) == []
    assert not isinstance(refused.value.__context__, smtplib.SMTPException)


def test_a_token_of_json_is_a_token_again(sandbox: Sandbox) -> None:
    """Sealing changes no value: what goes in comes out."""
    saved = sign_in(sandbox)
    assert saved.token is not None and Token.from_json(saved.token.as_json()) == saved.token
    assert practice_client(sandbox) == saved.client


@pytest.mark.parametrize("name", ["refresh", "revoke"])
def test_a_server_that_repeats_the_form_makes_no_error_show_it(name: str) -> None:
    """Neither the sentence nor the error's attributes nor a variable of a call holds what was sent."""
    token = Token(Secret("access-5566aabb"), Secret("refresh-5566aabb"), 1000.0, 3600.0)
    said = {"error": "invalid_request", "error_description": "odd: refresh-5566aabb, client-5566aabb"}
    with answering.raw(answering.http(400, said)) as port:
        server = oauth.Server("x", *[f"http://127.0.0.1:{port}"] * 5)
        client = oauth.Client("a", Secret("client-5566aabb"), "http://127.0.0.1/callback", server)
        with pytest.raises(BoxNotebookError, match="odd: <secret") as caught:
            getattr(oauth, name)(client, token)
    assert "5566aabb" not in leaks.shown(caught.value)


def test_an_api_that_repeats_the_token_makes_no_attribute_show_it() -> None:
    """Code and request id are handed on as texts, masked as the sentence is."""
    said = {"code": "odd access-7788ccdd", "request_id": "access-7788ccdd", "message": "access-7788ccdd"}
    with answering.raw(answering.http(400, said)) as port:
        server = oauth.Server("x", *[f"http://127.0.0.1:{port}"] * 5)
        client = oauth.Client("a", Secret("client-7788ccdd"), "http://127.0.0.1/callback", server)
        token = Token(Secret("access-7788ccdd"), Secret("refresh-7788ccdd"), time.time(), 3600.0)
        store.save(store.Profile("acme", client, token))
        with pytest.raises(ApiError) as caught:
            boxnb.connect("acme").get("/users/me")
    assert "access-7788ccdd" not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.code.startswith("odd <secret")


PROXIES = [
    "http://user:pässw€rd-3f1@127.0.0.1:9/",
    "http://user:rd-3f1\ud800x@127.0.0.1:9",
    "http://user:rd-3f1@[bad",
    "http://user:rd-3f1@127.0.0.1:99999",
    "http://user:rd-3f1@",
    "user:rd-3f1@127.0.0.1:port",
    "http://user:rd-3f1@exa mple:80",
    "http://user:rd-3f1@\u20ac..x:80",
    f"http://user:rd-3f1@{'a' * 70}.x:80",
]


@pytest.mark.parametrize("proxy", PROXIES, ids=range(len(PROXIES)))
@pytest.mark.parametrize("address", ["http://example.invalid/", "https://example.invalid/"])
def test_the_address_of_a_proxy_that_cannot_be_read_is_in_no_error(proxy: str, address: str) -> None:
    """Neither in its text nor in what lies behind it, which a debugger shows; and it is said that the proxy's is meant."""
    session = network.Session()
    session.trust_env = False
    session.proxies = {"http": proxy, "https": proxy}
    with pytest.raises(requests.exceptions.InvalidProxyURL) as caught:
        session.get(address, timeout=2)
    error: BaseException | None = caught.value
    while error is not None:
        assert "rd-3f1" not in repr(error) + str(error) + repr(vars(error))
        error = error.__cause__ or error.__context__


def test_a_header_that_cannot_be_sent_is_in_no_error() -> None:
    """Whoever adds a header of their own sees which kind of thing was wrong, not the value."""
    with pytest.raises(requests.exceptions.InvalidHeader) as caught:
        network.Session().get(
            "http://127.0.0.1:9/", headers={"Authorization": "Bearer s3cret-\u20ac"}, timeout=2
        )
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret-" not in repr(error) + str(error)
        error = error.__cause__ or error.__context__


REPEATED: dict[str, Callable[[boxnb.Box, Path], object]] = {
    "get": lambda box, file: box.get("/users/me"),
    "call": lambda box, file: box.session.call("POST", "/folders", json={}),
    "users": lambda box, file: box.users(),
    "tree": lambda box, file: box.tree("5"),
    "collaborations": lambda box, file: box.collaborations("5"),
    "frame": lambda box, file: box.frame("/folders/5"),
    "upload": lambda box, file: box.upload(file),
    "upload of a folder": lambda box, file: box.upload_folder(file.parent),
    "download": lambda box, file: box.download("5", file.parent / "down"),
}


ANSWERS = [
    *((401, "json", name) for name in REPEATED),
    *((200, "text", name) for name in REPEATED if name != "call"),
    *((409, "entry", name) for name in REPEATED if name.startswith("upload")),
]


@pytest.mark.parametrize(("status", "form", "name"), ANSWERS)
def test_an_answer_that_repeats_the_access_token_is_in_no_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, form: str, name: str
) -> None:
    """A debugging server, or a proxy, gives back what it was sent: in a page, in every field."""
    monkeypatch.setattr(
        leaks, "TESTS", tmp_path
    )  # the server of this test knows the token, this test does not
    (tmp_path / "sent").mkdir()
    file = tmp_path / "sent" / "a.bin"
    file.write_bytes(b"abc")
    with pretending() as (pretender, box):
        saved = box.profile
        store.save(
            dataclasses.replace(
                saved, token=Token(Secret("atat-7711-zz"), Secret("rtrt-7711-zz"), time.time(), 3600)
            )
        )
        box = boxnb.connect("pretended")
        monkeypatch.setattr(box.session, "_sleep", lambda seconds: None)
        monkeypatch.setattr(parts.Caller, "sleep", lambda self, seconds: None)

        def first(
            method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
        ) -> Answer:
            if path == "/token":
                return (
                    200,
                    {},
                    {"access_token": "atat-7711-zz", "refresh_token": "rtrt-7711-zz", "expires_in": 3600},
                )
            sent = headers.get("Authorization", "")
            words: dict[str, object] = {"type": "error", "message": sent, "code": sent, "request_id": sent}
            if form == "entry":
                words = {"entries": sent, "context_info": {"conflicts": {"id": sent, "name": sent}}}
            return status, {}, sent.encode() if form == "text" else words

        pretender.first = first
        with pytest.raises(BoxNotebookError) as caught:
            REPEATED[name](box, file)
        caught.value.__traceback__ = caught.value.__traceback__.tb_next  # type: ignore[union-attr]
        error = caught.value
        while error.__traceback__ is not None and "boxnb" not in str(
            error.__traceback__.tb_frame.f_globals.get("__name__")
        ):
            error.__traceback__ = error.__traceback__.tb_next
        assert leaks.leaked(error, ["atat-7711-zz", "rtrt-7711-zz"]) == []
