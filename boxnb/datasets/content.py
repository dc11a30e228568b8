"""Folders, files and what is in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote

import pandas as pd

from ..api import arguments, ids
from ..errors import ArgumentError
from ..frames import schema
from ..frames.pages import folders_of
from ..frames.schema import Column
from .paging import by_marker, by_offset, number_of
from .pull import Listing, Pull, one, pulled, said
from .tree_changes import LONG, Watch, settled

if TYPE_CHECKING:
    from ..api.connection import Connection

PLACE = (Column("path", "text"), Column("depth", "integer"))
"""Where a row of a tree stands: the names of the folders above it, and how many there are below the root."""


SEARCHED: dict[str, ids.Kind] = {
    "ancestor_folder_ids": "folder",
    "owner_user_ids": "user",
    "recent_updater_user_ids": "user",
    "deleted_user_ids": "user",
}
"""The filters of Box's search that take ids, several with commas."""


def items(
    box: Connection, folder_id: str = "0", *, as_user: str | None = None, marker: str | None = None
) -> pd.DataFrame:
    """
    What is in one folder: folders, files and web links, one row each.

    Calls ``GET /folders/:id/items`` once for every 1000 items.

    Parameters
    ----------
    box : Box
    folder_id : str
        Its id, as text or number, or the address of its page in Box; ``"0"`` is the top of who signed in.
    as_user : str, optional
        Look as this user; needs the As-User switch and an admin.
    marker : str, optional
        Continue from here.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.ITEMS` says: ``type`` is ``folder``, ``file`` or ``web_link``; ``size`` is
        ``Int64`` bytes, a folder's with all that is below it.

    Raises
    ------
    IdError
        ``folder_id`` or ``as_user`` is not an id; the same holds wherever an id is asked for.
    NotFoundError
        There is no such folder, or this user may not see it: an admin sees what is shared with the admin.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-items/
    """
    folder_id = ids.one(folder_id, "folder_id", "folder")
    marker = arguments.text_or_none(marker, "marker")
    path = f"/folders/{folder_id}/items"

    def work(pull: Pull) -> None:
        pull.markers(path, marker, fields=schema.fields(schema.ITEMS))

    return pulled(box, "items", schema.ITEMS, {"folder_id": folder_id}, work, as_user=as_user)


class _Place(NamedTuple):
    id: str
    path: str
    depth: int


def tree(
    box: Connection,
    folder_id: str = "0",
    *,
    depth: int | None = None,
    as_user: str | None = None,
    pending: Sequence[tuple[str, str, int]] | None = None,
) -> pd.DataFrame:
    """
    Walk a folder and all below it, one row an item.

    Calls ``GET /folders/:id/items`` once for every folder and once more for every further 1000 items in it: nothing
    tells beforehand how many folders there are, see :func:`boxnb.datasets.estimate.estimate`. Several folders are asked at once; the rows
    come level by level, in Box's order. A walk that has found more than 100 folders takes two calls more, to learn from the
    user's own events what moves from then on.

    Parameters
    ----------
    box : Box
    folder_id : str
        Where to begin; ``"0"`` is the top of who signed in.
    depth : int, optional
        How many levels to go down: 1 is the folder's own items; all of them unless given.
    as_user : str, optional
        Walk as this user.
    pending : sequence of (id, path, depth), optional
        Continue from here: ``error.partial.attrs["resume"]`` of a walk that ended early.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.ITEMS` says, then ``path`` (text, the folders above, from the root, joined by
        ``/``) and ``depth`` (``Int64``, 1 for the folder's own items). No id twice. ``attrs["skipped"]`` lists what could not
        be read: folders that Box refused and odd entries (``id``, ``path``, ``status``, ``why``); ``attrs["complete"]`` is False then,
        and a warning says so; ``attrs["moved"]`` the ids of what moved while the walk went on,
        with a warning; ``attrs["changed"]`` what else happened to items of the walk (``event``, ``at``, ``type``, ``id``,
        ``name``, ``parent_id``); ``attrs["watched"]`` whether those events could be asked for: True, False for a short walk,
        or why not.

    Raises
    ------
    NotFoundError, ForbiddenError
        The first folder itself cannot be opened.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-items/
    """
    asked = schema.fields(schema.ITEMS)
    folder_id = ids.one(folder_id, "folder_id", "folder")
    depth = None if depth is None else number_of(depth, "depth")
    later = _pending(pending)

    def work(pull: Pull) -> None:
        watch = Watch(pull)
        begin = [_Place(folder_id, "", 1)] if pending is None else later
        seen = {place.id for place in begin}

        def listing(place: _Place) -> Listing:
            path = f"/folders/{quote(place.id, safe='')}/items"
            return pull.listing(by_marker, path, fields=asked)

        with pull.pool(16) as pool:
            ahead: deque[tuple[_Place, Future[Listing]]] = deque()
            ahead.extend((place, pool.submit(listing, place)) for place in begin)
            while ahead:
                if len(seen) > LONG:
                    watch.begin()
                pull.resume = lambda: {"pending": [tuple(place) for place, _ in ahead]}
                place, listed = ahead[0]
                found = listed.result()
                pull.skip(found, alone=place.id == folder_id, id=place.id, path=place.path)
                for content in found.pages:
                    pull.take(content, place.path, place.depth)
                    if depth is not None and place.depth >= depth:
                        continue
                    folders, lost = folders_of(content)
                    for each in lost:
                        pull.miss(each.pop("why"), **each, path=place.path)
                    for entry in folders:
                        if entry.id in seen:
                            continue
                        seen.add(entry.id)
                        below = _Place(entry.id, f"{place.path}/{entry.name}".lstrip("/"), place.depth + 1)
                        ahead.append((below, pool.submit(listing, below)))
                ahead.popleft()
        watch.end()

    frame = pulled(
        box,
        "tree",
        schema.ITEMS,
        {"folder_id": folder_id, "depth": depth},
        work,
        computed=PLACE,
        as_user=as_user,
    )
    return settled(frame, folder_id)


