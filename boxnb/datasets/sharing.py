"""Who else can see it: collaborations and shared links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..api import ids
from ..api.arguments import choice, truth
from ..frames import schema
from ..frames.requirements import given, kinds
from . import content
from .paging import by_marker, by_offset
from .pull import each, warn

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
    Who was invited to folders or files, or what a group was invited to; one row a collaboration.

    Calls ``GET /folders/:id/collaborations`` once for each item. Of a frame of items (from ``box.tree``) only those
    are asked that have collaborations, by Box's own flag, so a walk first saves most of the calls. The owner is
    never in the list: that is ``owned_by`` of the item.

    Parameters
    ----------
    box : Box
    of : str, list of str, or DataFrame
        One id, several, or a frame with the column ``id``, and ``type`` and ``has_collaborations`` where it has them; also
        ``error.partial.attrs["resume"]["of"]`` of a pull that ended early.
    kind : {"folder", "file", "group"}
        What the ids are; a frame says so itself.
    inherited : bool
        Keep what a folder above brings along; those rows repeat below every folder.
    as_user : str, optional

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.COLLABORATIONS` says: ``status`` ``accepted`` or ``pending``; ``item_*`` missing while
        pending; ``accessible_by_type`` ``user`` or ``group``; ``expires_at`` in UTC. No id twice in one frame; what continues
        one may have a pending one again. ``attrs["skipped"]`` lists what Box refused; ``attrs["complete"]`` is False then, and a
        warning says so.

    Raises
    ------
    ForbiddenError, NotFoundError
        ``of`` names one thing, and Box refuses it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-collaborations/
    """
    choice(kind, "kind", ("folder", "file", "group"))
    inherited = truth(inherited, "inherited")
    asked = _asked(of, kind)

    def tidy(found: pd.DataFrame) -> pd.DataFrame:
        if not inherited and kind != "group":
            item = found["item_type"].astype("str") + "s/" + found["item_id"]
            found = found[item.isin(asked) | item.isna()]  # pending ones name no item, so they stay
        return found[~found["id"].duplicated() | found["id"].isna()].reset_index(drop=True)

    return each(
        box,
        "collaborations",
        schema.COLLABORATIONS,
        "/{}/collaborations",
        asked,
        by_offset if kind == "group" else by_marker,
        as_user=as_user,
        by=kind,
        again="of",
        named=not isinstance(of, pd.DataFrame) or len(of) == 1,
        fields=schema.fields(schema.COLLABORATIONS),
        tidy=tidy,
        made_of=of if isinstance(of, pd.DataFrame) else None,
    )


def _asked(of: str | list[str] | pd.DataFrame, kind: Literal["folder", "file", "group"]) -> list[str]:
    """What is asked, folders before files: ``folders/17``, ``files/4``."""
    if not isinstance(of, pd.DataFrame):
        return list(dict.fromkeys(_named(which, kind) for which in ids.each(of, "of", kind)))
    if "id" in of and ("type" not in of or kind == "group"):
        return [f"{kind}s/{which}" for which in ids.many(of, "of", kind)]
    flag = "has_collaborations"
    of = given(of, "box.collaborations", f"type id {flag if flag in of else ''}", ITEMS, "box.tree")
    shared = of[of[flag].fillna(True).astype(bool)] if flag in of else of
    return [
        f"{each}s/{which}"
        for each in ("folder", "file")
        for which in ids.many(shared.loc[shared["type"] == each, "id"].dropna(), "of", each)
    ]


def _named(which: Any, kind: Literal["folder", "file", "group"]) -> str:
    """An id with its kind; what an earlier pull left over names its kind itself."""
    for named in ("folder", "file", "group"):
        if isinstance(which, str) and re.fullmatch(rf"{named}s/\d+", which.strip()):
            return which.strip()
    return f"{kind}s/{ids.one(which, 'of', kind)}"


def shared_links(
    box: Connection, folder_id: str = "0", *, of: pd.DataFrame | None = None, as_user: str | None = None
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
    rows = given(walked, "box.shared_links", " ".join(LINK_COLUMNS), ITEMS, "box.tree")
    links = rows[rows["shared_link_url"].notna()].reset_index(drop=True)
    links.attrs.update({**walked.attrs, "dataset": "shared_links"})
    if of is not None and of.attrs.get("complete") is False:
        warn("shared_links is not complete, because the walk it is made from is not: see attrs['skipped'].")
    return links
