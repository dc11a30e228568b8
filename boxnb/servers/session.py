"""A ``requests`` session for one saved server: always signed, only to that server, with boxnb's one rule for retries."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import pandas as pd
import requests

from .. import store
from ..api.connection import Progress
from ..api.failures import api_error
from ..api.rate_limit import Limit, Pacer
from ..api.retrying import PATIENCE, REDIRECTS, TIMEOUT, RetryingSession
from ..api.writes import READ_METHODS
from ..auth import RotatingAuth, origin
from ..errors import HostNotAllowedError, NetworkError
from ..oauth import Clock
from ..oauth.failures import display_name
from ..secret import sealed
from ..transport.network_trouble import network_trouble
from ..transport.sessions import require_private, unsigned_session
from . import frames
from .failures import server_error
from .pages import Pages
from .presets import PLAIN, PRESETS
from .signing import SavedSecretAuth

MOST_REDIRECTS = 10
_ABSOLUTE = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")  # RFC 3986 3.1; a query may contain another address


def _elsewhere(own: str, url: str) -> str:
    """Return why the secrets of a server are not sent to a URL."""
    host, other = urlsplit(own).hostname, urlsplit(url).hostname
    if host == other:
        ends = [f"{scheme}://{name}:{port}" for scheme, name, port in (origin(own), origin(url))]
        return (
            f"The secrets for {ends[0]} are not sent to {ends[1]}: the host is the same, but not its scheme or port. If the "
            "server itself gave this address, ask its admin to correct the server's own URL."
        )
    return f"The secrets for {host} are not sent to {other}. For other addresses, use requests."


class ServerSession(RetryingSession):
    """A ``requests.Session`` for one saved server. A path such as ``"/devices"`` is relative to the server's URL.

    The secrets are sent only to the server itself. A redirect to another server is followed without them, and without the
    headers and cookies of the session. Requests are retried as :class:`boxnb.api.retrying.RetryingSession` says.

    Attributes
    ----------
    url : str
        The server's URL.
    pages : Pages or None
        How the server's preset divides listings into pages.
    on_progress : callable or None
        Called with a :class:`boxnb.api.connection.Progress` after each page of :meth:`frame`.
    last_partial : DataFrame or None
        The rows fetched by the last :meth:`frame` that failed or was interrupted.
    """

    def __init__(
        self,
        profile: store.Profile,
        *,
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(profile.name, profile.verify, sleep=sleep, clock=monotonic)
        preset = PRESETS.get(profile.method.preset, PLAIN)
        self.auth: RotatingAuth | SavedSecretAuth = (
            RotatingAuth(profile.name, clock=clock, sleep=sleep)
            if profile.method.gets_token
            else SavedSecretAuth(profile)
        )
        self.headers.update(preset.headers)
        self.url = profile.client.server.api_url
        self.pages: Pages | None = preset.pages
        self.on_progress: Callable[[Progress], None] | None = None
        self.last_partial: pd.DataFrame | None = None
        self._pacer = Pacer(
            self.home / "pace" / f"{profile.name}.me.general",
            Limit(preset.calls_per_minute),
            clock=monotonic,
            sleep=sleep,
            on_wait=self.announce_wait,
            box=display_name(self.server),
            patience=PATIENCE,
        )

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because the pickle would contain the secrets in plain text."""
        raise TypeError(
            "A session cannot be pickled, because it holds the password or the token. Open a new one with boxnb.servers.connect."
        )

    def __repr__(self) -> str:
        return f"<ServerSession {self.profile.name!r}: {self.url}, {self.profile.method.kind}>"

    @property
    def profile(self) -> store.Profile:
        """The saved server. Printing it does not show its secrets."""
        return self.auth.profile

    @property
    def server(self) -> str:
        """The name of the server, for messages."""
        return self.auth.profile.client.server.name

    def _limits_for(self, url: str, options: dict[str, Any]) -> list[Pacer]:
        return [self._pacer]

    def full_url(self, path: str) -> str:
        """Return the full URL of a path.

        Raises
        ------
        HostNotAllowedError
            The path is a URL of another server, or not encrypted.
        """
        url = path if _ABSOLUTE.match(path) else f"{self.url}/{path.lstrip('/')}"
        if origin(url) != origin(self.url):
            raise HostNotAllowedError(_elsewhere(self.url, url))
        require_private(url, "password, key or token")
        return url

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request as ``requests.Session.request`` does, but relative to the server's URL, with a timeout and retries.

        Raises
        ------
        HostNotAllowedError
            The URL belongs to another server.
        CredentialsRefusedError
            The saved secrets were refused; they are not sent again until they are saved again.
        """
        verb = (method if isinstance(method, str) else method.decode()).upper()
        full_url = self.full_url(url if isinstance(url, str) else url.decode())
        options.setdefault("timeout", TIMEOUT)
        follow = options.pop("allow_redirects", True)
        response = self._send_signed(verb, full_url, options)
        return self._followed(verb, response, options) if follow else response

    def _send_signed(self, verb: str, url: str, options: dict[str, Any]) -> requests.Response:
        if isinstance(self.auth, SavedSecretAuth):
            with self.auth.proving():
                return self._request_with_retries(verb, url, options)
        return self._request_with_retries(verb, url, options)

    def _followed(self, verb: str, response: requests.Response, options: dict[str, Any]) -> requests.Response:
        """Follow redirects of reads: to the server itself with the secrets, to another server without them."""
        history: list[requests.Response] = []
        rest: dict[str, Any] = {
            name: options[name] for name in ("timeout", "stream", "headers") if name in options
        }
        while response.status_code in REDIRECTS and "Location" in response.headers:
            if response.status_code == 303:
                verb = "GET"
            if verb not in READ_METHODS or len(history) == MOST_REDIRECTS:
                break
            history.append(response)
            target = urljoin(response.url, response.headers["Location"])
            if origin(target) != origin(self.url):
                response = self._fetch_elsewhere(target, rest)
            else:
                response = self._send_signed(verb, target, dict(rest))
        response.history = [*history, *response.history]
        return response

    def _fetch_elsewhere(self, url: str, options: dict[str, Any]) -> requests.Response:
        """Fetch a redirect's target on another server, without any secret, header or cookie of this session."""
        with unsigned_session(self.verify) as session:
            return session.get(
                url,
                timeout=options["timeout"],
                stream=options.get("stream", False),
                auth=lambda request: request,  # without one, requests would add credentials from .netrc
            )

    @sealed  # a response may contain a secret
    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with :meth:`request`, and raise an exception for a status of 400 or more.

        Raises
        ------
        AccessTokenRejectedError, ForbiddenError, NotFoundError, RateLimitError, BoxUnavailableError, ApiError
            Depending on the status; all have ``status`` and ``code``.
        NetworkError
            There was no response.
        """
        try:
            response = self.request(method, path, **options)
        except OSError as error:  # requests' errors, and a missing certificate file
            raise NetworkError(network_trouble(error)) from error
        if response.status_code >= 400:
            raise server_error(response, self.profile, was_signed=origin(response.url) == origin(self.url))
        return response

    @sealed
    def get_json(self, path: str, **params: Any) -> Any:
        """``GET`` a path and return the decoded JSON.

        Raises
        ------
        ApiError, NetworkError
            As for :meth:`call`; the response may also not be JSON, usually because a company proxy replied.
        """
        response = self.call("GET", path, params=params)
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise api_error(response) from None

    def frame(
        self, path: str, pages: Pages | str | None = None, *, start: Any = None, **params: Any
    ) -> pd.DataFrame:
        """
        Pull a whole listing, one row per entry.

        Parameters
        ----------
        path : str
            A path relative to the server's URL.
        pages : Pages or str, optional
            How the listing is divided into pages: a :class:`boxnb.servers.Pages`, or the name of its style. By default, as
            the server's preset says; without one, as the first response shows.
        start : optional
            Where to resume a pull that ended early: ``error.partial.attrs["resume"]["start"]``.
        **params
            The server's own parameters.

        Returns
        -------
        pandas.DataFrame
            One column per field, in the order in which the fields first appear; nested objects are flattened, as in
            ``user_email``. Whole numbers are ``Int64``, booleans ``boolean``, complete times ``datetime64[us, UTC]``, lists
            JSON text; ids and everything else text. ``attrs["complete"]`` says whether every row arrived, and
            ``attrs["skipped"]`` what did not.

        Raises
        ------
        ApiError, NetworkError
            As for :meth:`call`. ``partial`` has the rows so far.
        """
        source = frames.Source(self)
        try:
            return frames.frame(source, path, pages, start, params)
        finally:
            self.last_partial = source.last_partial
