"""What is saved and how long it lives: a table of all profiles, and a refresh for schedulers."""

from __future__ import annotations

import os
import time

import pandas as pd

from .. import store
from ..api.failures import SCOPES
from ..api.ledger import Ledger
from ..auth import RotatingAuth
from ..errors import BoxNotebookError, NotSignedInError
from ..local import encoding
from ..oauth import Clock

DAYS_TO_WARN = 50
"""Days after which an unused refresh token, which lives 60, is pointed out."""

UNCHECKED = (
    "Certificates are not checked, so whoever is in between can read the secrets: "
    "run boxnb.store.configure({name!r}, verify=True), or give the path of your company's certificate file."
)

STATUS_COLUMNS = {
    "profile": "str",
    "name": "str",
    "login": "str",
    "role": "str",
    "enterprise": "str",
    "server": "str",
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
    """The table of profiles; a notebook shows it as a card, one column a profile."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        if not len(self):
            return "<p>Nothing is saved yet: open the onboarding notebook.</p>"
        facts = self.set_index("profile").T.dropna(how="all")
        facts.index = facts.index.str.replace("_", " ")
        shown = facts.astype("object").where(facts.notna(), "").to_html(escape=True, justify="left")
        before, head, row = shown.partition("<th>problem</th>")
        problems, end, after = row.partition("</tr>")
        return before + head + problems.replace("<td>", "<td style='color:#c62828'>") + end + after


def status(profile: str | None = None, *, clock: Clock = time.time) -> Status:
    """
    What is saved, without any call: one row a profile.

    Parameters
    ----------
    profile : str, optional
        One profile; all of them unless given.
    clock : callable, default time.time
        Seconds since the epoch.

    Returns
    -------
    Status
        A DataFrame, shown as a card. Columns of :data:`STATUS_COLUMNS`. ``access_minutes_left`` and ``refresh_days_left`` are ``Int64``, 0 once
        expired, missing where nobody is signed in; ``mode`` is the file's permission bits, octal; ``refreshed_by``
        is the process that saved the pair; ``scopes`` says of each scope an admin needs whether calls of this kit have proved
        it, were refused, or not tried; ``problem`` is one sentence where something needs a person.

    Raises
    ------
    NotSignedInError
        There is no profile of that name.
    """
    if profile is not None and not os.path.lexists(store.path(profile)):
        raise NotSignedInError(f"There is no profile {profile!r}; boxnb.status() lists those there are.")
    found = [_row(name, clock) for name in (store.names() if profile is None else [profile])]
    rows = [
        {name: encoding.as_text(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in found
    ]
    return Status(pd.DataFrame(rows, columns=list(STATUS_COLUMNS)).astype(STATUS_COLUMNS))


def _row(name: str, clock: Clock) -> dict[str, object]:
    file = store.path(name)
    row: dict[str, object] = {"profile": name, "file": str(file)}
    try:
        saved = store.load(name)
    except BoxNotebookError as error:
        return {**row, "problem": str(error)}
    if saved is None:
        return {**row, "problem": f"{file} is gone, or a link that leads nowhere."}
    unchecked = UNCHECKED.format(name=name) if saved.verify is False else ""
    token, account, now = saved.token, saved.account or {}, clock() + saved.skew
    row |= {
        "name": account.get("name"),
        "login": account.get("login"),
        "role": account.get("role"),
        "enterprise": (account.get("enterprise") or {}).get("name"),
        "server": saved.client.server.name,
        "signed_in": token is not None,
        "generation": saved.generation,
        "refreshed_by": saved.refreshed_by or None,
        "scopes": _scopes(name),
        "keep": saved.keep.partition(":")[0],
        "mode": oct(file.stat().st_mode & 0o777)[2:],
        "problem": unchecked or None,
    }
    if token is None:
        return row
    days = (
        (now - token.obtained_at) / 86400 if token.obtained_at > 0 else 0.0
    )  # an older script may not say when
    late = ""
    if days > 60:
        late = f"Not used for {days:.0f} days, and a refresh token lives 60: sign in again."
    elif days > DAYS_TO_WARN:
        late = f"Not used for {days:.0f} of 60 days: use it, or run boxnb.keep_alive({name!r})."
    return row | {
        "problem": " ".join(filter(None, [unchecked, late])) or None,
        "access_minutes_left": token.minutes_left(now),
        "refresh_days_left": token.days_left(now),
        "fingerprint": token.fingerprint,
    }


def _scopes(name: str) -> str:
    """What calls have shown of each scope an admin needs; Box itself does not tell."""
    shown = Ledger(store.home() / "ledger" / f"{name}.json").scopes()
    wanted = dict.fromkeys(scope for _, scope in SCOPES if scope is not None)
    return ", ".join(f"{scope} {shown.get(scope, 'not tried')}" for scope in wanted)


def keep_alive(profile: str, *, clock: Clock = time.time) -> str:
    """
    Refresh a saved sign-in now, so that another 60 days begin; for a scheduler, once a month.

    Returns
    -------
    str
        One sentence: which pair replaced which.

    Raises
    ------
    NotSignedInError, InvalidGrantError, TokenEndpointError, TokenStoreError
        As for any refresh; each says what to do.
    """
    auth = RotatingAuth(profile, clock=clock)
    before = auth.saved_token
    after = auth.rotate(rejected=before.access_token)
    days = after.days_left(auth.now())
    return f"{profile!r} is good for another {days} days: refresh token {after.fingerprint} replaced {before.fingerprint}."
