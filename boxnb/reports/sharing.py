"""Reports on sharing: external collaborators, shared links, widely shared items and pending invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from boxnb.datasets import event_log, people

from . import enterprise
from .shape import ANONYMOUS, EVENTS, Inputs, Rows, days_since, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

EXTERNAL = {
    "domain": "text",
    "login": "text",
    "who_name": "text",
    "item_type": "category",
    "item_name": "text",
    "path": "text",
    "role": "category",
    "status": "category",
    "owner_login": "text",
    "invited_by": "text",
    "created_at": "time",
    "expires_at": "time",
    "is_expired": "boolean",
    "item_id": "text",
    "id": "text",
}
LINKS = {
    "type": "category",
    "name": "text",
    "path": "text",
    "owner_login": "text",
    "ownership": "category",
    "access": "category",
    "protection": "category",
    "is_password_enabled": "boolean",
    "expires_at": "time",
    "is_expired": "boolean",
    "can_download": "boolean",
    "download_count": "integer",
    "preview_count": "integer",
    "size": "integer",
    "url": "text",
    "id": "text",
}
WIDELY = {
    "item_type": "category",
    "item_name": "text",
    "path": "text",
    "owner_login": "text",
    "people": "integer",
    "groups": "text",
    "outsiders": "integer",
    "domains": "text",
    "can_change": "integer",
    "item_id": "text",
}
PENDING = {
    "login": "text",
    "is_external": "boolean",
    "item_type": "category",
    "item_name": "text",
    "path": "text",
    "role": "category",
    "owner_login": "text",
    "invited_by": "text",
    "created_at": "time",
    "days_pending": "integer",
    "item_id": "text",
    "id": "text",
}
HIDDEN = {
    "item_type": "category",
    "item_name": "text",
    "folder_name": "text",
    "owner_login": "text",
    "shared_by": "text",
    "shared_at": "time",
    "downloads": "integer",
    "last_download_at": "time",
    "item_id": "text",
}
CHANGING = ["co-owner", "editor"]
"""The roles that can edit and delete items."""

INVITED = """id status role login item_type item_id item_name path owner_login invited_by created_at
    is_external"""
OPENED = """status role who who_id who_name domain item_type item_id item_name path owner_login ownership
    is_expired is_external"""
FOLLOWED = """event_type created_at created_by_id created_by_login source_owned_by_id source_owned_by_login
    source_item_type source_item_id source_item_name source_parent_id source_parent_name"""
LINKED = """type id name path size owned_by_login ownership shared_link_url shared_link_access
    shared_link_effective_access shared_link_is_password_enabled shared_link_download_count
    shared_link_preview_count shared_link_can_download shared_link_unshared_at"""
"""The columns that each report needs from its inputs."""


def _invitations(inputs: Inputs, box: Connection, of: Rows | None, names: str) -> pd.DataFrame:
    source = "reports.collaborations"
    rows = enterprise.invited(inputs, box, of)
    return inputs.take(rows, lambda: enterprise.collaborations(box), names, enterprise.INVITATIONS, source)


def external_collaborators(box: Connection, *, of: Rows | None = None) -> pd.DataFrame:
    """
    List people outside the enterprise who were invited to its content, one row per collaboration, sorted by domain.

    Anyone who is not a user of your enterprise is external. Content that other companies own and share with yours is not
    listed. Collaborations on single files are listed only if ``of`` was made with ``files=True``. Members of groups are not
    examined, and content that only users who left can open is not visible. Box does not know which company a person works
    for, so the report uses the domain of the login instead.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations` or ``box.console("collaborations")``; pulled by default, which takes one call
        per folder.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`EXTERNAL`; ``status`` is ``accepted`` or ``pending``, and ``is_expired`` is true if the collaboration
        has expired.
    """
    inputs = Inputs("external_collaborators")
    rows = _invitations(inputs, box, of, f"{INVITED} domain who_name expires_at is_expired ownership")
    external = rows[
        rows["is_external"].fillna(True).astype(bool) & (rows["ownership"].astype("str") != "outside")
    ]
    ordered = external.sort_values(["domain", "login", "path", "item_name"])
    return shaped(ordered, EXTERNAL, inputs)


def shared_links(box: Connection, *, of: Rows | None = None) -> pd.DataFrame:
    """
    List every shared link to the enterprise's content, least protected first.

    Box cannot list shared links, but the walk returns them with the items, without further calls. ``access`` is the
    effective access, which takes the enterprise's rules into account. A folder's link opens everything below the folder.
    The items do not say who created a link or who followed it; the ``SHARE`` events of the last year say who created one. An
    expired link no longer opens anything.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.content`, or some of its rows, or from ``box.console("shared_links")``; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`LINKS`; ``protection`` is ``none`` (open to anyone, without expiry or password), ``password``,
        ``expiry``, ``password and expiry``, ``sign-in`` (open only to people who sign in), ``expired``, or ``unknown`` if a
        console report does not say whether there is a password.
    """
    inputs = Inputs("shared_links")
    items = enterprise.items(inputs, box, of, LINKED)
    rows = items[items["shared_link_url"].notna() & (items["ownership"].astype("str") != "outside")].copy()
    rows["access"] = (
        rows["shared_link_effective_access"].astype("str").fillna(rows["shared_link_access"].astype("str"))
    )
    rows["owner_login"], rows["url"] = rows["owned_by_login"], rows["shared_link_url"]
    for name in ("is_password_enabled", "download_count", "preview_count", "can_download"):
        rows[name] = rows[f"shared_link_{name}"]
    rows["expires_at"] = rows["shared_link_unshared_at"]
    rows["is_expired"] = rows["expires_at"] < now(box)
    expiry, password = rows["expires_at"].notna(), rows["is_password_enabled"].fillna(False).astype(bool)
    rows["protection"] = "none"
    rows.loc[password, "protection"] = "password"
    rows.loc[expiry, "protection"] = "expiry"
    rows.loc[expiry & password, "protection"] = "password and expiry"
    rows.loc[rows["is_password_enabled"].isna(), "protection"] = "unknown"
    rows.loc[rows["access"] != "open", "protection"] = "sign-in"
    rows.loc[rows["is_expired"], "protection"] = "expired"
    order = ["none", "unknown", "expiry", "password", "password and expiry", "sign-in", "expired"]
    rows["_order"] = rows["protection"].map({name: number for number, name in enumerate(order)})
    folders_first = rows["type"] != "folder"
    ordered = rows.assign(_file=folders_first).sort_values(["_order", "_file", "path", "name"])
    return shaped(ordered, LINKS, inputs)


def hidden_links(box: Connection, *, of: Rows | None = None, items: Rows | None = None) -> pd.DataFrame:
    """
    List shared links to content that no active user can open, newest first, from the events of the last year.

    The private folders of users who left cannot be walked, but shared links to their content still work. The ``SHARE`` events
    show that a link was created, but not whether it is open to everyone, has a password or was removed by hand. To find out,
    follow the link, or move the content to an active user and run the report again. Links older than a year are not found.
    Links that have ended according to the events (``SHARE_EXPIRATION``, ``UNSHARE``) are left out.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From ``box.events``, for the last year; pulled by default.
    items : DataFrame, optional
        From :func:`boxnb.reports.content`; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`HIDDEN`; ``downloads`` is the number of downloads by people who were not signed in.
    """
    types = ["SHARE", "SHARE_EXPIRATION", "UNSHARE", "DOWNLOAD"]
    inputs = Inputs("hidden_links")
    events = inputs.take(
        of,
        lambda: event_log.events(box, since="365D", event_type=types),
        FOLLOWED,
        EVENTS,
        "box.events",
        only={"event_type": types},
    )
    visible = enterprise.items(inputs, box, items, "id")
    users = people.users(box)
    inputs.record_source(users)
    left_ids = users.loc[users["status"] == "inactive", "id"]
    about = events[
        events["source_owned_by_id"].isin(left_ids) & ~events["source_item_id"].isin(visible["id"])
    ]
    link_events = about[about["event_type"].isin(["SHARE", "SHARE_EXPIRATION", "UNSHARE"])]
    last = link_events.sort_values("created_at", kind="stable").drop_duplicates("source_item_id", keep="last")
    rows = last[last["event_type"] == "SHARE"].copy()
    anonymous = about[(about["event_type"] == "DOWNLOAD") & (about["created_by_id"] == ANONYMOUS)]
    # A download through a folder's link is an event of the file, so also look for a link to the parent folder.
    linked_item = anonymous["source_item_id"].where(
        anonymous["source_item_id"].isin(rows["source_item_id"]), anonymous["source_parent_id"]
    )
    rows["downloads"] = [int((linked_item == item).sum()) for item in rows["source_item_id"]]
    rows["last_download_at"] = [
        anonymous.loc[linked_item == item, "created_at"].max() for item in rows["source_item_id"]
    ]
    names = {"source_item_type": "item_type", "source_item_id": "item_id", "source_item_name": "item_name"}
    names |= {"source_parent_name": "folder_name", "source_owned_by_login": "owner_login"}
    names |= {"created_by_login": "shared_by", "created_at": "shared_at"}
    rows = rows.rename(columns=names)
    return shaped(rows.sort_values("shared_at", ascending=False), HIDDEN, inputs)


def shared_widely(box: Connection, *, people_at_least: int = 50, of: Rows | None = None) -> pd.DataFrame:
    """
    List folders and files that many people can open, most widely shared first.

    The report counts invited users and the members of invited groups, each person once. It does not count expired
    collaborations, pending invitations, access through an ancestor folder or a link, or people who join a group later. Only
    you can judge how many people are too many.

    Parameters
    ----------
    box : Box
    people_at_least : int
        List items that at least this many people can open.
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations`; pulled by default. The members of each invited group take one call.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`WIDELY`. ``people`` is the number of people who can open the item, ``outsiders`` is how many of them
        are external (with their ``domains``), and ``can_change`` is how many can edit and delete it.
    """
    inputs = Inputs("shared_widely")
    rows = _invitations(inputs, box, of, OPENED)
    open_ = rows[(rows["status"] == "accepted") & ~rows["is_expired"].fillna(False).astype(bool)]
    open_ = open_[open_["ownership"].astype("str") != "outside"]
    groups = open_.loc[open_["who"] == "group", "who_id"].unique().tolist()
    # Pull all groups together, so that a group that cannot be read does not end the report.
    members = people.members(box, groups) if groups else None
    members_by_group: dict[str, set[str]] = {}
    if members is not None:
        inputs.record_source(members)
        members_by_group = {str(group): set(users) for group, users in members.groupby("group_id")["user_id"]}
    items = []
    for (item_type, item_id), invitations in open_.groupby(["item_type", "item_id"], observed=True):
        people_by_row = [
            members_by_group.get(who_id, set()) if who == "group" else {who_id}
            for who, who_id in zip(invitations["who"], invitations["who_id"], strict=True)
        ]
        changing = [
            ids for ids, role in zip(people_by_row, invitations["role"], strict=True) if role in CHANGING
        ]
        invited = set().union(*people_by_row)
        if len(invited) < people_at_least:
            continue
        outside = invitations[invitations["is_external"].fillna(True).astype(bool)]
        first = invitations.iloc[0]
        items.append(
            {
                "item_type": item_type,
                "item_name": first["item_name"],
                "path": first["path"],
                "owner_login": first["owner_login"],
                "people": len(invited),
                "groups": ", ".join(invitations.loc[invitations["who"] == "group", "who_name"].astype("str")),
                "outsiders": len(outside),
                "domains": ", ".join(sorted(set(outside["domain"].dropna()))),
                "can_change": len(set().union(*changing)),
                "item_id": item_id,
            }
        )
    frame = pd.DataFrame(items, columns=list(WIDELY))
    ordered = frame.sort_values(["people", "outsiders"], ascending=False, kind="stable")
    return shaped(ordered, WIDELY, inputs)


def pending_invitations(box: Connection, *, days: int = 0, of: Rows | None = None) -> pd.DataFrame:
    """
    List invitations that have not been accepted yet, oldest first.

    Box returns them with the collaborations of each item, and cannot list them for a whole enterprise. Declined invitations
    disappear, and Box does not say whether the email arrived. A pending invitation does not give access, but anyone who takes
    over the email address can still accept it.

    Parameters
    ----------
    box : Box
    days : int
        List only invitations that are at least this many days old.
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations`; pulled by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`PENDING`; ``days_pending`` is the number of days since the invitation was sent.
    """
    inputs = Inputs("pending_invitations")
    rows = _invitations(inputs, box, of, INVITED)
    waiting = rows[rows["status"] == "pending"].copy()
    waiting["days_pending"] = days_since(waiting["created_at"], now(box))
    old = waiting[waiting["days_pending"] >= days]
    return shaped(old.sort_values("created_at"), PENDING, inputs, days=days)
