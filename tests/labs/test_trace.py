"""The trace records every request without its secrets, and restores requests afterwards."""

from __future__ import annotations

import html.parser
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from boxnb import oauth, redaction, secret
from boxnb.labs import Trace
from boxnb.labs.practice import Practice
from boxnb.labs.trace import diagram, fingerprints, summaries
from boxnb.labs.trace.exchange import Exchange
from boxnb.oauth.token import Token
from boxnb.secret import Secret

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def practice() -> Iterator[Practice]:
    """A private sandbox with its trace."""
    with Practice() as running:
        yield running


def secrets(practice: Practice, *tokens: Token) -> list[str]:
    """Return the secrets of a sign-in: client secret, password, and the tokens."""
    values = [practice.client.client_secret.reveal(), "password=practice", "password: practice"]
    for token in tokens:
        assert token.refresh_token is not None
        values += [token.access_token.reveal(), token.refresh_token.reveal()]
    return values


def test_the_trace_records_both_halves_of_the_flow_without_secrets(practice: Practice) -> None:
    """The data, the text, the drawing, the table and the state of the widgets do not contain secrets."""
    state = oauth.new_state()
    redirect = practice.grant(state)
    code = oauth.parse_redirect(redirect, state=state)
    token = oauth.exchange_code(practice.client, code)
    practice.turn(minutes=61)
    new_pair = oauth.refresh(practice.client, token)
    practice.me(new_pair)
    oauth.revoke(practice.client, new_pair)
    practice.trace._repr_mimebundle_()
    practice.timeline._repr_mimebundle_()
    outputs = [
        repr(practice.trace.exchanges),
        practice.trace.as_text(),
        practice.trace.picture._repr_html_(),
        practice.trace._view.html,
        practice.timeline._view.html,
        practice.trace.table().to_json(),
        repr(practice.timeline),
    ]
    for value in [*secrets(practice, token, new_pair), code.reveal(), state]:
        for output in outputs:
            assert value not in output, output[:80]
    lanes = [(exchange.sender, exchange.receiver) for exchange in practice.trace.requests]
    assert lanes[0] == ("browser", "authorization server")
    assert lanes[-4:] == [
        ("notebook", "authorization server"),
        ("notebook", "authorization server"),
        ("notebook", "API"),
        ("notebook", "authorization server"),
    ]


def test_a_token_has_the_same_fingerprint_and_colour_everywhere(practice: Practice) -> None:
    """The response that issued a token, the call that used it and the sandbox's record show the same fingerprint."""
    token = practice.sign_in()
    practice.me(token)
    fingerprint = token.access_token.fingerprint
    exchange, call = practice.trace.requests[-2:]
    assert f"<secret {fingerprint}>" in exchange.answer and f"<secret {fingerprint}>" in call.label
    assert practice.sandbox.record()[-1]["token"] == f"<secret {fingerprint}>"
    page = practice.trace.picture._repr_html_()
    assert page.count(f"hsl({fingerprints.hue(fingerprint)} 62% 27%)") >= 2
    assert f"--bl-hue:{fingerprints.hue(fingerprint)}" in page


def test_requests_is_restored_after_the_last_trace(practice: Practice) -> None:
    """The method is restored even if two traces overlap, and after an error inside the block."""
    practice.trace.stop()
    original = HTTPAdapter.send
    first, second = Trace(practice.sandbox.url), Trace(practice.sandbox.url)
    first.start()
    second.start()
    second.start()
    assert HTTPAdapter.send is not original
    requests.get(practice.sandbox.url, timeout=10)
    first.stop()
    with pytest.raises(KeyError), second:
        raise KeyError
    assert HTTPAdapter.send is original
    assert len(first) == len(second) == 1
    requests.get(practice.sandbox.url, timeout=10)
    assert len(first) == 1


def test_a_missing_response_is_recorded_and_still_raised(practice: Practice) -> None:
    """After a connection reset, the exchange contains the error, and the caller gets the error of requests."""
    token = practice.sign_in()
    practice.sandbox.faults.add("/2.0/users/me", "reset_before")
    with pytest.raises(requests.ConnectionError):
        practice.me(token)
    exchange = practice.trace.requests[-1]
    assert exchange.status is None and exchange.error == "ConnectionError"
    assert "no response" in practice.trace.as_text()


def test_a_streamed_download_is_not_read(practice: Practice) -> None:
    """The trace does not read the body before the caller does."""
    response = requests.get(practice.sandbox.url, stream=True, timeout=10)
    assert practice.trace.requests[-1].body == "(streamed, not recorded)"
    assert not response._content_consumed  # type: ignore[attr-defined]
    response.close()


