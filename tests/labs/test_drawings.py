"""The labs' drawings have a lane for everybody who acts, fold the ordinary sign-in, and cut nothing off."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from boxnb import labs
from boxnb.labs import lab_page
from boxnb.labs.lab import Lab
from boxnb.labs.practice import Practice
from boxnb.labs.timeline import SCALE, Life, in_words
from boxnb.labs.timeline import page as timeline_page
from boxnb.labs.trace import diagram
from boxnb.labs.trace.exchange import Exchange
from boxnb.labs.trace.lanes import LANES, lanes_of, width_of

CHIP = r"<secret [0-9a-f]{4}>"


@pytest.fixture(scope="module")
def sign_in() -> Iterator[list[Exchange]]:
    """The exchanges of a sign-in and a call to the API."""
    with Practice() as practice:
        practice.me(practice.sign_in())
        yield practice.trace.exchanges


def run(name: str) -> Lab:
    """Return a lab after its run."""
    lab = labs.lab(name)
    lab.predict(0)
    lab.run()
    assert lab.problem == ""
    return lab


def arrows(lab: Lab) -> list[tuple[str, str, int | None]]:
    """Return the sender, receiver and status of each request, without those of ordinary sign-ins."""
    requests = [exchange for exchange in lab.exchanges if not exchange.note]
    return [
        (exchange.sender, exchange.receiver, exchange.status)
        for exchange in requests
        if (exchange.sender, exchange.receiver) != ("browser", "authorization server")
    ]


def test_the_lanes_stand_in_the_order_of_the_flow(sign_in: list[Exchange]) -> None:
    """Your own side is on the left, Box on the right; a gateway stands between them, and strangers stand outside."""
    assert list(lanes_of(sign_in)) == list(LANES) == ["notebook", "browser", "authorization server", "API"]
    others = [Exchange(number, 0.0, sender=name) for number, name in enumerate(("thief", "gateway"))]
    assert list(lanes_of(others)) == [
        "notebook",
        "browser",
        "gateway",
        "authorization server",
        "API",
        "thief",
    ]
    programs = [
        Exchange(number, 0.0, sender=name) for number, name in enumerate(("notebook A", "notebook B"))
    ]
    assert list(lanes_of(programs))[:4] == ["notebook", "notebook A", "notebook B", "browser"]


def test_leg_1_and_the_way_back_show_the_same_state(sign_in: list[Exchange]) -> None:
    """The notebook hands the link to the browser with a state; the redirect brings the same one back."""
    first, last = sign_in[0], sign_in[3]
    assert (first.link_from, last.carried_to) == ("notebook", "notebook")
    state = re.search(f"state ({CHIP})", first.label)
    assert state is not None and f"state {state[1]}" in last.carried
    drawing = diagram.diagram(sign_in)
    assert drawing.count('class="bl-leg"') == 1
    fingerprint = state[1][8:12]
    assert drawing.count(f">{fingerprint}</text>") == 3  # handed over, sent to the server, carried back
    assert sign_in[2].label == "load the same page again" and sign_in[2].link_from == ""


def test_the_client_secret_has_a_chip_on_the_exchange(sign_in: list[Exchange]) -> None:
    """It goes to the token endpoint only: neither the browser nor the API gets it."""
    with_secret = [exchange.number for exchange in sign_in if "client secret" in exchange.label]
    assert with_secret == [5]
    assert re.fullmatch(f"exchange code {CHIP}, client secret {CHIP}", sign_in[4].label)


def test_an_arrow_hops_over_the_lanes_of_those_who_take_no_part(sign_in: list[Exchange]) -> None:
    """The exchange goes from the notebook to the server without touching the browser; neighbours need no hop."""
    tree = ElementTree.fromstring(diagram.diagram(sign_in[:5]))
    paths = [
        path.get("d", "")
        for path in tree.iter("{http://www.w3.org/2000/svg}path")
        if path.get("class") == "bl-arrow"
    ]
    assert [path.count("a5 5") for path in paths] == [0, 0, 0, 0, 1]


def test_an_ordinary_sign_in_folds_to_one_line_in_a_lab() -> None:
    """The line names the requests and what came back; the refusal is outside of it, and so is a denial."""
    lab = run("code-used-twice")
    page = lab_page.page(lab)
    assert page.count('<details class="bl-fold"') == 1
    folded = page.partition('<details class="bl-fold"')[2].partition("</details>")[0]
    assert "sign-in: 4 requests; the browser carries code " in folded
    assert "invalid_grant" not in folded and folded.count("<g data-exchange") == 4
    assert page.count("<g data-exchange") == len(lab.exchanges)
    denied = lab_page.page(run("consent-denied"))
    assert "press Deny" in denied and "press Deny" not in "".join(
        part.partition("</details>")[0] for part in denied.split('<details class="bl-fold"')[1:]
    )


def test_nothing_is_folded_in_a_lesson(sign_in: list[Exchange]) -> None:
    """The trace of a notebook shows every request."""
    assert "bl-fold" not in diagram.page(sign_in)
    assert "bl-fold" not in diagram.page(sign_in[:4], fold=True)  # alone, it would hide everything


def test_a_thief_has_a_lane() -> None:
    """The thief's requests do not start at the notebook."""
    lab = run("stolen-sign-in-file")
    assert ("thief", "authorization server", 200) in arrows(lab)
    assert ("thief", "API", 200) in arrows(lab) and ("thief", "API", 401) in arrows(lab)
    assert ("notebook", "authorization server", 400) in arrows(lab)
    assert "thief</text>" in lab_page.page(lab)
    assert ("thief", "authorization server", 400) in arrows(run("stolen-code"))
    assert ("reader of the log", "API", 401) in arrows(run("token-in-a-log"))


