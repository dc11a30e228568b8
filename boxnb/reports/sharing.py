"""Who else can get at it: other companies, open links, whole groups, invitations nobody answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from boxnb.datasets import event_log, people

from . import enterprise
from .shape import ANONYMOUS, EVENTS, Inputs, days_since, now, shaped

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
    "is_expired": "truth",
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
    "is_password_enabled": "truth",
    "expires_at": "time",
    "is_expired": "truth",
    "can_download": "truth",
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
    "is_external": "truth",
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
"""Roles that may change and delete what is there."""


INVITED = """id status role login item_type item_id item_name path owner_login invited_by created_at
    is_external"""
OPENED = """status role who who_id who_name domain item_type item_id item_name path owner_login ownership
    is_expired is_external"""
FOLLOWED = """event_type created_at created_by_id created_by_login source_owned_by_id source_owned_by_login
    source_item_type source_item_id source_item_name source_parent_id source_parent_name"""
LINKED = """type id name path size owned_by_login ownership shared_link_url shared_link_access
    shared_link_effective_access shared_link_is_password_enabled shared_link_download_count
    shared_link_preview_count shared_link_can_download shared_link_unshared_at"""
"""The columns each report needs of what it is made from."""


def _invitations(inputs: Inputs, box: Connection, of: pd.DataFrame | None, names: str) -> pd.DataFrame:
    source = "reports.collaborations"
    return inputs.take(of, lambda: enterprise.collaborations(box), names, enterprise.INVITATIONS, source)


def external_collaborators(box: Connection, *, of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Who of other companies was invited to the enterprise's content, one row an invitation, by domain.

    External is who is no user of the enterprise. What people of other companies hold themselves and shared with yours is not
    here. Invitations to single files are here only where ``of`` was made with ``files=True``; members of groups are not looked
    through, and content that only people who left could open is not seen. A person's company is not known to Box: the domain of the
    login stands for it.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations`; made unless given, at its full price.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`EXTERNAL`; ``status`` is ``accepted`` or ``pending``, ``is_expired`` where the end lies behind.
    """
    inputs = Inputs("external_collaborators")
    rows = _invitations(inputs, box, of, f"{INVITED} domain who_name expires_at is_expired ownership")
    outside = rows[
        rows["is_external"].fillna(True).astype(bool) & (rows["ownership"].astype("str") != "outside")
    ]
    ordered = outside.sort_values(["domain", "login", "path", "item_name"])
    return shaped(ordered, EXTERNAL, inputs)


