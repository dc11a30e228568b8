"""One sign-in as an object: an app, and the token pair of the person who signed in with it."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any
from urllib.parse import urlsplit

from ..local import home_folder
from ..oauth import Client, Server
from ..oauth.token import LATEST, Token
from ..secret import Secret, is_utf8
from ..transport.sessions import LOOPBACK, checked_verify
from .mail_settings import MailSettings

FORMAT = 1
SPENT = 50
"""How many spent refresh tokens are remembered by their hash."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """One sign-in: an app, and the token pair of the person who signed in with it.

    Attributes
    ----------
    generation : int
        How often the pair was replaced since the sign-in.
    account : dict or None
        ``id``, ``name``, ``login``, ``role``, ``enterprise`` of who signed in, as Box answered.
    skew : float
        Seconds the server's clock was ahead of this machine's at the last answer.
    verify : bool or str
        Check of TLS certificates, or the path of a CA bundle (``verify=`` of requests).
    keep : str
        Where the secrets are: ``"file"``, ``"keyring"``, ``"plist:PATH"``, ``"command:PROGRAM"``; see
        :mod:`boxnb.store.backends`.
    refreshed_by : str
        The process and host that saved this pair.
    monthly_calls : int
        How many API calls a month the enterprise is licensed for; 0 where it was not said.
    spent : tuple of str
        SHA-256 of the last refresh tokens that were replaced, to know an old copy when it comes back.
    mail : MailSettings or None
        How runs of this profile send mail.
    """

    name: str
    client: Client
    token: Token | None = None
    generation: int = 0
    account: dict[str, Any] | None = None
    skew: float = 0.0
    verify: bool | str = True
    keep: str = "file"
    refreshed_by: str = ""
    spent: tuple[str, ...] = ()
    monthly_calls: int = 0
    mail: MailSettings | None = None

    def renewed(self, token: Token, skew: float) -> Profile:
        """The next generation: a new pair, the old refresh token remembered as spent unless the server kept it."""
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
        )

    def with_pair_of(self, other: Profile) -> Profile:
        """Return this profile with the newer pair of another state of it, and what belongs to the pair."""
        return dataclasses.replace(
            self,
            token=other.token,
            skew=other.skew,
            generation=max(self.generation, other.generation),
            account=other.account or self.account,
            refreshed_by=other.refreshed_by,
            spent=other.spent,
        )

    def became(self, later: Profile) -> str:
        """Return what makes a later state of this profile another sign-in, in a few words; empty where nothing does."""
        if self.client.client_id != later.client.client_id:
            return "belongs to another app now"
        here, there = (_origin(state.client.server.api_url) for state in (self, later))
        if here != there:
            return "belongs to another server now"
        if self.account is None:
            return ""
        if later.account is None:
            # Somebody signs in at this moment, and is not known yet; a refresh keeps the account.
            return "" if later.token is None or later.token == self.token else "was signed in anew"
        if None not in (one := self.account.get("id"), other := later.account.get("id")) and one != other:
            return f"belongs to {later.account.get('name') or later.account.get('login') or 'another person'} now"
        mine, theirs = (
            state.account.get("enterprise") for state in (self, later) if state.account is not None
        )
        if "enterprise" in self.account.keys() & later.account.keys() and _id(mine) != _id(theirs):
            return f"belongs to {_name(theirs)} now"
        return ""


def _origin(url: str) -> str:
    """The host of a server; one for all ports of this computer, where a sandbox starts anew at another one."""
    host = urlsplit(url).hostname or ""
    return "this computer" if host in LOOPBACK else host


def _id(enterprise: Any) -> Any:
    return enterprise.get("id") if isinstance(enterprise, dict) else None


def _name(enterprise: Any) -> str:
    if not isinstance(enterprise, dict):
        return "no enterprise"
    return f"the enterprise {enterprise.get('name') or enterprise.get('id')}"


def this_process() -> str:
    """How a process is named to people: number and host."""
    return f"process {os.getpid()} on {home_folder.host_name()}"


_PLAIN = ("generation", "account", "skew", "verify", "keep", "refreshed_by", "monthly_calls")


def to_json(profile: Profile) -> dict[str, Any]:
    """A profile as its file holds it, secrets in the clear: only the store calls this."""
    client, token = profile.client, profile.token
    return {
        "format": FORMAT,
        "server": _server_fields(client.server),
        "client": {
            "client_id": client.client_id,
            "client_secret": client.client_secret.reveal(),
            "redirect_uri": client.redirect_uri,
        },
        **{name: getattr(profile, name) for name in _PLAIN},
        "spent": list(profile.spent),
        "saved_at": time.time(),
        "mail": None if profile.mail is None else profile.mail.as_json(),
        "token": None if token is None else token.as_json(),
    }


def _server_fields(server: Server) -> dict[str, Any]:
    """The fields of a server; one that came later only where it is used, so that an older boxnb reads the others."""
    return {
        field.name: getattr(server, field.name)
        for field in dataclasses.fields(server)
        if field.name != "client_auth" or getattr(server, field.name) != field.default
    }


def from_json(name: str, content: dict[str, Any]) -> Profile:
    """Return a profile from what its file holds; fields that came later may be missing.

    What the sign-in rests on has to be whole. A count, a time or a name that cannot be read falls back to "unknown", so
    that it does not cost the sign-in.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        What the sign-in rests on is missing or has another type.
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
        refreshed_by=_shown(content.get("refreshed_by")) or "",
        spent=tuple(digest for digest in spent if isinstance(digest, str)) if isinstance(spent, list) else (),
        monthly_calls=_count(content.get("monthly_calls")),
        mail=MailSettings.from_json(content["mail"]) if content.get("mail") else None,
    )


def known_account(answer: object) -> dict[str, Any] | None:
    """Return who signed in, as Box answered or as it was saved, with texts where texts belong.

    Returns
    -------
    dict or None
        As the attribute ``account`` of :class:`Profile`; ``None`` for what is not an object.
    """
    if not isinstance(answer, dict):
        return None
    known: dict[str, Any] = {
        field: _shown(answer[field]) for field in ("type", "id", "name", "login", "role") if field in answer
    }
    if "enterprise" in answer:
        enterprise = answer["enterprise"]
        whose = enterprise if isinstance(enterprise, dict) else {}
        known["enterprise"] = {
            field: _shown(whose[field]) for field in ("type", "id", "name") if field in whose
        } or None
    return known


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_utf8(value):
        raise TypeError("a text is missing")
    return value


def _shown(value: object) -> str | None:
    """A text for people; a number as its digits, half a letter as a question mark, nothing for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).encode("utf-8", "replace").decode()


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:
        return 0.0
    return float(value)
