"""People: who does not come any more, whose account is there twice, which groups say the same."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

import pandas as pd

from boxnb.datasets import event_log, people

from .shape import EVENTS, MEMBERSHIPS, USERS, Inputs, days_since, looked_up, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

INACTIVE = {
    "id": "text",
    "name": "text",
    "login": "text",
    "role": "category",
    "job_title": "text",
    "space_used": "integer",
    "created_at": "time",
    "last_sign_in": "time",
    "days_quiet": "integer",
}
DUPLICATE_ACCOUNTS = {
    "name": "text",
    "id": "text",
    "login": "text",
    "status": "category",
    "job_title": "text",
    "space_used": "integer",
    "created_at": "time",
}
OVERLAP = {
    "group": "text",
    "members": "integer",
    "other": "text",
    "other_members": "integer",
    "both": "integer",
    "share": "number",
    "relation": "category",
    "group_id": "text",
    "other_id": "text",
}
ACCOUNT = "id name login status job_title space_used created_at"
SIGN_INS = ["LOGIN", "ADMIN_LOGIN"]


def inactive_users(
    box: Connection, *, days: int = 90, of: pd.DataFrame | None = None, users: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Active accounts that did not sign in during the last ``days`` days, longest quiet first.

    Box has no last-login field: this asks the admin events for sign-ins, which go back a year at most, so a missing
    ``last_sign_in`` says *not in the time that was looked at*, not *never*. Who works through Box Drive or a phone stays signed
    in for months and can be here though busy; give a frame of all event types as ``of`` to count everything they did as a sign of
    life. Suspended accounts, and accounts younger than ``days``, are not here.

    Parameters
    ----------
    box : Box
    days : int
        How long counts as quiet; up to 365.
    of : DataFrame, optional
        From ``box.events``; whatever a person did in it counts. Reaches back at least ``days``. Sign-ins of a
        year are fetched unless given.
    users : DataFrame, optional
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`INACTIVE`; ``space_used`` in bytes, ``days_quiet`` since the last sign of life, or missing.

    Raises
    ------
    ValueError
        More than 365 days: Box keeps no older events.
    """
    if days > 365:
        raise ValueError(f"Box keeps events for 365 days, so nothing can be said about {days}.")
    inputs = Inputs("inactive_users")
    everybody = inputs.take(users, lambda: people.users(box), f"{ACCOUNT} role", USERS, "box.users")
    events = inputs.take(
        of,
        lambda: event_log.events(box, since="365D", event_type=SIGN_INS),
        "event_type created_by_id created_at",
        EVENTS,
        "box.events",
    )
    when = now(box)
    cutoff = when - pd.Timedelta(days=days)
    if of is not None:
        events = events[events["event_type"] != "FAILED_LOGIN"]
    last = events.groupby("created_by_id")["created_at"].max()
    rows = everybody[(everybody["status"] != "inactive") & (everybody["created_at"] < cutoff)].copy()
    rows["last_sign_in"] = looked_up(rows["id"], last)
    rows["days_quiet"] = days_since(rows["last_sign_in"], when)
    quiet = rows[rows["last_sign_in"].isna() | (rows["last_sign_in"] < cutoff)]
    ordered = quiet.sort_values(["last_sign_in", "login"], na_position="first")
    return shaped(ordered, INACTIVE, inputs, days=days)


def _plain(name: str) -> str:
    """A name without accents, capitals and further spaces."""
    letters = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    return " ".join(letters.casefold().split())


def duplicate_accounts(box: Connection, *, users: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Accounts whose holders have the same name, side by side.

    The same name in other capitals, with other spaces or without accents counts as the same. Two people can share a name, so
    this is a list to look through, not to act on; somebody's second account under another name is not found.

    Parameters
    ----------
    box : Box
    users : DataFrame, optional
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`DUPLICATE_ACCOUNTS`, one row an account.
    """
    inputs = Inputs("duplicate_accounts")
    everybody = inputs.take(users, lambda: people.users(box), ACCOUNT, USERS, "box.users")
    key = everybody["name"].fillna("").map(_plain).astype("str")
    twice = everybody[key.duplicated(keep=False) & (key != "")]
    ordered = twice.iloc[key[twice.index].argsort(kind="stable")]
    return shaped(ordered, DUPLICATE_ACCOUNTS, inputs)


def group_overlap(box: Connection, *, of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Pairs of groups that share members, the most alike first.

    Counts direct memberships, which is all Box has: groups do not nest. Groups without members are in no pair, and
    suspended people count as members, because Box counts them. Whether two groups open the same folders is another question
    (``box.collaborations(ids, kind="group")``).

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From ``box.memberships()``; fetched unless given, one call a group.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`OVERLAP`, one row a pair with at least one member in ``both``: ``group`` is the smaller one, ``share`` is
        ``both`` by the people of the two together (0 to 1), ``relation`` is ``same people``, ``inside`` (all of ``group`` are in ``other``) or ``overlap``.
    """
    inputs = Inputs("group_overlap")
    rows = inputs.take(
        of, lambda: people.memberships(box), "group_id group_name user_id", MEMBERSHIPS, "box.memberships"
    )
    names = dict(zip(rows["group_id"], rows["group_name"].fillna(""), strict=True))
    members = {group: set(found.dropna()) for group, found in rows.groupby("group_id")["user_id"]}
    made = []
    for one, two in itertools.combinations(members, 2):
        small, large = sorted((one, two), key=lambda group: (len(members[group]), names[group]))
        both = len(members[small] & members[large])
        if both:
            inside = both == len(members[small])
            same = inside and both == len(members[large])
            made.append(
                {
                    "group": names[small],
                    "members": len(members[small]),
                    "other": names[large],
                    "other_members": len(members[large]),
                    "both": both,
                    "share": both / len(members[small] | members[large]),
                    "relation": "same people" if same else "inside" if inside else "overlap",
                    "group_id": small,
                    "other_id": large,
                }
            )
    frame = pd.DataFrame(made, columns=list(OVERLAP))
    ordered = frame.sort_values(["share", "both"], ascending=False, kind="stable")
    return shaped(ordered, OVERLAP, inputs)
