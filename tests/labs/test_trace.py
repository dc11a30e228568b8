"""The trace: everything that was sent, no secret, and requests as it was afterwards."""

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
from boxnb.labs.trace import diagram, fingerprints, trace
from boxnb.labs.trace.exchange import Exchange
from boxnb.oauth.token import Token
from boxnb.secret import Secret

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def practice() -> Iterator[Practice]:
    with Practice() as running:
        yield running


def secrets(practice: Practice, *tokens: Token) -> list[str]:
    found = [practice.client.client_secret.reveal(), "password=practice", "password: practice"]
    for token in tokens:
        assert token.refresh_token is not None
        found += [token.access_token.reveal(), token.refresh_token.reveal()]
    return found


def test_it_records_both_halves_of_the_flow_and_no_secret(practice: Practice) -> None:
    """Neither in the data nor in the text, the drawing, the table, or the state of the widget."""
    state = oauth.new_state()
    address = practice.grant(state)
    code = oauth.parse_redirect(address, state=state)
    token = oauth.exchange_code(practice.client, code)
    practice.turn(minutes=61)
    fresh = oauth.refresh(practice.client, token)
    practice.me(fresh)
    oauth.revoke(practice.client, fresh)
    practice.trace._repr_mimebundle_()
    practice.timeline._repr_mimebundle_()
    shown = [
        repr(practice.trace.exchanges),
        practice.trace.as_text(),
        practice.trace.picture._repr_html_(),
        practice.trace._view.html,
        practice.timeline._view.html,
        practice.trace.table().to_json(),
        repr(practice.timeline),
    ]
    for value in [*secrets(practice, token, fresh), code.reveal(), state]:
        for text in shown:
            assert value not in text, text[:80]
    lanes = [(each.sender, each.receiver) for each in practice.trace.requests]
    assert lanes[0] == ("browser", "authorization server")
    assert lanes[-4:] == [
        ("notebook", "authorization server"),
        ("notebook", "authorization server"),
        ("notebook", "API"),
        ("notebook", "authorization server"),
    ]


def test_the_same_token_has_the_same_fingerprint_and_colour_wherever_it_is_seen(practice: Practice) -> None:
    """In the answer that brought it, in the call that used it, in the record of the sandbox."""
    token = practice.sign_in()
    practice.me(token)
    first = token.access_token.fingerprint
    exchange, call = practice.trace.requests[-2:]
    assert f"<secret {first}>" in exchange.answer and f"<secret {first}>" in call.label
    assert practice.sandbox.record()[-1]["token"] == f"<secret {first}>"
    page = practice.trace.picture._repr_html_()
    assert page.count(f"hsl({fingerprints.hue(first)} 62% 27%)") >= 2
    assert f"--bl-hue:{fingerprints.hue(first)}" in page


def test_requests_is_untouched_before_and_after(practice: Practice) -> None:
    """Also with two traces that overlap, and after an error inside the block."""
    practice.trace.stop()
    original = HTTPAdapter.send
    one, two = Trace(practice.sandbox.url), Trace(practice.sandbox.url)
    one.start()
    two.start()
    two.start()
    assert HTTPAdapter.send is not original
    requests.get(practice.sandbox.url, timeout=10)
    one.stop()
    with pytest.raises(KeyError), two:
        raise KeyError
    assert HTTPAdapter.send is original
    assert len(one) == len(two) == 1
    requests.get(practice.sandbox.url, timeout=10)
    assert len(one) == 1


def test_an_answer_that_never_came_is_recorded_and_still_raised(practice: Practice) -> None:
    """A reset connection: the exchange says so, the caller gets requests' own error."""
    token = practice.sign_in()
    practice.sandbox.faults.add("/2.0/users/me", "reset_before")
    with pytest.raises(requests.ConnectionError):
        practice.me(token)
    last = practice.trace.requests[-1]
    assert last.status is None and last.error == "ConnectionError"
    assert "no answer" in practice.trace.as_text()


def test_a_streamed_download_is_left_to_its_reader(practice: Practice) -> None:
    """The body is not read ahead."""
    response = requests.get(practice.sandbox.url, stream=True, timeout=10)
    assert practice.trace.requests[-1].body == "(streamed, not kept)"
    assert not response._content_consumed  # type: ignore[attr-defined]
    response.close()