def shared_links(box: Connection, *, of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Every shared link on the enterprise's content, the least protected first.

    Box has no list of links: these come with the walk, at no call of their own. ``access`` is the effective one, after the
    enterprise's own rules; a folder's link opens all that is below it. Box does not say who made a link (the ``SHARE``
    events of the last year do), nor who followed it. An expired link opens nothing any more.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.content`, or some of its rows; walked unless given.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`LINKS`; ``protection`` is ``none`` (anybody, for ever, no password), ``password``, ``expiry``, ``password and expiry``,
        ``sign-in`` (the link is not open to everybody) or ``expired``.
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
    rows.loc[rows["access"] != "open", "protection"] = "sign-in"
    rows.loc[rows["is_expired"], "protection"] = "expired"
    order = ["none", "expiry", "password", "password and expiry", "sign-in", "expired"]
    rows["_order"] = rows["protection"].map({name: number for number, name in enumerate(order)})
    folders_first = rows["type"] != "folder"
    ordered = rows.assign(_file=folders_first).sort_values(["_order", "_file", "path", "name"])
    return shaped(ordered, LINKS, inputs)


def hidden_links(
    box: Connection, *, of: pd.DataFrame | None = None, items: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Links made on content that nobody active can open any more, known from the events of a year only, the newest first.

    When somebody leaves, their private folders cannot be walked, but a link made there goes on working.
    The ``SHARE`` events tell that it was made; whether it is open to everybody, has a password or was taken back by hand, Box does
    not tell here, so follow it, or move the content to somebody active and look again. Older links than a year are
    not found. Links whose end is in the events (``SHARE_EXPIRATION``, ``UNSHARE``) are left out.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From ``box.events`` over a year; fetched unless given.
    items : DataFrame, optional
        From :func:`boxnb.reports.content`; walked unless given.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`HIDDEN`; ``downloads`` by people who were not signed in.
    """
    types = ["SHARE", "SHARE_EXPIRATION", "UNSHARE", "DOWNLOAD"]
    inputs = Inputs("hidden_links")
    events = inputs.take(
        of, lambda: event_log.events(box, since="365D", event_type=types), FOLLOWED, EVENTS, "box.events"
    )
    seen = enterprise.items(inputs, box, items, "id")
    everybody = people.users(box)
    inputs.hand_on(everybody)
    gone = everybody.loc[everybody["status"] == "inactive", "id"]
    about = events[events["source_owned_by_id"].isin(gone) & ~events["source_item_id"].isin(seen["id"])]
    told = about[about["event_type"].isin(["SHARE", "SHARE_EXPIRATION", "UNSHARE"])]
    last = told.sort_values("created_at", kind="stable").drop_duplicates("source_item_id", keep="last")
    rows = last[last["event_type"] == "SHARE"].copy()
    anonymous = about[(about["event_type"] == "DOWNLOAD") & (about["created_by_id"] == ANONYMOUS)]
    # A link on a folder is followed to the files in it.
    place = anonymous["source_item_id"].where(
        anonymous["source_item_id"].isin(rows["source_item_id"]), anonymous["source_parent_id"]
    )
    rows["downloads"] = [int((place == item).sum()) for item in rows["source_item_id"]]
    rows["last_download_at"] = [
        anonymous.loc[place == item, "created_at"].max() for item in rows["source_item_id"]
    ]
    names = {"source_item_type": "item_type", "source_item_id": "item_id", "source_item_name": "item_name"}
    names |= {"source_parent_name": "folder_name", "source_owned_by_login": "owner_login"}
    names |= {"created_by_login": "shared_by", "created_at": "shared_at"}
    rows = rows.rename(columns=names)
    return shaped(rows.sort_values("shared_at", ascending=False), HIDDEN, inputs)


def shared_widely(
    box: Connection, *, people_at_least: int = 50, of: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Folders and files that very many people can open, the widest first.

    Counts people who were invited here: those named, and the members of invited groups, each once. Who comes in
    through a folder above, a link or an invitation to a group's new member later is not counted; expired and pending
    invitations are not either. Whether it is too many, only you can say.

    Parameters
    ----------
    box : Box
    people_at_least : int
        How many people make it wide.
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations`; made unless given. The groups met in it cost one call each.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`WIDELY`: ``people`` in all, ``outsiders`` among them and their ``domains``, ``can_change`` how many may edit
        and delete.
    """
    inputs = Inputs("shared_widely")
    rows = _invitations(inputs, box, of, OPENED)
    open_ = rows[(rows["status"] == "accepted") & ~rows["is_expired"].fillna(False).astype(bool)]
    open_ = open_[open_["ownership"].astype("str") != "outside"]
    groups = open_.loc[open_["who"] == "group", "who_id"].unique().tolist()
    # All of them at once: a single group that cannot be asked must not end the report.
    members = people.members(box, groups) if groups else None
    inside: dict[str, set[str]] = {}
    if members is not None:
        inputs.hand_on(members)
        inside = {str(group): set(found) for group, found in members.groupby("group_id")["user_id"]}
    made = []
    for (item_type, item_id), found in open_.groupby(["item_type", "item_id"], observed=True):
        reach = [
            inside.get(who_id, set()) if who == "group" else {who_id}
            for who, who_id in zip(found["who"], found["who_id"], strict=True)
        ]
        changing = [people for people, role in zip(reach, found["role"], strict=True) if role in CHANGING]
        everybody = set().union(*reach)
        if len(everybody) < people_at_least:
            continue
        outside = found[found["is_external"].fillna(True).astype(bool)]
        first = found.iloc[0]
        made.append(
            {
                "item_type": item_type,
                "item_name": first["item_name"],
                "path": first["path"],
                "owner_login": first["owner_login"],
                "people": len(everybody),
                "groups": ", ".join(found.loc[found["who"] == "group", "who_name"].astype("str")),
                "outsiders": len(outside),
                "domains": ", ".join(sorted(set(outside["domain"].dropna()))),
                "can_change": len(set().union(*changing)),
                "item_id": item_id,
            }
        )
    frame = pd.DataFrame(made, columns=list(WIDELY))
    ordered = frame.sort_values(["people", "outsiders"], ascending=False, kind="stable")
    return shaped(ordered, WIDELY, inputs)


def pending_invitations(box: Connection, *, days: int = 0, of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Invitations nobody has accepted yet, the oldest first.

    They come with the collaborations of each item; Box has no list for a whole enterprise. An invitation that was declined
    is gone, and whether the mail ever arrived Box does not say. A pending one gives no access, but whoever holds that
    address later can still accept it.

    Parameters
    ----------
    box : Box
    days : int
        Only those older than this.
    of : DataFrame, optional
        From :func:`boxnb.reports.collaborations`; made unless given.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`PENDING`; ``days_pending`` since it was sent.
    """
    inputs = Inputs("pending_invitations")
    rows = _invitations(inputs, box, of, INVITED)
    waiting = rows[rows["status"] == "pending"].copy()
    waiting["days_pending"] = days_since(waiting["created_at"], now(box))
    old = waiting[waiting["days_pending"] >= days]
    return shaped(old.sort_values("created_at"), PENDING, inputs, days=days)
