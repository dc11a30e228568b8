"""Who else can see it: collaborations and shared links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from . import content, schema
from .paging import by_marker, by_offset
from .pull import each

if TYPE_CHECKING:
    from .box import Box

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
    box: Box,
    of: str | list[str] | pd.DataFrame,
    *,
    kind: Literal["folder", "file", "group"] = "folder",
    inherited: bool = False,
    as_user: str | None = None,
) -> pd.DataFrame:
    """
    Who was invited to folders or files, or what a group was invited to; one row a collaboration.

    Calls ``GET /folders/:id/collaborations`` once for each item. Of a frame of items (from ``box.tree``) only those
    are asked that have collaborations, by Box's own flag, so a walk first saves most of the calls. The owner is
    never in the list: that is ``owned_by`` of the item.

    Parameters
    ----------
    box : Box
    of : str, list of str, or DataFrame
        One id, several, or a frame with the columns ``type``, ``id`` and ``has_collaborations``.
    kind : {"folder", "file", "group"}
        What the ids are; a frame says so itself.
    inherited : bool
        Keep what a folder above brings along; those rows repeat below every folder.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.schema.COLLABORATIONS` says: ``status`` ``accepted`` or ``pending``; ``item_*`` missing while
        pending; ``accessible_by_type`` ``user`` or ``group``; ``expires_at`` in UTC. No id twice. ``attrs["skipped"]`` lists what
        could not be asked.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-collaborations/
    """
    frames = []
    for each_kind, ids in _asked(of, kind):
        pages = by_offset if each_kind == "group" else by_marker
        path = f"/{each_kind}s/{{}}/collaborations"
        found = each(
            box,
            "collaborations",
            schema.COLLABORATIONS,
            path,
            ids,
            pages,
            as_user=as_user,
            by=each_kind,
            fields=schema.fields(schema.COLLABORATIONS),
        )
        if not inherited and each_kind != "group":
            found = _own(found, set(ids))
        frames.append(found)
    attrs = dict(frames[0].attrs)
    attrs["calls"] = sum(frame.attrs["calls"] for frame in frames)
    attrs["skipped"] = [row for frame in frames for row in frame.attrs["skipped"]]
    whole = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    whole = whole.drop_duplicates("id", ignore_index=True)
    whole.attrs.update(attrs)
    return whole


def _asked(of: str | list[str] | pd.DataFrame, kind: str) -> list[tuple[str, list[str]]]:
    if isinstance(of, str):
        return [(kind, [of])]
    if not isinstance(of, pd.DataFrame):
        return [(kind, list(of))]
    shared = of[of["has_collaborations"].fillna(True).astype(bool)]
    by_kind = [(each, list(shared.loc[shared["type"] == each, "id"])) for each in ("folder", "file")]
    return [(each, ids) for each, ids in by_kind if ids] or [("folder", [])]


def _own(found: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
    """Without what a folder above brings along; pending ones name no item, so they stay."""
    attrs = found.attrs
    own = found[found["item_id"].isin(ids) | found["item_id"].isna()].reset_index(drop=True)
    own.attrs.update(attrs)
    return own


def shared_links(
    box: Box, folder_id: str = "0", *, of: pd.DataFrame | None = None, as_user: str | None = None
) -> pd.DataFrame:
    """
    Every shared link below a folder, one row a link.

    Box lists no links: they come along with a walk, at no call of their own. The link has no maker; who made it is
    in the admin events (``SHARE``).

    Parameters
    ----------
    box : Box
    folder_id : str
        Where to begin the walk.
    of : DataFrame, optional
        A frame from ``box.tree`` that is there already: no call at all.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`LINK_COLUMNS`: go by ``shared_link_effective_access``, which counts the enterprise's rules in;
        ``shared_link_unshared_at`` is the expiry in UTC, missing for none.
    """
    walked = content.tree(box, folder_id, as_user=as_user) if of is None else of
    links = walked[walked["shared_link_url"].notna()].reset_index(drop=True)[LINK_COLUMNS]
    links.attrs.update({**walked.attrs, "dataset": "shared_links"})
    return links
