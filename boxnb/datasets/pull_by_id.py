"""Pull by id: a single object, or one listing for each of several ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import BoxUnavailableError
from ..frames.pages import loads
from ..frames.schema import Column, fields
from .paging import Turning
from .pull import Listing, Pull, Tidy, run_pull

if TYPE_CHECKING:
    from ..api.connection import Connection

NOT_AN_OBJECT = (
    "The response is not a single object with an id, which this request should return. "
    "This often means that a company proxy replied. Check the proxy settings, then try again."
)


def pull_one(
    box: Connection, dataset: str, path: str, columns: tuple[Column, ...], *, as_user: str | None = None
) -> pd.DataFrame:
    """Fetch a single object as a DataFrame with one row. Raise an error if Box refuses it or returns something else."""
    requested = fields(columns)

    def work(pull: Pull) -> None:
        content = pull.fetch(path, fields=requested)
        try:
            entry = loads(content)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or entry.get("id") in (None, ""):
            raise BoxUnavailableError(NOT_AN_OBJECT, status=200)
        pull.take(b'{"entries":[' + content + b"]}")

    return run_pull(box, dataset, columns, {"path": path}, work, as_user=as_user)


class _ListingsPull(Pull):
    """A pull of one listing for each id. It resumes with the ids that are not finished."""

    argument = "ids"
    pending: Sequence[str] | None = None

    def continuation(self) -> dict[str, Any] | None:
        return None if self.pending is None else {self.argument: list(self.pending)}


def pull_each(
    box: Connection,
    dataset: str,
    columns: tuple[Column, ...],
    path: str,
    ids: Sequence[str],
    pages: Callable[..., Turning],
    *,
    as_user: str | None = None,
    by: str = "",
    argument: str = "ids",
    tidy: Tidy | None = None,
    named: bool = True,
    source: pd.DataFrame | None = None,
    **params: Any,
) -> pd.DataFrame:
    """Fetch one listing for each id, several in parallel; the rows are in the order of the ids.

    A refusal is recorded in ``attrs["skipped"]`` (``id``, ``status``, ``why``) and does not end the pull, unless there
    is only one id and the caller ``named`` it. ``argument`` is the name of the argument that takes the remaining ids when
    the pull is resumed. ``tidy`` is applied to the DataFrame, complete or partial. ``source`` is the DataFrame that the
    ids come from.
    """

    def work(pull: _ListingsPull) -> None:
        pull.argument = argument
        pull.attrs["query"] |= {"ids": len(ids)}
        if source is not None:
            pull.inherit(source, "" if argument == "ids" else "frame")

        def listing_of(item: str) -> Listing:
            return pull.listing(pages, path.format(item), **params)

        pull.pending = ids
        with pull.pool() as pool:
            for number, (item, listing) in enumerate(zip(ids, pool.map(listing_of, ids), strict=True), 1):
                pull.record_problem(listing, alone=named and len(ids) == 1, id=item.rpartition("/")[2])
                for content in listing.pages:
                    pull.take(content)
                pull.pending = ids[number:]

    query = {"by": by} if by else {}
    return run_pull(box, dataset, columns, query, work, as_user=as_user, tidy=tidy, pull_class=_ListingsPull)


def without_fields(query: dict[str, Any]) -> dict[str, Any]:
    """Return a query for ``attrs``, without the list of fields, which follows from the schema."""
    return {name: value for name, value in query.items() if name != "fields"}
