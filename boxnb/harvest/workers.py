"""Run units in other processes or on other computers, with any executor of ``concurrent.futures``.

A worker gets a unit and the access token for it, and returns rows. It never sees the refresh token or the client secret,
does not read the profile, and writes nothing. The driver paces the calls, refreshes the token, and saves the rows; if a
worker dies, its unit is given to another one.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from .. import errors
from ..api import arguments
from ..api.failures import CallRecord, api_error, attach_record, endpoint
from ..api.retrying import ATTEMPTS, DEADLINE, TIMEOUT
from ..errors import AccessTokenRejectedError, BoxNotebookError, HarvestError, NetworkError
from ..oauth.failures import display_name
from ..secret import Secret, bearer, sealed
from ..transport.allowance import SpentError
from ..transport.network_trouble import hopeless, network_trouble
from ..transport.sessions import NETWORK_ERRORS, Session, read_within, unsigned_session
from ..transport.waits import retry_after
from . import parts
from .budget import Budget, Permit
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
    max_calls: int | None = None
    until: float | None = None
    """When to stop waiting, by the computer's clock: in an executor, a unit itself can wait before it begins."""


_wait = time.sleep


class _Fetcher:
    """Fetches pages with an access token, within what the unit may spend, and records the calls."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._permit = Permit(Budget(access.max_calls, access.until, time.time), 0)
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
        SpentError
            The call would have to be sent again, but the unit may not spend that.
        """
        url = self._access.api_url.rstrip("/") + path
        headers = {"Authorization": bearer(self._access.token.secret), "User-Agent": "boxnb"}
        headers |= {} if as_user is None else {"As-User": as_user}
        query = arguments.query(params)
        attempt, server = 0, display_name(self._access.server)
        self._permit.call("")
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
                self._again(
                    2.0 ** (attempt - 1), f"No response from {server} on attempt {attempt} of {ATTEMPTS}"
                )
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
            status = response.status_code
            self._again(wait, f"{server} returned {status} on attempt {attempt} of {ATTEMPTS}")

    def _again(self, wait: float, why: str) -> None:
        """Wait before a call is sent again, if the unit may still spend that."""
        self._permit.call(why)
        self._permit.wait(wait, why)
        _wait(wait)

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
    kind = SpentError if name == SpentError.__name__ else getattr(errors, name, BoxNotebookError)
    error: BoxNotebookError = kind.__new__(kind, message)
    error.args = (message,)
    vars(error).update(attributes)
    return error


_CANCELLED = (CancelledError, asyncio.CancelledError)


class _ShutDownError(RuntimeError):
    """The user's executor was shut down."""


def _error_of(future: Future[tuple[Result, Any]]) -> BaseException | None:
    """Wait for a unit. Return the error of its executor, if there is one."""
    try:
        return future.exception()
    except _CANCELLED as error:
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

    def __call__(self, kind: Kind, units: list[Request], seen: int, permit: Permit) -> Result:
        """Fetch a unit in a worker. The result has the calls of all attempts."""
        calls: list[tuple[str, int, float, int, bool]] = []
        try:
            result = self._fetched(kind, units, seen, permit, calls)
        except BoxNotebookError as error:
            result = Result([], parts.schema(kind.fetched).empty_table(), error=error)
        result.calls = calls
        return result

    def _fetched(
        self,
        kind: Kind,
        units: list[Request],
        seen: int,
        permit: Permit,
        calls: list[tuple[str, int, float, int, bool]],
    ) -> Result:
        """Fetch a unit in a worker, and add its calls to ``calls``. After a 401 or the loss of a worker, fetch it again."""
        session, again = self._box.session, ""
        for _ in range(ATTEMPTS):
            # With these, a page that fails is tried as often as without a limit, if the budget is large enough.
            permit.extend(len(units) + ATTEMPTS - 1 - permit.reserved)
            permit.require(again)
            for unit in units:
                session.pace(unit.as_user)
            token = session.auth.token().access_token
            max_calls, seconds = permit.limits
            access = self._access(token, max_calls, seconds)
            future, executor = self._submit(kind.name, units, seen, access)
            error = _error_of(future)
            if isinstance(error, _CANCELLED):
                raise self._failed("The executor cancelled the work on a page")
            if isinstance(error, _ShutDownError):
                raise self._failed(f"The executor takes no further work ({error})")
            if error is not None:  # of the executor: the result has the errors of the unit
                again = f"A worker ended ({type(error).__name__})"
                permit.spend(permit.reserved)  # it may have made all of its calls
                self._discard(executor)
                continue
            result, failure = future.result()
            permit.spend(len(result.calls))
            if any(call[1] == 429 for call in result.calls):
                session.pause(units[0].as_user)
            calls += result.calls
            result.error = None if failure is None else _error(*failure)
            if isinstance(result.error, AccessTokenRejectedError):
                session.auth.rotate(rejected=token)
                if not result.outcomes:
                    again = "The access token was refused"
                    continue
                result.error = None  # the other pages of the unit wait for the next one, with the new token
            elif isinstance(result.error, SpentError) and len(result.calls) == max_calls:
                result.error = None if permit.extend(1) else result.error
            return result
        raise self._failed(f"{again}, {ATTEMPTS} times in a row")

    def _failed(self, why: str) -> HarvestError:
        """Return the error for a unit that no worker has fetched."""
        return HarvestError(
            f"{why}. Everything saved so far is unchanged. Check the executor, then call run() again: it continues from there.",
            self._folder,
        )

    def _access(self, token: Secret, max_calls: int | None, seconds: float | None) -> Access:
        server = self._box.profile.client.server
        until = None if seconds is None else time.time() + seconds
        verify = self._box.session.auth.profile.verify
        return Access(server.api_url, server.name, verify, UnitToken(token), max_calls, until)

    def _submit(
        self, kind: str, units: list[Request], seen: int, access: Access
    ) -> tuple[Future[tuple[Result, Any]], Executor]:
        with self._threads:
            if self._executor is None:
                if self._own is None:
                    self._own = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))
                executor: Executor = self._own
            else:
                executor = self._executor
        try:
            return executor.submit(work_with_token, kind, units, seen, access), executor
        except RuntimeError as error:
            # A pool of our own has just lost a worker, and another lane starts a new one.
            is_lost = isinstance(error, BrokenExecutor) or self._executor is None
            failed: Future[tuple[Result, Any]] = Future()
            failed.set_exception(error if is_lost else _ShutDownError(str(error)))
            return failed, executor

    def _discard(self, executor: Executor) -> None:
        """Forget a process pool that lost a process: it does not accept further work."""
        with self._threads:
            if executor is self._own:
                self._own.shutdown(wait=False, cancel_futures=True)
                self._own = None
