"""A valid access token on every request, through requests' own ``auth=`` seam.

``requests.get(url, auth=RotatingAuth("acme"))`` is all a script needs. Refreshing happens under the profile's
lock: re-read, adopt what somebody else saved, else refresh, **save, and only then use**: Box keeps the old
refresh token good until the new access token is first used, so a crash in between costs nothing.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from . import oauth, store
from .errors import (
    HostNotAllowedError,
    InvalidGrantError,
    NotSignedInError,
    ProfileChangedError,
    TokenEndpointError,
)
from .local import home_folder
from .oauth import Clock
from .oauth.failures import ONBOARDING as ONBOARDING
from .oauth.failures import network_trouble, refresh_refused
from .oauth.token import Token
from .secret import Header, Secret, bearer, cleaning
from .store import intent
from .transport.sessions import LOOPBACK, NETWORK_ERRORS, never_connected, require_private, unsigned_session
from .transport.waits import announce, wait_sentence

MARGIN = 60.0
"""Seconds before expiry at which an access token is refreshed."""

_WAITS = (0.5, 1.0, 2.0, 4.0)

PATIENCE = 50.0
"""Seconds after which a refresh is not tried again, so that the lock is given back before others lose patience."""

LONGEST_WAIT = 30.0
"""Seconds of ``Retry-After`` that are waited at the token endpoint; a longer one is an error that says when to come back."""


class RotatingAuth(AuthBase):
    """Signs each request with a fresh access token of one profile; safe for threads and processes.

    Parameters
    ----------
    profile : str
        Name of a saved profile.
    clock : callable, default time.time
        Seconds since the epoch; the server's ``Date`` headers correct it.
    sleep : callable, default time.sleep
        Waits between repeated attempts to refresh.

    Raises
    ------
    NotSignedInError
        Nothing is saved under that name.
    """

    def __init__(
        self, profile: str, *, clock: Clock = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.profile_name = profile
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.RLock()
        self._where = home_folder.elsewhere.get()  # a lesson's pair stays the lesson's, in whatever thread
        self._profile, self._token = _signed_in(profile)
        self._known = self._profile  # whom the session belongs to, once that is known
        self._passed = self._profile  # the state before another one was taken from the disk
        self._unsaved = False  # whether the pair in memory is newer than what could be saved
        self._skew = self._profile.skew
        self._refreshes = 0
        self._granted: set[tuple[str, str, int | None]] = set()

    @property
    def profile(self) -> store.Profile:
        """The profile as last read or saved; it always has a token."""
        return self._profile

    def now(self) -> float:
        """The server's time, seconds since the epoch: this machine's clock plus the skew last seen."""
        return self._clock() + self._skew

    def token(self) -> Token:
        """The token to use now, refreshed first where it would expire within a minute."""
        with self._lock:
            return self._token if self._is_fresh(self._token) and not self._unsaved else self.rotate()

    @property
    def saved_token(self) -> Token:
        """The token as last read or saved, however old."""
        return self._token

    def reread(self) -> None:
        """Take up what another thread or process saved since; a copy older than the pair in memory is left aside.

        Raises
        ------
        ProfileChangedError
            The profile became another person, app or enterprise.
        """
        with self._lock, home_folder.elsewhere.at(self._where):
            saved = store.load(self.profile_name)
            if self._is_older(saved):
                self._unsaved = True  # the next call puts the newer pair back
            else:
                self._take(*self._checked(saved))
                self._skew = self._profile.skew

    def _is_fresh(self, token: Token) -> bool:
        # A life shorter than the margin would refresh at every call.
        return self.now() < token.expires_at - min(MARGIN, token.expires_in / 2)

    def rotate(self, rejected: Secret | None = None) -> Token:
        """Replace the pair, or adopt the one another thread or process saved meanwhile.

        Parameters
        ----------
        rejected : Secret, optional
            The access token the API just refused: it is replaced even if it looks fresh.
        """
        with self._lock, home_folder.elsewhere.at(self._where), store.lock(self.profile_name):
            self._take(*self._newest())
            if self._token.access_token == rejected or not self._is_fresh(self._token):
                self._take(*self._refresh(self._profile, self._token))
            return self._token

    def adopt(self, fetched: Token) -> None:
        """Save a pair that another program fetched with this profile's refresh token, before it is first used.

        It stays in memory until it could be saved.

        Raises
        ------
        TokenStoreError
            It could not be saved; the next call tries again.
        ProfileChangedError
            The profile became another person, app or enterprise.
        """
        with self._lock, home_folder.elsewhere.at(self._where):
            before = self._profile
            if fetched.access_token == self._token.access_token:
                return
            self._keep(before.renewed(fetched, before.skew))
            with store.lock(self.profile_name):
                self._take(*self._newest())

    def _take(self, profile: store.Profile, token: Token) -> None:
        self._profile, self._token = profile, token
        if profile.account is not None:
            self._known = profile

    def _keep(self, renewed: store.Profile) -> None:
        """Hold a new pair in memory, so that it outlives a save that fails."""
        self._take(*_with_token(renewed, self.profile_name))
        self._unsaved = True

    def _save(self, profile: store.Profile) -> None:
        """Save the pair in memory, and end the journal of how it was fetched."""
        store.save(profile)
        intent.end(store.path(profile.name))
        self._unsaved = False

    def _checked(self, saved: store.Profile | None) -> tuple[store.Profile, Token]:
        """What is saved, unless it is not of the person, app and enterprise this session began with."""
        became = "" if saved is None else self._known.became(saved)
        if became:
            raise ProfileChangedError(
                f"The profile {self.profile_name!r} {became}. This session stops here, so that no result mixes two "
                f"sign-ins. Run boxnb.connect({self.profile_name!r}) again to continue with the one that is saved."
            )
        return _with_token(saved, self.profile_name)

    def _is_older(self, saved: store.Profile | None) -> bool:
        """Whether what is saved is a state from before the pair in memory: a backup, or a save that failed."""
        if saved is None:
            return False
        if saved.token is None:  # signed out; or the place for the secrets lost them, the client's too
            return self._unsaved and not saved.client.client_secret
        refresh_token = saved.token.refresh_token
        if refresh_token == self._token.refresh_token:  # a server may keep the refresh token (RFC 6749 6)
            return self._unsaved
        return refresh_token is not None and refresh_token.digest in self._profile.spent

    def _newest(self) -> tuple[store.Profile, Token]:
        """What is saved, or the pair in memory where that is newer: then it is saved now. The lock is held."""
        saved = store.load(self.profile_name)
        if saved is None or not self._is_older(saved):
            found = self._checked(saved)
            if found[1] != self._token:
                self._passed = self._profile
            self._unsaved = False
            return found
        healed = dataclasses.replace(saved, client=self._profile.client) if saved.token is None else saved
        healed = healed.with_pair_of(self._profile)
        self._save(healed)
        return _with_token(healed, self.profile_name)

    def _refresh(self, profile: store.Profile, token: Token) -> tuple[store.Profile, Token]:
        """Spend the refresh token; where it is refused, look once more for what somebody saved meanwhile."""
        pending = intent.pending(store.path(profile.name))
        first, tried = token, set[str]()
        while True:
            tried.add(token.refresh_token.digest if token.refresh_token else "")
            try:
                return self._spend(profile, token)
            except InvalidGrantError as error:
                other = self._untried(tried)
                if other is None:
                    server = profile.client.server.name
                    raise refresh_refused(profile.name, server, first, pending, error, self.now()) from error
                profile, token = other

    def _spend(self, profile: store.Profile, token: Token) -> tuple[store.Profile, Token]:
        file = store.path(profile.name)
        before = intent.pending(file)
        if (
            before is None or before.get("fingerprint") != token.fingerprint
        ):  # the first to be cut off stays named
            intent.begin(file, generation=profile.generation, fingerprint=token.fingerprint, now=self.now())
        fresh = self._ask(profile, token)
        self._skew = fresh.obtained_at - self._clock()
        renewed = profile.renewed(fresh, self._skew)
        self._refreshes += 1
        self._keep(renewed)
        self._save(renewed)
        return renewed, fresh

    def _ask(self, profile: store.Profile, token: Token) -> Token:
        """One refresh, repeated with the same token after a lost reply: Box then answers the same pair."""
        started, reached = time.monotonic(), False
        for pause in (*_WAITS, None):
            wait = pause if time.monotonic() - started < PATIENCE else None
            try:
                with unsigned_session(profile.verify) as http:
                    return oauth.refresh(profile.client, token, http=http, clock=self._clock)
            except InvalidGrantError as error:
                intent.end(store.path(profile.name))
                error.lost = reached
                raise
            except HostNotAllowedError:
                intent.end(store.path(profile.name))  # nothing was sent
                raise
            except TokenEndpointError as error:
                if error.error not in _REPEATABLE:
                    intent.end(store.path(profile.name))  # refused for good: nothing was spent
                    raise
                if wait is None or (error.retry_after or 0.0) > LONGEST_WAIT:
                    raise  # the sentence says when to come back
                wait = max(wait, error.retry_after or 0.0)
                why = "The token endpoint is not available just now"
            except OSError as error:
                reached = reached or not never_connected(error)
                if wait is None or not isinstance(error, NETWORK_ERRORS):
                    if not reached:
                        intent.end(store.path(profile.name))  # no request left this computer
                    # Of our own kind, so that no outer loop repeats what was repeated here.
                    raise TokenEndpointError(
                        f"The access token could not be refreshed; the saved sign-in is untouched. {network_trouble(error)}"
                    ) from error
                why = "No answer from the token endpoint"
            announce(wait, wait_sentence(wait, why))
            self._sleep(wait)
        raise AssertionError("the loop above returns or raises")

    def _untried(self, tried: set[str]) -> tuple[store.Profile, Token] | None:
        """A pair that was not tried yet: a newer one, ours behind an older script's dead copy, or the one in memory."""
        saved, ours = (
            self._checked(store.load(self.profile_name))[0],
            store.load(self.profile_name, shared=False),
        )
        in_memory = saved.with_pair_of(self._passed)
        for profile in (saved, ours, in_memory):
            token = None if profile is None else profile.token
            refresh_token = None if token is None else token.refresh_token
            if profile is in_memory and refresh_token and refresh_token.digest in saved.spent:
                continue
            if profile and token and refresh_token and refresh_token.digest not in tried:
                return profile, token
        return None

    def grant(self, url: str) -> None:
        """Allow one more host: that of an upload URL which the profile's own hosts returned."""
        self._granted.add(_origin(url))

    def allows(self, url: str) -> bool:
        """Whether the token may go there: the profile's own hosts and granted ones, over https or loopback."""
        scheme, host, _ = origin = _origin(url)
        return origin in self._origins() and (scheme == "https" or host in LOOPBACK)

    def _origins(self) -> set[tuple[str, str, int | None]]:
        server = self._profile.client.server
        return {_origin(server.api_url), _origin(server.upload_url)} | self._granted

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request; what requests calls for ``auth=``."""
        if not self.allows(request.url or ""):
            if _origin(request.url or "") in self._origins():
                require_private(request.url or "", f"access token of {self.profile_name!r}")
            raise HostNotAllowedError(
                f"The access token of {self.profile_name!r} goes to its own server's hosts only, not to "
                f"{urlsplit(request.url or '').hostname}: use a plain requests call for other addresses."
            )
        access_token = self.token().access_token
        request.headers["Authorization"] = self._header(access_token)
        body: Any = request.body
        body_position = body.tell() if hasattr(body, "tell") else None

        def answered(response: requests.Response, *_: Any, **options: Any) -> requests.Response:
            if not self.allows(response.url):
                return response  # a redirect led elsewhere: neither its clock nor its 401 concern this token
            self._skew = oauth.server_time(response, self.now) - self._clock()
            if response.status_code != 401:
                return response
            refused, rejected = response, access_token
            for _attempt in range(2):
                refreshed = self._refreshes
                rejected = self.rotate(rejected=rejected).access_token
                refused.content  # noqa: B018  drains it, so that the connection can be used again
                refused.close()
                again = refused.request.copy()
                again.hooks = {}
                again.headers["Authorization"] = self._header(rejected)
                if body_position is not None:
                    body.seek(body_position)
                with cleaning():
                    second: requests.Response = response.connection.send(again, **options)
                second.history = [*refused.history, refused]
                second.request = again
                if second.status_code != 401 or self._refreshes != refreshed:
                    return second  # a pair fresh from the server and refused all the same: that is final
                refused = second  # what another process had saved was refused as well: refresh that one
            return second

        request.hooks.setdefault("response", []).append(_Hook(answered))
        return request

    def _header(self, access_token: Secret) -> Header:
        try:
            return bearer(access_token)
        except ValueError:
            raise NotSignedInError(
                f"The saved access token of {self.profile_name!r} holds characters that cannot be sent; the file was "
                f"changed by hand or another program. Sign in again: open {ONBOARDING}."
            ) from None


class _Hook:
    """What looks at each answer; a pickled response has none."""

    def __init__(self, answered: Callable[..., requests.Response]) -> None:
        self._answered = answered

    def __call__(self, response: requests.Response, *given: Any, **options: Any) -> requests.Response:
        return self._answered(response, *given, **options)

    def __reduce__(self) -> Any:
        return _as_it_is, ()


def _as_it_is() -> Callable[..., requests.Response]:
    return _unchanged


def _unchanged(response: requests.Response, **_options: Any) -> requests.Response:
    return response


_REPEATABLE = {"conflict", ""}
"""Endpoint errors worth the same request again: 409, 429, 5xx, an unreadable answer."""


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or {"https": 443, "http": 80}.get(parts.scheme),
    )


def _signed_in(name: str) -> tuple[store.Profile, Token]:
    return _with_token(store.load(name), name)


def _with_token(profile: store.Profile | None, name: str) -> tuple[store.Profile, Token]:
    if profile is None or profile.token is None:
        raise NotSignedInError(f"Nobody is signed in as {name!r} yet: open {ONBOARDING} and sign in there.")
    return profile, profile.token
