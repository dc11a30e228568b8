"""Pasted addresses: whatever programs add or change, the code is read, or the error names the real reason."""

from __future__ import annotations

import html
import random
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boxnb import oauth
from boxnb.errors import RedirectError, SignInError, StateMismatchError
from boxnb.secret import Secret

STATE = "Qd3xR7_kLw-29fZbTn0aVeYu8sPmHcJg"
CODE = "k3Jd8sLq02bVnMxZ"
AT = "http://127.0.0.1:8917/callback"
GOOD = f"{AT}?code={CODE}&state={STATE}"
CLIENT = oauth.Client("abc", Secret("hidden"), AT)
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\ufeff\u202a\u202c\u2066\u2069\u061c\u180e"
SPACES = "\u00a0\u2003\u2009\u202f\u3000\u2028\t"

PASTED = {
    **{f"{ord(sign):x} at the end": GOOD + sign for sign in INVISIBLE + SPACES},
    **{f"{ord(sign):x} at the beginning": sign + GOOD for sign in INVISIBLE + SPACES},
    **{f"{ord(sign):x} in the code": GOOD.replace("k3Jd", f"k3{sign}Jd") for sign in INVISIBLE},
    **{f"{ord(sign):x} in the state": GOOD[:-5] + sign + GOOD[-5:] for sign in INVISIBLE},
    "invisible everywhere": "\u200b".join(GOOD),
    "double quotes": f'"{GOOD}"',
    "typographic quotes": f"“{GOOD}”",
    "German quotes": f"„{GOOD}“",
    "French quotes": f"« {GOOD} »",
    "angle brackets": f"<{GOOD}>",
    "round brackets": f"({GOOD})",
    "Markdown": f"[here]({GOOD})",
    "Markdown twice": f"[{GOOD}]({GOOD})",
    "Slack": f"<{GOOD}|the address>",
    "bold": f"*{GOOD}*",
    "italic": f"_{GOOD}_",
    "code": f"`{GOOD}`",
    "code block": f"```\n{GOOD}\n```",
    "HTML": f'<a href="{html.escape(GOOD)}">here</a>',
    "a full stop": f"{GOOD}.",
    "a comma": f"{GOOD}, ",
    "a question mark": f"{GOOD}?",
    "an exclamation mark": f"{GOOD}!",
    "an ellipsis": f"{GOOD} …",
    "a word after": f"{GOOD} thanks",
    "words after": f"{GOOD} is what I got, is that right?",
    "words before": f"Here it is: {GOOD}",
    "a question before": f"Is this it? {GOOD}",
    "words around": f"I got {GOOD} in the browser.",
    "a word on the next line": f"{GOOD}\nthanks",
    "words on the lines around": f"Hello,\n\n{GOOD}\n\nBest,\nKim",
    "an email that quotes it": f"> {GOOD}\n> Kim",
    "an email that quotes it, wrapped": f"> {GOOD[:40]}\n> {GOOD[40:]}",
    "wrapped": f"{GOOD[:40]}\n{GOOD[40:]}",
    "wrapped, CR LF, indented": f"{GOOD[:40]}\r\n    {GOOD[40:]}",
    "wrapped twice, then words": f"{GOOD[:30]}\n{GOOD[30:60]}\n{GOOD[60:]}\nThanks a lot!",
    "entities": GOOD.replace("&", "&amp;"),
    "entities twice": GOOD.replace("&", "&amp;amp;"),
    "entities three times": GOOD.replace("&", "&amp;amp;amp;"),
    "numbered entities": GOOD.replace("&", "&#38;"),
    "hexadecimal entities": GOOD.replace("&", "&#x26;"),
    "percent-encoded": quote(GOOD, safe=""),
    "percent-encoded twice": quote(quote(GOOD, safe=""), safe=""),
    "the query percent-encoded": f"{AT}?{quote(f'code={CODE}&state={STATE}', safe='')}",
    "inside a link checker's": f"https://eur01.safelinks.protection.outlook.com/?url={quote(GOOD, safe='')}&data=05%7C02%7Ckim%40acme.example&reserved=0",
    "inside a search engine's": f"https://www.google.com/url?q={quote(GOOD, safe='')}&sa=D",
    "quoted-printable": GOOD.replace("=", "=3D")[:60] + "=\r\n" + GOOD.replace("=", "=3D")[60:],
    "only the query": f"?code={CODE}&state={STATE}",
    "only the query, no sign": f"code={CODE}&state={STATE}",
    "only the query, words around": f"it says code={CODE}&state={STATE} there",
    "state first": f"{AT}?state={STATE}&code={CODE}",
    "state first, a word after": f"{AT}?state={STATE}&code={CODE} thanks",
    "state first, a comma": f"{AT}?state={STATE}&code={CODE},",
    "fragment": f"{AT}#code={CODE}&state={STATE}",
    "more parameters": f"{GOOD}&session_state=1&iss=https%3A%2F%2Faccount.box.com",
    "no scheme": GOOD.removeprefix("http://"),
    "capital scheme": GOOD.replace("http", "HTTP"),
    "full-width signs": GOOD.replace("?", "\uff1f").replace("=", "\uff1d").replace("&", "\uff06"),
    "another hyphen": GOOD.replace("-", "\u2011"),
    "Box's files": f"https://app.box.com/folder/0?state={STATE}&code={CODE}",
    "IPv6": f"http://[::1]:8917/callback?code={CODE}&state={STATE}",
    "older one first": f"{AT}?code=OLD11111&state=another-state-of-before\n{GOOD}",
    "older one after": f"{GOOD}\n{AT}?code=OLD11111&state=another-state-of-before",
}


