"""Users, groups, memberships and device pins of the enterprise."""

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
from .pull import Pull, run_pull
from .pull_by_id import pull_each, pull_one, without_fields

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

    Calls ``GET /users`` once for every 1000 users. Up to 10,000 users are fetched in parallel, by offset. More
    users are fetched one page after another, by marker. The size of the profile's last pull decides which;
    if there was none, the total on the first page does.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; needs an admin or co-admin, and an app with the scope *Manage users*.
    user_type : {"managed", "external", "all"}
        Which users to list. Box returns an external user only if ``filter_term`` is the exact login.
    filter_term : str, optional
        Only users whose name or login starts with this.
    marker, offset : optional
        To resume a pull that ended early, pass the argument in its ``error.partial.attrs["resume"]``.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1, in Box's order; the columns and dtypes are the same if no user matches. Columns as in
        :data:`boxnb.frames.schema.USERS`: ``id`` is text, although it contains only digits; ``space_used`` and
        ``space_amount`` are bytes (``Int64``); ``created_at`` and ``modified_at`` are ``datetime64[us, UTC]``;
        ``role`` and ``status`` are categories; ``tracking_codes`` is JSON text, which
        :func:`boxnb.frames.children` turns into a table. ``attrs`` contains ``dataset``, ``profile``, ``query``, ``pages``,
        ``calls``, ``fetched_at``, ``complete``, ``resume``.

    Raises
    ------
    NotSignedInError, InvalidGrantError
        No one is signed in, or the sign-in is no longer valid.
    ForbiddenError
        The app lacks the scope, or the user is not an admin.
    ListingError
        A user joined or left during a pull that resumed from an ``offset``.

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
    last_rows = box.session.ledger.recall("users").get("rows", 0)

    def work(pull: Pull) -> None:
        if marker is None and (offset or last_rows <= CEILING) and _by_offset(pull, query, offset):
            return
        pull.markers("/users", marker, **query)

    return run_pull(box, "users", schema.USERS, without_fields(query), work)


def _by_offset(pull: Pull, query: dict[str, Any], offset: int) -> bool:
    """Fetch all pages in parallel and return True; return False with an empty table if offsets do not reach the end.

    A user who joins or leaves during the pull shifts the offsets. Markers do not shift, but they work only from the start
    of the list.
    """
    first = pull.fetch("/users", offset=offset, limit=1000, **query)
    total = paging_of(first).total_count
    if total is not None and total > CEILING:
        return _fall_back_to_markers(offset)
    is_unchanged = True

    def take(content: bytes) -> Page:
        nonlocal is_unchanged
        page = pull.take(content)
        is_unchanged = is_unchanged and page.total_count == total
        return page

    with pull.pool() as pool:

        def fetch(path: str, **params: Any) -> bytes:
            return first if params["offset"] == offset else pull.fetch(path, **params)

        pull.follow(by_offset(fetch, take, "/users", offset=offset, pool=pool, **query), "offset")
    return is_unchanged or _fall_back_to_markers(offset, pull)


def _fall_back_to_markers(offset: int, pull: Pull | None = None) -> Literal[False]:
    """Fall back to markers. Raise an error if the caller passed an offset, because earlier rows would be fetched twice."""
    if offset:
        raise ListingError(
            "The list of users changed, or grew beyond what the server lists by offset. Run box.users() from the beginning, without an offset."
        )
    if pull is not None:
        pull.restart()
    return False


def user(box: Connection, user_id: str) -> pd.DataFrame:
    """
    Return one user as one row with the columns of :func:`users`.

    Raises
    ------
    NotFoundError
        The user does not exist, or this admin cannot see it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users-id/
    """
    if not isinstance(user_id, str) or user_id != "me":
        user_id = one_id(user_id, "user_id", "user")
    return pull_one(box, "user", f"/users/{user_id}", schema.USERS)


def me(box: Connection, *, as_user: str | None = None) -> pd.DataFrame:
    """
    Return the user who signed in, or ``as_user``, as one row with the columns of :func:`users`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users-me/
    """
    return pull_one(box, "me", "/users/me", schema.USERS, as_user=as_user)


