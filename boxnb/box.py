"""``connect(profile)`` and what it returns: a signed-in Box. Its datasets are plain functions, listed as methods."""

from __future__ import annotations

import html
import time

from . import store, transfer
from .api.connection import Connection
from .datasets import content, estimate, event_log, listing, people, sharing
from .errors import NotSignedInError
from .oauth import Clock
from .oauth.failures import ONBOARDING
from .signin import practice


class Box(Connection):
    """A signed-in Box: a :class:`boxnb.api.connection.Connection` with all datasets as methods."""

    me = people.me
    users = people.users
    user = people.user
    groups = people.groups
    memberships = people.memberships
    device_pins = people.device_pins
    items = content.items
    tree = content.tree
    folder = content.folder
    file = content.file
    versions = content.versions
    search = content.search
    trash = content.trash
    collaborations = sharing.collaborations
    shared_links = sharing.shared_links
    events = event_log.events
    frame = listing.frame
    estimate = estimate.estimate
    upload = transfer.upload
    upload_folder = transfer.upload_folder
    download = transfer.download

    def _rows(self) -> list[tuple[str, str]]:
        profile, now = self.profile, self.session.auth.now()
        token, account = self.session.auth.saved_token, profile.account or {}
        enterprise = (account.get("enterprise") or {}).get("name") or "no enterprise"
        return [
            ("Signed in as", f"{account.get('name', 'unknown')} <{account.get('login', '')}>"),
            ("Role", str(account.get("role") or "not told")),
            ("Enterprise", f"{enterprise} ({profile.client.server.name})"),
            ("Access token", f"{token.minutes_left(now)} minutes left"),
            (
                "Refresh token",
                f"{token.days_left(now)} days left, fingerprint {token.fingerprint}",
            ),
            ("Calls", f"{self.session.ledger.calls} in this session"),
        ]

    def __repr__(self) -> str:
        lines = "\n".join(f"  {name:<14} {value}" for name, value in self._rows())
        return f"Box {self.profile.name!r}\n{lines}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        title = html.escape(self.profile.name)
        return f"<table><caption style='text-align:left'><b>Box: {title}</b></caption>{rows}</table>"


def connect(profile: str, *, clock: Clock = time.time) -> Box:
    """
    Open a saved sign-in; nothing is asked and no call is made.

    Parameters
    ----------
    profile : str
        A saved profile. ``"sandbox"`` starts the practice Box where it is not running, and signs in as its
        admin where nobody is signed in yet, saying so.
    clock : callable, default time.time
        Seconds since the epoch.

    Raises
    ------
    NotSignedInError
        Nothing is saved: the sentence names the notebook where to sign in.
    TokenStoreError
        The saved profile cannot be read.
    """
    if profile == practice.PROFILE:
        practice.ready()
    saved = store.load(profile)
    if saved is None or saved.token is None:
        raise NotSignedInError(
            f"Nobody is signed in as {profile!r} yet: open {ONBOARDING} and sign in there."
        )
    return Box(profile, clock=clock)
