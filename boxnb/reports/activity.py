"""Sign-ins, downloads, unusual days, and the history of a file or a user, from admin events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.api import ids
from boxnb.datasets import event_log

from . import from_console
from .shape import ANONYMOUS, EVENTS, NOBODY, Inputs, Rows, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection
    from boxnb.datasets.event_log import When

SIGN_INS = {
    "created_at": "time",
    "login": "text",
    "name": "text",
    "succeeded": "boolean",
    "event_type": "category",
    "ip_address": "text",
    "network": "text",
    "weekday": "category",
    "hour": "integer",
    "user_id": "text",
    "event_id": "text",
}
ATTACKS = {
    "kind": "category",
    "ip_address": "text",
    "begun_at": "time",
    "ended_at": "time",
    "tries": "integer",
    "accounts": "integer",
    "logins": "text",
    "signed_in_after": "text",
}
DAYS = {
    "day": "time",
    "login": "text",
    "name": "text",
    "event_type": "category",
    "events": "integer",
    "items": "integer",
    "folders": "integer",
    "usual": "number",
    "times_usual": "number",
    "is_unusual": "boolean",
    "first_at": "time",
    "last_at": "time",
    "ip_addresses": "text",
    "top_folder": "text",
    "user_id": "text",
}
HISTORY = {
    "created_at": "time",
    "event_type": "category",
    "login": "text",
    "name": "text",
    "item_type": "category",
    "item_id": "text",
    "item_name": "text",
    "folder_name": "text",
    "ip_address": "text",
    "details": "text",
    "event_id": "text",
}
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SIGN_IN_TYPES = ["LOGIN", "ADMIN_LOGIN", "FAILED_LOGIN"]


WHO = "created_at event_type created_by_id created_by_login created_by_name ip_address event_id"
DAILY = f"{WHO} source_item_id source_parent_id source_parent_name"
NAMED = f"""{WHO} additional_details source_item_type source_item_id source_item_name source_type source_id source_name
    source_file_id source_file_name source_folder_id source_folder_name source_parent_name"""


def _events(
    inputs: Inputs, box: Connection, since: When, types: list[str] | None, of: Rows | None, names: str
) -> pd.DataFrame:
    of = from_console.events(of) if of is not None else None
    events = inputs.take(
        of,
        lambda: event_log.events(box, since=since, event_type=types),
        names,
        EVENTS,
        "box.events",
        only=None if types is None else {"event_type": types},
    )
    return events if types is None else events[events["event_type"].isin(types)]


def _who(events: pd.DataFrame) -> pd.Series:
    """Return the login of the user who caused each event, or :data:`NOBODY` for anyone who was not signed in."""
    login: pd.Series = events["created_by_login"].where(events["created_by_id"] != ANONYMOUS, NOBODY)
    return login


def sign_ins(box: Connection, *, since: When = "30D", of: Rows | None = None) -> pd.DataFrame:
    """
    List sign-ins and failed sign-ins, one row each, in chronological order.

    An event has an IP address, but no country or device. ``network`` is the first three numbers of the address (the first four
    groups for IPv6), which often identify one office. Times are UTC, not the user's local time. A user who stays signed in does
    not cause new events. With single sign-on, your identity provider rejects a wrong password, and Box never sees it.

    Parameters
    ----------
    box : Box
    since : str, Timestamp or Timedelta
        As for ``box.events``; at most a year.
    of : DataFrame, optional
        From ``box.events``; pulled by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`SIGN_INS`; ``hour`` is 0 to 23, in UTC.
    """
    inputs = Inputs("sign_ins")
    rows = _events(inputs, box, since, SIGN_IN_TYPES, of, WHO).copy()
    rows["login"], rows["name"], rows["user_id"] = _who(rows), rows["created_by_name"], rows["created_by_id"]
    rows["succeeded"] = rows["event_type"] != "FAILED_LOGIN"
    ipv4 = rows["ip_address"].str.extract(r"^(\d+\.\d+\.\d+)\.\d+$", expand=False) + ".*"
    ipv6 = rows["ip_address"].str.extract(r"^((?:[0-9A-Fa-f]*:){1,4})", expand=False) + "*"
    rows["network"] = ipv4.fillna(ipv6)
    rows["weekday"], rows["hour"] = rows["created_at"].dt.day_name(), rows["created_at"].dt.hour
    report = shaped(rows.sort_values("created_at", kind="stable"), SIGN_INS, inputs)
    report["weekday"] = report["weekday"].cat.set_categories(WEEKDAYS, ordered=True)
    return report


def sign_in_attacks(
    box: Connection, *, since: When = "90D", at_least: int = 20, of: Rows | None = None
) -> pd.DataFrame:
    """
    Find bursts of failed sign-ins from one IP address, against one account or many, one row per burst.

    A burst is at least ``at_least`` failures from one IP address, each at most an hour after the previous one. Slower or
    distributed attacks are not found, and a whole office behind one address can look like an attack. ``signed_in_after`` lists
    the attacked accounts that signed in from that address between the start of the burst and a day after its end. Call these
    users immediately.

    Parameters
    ----------
    box : Box
    since : str, Timestamp or Timedelta
    at_least : int
        The minimum number of failures in a burst.
    of : DataFrame, optional
        From ``box.events``, including sign-ins and failed sign-ins; pulled by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`ATTACKS`; ``kind`` is ``one account`` or ``many accounts``.
    """
    inputs = Inputs("sign_in_attacks")
    rows = sign_ins(box, since=since, of=of)
    inputs.record_source(rows)
    failed = rows[~rows["succeeded"].astype(bool)].sort_values(["ip_address", "created_at"])
    gap = failed.groupby("ip_address")["created_at"].diff() > pd.Timedelta("1h")
    bursts = []
    for (address, _), burst in failed.groupby([failed["ip_address"], gap.cumsum()]):
        if len(burst) < at_least:
            continue
        start, end = burst["created_at"].min(), burst["created_at"].max()
        logins = burst["login"].value_counts().index
        signed_in = rows[
            rows["succeeded"].astype(bool)
            & (rows["ip_address"] == address)
            & rows["created_at"].between(start, end + pd.Timedelta("1D"))
            & rows["login"].isin(logins)
        ]
        bursts.append(
            {
                "kind": "one account" if len(logins) == 1 else "many accounts",
                "ip_address": address,
                "begun_at": start,
                "ended_at": end,
                "tries": len(burst),
                "accounts": len(logins),
                "logins": ", ".join(logins[:5]) + (" ..." if len(logins) > 5 else ""),
                "signed_in_after": ", ".join(sorted(set(signed_in["login"]))),
            }
        )
    frame = pd.DataFrame(bursts, columns=list(ATTACKS)).sort_values("tries", ascending=False)
    return shaped(frame, ATTACKS, inputs, at_least=at_least)


def _by_day(rows: pd.DataFrame, at_least: int, times: float) -> pd.DataFrame:
    """Return one row per user, event type and day, compared with that user's usual day."""
    rows = rows.assign(
        login=_who(rows), day=rows["created_at"].dt.floor("D"), kind=rows["event_type"].astype("str")
    )
    keys = ["created_by_id", "kind", "day"]
    days = rows.groupby(keys, sort=False).agg(
        login=("login", "last"),
        name=("created_by_name", "last"),
        events=("event_id", "count"),
        items=("source_item_id", "nunique"),
        folders=("source_parent_id", "nunique"),
        first_at=("created_at", "min"),
        last_at=("created_at", "max"),
    )
    days["ip_addresses"] = _joined(rows, keys, "ip_address", 5).reindex(days.index, fill_value="")
    days["top_folder"] = _most_common(rows, keys, "source_parent_name").reindex(days.index)
    days = days.reset_index()
    days["usual"] = days.groupby(["created_by_id", "kind"])["events"].transform("median")
    days.loc[days.groupby(["created_by_id", "kind"])["events"].transform("count") == 1, "usual"] = 1.0
    days["times_usual"] = days["events"] / days["usual"]
    days["is_unusual"] = (days["events"] >= at_least) & (days["times_usual"] >= times)
    days["user_id"], days["event_type"] = days["created_by_id"], days["kind"]
    return days


