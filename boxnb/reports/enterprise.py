"""The two walks that reports share: all content of the enterprise, and everyone invited to it.

Box cannot list either for a whole enterprise: an admin sees only what is shared with the admin. So each user's content is
read once, as that user (the ``As-User`` header); the reports take the result as ``of=``.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd

from boxnb.api import ids
from boxnb.datasets import people
from boxnb.datasets.estimate import Estimate
from boxnb.datasets.paging import by_marker
from boxnb.datasets.pull import Listing, Pull, run_pull
from boxnb.frames import schema
from boxnb.frames.ancestors import ancestors
from boxnb.frames.pages import NAMELESS, folders_of, whole_number
from boxnb.frames.requirements import with_columns
from boxnb.frames.schema import Column

from .shape import CONTENT, Inputs, domain, now, shaped

if TYPE_CHECKING:
    from boxnb.api.connection import Connection

REFUSALS = 20
"""Refused users in a row after which a walk gives up. More than one, because a co-admin may not act as other admins."""

SEEN_AS = (Column("seen_as", "text"),)
ASKED = tuple(Column(f"asked_{name}", "text") for name in ("type", "id"))
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


def content(box: Connection, *, people_of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Walk every folder, file and web link that an active user of the enterprise can see, one row each.

    Lists the top level of every active user as that user, one call each, then walks the folders that the user owns, one
    call per folder. Folders of users who left, or of other companies, are walked if an active user was invited to them.
    Nobody can read the private content of users who left, so it is missing (their ``space_used`` in ``box.users()`` counts
    it). The trash is not included either.

    Parameters
    ----------
    box : Box
        Needs an admin, and an app with *Make API calls using the as-user header*; ``As-User`` needs both.
    people_of : DataFrame, optional
        Some rows of ``box.users()``. Only what these users can see is walked.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.ITEMS`, then ``seen_as`` (text, id of the user it was listed as), ``path`` (the
        folders above, joined by ``/``), ``depth`` (``Int64``, 1 at the top) and ``ownership`` (``active``, ``left``: the owner is a suspended
        user, ``outside``: the owner is not a user of the enterprise). Each id appears once, even if the walk ended
        early. ``attrs["skipped"]`` lists what could not be read (``id``, ``as_user``, ``status``, ``why``); ``attrs["complete"]`` is
        then False, and a warning says so.

    Raises
    ------
    ForbiddenError
        None of the first twenty users could be read: the app or the admin may not use ``As-User``.

    Notes
    -----
    Source: https://developer.box.com/guides/authentication/jwt/as-user/
    """
    wanted = None if people_of is None else ids.many(people_of, "people_of", "user")
    everybody = people.users(box)
    active = everybody.loc[everybody["status"] != "inactive", "id"].dropna()
    able = active.tolist() if wanted is None else active[active.isin(wanted)].tolist()

    def work(pull: Pull) -> None:
        pull.inherit(everybody)
        if isinstance(people_of, pd.DataFrame):
            pull.inherit(people_of, "box.users")
        # Rows of box.users() may include suspended users. An id given explicitly must be an active user's.
        known = active if wanted is None or not isinstance(people_of, pd.DataFrame) else everybody["id"]
        for which in sorted({*(wanted or ())} - {*known}):
            pull.miss("no active user of this enterprise has this id", as_user=which)
        _walk(pull, able)

    # A separate name in the ledger, because only a whole walk predicts the cost of the next one.
    name = "content" if people_of is None else "content of some"
    return run_pull(
        box,
        name,
        schema.ITEMS,
        {"users": len(able)},
        work,
        computed=SEEN_AS,
        tidy=lambda frame: _placed(frame, set(active), set(everybody["id"])),
    )


def _walk(pull: Pull, viewers: list[str]) -> None:
    """Walk the top levels, then the folders below as their owners, then the rest as the first user who saw it."""
    fields = schema.fields(schema.ITEMS)
    seen, later = set[str](), dict[str, str]()
    refused = 0
    with pull.pool(16) as pool:
        ahead: deque[tuple[_Visit, Future[Listing]]] = deque()

        def go(folder: str, viewer: str) -> None:
            visit = _Visit(folder, viewer)
            seen.add(folder)
            path = f"/folders/{quote(folder, safe='')}/items"
            listing = pool.submit(pull.listing, by_marker, path, as_user=viewer, fields=fields)
            ahead.append((visit, listing))

        def finish() -> None:
            nonlocal refused
            while ahead:
                visit, future = ahead.popleft()
                listing = future.result()
                refused += listing.error is not None
                # All of the first users were refused, so trying the others would only cost calls.
                hopeless = (
                    listing.error is not None and refused == min(len(viewers), REFUSALS) and not pull.pages
                )
                pull.skip(listing, alone=hopeless, id=visit.folder, as_user=visit.viewer)
                # One user could be read, so trying the others is worth the calls.
                while waiting and listing.pages:
                    go("0", waiting.popleft())
                for page in listing.pages:
                    pull.take(page, visit.viewer)
                    folders, unusable = folders_of(page)
                    for entry in unusable:
                        pull.miss(entry.pop("why"), **entry, as_user=visit.viewer)
                    for folder in folders:
                        if folder.id in seen:
                            continue
                        if visit.folder != "0" or folder.owner == visit.viewer:
                            go(folder.id, visit.viewer)
                        else:
                            later.setdefault(folder.id, visit.viewer)

        for viewer in viewers[:REFUSALS]:
            go("0", viewer)
        waiting = deque(viewers[REFUSALS:])
        finish()
        for folder_id, viewer in later.items():
            if folder_id not in seen:
                go(folder_id, viewer)
                finish()


