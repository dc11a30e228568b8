"""Run units in other processes or on other computers, with any executor of ``concurrent.futures``.

A worker gets a unit and the access token for it, and returns rows. It never sees the refresh token or the client secret,
does not read the profile, and writes nothing. The driver paces the calls, refreshes the token, and saves the rows; if a
worker dies, its unit is given to another one.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from .. import errors
from ..api import arguments
from ..api.failures import CallRecord, api_error, attach_record, endpoint
from ..api.retrying import ATTEMPTS, DEADLINE, TIMEOUT
from ..errors import AccessTokenRejectedError, BoxNotebookError, HarvestError, NetworkError
from ..secret import Secret, bearer, sealed
from ..transport.network_trouble import hopeless, network_trouble
from ..transport.sessions import NETWORK_ERRORS, Session, read_within, unsigned_session
from ..transport.waits import retry_after
from . import parts
from .catalogue import KINDS
from .units import Result, work

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .kinds import Kind
    from .request import Request

BATCH = 10
"""The most pages in a unit for a worker, so that sending it costs little compared with fetching it."""

LANES = 16
"""Units in flight with an executor."""

LONGEST_WAIT = 30.0
"""The longest ``Retry-After`` that a worker waits for, in seconds. The driver handles a longer one."""


class UnitToken:
    """An access token on its way to a worker: it can be pickled, unlike a ``Secret``, but never printed."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    @property
    def secret(self) -> Secret:
        """The access token, as a value that cannot be pickled."""
        return self._secret

    def __repr__(self) -> str:
        return f"<access token {self._secret.fingerprint}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _received_token, (self._secret.reveal(),)


def _received_token(value: str) -> UnitToken:
    return UnitToken(Secret(value))


class Access(NamedTuple):
    """What a worker needs to call the API."""

    api_url: str
    server: str
    verify: bool | str | None
    token: UnitToken


class _Fetcher:
    """Fetches pages with an access token, and records the calls."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.calls: list[tuple[str, int, float, int, bool]] = []

    @sealed
    def __call__(self, path: str, *, as_user: str | None = None, **params: Any) -> bytes:
        """Return the body of one response.

        Raises
        ------
        ApiError
            The server refused the call; after a 401, the driver refreshes the token.
        NetworkError
            There was no response.
        """
        url = self._access.api_url.rstrip("/") + path
        headers = {"Authorization": bearer(self._access.token.secret), "User-Agent": "boxnb"}
        headers |= {} if as_user is None else {"As-User": as_user}
        query = arguments.query(params)
        attempt = 0
        while True:
            attempt += 1
            started = time.monotonic()
            try:
                response = _session(self._access.verify).get(
                    url,
                    params=query,
                    headers=headers,
                    timeout=TIMEOUT,
                    stream=True,
                    allow_redirects=False,
                    auth=_keep,
                )
                read_within(response, DEADLINE)
            except NETWORK_ERRORS as error:
                self._note(url, 0, started, 0, attempt)
                if attempt == ATTEMPTS or hopeless(error):
                    raise NetworkError(network_trouble(error)) from error
                time.sleep(2 ** (attempt - 1))
                continue
            self._note(url, response.status_code, started, len(response.content), attempt)
            if response.status_code == 200:
                return response.content
            attach_record(response, CallRecord(self._access.server, attempt, 0.0))
            asked = retry_after(response)
            wait = float(2 ** (attempt - 1)) if asked is None else asked
            is_temporary = response.status_code == 429 or response.status_code >= 500
            if not is_temporary or attempt == ATTEMPTS or wait > LONGEST_WAIT:
                raise api_error(response)
            time.sleep(wait)

    def _note(self, url: str, status: int, started: float, size: int, attempt: int) -> None:
        milliseconds = round((time.monotonic() - started) * 1000, 1)
        self.calls.append((f"GET {endpoint(url)}", status, milliseconds, size, attempt > 1))


_sessions = threading.local()


def _session(verify: bool | str | None) -> Session:
    """Return this thread's session, so that its connections are reused."""
    if getattr(_sessions, "verify", ...) != verify:
        _sessions.verify, _sessions.session = verify, unsigned_session(verify)
    session: Session = _sessions.session
    return session


