"""Everything that prints variables, requests, pickles or the output of another process shows only fingerprints."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import os
import pickle
import random
import re
import smtplib
import socket
import subprocess
import sys
import textwrap
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
from boxnb import basic, known_secrets, oauth, redaction, secret, store
from boxnb.auth import RotatingAuth
from boxnb.errors import ApiError, BoxNotebookError, MailError, NetworkError, TokenStoreError
from boxnb.local import private_files
from boxnb.oauth.token import Token
from boxnb.runs import mail
from boxnb.sandbox import Sandbox
from boxnb.secret import Header, Secret, bearer, sealed
from boxnb.transfer import chunked
from boxnb.transport import sessions

FORM = "very-secret-form-value"


def secrets_of(profile: store.Profile) -> list[str]:
    """Return the secrets of a profile."""
    assert profile.token is not None and profile.token.refresh_token is not None
    secrets = profile.token.access_token, profile.token.refresh_token, profile.client.client_secret
    return [secret.reveal() for secret in secrets]


def dead_server() -> str:
    """Return a URL where no server listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_an_interrupt_at_any_moment_does_not_show_the_secrets(sandbox: Sandbox) -> None:
    """Wherever a call or a refresh is interrupted, no variable and no error shows a secret."""
    generator = random.Random(7)
    sign_in(sandbox)
    boxnb.connect("acme").get("/users/me")  # import everything first
    for number in range(40):
        name = f"acme-{number}"  # an interrupt may leave the lock of this profile held
        secrets = secrets_of(sign_in(sandbox, name))
        if number % 2:
            sandbox.clock.advance(7200)
        box = boxnb.connect(name)
        error = leaks.interrupt_at_line(
            generator.randrange(1, 4000), lambda box=box: box.get("/users/me"), __file__
        )
        if error is not None:
            assert leaks.leaked(error, secrets) == []


def test_the_errors_of_a_dead_server_do_not_show_the_secrets(sandbox: Sandbox) -> None:
    """No secret is in the errors of box.session, of box.get or of the token endpoint."""
    saved = sign_in(sandbox)
    dead = oauth.Server("dead", *[dead_server()] * 5)
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
    for caught in (raw, ours, refreshing):
        assert leaks.leaked(caught.value, secrets_of(saved)) == []
    # The lines of the traceback are still there.
    assert any("requests/adapters.py" in str(entry.path) for entry in raw.traceback)


def test_a_refused_refresh_does_not_show_the_secrets(sandbox: Sandbox) -> None:
    """No secret is in the error for a wrong client secret or for a wrong state."""
    saved = sign_in(sandbox)
    wrong_client = oauth.Client(
        saved.client.client_id, Secret(FORM), saved.client.redirect_uri, saved.client.server
    )
    assert saved.token is not None
    with pytest.raises(BoxNotebookError) as refused:
        oauth.refresh(wrong_client, saved.token)
    assert leaks.leaked(refused.value, [*secrets_of(saved), FORM]) == []
    with pytest.raises(BoxNotebookError) as mismatch:
        oauth.parse_redirect(f"http://127.0.0.1/callback?code={'c' * 30}&state=other", state="mine")
    trace = mismatch.value.__traceback__
    assert trace is not None and trace.tb_next is not None
    inner = trace.tb_next
    while inner is not None:
        assert "c" * 30 not in repr(inner.tb_frame.f_locals)
        inner = inner.tb_next


def test_the_error_of_a_damaged_profile_does_not_show_its_secrets() -> None:
    """Neither the error nor the JSON error that caused it contains the text of the file."""
    file = store.path("acme")
    private_files.private_folder(file.parent)
    private_files.write_private(file, json.dumps({"token": {"access_token": FORM}}).encode()[:-1])
    with pytest.raises(TokenStoreError) as damaged:
        store.load("acme")
    assert leaks.leaked(damaged.value, [FORM]) == []


def test_the_variables_of_an_earlier_error_stay() -> None:
    """Only the calls inside a sealed function lose their variables. The variables of the user's own code stay."""

    @sealed
    def inside(word: str) -> None:
        doubled = word * 2
        raise ValueError(len(doubled))

    def outside() -> None:
        mine = "my own variable"
        raise KeyError(len(mine))

    try:
        outside()
    except KeyError:
        with pytest.raises(ValueError, match="34") as caught:
            inside("a secret for once")
    inner = caught.value.__traceback__
    while inner is not None and inner.tb_next is not None:
        inner = inner.tb_next
    assert inner is not None and inner.tb_frame.f_code.co_name == "inside" and inner.tb_frame.f_locals == {}
    earlier = caught.value.__context__
    assert earlier is not None and earlier.__traceback__ is not None
    assert earlier.__traceback__.tb_next is not None
    assert earlier.__traceback__.tb_next.tb_frame.f_locals == {"mine": "my own variable"}