def _placed(frame: pd.DataFrame, able: set[str], managed: set[str]) -> pd.DataFrame:
    """Return each item once, as its owner sees it if possible, with its path, depth and ownership."""
    known = set(frame.loc[frame["type"] == "folder", "id"].dropna())
    by_owner = frame["seen_as"] == frame["owned_by_id"]
    rank = np.where(by_owner, 0, np.where(frame["parent_id"].isin(known), 1, 2))
    key = frame["type"].astype("str") + frame["id"]
    order = np.argsort(rank, kind="stable")
    ordered = key.iloc[order]
    first = ~ordered.duplicated() | ordered.isna()  # rows without an id are not duplicates
    once = frame.iloc[np.sort(order[first.to_numpy()])].reset_index(drop=True)
    folders = once[(once["type"] == "folder") & once["id"].notna()]
    parents = dict(zip(folders["id"], folders["parent_id"], strict=True))
    names = dict(zip(folders["id"], folders["name"].fillna(NAMELESS), strict=True))
    places: dict[str, tuple[str, int]] = {}
    for folder_id in names:
        chain = ancestors(folder_id, parents)
        path = "/".join(names[folder] for folder in reversed(chain)).lstrip("/")
        places[folder_id] = path, len(chain) + 1
    of_items = [places.get(parent, ("", 1)) for parent in once["parent_id"].astype("object")]
    once["path"] = pd.Series([path for path, _ in of_items], dtype="str")
    once["depth"] = pd.Series([depth for _, depth in of_items], dtype="Int64")
    once["ownership"] = _whose(once["owned_by_id"], able, managed)
    return once.sort_values(["depth", "path", "name", "id"], ignore_index=True)


def _whose(owner: pd.Series, able: set[str], managed: set[str]) -> Any:
    whose = np.where(owner.isin(able), "active", np.where(owner.isin(managed), "left", "outside"))
    return pd.Categorical(whose, categories=["active", "left", "outside"])


def items(
    inputs: Inputs, box: Connection, of: pd.DataFrame | None, names: str, optional: str = ""
) -> pd.DataFrame:
    """Return the columns of content that a report needs, from the caller's DataFrame or else from a walk.

    For a DataFrame from ``box.tree``, ``ownership`` is looked up, which lists the users, and ``seen_as`` is the user of that
    walk.
    """
    needed = {*names.split(), *optional.split()}
    if isinstance(of, pd.DataFrame):
        if "ownership" in needed - {*of.columns} and "owned_by_id" in of:
            owner = with_columns(of, f"reports.{inputs.report}", "owned_by_id", CONTENT, "reports.content")
            of = of.assign(ownership=_ownership(inputs, box, owner["owned_by_id"]))
        if "seen_as" in needed - {*of.columns}:
            of = of.assign(seen_as=(of.attrs.get("query") or {}).get("as_user"))
    return inputs.take(of, lambda: content(box), names, CONTENT, "reports.content", optional)


def _ownership(inputs: Inputs, box: Connection, owner: pd.Series) -> Any:
    users = people.users(box)
    inputs.hand_on(users)
    return _whose(owner, set(users.loc[users["status"] != "inactive", "id"]), set(users["id"]))