def test_each_exchange_names_its_rule_and_can_be_repeated_by_hand(practice: Practice) -> None:
    """Sections of the RFCs; curl and requests lines with names where secrets were."""
    token = practice.sign_in()
    practice.me(token)
    table = practice.trace.table()
    assert table["section"].str.contains("RFC 6749 4.1.1").any()
    assert table["section"].str.contains("RFC 6749 4.1.3").any()
    assert table["section"].iloc[-1].startswith("RFC 6750")
    exchange, call = practice.trace.requests[-2:]
    assert '"client_secret=$CLIENT_SECRET"' in diagram.as_curl(exchange)
    assert "'code': code" in diagram.as_requests(exchange)
    names = {"requests": requests, "access_token": token.access_token.reveal()}
    answer = eval(diagram.as_requests(call), names)
    assert answer.json()["login"] == "ada.admin@example.com"


def test_a_page_with_markup_in_it_stays_text() -> None:
    """What a server writes cannot become part of the drawing."""
    trace = Trace()
    trace.note('<script>alert(1)</script> "quoted"')
    page = trace.picture._repr_html_()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_nothing_a_server_sends_becomes_markup() -> None:
    """Hostile text in every field: the drawing stays well-formed and shows it as text."""
    evil = '"><script>alert(1)</script>&<secret beef>'
    each = Exchange(
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
    page = diagram.page([each])
    assert "<script" not in page
    ElementTree.fromstring(diagram.diagram([each]))
    parser = html.parser.HTMLParser()
    parser.feed(page)
    assert page.count('class="bl-chip"') >= 5


def test_masking_finds_secrets_wherever_requests_puts_them() -> None:
    """Queries, fragments, user names in addresses, headers, nested JSON."""
    assert fingerprints.url("https://u:pw@host/a?code=abc&x=1#access_token=tok") == (
        f"https://host/a?code={Secret('abc')}&x=1#access_token={Secret('tok')}"
    )
    headers = fingerprints.headers({"Authorization": "Basic dTpw", "Cookie": "a=b", "Accept": "x/y"})
    assert headers == {
        "Authorization": f"Basic {Secret('dTpw')}",
        "Cookie": repr(Secret("a=b")),
        "Accept": "x/y",
    }
    plain = fingerprints.plain({"entries": [{"password": "p", "name": "n"}], "next": "http://h/?token=t"})
    assert plain == {
        "entries": [{"password": repr(Secret("p")), "name": "n"}],
        "next": f"http://h/?token={Secret('t')}",
    }


def test_what_carries_its_own_right_is_a_fingerprint(practice: Practice) -> None:
    """The address of a download, in request and answer, and the password of a shared link."""
    token = practice.sign_in()
    headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
    api = practice.client.server.api_url
    link = {"BoxApi": "shared_link=https://app.box.com/s/abc&shared_link_password=Hunter22secret"}
    requests.get(f"{api}/shared_items", headers={**headers, **link}, timeout=20)
    name = {"attributes": '{"name": "a.txt", "parent": {"id": "0"}}'}
    sent = requests.post(
        f"{practice.client.server.upload_url}/files/content",
        headers=headers,
        data=name,
        files={"file": b"a"},
        timeout=20,
    ).json()
    answer = requests.get(f"{api}/files/{sent['entries'][0]['id']}/content", headers=headers, timeout=20)
    assert answer.content == b"a"
    drawn = (
        diagram.page(practice.trace.exchanges) + practice.trace.as_text() + practice.trace.table().to_csv()
    )
    assert "Hunter22secret" not in drawn
    signature = urlsplit(answer.url).path.rpartition("/")[2]
    assert len(signature) > 20 and signature not in drawn


def test_two_hundred_exchanges_of_four_threads_are_drawn(practice: Practice) -> None:
    """From four threads with the widget on screen: all there, in order (what it costs: tests/bench/tracing.py)."""
    token = practice.sign_in()
    headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
    url = f"{practice.client.server.api_url}/users/me"

    def fifty() -> None:
        with requests.Session() as own:
            for _ in range(50):
                own.get(url, headers=headers, timeout=20)

    practice.trace._repr_mimebundle_()
    before = len(practice.trace)
    threads = [threading.Thread(target=fifty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    practice.trace.stop()
    assert len(practice.trace) - before == 200
    assert [each.number for each in practice.trace.exchanges] == list(range(1, len(practice.trace) + 1))
    page = diagram.page(practice.trace.exchanges)
    assert page.count("<g data-exchange") == len(practice.trace.requests)


def test_the_diagram_can_be_read_aloud(practice: Practice) -> None:
    """Well-formed, with a title, a description of every line, and a table beside it."""
    practice.sign_in()
    practice.turn(seconds=31)
    tree = ElementTree.fromstring(diagram.diagram(practice.trace.exchanges))
    assert tree.get("role") == "img"
    title, description = tree.find(f"{SVG}title"), tree.find(f"{SVG}desc")
    assert title is not None and description is not None
    assert description.text == practice.trace.as_text()
    assert "31 seconds pass" in (description.text or "")
    assert "<table" in diagram.page(practice.trace.exchanges)


def test_the_last_request_of_a_burst_is_drawn_as_well(practice: Practice) -> None:
    """Few drawings for many requests, and none missing at the end, without anything else happening."""
    practice.trace._repr_mimebundle_()
    view = practice.trace._view
    drawings: list[int] = []
    complete = threading.Event()

    def drawn() -> None:
        drawings.append(view.html.count("<g data-exchange"))
        if drawings[-1] >= 44:
            complete.set()

    practice.trace.watchers.append(drawn)
    token = practice.sign_in()
    for _ in range(39):
        practice.me(token)
    assert complete.wait(10)
    assert len(drawings) < 25


def test_an_empty_trace_says_so() -> None:
    assert repr(Trace()) == "Nothing was sent yet."
    assert "Nothing was sent yet" in Trace().picture._repr_html_()
    assert next(iter(Trace().table().columns)) == "sender"


def test_what_follows_one_another_has_another_colour() -> None:
    """Eight fingerprints met one after the other are told apart; one met again keeps its colour."""
    met = [
        f"{number:04x}" for number in (7, 367, 727, 1087, 1447, 1807, 2167, 2527)
    ]  # alike, if digits made the colour
    hues = [fingerprints.hue(each) for each in met]
    gaps = [min((one - two) % 360, (two - one) % 360) for one in hues for two in hues if one != two]
    assert len(set(hues)) == len(met) and min(gaps) > 15
    assert [fingerprints.hue(each) for each in met] == hues


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
def test_a_secret_is_a_fingerprint_whatever_its_field_is_called(name: str) -> None:
    """In a form, a query, a header, a JSON answer; and it is not kept for it."""
    assert fingerprints.pairs(f"{name}={VALUE}") == {name: fingerprints.masked(VALUE)}
    assert VALUE not in fingerprints.url(f"https://a.example/x?{name}={VALUE}&y=1#{name}={VALUE}")
    assert fingerprints.headers({name: VALUE}) == {name: fingerprints.masked(VALUE)}
    assert fingerprints.plain({"a": [{name: VALUE}]}) == {"a": [{name: fingerprints.masked(VALUE)}]}
    assert VALUE not in secret.known()


@pytest.mark.parametrize("name", ["x", "state_of_mind", "token_type", "note", "code"])
def test_a_known_secret_is_a_fingerprint_in_any_field(name: str) -> None:
    """In values, in names, in the middle of a text."""
    known = Secret("a-secret-that-this-kernel-knows")
    text = f"it is {known.reveal()}!"
    for shown in (
        fingerprints.pairs(f"{name}={text}&{known.reveal()}=1"),
        fingerprints.headers({"X-Note": text}),
        fingerprints.plain({name: text, known.reveal(): [text]}),
        fingerprints.url(f"https://a.example/{known.reveal()}/x?{name}={known.reveal()}"),
    ):
        assert known.reveal() not in str(shown)


def test_words_of_an_answer_are_shown_and_not_remembered() -> None:
    """Box's own error code, the state of a task, a page's token: a log that says one of them later says it in clear."""
    answer = {
        "code": "not_found",
        "state": "open",
        "token": "page2",
        "token_type": "bearer",
        "session": "none",
    }
    before = secret.known()
    assert fingerprints.plain(answer) == answer
    for number in range(secret.KNOWN + 1):
        fingerprints.plain({"token": f"{VALUE}{number}", "state": f"state-{number}"})
    assert secret.known() == before
    assert redaction.mask("it was not_found, the task is open") == "it was not_found, the task is open"
    assert fingerprints.pairs("code=C0DE&state=abc")["code"] == fingerprints.masked("C0DE")


def test_an_answer_nested_too_deeply_is_no_trouble_of_the_caller(practice: Practice) -> None:
    """Nor half a surrogate pair."""
    fingerprints.plain({"token": "half \ud800 of it"})
    answer = requests.Response()
    answer.headers["Content-Type"], answer._content = "application/json", b"[" * 100_000
    assert "are not" in trace._body(answer)[0]
