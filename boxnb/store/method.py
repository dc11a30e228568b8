"""How a profile signs in: the kind of sign-in, its settings, and the secrets that are not part of an app or a token."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from ..errors import SettingError
from ..secret import Secret, is_utf8

BASIC, KEY, LOGIN = "basic", "header_key", "login"
CLIENT_CREDENTIALS, CODE = "client_credentials", "authorization_code"
KINDS = {
    BASIC: "user name and password",
    KEY: "key in a header",
    LOGIN: "user name and password for a bearer token",
    CLIENT_CREDENTIALS: "client credentials",
    CODE: "authorization code",
}
"""The kinds of sign-in, and how messages name them."""

FORM = ("scope", "audience", "resource", "box_subject_type", "box_subject_id")
"""The settings that a request for client credentials sends in its form (RFC 6749 4.4.2, RFC 8707, Box's own two)."""

HEADER = "header:"
"""The start of the name of a secret that is sent in a header of its own, such as ``header:aw-tenant-code``."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")


@dataclasses.dataclass(frozen=True)
class Method:
    """How a profile signs in.

    Attributes
    ----------
    kind : {"basic", "header_key", "login", "client_credentials", "authorization_code"}
    preset : str
        The preset of a server that is not Box, see :mod:`boxnb.servers.presets`; ``""`` for Box.
    settings : dict of str to str
        What is not secret, such as ``username``, ``login_url``, ``header``, ``scope``.
    secrets : dict of str to Secret
        ``password`` or ``key``, and ``header:NAME`` for each further header that is secret. An app's client secret is part
        of :class:`boxnb.Client`.
    """

    kind: str = CODE
    preset: str = ""
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    secrets: dict[str, Secret] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingError(
                f"There is no kind of sign-in {self.kind!r}. The kinds are {', '.join(KINDS)}."
            )
        for name in (*self.secret_headers, self.settings.get("header", "Authorization")):
            if not _HEADER_NAME.fullmatch(name):
                raise SettingError(f"{name!r} cannot be the name of a header. Use letters, digits and '-'.")

    @property
    def is_standard(self) -> bool:
        """Whether this is the sign-in that every version of boxnb can read: Box, with an authorization code."""
        return self == Method()

    @property
    def gets_token(self) -> bool:
        """Whether requests carry a bearer token that expires."""
        return self.kind in (LOGIN, CLIENT_CREDENTIALS, CODE)

    @property
    def needs_no_person(self) -> bool:
        """Whether the saved secrets suffice for a new access token, without a refresh token and without a person."""
        return self.kind in (LOGIN, CLIENT_CREDENTIALS)

    @property
    def secret_headers(self) -> dict[str, Secret]:
        """The further headers that are secret, by name."""
        return {
            name.removeprefix(HEADER): value
            for name, value in self.secrets.items()
            if name.startswith(HEADER)
        }

    def form(self) -> dict[str, Secret | str]:
        """Return what a request for client credentials sends besides the client's own fields."""
        return {name: self.settings[name] for name in FORM if self.settings.get(name)}

    def as_json(self) -> dict[str, Any]:
        """Return what the store writes, without the secrets."""
        return {"kind": self.kind, "preset": self.preset, "settings": self.settings}

    @classmethod
    def from_json(cls, saved: dict[str, Any] | None, secrets: dict[str, Any] | None) -> Method:
        """Return the method that :meth:`as_json` wrote, with its secrets.

        Raises
        ------
        KeyError, TypeError, ValueError
            A field is missing or has the wrong type.
        """
        if saved is None:
            return cls()
        settings = saved["settings"]
        strings = [saved["kind"], saved["preset"], *settings, *settings.values()]
        if not all(isinstance(string, str) and is_utf8(string) for string in strings):
            raise TypeError("a setting of the sign-in is not text")
        return cls(
            saved["kind"],
            saved["preset"],
            dict(settings),
            {name: Secret(value) for name, value in (secrets or {}).items()},
        )