def _pending(places: Any) -> list[_Place]:
    """Where an earlier walk had come to."""
    if places is None:
        return []
    if not isinstance(places, list | tuple) or not all(
        isinstance(each, list | tuple) and len(each) == len(_Place._fields) for each in places
    ):
        raise ArgumentError(
            "pending takes what error.partial.attrs['resume'] of a walk has: a list of (id, path, depth)."
        )
    return [
        _Place(
            ids.one(which, "pending", "folder"),
            arguments.text(path, "pending"),
            number_of(level, "pending") or 1,
        )
        for which, path, level in places
    ]


def folder(box: Connection, folder_id: str, *, as_user: str | None = None) -> pd.DataFrame:
    """
    One folder, as one row with the columns of :func:`items`; its ``size`` counts all below it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id/
    """
    folder_id = ids.one(folder_id, "folder_id", "folder")
    return one(box, "folder", f"/folders/{folder_id}", schema.ITEMS, as_user=as_user)


def file(box: Connection, file_id: str, *, as_user: str | None = None) -> pd.DataFrame:
    """
    One file, as one row with the columns of :func:`items`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-files-id/
    """
    file_id = ids.one(file_id, "file_id", "file")
    return one(box, "file", f"/files/{file_id}", schema.ITEMS, as_user=as_user)


def versions(box: Connection, file_id: str, *, as_user: str | None = None, offset: int = 0) -> pd.DataFrame:
    """
    Older versions of a file, one row each; the current one is :func:`file`.

    Calls ``GET /files/:id/versions`` once for every 1000 versions; ``offset`` continues from there.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.VERSIONS` says; ``size`` in bytes.

    Notes
    -----
    Source: https://developer.box.com/reference/get-files-id-versions/
    """
    file_id = ids.one(file_id, "file_id", "file")
    offset = number_of(offset, "offset")
    path = f"/files/{file_id}/versions"

    def work(pull: Pull) -> None:
        asked = schema.fields(schema.VERSIONS)
        pull.follow(by_offset(pull.fetch, pull.take, path, offset=offset, fields=asked), "offset")

    return pulled(box, "versions", schema.VERSIONS, {"file_id": file_id}, work, as_user=as_user)


def search(
    box: Connection,
    query: str,
    *,
    type: Literal["file", "folder", "web_link"] | None = None,  # noqa: A002  Box's name for it
    as_user: str | None = None,
    **filters: Any,
) -> pd.DataFrame:
    """
    What Box's search finds, one row an item.

    Calls ``GET /search`` once for every 200 rows, at most 6 a second and 60 a minute, up to 10,000 rows. The index lags some
    ten minutes behind, and only what the caller may see is found.

    Parameters
    ----------
    box : Box
    query : str
        Words, or ``"a phrase"`` in quotes, with AND, OR, NOT.
    type : {"file", "folder", "web_link"}, optional
    as_user : str, optional
    **filters
        Box's own, such as ``file_extensions="pdf,docx"``, ``size_range="1000000,"``, ``ancestor_folder_ids="17"``;
        ``offset`` to continue from there, ``limit`` for smaller pages.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.ITEMS` says.

    Raises
    ------
    ListingError
        More than 10,000 items match: narrow the search.

    Notes
    -----
    Source: https://developer.box.com/reference/get-search/
    """
    for name in SEARCHED.keys() & filters:
        if filters[name] is not None:
            filters[name] = ids.listed(filters[name], name, SEARCHED[name])
    for name in ("limit", "offset"):
        if filters.get(name) is not None:
            filters[name] = number_of(filters[name], name)
    words = arguments.text(query, "query")
    asked: dict[str, Any] = {"query": words, **arguments.query(filters)}
    if type is not None:
        asked["type"] = arguments.choice(type, "type", ("file", "folder", "web_link"))

    def work(pull: Pull) -> None:
        turned: dict[str, Any] = {"limit": 200, "fields": schema.fields(schema.ITEMS), **asked}
        pull.follow(by_offset(pull.fetch, pull.take, "/search", **turned), "offset")

    return pulled(box, "search", schema.ITEMS, said(asked), work, as_user=as_user)


def trash(box: Connection, *, as_user: str | None = None, marker: str | None = None) -> pd.DataFrame:
    """
    What one user deleted and Box still keeps, one row an item.

    Calls ``GET /folders/trash/items`` once for every 1000 items, for one user: the whole enterprise takes a call a user.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.ITEMS` says; ``trashed_at`` and ``purged_at`` in UTC.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-trash-items/
    """
    marker = arguments.text_or_none(marker, "marker")

    def work(pull: Pull) -> None:
        pull.markers("/folders/trash/items", marker, fields=schema.fields(schema.ITEMS))

    return pulled(box, "trash", schema.ITEMS, {}, work, as_user=as_user)
