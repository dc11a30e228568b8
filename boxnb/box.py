"""``connect(profile)`` and the ``Box`` it returns. The datasets are plain functions, listed here as methods."""

from __future__ import annotations

import time

from . import store, transfer
from .api.connection import Connection
from .cards import card_html
from .datasets import content, estimate, event_log, listing, people, sharing
from .errors import NotSignedInError
from .harvest import harvest
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
    harvest = harvest
    upload = transfer.upload
    upload_folder = transfer.upload_folder
    download = transfer.download

    def _facts(self) -> list[tuple[str, str]]:
        """Return the labels and values that ``repr`` and the card show."""
        profile, now = self.profile, self.session.auth.now()
        token, account = self.session.auth.saved_token, profile.account or {}
        enterprise = (account.get("enterprise") or {}).get("name") or "no enterprise"
        return [
            ("Signed in as", f"{account.get('name', 'unknown')} <{account.get('login', '')}>"),
            ("Role", str(account.get("role") or "unknown")),
            ("Enterprise", f"{enterprise} ({profile.client.server.name})"),
            ("Access token", f"{token.minutes_left(now)} minutes left"),
            ("Refresh token", f"{token.days_left(now)} days left, fingerprint {token.fingerprint}"),
            ("Calls", f"{self.session.ledger.calls} in this session"),
        ]

    def __repr__(self) -> str:
        lines = "\n".join(f"  {label:<14} {value}" for label, value in self._facts())
        return f"Box {self.profile.name!r}\n{lines}"

    def _repr_html_(self) -> str:
        return card_html(self._facts(), caption=f"Box: {self.profile.name}")


def connect(profile: str, *, clock: Clock = time.time) -> Box:
    """
    Return the Box of a saved sign-in, without a prompt and without an API call.

    Parameters
    ----------
    profile : str
        A saved profile. ``"sandbox"`` starts the sandbox if it is not running. If nobody is signed in there yet,
        it also signs in as the sandbox's admin and prints that it did.
    clock : callable, default time.time
        Returns seconds since the epoch.

    Raises
    ------
    NotSignedInError
        No sign-in is saved. The message names the notebook to sign in with.
    TokenStoreError
        The saved profile cannot be read.
    """
    if profile == practice.PROFILE:
        practice.ready()
    saved = store.load(profile)
    if saved is None or saved.token is None:
        raise NotSignedInError(
            f"Nobody is signed in as {profile!r} yet. Open {ONBOARDING} and sign in there."
        )
    return Box(profile, clock=clock)
