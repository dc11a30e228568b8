"""A requests session that belongs to one profile: base URL, timeouts, bounded repeats, a ledger, Box's errors."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from . import store
from .auth import RotatingAuth
from .errors import (
    AccessTokenRejectedError,
    ApiError,
    BoxUnavailableError,
    ForbiddenError,
    NetworkError,
    NotFoundError,
    RateLimitError,
)
from .ledger import Ledger
from .network import LOST, Session, files_sent, never_connected, plain, read_within
from .pacer import LIMITS, Pacer
from .refusals import network_trouble

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, seconds between two bytes."""

DEADLINE = 120.0
"""Seconds for the whole of one answer, however slowly it drips; a page of 5 MB at 40 kB/s comes in."""

POOL = 20
"""Connections kept open, so that threads do not wait for one another."""

ATTEMPTS = 5
PATIENCE = 180.0
"""Seconds of waiting, over all attempts of one call, before the last answer is given back."""

SCOPES = (
    ("/users/me", None),
    ("/users/:id/memberships", "manage_groups"),
    ("/users", "manage_managed_users"),
    ("/groups", "manage_groups"),
    ("/events?stream_type=admin", "manage_enterprise_properties"),
    ("/enterprises", "manage_enterprise_properties"),
    ("/folders", "root_readonly"),
    ("/files", "root_readonly"),
    ("/search", "root_readonly"),
)
"""The scope a successful call of an address proves (Box guide *Scopes*); the first that fits counts."""

CONSOLE = {
    "manage_managed_users": "'Manage users'",
    "manage_groups": "'Manage groups'",
    "manage_enterprise_properties": "'Manage enterprise properties'",
    "root_readonly": "'Read all files and folders'",
}
"""What the Developer Console calls them (same guide)."""

_READS = {"GET", "HEAD", "OPTIONS"}
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
                if attempt == attempts or not (verb in _READS or never_connected(error)):
                    raise
                wait = _backoff(attempt)
                self._sleep(wait)
            else:
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
            self._pacers[name] = Pacer(file, LIMITS[kind], clock=self._monotonic, sleep=self._sleep)
        return self._pacers[name]

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
        headers = {"As-User": as_user} if (as_user := params.pop("as_user", None)) else None
        return self.call("GET", path, params=params, headers=headers).content

    def get_json(self, path: str, **params: Any) -> Any:
        """``GET`` a path and decode the answer; ``as_user`` names whom to act for.

        Raises
        ------
        BoxUnavailableError
            The answer is no JSON: usually a company proxy's page.
        """
        headers = {"As-User": as_user} if (as_user := params.pop("as_user", None)) else None
        response = self.call("GET", path, params=params, headers=headers)
        try:
            return response.json()
        except ValueError:
            raise api_error(response) from None


def _bare(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request  # being given, it keeps requests from adding credentials of .netrc


def endpoint(address: str) -> str:
    """The path with ids blanked, so that calls of one kind can be counted together; nothing that carries its own right."""
    path = urlsplit(address).path
    if path.startswith(("/d/", "/dl/")):
        return "/download"
    return re.sub(r"/\d+(?=/|$)|(?<=/upload_sessions)/[^/]+", "/:id", path)


def scope_of(address: str) -> str | None:
    """The scope a call of an address needs, where one is known."""
    path, _, query = address.partition("?")
    asked = endpoint(path) + (f"?{query}" if query else "")
    return next((scope for start, scope in SCOPES if f"/2.0{start}" in asked), None)


def _worth_repeating(verb: str, status: int) -> bool:
    return status == 429 or (verb in _READS and status in (500, 502, 503, 504))


def _backoff(attempt: int) -> float:
    return float(2 ** (attempt - 1))


def retry_after(response: requests.Response) -> float | None:
    """Seconds the server asks to wait (RFC 9110 10.2.3: a number or a date), or ``None``."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        now = parsedate_to_datetime(response.headers["Date"])
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def api_error(response: requests.Response) -> ApiError:
    """The error that fits an answer of the API, from its body, else from ``WWW-Authenticate``."""
    body = _error_body(response)
    challenge = response.headers.get("WWW-Authenticate", "")
    named = re.search(r'error="([^"]*)"', challenge)
    code = str(body.get("code") or body.get("error") or (named.group(1) if named else ""))
    facts: dict[str, Any] = {
        "status": response.status_code,
        "code": code,
        "request_id": str(body.get("request_id") or response.headers.get("box-request-id") or ""),
        "help_url": str(body.get("help_url") or ""),
    }
    where = endpoint(response.url)
    said = f"{response.status_code} {code}".strip() + f" for {where}"
    trace = f" (request id {facts['request_id']})" if facts["request_id"] else ""
    status = response.status_code
    if status == 401:
        return AccessTokenRejectedError(
            f"The access token was refused even after a refresh: {said}{trace}. Sign in again.", **facts
        )
    if status == 403 and code == "insufficient_scope":
        scope = _console_name(response)
        return ForbiddenError(
            f"The app lacks a scope: {said}{trace}. Tick {scope} in the Developer Console, then sign in again, "
            "for a token keeps the scopes it was made with.",
            **facts,
        )
    if status == 403 and "As-User" in response.request.headers:
        return ForbiddenError(
            f"This was refused in another person's name: {said}{trace}. Looking as others takes an admin or co-admin, and "
            "'Make API calls using the as-user header' ticked in the Developer Console; then sign in again.",
            **facts,
        )
    if status == 403:
        return ForbiddenError(
            f"This user may not do that: {said}{trace}. Sign in as an admin or co-admin with that right.",
            **facts,
        )
    if status == 404:
        return NotFoundError(
            f"It does not exist or this user may not see it: {said}{trace}. Box answers 404 to an admin, too, "
            "for content the admin does not share.",
            **facts,
        )
    if status == 429:
        limited = RateLimitError(
            f"Box's rate limit held after several waits: {said}{trace}. Wait a minute, then run this again.",
            **facts,
        )
        limited.retry_after = retry_after(response)
        return limited
    if status == 501:
        return ApiError(f"Not offered there: {said}{trace}. {body.get('message') or ''}".rstrip(), **facts)
    if status >= 500 or status < 400 or not body:
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        return BoxUnavailableError(
            f"No usable answer: {said}, {kind}{trace}. Try again in a minute; if it stays, ask whether a company "
            "proxy answers in Box's place.",
            **facts,
        )
    message = str(body.get("message") or "").strip()
    return ApiError(f"Box refused the call: {said}{trace}. {message}".rstrip(), **facts)


def _console_name(response: requests.Response) -> str:
    """What to tick for a call that was refused for want of a scope."""
    scope = scope_of(response.url.partition("?")[0] + "?stream_type=admin")
    if scope == "root_readonly" and response.request.method not in _READS:
        return "'Read and write all files and folders'"
    return CONSOLE.get(scope or "", "what it needs")


def _error_body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