def _keep(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request  # without an auth argument, requests would add credentials from .netrc


def work_with_token(kind: str, units: list[Request], seen: int, access: Access) -> tuple[Result, Any]:
    """Fetch a unit in a worker. Return its result, and its error in a form that can be pickled."""
    fetch = _Fetcher(access)
    result = work(KINDS[kind], units, fetch, seen)
    result.calls = fetch.calls
    error, result.error = result.error, None
    return result, None if error is None else (type(error).__name__, str(error), _plain(vars(error)))


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if isinstance(value, str | int | float | None)}


def _error(name: str, message: str, attributes: dict[str, Any]) -> BoxNotebookError:
    """Return the exception that a worker has raised."""
    error: BoxNotebookError = getattr(errors, name, BoxNotebookError).__new__(
        getattr(errors, name, BoxNotebookError), message
    )
    error.args = (message,)
    vars(error).update(attributes)
    return error


class Workers:
    """Runs units on an executor; each lane of the driver calls it.

    Parameters
    ----------
    executor : Executor or {"processes"}
        ``"processes"`` starts one process per core, and starts them again if one dies.
    folder : Path
        The folder of the harvest, for messages.
    """

    def __init__(self, box: Connection, executor: Executor | str, folder: Path) -> None:
        self._box, self._folder = box, folder
        self._own: ProcessPoolExecutor | None = None
        self._executor = executor if isinstance(executor, Executor) else None
        self._threads = threading.Lock()

    def close(self) -> None:
        """Stop the processes that this object has started."""
        with self._threads:
            if self._own is not None:
                self._own.shutdown(wait=False, cancel_futures=True)
                self._own = None

    def __call__(self, kind: Kind, units: list[Request], seen: int) -> Result:
        """Fetch a unit in a worker. After a 401 or the loss of a worker, fetch it again."""
        session, lost = self._box.session, ""
        for _ in range(ATTEMPTS):
            for unit in units:
                session.pace(unit.as_user)
            token = session.auth.token().access_token
            future, executor = self._submit(kind.name, units, seen, token)
            error = future.exception()
            if error is not None:  # of the executor: the result has the errors of the unit
                lost = type(error).__name__
                self._discard(executor)
                continue
            result, failure = future.result()
            if any(call[1] == 429 for call in result.calls):
                session.pause(units[0].as_user)
            result.error = None if failure is None else _error(*failure)
            if isinstance(result.error, AccessTokenRejectedError) and not result.outcomes:
                session.auth.rotate(rejected=token)
                continue
            return result
        why = (
            f"Workers ended {ATTEMPTS} times ({lost})" if lost else "The access token was refused repeatedly"
        )
        error = HarvestError(
            f"{why} while they fetched a page. Everything saved so far is unchanged; run() continues.",
            self._folder,
        )
        return Result([], parts.schema(kind.fetched).empty_table(), error=error)

    def _submit(
        self, kind: str, units: list[Request], seen: int, token: Secret
    ) -> tuple[Future[tuple[Result, Any]], Executor]:
        client = self._box.profile.client
        access = Access(
            client.server.api_url, client.server.name, self._box.session.auth.profile.verify, UnitToken(token)
        )
        with self._threads:
            if self._executor is None:
                if self._own is None:
                    self._own = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))
                executor: Executor = self._own
            else:
                executor = self._executor
        try:
            return executor.submit(work_with_token, kind, units, seen, access), executor
        except (BrokenExecutor, RuntimeError) as error:  # it has just lost a worker, or was shut down
            failed: Future[tuple[Result, Any]] = Future()
            failed.set_exception(error)
            return failed, executor

    def _discard(self, executor: Executor) -> None:
        """Forget a process pool that lost a process: it does not accept further work."""
        with self._threads:
            if executor is self._own:
                self._own.shutdown(wait=False, cancel_futures=True)
                self._own = None