@pytest.mark.parametrize("change", PASTED)
def test_an_altered_address_is_read(change: str) -> None:
    """The code is read from each altered form of the address."""
    assert oauth.parse_redirect(PASTED[change], state=STATE) == Secret(CODE)


@pytest.mark.parametrize("around", ["{}\u200b", "\ufeff{}", " {}\n", '"{}"', "<{}>", "{}.", "\u202a{}\u202c"])
def test_a_code_alone_is_recognized(around: str) -> None:
    """A code alone is recognized with invisible characters, quotes or a full stop around it."""
    pasted = around.format(CODE)
    assert oauth.is_bare_code(pasted)
    assert oauth.parse_redirect(pasted, state=STATE, allow_bare_code=True) == Secret(CODE)


LINK = oauth.authorization_url(CLIENT, STATE)
MISTAKES = {
    "nothing": ("", "Nothing was pasted"),
    "only invisible letters": ("\u200b\ufeff\u00a0", "Nothing was pasted"),
    "the link": (LINK, "the address that leads to Box, not the one Box sent you back to"),
    "the link, in an email": (f"<{html.escape(LINK)}> thanks", "leads to Box"),
    "the link, percent-encoded": (quote(LINK, safe=""), "leads to Box"),
    "Box's sign-in page": (
        f"https://account.box.com/login?redirect_url={quote(LINK, safe='')}",
        "leads to Box",
    ),
    "a page of Box": ("https://app.box.com/folder/0", "a page of Box, and there is no code in its address"),
    "Box's home": ("https://acme.app.box.com/", "a page of Box"),
    "another page": ("http://localhost:8888/lab/tree/a.ipynb", "no code in this address"),
    "the callback alone": (AT, "no code in this address: it was cut off"),
    "our own page": (f"{AT}/granted", "already has the code"),
    "words": ("hello there, what now?", "no code in the pasted text"),
    "a code among words": (f"the code is {CODE} I think", "paste the code alone"),
    "a code alone": (CODE, "without its state"),
    "an empty code": (f"{AT}?code=&state={STATE}", "was cut off"),
    "cut in the state": (GOOD[:-9], "cut off in the middle of its state"),
    "cut in the state, with dots": (GOOD[:-9] + "…", "cut off in the middle of its state"),
    "small letters": (GOOD.lower(), "Letters in the address changed between upper and lower case"),
    "a letter changed": (GOOD[:-6] + "~" + GOOD[-5:], "One or two letters in the state were changed"),
    "redirect URI not registered": (
        f"{LINK}&error=redirect_uri_mismatch",
        "The redirect URI is not registered for this app",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_its_own_explanation(mistake: str) -> None:
    """The error names the mistake, does not mention an older link, and contains neither code nor state."""
    pasted, explanation = MISTAKES[mistake]
    with pytest.raises(SignInError) as caught:
        oauth.parse_redirect(pasted, state=STATE)
    message = str(caught.value)
    assert explanation in message and "older" not in message and CODE not in message and STATE not in message
    assert isinstance(caught.value, RedirectError) or "redirect_uri" in pasted


def test_the_state_of_another_request_is_refused() -> None:
    """The error names every possible cause, and the code is not accepted."""
    for other_state in (oauth.new_state(), "x", "the-state-of-an-older-request"):
        with pytest.raises(StateMismatchError, match=r"another request: an older link, another notebook, or"):
            oauth.parse_redirect(f"{AT}?code={CODE}&state={other_state}", state=STATE)
    with pytest.raises(
        StateMismatchError, match=r"no state: it was cut off, or it does not come from this link"
    ):
        oauth.parse_redirect(f"{AT}?code={CODE}", state=STATE)


def test_the_errors_name_the_profile_s_server() -> None:
    """The errors name the server of the profile, never Box."""
    acme = oauth.Server("Acme Drive", "https://id.acme.example/auth", "", "", "", "")
    for pasted in (
        "",
        f"{AT}?client_id=a&response_type=code",
        "https://id.acme.example/home",
        f"{AT}?error=server_error",
    ):
        with pytest.raises(SignInError) as caught:
            oauth.parse_redirect(pasted, state=STATE, server=acme)
        assert "Acme Drive" in str(caught.value) and "Box" not in str(caught.value)


LETTERS = st.text("ABCXYZabcxyz0123456789-_", min_size=6, max_size=40)
NOISE = st.sampled_from([*INVISIBLE])


@given(
    LETTERS, st.lists(st.tuples(st.integers(0, 200), NOISE), max_size=12), st.sampled_from(["", " ", "\n"])
)
@example("-_-_-_", [(0, "\ufeff")], "\n")
def test_invisible_characters_are_ignored(code: str, noise: list[tuple[int, str]], end: str) -> None:
    """Invisible characters are ignored at any position and in any number."""
    address = f"{AT}?code={code}&state={STATE}"
    for offset, sign in noise:
        position = offset % (len(address) + 1)
        address = address[:position] + sign + address[position:]
    assert oauth.parse_redirect(address + end, state=STATE) == Secret(code)


@given(st.text(max_size=60), st.text(max_size=60))
def test_text_around_an_address_never_leads_to_another_code(before: str, after: str) -> None:
    """With any text around an address, the right code is read, or none."""
    try:
        code = oauth.parse_redirect(f"{before}\n{GOOD}\n{after}", state=STATE)
    except SignInError as error:
        assert str(error).endswith(".")
    else:
        assert code == Secret(CODE)


def test_megabytes_of_pasted_text_are_refused_quickly() -> None:
    """A whole page that is pasted by mistake is refused quickly, because the number of readings is limited."""
    parts = random.Random(1).choices(
        ["http://a.example/?code=1", "state=", "%3D", "&amp;", "\n", " "], k=300_000
    )
    with pytest.raises(SignInError):
        oauth.parse_redirect("".join(parts), state=STATE)
