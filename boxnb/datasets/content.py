"""Folders and files: items, trees, versions, search results, trash."""

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
from .pull import Listing, Pull, run_pull
from .pull_by_id import pull_one, without_fields
from .tree_changes import LONG, Watch, with_final_paths

if TYPE_CHECKING:
    from ..api.connection import Connection

PATH = (Column("path", "text"), Column("depth", "integer"))
"""The location of an item: the names of its ancestor folders, joined by ``/``, and its depth below the folder where the walk starts."""

SEARCHED: dict[str, ids.Kind] = {
    "ancestor_folder_ids": "folder",
    "owner_user_ids": "user",
    "recent_updater_user_ids": "user",
    "deleted_user_ids": "user",
}
"""The filters of Box's search that take ids, separated by commas."""


def items(
    box: Connection, folder_id: str = "0", *, as_user: str | None = None, marker: str | None = None
) -> pd.DataFrame:
    """
    List the folders, files and web links in one folder, one row each.

    Calls ``GET /folders/:id/items`` once for every 1000 items.

    Parameters
    ----------
    box : Box
    folder_id : str
        The id of the folder, as text or a number, or the URL of its page in Box; ``"0"`` is the root folder of the user who
        signed in.
    as_user : str, optional
        List the folder as this user. This needs an admin, and an app that is allowed to use the As-User header.
    marker : str, optional
        The marker to resume from.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`: ``type`` is ``folder``, ``file`` or ``web_link``; ``size`` is
        ``Int64`` bytes and, for a folder, includes everything below it.

    Raises
    ------
    IdError
        ``folder_id`` or ``as_user`` is not an id. Every function that takes an id raises this.
    NotFoundError
        The folder does not exist, or this user cannot see it; even an admin sees only what is shared with the admin.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-items/
    """
    folder_id = ids.one(folder_id, "folder_id", "folder")
    marker = arguments.text_or_none(marker, "marker")
    path = f"/folders/{folder_id}/items"

    def work(pull: Pull) -> None:
        pull.markers(path, marker, fields=schema.fields(schema.ITEMS))

    return run_pull(box, "items", schema.ITEMS, {"folder_id": folder_id}, work, as_user=as_user)


class _Folder(NamedTuple):
    id: str
    path: str
    depth: int


class _TreePull(Pull):
    """A walk. It resumes with the folders that it has not listed yet."""

    ahead: deque[tuple[_Folder, Future[Listing]]] | None = None

    def continuation(self) -> dict[str, Any] | None:
        return None if self.ahead is None else {"pending": [tuple(folder) for folder, _ in self.ahead]}


def tree(
    box: Connection,
    folder_id: str = "0",
    *,
    depth: int | None = None,
    as_user: str | None = None,
    pending: Sequence[tuple[str, str, int]] | None = None,
) -> pd.DataFrame:
    """
    Walk a folder and everything below it, one row per item.

    Calls ``GET /folders/:id/items`` once for every folder, and once more for every further 1000 items in it. The number of
    folders is not known in advance; see :func:`boxnb.datasets.estimate.estimate`. Several folders are listed in parallel; the
    rows are in order of depth, then in Box's order. A walk of more than 100 folders makes at least two more calls: it
    reads the user's own events to detect items that move from then on.

    Parameters
    ----------
    box : Box
    folder_id : str
        The folder to start from; ``"0"`` is the root folder of the user who signed in.
    depth : int, optional
        How many levels to go down; 1 means only the items directly in the folder. All levels by default.
    as_user : str, optional
        Walk as this user.
    pending : sequence of (id, path, depth), optional
        To resume a walk that ended early, pass ``error.partial.attrs["resume"]["pending"]``.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`, then ``path`` (text, the ancestor folders, top first, joined
        by ``/``) and ``depth`` (``Int64``, 1 for items directly in the folder). Each id appears once.

        ``attrs["skipped"]`` lists what could not be read, such as refused folders (``id``, ``path``, ``status``, ``why``);
        ``attrs["complete"]`` is then False, with a warning. ``attrs["moved"]`` lists the ids of items that moved during the
        walk, also with a warning. ``attrs["changed"]`` lists all events that affected these items during the walk
        (``event``, ``at``, ``type``, ``id``, ``name``, ``parent_id``). ``attrs["watched"]`` is True if those events were
        read, False if the walk was too short to watch, or else the reason why they were not read.

    Raises
    ------
    NotFoundError, ForbiddenError
        The first folder cannot be listed.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-items/
    """
    fields = schema.fields(schema.ITEMS)
    folder_id = ids.one(folder_id, "folder_id", "folder")
    depth = None if depth is None else number_of(depth, "depth")
    pending_folders = _pending(pending)

    def work(pull: _TreePull) -> None:
        watch = Watch(pull)
        start = [_Folder(folder_id, "", 1)] if pending is None else pending_folders
        seen_ids = {folder.id for folder in start}

        def list_items(folder: _Folder) -> Listing:
            path = f"/folders/{quote(folder.id, safe='')}/items"
            return pull.listing(by_marker, path, fields=fields)

        with pull.pool(16) as pool:
            pull.ahead = ahead = deque((folder, pool.submit(list_items, folder)) for folder in start)
            while ahead:
                if len(seen_ids) > LONG:
                    watch.begin()
                folder, future = ahead[0]
                listing = future.result()
                pull.record_problem(listing, alone=folder.id == folder_id, id=folder.id, path=folder.path)
                for content in listing.pages:
                    pull.take(content, folder.path, folder.depth)
                    if depth is not None and folder.depth >= depth:
                        continue
                    subfolders, unusable = folders_of(content)
                    for entry in unusable:
                        pull.record_missing(entry.pop("why"), **entry, path=folder.path)
                    for subfolder in subfolders:
                        if subfolder.id in seen_ids:
                            continue
                        seen_ids.add(subfolder.id)
                        path = f"{folder.path}/{subfolder.name}".lstrip("/")
                        child = _Folder(subfolder.id, path, folder.depth + 1)
                        ahead.append((child, pool.submit(list_items, child)))
                ahead.popleft()
        watch.end()

    frame = run_pull(
        box,
        "tree",
        schema.ITEMS,
        {"folder_id": folder_id, "depth": depth},
        work,
        computed=PATH,
        as_user=as_user,
        pull_class=_TreePull,
    )
    return with_final_paths(frame, folder_id)


