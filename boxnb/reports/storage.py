"""Storage use, stale content, large and duplicate files, and content of users who left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from boxnb.datasets import people
from boxnb.frames.ancestors import ancestors

from . import enterprise
from .shape import USERS, Inputs, Rows, days_since, look_up, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

By = Literal["owner", "folder", "extension", "age", "ownership"]
STORAGE = {"name": "text", "files": "integer", "bytes": "integer", "share": "number", "largest": "integer"}
STALE = {
    "type": "category",
    "name": "text",
    "path": "text",
    "owner_login": "text",
    "ownership": "category",
    "files": "integer",
    "bytes": "integer",
    "last_change": "time",
    "days": "integer",
    "id": "text",
}
FILES = {
    "name": "text",
    "path": "text",
    "size": "integer",
    "owner_login": "text",
    "ownership": "category",
    "changed_at": "time",
    "days": "integer",
    "id": "text",
}
DUPLICATES = {
    "name": "text",
    "path": "text",
    "size": "integer",
    "copies": "integer",
    "wasted": "integer",
    "owner_login": "text",
    "created_at": "time",
    "sha1": "text",
    "id": "text",
}
LEAVERS = {
    "login": "text",
    "name": "text",
    "space_used": "integer",
    "folders": "integer",
    "files": "integer",
    "bytes": "integer",
    "hidden_bytes": "integer",
    "open_links": "integer",
    "last_change": "time",
    "id": "text",
}
ITEM = "id name path owned_by_login"
CHANGED = "content_modified_at modified_at"
GROUPED = {
    "owner": "owned_by_login",
    "folder": "path",
    "extension": "extension",
    "age": CHANGED,
    "ownership": "",
}
AGES = ["under 30 days", "30 to 90 days", "90 days to a year", "1 to 2 years", "2 to 5 years", "over 5 years"]
AGE_DAYS = [-np.inf, 30, 90, 365, 730, 1825, np.inf]


def _owned(inputs: Inputs, box: Connection, of: Rows | None, names: str) -> pd.DataFrame:
    """Return only the content that the enterprise owns, because it cannot clean up what other companies own."""
    items = enterprise.items(inputs, box, of, f"type size ownership {names}")
    return items[items["ownership"].astype("str") != "outside"]


def _change_times(rows: pd.DataFrame) -> pd.Series:
    times: pd.Series = rows["content_modified_at"].fillna(rows["modified_at"])
    return times


def storage_by(box: Connection, by: By = "owner", *, of: Rows | None = None) -> pd.DataFrame:
    """
    Sum up storage by owner, top folder, file extension, age or ownership, largest first.

    The report counts only the current version of each file. Older versions and the trash also take up space, so the figures
    are smaller than ``space_used`` in ``box.users()``. The private content of users who left is not counted either. Age is the
    time since the content last changed. Only the events, which go back a year, show whether anyone has viewed a file.

    Parameters
    ----------
    box : Box
    by : {"owner", "folder", "extension", "age", "ownership"}
        ``folder`` is the topmost folder; files outside any folder count as *(no folder)*.
    of : DataFrame, optional
        From :func:`boxnb.reports.content`, or some of its rows; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`STORAGE`: the number of ``files``, their total size in ``bytes``, their ``share`` of the
        total size of all rows (0 to 1), and the size of the ``largest`` file in bytes.

    Raises
    ------
    ValueError
        ``by`` is not one of these.
    """
    if by not in GROUPED:
        raise ValueError(
            f"storage_by cannot group by {by!r}. Use owner, folder, extension, age or ownership."
        )
    inputs = Inputs("storage_by")
    rows = _owned(inputs, box, of, GROUPED[by])
    files = rows[rows["type"] == "file"]
    if by == "owner":
        names = files["owned_by_login"]
    elif by == "folder":
        names = files["path"].str.split("/").str[0].where(files["path"] != "", "(no folder)")
    elif by == "extension":
        names = files["extension"].astype("str").str.lower().fillna("").replace("", "(none)")
    elif by == "age":
        age = (now(box) - _change_times(files)).dt.total_seconds() / 86400
        names = pd.cut(age, AGE_DAYS, labels=AGES, right=False).astype("str")
    else:
        names = files["ownership"].astype("str")
    sums = files.groupby(names)["size"].agg(files="count", bytes="sum", largest="max")
    frame = sums.rename_axis("name").reset_index()
    total = int(frame["bytes"].sum())
    frame["share"] = frame["bytes"] / total if total else 0.0
    ordered = frame.sort_values(["bytes", "name"], ascending=[False, True])
    return shaped(ordered, STORAGE, inputs, by=by)


def stale_content(box: Connection, *, days: int = 365, of: Rows | None = None) -> pd.DataFrame:
    """
    List content that no one has changed for ``days`` days: whole folders where everything is stale, otherwise single files.

    Each stale file is counted in only one row: that of the topmost folder in which everything is stale, or, if there is none,
    its own row. Folders without files are not listed. Only changes to the content count. Box does not return the time when a
    file was last viewed, so check the ``PREVIEW`` and ``DOWNLOAD`` events of the last year before you archive anything.

    Parameters
    ----------
    box : Box
    days : int
        The number of days without a change after which content counts as stale.
    of : DataFrame, optional
        From :func:`boxnb.reports.content`; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`STALE`, largest first: the number of ``files`` that the row stands for, their total size in
        ``bytes``, the time of their ``last_change``, and the ``days`` since then.
    """
    inputs = Inputs("stale_content")
    rows = _owned(inputs, box, of, f"{ITEM} parent_id {CHANGED}")
    when = now(box)
    files, folders = rows[rows["type"] == "file"], rows[rows["type"] == "folder"]
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    newest: dict[str, pd.Timestamp] = {}
    count: dict[str, int] = {}
    size: dict[str, int] = {}
    for parent, changed, length in zip(files["parent_id"], _change_times(files), files["size"], strict=True):
        for folder in ancestors(parent, parents):
            newest[folder] = max(newest.get(folder, changed), changed)
            count[folder] = count.get(folder, 0) + 1
            size[folder] = size.get(folder, 0) + int(0 if pd.isna(length) else length)
    cutoff = when - pd.Timedelta(days=days)
    stale_ids = {folder for folder, changed in newest.items() if changed < cutoff}
    stale_folders = folders[folders["id"].isin(stale_ids) & ~folders["parent_id"].isin(stale_ids)].copy()
    stale_files = files[(_change_times(files) < cutoff) & ~files["parent_id"].isin(stale_ids)].copy()
    stale_folders["files"], stale_folders["bytes"] = (
        stale_folders["id"].map(count),
        stale_folders["id"].map(size),
    )
    stale_folders["last_change"] = pd.to_datetime(stale_folders["id"].map(newest), utc=True)
    stale_files["files"], stale_files["bytes"], stale_files["last_change"] = (
        1,
        stale_files["size"],
        _change_times(stale_files),
    )
    stale_rows = pd.concat([stale_folders, stale_files], ignore_index=True)
    # If there are no rows, the concatenated column does not have a datetime dtype.
    stale_rows["last_change"] = pd.to_datetime(stale_rows["last_change"], utc=True)
    stale_rows["owner_login"] = stale_rows["owned_by_login"]
    stale_rows["days"] = days_since(stale_rows["last_change"], when)
    ordered = stale_rows.sort_values(["bytes", "path", "name"], ascending=[False, True, True])
    return shaped(ordered, STALE, inputs, days_asked=days)


def large_files(box: Connection, *, at_least: int = 1_000_000_000, of: Rows | None = None) -> pd.DataFrame:
    """
    List files of at least ``at_least`` bytes, largest first.

    ``size`` is the size of the current version. Older versions of a large file often take up more space than the file itself;
    listing them takes one call per file (``box.versions``), which this report does not make.

    Parameters
    ----------
    box : Box
    at_least : int
        The minimum size in bytes; 1,000,000,000 (1 GB) by default.
    of : DataFrame, optional
        From :func:`boxnb.reports.content`, or some of its rows; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`FILES`; ``days`` is the number of days since ``changed_at``.
    """
    inputs = Inputs("large_files")
    rows = _owned(inputs, box, of, f"{ITEM} {CHANGED}")
    files = rows[(rows["type"] == "file") & (rows["size"] >= at_least)].copy()
    files["owner_login"], files["changed_at"] = files["owned_by_login"], _change_times(files)
    files["days"] = days_since(files["changed_at"], now(box))
    return shaped(files.sort_values("size", ascending=False), FILES, inputs, at_least=at_least)


def duplicate_files(box: Connection, *, of: Rows | None = None) -> pd.DataFrame:
    """
    List files with identical content, most wasted space first.

    The report compares the SHA-1 that Box has for each file, so names do not matter, and a single changed character makes
    the content different. It compares only files that the walk found. Box may store identical content only once, but it counts
    every copy against the quota. Empty files are not listed.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.content`, or some of its rows; walked by default.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`DUPLICATES`, one row per file. Files with the same content are next to each other, oldest first. In
        each row, ``copies`` is the number of these files, and ``wasted`` is the size in bytes of all but one of them.
    """
    inputs = Inputs("duplicate_files")
    rows = _owned(inputs, box, of, f"{ITEM} sha1 created_at")
    files = rows[(rows["type"] == "file") & rows["sha1"].notna() & (rows["size"] > 0)].copy()
    files["copies"] = files.groupby("sha1")["id"].transform("count")
    files = files[files["copies"] > 1]
    files["wasted"] = files["size"] * (files["copies"] - 1)
    files["owner_login"] = files["owned_by_login"]
    ordered = files.sort_values(["wasted", "sha1", "created_at", "id"], ascending=[False, True, True, True])
    return shaped(ordered, DUPLICATES, inputs)


def ownership_of_leavers(
    box: Connection, *, of: Rows | None = None, users: Rows | None = None
) -> pd.DataFrame:
    """
    List suspended users and the content that they own, one row per user, most space first.

    No one can sign in as these users, so only what they shared with an active user is visible (``folders``, ``files``,
    ``bytes``). ``hidden_bytes`` is the rest of the space that Box says they use, including older versions and the trash.
    Deleted accounts are not in Box's list of users, so they are not listed here. Before deleting an account, an admin can move
    its content to another user with *Transfer content*.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`boxnb.reports.content`; walked by default.
    users : DataFrame, optional
        From ``box.users()``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`LEAVERS`; ``space_used`` is in bytes, as Box counts it, and ``open_links`` is the number of shared
        links that anyone can follow.
    """
    inputs = Inputs("ownership_of_leavers")
    names = f"type size owned_by_id {CHANGED} shared_link_effective_access shared_link_unshared_at"
    items = enterprise.items(inputs, box, of, names)
    all_users = inputs.take(
        users, lambda: people.users(box), "id login name status space_used", USERS, "box.users"
    )
    leavers = all_users[all_users["status"] == "inactive"].copy()
    owned = items[items["owned_by_id"].isin(leavers["id"])].copy()
    is_file = owned["type"] == "file"
    leavers["folders"] = look_up(
        leavers["id"], owned[owned["type"] == "folder"].groupby("owned_by_id").size()
    )
    leavers["files"] = look_up(leavers["id"], owned[is_file].groupby("owned_by_id").size())
    leavers["bytes"] = look_up(leavers["id"], owned[is_file].groupby("owned_by_id")["size"].sum())
    leavers["last_change"] = look_up(
        leavers["id"], _change_times(owned[is_file]).groupby(owned["owned_by_id"]).max()
    )
    expiry = owned["shared_link_unshared_at"]
    open_ = (owned["shared_link_effective_access"] == "open") & (expiry.isna() | (expiry > now(box)))
    leavers["open_links"] = look_up(leavers["id"], owned[open_].groupby("owned_by_id").size())
    for name in ("folders", "files", "bytes", "open_links"):
        leavers[name] = leavers[name].fillna(0).astype("Int64")
    leavers["hidden_bytes"] = (leavers["space_used"] - leavers["bytes"]).clip(lower=0)
    return shaped(leavers.sort_values("space_used", ascending=False), LEAVERS, inputs)
