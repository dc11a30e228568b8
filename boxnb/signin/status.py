"""``status`` lists the saved profiles and when their tokens expire; ``keep_alive`` refreshes a sign-in, for schedulers."""

from __future__ import annotations

import os
import time

import pandas as pd

from .. import store
from ..api.failures import SCOPES
from ..api.ledger import Ledger
from ..auth import RotatingAuth
from ..cards import Alert, card_html
from ..errors import BoxNotebookError
from ..local import encoding, reader
from ..oauth import Clock
from ..servers import saved as servers
from ..store.method import KINDS
from .messages import TO_MOVE, UNCHECKED

DAYS_TO_WARN = 50
"""The number of days after which an unused refresh token is reported as a problem. It expires after 60 days."""

STATUS_COLUMNS = {
    "profile": "str",
    "name": "str",
    "login": "str",
    "role": "str",
    "enterprise": "str",
    "server": "str",
    "sign_in": "str",
    "signed_in": "boolean",
    "access_minutes_left": "Int64",
    "refresh_days_left": "Int64",
    "generation": "Int64",
    "fingerprint": "str",
    "refreshed_by": "str",
    "scopes": "str",
    "keep": "str",
    "file": "str",
    "mode": "str",
    "problem": "str",
}


class Status(pd.DataFrame):
    """The table of profiles. A notebook shows it as a card with one column per profile."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        if not len(self):
            return f"<p>Nothing is saved yet. To sign in, open {reader.ONBOARDING}.</p>"
        facts = self.set_index("profile").T.dropna(how="all")
        strings = facts.astype("object").where(facts.notna(), "").astype("str")
        rows = [
            [str(label).replace("_", " "), *(Alert(cell) if label == "problem" else cell for cell in cells)]
            for label, cells in zip(strings.index, strings.to_numpy().tolist(), strict=True)
        ]
        return card_html(rows, columns=["profile", *map(str, facts.columns)])


def status(profile: str | None = None, *, clock: Clock = time.time) -> Status:
    """
    Return a table of the saved profiles, one row each, without making a call. Servers that ``boxnb.basic`` of 0.9 saved are
    listed as well.

    Parameters
    ----------
    profile : str, optional
        The name of one profile. By default, all profiles are listed.
    clock : callable, default time.time
        Returns the seconds since the epoch.

    Returns
    -------
    Status
        A DataFrame with the columns of :data:`STATUS_COLUMNS`, shown as a card. ``access_minutes_left`` and
        ``refresh_days_left`` are ``Int64``, 0 if the token has expired and missing if nobody is signed in. ``mode`` is
        the file's permission bits in octal. ``refreshed_by`` is the process that saved the token pair. ``scopes`` says,
        for each scope that an admin needs, whether a call by boxnb has proved it, Box has refused it, or boxnb has not
        tried it. ``sign_in`` is the kind of sign-in. ``problem`` says what you have to do, if anything.

    Raises
    ------
    NotSignedInError
        There is no profile with that name.
    """
    if profile is not None and not os.path.lexists(servers.file_of(profile)):
        raise store.no_profile(profile)
    rows = [
        {
            column: encoding.as_text(cell) if isinstance(cell, str) else cell
            for column, cell in _row(name, clock).items()
        }
        for name in (servers.every_name() if profile is None else [profile])
    ]
    return Status(pd.DataFrame(rows, columns=list(STATUS_COLUMNS)).astype(STATUS_COLUMNS))


def _row(name: str, clock: Clock) -> dict[str, object]:
    row: dict[str, object] = {"profile": name}
    try:
        file = servers.file_of(name)
        row["file"] = str(file)
        saved = servers.any_profile(name)
    except BoxNotebookError as error:
        return {**row, "problem": str(error)}
    if saved is None:
        return {**row, "problem": f"{file} was deleted, or is a link to a missing file."}
    unchecked = UNCHECKED.format(name=name) if saved.verify is False else ""
    moved = file == store.path(name)
    to_move = "" if moved else TO_MOVE.format(command=reader.to_move_server(name))
    token, account, now = saved.token, saved.account or {}, clock() + saved.skew
    row |= {
        "name": account.get("name"),
        "login": account.get("login"),
        "role": account.get("role"),
        "enterprise": (account.get("enterprise") or {}).get("name"),
        "server": saved.client.server.name,
        "sign_in": KINDS[saved.method.kind],
        "signed_in": saved.has_access,
        "generation": saved.generation,
        "refreshed_by": saved.refreshed_by or None,
        "scopes": _scopes(name) if saved.is_box else None,
        "keep": saved.keep.partition(":")[0],
        "mode": oct(file.stat().st_mode & 0o777)[2:],
        "problem": " ".join(filter(None, [unchecked, saved.refused, to_move])) or None,
    }
    if token is None:
        return row
    if (
        token.refresh_token is None or not saved.is_box
    ):  # another server does not say how long a refresh token lasts
        return row | {"access_minutes_left": token.minutes_left(now), "fingerprint": token.fingerprint}
    # If an older script saved the token pair, it may not have recorded when the pair was obtained.
    days = (now - token.obtained_at) / 86400 if token.obtained_at > 0 else 0.0
    warning = ""
    if days > 60:
        warning = f"Not used for {days:.0f} days, and a refresh token expires after 60. Sign in again: {reader.to_sign_in(name)}."
    elif days > DAYS_TO_WARN:
        warning = (
            f"Not used for {days:.0f} of 60 days. Use this profile, or run {reader.to_keep_alive(name)}."
        )
    return row | {
        "problem": " ".join(filter(None, [unchecked, warning])) or None,
        "access_minutes_left": token.minutes_left(now),
        "refresh_days_left": token.days_left(now),
        "fingerprint": token.fingerprint,
    }


def _scopes(name: str) -> str:
    """Return what the calls so far have shown about each scope that an admin needs. Box does not list a token's scopes."""
    outcomes = Ledger(store.home() / "ledger" / f"{name}.json").scopes()
    scopes = dict.fromkeys(scope for _, scope in SCOPES if scope is not None)
    return ", ".join(f"{scope} {outcomes.get(scope, 'not tried')}" for scope in scopes)


def keep_alive(profile: str, *, clock: Clock = time.time) -> str:
    """
    Refresh a saved sign-in now, so that it stays valid for another 60 days. Have a scheduler call this once a month.

    Returns
    -------
    str
        A message with the fingerprints of the new and the old refresh token. A sign-in without a refresh token gets a new
        access token, which shows that it still works.

    Raises
    ------
    NotSignedInError, InvalidGrantError, TokenEndpointError, TokenStoreError
        As for any refresh. The message says what to do.
    """
    if not os.path.lexists(store.path(profile)):
        raise store.no_profile(profile)
    saved = store.load(profile)
    if saved is not None and saved.has_access and not saved.method.gets_token:
        return f"{profile!r} has no token that could expire: {KINDS[saved.method.kind]}."
    auth = RotatingAuth(profile, clock=clock)
    before = auth.saved_token
    after = auth.rotate(rejected=before.access_token)
    if auth.profile.method.needs_no_person:
        return f"{profile!r} has a new access token for {after.minutes_left(auth.now())} minutes, and needs no refresh token."
    days = after.days_left(auth.now())
    return f"{profile!r} is valid for another {days} days: refresh token {after.fingerprint} replaced {before.fingerprint}."
