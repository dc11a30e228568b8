"""Secrets that cannot be printed, and the token pair of one response.

People see a fingerprint: the first four hex digits of the SHA-256 of the value. Two tokens with different
fingerprints differ, so rotation is visible while the token is not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from typing import Any, NoReturn

REFRESH_TOKEN_LIFETIME = 60 * 24 * 3600
"""Seconds a Box refresh token lives unless it is used before (Box guide *Token expiration*)."""


def fingerprint(text: str) -> str:
    """Four hex digits that tell one secret from another without revealing either."""
    return hashlib.sha256(text.encode()).hexdigest()[:4]


KNOWN = 1000
_known: dict[str, None] = {}


def _remember(value: str) -> None:
    """Keep what must not be written down, so that :mod:`boxnb.masking` knows it wherever it turns up."""
    if value and value not in _known:
        _known[value] = None
        if len(_known) > KNOWN:
            _known.pop(next(iter(_known)), None)


def known() -> tuple[str, ...]:
    """The last thousand secrets this process held, oldest first: for masking only."""
    return tuple(_known)


class Secret:
    """Text that masks itself wherever Python might write it down.

    ``repr``, ``str``, ``format`` and notebook display give ``<secret 3fa9>``; JSON, pickle, ``copy`` of a
    dataclass by ``asdict`` raise ``TypeError``. Only :meth:`reveal` gives the text, and only the code that
    sends it or stores it calls that.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str | Secret) -> None:
        self.__value: str = value.reveal() if isinstance(value, Secret) else value
        _remember(self.__value)

    def reveal(self) -> str:
        """The text itself."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """Four hex digits, see :func:`fingerprint`."""
        return fingerprint(self.__value)

    @property
    def digest(self) -> str:
        """The SHA-256 of the value, hex: to know a spent token again without keeping it."""
        return hashlib.sha256(self.__value.encode()).hexdigest()

    def __repr__(self) -> str:
        return f"<secret {self.fingerprint}>" if self.__value else "<no secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self.__value.encode(), other.reveal().encode()
        )

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __refuse(self) -> NoReturn:
        raise TypeError("A secret is not copied or serialised; only the profile's store writes it.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__refuse()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__refuse()


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
        """The pair that :meth:`as_json` wrote."""
        return cls(
            access_token=Secret(saved["access_token"]),
            refresh_token=Secret(saved["refresh_token"]) if saved.get("refresh_token") else None,
            obtained_at=float(saved["obtained_at"]),
            expires_in=float(saved["expires_in"]),
            token_type=saved.get("token_type", "bearer"),
            scope=saved.get("scope"),
        )

    @property
    def expires_at(self) -> float:
        """When the access token dies, seconds since the epoch."""
        return self.obtained_at + self.expires_in

    @property
    def refresh_expires_at(self) -> float:
        """When an unused refresh token dies, seconds since the epoch."""
        return self.obtained_at + REFRESH_TOKEN_LIFETIME

    @property
    def fingerprint(self) -> str:
        """The fingerprint people see: the refresh token's, else the access token's."""
        return (self.refresh_token or self.access_token).fingerprint