def _joined(rows: pd.DataFrame, keys: list[str], column: str, at_most: int) -> pd.Series:
    """Return the distinct values of each group as text, in order. One Python call a group would take ten times as long."""
    distinct = rows.dropna(subset=[*keys, column]).drop_duplicates([*keys, column]).sort_values(column)
    values: dict[tuple[Any, ...], list[str]] = {}
    for *key, value in distinct[[*keys, column]].itertuples(index=False, name=None):
        values.setdefault(tuple(key), []).append(value)
    index = pd.MultiIndex.from_tuples(values, names=keys) if values else distinct.set_index(keys).index
    return pd.Series([", ".join(entry[:at_most]) for entry in values.values()], index=index, dtype="str")


def _most_common(rows: pd.DataFrame, keys: list[str], column: str) -> pd.Series:
    """Return the most common value of each group, of equally common ones the first in order."""
    counts = rows.groupby([*keys, column], sort=False, observed=True).size().reset_index(name="count")
    ordered = counts.sort_values(["count", column], ascending=[False, True])
    common: pd.Series = ordered.drop_duplicates(keys).set_index(keys)[column]
    return common


def downloads(
    box: Connection,
    *,
    since: When = "30D",
    at_least: int = 50,
    times: float = 5.0,
    of: Rows | None = None,
) -> pd.DataFrame:
    """
    Count downloads, one row per user and day (UTC), busiest first.

    ``usual`` is the user's median number of downloads per day, over the days with downloads. A day is unusual
    (``is_unusual``) if it has at least ``at_least`` downloads and at least ``times`` times the usual number. Downloads through
    open links without a sign-in share one anonymous row per day, because Box records only IP addresses. A preview also shows
    the content, but is not counted. Box Drive and Box Sync cause one download event for each file that they fetch.

    Parameters
    ----------
    box : Box
    since : str, Timestamp or Timedelta
    at_least, times : int, float
        The minimum number of downloads on an unusual day, and the minimum multiple of ``usual``.
    of : DataFrame, optional
        From ``box.events``, including ``DOWNLOAD`` events; pulled by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`DAYS`; ``items`` and ``folders`` are the numbers of distinct files and parent folders.
    """
    inputs = Inputs("downloads")
    days = _by_day(_events(inputs, box, since, ["DOWNLOAD"], of, DAILY), at_least, times)
    ordered = days.sort_values(["events", "login"], ascending=[False, True])
    return shaped(ordered, DAYS, inputs, at_least=at_least, times=times)


