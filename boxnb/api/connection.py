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
    """The progress of a pull; ``seconds`` is the time since it began."""

    dataset: str
    rows: int
    pages: int
    calls: int
    done: bool
    seconds: float = 0.0


class Connection:
    """A connection with a saved sign-in. :class:`boxnb.Box` adds the datasets.

    Attributes
    ----------
    session : BoxSession
        A ``requests.Session`` that signs each request. Use it for raw requests.
    on_progress : callable or None
        Called with a :class:`Progress` after each page of a pull.
    last_partial : DataFrame or None
        The rows that the last interrupted pull had fetched.
    """

    def __init__(self, profile: str, *, clock: Clock = time.time) -> None:
        self.session = BoxSession(RotatingAuth(profile, clock=clock))
        self.on_progress: Callable[[Progress], None] | None = None
        self.last_partial: pd.DataFrame | None = None

    @property
    def profile(self) -> store.Profile:
        """The saved sign-in in use; its secrets are never printed."""
        return self.session.auth.profile

    @property
    def calls(self) -> pd.DataFrame:
        """The calls of this session, one row per endpoint.

        Columns: ``calls``, ``ms`` (milliseconds spent waiting), ``bytes``, ``repeats`` (retries) and ``limited`` (429
        responses). ``session.ledger.month()`` has the calls of the profile in this month.
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
