"""A ``requests`` session for one profile: base URL, Box's rate limits, its errors as exceptions, and what scopes it proves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from ..auth import RotatingAuth
from ..errors import NetworkError
from ..oauth.failures import display_name
from ..secret import sealed
from ..transport.allowance import require_call
from ..transport.network_trouble import network_trouble, sandbox_has_stopped
from ..transport.sessions import NETWORK_ERRORS, never_connected, unsigned_session
from . import arguments, ids
from .failures import api_error, scope_of
from .rate_limit import LIMITS, Pacer
from .retrying import ATTEMPTS as ATTEMPTS
from .retrying import PATIENCE, REDIRECTS, TIMEOUT, RetryingSession
from .writes import UNSURE, is_read


class BoxSession(RetryingSession):
    """A ``requests.Session`` for raw requests to Box with one profile.

    A path such as ``"/users/me"`` is relative to the profile's API URL. Requests are retried as
    :class:`boxnb.api.retrying.RetryingSession` says. Redirects are followed without the token and without any of Box's headers.
    """

    def __init__(
        self,
        auth: RotatingAuth,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(auth.profile_name, auth.profile.verify, sleep=sleep, clock=clock)
        self.auth: RotatingAuth = auth
        self._pacers: dict[str, Pacer] = {}

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
        if follow and response.status_code in REDIRECTS and "Location" in response.headers:
            return self._follow_redirect(response, options)
        return response

    @property
    def server(self) -> str:
        """The name of the server, as its profile has it."""
        return self.auth.profile.client.server.name

    def _received(self, response: requests.Response) -> None:
        """Record what a response shows about the scopes of this sign-in."""
        self._note_scope(response)

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
            file = self.home / "pace" / name
            self._pacers[name] = Pacer(
                file,
                LIMITS[limit],
                clock=self._monotonic,
                sleep=self._sleep,
                on_wait=self.announce_wait,
                box=display_name(self.server),
                patience=PATIENCE,
            )
        return self._pacers[name]

    def _follow_redirect(self, response: requests.Response, options: dict[str, Any]) -> requests.Response:
        """Fetch the target of a redirect without credentials, because its URL alone grants access (Box guide *Download*)."""
        target = urljoin(response.url, response.headers["Location"])
        require_call("The server redirected the call")
        with unsigned_session(self.verify) as session:
            started = self._monotonic()
            timeout, stream = options["timeout"], options.get("stream", False)
            final_response = session.get(target, timeout=timeout, stream=stream, auth=_no_credentials)
        final_response.history.insert(0, response)
        # Anyone who has the URL can fetch the content, so the ledger does not record the URL.
        size = 0 if stream else len(final_response.content)
        self._note("GET", "/download", final_response.status_code, started, size)
        return final_response

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
                raise NetworkError(sandbox_has_stopped()) from error
            is_lost = isinstance(error, NETWORK_ERRORS) and not never_connected(error)
            is_unsure = is_lost and not is_read(method, path)
            raise NetworkError(network_trouble(error, UNSURE if is_unsure else "try again")) from error
        if response.status_code >= 400:
            raise api_error(response)
        return response

    def get_bytes(self, path: str, **params: Any) -> bytes:
        """Return the undecoded body of a ``GET`` request, for :class:`boxnb.frames.Table`.

        ``as_user`` is the id of the user to act as. All other arguments are parameters of Box.
        """
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