def test_each_exchange_names_its_rule_and_can_be_repeated_by_hand(practice: Practice) -> None:
    """The table has sections of the RFCs; the curl and requests commands have variables in place of secrets."""
    token = practice.sign_in()
    practice.me(token)
    table = practice.trace.table()
    assert table["section"].str.contains("RFC 6749 4.1.1").any()
    assert table["section"].str.contains("RFC 6749 4.1.3").any()
    assert table["section"].iloc[-1].startswith("RFC 6750")
    exchange, call = practice.trace.requests[-2:]
    assert '"client_secret=$CLIENT_SECRET"' in diagram.as_curl(exchange)
    assert "'code': code" in diagram.as_requests(exchange)
    variables = {"requests": requests, "access_token": token.access_token.reveal()}
    response = eval(diagram.as_requests(call), variables)
    assert response.json()["login"] == "ada.admin@example.com"


def test_markup_in_a_note_is_escaped() -> None:
    """The text of a note cannot become part of the HTML."""
    trace = Trace()
    trace.note('<script>alert(1)</script> "quoted"')
    page = trace.picture._repr_html_()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_markup_from_a_server_is_escaped() -> None:
    """With hostile text in every field, the diagram stays well-formed and shows it as text."""
    evil = '"><script>alert(1)</script>&<secret beef>'
    exchange = Exchange(
        1,
        0.0,
        "GET",
        f"http://h/{evil}",
        "notebook",
        "API",
        evil,
        {evil: evil},
        {evil: evil},
        200,
        evil,
        {evil: evil},
        evil,
        evil,
        1.0,
        evil,
        evil,
    )
    page = diagram.page([exchange])
    assert "<script" not in page
    ElementTree.fromstring(diagram.diagram([exchange]))
    parser = html.parser.HTMLParser()
    parser.feed(page)
    assert page.count('class="bl-chip"') >= 5


def test_redaction_finds_secrets_wherever_requests_puts_them() -> None:
    """Secrets are redacted in queries, fragments, user names in URLs, headers and nested JSON."""
    assert fingerprints.redact_url("https://u:pw@host/a?code=abc&x=1#access_token=tok") == (
        f"https://host/a?code={Secret('abc')}&x=1#access_token={Secret('tok')}"
    )
    headers = fingerprints.redact_headers({"Authorization": "Basic dTpw", "Cookie": "a=b", "Accept": "x/y"})
    assert headers == {
        "Authorization": f"Basic {Secret('dTpw')}",
        "Cookie": repr(Secret("a=b")),
        "Accept": "x/y",
    }
    redacted = fingerprints.redact_json(
        {"entries": [{"password": "p", "name": "n"}], "next": "http://h/?token=t"}
    )
    assert redacted == {
        "entries": [{"password": repr(Secret("p")), "name": "n"}],
        "next": f"http://h/?token={Secret('t')}",
    }


def test_signed_urls_and_passwords_of_links_are_redacted(practice: Practice) -> None:
    """A download's URL is redacted in request and response, and so is the password of a shared link."""
    token = practice.sign_in()
    headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
    api = practice.client.server.api_url
    link_header = {"BoxApi": "shared_link=https://app.box.com/s/abc&shared_link_password=Hunter22secret"}
    requests.get(f"{api}/shared_items", headers={**headers, **link_header}, timeout=20)
    attributes = {"attributes": '{"name": "a.txt", "parent": {"id": "0"}}'}
    uploaded = requests.post(
        f"{practice.client.server.upload_url}/files/content",
        headers=headers,
        data=attributes,
        files={"file": b"a"},
        timeout=20,
    ).json()
    response = requests.get(
        f"{api}/files/{uploaded['entries'][0]['id']}/content", headers=headers, timeout=20
    )
    assert response.content == b"a"
    displayed = (
        diagram.page(practice.trace.exchanges) + practice.trace.as_text() + practice.trace.table().to_csv()
    )
    assert "Hunter22secret" not in displayed
    signature = urlsplit(response.url).path.rpartition("/")[2]
    assert len(signature) > 20 and signature not in displayed