@pytest.mark.parametrize("plain", [False, True], ids=["box.session", "requests.get"])
def test_a_response_does_not_contain_the_token(sandbox: Sandbox, plain: bool) -> None:
    """No token is in a response, its request, its history, its pickle or its JSON."""
    saved = sign_in(sandbox)
    sandbox.clock.advance(30)
    url = f"{sandbox.url}/2.0/users/me"
    sandbox.clock.advance(3570 + 61)  # rejected, and sent again after a refresh
    get = requests.get if plain else boxnb.connect("acme").session.get
    response = get(url, timeout=20, **({"auth": RotatingAuth("acme")} if plain else {}))  # type: ignore[operator]
    assert response.status_code == 200
    refreshed = store.load("acme")
    assert refreshed is not None
    headers = response.request.headers
    pickled = pickle.dumps(response)
    text = f"{headers!r}{dict(headers)}{json.dumps(dict(headers))}{pickled!r}{headers['Authorization']}"
    text += "".join(headers.values())
    for value in [*secrets_of(saved), *secrets_of(refreshed)]:
        assert value not in text
    assert headers["Authorization"].startswith("Bearer <secret ")
    assert pickle.loads(pickled).request.headers["Authorization"] == str(headers["Authorization"])


def test_a_basic_password_is_in_no_request(sandbox: Sandbox) -> None:
    """No request, response or session contains the password, either in plain text or in base64."""
    basic.save("devices", sandbox.url, "reader", FORM)
    http = basic.connect("devices")
    response = http.get("/nothing")
    assert http.auth is not None
    text = f"{response.request.headers}{pickle.dumps(response)!r}{vars(http)}{vars(http.auth)}"
    secrets = http.profile.secrets()
    assert set(secrets) == {"password", "password in base64"}
    assert [name for name, value in secrets.items() if value.reveal() in text] == []


@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\t"])
def test_a_line_break_after_a_token_is_not_sent(end: str) -> None:
    """An edited file or a secret manager may add a line break after the token, which is not sent."""
    assert bearer(Secret(f"token-of-{FORM}{end}")).encode("latin-1") == f"Bearer token-of-{FORM}".encode()


@pytest.mark.parametrize("odd", ["a\nb", "a\x00b", "ü", "a\r\nX-Evil: 1"])
def test_a_token_that_a_header_cannot_contain_is_refused(sandbox: Sandbox, odd: str) -> None:
    """The error says that the token cannot be sent, and does not show it."""
    with pytest.raises(ValueError, match="cannot be sent") as refused:
        Header("Bearer", Secret(FORM + odd))
    assert leaks.leaked(refused.value, [FORM]) == []


def test_a_secret_in_use_stays_known() -> None:
    """A secret that is still in use stays known, even after a thousand others."""
    client_secret = Secret("a-client-secret-in-use")
    for number in range(secret.KNOWN * 2):
        Secret(f"word-{number}")
        if number % 500 == 0:
            Secret(client_secret)
    assert "a-client-secret-in-use" in secret.known() and len(secret.known()) == secret.KNOWN


