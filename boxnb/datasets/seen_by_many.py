"""Items that several users saw: each once, as its owner sees it if possible, with its path and the kind of its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..frames.ancestors import ancestors
from ..frames.pages import NAMELESS


def with_paths(
    frame: pd.DataFrame,
    active: set[str],
    managed: set[str],
    viewers: set[str] | None = None,
    shared: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return each item once, as its owner sees it if possible, with its path, depth and ownership.

    ``seen_as`` is the owner, if boxnb has listed the owner's content, and otherwise the user with the lowest id who can see
    the item. It does not depend on the order of the walk. ``viewers`` and ``shared`` are as for :func:`seen_as`.
    """
    frame = frame.assign(seen_by=seen_as(frame, viewers, shared))
    folder_ids = set(frame.loc[frame["type"] == "folder", "id"].dropna())
    by_owner = frame["seen_as"] == frame["owned_by_id"]
    rank = np.where(by_owner, 0, np.where(frame["parent_id"].isin(folder_ids), 1, 2))
    key = frame["type"].astype("str") + frame["id"]
    order = np.argsort(rank, kind="stable")
    ordered_keys = key.iloc[order]
    first = ~ordered_keys.duplicated() | ordered_keys.isna()  # rows without an id are not duplicates
    once = frame.iloc[np.sort(order[first.to_numpy()])].reset_index(drop=True)
    paths = paths_of(once)
    parent_paths = [paths.get(parent, ("", 1)) for parent in once["parent_id"].astype("object")]
    once["path"] = pd.Series([path for path, _ in parent_paths], dtype="str")
    once["depth"] = pd.Series([depth for _, depth in parent_paths], dtype="Int64")
    seen_by = once.pop("seen_by")
    once["seen_as"] = once["seen_as"].mask(seen_by.notna(), seen_by).astype("str")
    once["ownership"] = ownership_of(once["owned_by_id"], active, managed)
    return once.sort_values(["depth", "path", "name", "id"], ignore_index=True)


def seen_as(frame: pd.DataFrame, viewers: set[str] | None, shared: Mapping[str, str] | None) -> pd.Series:
    """Return for each row the user who is named as the one who sees the item; missing if nobody is known to.

    ``viewers`` are the users whose top level was listed, and ``shared`` has for each item of others on a top level
    (``"folder 17"``) the user with the lowest id who has it there. Without them, all rows count.
    """
    viewers = set(frame["seen_as"].dropna()) if viewers is None else viewers
    owner = frame["owned_by_id"].astype("object")
    found = owner.where(owner.isin(viewers), None)
    of_others = frame.loc[found.isna(), ["type", "id", "parent_id", "seen_as"]].astype("object")
    keys = of_others["type"].astype("str") + " " + of_others["id"].astype("str")
    if shared is None:
        lowest = of_others["seen_as"].dropna().str.zfill(LONGEST_ID).groupby(keys).min()
        shared = {str(key): user.lstrip("0") for key, user in lowest.items()}
    folders = of_others[(of_others["type"] == "folder") & of_others["id"].notna()]
    inside = folders["parent_id"].isin(
        set(folders["id"])
    )  # of two rows, the one whose parent is known comes last
    folders = pd.concat([folders[~inside], folders[inside]])
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    above: dict[str, str | None] = {}
    for folder in parents:
        users = [shared[key] for each in ancestors(folder, parents) if (key := f"folder {each}") in shared]
        above[folder] = min(users, key=lowest_first, default=None)
    found[of_others.index] = [
        min(filter(None, (shared.get(key), above.get(parent))), key=lowest_first, default=None)
        for key, parent in zip(keys, of_others["parent_id"], strict=True)
    ]
    return found


LONGEST_ID = 20


def lowest_first(user: str) -> tuple[int, str]:
    """Return the key that sorts ids of users, which are numbers as text."""
    return len(user), user


def paths_of(items: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """Return the path and the depth of whatever is in each folder, as far as its ancestor folders are among the items."""
    folders = items[(items["type"] == "folder") & items["id"].notna()]
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    names = dict(zip(folders["id"], folders["name"].fillna(NAMELESS), strict=True))
    paths: dict[str, tuple[str, int]] = {}
    for folder_id in names:
        chain = ancestors(folder_id, parents)
        path = "/".join(names[folder] for folder in reversed(chain)).lstrip("/")
        paths[folder_id] = path, len(chain) + 1
    return paths


def ownership_of(owner: pd.Series, active: set[str], managed: set[str]) -> Any:
    """Return for each owner whether it is an active user, a user who left, or outside the enterprise."""
    ownership = np.where(owner.isin(active), "active", np.where(owner.isin(managed), "left", "outside"))
    return pd.Categorical(ownership, categories=["active", "left", "outside"])
