"""The two walks the reports share: all content of the enterprise, and everybody who was invited to it.

Box lists neither for a whole enterprise: an admin sees what is shared with the admin. So each person's content is
read as that person (the ``As-User`` header), once; the reports take the result as ``of=``.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd

from boxnb import ids, people, schema
from boxnb.estimate import Estimate
from boxnb.given import given
from boxnb.pages import NAMELESS, folders_of, whole_number
from boxnb.paging import by_marker
from boxnb.pull import Listing, Pull, pulled
from boxnb.schema import Column

from .shape import CONTENT, Inputs, domain, now, shaped

if TYPE_CHECKING:
    from boxnb.box import Box

REFUSALS = 20
"""People who may not be looked at, one after the other, before a walk gives up. A co-admin may not look at other admins, so it is not one."""

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
    "is_external": "truth",
    "expires_at": "time",
    "is_expired": "truth",
    "invited_by": "text",
    "created_at": "time",
}


class _Place(NamedTuple):
    folder: str
    viewer: str


def content(box: Box, *, people_of: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Every folder, file and web link that somebody active in the enterprise can see, one row each.

    Lists the top level of every active user as that user, one call each, then walks the folders the user owns, one
    call a folder. Of folders that belong to people who left, or to other companies, what somebody active was
    invited to is walked too; what they kept to themselves, nobody's sign-in can read, so it is not here (their
    ``space_used`` in ``box.users()`` counts it). The trash is not here either.

    Parameters
    ----------
    box : Box
        An admin, and an app with *Make API calls using the as-user header*; both are needed for ``As-User``.
    people_of : DataFrame, optional
        Some rows of ``box.users()``: only what these people can see is walked.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.schema.ITEMS` says, then ``seen_as`` (text, id of the user who was asked), ``path`` (the
        folders above, joined by ``/``), ``depth`` (``Int64``, 1 at the top) and ``ownership`` (``active``, ``left``: the owner is a suspended
        user, ``outside``: the owner is no user of the enterprise). No id twice, also where the walk ended early.
        ``attrs["skipped"]`` lists what could not be read (``id``, ``as_user``, ``status``, ``why``); ``attrs["complete"]`` is False
        then, and a warning says so.

    Raises
    ------
    ForbiddenError
        None of the first twenty people could be looked at: the app or the person may not use ``As-User``.

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
        # Rows of box.users() may have suspended people among them; who names one by id is told.
        known = active if wanted is None or not isinstance(people_of, pd.DataFrame) else everybody["id"]
        for which in sorted({*(wanted or ())} - {*known}):
            pull.miss("no active user of this enterprise has this id", as_user=which)
        pull.tidy = lambda frame: _placed(frame, set(active), set(everybody["id"]))
        _walk(pull, able)

    name = (
        "content" if people_of is None else "content of some"
    )  # only the whole one tells what the next will cost
    return pulled(box, name, schema.ITEMS, {"users": len(able)}, work, computed=SEEN_AS)


def _walk(pull: Pull, viewers: list[str]) -> None:
    """Tops first, then what is below: who owns a folder walks it; what no owner came to, whoever met it first."""
    asked = schema.fields(schema.ITEMS)
    seen, later = set[str](), dict[str, str]()
    refused = 0
    with pull.pool(16) as pool:
        ahead: deque[tuple[_Place, Future[Listing]]] = deque()

        def go(folder: str, viewer: str) -> None:
            place = _Place(folder, viewer)
            seen.add(folder)
            path = f"/folders/{quote(folder, safe='')}/items"
            listing = pool.submit(pull.listing, by_marker, path, as_user=viewer, fields=asked)
            ahead.append((place, listing))

        def finish() -> None:
            nonlocal refused
            while ahead:
                place, listing = ahead.popleft()
                found = listing.result()
                refused += found.error is not None
                # not one of them could be looked at: the rest would only cost calls
                hopeless = (
                    found.error is not None and refused == min(len(viewers), REFUSALS) and not pull.pages
                )
                pull.skip(found, alone=hopeless, id=place.folder, as_user=place.viewer)
                # A user can be looked at, so the calls for the others are worth making.
                while waiting and found.pages:
                    go("0", waiting.popleft())
                for page in found.pages:
                    pull.take(page, place.viewer)
                    folders, lost = folders_of(page)
                    for each in lost:
                        pull.miss(each.pop("why"), **each, as_user=place.viewer)
                    for folder in folders:
                        if folder.id in seen:
                            continue
                        if place.folder != "0" or folder.owner == place.viewer:
                            go(folder.id, place.viewer)
                        else:
                            later.setdefault(folder.id, place.viewer)

        for viewer in viewers[:REFUSALS]:
            go("0", viewer)
        waiting = deque(viewers[REFUSALS:])
        finish()
        for folder_id, viewer in later.items():
            if folder_id not in seen:
                go(folder_id, viewer)
                finish()


def _placed(frame: pd.DataFrame, able: set[str], managed: set[str]) -> pd.DataFrame:
    """Each item once, as its owner sees it where that can be, with its place and whose it is."""
    known = set(frame.loc[frame["type"] == "folder", "id"].dropna())
    by_owner = frame["seen_as"] == frame["owned_by_id"]
    rank = np.where(by_owner, 0, np.where(frame["parent_id"].isin(known), 1, 2))
    key = frame["type"].astype("str") + frame["id"]
    order = np.argsort(rank, kind="stable")
    ordered = key.iloc[order]
    first = ~ordered.duplicated() | ordered.isna()  # what has no id is not a double
    once = frame.iloc[np.sort(order[first.to_numpy()])].reset_index(drop=True)
    folders = once[(once["type"] == "folder") & once["id"].notna()]
    above = dict(zip(folders["id"], folders["parent_id"], strict=True))
    names = dict(zip(folders["id"], folders["name"].fillna(NAMELESS), strict=True))
    paths: dict[str, tuple[str, int]] = {}
    for folder_id in names:
        _path(folder_id, above, names, paths)
    found = [paths.get(parent, ("", 1)) for parent in once["parent_id"].astype("object")]
    once["path"] = pd.Series([path for path, _ in found], dtype="str")
    once["depth"] = pd.Series([depth for _, depth in found], dtype="Int64")
    once["ownership"] = _whose(once["owned_by_id"], able, managed)
    return once.sort_values(["depth", "path", "name", "id"], ignore_index=True)


def _whose(owner: pd.Series, able: set[str], managed: set[str]) -> Any:
    whose = np.where(owner.isin(able), "active", np.where(owner.isin(managed), "left", "outside"))
    return pd.Categorical(whose, categories=["active", "left", "outside"])


def items(inputs: Inputs, box: Box, of: pd.DataFrame | None, names: str, optional: str = "") -> pd.DataFrame:
    """The columns of content that a report needs, from a frame that was given, else walked.

    Of a frame from ``box.tree`` and its kin, whose items belong to is looked up, which takes a listing of the users; it was
    seen as the user of that walk.
    """
    asked = {*names.split(), *optional.split()}
    if isinstance(of, pd.DataFrame):
        if "ownership" in asked - {*of.columns} and "owned_by_id" in of:
            owner = given(of, f"reports.{inputs.report}", "owned_by_id", CONTENT, "reports.content")
            of = of.assign(ownership=_of_whom(inputs, box, owner["owned_by_id"]))
        if "seen_as" in asked - {*of.columns}:
            of = of.assign(seen_as=(of.attrs.get("query") or {}).get("as_user"))
    return inputs.take(of, lambda: content(box), names, CONTENT, "reports.content", optional)


def _of_whom(inputs: Inputs, box: Box, owner: pd.Series) -> Any:
    users = people.users(box)
    inputs.hand_on(users)
    return _whose(owner, set(users.loc[users["status"] != "inactive", "id"]), set(users["id"]))


def _path(
    folder_id: str, above: dict[str, str], names: dict[str, str], paths: dict[str, tuple[str, int]]
) -> None:
    """Fill in where the children of a folder stand, and of all the folders above it."""
    chain = []
    while folder_id in names and folder_id not in paths and folder_id not in chain:
        chain.append(folder_id)
        folder_id = above[folder_id]
    for each in reversed(chain):
        path, depth = paths.get(above[each], ("", 1))
        paths[each] = (f"{path}/{names[each]}".lstrip("/"), depth + 1)


def collaborations(
    box: Box, *, of: pd.DataFrame | None = None, flagged: bool = False, files: bool = False
) -> pd.DataFrame:
    """
    Everybody who was invited to the enterprise's content, one row an invitation, each once, where it was made.

    One call for each folder. It lists people and groups, not the members of a group, and not the owner. Single files can be shared too: ``files=True`` asks every flagged file, which is one more
    call each, and Box flags all files below a shared folder; without it, invitations to single files are not
    here. Folders that only people who left could open cannot be asked.

    Parameters
    ----------
    box : Box
    of : DataFrame, optional
        From :func:`content` or ``box.tree``, or some of its rows; content is walked first unless given.
    flagged : bool
        Ask only folders that have collaborators by Box's own flag: fewer calls, but the flag does not count an invitation
        that is still pending.
    files : bool
        Ask single files as well, flagged ones.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`INVITATIONS`: ``who`` is ``user`` or ``group``; ``is_external`` is true for who is no user of the enterprise;
        ``is_expired`` where the end lies behind. ``attrs["skipped"]`` lists what could not be asked, and what the content it is made from lacks.

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
        pull.tidy = lambda rows: _invitations(box, rows, walked, users)
        pull.inherit(inputs.frames[-1], "reports.content" if of is not None else "")
        for listed in (*inputs.frames[:-1], users):
            pull.inherit(listed)

        def listing(row: tuple[str, str, str]) -> Listing:
            path = f"/{row[0]}s/{quote(row[1], safe='')}/collaborations"
            return pull.listing(by_marker, path, as_user=row[2], fields=fields)

        seen_as = asked["seen_as"].astype("object").where(asked["seen_as"].notna(), None)
        rows = list(zip(asked["type"].astype("str"), asked["id"], seen_as, strict=True))
        with pull.pool(16) as pool:
            for row, found in zip(rows, pool.map(listing, rows), strict=True):
                pull.skip(found, id=row[1], as_user=row[2])
                for page in found.pages:
                    pull.take(page, row[0], row[1])

    query = {"items": len(asked), "files": files}
    return pulled(box, "invitations", schema.COLLABORATIONS, query, work, computed=ASKED)


