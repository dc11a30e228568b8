"""The account, the client, the key and the tokens of one practice server.

The secrets are random, and saved with the sandbox's state. Tokens are in memory: after a restart, clients get new ones.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request

from ..company.clock import Clock
from ..company.state import State, random_text

MOST_REFUSALS = 5
"""After this many wrong passwords in a row, the account is locked. A guess: vendors let an admin choose the number."""

MOST_TOKENS = 2000


@dataclass
class Token:
    """One bearer token: when it expires, and how it was issued (``password`` or ``client``)."""

    expires: float
    issued_for: str


@dataclass
class Accounts:
    """The account, the client, the key and the tokens of one practice server."""

    name: str
    clock: Clock
    secrets: dict[str, str]
    lifetime: float
    """Seconds that a token for client credentials lasts; in Jamf Pro, a setting of the client."""
    password_lifetime: float = 1200.0
    """Seconds that a token for a password lasts."""
    locked: bool = False
    enabled: bool = True
    expired: bool = False
    expires_in: Any = None
    """What the token endpoint says instead of the lifetime, for tests of odd responses."""
    key_used: float = 0.0
    refusals: int = 0
    attempts: int = 0
    """How many passwords, client secrets and keys were checked."""
    issued: int = 0
    tokens: dict[str, Token] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str, state: State, clock: Clock, lifetime: float) -> Accounts:
        """Return the accounts of a server, with secrets that stay the same when the sandbox restarts."""
        saved = state.meta(f"other.{name}")
        if saved is None:
            saved = json.dumps(
                {
                    "username": "reader",
                    "password": random_text(24),
                    "client_id": random_text(32).lower(),
                    "client_secret": random_text(48),
                    "key": random_text(42),
                }
            )
            state.set_meta(f"other.{name}", saved)
        return cls(name, clock, json.loads(saved), lifetime, key_used=clock.now())

    def password_ok(self, username: str, password: str) -> bool:
        """Check a user name and a password, and lock the account after too many wrong ones."""
        self.attempts += 1
        if self.locked:
            return False
        right = same(username, self.secrets["username"]) and same(password, self.secrets["password"])
        self.refusals = 0 if right else self.refusals + 1
        self.locked = self.refusals >= MOST_REFUSALS
        return right

    def client_ok(self, client_id: str, client_secret: str) -> bool:
        """Check a client ID and a client secret."""
        self.attempts += 1
        right = same(client_id, self.secrets["client_id"]) and same(
            client_secret, self.secrets["client_secret"]
        )
        return right and self.enabled and not self.expired

    def key_ok(self, key: str, days: float) -> bool:
        """Check a key, which ends if it is not used for so many days. Each use starts the count again."""
        self.attempts += 1
        now = self.clock.now()
        if not same(key, self.secrets["key"]) or now - self.key_used > days * 86400:
            return False
        self.key_used = now
        return True

    def issue(self, issued_for: str, seconds: float) -> tuple[str, Token]:
        """Return a new token that lasts for so many seconds."""
        self.issued += 1
        text, token = random_text(64), Token(self.clock.now() + seconds, issued_for)
        self.tokens[text] = token
        while len(self.tokens) > MOST_TOKENS:
            self.tokens.pop(next(iter(self.tokens)))
        return text, token

    def bearer(self, request: Request) -> tuple[str, Token] | None:
        """Return the valid token that a request carries, or None."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(text) if scheme.lower() == "bearer" else None
        return None if token is None or self.clock.now() >= token.expires else (text, token)

    def change(self, changes: dict[str, Any]) -> None:
        """Change a setting or a secret, as the server's admin does. Raises `ValueError` for an unknown name."""
        for name, value in changes.items():
            if name in self.secrets:
                self.secrets[name] = str(value)
            elif name in ("locked", "enabled", "expired"):
                setattr(self, name, bool(value))
                self.refusals = 0
            elif name in ("lifetime", "password_lifetime"):
                setattr(self, name, float(value))
            elif name == "expires_in":
                self.expires_in = value
            elif name == "end_tokens":
                self.tokens.clear()
            else:
                raise ValueError(f"unknown setting of a practice server: {name}")


def same(left: str, right: str) -> bool:
    """Return whether two strings are equal, compared in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def basic(request: Request) -> tuple[str, str] | None:
    """Return the user name and the password that a request carries by HTTP Basic, or None."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (username, password) if colon else None


def client_of(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Return the client ID and secret of a request, from the form or by HTTP Basic (RFC 6749 2.3.1)."""
    pair = basic(request)
    if pair is not None and "client_id" not in form:
        return unquote_plus(pair[0]), unquote_plus(pair[1])
    return form.get("client_id", ""), form.get("client_secret", "")


def number(text: str | None, default: int, least: int, most: int) -> int:
    """Return a whole number from a query. Raises `ValueError` if it is not one, or out of range."""
    value = default if text is None else int(text)
    if not least <= value <= most:
        raise ValueError(text)
    return value
