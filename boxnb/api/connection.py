"""A signed-in connection to Box: the part of ``Box`` that datasets, transfers and reports use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from .. import store
from ..auth import RotatingAuth
from ..oauth import Clock
from .session import BoxSession


class Progress(NamedTuple):
    """The progress of a pull; ``seconds`` is the time since the pull started."""

    dataset: str
    rows: int
    pages: int
    calls: int
    done: bool
    seconds: float = 0.0


class Connection:
    """A connection to Box with a saved sign-in. :class:`boxnb.Box` adds the datasets.

    Attributes
    ----------
    session : BoxSession
        A ``requests.Session`` that adds the access token to each request. Use it for raw requests.
    on_progress : callable or None
        Called with a :class:`Progress` after each page of a pull.
    last_partial : DataFrame or None
        The rows fetched by the last pull that failed or was interrupted.
    """

    def __init__(self, profile: str, *, clock: Clock = time.time) -> None:
        self.session = BoxSession(RotatingAuth(profile, clock=clock))
        self.on_progress: Callable[[Progress], None] | None = None
        self.last_partial: pd.DataFrame | None = None

    @property
    def profile(self) -> store.Profile:
        """The saved sign-in. Printing it does not show its secrets."""
        return self.session.auth.profile

    @property
    def calls(self) -> pd.DataFrame:
        """The calls made with this connection, one row per endpoint.

        Columns: ``calls``, ``ms`` (milliseconds spent waiting), ``bytes``, ``repeats`` (retries) and ``limited`` (429
        responses). ``session.ledger.month()`` returns all calls that the profile has made this month.
        """
        return self.session.ledger.frame()

    def get(self, path: str, **params: Any) -> Any:
        """Call any endpoint and return the decoded JSON: ``box.get("/folders/0", fields="name,size")``.

        Raises
        ------
        ApiError
            Box refused the call; the subclass depends on the status.
        """
        return self.session.get_json(path, **params)
