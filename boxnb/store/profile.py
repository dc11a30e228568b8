"""A saved sign-in as an object: an app, and the token pair of the user who signed in with it."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any
from urllib.parse import urlsplit

from ..local import home_folder
from ..oauth import Client, Server
from ..oauth.token import LATEST, Token
from ..secret import Secret, basic_pair, is_utf8
from ..transport.sessions import LOOPBACK, checked_verify
from .mail_settings import MailSettings
from .method import BASIC, CODE, HEADER, LOGIN, Method

FORMAT = 2
"""The newest format of a profile's file that this boxnb reads."""

FIRST_FORMAT = 1
"""The format that every boxnb reads. A profile that signs in to Box with an authorization code is saved in it."""

SPENT = 50
"""How many spent refresh tokens a profile remembers by their hash."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """A saved sign-in: an app, and the token pair of the user who signed in with it.

    Attributes
    ----------
    generation : int
        How many times the pair has been replaced since the sign-in.
    account : dict or None
        ``id``, ``name``, ``login``, ``role`` and ``enterprise`` of the user who signed in, as Box returned them.
    skew : float
        Seconds by which the server's clock was ahead of this computer's at the last response.
    verify : bool or str
        Whether TLS certificates are checked, or the path of a CA bundle, as for ``verify=`` of requests.
    keep : str
        Where the secrets are saved: ``"file"``, ``"keyring"``, ``"plist:PATH"``, ``"command:PROGRAM"``; see
        :mod:`boxnb.store.backends`.
    entry : str
        The name under which a keyring or command saves the secrets; ``""`` if it is the profile's name.
    former : tuple of str
        ``keep`` and ``entry`` of an earlier backend that still has to be emptied; usually ``()``.
    refreshed_by : str
        The process and host that saved this token pair.
    monthly_calls : int
        How many API calls per month the enterprise's licence includes; 0 if unknown.
    spent : tuple of str
        SHA-256 hashes of the last refresh tokens that were replaced. boxnb recognizes an old copy of a token by its hash.
    mail : MailSettings or None
        How runs with this profile send email.
    method : Method
        How the profile signs in; by default to Box, with an authorization code.
    refused : str
        Why the server refused the saved secrets; ``""`` if it did not. They are not sent again until they are saved again,
        because some servers lock an account after a few refusals.
    """

    name: str
    client: Client
    token: Token | None = None
    generation: int = 0
    account: dict[str, Any] | None = None
    skew: float = 0.0
    verify: bool | str = True
    keep: str = "file"
    entry: str = ""
    former: tuple[str, ...] = ()
    refreshed_by: str = ""
    spent: tuple[str, ...] = ()
    monthly_calls: int = 0
    mail: MailSettings | None = None
    method: Method = dataclasses.field(default_factory=Method)
    refused: str = ""

    @property
    def is_box(self) -> bool:
        """Whether this is a sign-in to Box or the sandbox, rather than to another server."""
        return not self.method.preset

    @property
    def has_access(self) -> bool:
        """Whether requests can be signed: there is a token, or secrets with which no token or a new one is needed."""
        return self.token is not None or self.method.kind != CODE

    @property
    def has_secrets(self) -> bool:
        """Whether the profile has any secret of its sign-in."""
        return self.token is not None or bool(self.client.client_secret) or bool(self.method.secrets)

    def secrets(self) -> dict[str, Secret]:
        """Return every secret of the profile, by what it is, such as ``client secret`` or ``mail password``."""
        token, mail = self.token, self.mail
        found = {
            "client secret": self.client.client_secret,
            **{name.removeprefix(HEADER): value for name, value in self.method.secrets.items()},
            "access token": None if token is None else token.access_token,
            "refresh token": None if token is None else token.refresh_token,
            "mail password": None if mail is None else mail.password,
        }
        if self.method.kind in (BASIC, LOGIN):
            password = self.method.secrets.get("password", Secret(""))
            found["password in base64"] = basic_pair(self.method.settings.get("username", ""), password)
        return {name: value for name, value in found.items() if value}

    def renewed(self, token: Token, skew: float) -> Profile:
        """Return the profile with a new token pair. The old refresh token is recorded as spent if it was replaced."""
        old, new = (pair.refresh_token if pair is not None else None for pair in (self.token, token))
        spent = (*((old.digest,) if old else ()), *self.spent)
        spent = tuple(digest for digest in spent if new is None or digest != new.digest)[:SPENT]
        return dataclasses.replace(
            self,
            token=token,
            skew=skew,
            generation=self.generation + 1,
            refreshed_by=this_process(),
            spent=spent,
            refused="",
        )

    def with_pair_of(self, other: Profile) -> Profile:
        """Return this profile with the token pair and the related fields of ``other``, a newer version."""
        return dataclasses.replace(
            self,
            token=other.token,
            skew=other.skew,
            generation=max(self.generation, other.generation),
            account=other.account or self.account,
            refreshed_by=other.refreshed_by,
            spent=other.spent,
        )

    def conflict_with(self, later: Profile) -> str:
        """Return a phrase that says why a later version of this profile is a different sign-in; ``""`` if it is the same."""
        if self.client.client_id != later.client.client_id:
            return "now belongs to another app"
        own_server, later_server = (_server_host(profile.client.server.api_url) for profile in (self, later))
        if own_server != later_server:
            return "now belongs to another server"
        own, other = (
            (profile.method.kind, profile.method.settings.get("username"), profile.method.form())
            for profile in (self, later)
        )
        if own != other:
            return "now signs in differently"
        if self.account is None:
            return ""
        if later.account is None:
            # A refresh keeps the account, so this is a new sign-in, whose user is not known yet.
            return "" if later.token is None or later.token == self.token else "has a new sign-in"
        own_id, later_id = self.account.get("id"), later.account.get("id")
        if None not in (own_id, later_id) and own_id != later_id:
            owner = later.account.get("name") or later.account.get("login") or "another user"
            return f"now belongs to {owner}"
        enterprise, later_enterprise = (
            profile.account.get("enterprise") for profile in (self, later) if profile.account is not None
        )
        both_known = "enterprise" in self.account.keys() & later.account.keys()
        if both_known and _id(enterprise) != _id(later_enterprise):
            return f"now belongs to {_name(later_enterprise)}"
        return ""


def _server_host(url: str) -> str:
    """Return a server's host, or ``this computer`` for loopback. The port is left out, because a sandbox's port can change."""
    host = urlsplit(url).hostname or ""
    return "this computer" if host in LOOPBACK else host


def _id(enterprise: Any) -> Any:
    return enterprise.get("id") if isinstance(enterprise, dict) else None


def _name(enterprise: Any) -> str:
    if not isinstance(enterprise, dict):
        return "no enterprise"
    return f"the enterprise {enterprise.get('name') or enterprise.get('id')}"


def this_process() -> str:
    """Return the name of this process for messages: its process ID and host."""
    return f"process {os.getpid()} on {home_folder.host_name()}"


_COPIED = ("generation", "account", "skew", "verify", "keep", "refreshed_by", "monthly_calls")


def to_json(profile: Profile) -> dict[str, Any]:
    """Return the content of a profile's file, with the secrets in plain text. Only the store calls this."""
    client, token, method = profile.client, profile.token, profile.method
    return {
        "format": FIRST_FORMAT if method.is_standard else FORMAT,
        "server": _server_fields(client.server),
        "client": {
            "client_id": client.client_id,
            "client_secret": client.client_secret.reveal(),
            "redirect_uri": client.redirect_uri,
        },
        **{name: getattr(profile, name) for name in _COPIED},
        **{name: value for name in ("entry", "former") if (value := getattr(profile, name))},
        "spent": list(profile.spent),
        "saved_at": time.time(),
        "mail": None if profile.mail is None else profile.mail.as_json(),
        "token": None if token is None else token.as_json(),
        **({} if method.is_standard else _method_fields(profile)),
    }