def test_redaction_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of scripts without an end tag is searched only once."""
    page = "<script " * 20_000
    assert redaction.redact_page(page) == page
    assert redaction.redact_page("<script>fetch()</script>token: abcdef<SCRIPT>x</SCRIPT>") == (
        "<script>fetch()</script>token: &lt;redacted&gt;<SCRIPT>x</SCRIPT>"
    )


def test_many_secrets_are_all_redacted() -> None:
    """Hundreds of secrets are redacted. A longer one is recognized before another secret that it starts with."""
    secrets = [Secret(f"{number:04}-{FORM}") for number in range(500)] + [Secret(f"0001-{FORM}-longer")]
    text = " ".join(secret.reveal() for secret in secrets)
    assert known_secrets.redact_known(text) == " ".join(str(secret) for secret in secrets)


def test_an_older_secret_is_still_redacted_in_the_common_forms() -> None:
    """In a long session the client secret is the oldest one, and is redacted in the common forms."""
    odd = 'an "older" & <odd> password/of=mine'
    Secret(odd)
    for number in range(300):
        Secret(f"{number:04}-{FORM}")
    forms = [odd, quote(odd, safe=""), quote_plus(odd), json.dumps(odd), html.escape(odd), repr(odd)]
    for form in [*forms, base64.b64encode(f"user:{odd}".encode()).decode()]:
        assert "<secret " in known_secrets.redact_known(form), form


SPLIT = "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vWx1Y2z3"
SPLITS = {
    "coloured": f"\x1b[31m{SPLIT[:20]}\x1b[0m{SPLIT[20:]}",
    "coloured at each end": f"{SPLIT[:2]}\x1b[1m{SPLIT[2:-2]}\x1b[22m{SPLIT[-2:]}",
    "zero width": f"{SPLIT[:5]}\u200b{SPLIT[5:9]}\u00ad{SPLIT[9:]}",
    "wrapped": textwrap.fill(SPLIT, 14),
    "cut off": SPLIT[:17] + "…",
    "in a box": f"| {SPLIT[:13]} |\n| {SPLIT[13:26]} |",
    "base64 in lines": base64.encodebytes(SPLIT.encode() * 3).decode(),
}
TAGS = {
    "highlighted": f'<span class="s1">{SPLIT[:3]}</span><span class="si">{SPLIT[3:8]}</span>{SPLIT[8:]}',
    "bold": f"<b>{SPLIT[:1]}<i>{SPLIT[1:4]}</i></b>{SPLIT[4:]}",
}


def longest_part(text: str) -> int:
    """Return how many characters of the secret the text shows in a row."""
    lengths = range(len(SPLIT), 0, -1)
    return next((n for n in lengths if any(SPLIT[i : i + n] in text for i in range(len(SPLIT) - n + 1))), 0)


@pytest.mark.parametrize("text", SPLITS.values(), ids=SPLITS)
def test_a_secret_in_pieces_is_redacted(text: str) -> None:
    """Colours, line breaks and zero-width characters do not hide a secret from the redaction."""
    Secret(SPLIT)
    shown = redaction.redact(f"before {text} after")
    assert longest_part(shown) < 12 and shown.startswith("before ") and shown.endswith(" after")
    assert base64.b64encode(SPLIT.encode()).decode()[:20] not in shown


@pytest.mark.parametrize("text", TAGS.values(), ids=TAGS)
def test_a_secret_between_tags_is_redacted_on_a_page(text: str) -> None:
    """Highlighting splits a string into elements. They stay, so the page is still valid."""
    Secret(SPLIT)
    page = redaction.redact_page(f"<p>before {text} after</p>")
    assert longest_part(page) < 3
    assert re.findall("<[^>]*>", page) == re.findall("<[^>]*>", f"<p>{text}</p>")
    assert "before &lt;secret " in re.sub("<[^>]*>", "", page)


def test_words_of_a_password_are_not_redacted_alone() -> None:
    """Only long random tokens are redacted in part. A password of words would redact ordinary sentences."""
    Secret("the administrator of this enterprise")
    Secret("client-secret-of-the-practice-app")
    line = "The administrator of this app pastes the client-secret-of-the-app."
    assert redaction.redact(line) == line


CHILD = """
import sys
import textwrap
from boxnb.secret import Secret
for number in range(3):
    Secret(f"only-the-child-knows-{number}-ü")
"""


@pytest.mark.parametrize("word", ["code", "token", "acce", "Authorization", "password"])
def test_a_secret_that_is_a_common_word_does_not_reveal_another_secret(word: str) -> None:
    """If `token` is a user's password, `access_token=` is still the name of a field."""
    password = Secret(word)
    text = (
        "POST /token?code=unheard-1&access_token=unheard-2 {'Authorization': 'Basic unheard-3'}"
        ' "password": "unheard-4" https://me:unheard-5@example.com/x Authorization=Basic unheard-6\n'
        "the token: Authorization=Basic unheard-7\ntoken: password= unheard-8"
    )
    assert "unheard" not in redaction.redact(text)
    assert redaction.redact(f'"password": "{password.reveal()}"').count(password.reveal()) <= (
        word == "password"
    )


def test_what_follows_a_known_secret_in_a_header_is_redacted_too() -> None:
    """A known user name does not end the field."""
    Secret("known-user-name")
    line = redaction.redact("Authorization=Digest known-user-name unheard-7")
    assert "unheard-7" not in line and "known-user-name" not in line


def test_a_secret_with_spaces_is_redacted_completely_in_a_field() -> None:
    """The value of a field ends at a space, but a known secret does not."""
    password = Secret("zebra blue river")
    assert redaction.redact(f"password={password.reveal()} and more").endswith("> and more")