def test_an_attackers_browser_has_a_lane() -> None:
    """The attacker presses Grant in another browser, and one click brings the code to the notebook through yours."""
    lab = run("forged-state")
    grants = [exchange for exchange in lab.exchanges if exchange.label == "press Grant"]
    assert [exchange.sender for exchange in grants] == ["attacker's browser"] * 2 + ["browser"]
    assert [exchange.carried_to for exchange in grants] == ["browser"] * 2 + ["notebook"]
    clicks = [exchange for exchange in lab.exchanges if exchange.note and exchange.carried]
    assert [click.carried for click in clicks] == [exchange.carried for exchange in grants[:2]]
    assert "the browser carries code" in repr([diagram.in_words(click) for click in clicks])
    link = run("links-nearly-right").exchanges[0]
    assert (link.link_from, link.sender, link.status) == ("attacker", "browser", 400)


def test_a_strangers_app_has_a_lane() -> None:
    """The stranger hands you the link, and gets the code and the token; only your own sign-in is folded."""
    lab = run("consent-phishing")
    assert (lab.exchanges[0].link_from, lab.exchanges[3].carried_to) == ("stranger's app",) * 2
    assert ("stranger's app", "API", 200) in arrows(lab) and ("stranger's app", "API", 401) in arrows(lab)
    assert lab_page.page(lab).count('<details class="bl-fold"') == 1


def test_a_gateway_responds_in_place_of_the_server() -> None:
    """The first refresh ends at the gateway, the second reaches the server."""
    lab = run("refresh-through-gateway")
    assert lab.exchanges[-2].outcome == "200 HTML page"
    assert arrows(lab)[-2:] == [
        ("notebook", "gateway", 200),
        ("notebook", "authorization server", 200),
    ]


def test_the_race_draws_both_programs() -> None:
    """Without the lock there are two refreshes with one token, with it there is one refresh; no secret is drawn."""
    lab = run("two-notebooks-racing")
    refreshes = [exchange for exchange in lab.exchanges if exchange.label.startswith("refresh")]
    assert {exchange.sender for exchange in refreshes[:2]} == {"notebook A", "notebook B"}
    assert refreshes[0].form["refresh_token"] == refreshes[1].form["refresh_token"]
    assert sorted(exchange.status or 0 for exchange in refreshes) == [200, 200, 400]
    assert len(refreshes) == 3 and refreshes[2].sender.startswith("notebook ")
    programs = {sender for sender, receiver, status in arrows(lab) if (receiver, status) == ("API", 200)}
    assert programs == {"notebook A", "notebook B"}


def test_the_code_of_an_api_error_is_not_masked() -> None:
    """``rate_limit_exceeded`` is an error code, not an authorization code."""
    refused = next(exchange for exchange in run("loop-of-searches").exchanges if exchange.status == 429)
    assert refused.outcome == "429 rate_limit_exceeded"
    assert '"code": "rate_limit_exceeded"' in refused.body


@pytest.mark.parametrize(
    "name",
    [
        "forged-state",
        "refresh-through-gateway",
        "loop-of-searches",
        "links-nearly-right",
        "stolen-sign-in-file",
    ],
)
def test_no_text_of_a_drawing_is_cut_off(name: str) -> None:
    """Each text fits into the drawing, and a long drawing says that its frame scrolls."""
    lab = run(name)
    lanes = lanes_of(lab.exchanges)
    tree = ElementTree.fromstring(diagram.diagram(lab.exchanges))
    for plate in tree.iter("{http://www.w3.org/2000/svg}rect"):
        left, width = float(plate.get("x", "0")), float(plate.get("width", "0"))
        assert left >= 0 and left + width <= width_of(lanes)
    assert not any("…" in (text.text or "") for text in tree.iter("{http://www.w3.org/2000/svg}text"))
    assert "scroll in the frame to see them all" in diagram.page([*lab.exchanges, *lab.exchanges])
    assert "scroll in the frame" not in diagram.page(lab.exchanges[:5])


def test_equal_lifetimes_are_drawn_with_equal_lengths() -> None:
    """Each bar begins at the left edge, and only what is alive has a line at its age; the drawing states its scale."""
    lives = [
        Life("access token", "aaaa", 0, 3600),
        Life("access token", "bbbb", 86400, 90000),
        Life("code", "cccc", 0, 30),
    ]
    page = timeline_page(lives, 86401)
    assert SCALE in page and page.count("data-now=") == 1
    frames = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*stroke-dasharray', page)
    assert (
        frames[0] == frames[1] and frames[2][0] == frames[0][0] and float(frames[2][1]) < float(frames[0][1])
    )
    assert page.count(">too old</text>") == 2
    assert "issued 1 second ago" in in_words(lives[1], 86401)
