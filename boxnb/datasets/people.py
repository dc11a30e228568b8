"""Who is in the enterprise: users, groups, memberships, devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..api import arguments
from ..api.ids import many as many_ids
from ..api.ids import one as one_id
from ..errors import ListingError
from ..frames import schema
from ..frames.pages import Page, paging_of
from .paging import CEILING, by_offset, number_of
from .pull import Pull, each, one, pulled, said

if TYPE_CHECKING:
    from ..api.connection import Connection

USER_TYPES = ("managed", "external", "all")


def users(
    box: Connection,
    *,
    user_type: Literal["managed", "external", "all"] = "managed",
    filter_term: str | None = None,
    marker: str | None = None,
    offset: int = 0,
) -> pd.DataFrame:
    """
    List the enterprise's users, one row each.

    Calls ``GET /users`` once for every 1000 users. Up to 10,000 users the pages are asked for at once, by offset;
    beyond, one after another, by marker. Which it is, the last pull of the profile tells; the first time one page.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; an admin or co-admin, and an app with the scope *Manage users*.
    user_type : {"managed", "external", "all"}
        Which users to list. Box finds external users by their exact login only.
    filter_term : str, optional
        Only names or logins that start with this.
    marker, offset : optional
        Continue from here: ``error.partial.attrs["resume"]`` of a pull that ended early has the one or the other.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1, in Box's order; the same columns and dtypes when nobody matches. Columns as
        :data:`boxnb.frames.schema.USERS` says: ``id`` text (digits, but not a number), ``space_used`` and
        ``space_amount`` ``Int64`` bytes, ``created_at`` and ``modified_at`` ``datetime64[us, UTC]``,
        ``role`` and ``status`` categories, ``tracking_codes`` JSON text, which
        :func:`boxnb.frames.children` makes a table of. ``attrs``: ``dataset``, ``profile``, ``query``, ``pages``, ``calls``,
        ``fetched_at``, ``complete``, ``resume``.

    Raises
    ------
    NotSignedInError, InvalidGrantError
        Nobody is signed in, or the sign-in is gone.
    ForbiddenError
        The app lacks the scope, or the user is no admin.
    ListingError
        Somebody joined or left while an ``offset`` was gone on from.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users/
    """
    query: dict[str, Any] = {
        "user_type": arguments.choice(user_type, "user_type", USER_TYPES),
        "fields": schema.fields(schema.USERS),
    }
    if filter_term is not None:
        query["filter_term"] = arguments.text(filter_term, "filter_term")
    marker = arguments.text_or_none(marker, "marker")
    offset = number_of(offset, "offset")
    known = box.session.ledger.recall("users").get("rows", 0)

    def work(pull: Pull) -> None:
        if marker is None and (offset or known <= CEILING) and _by_offset(pull, query, offset):
            return
        pull.markers("/users", marker, **query)

    return pulled(box, "users", schema.USERS, said(query), work)


def _by_offset(pull: Pull, query: dict[str, Any], offset: int) -> bool:
    """All pages at once where offsets reach the end; else False, with nothing taken.

    Somebody who joins or leaves between two pages shifts the offsets: then markers serve, which nobody shifts, but
    only from the beginning.
    """
    first = pull.fetch("/users", offset=offset, limit=1000, **query)
    total = paging_of(first).total_count
    if total is not None and total > CEILING:
        return _from_the_beginning(offset)
    steady = True

    def take(content: bytes) -> Page:
        nonlocal steady
        page = pull.take(content)
        steady = steady and page.total_count == total
        return page

    with pull.pool() as pool:

        def fetch(path: str, **params: Any) -> bytes:
            return first if params["offset"] == offset else pull.fetch(path, **params)

        pull.follow(by_offset(fetch, take, "/users", offset=offset, pool=pool, **query), "offset")
    return steady or _from_the_beginning(offset, pull)


def _from_the_beginning(offset: int, pull: Pull | None = None) -> Literal[False]:
    """Give up offsets; the rows before one that was given lie elsewhere, and would come twice."""
    if offset:
        raise ListingError(
            "The list of users changed, or grew beyond what the server lists by offset: run box.users() from the beginning."
        )
    if pull is not None:
        pull.anew()
    return False


def user(box: Connection, user_id: str) -> pd.DataFrame:
    """
    One user, as one row with the columns of :func:`users`.

    Raises
    ------
    NotFoundError
        There is no such user, or none this admin may see.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users-id/
    """
    if not isinstance(user_id, str) or user_id != "me":
        user_id = one_id(user_id, "user_id", "user")
    return one(box, "user", f"/users/{user_id}", schema.USERS)


def me(box: Connection, *, as_user: str | None = None) -> pd.DataFrame:
    """
    The user who signed in (or for whom the calls are made), as one row with the columns of :func:`users`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users-me/
    """
    return one(box, "me", "/users/me", schema.USERS, as_user=as_user)


def groups(box: Connection, *, filter_term: str | None = None, offset: int = 0) -> pd.DataFrame:
    """
    List the enterprise's groups, one row each.

    Calls ``GET /groups`` once for every 1000 groups, by offset; Box has no markers here.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; an app with the scope *Manage groups*.
    filter_term : str, optional
        Only names that start with this.
    offset : int
        Continue from here.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1; columns as :data:`boxnb.frames.schema.GROUPS` says, also when empty.

    Raises
    ------
    NotSignedInError, InvalidGrantError, ForbiddenError
        As for :func:`users`.
    ListingError
        More than 10,000 groups match: narrow with ``filter_term``.

    Notes
    -----
    Source: https://developer.box.com/reference/get-groups/
    """
    query: dict[str, Any] = {"fields": schema.fields(schema.GROUPS)}
    if filter_term is not None:
        query["filter_term"] = arguments.text(filter_term, "filter_term")
    offset = number_of(offset, "offset")

    def work(pull: Pull) -> None:
        pull.follow(by_offset(pull.fetch, pull.take, "/groups", offset=offset, **query), "offset")

    return pulled(box, "groups", schema.GROUPS, said(query), work)


def memberships(
    box: Connection, *, by: Literal["group", "user"] = "group", ids: list[str] | None = None
) -> pd.DataFrame:
    """
    Who is in which group, one row a membership.

    Calls ``GET /groups/:id/memberships`` (or ``/users/:id/memberships``) at least once for each group (or user):
    walk whichever side is shorter.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; an app with the scope *Manage groups*.
    by : {"group", "user"}
        Which side to walk.
    ids : list of str, optional
        Only these groups (or users); all of them unless given, which costs the calls of listing them.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.MEMBERSHIPS` says; ``role`` is the role in the group. ``attrs["skipped"]``
        lists groups (or users) that Box refused, with the status; ``attrs["complete"]`` is False then, and a warning says so.

    Raises
    ------
    ForbiddenError, NotFoundError
        ``ids`` names one group (or user), and Box refuses it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-groups-id-memberships/
    """
    listed = None
    arguments.choice(by, "by", ("group", "user"))
    if ids is None:
        listed = groups(box) if by == "group" else users(box)
        ids = listed["id"].dropna().tolist()
    else:
        ids = many_ids(ids, "ids", by)
    path = f"/{by}s/{{}}/memberships"
    return each(
        box,
        "memberships",
        schema.MEMBERSHIPS,
        path,
        ids,
        by_offset,
        by=by,
        named=listed is None,
        made_of=listed,
    )


def members(box: Connection, groups: list[str]) -> pd.DataFrame:
    """The memberships of groups that nobody named: one that Box refuses is noted, even if it is the only one."""
    path = "/groups/{}/memberships"
    return each(box, "memberships", schema.MEMBERSHIPS, path, groups, by_offset, by="group", named=False)


def device_pins(
    box: Connection, *, enterprise_id: str | None = None, marker: str | None = None
) -> pd.DataFrame:
    """
    Devices pinned to accounts, one row each.

    Calls ``GET /enterprises/:id/device_pinners`` once for every 1000 pins.

    Parameters
    ----------
    box : Box
        An admin, and an app with the scope *Manage enterprise properties*.
    enterprise_id : str, optional
        That of who signed in, unless given.
    marker : str, optional
        Continue from here.

    Returns
    -------
    pandas.DataFrame
        Columns as :data:`boxnb.frames.schema.DEVICE_PINS` says.

    Notes
    -----
    Source: https://developer.box.com/reference/get-enterprises-id-device-pinners/
    """
    marker = arguments.text_or_none(marker, "marker")
    if enterprise_id is None:
        saved = ((box.profile.account or {}).get("enterprise") or {}).get("id")
        own = saved or me(box)["enterprise_id"].dropna().tolist()
        if not own:
            raise ListingError(
                "Who signed in belongs to no enterprise, and device pins belong to one. Give enterprise_id."
            )
        enterprise_id = one_id(own, "enterprise_id", "enterprise")
    else:
        enterprise_id = one_id(enterprise_id, "enterprise_id", "enterprise")
    path = f"/enterprises/{enterprise_id}/device_pinners"

    def work(pull: Pull) -> None:
        pull.markers(path, marker)

    return pulled(box, "device_pins", schema.DEVICE_PINS, {"enterprise_id": enterprise_id}, work)
