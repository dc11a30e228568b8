"""The token pair of one successful response, and the lifetimes of both tokens."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..secret import Secret, is_utf8

REFRESH_TOKEN_LIFETIME = 60 * 24 * 3600
"""How many seconds an unused Box refresh token is valid (Box guide *Token expiration*)."""

NOMINAL = 3600.0
"""How many seconds an access token is valid if the server does not say: an hour, as for Box. RFC 6749 5.1 does not require
a server to say."""

LONGEST = 10 * 365 * 86400.0
"""The longest lifetime that boxnb accepts, in seconds. A longer one is shortened to it."""

LATEST = 1e11
"""The latest time that boxnb accepts, in seconds since the epoch. A later one counts as unknown."""


def token_text(value: object) -> str | None:
    """
    Return a token as text that can be sent and saved; ``None`` if there is none.

    Raises
    ------
    ValueError
        It is not a token: neither text nor a number, or text that UTF-8 cannot encode.
    """
    if isinstance(value, int) and not isinstance(value, bool):  # some servers use numbers as tokens
        value = str(value)
    if value is None or value == "":
        return None
    text = value.strip() if isinstance(value, str) else ""
    if not text or not is_utf8(text):
        raise ValueError("It is not a token.")
    return text


def fits_header(access_token: str) -> bool:
    """Return whether an access token can be sent in a header (RFC 6750 2.1)."""
    return access_token.isascii() and access_token.isprintable()


def lifetime(value: object) -> float:
    """Return the lifetime of a token in seconds; the nominal hour if the value is not a duration."""
    seconds = _number(value)
    return NOMINAL if seconds is None or seconds < 0 else min(seconds, LONGEST)


def moment(value: object) -> float:
    """Return a time in seconds since the epoch; 0, which means unknown, if the value is not a time."""
    seconds = _number(value)
    return 0.0 if seconds is None or abs(seconds) > LATEST else seconds


def _number(value: object) -> float | None:
    """Return a finite number, which may be written as text; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


@dataclasses.dataclass(frozen=True)
class Token:
    """The token pair of one successful response (RFC 6749 5.1).

    Attributes
    ----------
    access_token : Secret
        Sent with every request.
    refresh_token : Secret or None
        Works once, within 60 days; replaced by every refresh.
    obtained_at : float
        When the response arrived, seconds since the epoch by the *server's* clock (its ``Date`` header).
    expires_in : float
        Lifetime of the access token in seconds, as the server reported it. Box does not always report 3600.
    """

    access_token: Secret
    refresh_token: Secret | None
    obtained_at: float
    expires_in: float
    token_type: str = "bearer"
    scope: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the store writes, with both tokens in plain text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        refresh = self.refresh_token.reveal() if self.refresh_token else None
        return fields | {"access_token": self.access_token.reveal(), "refresh_token": refresh}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Token:
        """Return the token pair that :meth:`as_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            A token is missing, or contains characters that cannot be sent.
        """
        access_token = Secret(saved["access_token"]).reveal().strip()
        refresh_token = Secret(saved.get("refresh_token") or "").reveal().strip()
        # The access token is sent in a header, the refresh token in a form, which can contain any text.
        if not (fits_header(access_token) and is_utf8(refresh_token)):
            raise ValueError("A saved token contains characters that cannot be sent.")
        return cls(
            access_token=Secret(access_token),
            refresh_token=Secret(refresh_token) if refresh_token else None,
            obtained_at=moment(saved["obtained_at"]),
            expires_in=lifetime(saved["expires_in"]),
            token_type=token_type if isinstance(token_type := saved.get("token_type"), str) else "bearer",
            scope=scope if isinstance(scope := saved.get("scope"), str) else None,
        )

    @property
    def expires_at(self) -> float:
        """When the access token expires, in seconds since the epoch."""
        return self.obtained_at + self.expires_in

    @property
    def refresh_expires_at(self) -> float:
        """When the refresh token expires if it is not used, in seconds since the epoch."""
        return self.obtained_at + REFRESH_TOKEN_LIFETIME

    def minutes_left(self, now: float) -> int:
        """Return how many minutes the access token is still valid at ``now``, rounded up and at least 0."""
        return max(0, math.ceil((self.expires_at - now) / 60))

    def days_left(self, now: float) -> int:
        """Return how many days the unused refresh token is still valid at ``now``, rounded up and at least 0."""
        return max(0, math.ceil((self.refresh_expires_at - now) / 86400))

    @property
    def fingerprint(self) -> str:
        """The fingerprint that messages show: the refresh token's, or the access token's if there is no refresh token."""
        return (self.refresh_token or self.access_token).fingerprint