def unusual_days(
    box: Connection,
    *,
    since: When = "90D",
    at_least: int = 50,
    times: float = 5.0,
    of: Rows | None = None,
) -> pd.DataFrame:
    """
    Find days on which a user did far more of something than usual, such as downloads, deletions or shares.

    A day is listed if a user has at least ``at_least`` events of one type on that day (UTC), and at least ``times`` times the
    user's median for days with such events. This is a rule of thumb, not a verdict: users who do a lot every day are not
    listed, and the last day of a project can look like theft. Failed sign-ins count for the account that was attacked.

    Parameters
    ----------
    box : Box
    since : str, Timestamp or Timedelta
    at_least, times : int, float
    of : DataFrame, optional
        From ``box.events``, with all event types; pulled by default, with two calls per thousand events.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`DAYS`; only unusual days, busiest first.
    """
    inputs = Inputs("unusual_days")
    days = _by_day(_events(inputs, box, since, None, of, DAILY), at_least, times)
    ordered = days[days["is_unusual"]].sort_values(["events", "login"], ascending=[False, True])
    return shaped(ordered, DAYS, inputs, at_least=at_least, times=times)


def _history(rows: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    rows = rows.copy()
    rows["login"], rows["name"] = _who(rows), rows["created_by_name"]
    rows["item_type"] = rows["source_item_type"].astype("str").fillna(rows["source_type"].astype("str"))
    rows["item_id"] = _first(rows, "source_item_id", "source_file_id", "source_folder_id", "source_id")
    names = ("source_item_name", "source_file_name", "source_folder_name", "source_name")
    rows["item_name"] = _first(rows, *names)
    rows["folder_name"], rows["details"] = rows["source_parent_name"], rows["additional_details"]
    return shaped(rows.sort_values("created_at", kind="stable"), HISTORY, inputs)


def _first(rows: pd.DataFrame, *names: str) -> pd.Series:
    values: pd.Series = rows[names[0]]
    for name in names[1:]:
        values = values.fillna(rows[name])
    return values


def file_history(
    box: Connection, file_id: str, *, since: When = "365D", of: Rows | None = None
) -> pd.DataFrame:
    """
    List the events of one file or folder, in chronological order.

    Box cannot filter events by file, so boxnb pulls all events of the time range, with two calls per thousand events, and
    selects those of the item. To look up several items, pull the events once and pass them as ``of``. Events reach back a year
    and can arrive hours late. A change to the parent folder (a move, a new collaborator) is an event of that folder, not of
    the file, so look up the folder's id as well.

    Parameters
    ----------
    box : Box
    file_id : str
        The id of a file or a folder.
    since : str, Timestamp or Timedelta
    of : DataFrame, optional
        From ``box.events``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`HISTORY`; ``details`` is JSON text from Box.
    """
    file_id = ids.one(file_id, "file_id", "item")
    inputs = Inputs("file_history")
    rows = _events(inputs, box, since, None, of, NAMED)
    names = ("source_item_id", "source_file_id", "source_folder_id")
    matches = pd.concat([rows[name] == file_id for name in names], axis=1).any(axis=1)
    return _history(rows[matches], inputs)


def user_history(box: Connection, who: str, *, since: When = "30D", of: Rows | None = None) -> pd.DataFrame:
    """
    List what one user did, and what was done to the user's account, in chronological order.

    Box cannot filter events by user, so boxnb pulls all events of the time range, with two calls per thousand events. To look
    up several users, pull the events once and pass them as ``of``. If an app acts for a user, Box records some of the events
    under the app's own account. Events through an open link are anonymous (their user id is ``"2"``).

    Parameters
    ----------
    box : Box
    who : str
        Login or id; ``"2"`` or ``"(anonymous)"`` for anyone who was not signed in.
    since : str, Timestamp or Timedelta
    of : DataFrame, optional
        From ``box.events``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`HISTORY`.
    """
    who = ids.login_or_id(who, "who")
    inputs = Inputs("user_history")
    rows = _events(inputs, box, since, None, of, f"{NAMED} source_login source_user_id source_user_email")
    who = ANONYMOUS if who == NOBODY else who
    by_user = (rows["created_by_id"] == who) | (rows["created_by_login"].str.lower() == who.lower())
    to_user = (rows["source_id"] == who) | (rows["source_login"].str.lower() == who.lower())
    about_user = (rows["source_user_id"] == who) | (rows["source_user_email"].str.lower() == who.lower())
    return _history(rows[by_user | to_user | about_user], inputs)
