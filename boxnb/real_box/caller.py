"""Make the reads: at most 60 of them, never a write, each counted in the profile's ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

import requests

from ..api.failures import endpoint
from ..api.ledger import Ledger
from ..errors import NetworkError
from ..secret import Secret, bearer
from ..transport.network_trouble import network_trouble
from ..transport.sessions import NETWORK_ERRORS, read_within, unsigned_session
from .answers import Answer, Probe

MAX_CALLS = 60
TIMEOUT = (10.0, 60.0)
DEADLINE = 120.0
LARGEST = 20_000_000
"""How many bytes of one response are read at most."""
LONGEST_WAIT = 60.0
"""The longest ``Retry-After`` that a run waits for, in seconds."""


class Tokens(Protocol):
    """The access tokens of one run."""

    current: Secret
    old: Secret | None


class Caller:
    """Make reads with one sign-in. ``refused`` collects the answers with 429, which are repeated once.

    Parameters
    ----------
    api_url : str
    tokens : Tokens
    verify : bool or str
        How certificates are checked.
    ledger : Ledger or None
        Where the calls are counted.
    sleep : callable
        Called with a number of seconds, after a 429.
    """

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        *,
        verify: bool | str = True,
        ledger: Ledger | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api_url, self.tokens, self.ledger = api_url.rstrip("/"), tokens, ledger
        self.calls = 0
        self.refused: list[Answer] = []
        self._http = unsigned_session(verify)
        self._http.headers["User-Agent"] = "boxnb"
        self._sleep = sleep
        self._has_answered = False

    def close(self) -> None:
        """Close the connections, and save the ledger."""
        self._http.close()
        if self.ledger is not None:
            self.ledger.flush()

    @property
    def left(self) -> int:
        """How many calls may still be made."""
        return MAX_CALLS - self.calls

    def ask(self, probe: Probe) -> Answer | None:
        """Return the response to one read, or None if no call is left. A read is repeated once, after 429 or a lost response.

        Raises
        ------
        NetworkError
            The first read of the run did not get a response.
        """
        answer: Answer | None = None
        lost: OSError | None = None
        for attempt in range(2):
            if self.left <= 0:
                break
            try:
                answer = self._send(probe, repeat=attempt > 0)
            except NETWORK_ERRORS as error:
                lost = error
                continue
            self._has_answered = True
            if answer.status != 429:
                break
            self.refused.append(answer)
            self._sleep(min(retry_after(answer) or 1.0, LONGEST_WAIT))
        if answer is None and lost is not None and not self._has_answered:
            raise NetworkError(network_trouble(lost)) from lost
        return answer

    def _send(self, probe: Probe, *, repeat: bool) -> Answer:
        url = self.api_url + probe.path
        token = {"current": self.tokens.current, "old": self.tokens.old, "none": None}[probe.token]

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            """Add the access token. A function, because requests would otherwise take a password from a ``.netrc`` file."""
            if token is not None:
                request.headers["Authorization"] = bearer(token)
            return request

        self.calls += 1
        started = time.monotonic()
        status, size = 0, 0
        try:
            response = self._http.get(
                url,
                params=dict(probe.params),
                headers=dict(probe.headers),
                auth=sign,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
            read_within(response, DEADLINE, LARGEST)
            status, size = response.status_code, len(response.content)
        finally:
            if self.ledger is not None:
                spent = (time.monotonic() - started) * 1000
                self.ledger.note(endpoint(url), status, spent, size, repeat=repeat)
        return Answer.of(probe, status, plain(response.headers), response.content)


def plain(headers: requests.structures.CaseInsensitiveDict[str]) -> Mapping[str, str]:
    """Return headers with their names in lower case."""
    return {str(name).lower(): str(value) for name, value in headers.items()}


def retry_after(answer: Answer) -> float | None:
    """Return the seconds in ``Retry-After``, or None if it is missing or not a number."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None
