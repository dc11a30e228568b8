"""Secrets never show, tokens tell their age."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import traceback

import pytest

from boxnb.oauth.token import Token
from boxnb.secret import Secret, fingerprint

VALUE = "plainly-visible-secret"


@pytest.fixture
def token() -> Token:
    return Token(Secret(VALUE), Secret(VALUE + "-refresh"), obtained_at=1000.0, expires_in=3600.0)


def test_no_rendering_shows_the_value(token: Token) -> None:
    """repr, str, format, f-strings, containers and dataclasses give the fingerprint only."""
    secret = token.access_token
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        "".join(map(str, [secret])),
        repr([secret]),
        repr(token),
    ]
    assert all(VALUE not in text for text in shown)
    assert all(secret.fingerprint in text for text in shown)


def test_serialising_is_refused(token: Token) -> None:
    """JSON, pickle, deepcopy and asdict raise: only the store writes a secret."""
    for refused in (json.dumps, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            refused(token.access_token)
    with pytest.raises(TypeError):
        dataclasses.asdict(token)


def test_a_traceback_with_locals_shows_no_value(token: Token) -> None:
    """Tools that print local variables print the mask."""
    try:
        secret = token.access_token
        raise RuntimeError(f"something about {secret}")
    except RuntimeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert VALUE not in text


def test_fingerprint_is_stable_and_distinguishes() -> None:
    """Four hex digits, the same for the same text."""
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert len(fingerprint("a")) == 4


def test_equality_is_by_value_and_never_with_text() -> None:
    """A secret equals the same secret, not the text it hides."""
    assert Secret("x") == Secret("x")
    assert Secret("x") != "x"
    assert not Secret("")


def test_token_lifetimes(token: Token) -> None:
    """Expiry is in seconds since the epoch: an hour for access, 60 days for refresh."""
    assert token.expires_at == 4600.0
    assert token.refresh_expires_at == 1000.0 + 60 * 86400