def groups(box: Connection, *, filter_term: str | None = None, offset: int = 0) -> pd.DataFrame:
    """
    List the enterprise's groups, one row each.

    Calls ``GET /groups`` once for every 1000 groups, by offset, because Box does not offer markers for groups.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; needs an app with the scope *Manage groups*.
    filter_term : str, optional
        Only groups whose name starts with this.
    offset : int
        The offset to resume from.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1; columns as in :data:`boxnb.frames.schema.GROUPS`, even if no group matches.

    Raises
    ------
    NotSignedInError, InvalidGrantError, ForbiddenError
        As for :func:`users`.
    ListingError
        More than 10,000 groups match. Narrow the request with ``filter_term``.

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

    return run_pull(box, "groups", schema.GROUPS, without_fields(query), work)


def memberships(
    box: Connection, *, by: Literal["group", "user"] = "group", ids: list[str] | None = None
) -> pd.DataFrame:
    """
    List the memberships of groups or of users, one row each.

    Calls ``GET /groups/:id/memberships`` (or ``/users/:id/memberships``) at least once for each group (or user), so
    choose whichever you have fewer of.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; needs an app with the scope *Manage groups*.
    by : {"group", "user"}
        Whether to request the memberships of groups or of users.
    ids : list of str, optional
        Only these groups (or users). By default all of them; listing them takes further calls.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.MEMBERSHIPS`; ``role`` is the role in the group. ``attrs["skipped"]``
        lists groups (or users) that Box refused, with the status; ``attrs["complete"]`` is then False, with a warning.

    Raises
    ------
    ForbiddenError, NotFoundError
        ``ids`` has only one group (or user), and Box refuses it.

    Notes
    -----
    Source: https://developer.box.com/reference/get-groups-id-memberships/
    """
    all_rows = None
    arguments.choice(by, "by", ("group", "user"))
    if ids is None:
        all_rows = groups(box) if by == "group" else users(box)
        ids = all_rows["id"].dropna().tolist()
    else:
        ids = many_ids(ids, "ids", by)
    path = f"/{by}s/{{}}/memberships"
    return pull_each(
        box,
        "memberships",
        schema.MEMBERSHIPS,
        path,
        ids,
        by_offset,
        by=by,
        named=all_rows is None,
        source=all_rows,
    )


def members(box: Connection, groups: list[str]) -> pd.DataFrame:
    """Return the memberships of groups. A group that Box refuses is recorded in ``attrs["skipped"]``, even if it is the only one."""
    path = "/groups/{}/memberships"
    return pull_each(box, "memberships", schema.MEMBERSHIPS, path, groups, by_offset, by="group", named=False)


def device_pins(
    box: Connection, *, enterprise_id: str | None = None, marker: str | None = None
) -> pd.DataFrame:
    """
    List the devices pinned to users, one row each.

    Calls ``GET /enterprises/:id/device_pinners`` once for every 1000 pins.

    Parameters
    ----------
    box : Box
        Needs an admin, and an app with the scope *Manage enterprise properties*.
    enterprise_id : str, optional
        By default the enterprise of the user who signed in.
    marker : str, optional
        The marker to resume from.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`boxnb.frames.schema.DEVICE_PINS`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-enterprises-id-device-pinners/
    """
    marker = arguments.text_or_none(marker, "marker")
    if enterprise_id is None:
        saved = ((box.profile.account or {}).get("enterprise") or {}).get("id")
        own_id = saved or me(box)["enterprise_id"].dropna().tolist()
        if not own_id:
            raise ListingError(
                "The user who signed in does not belong to an enterprise, so boxnb cannot tell whose device pins to list. Pass enterprise_id."
            )
        enterprise_id = one_id(own_id, "enterprise_id", "enterprise")
    else:
        enterprise_id = one_id(enterprise_id, "enterprise_id", "enterprise")
    path = f"/enterprises/{enterprise_id}/device_pinners"

    def work(pull: Pull) -> None:
        pull.markers(path, marker)

    return run_pull(box, "device_pins", schema.DEVICE_PINS, {"enterprise_id": enterprise_id}, work)