def collaborations(
    box: Connection, *, of: pd.DataFrame | None = None, flagged: bool = False, files: bool = False
) -> pd.DataFrame:
    """
    List everyone who was invited to the enterprise's content: one row per invitation, at the folder where it was made.

    Takes one call per folder. It lists users and groups, but not the members of a group, and not the owner. Single files can
    be shared, too: ``files=True`` includes every flagged file at one more call each, and Box flags all files below a shared
    folder. Without it, invitations to single files are missing. Folders that only users who left could open cannot be read.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`content` or ``box.tree``, or some of its rows. By default the content is walked first.
    flagged : bool
        Read only folders that have collaborators by Box's own flag. This takes fewer calls, but the flag ignores pending
        invitations.
    files : bool
        Also read single files that are flagged.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`INVITATIONS`: ``who`` is ``user`` or ``group``; ``is_external`` is true for anyone who is not a user of the
        enterprise; ``is_expired`` is true if the invitation has expired. ``attrs["skipped"]`` lists what could not be read, and
        what the content it is made from lacks.

    Notes
    -----
    Source: https://developer.box.com/reference/get-folders-id-collaborations/
    """
    inputs = Inputs("collaborations")
    optional = "has_collaborations name path depth owned_by_login ownership seen_as"
    walked = items(inputs, box, of, "type id", optional)
    users = people.users(box)
    asked = _asked(walked, flagged=flagged, files=files)
    fields = schema.fields(schema.COLLABORATIONS)

    def work(pull: Pull) -> None:
        pull.inherit(inputs.frames[-1], "reports.content" if of is not None else "")
        for listed in (*inputs.frames[:-1], users):
            pull.inherit(listed)

        def listing_of(row: tuple[str, str, str]) -> Listing:
            path = f"/{row[0]}s/{quote(row[1], safe='')}/collaborations"
            return pull.listing(by_marker, path, as_user=row[2], fields=fields)

        seen_as = asked["seen_as"].astype("object").where(asked["seen_as"].notna(), None)
        rows = list(zip(asked["type"].astype("str"), asked["id"], seen_as, strict=True))
        with pull.pool(16) as pool:
            for row, listing in zip(rows, pool.map(listing_of, rows), strict=True):
                pull.skip(listing, id=row[1], as_user=row[2])
                for page in listing.pages:
                    pull.take(page, row[0], row[1])

    query = {"items": len(asked), "files": files}
    return run_pull(
        box,
        "invitations",
        schema.COLLABORATIONS,
        query,
        work,
        computed=ASKED,
        tidy=lambda rows: _invitations(box, rows, walked, users),
    )


def _asked(items: pd.DataFrame, *, flagged: bool, files: bool) -> pd.DataFrame:
    has = items["has_collaborations"].fillna(True).astype(bool)
    wanted = items["id"].notna() & (items["type"] == "folder") & (has | (not flagged))
    if files:
        wanted |= items["id"].notna() & (items["type"] == "file") & has
    return items[wanted].sort_values("depth", kind="stable")


def _invitations(
    box: Connection, found: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame
) -> pd.DataFrame:
    """Return each invitation once. Folders are read from the top down, so the first row is where it was made."""
    rows = found[~found["id"].duplicated() | found["id"].isna()].reset_index(drop=True)
    rows["item_id"] = rows["item_id"].fillna(rows["asked_id"])
    rows["item_type"] = rows["item_type"].astype("str").fillna(rows["asked_type"])
    about = items[items["id"].notna()].drop_duplicates("id").set_index("id")
    place = about.reindex(rows["item_id"]).reset_index(drop=True)
    rows["item_name"] = rows["item_name"].fillna(place["name"])
    rows["path"], rows["owner_login"] = place["path"], place["owned_by_login"]
    rows["ownership"] = place["ownership"].astype("str")
    rows["who"] = rows["accessible_by_type"].astype("str").fillna("user")
    rows["who_id"], rows["who_name"] = rows["accessible_by_id"], rows["accessible_by_name"]
    rows["login"] = rows["accessible_by_login"].fillna(rows["invite_email"])
    rows["domain"] = domain(rows["login"])
    known = rows["who_id"].isin(users["id"]) | rows["login"].str.lower().isin(users["login"].str.lower())
    rows["is_external"] = (rows["who"] == "user") & ~known
    rows["is_expired"] = rows["expires_at"] < now(box)
    rows["invited_by"] = rows["created_by_login"]
    return shaped(rows.sort_values(["path", "item_name", "login"]), INVITATIONS, Inputs("invitations"))


def estimate(box: Connection, name: str, *, of: pd.DataFrame | None = None) -> Estimate:
    """
    Estimate the calls of :func:`content` or :func:`collaborations`.

    Parameters
    ----------
    box : Box
    name : {"content", "collaborations"}
    of : DataFrame, optional
        From :func:`content`; needed to count ``"collaborations"``.

    Returns
    -------
    boxnb.datasets.estimate.Estimate

    Raises
    ------
    ValueError
        ``name`` has another value.
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
            name, None, "unknown", "One call for each folder. Walk the content first, then pass it as of."
        )
    walked = with_columns(
        of, "reports.estimate", "type id", CONTENT, "reports.content", "has_collaborations depth"
    )
    folders = len(_asked(walked, flagged=False, files=False))
    flagged = len(_asked(walked, flagged=True, files=False))
    files = len(_asked(walked, flagged=False, files=True))
    why = f"One for each folder, and one for the users; {flagged + 1} with flagged=True, {files + 1} with files=True."
    return Estimate(name, folders + 1, "at least", why)
