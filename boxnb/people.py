"""Who is in the enterprise: users and groups."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from . import schema
from .frames import frame
from .paging import by_marker, by_offset

if TYPE_CHECKING:
    from .box import Box


def users(
    box: Box,
    *,
    user_type: Literal["managed", "external", "all"] = "managed",
    filter_term: str | None = None,
) -> pd.DataFrame:
    """
    List the enterprise's users, one row each.

    Calls ``GET /users`` once for every 1000 users, following ``next_marker``.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; an admin or co-admin, and an app with the scope *Manage users*.
    user_type : {"managed", "external", "all"}
        Which users to list. Box finds external users by their exact login only.
    filter_term : str, optional
        Only names or logins that start with this.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1, in Box's order; the same columns and dtypes when nobody matches. Columns as
        :data:`boxnb.schema.USERS` says: ``id`` text (digits, but not a number), ``space_used`` and
        ``space_amount`` ``Int64`` bytes, ``created_at`` and ``modified_at`` ``datetime64[us, UTC]``,
        ``role`` and ``status`` categories, ``tracking_codes`` JSON text. ``attrs``: ``dataset``, ``profile``,
        ``query``, ``pages``, ``calls``, ``fetched_at``, ``complete``.

    Raises
    ------
    NotSignedInError, InvalidGrantError
        Nobody is signed in, or the sign-in is gone.
    ForbiddenError
        The app lacks the scope, or the user is no admin.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users/
    """
    query: dict[str, Any] = {"user_type": user_type}
    if filter_term is not None:
        query["filter_term"] = filter_term
    with box.counting("users", query) as attrs:
        pages = list(by_marker(box.get, "/users", fields=schema.fields(schema.USERS), **query))
        table = frame(chain.from_iterable(pages), schema.USERS)
        attrs["pages"] = len(pages)
    table.attrs.update(attrs)
    return table


def groups(box: Box, *, filter_term: str | None = None) -> pd.DataFrame:
    """
    List the enterprise's groups, one row each.

    Calls ``GET /groups`` once for every 1000 groups, by offset; Box has no markers here.

    Parameters
    ----------
    box : Box
        From :func:`boxnb.connect`; an app with the scope *Manage groups*.
    filter_term : str, optional
        Only names that start with this.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1; columns as :data:`boxnb.schema.GROUPS` says, also when empty.

    Raises
    ------
    NotSignedInError, InvalidGrantError, ForbiddenError
        As for :func:`users`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-groups/
    """
    query: dict[str, Any] = {} if filter_term is None else {"filter_term": filter_term}
    with box.counting("groups", query) as attrs:
        pages = list(by_offset(box.get, "/groups", fields=schema.fields(schema.GROUPS), **query))
        table = frame(chain.from_iterable(pages), schema.GROUPS)
        attrs["pages"] = len(pages)
    table.attrs.update(attrs)
    return table


def me(box: Box) -> pd.DataFrame:
    """
    The user who signed in, as one row with the columns of :func:`users`.

    Notes
    -----
    Source: https://developer.box.com/reference/get-users-me/
    """
    with box.counting("me", {}) as attrs:
        table = frame([box.get("/users/me", fields=schema.fields(schema.USERS))], schema.USERS)
        attrs["pages"] = 1
    table.attrs.update(attrs)
    return table
