"""The picture of the whole flow shows what the functions really send, on the right channel."""

from __future__ import annotations

from xml.etree import ElementTree

from boxnb import labs, oauth
from boxnb.labs.trace.exchange import Exchange
from boxnb.labs.trace.lanes import API, AUTHORIZATION_SERVER, NOTEBOOK
from boxnb.widgets import flow_picture

SERVERS = {flow_picture.SERVER: AUTHORIZATION_SERVER, flow_picture.API: API}


def requests_of_a_flow() -> list[Exchange]:
    """Go through all legs by hand, and return the notebook's own requests."""
    with labs.practice() as practice:
        token = practice.sign_in()
        practice.me(token)
        fresh = oauth.refresh(practice.client, token)
        practice.me(fresh)
        oauth.revoke(practice.client, fresh)
        return [exchange for exchange in practice.trace.requests if exchange.sender == NOTEBOOK]


def test_the_back_channel_is_what_the_notebook_sends() -> None:
    """Each arrow of the notebook on the back channel has its request, to the same receiver and with the same secrets."""
    sent = requests_of_a_flow()
    del sent[3]  # the second call of the API, which the picture does not repeat
    arrows = [arrow for arrow in flow_picture.BACK if not arrow.is_answer]
    assert [SERVERS[arrow.receiver] for arrow in arrows] == [exchange.receiver for exchange in sent]
    for arrow, exchange in zip(arrows, sent, strict=True):
        assert ("client secret" in arrow.text) == ("client_secret" in exchange.form)
        assert ("refresh token" in arrow.text) == bool({"refresh_token", "token"} & exchange.form.keys())
        assert ("code" in arrow.text) == ("code" in exchange.form)


def test_the_front_channel_shows_neither_the_secret_nor_a_token() -> None:
    """What passes through the browser is the link, the code and the state."""
    text = " ".join(arrow.text for arrow in flow_picture.FRONT)
    assert "secret" not in text
    assert "token" not in text


def test_every_message_is_in_the_drawing_and_in_its_words() -> None:
    """The drawing contains each label, and its description names the sender, the receiver and the leg."""
    drawing = ElementTree.fromstring(flow_picture.svg())
    labels = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    words = repr(labs.flow_picture())
    for arrow in (*flow_picture.FRONT, *flow_picture.BACK):
        assert arrow.text in labels
        assert any(
            line.startswith(f"Leg {arrow.leg}: {arrow.sender}")
            and arrow.receiver in line
            and arrow.text in line
            for line in words.splitlines()
        )


def test_addresses_show_fingerprints_only() -> None:
    """A link and a redirect show the same state as the same chip, and no secret as text."""
    state = oauth.new_state()
    shown = labs.addresses(
        f"http://127.0.0.1:1/callback?code=abc123&state={state}", f"https://example.com/?state={state}"
    )
    assert state not in shown._repr_html_() + repr(shown)
    assert "abc123" not in shown._repr_html_() + repr(shown)
    assert shown._repr_html_().count(labs.trace.fingerprints.fingerprint(state)) == 2
