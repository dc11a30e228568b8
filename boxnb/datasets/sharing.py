"""Collaborations and shared links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..api import ids
from ..api.arguments import choice, truth
from ..frames import schema
from ..frames.requirements import kinds, with_columns
from . import content
from .paging import by_marker, by_offset
from .pull import warn
from .pull_by_id import pull_each

if TYPE_CHECKING:
    from ..api.connection import Connection

ITEMS = kinds(schema.ITEMS, path="text", depth="integer")
LINK_COLUMNS = [
    "type",
    "id",
    "name",
    "path",
    "size",
    "owned_by_id",
    "owned_by_name",
    "owned_by_login",
    *(column.name for column in schema.SHARED_LINK if column.kind != "skip"),
]


def collaborations(
    box: Connection,
    of: str | list[str] | pd.DataFrame,
    *,
    kind: Literal["folder", "file", "group"] = "folder",
    inherited: bool = False,
    as_user: str | None = None,
) -> pd.DataFrame:
    """
    List the collaborations on folders or files, or those of a group, one row each.

    Calls ``GET /folders/:id/collaborations`` once for each item. For a DataFrame from ``box.tree``, it requests only
    the items that Box flags as having collaborations, so walking first saves most of the calls. The owner is never
    listed; see ``owned_by_*`` of the item.

    Parameters
    ----------
    box : Box
    of : str, list of str, or DataFrame
        One or more ids, or a DataFrame with the column ``id`` and optionally ``type`` and ``has_collaborations``. To resume a
        pull that ended early, pass its ``error.partial.attrs["resume"]["of"]``.
    kind : {"folder", "file", "group"}
        What the ids belong to. In a DataFrame, the column ``type`` decides, if there is one.
    inherited : bool
        Include collaborations that are inherited from an ancestor folder. Box repeats these for every folder below it.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.COLLABORATIONS`: ``status`` is ``accepted`` or ``pending``; ``item_*`` is
        missing for ``pending``; ``accessible_by_type`` is ``user`` or ``group``; ``expires_at`` is in UTC. Each id appears once
        in a DataFrame, but a resumed pull may repeat pending collaborations. ``attrs["skipped"]`` lists what Box refused;
        ``attrs["complete"]`` is then False, with a warning.

    Raises
    ------
    ForbiddenError, NotFoundError
        ``of`` has only one item or group, and Box refuses it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-collaborations/
    """
    choice(kind, "kind", ("folder", "file", "group"))
    inherited = truth(inherited, "inherited")
    paths = _paths(of, kind)

    def tidy(rows: pd.DataFrame) -> pd.DataFrame:
        if not inherited and kind != "group":
            item = rows["item_type"].astype("str") + "s/" + rows["item_id"]
            rows = rows[item.isin(paths) | item.isna()]  # pending collaborations do not name their item
        return rows[~rows["id"].duplicated() | rows["id"].isna()].reset_index(drop=True)

    return pull_each(
        box,
        "collaborations",
        schema.COLLABORATIONS,
        "/{}/collaborations",
        paths,
        by_offset if kind == "group" else by_marker,
        as_user=as_user,
        by=kind,
        argument="of",
        named=not isinstance(of, pd.DataFrame) or len(of) == 1,
        fields=schema.fields(schema.COLLABORATIONS),
        tidy=tidy,
        source=of if isinstance(of, pd.DataFrame) else None,
    )


def _paths(of: str | list[str] | pd.DataFrame, kind: Literal["folder", "file", "group"]) -> list[str]:
    """Return the paths to request, such as ``folders/17`` and ``files/4``, folders first."""
    if not isinstance(of, pd.DataFrame):
        return list(dict.fromkeys(_path(item, kind) for item in ids.entries(of, "of", kind)))
    if "id" in of and ("type" not in of or kind == "group"):
        return [f"{kind}s/{item}" for item in ids.many(of, "of", kind)]
    flag = "has_collaborations"
    of = with_columns(of, "box.collaborations", f"type id {flag if flag in of else ''}", ITEMS, "box.tree")
    shared = of[of[flag].fillna(True).astype(bool)] if flag in of else of
    return [
        f"{item_type}s/{item}"
        for item_type in ("folder", "file")
        for item in ids.many(shared.loc[shared["type"] == item_type, "id"].dropna(), "of", item_type)
    ]


def _path(item: Any, kind: Literal["folder", "file", "group"]) -> str:
    """Return the path for an id, such as ``folders/17``. When a pull is resumed, its ids are already paths."""
    if isinstance(item, str) and re.fullmatch(r"(folder|file|group)s/\d+", item.strip()):
        return item.strip()
    return f"{kind}s/{ids.one(item, 'of', kind)}"


def shared_links(
    box: Connection, folder_id: str = "0", *, of: pd.DataFrame | None = None, as_user: str | None = None
) -> pd.DataFrame:
    """
    List every shared link below a folder, one row each.

    Box cannot list shared links, but returns them with the items of a walk, without further calls. The admin events
    (``SHARE``) say who created a link; the link itself does not.

    Parameters
    ----------
    box : Box
    folder_id : str
        The folder to start the walk from.
    of : DataFrame, optional
        A DataFrame from ``box.tree``, to use instead of a new walk.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        The columns in :data:`LINK_COLUMNS`. ``shared_link_effective_access`` says who can open the link, because it takes the
        enterprise's rules into account. ``shared_link_unshared_at`` is the expiry in UTC; missing if the link does not expire.
    """
    items = content.tree(box, folder_id, as_user=as_user) if of is None else of
    rows = with_columns(items, "box.shared_links", " ".join(LINK_COLUMNS), ITEMS, "box.tree")
    links = rows[rows["shared_link_url"].notna()].reset_index(drop=True)
    links.attrs.update({**items.attrs, "dataset": "shared_links"})
    if of is not None and of.attrs.get("complete") is False:
        warn(
            "shared_links is not complete, because the walk that it was made from is not. See attrs['skipped']."
        )
    return links
