"""One sign-in as an object: an app, and the token pair of the person who signed in with it."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

from . import disk
from .oauth import Client, Server
from .postbox import MailSettings
from .tokens import Secret, Token

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
        :mod:`boxnb.keepers`.
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
        """The next generation: a new pair, the old refresh token remembered as spent."""
        old = self.token.refresh_token if self.token is not None else None
        spent = (*((old.digest,) if old else ()), *self.spent)[:SPENT]
        return dataclasses.replace(
            self,
            token=token,
            skew=skew,
            generation=self.generation + 1,
            refreshed_by=this_process(),
            spent=spent,
        )


def this_process() -> str:
    """How a process is named to people: number and host."""
    return f"process {os.getpid()} on {disk.host_name()}"


_PLAIN = ("generation", "account", "skew", "verify", "keep", "refreshed_by", "monthly_calls")


def to_json(profile: Profile) -> dict[str, Any]:
    """A profile as its file holds it, secrets in the clear: only the store calls this."""
    client, token = profile.client, profile.token
    return {
        "format": FORMAT,
        "server": dataclasses.asdict(client.server),
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


def from_json(name: str, content: dict[str, Any]) -> Profile:
    """A profile from what its file holds; fields that came later may be missing."""
    saved = content.get("token")
    client = content["client"]
    return Profile(
        name=name,
        client=Client(
            client_id=client["client_id"],
            client_secret=Secret(client["client_secret"]),
            redirect_uri=client["redirect_uri"],
            server=Server(**content["server"]),
        ),
        token=None if saved is None else Token.from_json(saved),
        generation=int(content.get("generation", 0)),
        account=content.get("account"),
        skew=float(content.get("skew", 0.0)),
        verify=content.get("verify", True),
        keep=content.get("keep", "file"),
        refreshed_by=str(content.get("refreshed_by", "")),
        spent=tuple(content.get("spent", ())),
        monthly_calls=int(content.get("monthly_calls", 0)),
        mail=MailSettings.from_json(content["mail"]) if content.get("mail") else None,
    )
