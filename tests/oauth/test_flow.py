"""The pure legs of the flow: what users may paste, and the error for each mistake."""

from __future__ import annotations

import traceback
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boxnb import oauth
from boxnb.errors import AccessDeniedError, RedirectError, SignInError, StateMismatchError
from boxnb.secret import Secret
from boxnb.transport.sessions import unsigned_session

STATE = "the-state-of-this-request"
CODE = "k3Jd8sLq02bVnMxZ"
GOOD = f"http://127.0.0.1:53682/callback?code={CODE}&state={STATE}"
CLIENT = oauth.Client("abc", Secret("hidden"), "http://127.0.0.1/callback")


def test_the_authorization_url_has_the_parameters_of_the_rfc() -> None:
    """The URL has response_type, client_id, redirect_uri and state, and neither a scope nor the secret."""
    url = oauth.authorization_url(CLIENT, STATE)
    assert url.startswith("https://account.box.com/api/oauth2/authorize?")
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": ["abc"],
        "redirect_uri": ["http://127.0.0.1/callback"],
        "state": [STATE],
    }


def test_the_pkce_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    """The verifier in the standard's example has the challenge that the standard publishes."""
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert oauth.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    "pasted",
    [
        GOOD,
        f"  {GOOD}\n",
        f'"{GOOD}"',
        f"<{GOOD}>",
        f"code={CODE}&state={STATE}",
        f"?code={CODE}&state={STATE}",
        f"http://127.0.0.1/callback#code={CODE}&state={STATE}",
        GOOD.replace("&", "&amp;"),
        GOOD[:50] + "\n" + GOOD[50:],
        GOOD[:50] + "\r\n    " + GOOD[50:],
        GOOD.replace("=", "=3D")[:60] + "=\r\n" + GOOD.replace("=", "=3D")[60:],
        f"https://app.box.com/folder/0?state={STATE}&code={CODE}",
    ],
    ids=lambda text: str(len(text)),
)
def test_parse_redirect_accepts_what_users_paste(pasted: str) -> None:
    """The code is read from an address that is whole, quoted, wrapped or escaped, and from a query or fragment."""
    assert oauth.parse_redirect(pasted, state=STATE) == Secret(CODE)


@pytest.mark.parametrize(
    ("pasted", "error", "says"),
    [
        ("", RedirectError, "Nothing was pasted"),
        (" \n ", RedirectError, "Nothing was pasted"),
        (oauth.authorization_url(CLIENT, STATE), RedirectError, "leads to Box"),
        ("https://app.box.com/folder/0", RedirectError, "no code"),
        ("hello there, what now?", RedirectError, "no code"),
        (CODE, RedirectError, "without its state"),
        (f"http://127.0.0.1/callback?code=&state={STATE}", RedirectError, "cut off"),
        (f"http://127.0.0.1/callback?code={CODE}", StateMismatchError, "contains no state"),
        (f"http://127.0.0.1/callback?code={CODE}&state=other", StateMismatchError, "another request"),
        (f"http://127.0.0.1/callback?error=access_denied&state={STATE}", AccessDeniedError, "denied"),
        ("http://127.0.0.1/callback?error=access_denied&state=other", StateMismatchError, "another"),
        (f"http://127.0.0.1/callback?error=invalid_scope&state={STATE}", SignInError, "scope"),
        (f"http://127.0.0.1/callback?error=<b>odd&state={STATE}", SignInError, "bodd"),
    ],
)
def test_each_mistake_has_its_own_error(pasted: str, error: type[SignInError], says: str) -> None:
    """Each mistake has its own error, which never contains the code."""
    with pytest.raises(error, match=says) as caught:
        oauth.parse_redirect(pasted, state=STATE)
    assert CODE not in str(caught.value)


def test_a_bare_code_is_accepted_only_on_request() -> None:
    """A code without its state is accepted only with `allow_bare_code`."""
    assert oauth.is_bare_code(f" {CODE}\n")
    assert oauth.parse_redirect(f" {CODE}\n", state=STATE, allow_bare_code=True) == Secret(CODE)


@given(st.text(max_size=200))
def test_any_pasted_text_is_a_code_or_a_sign_in_error(pasted: str) -> None:
    """Any pasted text leads to a code or a SignInError, and to no other exception."""
    try:
        code = oauth.parse_redirect(pasted, state=STATE)
    except SignInError as error:
        assert str(error).endswith(".")
    else:
        assert code


URL_SAFE = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=40
)


@given(URL_SAFE, URL_SAFE, st.integers(0, 120), st.sampled_from(["\n", "\r\n", "\n   "]))
@example("3Dabc", "3Dxyz", 0, "\n")
@example("abc", "xyz", 36, "\n")
def test_any_code_and_state_survive_a_paste(code: str, state: str, at: int, wrap: str) -> None:
    """Any code and state are read as Box sent them, even if a line break splits them."""
    url = f"http://127.0.0.1:53682/callback?code={code}&state={state}"
    assert oauth.parse_redirect(url[:at] + wrap + url[at:], state=state) == Secret(code)
    quoted = url.replace("=", "=3D")
    cut = max(1, at % len(quoted))
    if "=" not in quoted[cut - 2 : cut + 2]:  # mail programs do not split an escape
        mailed = quoted[:cut] + "=\r\n" + quoted[cut:]
        assert oauth.parse_redirect(mailed, state=state) == Secret(code)


@pytest.mark.parametrize("pasted", ["practice", "hello world", "my pass phrase 7", "OpenSesame"])
def test_a_word_does_not_count_as_a_code(pasted: str) -> None:
    """A pasted word may be a password, so it is not sent to the server as a code."""
    assert not oauth.is_bare_code(pasted)


@pytest.mark.parametrize("verify", [True, "/no/such/file.pem"])
def test_a_traceback_with_variables_does_not_show_the_secrets(verify: bool | str) -> None:
    """The traceback of a failed request, variables included, contains no secret."""
    server = oauth.Server(
        "nobody",
        "https://127.0.0.1:9/a",
        "https://127.0.0.1:9/t",
        "https://127.0.0.1:9/r",
        "https://127.0.0.1:9/2.0",
        "https://127.0.0.1:9/u",
    )
    client_secret, refresh_token = uuid.uuid4().hex, uuid.uuid4().hex
    client = oauth.Client("id", Secret(client_secret), "http://127.0.0.1/callback", server)
    with unsigned_session(verify) as http, pytest.raises(OSError, match=r"\S") as caught:
        oauth.refresh(client, Secret(refresh_token), http=http)
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    trace.stack[:] = trace.stack[1:]  # leave out this test's own variables
    text = "".join(trace.format())
    assert "_post" in text
    assert client_secret not in text and refresh_token not in text
