"""A signed-in connection to Box: the part of ``Box`` that datasets, transfers and reports use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from .. import store
from ..auth import RotatingAuth
from ..oauth import Clock
from . import endpoints
from .session import BoxSession

_OPTIONS = ("data", "files", "version", "as_user", "headers")
"""The arguments of a write that are not parameters of Box."""


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

    def get(
        self,
        path: str,
        *,
        version: str | None = None,
        as_user: str | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """Call any endpoint with GET: ``box.get("/folders/0", fields="name,size")``.

        Parameters
        ----------
        path : str
            A path of Box's API reference, relative to the API's base URL.
        version : str, optional
            The version of the API that the endpoint needs, such as ``"2025.0"``; the default is 2024.0.
        as_user : str, optional
            The id of the user to act as.
        headers : mapping, optional
            Further headers, such as ``{"If-None-Match": etag}``.
        **params
            Box's own parameters. Lists are joined with commas, and ``None`` is left out.

        Returns
        -------
        dict, list, bytes or None
            The decoded JSON; the bytes of a file, thumbnail or avatar; ``None`` if Box sent nothing.

        Raises
        ------
        ApiError
            Box refused the call; the subclass depends on the status. If the endpoint needs another version, the message
            names it.
        """
        return self._call("GET", path, params, version=version, as_user=as_user, headers=headers)

    def post(
        self,
        path: str,
        json: Any = None,
        *,
        data: Any = None,
        files: Any = None,
        version: str | None = None,
        as_user: str | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """Call any endpoint with POST: ``box.post("/comments", {"message": "Done", "item": {"type": "file", "id": "4"}})``.

        A write is repeated only after 429, or if no connection was made. If the answer was lost, Box may have made the change,
        so the error says to check first.

        Parameters
        ----------
        path : str
            As for :meth:`get`.
        json : dict or list, optional
            The body. A list of changes to metadata is labelled as a JSON patch (RFC 6902).
        data, files : optional
            A body that is not JSON, as requests takes it: bytes or an open file, and the parts of a form.
        version, as_user, headers, **params
            As for :meth:`get`.

        Returns
        -------
        dict, list or None
            The decoded JSON; ``None`` if Box sent nothing.

        Raises
        ------
        ApiError, NetworkError
            Box refused the call, or there was no answer.
        """
        options = {"data": data, "files": files, "version": version, "as_user": as_user, "headers": headers}
        return self._call("POST", path, params, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> Any:
        """Call any endpoint with PUT: ``box.put("/folders/17", {"name": "New name"})``. The arguments are those of :meth:`post`."""
        return self._write("PUT", path, json, options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Any:
        """Call any endpoint with PATCH. The arguments are those of :meth:`post`."""
        return self._write("PATCH", path, json, options)

    def delete(self, path: str, json: Any = None, **options: Any) -> Any:
        """Call any endpoint with DELETE: ``box.delete("/comments/12")``. The arguments are those of :meth:`post`."""
        return self._write("DELETE", path, json, options)

    def options(self, path: str, json: Any = None, **options: Any) -> Any:
        """Call any endpoint with OPTIONS: ``box.options("/events")``. The arguments are those of :meth:`post`."""
        return self._write("OPTIONS", path, json, options)

    def _write(self, method: str, path: str, json: Any, options: dict[str, Any]) -> Any:
        own = {name: options.pop(name) for name in _OPTIONS if name in options}
        return self._call(method, path, options, json=json, **own)

    def _call(self, method: str, path: str, params: Mapping[str, Any], **options: Any) -> Any:
        return endpoints.decoded(endpoints.send(self.session, method, path, params, **options))
