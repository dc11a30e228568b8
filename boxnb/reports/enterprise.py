"""The two walks that reports share: one finds all content of the enterprise, the other all collaborations on it.

Box cannot list either of these for a whole enterprise, because an admin sees only what is shared with the admin. So boxnb
reads each user's content once, as that user (with the ``As-User`` header). The reports take the result as ``of=``.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from boxnb.api import ids
from boxnb.datasets import people
from boxnb.datasets.estimate import Estimate
from boxnb.datasets.paging import by_marker
from boxnb.datasets.pull import Listing, Pull, run_pull
from boxnb.datasets.seen_by_many import ownership_of, with_paths
from boxnb.errors import FrameError
from boxnb.frames import schema
from boxnb.frames.pages import folders_of, whole_number
from boxnb.frames.requirements import with_columns
from boxnb.frames.schema import Column
from boxnb.harvest import Harvest

from . import from_console
from .shape import CONTENT, Inputs, Rows, domain, loaded, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

REFUSALS = 20
"""If Box refuses this many users and accepts none, the walk ends. One is not enough: a co-admin cannot act as another admin."""

SEEN_AS = (Column("seen_as", "text"),)
REQUESTED = tuple(Column(f"asked_{name}", "text") for name in ("type", "id"))
INVITATIONS = {
    "id": "text",
    "status": "category",
    "role": "category",
    "item_type": "category",
    "item_id": "text",
    "item_name": "text",
    "path": "text",
    "owner_login": "text",
    "ownership": "category",
    "who": "category",
    "who_id": "text",
    "who_name": "text",
    "login": "text",
    "domain": "text",
    "is_external": "boolean",
    "expires_at": "time",
    "is_expired": "boolean",
    "invited_by": "text",
    "created_at": "time",
}


class _Visit(NamedTuple):
    folder: str
    viewer: str


def content(box: Connection, *, people_of: Rows | None = None) -> pd.DataFrame:
    """
    Return every folder, file and web link that an active user of the enterprise can see, one row each.

    boxnb lists the top level of every active user as that user, with one call each, then walks the folders that the user
    owns, with one call per folder. It also walks folders that belong to users who left or to other companies, if an active
    user was invited to them. No one can read the private content of users who left, so it is missing (their ``space_used``
    in ``box.users()`` includes it). The trash is not included either.

    Parameters
    ----------
    box : Box
        Signed in as an admin, with an app that has *Make API calls using the as-user header*.
    people_of : DataFrame, optional
        Some rows of ``box.users()``, to walk only what these users can see.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`, then ``seen_as`` (text, the id of the user who saw the item), ``path``
        (the ancestor folders, joined by ``/``), ``depth`` (``Int64``, 1 at the top) and ``ownership`` (``active``, ``left`` if
        the owner is a suspended user, or ``outside`` if the owner is not a user of the enterprise). Each id appears once, even
        if the walk ended early. ``attrs["skipped"]`` lists what could not be read (``id``, ``as_user``, ``status``, ``why``).
        If anything is listed, ``attrs["complete"]`` is False, and boxnb warns.

    Raises
    ------
    ForbiddenError
        Box refused all of the first twenty users, because the app or the admin is not allowed to use ``As-User``.

    Notes
    -----
    Source: https://developer.box.com/guides/authentication/jwt/as-user/
    """
    people_of = None if people_of is None else loaded(people_of, "id")
    requested = None if people_of is None else ids.many(people_of, "people_of", "user")
    all_users = people.users(box)
    active = all_users.loc[all_users["status"] != "inactive", "id"].dropna()
    viewers = active.tolist() if requested is None else active[active.isin(requested)].tolist()

    def work(pull: Pull) -> None:
        pull.inherit(all_users)
        if isinstance(people_of, pd.DataFrame):
            pull.inherit(people_of, "box.users")
        # Rows of box.users() may include suspended users. An id in a list must be that of an active user.
        valid_ids = all_users["id"] if isinstance(people_of, pd.DataFrame) else active
        for user_id in sorted({*(requested or ())} - {*valid_ids}):
            pull.record_missing("no active user of this enterprise has this id", as_user=user_id)
        _walk(pull, viewers)

    # A partial walk has a separate name in the ledger, because only a full walk predicts the cost of the next one.
    name = "content" if people_of is None else "content of some"
    return run_pull(
        box,
        name,
        schema.ITEMS,
        {"users": len(viewers)},
        work,
        computed=SEEN_AS,
        tidy=lambda frame: with_paths(frame, set(active), set(all_users["id"])),
    )


def _walk(pull: Pull, viewers: list[str]) -> None:
    """Walk the top levels, then each user's own folders as that user, then other folders as the first user who saw them."""
    fields = schema.fields(schema.ITEMS)
    seen_ids, shared_folders = set[str](), dict[str, str]()
    refusals = 0
    with pull.pool(16) as pool:
        submitted: deque[tuple[_Visit, Future[Listing]]] = deque()

        def visit_folder(folder: str, viewer: str) -> None:
            visit = _Visit(folder, viewer)
            seen_ids.add(folder)
            path = f"/folders/{quote(folder, safe='')}/items"
            listing = pool.submit(pull.listing, by_marker, path, as_user=viewer, fields=fields)
            submitted.append((visit, listing))

        def finish_visits() -> None:
            nonlocal refusals
            while submitted:
                visit, future = submitted.popleft()
                listing = future.result()
                refusals += listing.error is not None
                # If Box refused all of the first users, calls for the remaining users would be wasted.
                hopeless = (
                    listing.error is not None and refusals == min(len(viewers), REFUSALS) and not pull.pages
                )
                pull.record_problem(listing, alone=hopeless, id=visit.folder, as_user=visit.viewer)
                # Box returned the content of one user, so continue with the remaining users.
                while remaining_viewers and listing.pages:
                    visit_folder("0", remaining_viewers.popleft())
                for page in listing.pages:
                    pull.take(page, visit.viewer)
                    folders, unusable = folders_of(page)
                    for entry in unusable:
                        pull.record_missing(entry.pop("why"), **entry, as_user=visit.viewer)
                    for folder in folders:
                        if folder.id in seen_ids:
                            continue
                        if visit.folder != "0" or folder.owner == visit.viewer:
                            visit_folder(folder.id, visit.viewer)
                        else:
                            shared_folders.setdefault(folder.id, visit.viewer)

        for viewer in viewers[:REFUSALS]:
            visit_folder("0", viewer)
        remaining_viewers = deque(viewers[REFUSALS:])
        finish_visits()
        for folder_id, viewer in shared_folders.items():
            if folder_id not in seen_ids:
                visit_folder(folder_id, viewer)
                finish_visits()


def items(inputs: Inputs, box: Connection, of: Rows | None, names: str, optional: str = "") -> pd.DataFrame:
    """Return the columns of content that a report needs, from the caller's DataFrame or, without one, from a walk.

    A console report gets the columns that it lacks. A DataFrame from ``box.tree`` lacks two of them. boxnb lists the users
    to compute ``ownership``; ``seen_as`` is the user that the walk acted as.
    """
    needed = {*names.split(), *optional.split()}
    of = of if of is None else loaded(of, f"{names} {optional}")
    if isinstance(of, pd.DataFrame):
        of = from_console.content(inputs, box, of)
        if "ownership" in needed - {*of.columns} and "owned_by_id" in of:
            owner = with_columns(of, f"reports.{inputs.report}", "owned_by_id", CONTENT, "reports.content")
            of = of.assign(ownership=_fetch_ownership(inputs, box, owner["owned_by_id"]))
        if "seen_as" in needed - {*of.columns}:
            of = of.assign(seen_as=(of.attrs.get("query") or {}).get("as_user"))
    return inputs.take(of, lambda: content(box), names, CONTENT, "reports.content", optional)


def _fetch_ownership(inputs: Inputs, box: Connection, owner: pd.Series) -> Any:
    users = people.users(box)
    inputs.record_source(users)
    return ownership_of(owner, set(users.loc[users["status"] != "inactive", "id"]), set(users["id"]))


def collaborations(
    box: Connection, *, of: Rows | None = None, flagged: bool = False, files: bool = False
) -> pd.DataFrame:
    """
    List everyone who was invited to the enterprise's content: one row per collaboration, on the folder it was made for.

    This takes one call per folder. The rows list users and groups, but not the members of a group, and not the owner.
    Folders that only users who left can open cannot be read.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`content` or ``box.tree``, or some of its rows. By default, boxnb walks the content first.
    flagged : bool
        Read only folders that Box flags as having collaborators. This takes fewer calls, but the flag ignores pending
        invitations.
    files : bool
        Also read files that Box flags as having collaborators, with one call each; Box flags every file below a shared
        folder. By default, collaborations on single files are missing.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`INVITATIONS`: ``who`` is ``user`` or ``group``; ``is_external`` is true for anyone who is not a user
        of the enterprise; ``is_expired`` is true if the collaboration has expired. ``attrs["skipped"]`` lists what could not
        be read, by this call or for ``of``.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-collaborations/
    """
    inputs = Inputs("collaborations")
    optional = "has_collaborations name path depth owned_by_login ownership seen_as"
    content_rows = items(inputs, box, of, "type id", optional)
    users = people.users(box)
    selected = _selected_items(content_rows, flagged=flagged, files=files)
    fields = schema.fields(schema.COLLABORATIONS)

    def work(pull: Pull) -> None:
        pull.inherit(inputs.frames[-1], "reports.content" if of is not None else "")
        for source in (*inputs.frames[:-1], users):
            pull.inherit(source)

        def listing_of(row: tuple[str, str, str]) -> Listing:
            path = f"/{row[0]}s/{quote(row[1], safe='')}/collaborations"
            return pull.listing(by_marker, path, as_user=row[2], fields=fields)

        seen_as = selected["seen_as"].astype("object").where(selected["seen_as"].notna(), None)
        rows = list(zip(selected["type"].astype("str"), selected["id"], seen_as, strict=True))
        with pull.pool(16) as pool:
            for row, listing in zip(rows, pool.map(listing_of, rows), strict=True):
                pull.record_problem(listing, id=row[1], as_user=row[2])
                for page in listing.pages:
                    pull.take(page, row[0], row[1])

    query = {"items": len(selected), "files": files}
    return run_pull(
        box,
        "invitations",
        schema.COLLABORATIONS,
        query,
        work,
        computed=REQUESTED,
        tidy=lambda rows: _invitations(box, rows, content_rows, users),
    )


def _selected_items(items: pd.DataFrame, *, flagged: bool, files: bool) -> pd.DataFrame:
    has_flag = items["has_collaborations"].fillna(True).astype(bool)
    selected = items["id"].notna() & (items["type"] == "folder") & (has_flag | (not flagged))
    if files:
        selected |= items["id"].notna() & (items["type"] == "file") & has_flag
    return items[selected].sort_values("depth", kind="stable")


def _invitations(
    box: Connection, collaborations: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame
) -> pd.DataFrame:
    """Return each collaboration once. Parent folders are read first, so the first row is for the folder it was made for."""
    ids_ = collaborations["id"]
    rows = collaborations[~ids_.duplicated() | ids_.isna()].reset_index(drop=True)
    rows["item_id"] = rows["item_id"].fillna(rows["asked_id"])
    rows["item_type"] = rows["item_type"].astype("str").fillna(rows["asked_type"])
    items_by_id = items[items["id"].notna()].drop_duplicates("id").set_index("id")
    item_rows = items_by_id.reindex(rows["item_id"]).reset_index(drop=True)
    rows["item_name"] = rows["item_name"].fillna(item_rows["name"])
    rows["path"], rows["owner_login"] = item_rows["path"], item_rows["owned_by_login"]
    rows["ownership"] = item_rows["ownership"].astype("str")
    rows["who"] = rows["accessible_by_type"].astype("str").fillna("user")
    rows["who_id"], rows["who_name"] = rows["accessible_by_id"], rows["accessible_by_name"]
    rows["login"] = rows["accessible_by_login"].fillna(rows["invite_email"])
    rows["domain"] = domain(rows["login"])
    is_user = rows["who_id"].isin(users["id"]) | rows["login"].str.lower().isin(users["login"].str.lower())
    rows["is_external"] = (rows["who"] == "user") & ~is_user
    rows["is_expired"] = rows["expires_at"] < now(box)
    rows["invited_by"] = rows["created_by_login"]
    return shaped(rows.sort_values(["path", "item_name", "login"]), INVITATIONS, Inputs("invitations"))


def invited(inputs: Inputs, box: Connection, of: Rows | None) -> pd.DataFrame | None:
    """Return *Collaborations* of the Admin Console, or a harvest of collaborations, in the form of :func:`collaborations`.

    Any other DataFrame is unchanged. The items and paths are those of the content that the harvest is made from.

    Raises
    ------
    FrameError
        The harvest is of another dataset.
    """
    if isinstance(of, Harvest):
        return _harvested(inputs, box, of)
    return None if of is None else from_console.invitations(inputs, box, of)


def _harvested(inputs: Inputs, box: Connection, harvest: Harvest) -> pd.DataFrame:
    if harvest.source is None or harvest.dataset != "collaborations":
        raise FrameError(
            f"This report needs a harvest of collaborations, not of {harvest.dataset}: box.harvest('collaborations')."
        )
    optional = "has_collaborations name path depth owned_by_login ownership seen_as"
    content_rows = with_columns(
        loaded(harvest.source, f"type id {optional}"),
        "reports.collaborations",
        "type id",
        CONTENT,
        "",
        optional,
    )
    rows = harvest.frame()
    users = people.users(box)
    inputs.record_source(users)
    result = _invitations(box, rows, content_rows, users)
    result.attrs.update({name: rows.attrs[name] for name in ("complete", "skipped")})
    return result


def estimate(box: Connection, name: str, *, of: Rows | None = None) -> Estimate:
    """
    Estimate how many calls :func:`content` or :func:`collaborations` will take.

    Parameters
    ----------
    box : Box
    name : {"content", "collaborations"}
    of : DataFrame, optional
        From :func:`content`; needed for ``"collaborations"``.

    Returns
    -------
    boxnb.datasets.estimate.Estimate

    Raises
    ------
    ValueError
        ``name`` is neither of these.
    """
    if name == "content":
        last = box.session.ledger.recall("content")
        if last:
            return Estimate(name, last["calls"], "about", f"The last walk took {last['calls']} calls.")
        users = whole_number(box.get("/users", limit=1).get("total_count")) or 0
        why = f"One call for each of {users} users, and one for each folder; the number of folders is not known in advance."
        return Estimate(name, users, "at least", why, 1)
    if name != "collaborations":
        raise ValueError(f"There is no estimate for {name!r}. Use 'content' or 'collaborations'.")
    if of is None:
        return Estimate(
            name, None, "unknown", "One call for each folder. Walk the content first, then pass it as of=."
        )
    content_rows = with_columns(
        loaded(of, "type id has_collaborations depth"),
        "reports.estimate",
        "type id",
        CONTENT,
        "reports.content",
        "has_collaborations depth",
    )
    folders = len(_selected_items(content_rows, flagged=False, files=False))
    flagged = len(_selected_items(content_rows, flagged=True, files=False))
    files = len(_selected_items(content_rows, flagged=False, files=True))
    why = (
        "One call for each folder, and one for the users. "
        f"With flagged=True, the number is {flagged + 1}; with files=True, {files + 1}."
    )
    return Estimate(name, folders + 1, "at least", why)
