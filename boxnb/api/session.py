"""A ``requests`` session for one profile: base URL, timeouts, bounded retries, a ledger, and Box's errors as exceptions."""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from .. import store
from ..auth import RotatingAuth
from ..errors import NetworkError, WaitNotice
from ..oauth.failures import capitalized, display_name
from ..secret import sealed
from ..transport.network_trouble import hopeless, network_trouble
from ..transport.sessions import (
    NETWORK_ERRORS,
    Session,
    files_sent,
    never_connected,
    read_within,
    unsigned_session,
)
from ..transport.waits import NOTICED, retry_after, wait_sentence
from . import arguments, ids
from .failures import READ_METHODS, CallRecord, api_error, attach_record, endpoint, scope_of
from .ledger import Ledger
from .rate_limit import LIMITS, Pacer

TIMEOUT = (10.0, 60.0)
"""The most seconds to wait for a connection, and then for the next byte of the response."""

DEADLINE = 120.0
"""The most seconds that a whole response may take, even if bytes keep arriving. Enough for a page of 5 MB at 42 kB/s."""

POOL = 20
"""The number of connections to keep open, so that threads do not wait for one another."""

ATTEMPTS = 5
PATIENCE = 180.0
"""The most seconds that one call waits between its attempts, in total. After that, its last response is returned."""

_REDIRECTS = {301, 302, 303, 307, 308}


