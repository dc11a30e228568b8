"""Give the reports of the Admin Console the columns that reports on a walk, on invitations or on events need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from boxnb.datasets import people
from boxnb.frames import schema
from boxnb.frames.requirements import kinds

from .shape import ANONYMOUS, DTYPES, Inputs, Rows, domain, now

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

EMPTY = {
    "folders_and_files": ("content_modified_at",),
    "shared_links": (
        *(
            "size",
            "shared_link_effective_access",
            "shared_link_is_password_enabled",
            "shared_link_can_download",
        ),
        *("shared_link_download_count", "shared_link_preview_count", "shared_link_unshared_at"),
    ),
}
"""The columns of content that a report can do without, and that the file may lack."""

NEEDED_OF_EVENTS = {"created_at", "created_by_login", "event_type"}
"""The columns of activity without which a report would count wrongly, so that they are not added."""

EVENTS = kinds(schema.EVENTS)
ITEMS = kinds(schema.ITEMS)


def report_of(frame: Any) -> str:
    """Return which console report a DataFrame is; empty for any other."""
    dataset = frame.attrs.get("dataset") if isinstance(frame, pd.DataFrame) else None
    return (
        dataset.removeprefix("console ")
        if isinstance(dataset, str) and dataset.startswith("console ")
        else ""
    )


def _with_empty(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Add columns without values, where they are missing."""
    result = frame.copy()
    for name, kind in columns.items():
        if name not in frame:
            dtype: Any = DTYPES.get(kind, "str")
            result[name] = pd.Series([None] * len(frame), index=frame.index, dtype="object").astype(dtype)
    return result


def content(inputs: Inputs, box: Connection, of: pd.DataFrame) -> pd.DataFrame:
    """Return the items of *Folders & Files* or *Shared Links* with the columns of a walk. Any other DataFrame is unchanged."""
    report = report_of(of)
    if report not in EMPTY or "owned_by_login" not in of:
        return of
    users = people.users(box)
    inputs.record_source(users)
    rows = of.assign(owned_by_id=_ids_of(of["owned_by_login"], users))
    empty = [name for name in EMPTY[report] if name != "size" or inputs.report == "shared_links"]
    rows = _with_empty(rows, {name: ITEMS[name] for name in empty})
    if report == "shared_links" and "shared_link_url" not in rows:
        rows = rows.assign(
            shared_link_url=""
        )  # the file has only links, but not all layouts say where they lead
    if "name" in rows and report == "folders_and_files":
        if "type" not in rows and ("parent_id" in rows or "size" in rows):
            rows = rows.assign(type=_types_of(rows))
        if "type" in rows:
            suffix = rows["name"].astype("str").str.extract(r"\.([^.]+)$", expand=False)
            rows = rows.assign(extension=suffix.where(rows["type"] == "file", "").fillna("").astype("str"))
    rows.attrs = dict(of.attrs)
    return rows


def _ids_of(logins: pd.Series, users: pd.DataFrame) -> pd.Series:
    by_login = dict(zip(users["login"].str.lower(), users["id"], strict=True))
    found: pd.Series = logins.astype("str").str.lower().map(by_login).astype("str")
    return found


def _types_of(rows: pd.DataFrame) -> pd.Series:
    """Return ``folder`` for each item that is the parent of another one or has no size, and ``file`` for all others."""
    is_folder = (
        rows["id"].isin(set(rows["parent_id"])) if "parent_id" in rows else pd.Series(False, index=rows.index)
    )
    if "size" in rows:
        is_folder |= rows["size"].isna()
    return pd.Series("file", index=rows.index).mask(is_folder, "folder").astype("str")


def events(of: Rows, *, by_id: bool = False) -> Rows:
    """Return *User Activity* with the columns of ``box.events``. Any other DataFrame, or a harvest, is unchanged.

    With ``by_id``, the report counts by the ids of users, which are not added if the file lacks them.
    """
    if not isinstance(of, pd.DataFrame) or report_of(of) != "user_activity":
        return of
    if by_id and "created_by_id" not in of:
        return of
    rows = _with_empty(of, {name: kind for name, kind in EVENTS.items() if name not in NEEDED_OF_EVENTS})
    nobody = pd.Series(False, index=rows.index)
    if "created_by_login" in rows:
        nobody = rows["created_by_id"].isna() & rows["created_by_login"].isna()
    rows = rows.assign(
        created_by_id=rows["created_by_id"].mask(nobody, ANONYMOUS),
        event_id=pd.Series(
            [f"row {number}" for number in range(1, len(rows) + 1)], index=rows.index, dtype="str"
        ),
    )
    if "details" in of:
        rows = rows.assign(additional_details=of["details"])
    rows.attrs = dict(of.attrs)
    return rows


def invitations(inputs: Inputs, box: Connection, of: pd.DataFrame) -> pd.DataFrame:
    """Return *Collaborations* with the columns of :func:`boxnb.reports.collaborations`. Any other DataFrame is unchanged."""
    if report_of(of) != "collaborations":
        return of
    users = people.users(box)
    inputs.record_source(users)
    wanted = (
        "id",
        "item_id",
        "item_name",
        "path",
        "item_owned_by_login",
        "accessible_by_name",
        "created_by_login",
    )
    rows = _with_empty(of, dict.fromkeys((*wanted, "accessible_by_login", "collaborator_type"), "text"))
    rows = _with_empty(rows, {"created_at": "time", "expires_at": "time"})
    kind = rows["collaborator_type"].fillna("").str.strip().str.casefold()
    is_group = kind.str.startswith(("group", "グループ")) | (
        (kind == "") & rows["accessible_by_login"].isna() & rows["accessible_by_name"].notna()
    )
    user_ids = _ids_of(rows["accessible_by_login"], users)
    group_ids = pd.Series(pd.NA, index=rows.index, dtype="object")
    if is_group.any():
        groups = people.groups(box)
        inputs.record_source(groups)
        group_ids = rows["accessible_by_name"].map(dict(zip(groups["name"], groups["id"], strict=True)))
    who_id = user_ids.where(~is_group, group_ids)
    who_id = who_id.fillna(rows["accessible_by_login"].where(~is_group))
    pending = pd.Series(False, index=rows.index)
    if "acknowledged_at" in of:
        pending = of["acknowledged_at"].isna() & ~is_group
    active, owner = users["status"] != "inactive", _ids_of(rows["item_owned_by_login"], users)
    ownership = pd.Series("outside", index=rows.index).mask(owner.isin(users["id"]), "left")
    result = rows.assign(
        status=pd.Series("accepted", index=rows.index).mask(pending, "pending"),
        owner_login=rows["item_owned_by_login"],
        ownership=ownership.mask(owner.isin(users.loc[active, "id"]), "active"),
        who=pd.Series("user", index=rows.index).mask(is_group, "group"),
        who_id=who_id.astype("str"),
        who_name=rows["accessible_by_name"],
        login=rows["accessible_by_login"],
        domain=domain(rows["accessible_by_login"]),
        is_external=(~is_group & user_ids.isna()).astype("boolean"),
        is_expired=rows["expires_at"] < now(box),
        invited_by=rows["created_by_login"],
    )
    result.attrs = dict(of.attrs)
    return result


def last_sign_ins(of: Any) -> pd.Series | None:
    """Return the last sign-in by login, in lower case, from *User Details*; ``None`` for any other DataFrame."""
    if report_of(of) != "user_details" or "last_sign_in" not in of or "login" not in of:
        return None
    rows = of[of["login"].notna()]
    by_login: pd.Series = rows.groupby(rows["login"].str.lower())["last_sign_in"].max()
    return by_login
