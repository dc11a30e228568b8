"""Items that several users saw: each once, as its owner sees it if possible, with its path and the kind of its owner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..frames.ancestors import ancestors
from ..frames.pages import NAMELESS


def with_paths(frame: pd.DataFrame, active: set[str], managed: set[str]) -> pd.DataFrame:
    """Return each item once, as its owner sees it if possible, with its path, depth and ownership."""
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
    once["ownership"] = ownership_of(once["owned_by_id"], active, managed)
    return once.sort_values(["depth", "path", "name", "id"], ignore_index=True)


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