class BoxSession(Session):
    """A ``requests.Session`` for raw requests to Box with one profile.

    A path such as ``"/users/me"`` is relative to the profile's API URL. Reads are retried after a lost connection,
    429 and 5xx. Writes are retried only after 429 or if no connection was made, because Box may have carried out a write
    even though its response was lost. A request whose content can be read only once is never retried. ``Retry-After`` is respected.
    Redirects are followed without the token and without any of Box's headers.

    Attributes
    ----------
    calls : deque of dict
        The most recent requests, including retries: ``endpoint``, ``status`` (0 without a response), ``ms``, ``bytes``.
    ledger : Ledger
        All requests, counted by endpoint.
    deadline : float
        The most seconds that a whole response may take. After that, it counts as lost. Streams have no deadline.
    on_wait : callable or None
        Called with one line of text before a wait of more than a few seconds. If it is None, the line is issued as a warning of
        class :class:`boxnb.errors.WaitNotice`.
    """

    def __init__(
        self,
        auth: RotatingAuth,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.auth: RotatingAuth = auth
        self.verify = auth.profile.verify
        self.headers["User-Agent"] = "boxnb"
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=POOL)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)
        self.calls: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._home = store.home()  # a lesson's session keeps the lesson's home folder in every thread
        self.ledger = Ledger(self._home / "ledger" / f"{auth.profile_name}.json")
        self.deadline = DEADLINE
        self.on_wait: Callable[[str], None] | None = None
        self._announcing, self._announced_end = threading.Lock(), 0.0
        self._pacers: dict[str, Pacer] = {}
        self._sleep = sleep
        self._monotonic = clock

    def url(self, path: str) -> str:
        """Return the full URL of a path of the API; a full URL is returned unchanged."""
        if "://" in path:
            return path
        return self.auth.profile.client.server.api_url.rstrip("/") + "/" + path.lstrip("/")

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request as ``requests.Session.request`` does, with the base URL, timeouts and retries of this class."""
        verb = (method if isinstance(method, str) else method.decode()).upper()
        full_url = self.url(url if isinstance(url, str) else url.decode())
        options.setdefault("timeout", TIMEOUT)
        follow = options.pop("allow_redirects", True)
        response = self._request_with_retries(verb, full_url, options)
        if follow and response.status_code in _REDIRECTS and "Location" in response.headers:
            return self._follow_redirect(response, options)
        return response

    def _request_with_retries(self, verb: str, url: str, options: dict[str, Any]) -> requests.Response:
        waited = 0.0
        limits = self._limits_for(url, options)
        files = files_sent(options)
        attempts = 1 if files is None else ATTEMPTS
        attempt = 0
        while True:
            attempt += 1
            for pacer in limits:
                pacer.wait()
            for file, position in files or ():
                file.seek(position)
            started = self._monotonic()
            try:
                response = super().request(verb, url, allow_redirects=False, **{**options, "stream": True})
                if not options.get("stream"):
                    read_within(response, self.deadline)
            except NETWORK_ERRORS as error:
                self._note(verb, url, 0, started, 0, attempt)
                if (
                    attempt == attempts
                    or hopeless(error)
                    or not (verb in READ_METHODS or never_connected(error))
                ):
                    raise
                wait = _backoff(attempt)
                why = f"No response from {self._box} on attempt {attempt} of {attempts}"
                self.announce_wait(wait, wait_sentence(wait, why), waited)
                self._sleep(wait)
            else:
                attach_record(response, CallRecord(self.auth.profile.client.server.name, attempt, waited))
                for earlier in response.history:  # the 401 after which RotatingAuth refreshed the token
                    self._note(verb, url, earlier.status_code, started, len(earlier.content), attempt)
                size = 0 if options.get("stream") else len(response.content)
                self._note(verb, url, response.status_code, started, size, attempt)
                self._note_scope(response)
                requested = retry_after(response)
                wait = _backoff(attempt) if requested is None else requested
                is_last = attempt == attempts or waited + wait > PATIENCE
                if response.status_code == 429:
                    limits[-1].pause_all(wait)  # pauses the calls of all threads and processes
                if is_last or not _worth_retrying(verb, response.status_code):
                    return response
                response.close()
                if response.status_code != 429:
                    why = f"{self._box} returned {response.status_code} on attempt {attempt} of {attempts}"
                    self.announce_wait(wait, wait_sentence(wait, why), waited)
                    self._sleep(wait)
            waited += wait

    def pace(self, as_user: str | None = None) -> None:
        """Wait until a user's rate limit allows one more call, and count it. For a call that another process makes."""
        self._pacer(as_user or "me", "general").wait()

    def pause(self, as_user: str | None = None) -> None:
        """After another process received a 429, pause the calls of that user for a moment, then space them evenly."""
        self._pacer(as_user or "me", "general").pause_all(None)

    def _limits_for(self, url: str, options: dict[str, Any]) -> list[Pacer]:
        """Return the rate limits that apply to a call: the user's general one, then the one for searches or uploads, if it applies."""
        headers = {**self.headers, **(options.get("headers") or {})}
        user = str(headers.get("As-User") or "me")
        limits = ["general"]
        if urlsplit(url).path.endswith("/search"):
            limits.append("search")
        elif url.startswith(self.auth.profile.client.server.upload_url) and "/files/" in url:
            limits.append("upload")
        return [self._pacer(user, limit) for limit in limits]

    def _pacer(self, user: str, limit: str) -> Pacer:
        name = f"{self.auth.profile_name}.{re.sub(r'[^A-Za-z0-9]', '_', user)}.{limit}"
        if name not in self._pacers:
            file = self._home / "pace" / name
            self._pacers[name] = Pacer(
                file,
                LIMITS[limit],
                clock=self._monotonic,
                sleep=self._sleep,
                on_wait=self.announce_wait,
                box=self._box,
                patience=PATIENCE,
            )
        return self._pacers[name]

    @property
    def _box(self) -> str:
        """The name of the server, for messages."""
        return display_name(self.auth.profile.client.server.name)

    def announce_wait(self, seconds: float, line: str, waited: float = 0.0) -> None:
        """Announce a wait before it starts, but only once if several threads wait until the same moment."""
        end = self._monotonic() + seconds
        with self._announcing:
            if seconds + waited < NOTICED or abs(end - self._announced_end) < 1.0:
                return
            self._announced_end = end
        line = capitalized(line)
        if self.on_wait is not None:
            self.on_wait(line)
        else:
            warnings.warn(line, WaitNotice, stacklevel=3)

    def _follow_redirect(self, response: requests.Response, options: dict[str, Any]) -> requests.Response:
        """Fetch the target of a redirect without credentials, because its URL alone grants access (Box guide *Download*)."""
        target = urljoin(response.url, response.headers["Location"])
        with unsigned_session(self.verify) as session:
            started = self._monotonic()
            timeout, stream = options["timeout"], options.get("stream", False)
            final_response = session.get(target, timeout=timeout, stream=stream, auth=_no_credentials)
        final_response.history.insert(0, response)
        # Anyone who has the URL can fetch the content, so the ledger does not record the URL.
        size = 0 if stream else len(final_response.content)
        self._note("GET", "/download", final_response.status_code, started, size)
        return final_response

    def _note(self, verb: str, url: str, status: int, started: float, size: int, attempt: int = 1) -> None:
        milliseconds = round((self._monotonic() - started) * 1000, 1)
        name = f"{verb} {endpoint(url)}"
        self.calls.append({"endpoint": name, "status": status, "ms": milliseconds, "bytes": size})
        self.ledger.note(name, status, milliseconds, size, repeat=attempt > 1)

    def _note_scope(self, response: requests.Response) -> None:
        """Record what a response shows about the scopes of this sign-in, because Box does not list them."""
        scope = scope_of(response.url)
        if scope is None:
            return
        if response.ok and "As-User" not in response.request.headers:
            self.ledger.scope(scope, "proved")
        elif response.status_code == 403 and "insufficient_scope" in response.headers.get(
            "WWW-Authenticate", ""
        ):
            self.ledger.scope(scope, "refused")

    @sealed  # a response may contain the token
    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with :meth:`request`, and raise an exception for a status of 400 or more.

        Raises
        ------
        AccessTokenRejectedError, ForbiddenError, NotFoundError, RateLimitError, BoxUnavailableError, ApiError
            Depending on the status; all have ``status``, ``code`` and ``request_id``.
        NetworkError
            There was no response.
        """
        try:
            response = self.request(method, path, **options)
        except OSError as error:  # from requests, or because the CA bundle does not exist
            if self.auth.profile.client.server.name == "sandbox" and never_connected(error):
                raise NetworkError(
                    "The sandbox has stopped. Run the cell with boxnb.connect again to start it."
                ) from error
            raise NetworkError(network_trouble(error)) from error
        if response.status_code >= 400:
            raise api_error(response)
        return response

    def get_bytes(self, path: str, **params: Any) -> bytes:
        """Return the undecoded body of a ``GET`` request, for :class:`boxnb.frames.Table`."""
        return self._get(path, params).content

    def _get(self, path: str, params: dict[str, Any]) -> requests.Response:
        headers = {"As-User": as_user} if (as_user := ids.as_user(params.pop("as_user", None))) else None
        return self.call("GET", arguments.text(path, "path"), params=arguments.query(params), headers=headers)

    @sealed
    def get_json(self, path: str, **params: Any) -> Any:
        """Return the decoded JSON of a ``GET`` request; ``as_user`` is the id of the user to act as.

        Raises
        ------
        BoxUnavailableError
            The response is not JSON; usually it is a page from a company proxy.
        """
        response = self._get(path, params)
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise api_error(response) from None


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request  # without an auth argument, requests would add credentials from .netrc


def _worth_retrying(verb: str, status: int) -> bool:
    return status == 429 or (verb in READ_METHODS and status in (500, 502, 503, 504))


def _backoff(attempt: int) -> float:
    return float(2 ** (attempt - 1))
