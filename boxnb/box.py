"""``connect(profile)`` and the ``Box`` it returns. The datasets are plain functions, listed here as methods."""

from __future__ import annotations

import time

from . import store, transfer
from .api.connection import Connection
from .cards import card_html
from .datasets import console, content, estimate, event_log, listing, people, sharing
from .errors import SettingError
from .harvest import harvest
from .oauth import Clock
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
    console = console.console
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
            self._how_it_continues(),
            ("Calls", f"{self.session.ledger.calls} in this session"),
        ]

    def _how_it_continues(self) -> tuple[str, str]:
        """Return the label and the value that say how the sign-in outlasts its access token."""
        token, method = self.session.auth.saved_token, self.profile.method
        if method.needs_no_person:
            subject = method.settings.get("box_subject_type", "enterprise")
            return (
                "Signs in with",
                f"client credentials, for the {subject} {method.settings.get('box_subject_id')}",
            )
        days = token.days_left(self.session.auth.now())
        return "Refresh token", f"{days} days left, fingerprint {token.fingerprint}"

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
        it also signs in as the sandbox's admin and prints that it did. ``"sandbox-governance"`` does the same with an app
        that can read retention policies and the content of the whole company.
    clock : callable, default time.time
        Returns seconds since the epoch.

    Raises
    ------
    NotSignedInError
        No sign-in is saved. The message says how to sign in.
    SettingError
        The profile is a server other than Box.
    TokenStoreError
        The saved profile cannot be read.
    """
    if practice.is_practice(profile):
        practice.ready(profile)
    saved = store.load(profile)
    if saved is not None and not saved.is_box:
        raise SettingError(
            f"{profile!r} is a saved server, not a sign-in to Box. Use boxnb.servers.connect({profile!r})."
        )
    if saved is None or not saved.has_access:
        raise store.nobody_signed_in(profile, is_saved=saved is not None)
    return Box(profile, clock=clock)