def _asked(items: pd.DataFrame, *, flagged: bool, files: bool) -> pd.DataFrame:
    has = items["has_collaborations"].fillna(True).astype(bool)
    wanted = items["id"].notna() & (items["type"] == "folder") & (has | (not flagged))
    if files:
        wanted |= items["id"].notna() & (items["type"] == "file") & has
    return items[wanted].sort_values("depth", kind="stable")


def _invitations(box: Box, found: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """Asked from the top down, so the first time an invitation is met is where it was made."""
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


def estimate(box: Box, name: str, *, of: pd.DataFrame | None = None) -> Estimate:
    """
    What :func:`content` or :func:`collaborations` will cost, in calls.

    Parameters
    ----------
    box : Box
    name : {"content", "collaborations"}
    of : DataFrame, optional
        From :func:`content`; needed for ``"collaborations"`` to be counted.

    Returns
    -------
    boxnb.estimate.Estimate

    Raises
    ------
    ValueError
        Another name.
    """
    if name == "content":
        last = box.session.ledger.recall("content")
        if last:
            return Estimate(name, last["calls"], "about", f"The last walk took {last['calls']} calls.")
        users = whole_number(box.get("/users", limit=1).get("total_count")) or 0
        why = f"One call for each of {users} users, and one for each folder; nothing tells how many folders there are."
        return Estimate(name, users, "at least", why, 1)
    if name != "collaborations":
        raise ValueError(f"There is no estimate for {name!r}: ask for 'content' or 'collaborations'.")
    if of is None:
        return Estimate(name, None, "unknown", "One call for each folder: walk the content first.")
    walked = given(of, "reports.estimate", "type id", CONTENT, "reports.content", "has_collaborations depth")
    folders = len(_asked(walked, flagged=False, files=False))
    flagged = len(_asked(walked, flagged=True, files=False))
    files = len(_asked(walked, flagged=False, files=True))
    why = f"One for each folder, and one for the users; {flagged + 1} with flagged=True, {files + 1} with files=True."
    return Estimate(name, folders + 1, "at least", why)