def test_the_file_with_the_secrets_of_a_child_is_unreadable(tmp_path: Path) -> None:
    """The run learns the secrets of its child, the file does not show them, and a truncated line is skipped."""
    file, key = tmp_path / "known", "k" * 64
    file.touch(mode=0o600)
    environment = {
        **os.environ,
        secret.REPORT_TO: f"{file}:{key}",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    subprocess.run([sys.executable, "-c", CHILD], env=environment, check=True, timeout=60)
    content = file.read_bytes()
    assert b"only-the-child" not in content and len(content.splitlines()) == 3
    file.write_bytes(content[:-30])
    secret.learn_reported(file, key)
    assert {f"only-the-child-knows-{number}-ü" for number in range(2)} <= set(secret.known())


def test_mail_errors_do_not_show_the_password(sandbox: Sandbox, tmp_path: Path) -> None:
    """An open connection does not contain the password, and neither does the error if the server repeats it."""
    sign_in(sandbox)
    with mailbox(tmp_path) as server:
        settings = mail.settings_of("acme")
        connection = mail._connect(settings)
        assert server.password not in repr(vars(connection))
        connection.close()
        wrong = mail.dataclasses.replace(settings, password=Secret(FORM))
        with pytest.raises(MailError) as refused:
            mail.send(wrong, mail.compose(wrong, ["ada@example.com"], "s", "t", "<p>t</p>", []))
    assert leaks.leaked(refused.value, [FORM]) == []
    assert not isinstance(refused.value.__context__, smtplib.SMTPException)


def test_a_token_survives_json(sandbox: Sandbox) -> None:
    """A token that is written as JSON and read again is the same."""
    saved = sign_in(sandbox)
    assert saved.token is not None and Token.from_json(saved.token.as_json()) == saved.token
    assert practice_client(sandbox) == saved.client


@pytest.mark.parametrize("name", ["refresh", "revoke"])
def test_the_error_of_a_server_that_repeats_the_form_does_not_show_the_secrets(name: str) -> None:
    """No secret is in the message, attributes or variables of the error."""
    token = Token(Secret("access-5566aabb"), Secret("refresh-5566aabb"), 1000.0, 3600.0)
    body = {"error": "invalid_request", "error_description": "odd: refresh-5566aabb, client-5566aabb"}
    with answering.raw(answering.http(400, body)) as port:
        server = oauth.Server("x", *[f"http://127.0.0.1:{port}"] * 5)
        client = oauth.Client("a", Secret("client-5566aabb"), "http://127.0.0.1/callback", server)
        with pytest.raises(BoxNotebookError, match="odd: <secret") as caught:
            getattr(oauth, name)(client, token)
    assert "5566aabb" not in leaks.visible_text(caught.value)


def test_the_error_of_an_api_that_repeats_the_token_does_not_show_it() -> None:
    """The code and the request ID of the error are redacted, as is its message."""
    body = {"code": "odd access-7788ccdd", "request_id": "access-7788ccdd", "message": "access-7788ccdd"}
    with answering.raw(answering.http(400, body)) as port:
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
def test_the_error_of_an_invalid_proxy_does_not_show_its_password(proxy: str, address: str) -> None:
    """The error names the proxy, and neither it nor its causes show the password."""
    session = sessions.Session()
    session.trust_env = False
    session.proxies = {"http": proxy, "https": proxy}
    with pytest.raises(requests.exceptions.InvalidProxyURL) as caught:
        session.get(address, timeout=2)
    error: BaseException | None = caught.value
    while error is not None:
        assert "rd-3f1" not in repr(error) + str(error) + repr(vars(error))
        error = error.__cause__ or error.__context__


def test_the_error_of_an_invalid_header_does_not_show_its_value() -> None:
    """The value may be a token, so neither the error nor its causes show it."""
    with pytest.raises(requests.exceptions.InvalidHeader) as caught:
        sessions.Session().get(
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
    "post": lambda box, file: box.post("/folders", {"name": "a"}),
    "frame by post": lambda box, file: box.frame("/folders", method="POST", json={"name": "a"}),
    "version": lambda box, file: box.get("/hubs", version="2025.0"),
    "console": lambda box, file: box.console("user_details", where="5"),
    "upload": lambda box, file: box.upload(file),
    "upload of a folder": lambda box, file: box.upload_folder(file.parent),
    "download": lambda box, file: box.download("5", file.parent / "down"),
}


RESPONSES = [
    *((401, "json", name) for name in REPEATED),
    *((200, "text", name) for name in REPEATED if name != "call"),
    *((409, "entry", name) for name in REPEATED if name.startswith("upload")),
]


@pytest.mark.parametrize(("status", "form", "name"), RESPONSES)
def test_the_error_of_a_response_that_repeats_the_token_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, form: str, name: str
) -> None:
    """If a debugging server or a proxy returns the token in a page or a field, no variable of the error contains it."""
    # Only the server of this test knows the token.
    monkeypatch.setattr(leaks, "TESTS", tmp_path)
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
        monkeypatch.setattr(chunked.Caller, "sleep", lambda self, seconds: None)

        def first(
            method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
        ) -> Answer:
            if path == "/token":
                return (
                    200,
                    {},
                    {"access_token": "atat-7711-zz", "refresh_token": "rtrt-7711-zz", "expires_in": 3600},
                )
            token = headers.get("Authorization", "")
            fields: dict[str, object] = {
                "type": "error",
                "message": token,
                "code": token,
                "request_id": token,
            }
            if form == "entry":
                fields = {"entries": token, "context_info": {"conflicts": {"id": token, "name": token}}}
            return status, {}, token.encode() if form == "text" else fields

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