def _method_fields(profile: Profile) -> dict[str, Any]:
    """Return the fields that a profile has only if it does not sign in to Box with an authorization code."""
    return {
        "method": profile.method.as_json(),
        "secrets": {name: value.reveal() for name, value in profile.method.secrets.items()},
        "refused": profile.refused,
    }


def _server_fields(server: Server) -> dict[str, Any]:
    """Return the fields of a server. A default ``client_auth`` is left out, because an older boxnb cannot read it."""
    return {
        field.name: getattr(server, field.name)
        for field in dataclasses.fields(server)
        if field.name != "client_auth" or getattr(server, field.name) != field.default
    }


def from_json(name: str, content: dict[str, Any]) -> Profile:
    """Return the profile that a file contains. Fields that an older boxnb did not write may be missing.

    The fields that a sign-in needs must be valid. A count, a time or a name that cannot be read is treated as unknown,
    so that the sign-in is not lost.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        A field that a sign-in needs is missing or has the wrong type.
    """
    saved, client, spent = content.get("token"), content["client"], content.get("spent")
    server: dict[str, Any] = {
        field: value is True if field == "pkce" else _text(value)
        for field, value in content["server"].items()
    }
    return Profile(
        name=name,
        client=Client(
            client_id=_text(client["client_id"]),
            client_secret=Secret(_text(client["client_secret"])),
            redirect_uri=_text(client["redirect_uri"]),
            server=Server(**server),
        ),
        token=None if saved is None else Token.from_json(saved),
        generation=_count(content.get("generation")),
        account=known_account(content.get("account")),
        skew=_seconds(content.get("skew")),
        verify=checked_verify(content.get("verify")),
        keep=_text(content.get("keep", "file")),
        entry=_text(content.get("entry", "")),
        former=former_backend(content),
        refreshed_by=_label(content.get("refreshed_by")) or "",
        spent=tuple(digest for digest in spent if isinstance(digest, str)) if isinstance(spent, list) else (),
        monthly_calls=_count(content.get("monthly_calls")),
        mail=MailSettings.from_json(content["mail"]) if content.get("mail") else None,
        method=Method.from_json(content.get("method"), content.get("secrets")),
        refused=_label(content.get("refused")) or "",
    )


def former_backend(content: dict[str, Any]) -> tuple[str, ...]:
    """Return ``keep`` and ``entry`` of the backend that still has to be emptied, from the content of a profile's file."""
    former = content.get("former")
    if isinstance(former, list) and len(former) == 2 and all(isinstance(part, str) for part in former):
        return tuple(former)
    return ()


def known_account(user: object) -> dict[str, Any] | None:
    """Return the user who signed in, from Box's response or a saved file, with every field as text that can be shown.

    Returns
    -------
    dict or None
        A value for the attribute ``account`` of :class:`Profile`; ``None`` if ``user`` is not a JSON object.
    """
    if not isinstance(user, dict):
        return None
    account: dict[str, Any] = {
        field: _label(user[field]) for field in ("type", "id", "name", "login", "role") if field in user
    }
    if "enterprise" in user:
        enterprise = user["enterprise"]
        fields = enterprise if isinstance(enterprise, dict) else {}
        account["enterprise"] = {
            field: _label(fields[field]) for field in ("type", "id", "name") if field in fields
        } or None
    return account


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_utf8(value):
        raise TypeError("a text field is missing")
    return value


def _label(value: object) -> str | None:
    """Return text that can be shown: a number as digits, a lone surrogate as ``?``, ``None`` for any other type."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).encode("utf-8", "replace").decode()


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:
        return 0.0
    return float(value)
