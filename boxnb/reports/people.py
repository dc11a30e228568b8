"""Inactive accounts, duplicate accounts, and groups with the same members."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

import pandas as pd

from boxnb.datasets import event_log, people

from . import from_console
from .shape import EVENTS, MEMBERSHIPS, USERS, Inputs, Rows, days_since, look_up, now, shaped

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
    box: Connection, *, days: int = 90, of: Rows | None = None, users: Rows | None = None
) -> pd.DataFrame:
    """
    List active accounts that did not sign in during the last ``days`` days, longest inactive first.

    The users that Box lists have no field for the last sign-in, so boxnb looks in the admin events of the last year. A missing
    ``last_sign_in`` means *not within a year*, not *never*. Users of Box Drive or a phone stay signed in for months, so they
    can be listed even though they are active; to count every event as activity, pass a DataFrame of all event types as ``of``.
    Suspended accounts, and accounts created less than ``days`` days ago, are not listed.

    Parameters
    ----------
    box : Box
    days : int
        The number of days without a sign-in after which an account counts as inactive; at most 365.
    of : DataFrame, optional
        From ``box.events``, for at least the last ``days`` days. Every event of a user counts as activity, except a failed
        sign-in. With ``box.console("user_details")``, the last sign-in is that of the report, however long ago it was. By default,
        boxnb pulls the sign-ins of the last year.
    users : DataFrame, optional
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`INACTIVE`. ``space_used`` is in bytes. ``days_quiet`` is the number of days since the last activity,
        or missing if there was none.

    Raises
    ------
    ValueError
        ``days`` is more than 365, and ``of`` is not a console report: Box does not keep older events.
    """
    console_times = from_console.last_sign_ins(of)
    if days > 365 and console_times is None:
        raise ValueError(
            f"Box keeps events for 365 days, so boxnb cannot look back {days} days. "
            "Use 365 or less, or pass of=box.console('user_details')."
        )
    inputs = Inputs("inactive_users")
    all_users = inputs.take(users, lambda: people.users(box), f"{ACCOUNT} role", USERS, "box.users")
    when = now(box)
    cutoff = when - pd.Timedelta(days=days)
    rows = all_users[(all_users["status"] != "inactive") & (all_users["created_at"] < cutoff)].copy()
    if isinstance(of, pd.DataFrame) and console_times is not None:
        inputs.record_source(of, "box.console")
        rows["last_sign_in"] = look_up(rows["login"].str.lower(), console_times)
    else:
        rows["last_sign_in"] = look_up(rows["id"], _last_events(inputs, box, of))
    rows["days_quiet"] = days_since(rows["last_sign_in"], when)
    inactive = rows[rows["last_sign_in"].isna() | (rows["last_sign_in"] < cutoff)]
    ordered = inactive.sort_values(["last_sign_in", "login"], na_position="first")
    return shaped(ordered, INACTIVE, inputs, days=days)


def _last_events(inputs: Inputs, box: Connection, of: Rows | None) -> pd.Series:
    """Return the last event of each user; a failed sign-in does not count."""
    events = inputs.take(
        None if of is None else from_console.events(of, by_id=True),
        lambda: event_log.events(box, since="365D", event_type=SIGN_INS),
        "event_type created_by_id created_at",
        EVENTS,
        "box.events",
    )
    if of is not None:
        events = events[events["event_type"] != "FAILED_LOGIN"]
    last: pd.Series = events.groupby("created_by_id")["created_at"].max()
    return last


def _normalized(name: str) -> str:
    """Return a name in lower case, without accents or extra spaces."""
    letters = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    return " ".join(letters.casefold().split())


def duplicate_accounts(box: Connection, *, users: Rows | None = None) -> pd.DataFrame:
    """
    List accounts that share their name with another account, grouped by name.

    Case, extra spaces and accents do not matter. Two people can have the same name, so check this list before you act on
    it. A person's second account is not found if it has a different name.

    Parameters
    ----------
    box : Box
    users : DataFrame, optional
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`DUPLICATE_ACCOUNTS`, one row per account.
    """
    inputs = Inputs("duplicate_accounts")
    all_users = inputs.take(users, lambda: people.users(box), ACCOUNT, USERS, "box.users")
    key = all_users["name"].fillna("").map(_normalized).astype("str")
    duplicates = all_users[key.duplicated(keep=False) & (key != "")]
    ordered = duplicates.iloc[key[duplicates.index].argsort(kind="stable")]
    return shaped(ordered, DUPLICATE_ACCOUNTS, inputs)


def group_overlap(box: Connection, *, of: Rows | None = None) -> pd.DataFrame:
    """
    List pairs of groups that share members, most similar first.

    All memberships in Box are direct, because groups cannot be nested. Groups without members are not in any pair. Suspended
    users count as members, as in Box. To find out whether two groups can open the same folders, use
    ``box.collaborations(ids, kind="group")``.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From ``box.memberships()``; pulled by default, which takes one call per group.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`OVERLAP`, one row per pair with common members. ``group`` is the smaller group. ``both`` is the
        number of common members, and ``share`` is their proportion of all members of the two groups (0 to 1). ``relation`` is
        ``same people``, ``inside`` (all members of ``group`` are also in ``other``) or ``overlap``.
    """
    inputs = Inputs("group_overlap")
    rows = inputs.take(
        of, lambda: people.memberships(box), "group_id group_name user_id", MEMBERSHIPS, "box.memberships"
    )
    names = dict(zip(rows["group_id"], rows["group_name"].fillna(""), strict=True))
    members = {group: set(users.dropna()) for group, users in rows.groupby("group_id")["user_id"]}
    pairs = []
    for pair in itertools.combinations(members, 2):
        small, large = sorted(pair, key=lambda group: (len(members[group]), names[group]))
        common = len(members[small] & members[large])
        if common:
            is_inside = common == len(members[small])
            is_same = is_inside and common == len(members[large])
            pairs.append(
                {
                    "group": names[small],
                    "members": len(members[small]),
                    "other": names[large],
                    "other_members": len(members[large]),
                    "both": common,
                    "share": common / len(members[small] | members[large]),
                    "relation": "same people" if is_same else "inside" if is_inside else "overlap",
                    "group_id": small,
                    "other_id": large,
                }
            )
    frame = pd.DataFrame(pairs, columns=list(OVERLAP))
    ordered = frame.sort_values(["share", "both"], ascending=False, kind="stable")
    return shaped(ordered, OVERLAP, inputs)