def test_two_hundred_exchanges_from_four_threads_are_drawn(practice: Practice) -> None:
    """With the widget on screen, none is missing and all are in order (for the cost, see tests/bench/tracing.py)."""
    token = practice.sign_in()
    headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
    url = f"{practice.client.server.api_url}/users/me"

    def send_fifty() -> None:
        with requests.Session() as session:
            for _ in range(50):
                session.get(url, headers=headers, timeout=20)

    practice.trace._repr_mimebundle_()
    before = len(practice.trace)
    threads = [threading.Thread(target=send_fifty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    practice.trace.stop()
    assert len(practice.trace) - before == 200
    assert [exchange.number for exchange in practice.trace.exchanges] == list(
        range(1, len(practice.trace) + 1)
    )
    page = diagram.page(practice.trace.exchanges)
    assert page.count("<g data-exchange") == len(practice.trace.requests)


def test_the_diagram_works_with_a_screen_reader(practice: Practice) -> None:
    """The diagram is well-formed and has a title, a description of every line, and a table."""
    practice.sign_in()
    practice.turn(seconds=31)
    tree = ElementTree.fromstring(diagram.diagram(practice.trace.exchanges))
    assert tree.get("role") == "img"
    title, description = tree.find(f"{SVG}title"), tree.find(f"{SVG}desc")
    assert title is not None and description is not None
    assert description.text == practice.trace.as_text()
    assert "31 seconds pass" in (description.text or "")
    assert "<table" in diagram.page(practice.trace.exchanges)


def test_the_last_request_of_a_burst_is_drawn_too(practice: Practice) -> None:
    """Many requests cause few drawings, and the last drawing is complete without any further event."""
    practice.trace._repr_mimebundle_()
    view = practice.trace._view
    drawings: list[int] = []
    complete = threading.Event()

    def count_arrows() -> None:
        drawings.append(view.html.count("<g data-exchange"))
        if drawings[-1] >= 44:
            complete.set()

    practice.trace.watchers.append(count_arrows)
    token = practice.sign_in()
    for _ in range(39):
        practice.me(token)
    assert complete.wait(10)
    assert len(drawings) < 25


def test_an_empty_trace_is_described_in_a_sentence() -> None:
    """The text, the snapshot and the table of a new trace work without an exchange."""
    assert repr(Trace()) == "No request has been sent yet."
    assert "No request has been sent yet" in Trace().picture._repr_html_()
    assert next(iter(Trace().table().columns)) == "sender"


def test_consecutive_fingerprints_have_distinct_colours() -> None:
    """Eight fingerprints in a row can be distinguished, and each keeps its colour when it appears again."""
    # These would look alike if the digits determined the colour.
    digits = [f"{number:04x}" for number in (7, 367, 727, 1087, 1447, 1807, 2167, 2527)]
    hues = [fingerprints.hue(fingerprint) for fingerprint in digits]
    gaps = [min((a - b) % 360, (b - a) % 360) for a in hues for b in hues if a != b]
    assert len(set(hues)) == len(digits) and min(gaps) > 15
    assert [fingerprints.hue(fingerprint) for fingerprint in digits] == hues


VALUE = "Zx9AbCdEfGhIjKlMnOpQrStUvWxYz012"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "passwd",
        "pwd",
        "secret",
        "api_key",
        "apiKey",
        "api-key",
        "passphrase",
        "accessToken",
        "access_token",
        "AccessToken",
        "X-Auth-Token",
        "Api-Key",
        "X-API-Key",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "sig",
        "client-secret",
        "clientSecret",
        "secretAccessKey",
        "old_password",
        "passwordConfirmation",
        "newPassword2",
        "sessionid",
        "csrf_token",
        "XSRF-TOKEN",
        "Set-Cookie",
        "authToken",
        "private_key",
        "jwt",
        "otp",
    ],
)
def test_a_field_with_a_secret_name_is_redacted(name: str) -> None:
    """Forms, queries, headers and JSON responses are redacted, without registering the value as a known secret."""
    assert fingerprints.redact_fields(f"{name}={VALUE}") == {name: fingerprints.redact(VALUE)}
    assert VALUE not in fingerprints.redact_url(f"https://a.example/x?{name}={VALUE}&y=1#{name}={VALUE}")
    assert fingerprints.redact_headers({name: VALUE}) == {name: fingerprints.redact(VALUE)}
    assert fingerprints.redact_json({"a": [{name: VALUE}]}) == {"a": [{name: fingerprints.redact(VALUE)}]}
    assert VALUE not in secret.known()


@pytest.mark.parametrize("name", ["x", "state_of_mind", "token_type", "note", "code"])
def test_a_known_secret_is_redacted_in_any_field(name: str) -> None:
    """A known secret is redacted in values, in names, and inside a longer string."""
    secret_value = Secret("a-secret-that-this-kernel-knows").reveal()
    text = f"it is {secret_value}!"
    for redacted in (
        fingerprints.redact_fields(f"{name}={text}&{secret_value}=1"),
        fingerprints.redact_headers({"X-Note": text}),
        fingerprints.redact_json({name: text, secret_value: [text]}),
        fingerprints.redact_url(f"https://a.example/{secret_value}/x?{name}={secret_value}"),
    ):
        assert secret_value not in str(redacted)


def test_harmless_words_in_a_response_are_shown_and_not_registered() -> None:
    """An error code, the state of a task or a page token stays readable, here and in later logs."""
    content = {
        "code": "not_found",
        "state": "open",
        "token": "page2",
        "token_type": "bearer",
        "session": "none",
    }
    before = secret.known()
    assert fingerprints.redact_json(content) == content
    for number in range(secret.KNOWN + 1):
        fingerprints.redact_json({"token": f"{VALUE}{number}", "state": f"state-{number}"})
    assert secret.known() == before
    assert redaction.redact("it was not_found, the task is open") == "it was not_found, the task is open"
    assert fingerprints.redact_fields("code=C0DE&state=abc")["code"] == fingerprints.redact("C0DE")


def test_a_response_that_cannot_be_decoded_does_not_raise(practice: Practice) -> None:
    """JSON that is nested too deeply is summarized, and a lone surrogate is redacted."""
    fingerprints.redact_json({"token": "half \ud800 of it"})
    response = requests.Response()
    response.headers["Content-Type"], response._content = "application/json", b"[" * 100_000
    assert "cannot be decoded" in summaries.summarize(response)[0]
