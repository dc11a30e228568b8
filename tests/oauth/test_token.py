"""Secrets are never shown as text, and tokens know when they expire."""

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


def test_printing_a_secret_shows_only_its_fingerprint(token: Token) -> None:
    """repr, str, format, f-strings, containers and dataclasses show only the fingerprint."""
    secret = token.access_token
    outputs = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        "".join(map(str, [secret])),
        repr([secret]),
        repr(token),
    ]
    assert all(VALUE not in output for output in outputs)
    assert all(secret.fingerprint in output for output in outputs)


def test_a_secret_cannot_be_serialized(token: Token) -> None:
    """JSON, pickle, deepcopy and asdict raise an error, because only the store saves a secret."""
    for serialize in (json.dumps, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            serialize(token.access_token)
    with pytest.raises(TypeError):
        dataclasses.asdict(token)


def test_a_traceback_with_variables_does_not_show_the_value(token: Token) -> None:
    """A traceback with local variables shows only the fingerprint."""
    try:
        secret = token.access_token
        raise RuntimeError(f"something about {secret}")
    except RuntimeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert VALUE not in text


def test_a_fingerprint_identifies_a_secret() -> None:
    """A fingerprint has four hex digits, is the same for the same text, and differs for another."""
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert len(fingerprint("a")) == 4


def test_a_secret_equals_the_same_secret_but_not_its_text() -> None:
    """Secrets are compared by value, and a secret never equals a string."""
    assert Secret("x") == Secret("x")
    assert Secret("x") != "x"
    assert not Secret("")


def test_token_lifetimes(token: Token) -> None:
    """An access token expires after an hour and a refresh token after 60 days, in seconds since the epoch."""
    assert token.expires_at == 4600.0
    assert token.refresh_expires_at == 1000.0 + 60 * 86400
