"""A requests session that belongs to one profile: base URL, timeouts, bounded repeats, a ledger, Box's errors."""

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
from ..transport.sessions import LOST, Session, files_sent, never_connected, plain, read_within
from ..transport.waits import NOTICED, said
from ..transport.waits import retry_after as retry_after
from . import arguments, ids
from .failures import READS, Asked, endpoint, note, scope_of
from .failures import api_error as api_error
from .ledger import Ledger
from .rate_limit import LIMITS, Pacer

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, seconds between two bytes."""

DEADLINE = 120.0
"""Seconds for the whole of one answer, however slowly it drips; a page of 5 MB at 40 kB/s comes in."""

POOL = 20
"""Connections kept open, so that threads do not wait for one another."""

ATTEMPTS = 5
PATIENCE = 180.0
"""Seconds of waiting, over all attempts of one call, before the last answer is given back."""

_REDIRECTS = {301, 302, 303, 307, 308}


class BoxSession(Session):
    """``requests.Session`` for one profile: the standard way, for whoever wants raw requests.

    A path such as ``"/users/me"`` is taken below the profile's API address. Reads are repeated after a lost
    connection, 429 and 5xx; writes only after 429 or when no connection was made, for a write may have been
    done although its answer was lost, and none whose content can be read only once. ``Retry-After`` is obeyed.
    Redirects are followed without the token and without any of Box's headers.

    Attributes
    ----------
    calls : deque of dict
        The last requests sent, repeats included: ``endpoint``, ``status`` (0 where no answer came), ``ms``, ``bytes``.
    ledger : Ledger
        All of them, counted by endpoint.
    deadline : float
        Seconds for the whole of one answer, streams excepted; then it counts as lost.
    on_wait : callable or None
        Called with one line before a wait of more than a few seconds; a :class:`boxnb.errors.WaitNotice` is warned without it.
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
        self._home = store.home()  # a lesson's stays the lesson's, in whatever thread
        self.ledger = Ledger(self._home / "ledger" / f"{auth.profile_name}.json")
        self.deadline = DEADLINE
        self.on_wait: Callable[[str], None] | None = None
        self._telling, self._told = threading.Lock(), 0.0
        self._pacers: dict[str, Pacer] = {}
        self._sleep = sleep
        self._monotonic = clock

    def url(self, path: str) -> str:
        """The full address of a path below the API, or the address itself."""
        if "://" in path:
            return path
        return self.auth.profile.client.server.api_url.rstrip("/") + "/" + path.lstrip("/")

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """As ``requests.Session.request``, with the base address, timeouts and repeats of this class."""
        verb = (method if isinstance(method, str) else method.decode()).upper()
        address = self.url(url if isinstance(url, str) else url.decode())
        options.setdefault("timeout", TIMEOUT)
        follow = options.pop("allow_redirects", True)
        response = self._repeated(verb, address, options)
        if follow and response.status_code in _REDIRECTS and "Location" in response.headers:
            return self._followed(response, options)
        return response

    def _repeated(self, verb: str, address: str, options: dict[str, Any]) -> requests.Response:
        waited = 0.0
        paces = self._paces(address, options)
        files = files_sent(options)
        attempts = 1 if files is None else ATTEMPTS
        for attempt in range(1, attempts + 1):
            for pacer in paces:
                pacer.wait()
            for file, place in files or ():
                file.seek(place)
            started = self._monotonic()
            try:
                response = super().request(
                    verb, address, allow_redirects=False, **{**options, "stream": True}
                )
                if not options.get("stream"):
                    read_within(response, self.deadline)
            except LOST as error:
                self._note(verb, address, 0, started, 0, attempt)
                if attempt == attempts or hopeless(error) or not (verb in READS or never_connected(error)):
                    raise
                wait = _backoff(attempt)
                why = f"No answer from {self._box} at attempt {attempt} of {attempts}"
                self.tell_wait(wait, said(wait, why), waited)
                self._sleep(wait)
            else:
                note(response, Asked(self.auth.profile.client.server.name, attempt, waited))
                for earlier in response.history:  # the 401 that RotatingAuth answered with a refresh
                    self._note(verb, address, earlier.status_code, started, len(earlier.content), attempt)
                size = 0 if options.get("stream") else len(response.content)
                self._note(verb, address, response.status_code, started, size, attempt)
                self._learn(response)
                asked = retry_after(response)
                wait = _backoff(attempt) if asked is None else asked
                last = attempt == attempts or waited + wait > PATIENCE
                if response.status_code == 429:
                    paces[-1].limited(wait)  # everybody waits, not this call alone
                if last or not _worth_repeating(verb, response.status_code):
                    return response
                response.close()
                if response.status_code != 429:
                    why = f"{self._box} answered {response.status_code} at attempt {attempt} of {attempts}"
                    self.tell_wait(wait, said(wait, why), waited)
                    self._sleep(wait)
            waited += wait
        raise AssertionError("the last attempt returns or raises")

    def _paces(self, address: str, options: dict[str, Any]) -> list[Pacer]:
        """The limits a call counts against: its user's, and that of its kind; the narrowest comes last."""
        headers = {**self.headers, **(options.get("headers") or {})}
        user = str(headers.get("As-User") or "me")
        kinds = ["general"]
        if urlsplit(address).path.endswith("/search"):
            kinds.append("search")
        elif address.startswith(self.auth.profile.client.server.upload_url) and "/files/" in address:
            kinds.append("upload")
        return [self._pacer(user, kind) for kind in kinds]

    def _pacer(self, user: str, kind: str) -> Pacer:
        name = f"{self.auth.profile_name}.{re.sub(r'[^A-Za-z0-9]', '_', user)}.{kind}"
        if name not in self._pacers:
            file = self._home / "pace" / name
            self._pacers[name] = Pacer(
                file,
                LIMITS[kind],
                clock=self._monotonic,
                sleep=self._sleep,
                tell=self.tell_wait,
                box=self._box,
                patience=PATIENCE,
            )
        return self._pacers[name]

    @property
    def _box(self) -> str:
        """What sentences call the server."""
        return display_name(self.auth.profile.client.server.name)

    def tell_wait(self, seconds: float, line: str, waited: float = 0.0) -> None:
        """Say a wait that begins; once where several threads wait for the same moment."""
        end = self._monotonic() + seconds
        with self._telling:
            if seconds + waited < NOTICED or abs(end - self._told) < 1.0:
                return
            self._told = end
        line = capitalized(line)
        if self.on_wait is not None:
            self.on_wait(line)
        else:
            warnings.warn(line, WaitNotice, stacklevel=3)

    def _followed(self, response: requests.Response, options: dict[str, Any]) -> requests.Response:
        """Fetch where a redirect points, bare: the address carries its own right (box guide *Download*)."""
        target = urljoin(response.url, response.headers["Location"])
        with plain(self.verify) as bare:
            started = self._monotonic()
            timeout, stream = options["timeout"], options.get("stream", False)
            answer = bare.get(target, timeout=timeout, stream=stream, auth=_bare)
        answer.history.insert(0, response)
        # The address carries its own right to the content, so it goes into no ledger.
        self._note("GET", "/download", answer.status_code, started, 0 if stream else len(answer.content))
        return answer

    def _note(
        self, verb: str, address: str, status: int, started: float, size: int, attempt: int = 1
    ) -> None:
        milliseconds = round((self._monotonic() - started) * 1000, 1)
        name = f"{verb} {endpoint(address)}"
        self.calls.append({"endpoint": name, "status": status, "ms": milliseconds, "bytes": size})
        self.ledger.note(name, status, milliseconds, size, repeat=attempt > 1)

    def _learn(self, response: requests.Response) -> None:
        """What an answer shows of the scopes of this sign-in: Box does not tell them."""
        scope = scope_of(response.url)
        if scope is None:
            return
        if response.ok and "As-User" not in response.request.headers:
            self.ledger.scope(scope, "proved")
        elif response.status_code == 403 and "insufficient_scope" in response.headers.get(
            "WWW-Authenticate", ""
        ):
            self.ledger.scope(scope, "refused")

    @sealed  # an answer may repeat the token
    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Like :meth:`request`, raising the error that fits where Box answers 400 or more.

        Raises
        ------
        AccessTokenRejectedError, ForbiddenError, NotFoundError, RateLimitError, BoxUnavailableError, ApiError
            By status; all carry ``status``, ``code`` and ``request_id``.
        NetworkError
            No answer came.
        """
        try:
            response = self.request(method, path, **options)
        except OSError as error:  # requests' own, and a certificate file that is not there
            if self.auth.profile.client.server.name == "sandbox" and never_connected(error):
                raise NetworkError(
                    "The practice Box has stopped: run the cell with boxnb.connect again, and it starts."
                ) from error
            raise NetworkError(network_trouble(error)) from error
        if response.status_code >= 400:
            raise api_error(response)
        return response

    def get_bytes(self, path: str, **params: Any) -> bytes:
        """``GET`` a path and give the answer as it came, for :class:`boxnb.frames.Table`."""
        return self._got(path, params).content

    def _got(self, path: str, params: dict[str, Any]) -> requests.Response:
        headers = {"As-User": as_user} if (as_user := ids.as_user(params.pop("as_user", None))) else None
        return self.call("GET", arguments.text(path, "path"), params=arguments.query(params), headers=headers)

    @sealed
    def get_json(self, path: str, **params: Any) -> Any:
        """``GET`` a path and decode the answer; ``as_user`` names whom to act for.

        Raises
        ------
        BoxUnavailableError
            The answer is no JSON: usually a company proxy's page.
        """
        response = self._got(path, params)
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise api_error(response) from None


def _bare(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request  # being given, it keeps requests from adding credentials of .netrc


def _worth_repeating(verb: str, status: int) -> bool:
    return status == 429 or (verb in READS and status in (500, 502, 503, 504))


def _backoff(attempt: int) -> float:
    return float(2 ** (attempt - 1))
