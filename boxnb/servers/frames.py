"""Pull a listing of any server into a typed DataFrame. However the pull ends, the rows fetched so far can be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import pandas as pd
import requests

from .. import store
from ..api.connection import Progress
from ..api.ledger import Ledger
from ..datasets.listing import FramePull
from ..datasets.pull import run_pull
from ..errors import ArgumentError
from .pages import Pages, Style, turn


class Session(Protocol):
    """What a pull needs from a session, which is a :class:`boxnb.servers.ServerSession`."""

    ledger: Ledger
    pages: Pages | None
    on_progress: Callable[[Progress], None] | None

    @property
    def profile(self) -> store.Profile:
        """The saved server."""

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, and raise an exception for an error response."""


class Source:
    """What a pull needs from a session: the session, its profile, and where progress and partial rows go."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.on_progress: Callable[[Progress], None] | None = session.on_progress
        self.last_partial: pd.DataFrame | None = None

    @property
    def profile(self) -> store.Profile:
        """The saved server."""
        return self.session.profile


def pages_of(pages: Pages | str | None, default: Pages | None) -> Pages | None:
    """Return how a listing is divided into pages: as the caller says, or as the server's preset does.

    Raises
    ------
    ArgumentError
        It is neither the name of a style nor a :class:`Pages`.
    """
    if pages is None:
        return default
    if isinstance(pages, Pages):
        return pages
    if not isinstance(pages, str):
        raise ArgumentError(f"pages takes the name of a style or a Pages, not {type(pages).__name__}.")
    if default is not None and default.style == pages:
        return default
    return Pages(cast("Style", pages))


def frame(
    source: Source, path: str, pages: Pages | str | None, start: Any, params: dict[str, Any]
) -> pd.DataFrame:
    """Return all rows of a listing; see :meth:`boxnb.servers.ServerSession.frame`."""
    session = source.session
    how = pages_of(pages, session.pages)

    def fetch(target: str, **query: Any) -> requests.Response:
        return session.call("GET", target, params=query or None)

    def work(pull: FramePull) -> None:
        pull.attrs["dataset"] = "frame"

        def add(rows: list[Any]) -> int:
            pull.add_entries(rows)
            return len(pull.entries)

        pull.follow(turn(how, fetch, add, path, start, params), "start")

    query = {"path": path, **params}
    return run_pull(source, f"frame {path}", (), query, work, pull_class=FramePull)
