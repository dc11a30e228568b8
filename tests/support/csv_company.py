"""The practice company according to its own CSV files, which pandas reads without boxnb: what reports should say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

COMPANY = Path(__file__).parents[2] / "data" / "sandbox"


def table(name: str) -> pd.DataFrame:
    """Return one of the CSV files, as text."""
    return pd.read_csv(COMPANY / f"{name}.csv", dtype=str, keep_default_na=False)


USERS = table("users")
STATUS = dict(zip(USERS["login"].str.lower(), USERS["status"], strict=True))
LEFT = {login for login, status in STATUS.items() if status == "inactive"}
ACTIVE = set(STATUS) - LEFT
FOLDERS = table("folders").set_index("id")
FILES = table("files").set_index("id")
COLLABORATIONS = table("collaborations").set_index("id")


def when(ages: pd.Series, day: pd.Timestamp) -> pd.Series:
    """Return the times for ages: ``-412d 09:15:07`` is 412 days before the day, at that hour."""
    parts = ages.str.extract(r"^([+-]\d+)d (\S+)$")
    return day + pd.to_timedelta(parts[0].astype("float"), unit="D") + pd.to_timedelta(parts[1])


def chain(folder: str) -> list[str]:
    """Return a folder and all its ancestor folders."""
    folders = []
    while folder in FOLDERS.index:
        folders.append(folder)
        folder = FOLDERS.loc[folder, "parent_id"]
    return folders


def owner_of(item_type: str, item: str) -> str:
    """Return the owner of an item, who also owns everything below it."""
    folders = chain(item if item_type == "folder" else FILES.loc[item, "folder_id"])
    owner = FOLDERS.loc[folders[-1], "owner"] if folders else FILES.loc[item, "owner"]
    return str(owner).lower()


def members() -> dict[str, set[str]]:
    """Return the logins of each group."""
    logins = dict(zip(USERS["id"], USERS["login"].str.lower(), strict=True))
    rows = table("memberships")
    return rows.assign(login=rows["user_id"].map(logins)).groupby("group_id")["login"].agg(set).to_dict()


def shared_with_active_users(day: pd.Timestamp) -> set[str]:
    """Return the ids of the items that a valid invitation opens for a user who can still sign in."""
    rows = COLLABORATIONS[COLLABORATIONS["status"] == "accepted"]
    expiry = when(rows["expires_at"], day)
    rows = rows[expiry.isna() | (expiry > day + pd.Timedelta("1D"))]
    groups = members()
    logins_by_row = [
        groups.get(row.group_id, set()) if row.group_id else {row.login.lower()} for row in rows.itertuples()
    ]
    return {item for item, logins in zip(rows["item_id"], logins_by_row, strict=True) if logins & ACTIVE}


def visible_items(day: pd.Timestamp) -> pd.DataFrame:
    """Return the folders and files that an active user can see."""
    shared_ids = shared_with_active_users(day)
    rows = []
    for item_type, items, parent in (("folder", FOLDERS, "parent_id"), ("file", FILES, "folder_id")):
        for item in items.itertuples():
            ancestors = chain(getattr(item, parent))
            path_ids = [item.Index, *ancestors]
            trashed = item.trashed_at or any(FOLDERS.loc[folder, "trashed_at"] for folder in ancestors)
            owner = owner_of(item_type, item.Index)
            if not trashed and (owner in ACTIVE or shared_ids & set(path_ids)):
                rows.append((item_type, item.Index, owner, "/".join(FOLDERS.loc[ancestors[::-1], "name"])))
    return pd.DataFrame(rows, columns=["type", "id", "owner", "path"]).set_index("id")


def company_owned(expected: pd.DataFrame) -> pd.DataFrame:
    """Return the items that the company owns."""
    return expected[expected["owner"].isin(STATUS)]


def files(expected: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return the files that the company owns, with size, owner, path and time of change."""
    rows = company_owned(expected)
    files_ = FILES.loc[rows.index[rows["type"] == "file"]].copy()
    files_["size"] = files_["size"].astype("int64")
    files_["owner"], files_["path"] = rows.loc[files_.index, "owner"], rows.loc[files_.index, "path"]
    files_["changed"] = when(files_["modified_at"], day)
    return files_
