"""The rule by which every session of boxnb sends a call again, with its deadline, its waits and its ledger.

Reads are retried after a lost connection, 429 and 5xx. Writes are retried only after 429 or if no connection was made,
because the server may have carried out a write even though its response was lost.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import requests

from .. import store
from ..errors import WaitNotice
from ..oauth.failures import capitalized, display_name
from ..transport.allowance import SpentError, require_call, require_wait
from ..transport.network_trouble import hopeless
from ..transport.sessions import NETWORK_ERRORS, Session, files_sent, never_connected, read_within
from ..transport.waits import NOTICED, reason_of, retry_after, wait_sentence
from .failures import CallRecord, attach_record, endpoint
from .ledger import Ledger
from .rate_limit import Pacer
from .writes import is_read

TIMEOUT = (10.0, 60.0)
"""The most seconds to wait for a connection, and then for the next byte of the response."""

DEADLINE = 120.0
"""The most seconds that a whole response may take, even if bytes keep arriving. Enough for a page of 5 MB at 42 kB/s."""

POOL = 20
"""The number of connections to keep open, so that threads do not wait for one another."""

ATTEMPTS = 5
PATIENCE = 180.0
"""The most seconds that one call waits between its attempts, in total. After that, its last response is returned."""

REDIRECTS = {301, 302, 303, 307, 308}


class RetryingSession(Session):
    """A ``requests.Session`` with timeouts, bounded retries, a rate limit and a ledger. ``Retry-After`` is respected.

    A request whose content can be read only once is never retried.

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
        profile: str,
        verify: bool | str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.verify = verify
        self.headers["User-Agent"] = "boxnb"
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=POOL)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)
        self.calls: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.home = store.home()  # a lesson's session keeps the lesson's home folder in every thread
        self.ledger = Ledger(self.home / "ledger" / f"{profile}.json")
        self.deadline = DEADLINE
        self.on_wait: Callable[[str], None] | None = None
        self._announcing, self._announced_end = threading.Lock(), 0.0
        self._sleep = sleep
        self._monotonic = clock

    @property
    def server(self) -> str:
        """The name of the server, for messages."""
        raise NotImplementedError

    def _limits_for(self, url: str, options: dict[str, Any]) -> list[Pacer]:
        """Return the rate limits that apply to a call. The last one is paused after a 429."""
        raise NotImplementedError

    def _received(self, response: requests.Response) -> None:
        """Look at each response, including those that are retried."""

    def _request_with_retries(self, verb: str, url: str, options: dict[str, Any]) -> requests.Response:
        waited = 0.0
        limits = self._limits_for(url, options)
        files = files_sent(options)
        attempts = 1 if files is None else ATTEMPTS
        attempt = 0
        require_call()
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
            except SpentError:  # raised by RotatingAuth, after a 401
                self._note(verb, url, 401, started, 0, attempt)
                raise
            except NETWORK_ERRORS as error:
                self._note(verb, url, 0, started, 0, attempt)
                if (
                    attempt == attempts
                    or hopeless(error)
                    or not (is_read(verb, url) or never_connected(error))
                ):
                    raise
                wait = _backoff(attempt)
                why = f"No response from {display_name(self.server)} on attempt {attempt} of {attempts}"
                require_call(why)
                self.announce_wait(wait, wait_sentence(wait, why), waited)
                self._sleep(wait)
            else:
                attach_record(response, CallRecord(self.server, attempt, waited))
                for earlier in response.history:  # the 401 after which RotatingAuth refreshed the token
                    self._note(verb, url, earlier.status_code, started, len(earlier.content), attempt)
                size = 0 if options.get("stream") else len(response.content)
                self._note(verb, url, response.status_code, started, size, attempt)
                self._received(response)
                requested = retry_after(response)
                wait = _backoff(attempt) if requested is None else requested
                is_last = attempt == attempts or waited + wait > PATIENCE
                if response.status_code == 429:
                    limits[-1].pause_all(wait)  # pauses the calls of all threads and processes
                if is_last or not _worth_retrying(verb, url, response.status_code):
                    return response
                response.close()
                why = f"{display_name(self.server)} returned {response.status_code} on attempt {attempt} of {attempts}"
                require_call(why)
                if response.status_code != 429:
                    self.announce_wait(wait, wait_sentence(wait, why), waited)
                    self._sleep(wait)
            waited += wait

    def announce_wait(self, seconds: float, line: str, waited: float = 0.0) -> None:
        """Announce a wait before it starts, but only once if several threads wait until the same moment.

        Raises
        ------
        SpentError
            The wait would last longer than this thread may work.
        """
        require_wait(seconds, capitalized(reason_of(line)))
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

    def _note(self, verb: str, url: str, status: int, started: float, size: int, attempt: int = 1) -> None:
        milliseconds = round((self._monotonic() - started) * 1000, 1)
        name = f"{verb} {endpoint(url)}"
        self.calls.append({"endpoint": name, "status": status, "ms": milliseconds, "bytes": size})
        self.ledger.note(name, status, milliseconds, size, repeat=attempt > 1)


def _worth_retrying(verb: str, url: str, status: int) -> bool:
    return status == 429 or (is_read(verb, url) and status in (500, 502, 503, 504))


def _backoff(attempt: int) -> float:
    return float(2 ** (attempt - 1))