def _pending(folders: Any) -> list[_Folder]:
    """Return the folders that an earlier walk did not list, from ``attrs["resume"]["pending"]``."""
    if folders is None:
        return []
    if not isinstance(folders, list | tuple) or not all(
        isinstance(folder, list | tuple) and len(folder) == len(_Folder._fields) for folder in folders
    ):
        raise ArgumentError(
            "pending takes error.partial.attrs['resume']['pending'] from an earlier walk, a list of (id, path, depth)."
        )
    return [
        _Folder(
            ids.one(folder_id, "pending", "folder"),
            arguments.text(path, "pending"),
            number_of(depth, "pending") or 1,
        )
        for folder_id, path, depth in folders
    ]


def folder(box: Connection, folder_id: str, *, as_user: str | None = None) -> pd.DataFrame:
    """
    Return one folder as one row with the columns of :func:`items`; its ``size`` includes everything below it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id/
    """
    folder_id = ids.one(folder_id, "folder_id", "folder")
    return pull_one(box, "folder", f"/folders/{folder_id}", schema.ITEMS, as_user=as_user)


def file(box: Connection, file_id: str, *, as_user: str | None = None) -> pd.DataFrame:
    """
    Return one file as one row with the columns of :func:`items`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-files-id/
    """
    file_id = ids.one(file_id, "file_id", "file")
    return pull_one(box, "file", f"/files/{file_id}", schema.ITEMS, as_user=as_user)


def versions(box: Connection, file_id: str, *, as_user: str | None = None, offset: int = 0) -> pd.DataFrame:
    """
    List the older versions of a file, one row each; for the current one use :func:`file`.

    Calls ``GET /files/:id/versions`` once for every 1000 versions. To resume a pull, pass its ``offset``.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.VERSIONS`; ``size`` is in bytes.

    Notes
    -----
    Source: https://developer.box.com/reference/get-files-id-versions/
    """
    file_id = ids.one(file_id, "file_id", "file")
    offset = number_of(offset, "offset")
    path = f"/files/{file_id}/versions"

    def work(pull: Pull) -> None:
        fields = schema.fields(schema.VERSIONS)
        pull.follow(by_offset(pull.fetch, pull.take, path, offset=offset, fields=fields), "offset")

    return run_pull(box, "versions", schema.VERSIONS, {"file_id": file_id}, work, as_user=as_user)


def search(
    box: Connection,
    query: str,
    *,
    type: Literal["file", "folder", "web_link"] | None = None,  # noqa: A002  Box's name for it
    as_user: str | None = None,
    **filters: Any,
) -> pd.DataFrame:
    """
    Search with Box's own search, one row per item.

    Calls ``GET /search`` once for every 200 rows, at most 6 times a second and 60 times a minute, up to 10,000 rows.
    Box's search index is about ten minutes behind. The result contains only items that the caller can see.

    Parameters
    ----------
    box : Box
    query : str
        Words, or ``"a phrase"`` in quotes, combined with AND, OR, NOT.
    type : {"file", "folder", "web_link"}, optional
    as_user : str, optional
    **filters
        Box's own filters, such as ``file_extensions="pdf,docx"``, ``size_range="1000000,"``, ``ancestor_folder_ids="17"``;
        ``offset`` resumes a pull, and ``limit`` requests smaller pages.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`.

    Raises
    ------
    ListingError
        More than 10,000 items match. Narrow the search.

    Notes
    -----
    Source: https://developer.box.com/reference/get-search/
    """
    for name in SEARCHED.keys() & filters:
        if filters[name] is not None:
            filters[name] = ids.comma_separated(filters[name], name, SEARCHED[name])
    for name in ("limit", "offset"):
        if filters.get(name) is not None:
            filters[name] = number_of(filters[name], name)
    query_params: dict[str, Any] = {"query": arguments.text(query, "query"), **arguments.query(filters)}
    if type is not None:
        query_params["type"] = arguments.choice(type, "type", ("file", "folder", "web_link"))

    def work(pull: Pull) -> None:
        params: dict[str, Any] = {"limit": 200, "fields": schema.fields(schema.ITEMS), **query_params}
        pull.follow(by_offset(pull.fetch, pull.take, "/search", **params), "offset")

    return run_pull(box, "search", schema.ITEMS, without_fields(query_params), work, as_user=as_user)


def trash(box: Connection, *, as_user: str | None = None, marker: str | None = None) -> pd.DataFrame:
    """
    List the trash of one user, one row per item.

    Calls ``GET /folders/trash/items`` once for every 1000 items, for one user. The trash of the
    whole enterprise takes at least one call per user.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`; ``trashed_at`` and ``purged_at`` are in UTC.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-trash-items/
    """
    marker = arguments.text_or_none(marker, "marker")

    def work(pull: Pull) -> None:
        pull.markers("/folders/trash/items", marker, fields=schema.fields(schema.ITEMS))

    return run_pull(box, "trash", schema.ITEMS, {}, work, as_user=as_user)
