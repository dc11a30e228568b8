"""The token pair of one successful response, and how long each half lives."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..secret import Secret, is_utf8

REFRESH_TOKEN_LIFETIME = 60 * 24 * 3600
"""Seconds a Box refresh token lives unless it is used before (Box guide *Token expiration*)."""


NOMINAL = 3600.0
"""Seconds an access token lives where the server does not say in a usable way (Box's hour; optional in RFC 6749 5.1)."""


LONGEST = 10 * 365 * 86400.0
"""Seconds no token is taken to live longer than."""


LATEST = 1e11
"""Seconds since the epoch; what is further away is not a time."""


def lifetime(value: object) -> float:
    """Return the seconds a token lives; the nominal hour for what is not a length of time."""
    seconds = _number(value)
    return NOMINAL if seconds is None or seconds < 0 else min(seconds, LONGEST)


def moment(value: object) -> float:
    """Return seconds since the epoch; 0, which means unknown, for what is not a time."""
    seconds = _number(value)
    return 0.0 if seconds is None or abs(seconds) > LATEST else seconds


def _number(value: object) -> float | None:
    """A finite number, also one written as text."""
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
        Single use, 60 days; replaced at every refresh.
    obtained_at : float
        When the response arrived, seconds since the epoch by the *server's* clock (its ``Date`` header).
    expires_in : float
        Seconds the access token lives, as the server said; Box does not always say 3600.
    """

    access_token: Secret
    refresh_token: Secret | None
    obtained_at: float
    expires_in: float
    token_type: str = "bearer"
    scope: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What the profile's store writes; the pair in clear."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        refresh = self.refresh_token.reveal() if self.refresh_token else None
        return plain | {"access_token": self.access_token.reveal(), "refresh_token": refresh}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Token:
        """The pair that :meth:`as_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            A token is missing, or is not text that can be sent.
        """
        access_token = Secret(saved["access_token"]).reveal().strip()
        refresh_token = Secret(saved.get("refresh_token") or "").reveal().strip()
        # The one travels in a header, the other in a form, which takes any text.
        if not (access_token.isascii() and access_token.isprintable() and is_utf8(refresh_token)):
            raise ValueError("A saved token is not text that can be sent.")
        return cls(
            access_token=Secret(access_token),
            refresh_token=Secret(refresh_token) if refresh_token else None,
            obtained_at=moment(saved["obtained_at"]),
            expires_in=lifetime(saved["expires_in"]),
            token_type=kind if isinstance(kind := saved.get("token_type"), str) else "bearer",
            scope=scope if isinstance(scope := saved.get("scope"), str) else None,
        )

    @property
    def expires_at(self) -> float:
        """When the access token dies, seconds since the epoch."""
        return self.obtained_at + self.expires_in

    @property
    def refresh_expires_at(self) -> float:
        """When an unused refresh token dies, seconds since the epoch."""
        return self.obtained_at + REFRESH_TOKEN_LIFETIME

    def minutes_left(self, now: float) -> int:
        """Minutes the access token lives at ``now`` (seconds since the epoch): 59.5 are 60, and never below 0."""
        return max(0, math.ceil((self.expires_at - now) / 60))

    def days_left(self, now: float) -> int:
        """Days an unused refresh token lives at ``now`` (seconds since the epoch): 59.5 are 60, and never below 0."""
        return max(0, math.ceil((self.refresh_expires_at - now) / 86400))

    @property
    def fingerprint(self) -> str:
        """The fingerprint people see: the refresh token's, else the access token's."""
        return (self.refresh_token or self.access_token).fingerprint
