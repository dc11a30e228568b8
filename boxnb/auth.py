"""A valid access token on every request, through the ``auth=`` argument of requests.

``requests.get(url, auth=RotatingAuth("acme"))`` is all that a script needs. When the access token expires,
:class:`RotatingAuth` locks the profile and reads it again. It adopts a token pair that another process has saved, or
else refreshes its own. It **saves the new pair before it uses it**: Box accepts the old refresh token until the new access
token is first used, so a crash does not lose the sign-in.
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

from . import oauth, store, tokens
from .errors import (
    CredentialsRefusedError,
    HostNotAllowedError,
    InvalidClientError,
    InvalidGrantError,
    NotSignedInError,
    ProfileChangedError,
)
from .local import home_folder, reader
from .oauth import Clock
from .oauth.failures import refresh_refused
from .oauth.token import Token
from .secret import Header, Secret, bearer, cleaning
from .store import intent
from .transport.allowance import require_call
from .transport.sessions import LOOPBACK, require_private, unsigned_session

MARGIN = 60.0
"""How many seconds before its expiry an access token is refreshed."""


class RotatingAuth(AuthBase):
    """Send a valid access token of one profile, as the ``auth=`` argument of requests. Safe across threads and processes.

    Parameters
    ----------
    profile : str
        Name of a saved profile.
    clock : callable, default time.time
        Returns seconds since the epoch; corrected by the server's ``Date`` headers.
    sleep : callable, default time.sleep
        Called with a number of seconds, to wait between two attempts to refresh.

    Raises
    ------
    NotSignedInError
        No sign-in is saved with that name.
    """

    waits: tuple[float, ...] | None = None
    """Seconds before each repetition of a refresh; by default those of ``boxnb.tokens``."""
    token_session = staticmethod(unsigned_session)

    def __init__(
        self, profile: str, *, clock: Clock = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.profile_name = profile
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.RLock()
        # The folder of the current lesson, if there is one. Calls from other threads use it as well.
        self._home = home_folder.elsewhere.get()
        self._profile, self._token = _with_token(store.load_awake(profile), profile)
        self._owner = self._profile  # the latest version that says which user this session belongs to
        self._previous = self._profile  # the version before the one that was last read from disk
        self._unsaved = False  # whether the token pair in memory is newer than the saved one
        self._skew = self._profile.skew
        self._refreshes = 0
        self._granted: set[tuple[str, str, int | None]] = set()

    @property
    def profile(self) -> store.Profile:
        """The profile as it was last read or saved. It has a token, or secrets with which it can get one."""
        return self._profile

    def now(self) -> float:
        """Return the server's time in seconds since the epoch: this computer's clock plus the last known skew."""
        return self._clock() + self._skew

    def token(self) -> Token:
        """Return a valid token. One that would expire within a minute is refreshed first."""
        with self._lock:
            return self._token if self._is_fresh(self._token) and not self._unsaved else self.rotate()

    @property
    def saved_token(self) -> Token:
        """The token as it was last read or saved; it may have expired."""
        return self._token

    def reread(self) -> None:
        """Read what another thread or process has saved, but ignore it if it is older than the pair in memory.

        Raises
        ------
        ProfileChangedError
            The profile now belongs to another user, app or enterprise.
        """
        with self._lock, home_folder.elsewhere.at(self._home):
            saved = store.load(self.profile_name)
            if self._is_older(saved):
                self._unsaved = True  # the next call saves the newer pair again
            else:
                self._use(*self._require_same_owner(saved))
                self._skew = self._profile.skew

    def _is_fresh(self, token: Token) -> bool:
        # For a token that lives for less than MARGIN, the full margin would make every call refresh it.
        return self.now() < token.expires_at - min(MARGIN, token.expires_in / 2)

    def rotate(self, rejected: Secret | None = None) -> Token:
        """Refresh the token pair, or adopt the one that another thread or process has saved.

        Parameters
        ----------
        rejected : Secret, optional
            The access token that the API has just rejected. It is replaced even if it has not expired.
        """
        with self._lock, home_folder.elsewhere.at(self._home), store.lock(self.profile_name):
            self._use(*self._newest())
            if self._token.access_token == rejected or not self._is_fresh(self._token):
                self._use(*self._refresh(self._profile, self._token))
            return self._token

    def adopt(self, fetched: Token) -> None:
        """Save, before its first use, a token pair that another program fetched with this profile's refresh token.

        Raises
        ------
        TokenStoreError
            The token pair could not be saved. It stays in memory, and the next call tries again.
        ProfileChangedError
            The profile now belongs to another user, app or enterprise.
        """
        with self._lock, home_folder.elsewhere.at(self._home):
            current = self._profile
            pair = (fetched.access_token, fetched.refresh_token)
            if pair == (self._token.access_token, self._token.refresh_token):
                return
            if fetched.refresh_token is not None and fetched.refresh_token.digest in current.spent:
                return  # late: another thread of that program has already refreshed with it
            self._use_unsaved(current.renewed(fetched, current.skew))
            with store.lock(self.profile_name):
                self._use(*self._newest())

    def _use(self, profile: store.Profile, token: Token) -> None:
        self._profile, self._token = profile, token
        if profile.account is not None:
            self._owner = profile

    def _use_unsaved(self, refreshed: store.Profile) -> None:
        """Use a new token pair before it is saved, so that it is not lost if saving fails."""
        self._use(*_with_token(refreshed, self.profile_name))
        self._unsaved = True

    def _save(self, profile: store.Profile) -> None:
        """Save the token pair in memory and delete the journal of its refresh."""
        store.save(profile)
        intent.end(store.path(profile.name))
        self._unsaved = False

    def _require_same_owner(self, saved: store.Profile | None) -> tuple[store.Profile, Token]:
        """Return the saved profile and token. Raise if they do not belong to this session's user, app and enterprise."""
        conflict = "" if saved is None else self._owner.conflict_with(saved)
        if conflict:
            raise ProfileChangedError(
                f"The profile {self.profile_name!r} {conflict}. This session stops here, so that no result mixes two "
                f"sign-ins. Run boxnb.connect({self.profile_name!r}) again to continue with the saved one."
            )
        return _with_token(saved, self.profile_name)

    def _is_older(self, saved: store.Profile | None) -> bool:
        """Return whether the saved profile is older than the pair in memory: a backup was restored, or a save failed."""
        if saved is None:
            return False
        if saved.method.needs_no_person:
            return self._unsaved and saved.generation < self._profile.generation
        if saved.token is None:  # signed out, or the backend lost all secrets, including the client secret
            return self._unsaved and not saved.client.client_secret
        refresh_token = saved.token.refresh_token
        if refresh_token == self._token.refresh_token:  # a server may keep the refresh token (RFC 6749 6)
            return self._unsaved
        own = self._token.refresh_token
        if own is not None and own.digest in saved.spent:
            return False  # the pair in memory is the old one: the backend had returned an outdated entry
        return refresh_token is not None and refresh_token.digest in self._profile.spent

    def _newest(self) -> tuple[store.Profile, Token]:
        """Return the saved profile, or save and return the one in memory if it is newer. The caller holds the lock."""
        saved = store.load(self.profile_name)
        if saved is None or not self._is_older(saved):
            profile, token = self._require_same_owner(saved)
            if token != self._token:
                self._previous = self._profile
            self._unsaved = False
            return profile, token
        repaired = dataclasses.replace(saved, client=self._profile.client) if saved.token is None else saved
        repaired = repaired.with_pair_of(self._profile)
        self._save(repaired)
        return _with_token(repaired, self.profile_name)

    def _refresh(self, profile: store.Profile, token: Token) -> tuple[store.Profile, Token]:
        """Spend the refresh token, or use the saved secrets. If a token is refused, try one that another process has saved."""
        if profile.method.needs_no_person:
            return self._fetch_without_person(profile, token)
        pending = intent.pending(store.path(profile.name))
        first_token, tried = token, set[str]()
        while True:
            tried.add(token.refresh_token.digest if token.refresh_token else "")
            try:
                return self._spend(profile, token)
            except InvalidGrantError as error:
                candidate = self._untried(tried)
                if candidate is None:
                    raise refresh_refused(
                        profile.name, profile.client.server.name, first_token, pending, error, self.now()
                    ) from error
                profile, token = candidate

    def _fetch_without_person(self, profile: store.Profile, token: Token) -> tuple[store.Profile, Token]:
        """Get a token with the saved secrets. A refusal is saved, so that no other thread or process sends them again."""
        if profile.refused:
            raise tokens.not_sent_again(profile)
        try:
            new_token = self._fetch(profile, token)
        except (CredentialsRefusedError, InvalidClientError) as error:
            store.save(dataclasses.replace(profile, refused=str(error)))
            raise
        return self._keep(profile, new_token)

    def _spend(self, profile: store.Profile, token: Token) -> tuple[store.Profile, Token]:
        file = store.path(profile.name)
        pending = intent.pending(file)
        # If an earlier attempt at this refresh was interrupted, the journal keeps the name of the process that made it.
        if pending is None or pending.get("fingerprint") != token.fingerprint:
            intent.begin(file, generation=profile.generation, fingerprint=token.fingerprint, now=self.now())
        new_token = self._fetch(profile, token)
        return self._keep(profile, new_token)

    def _keep(self, profile: store.Profile, new_token: Token) -> tuple[store.Profile, Token]:
        """Save a new token before its first use."""
        self._skew = new_token.obtained_at - self._clock()
        refreshed = profile.renewed(new_token, self._skew)
        self._refreshes += 1
        self._use_unsaved(refreshed)
        self._save(refreshed)
        return refreshed, new_token

    def _fetch(self, profile: store.Profile, token: Token) -> Token:
        return tokens.fetch(
            profile,
            token,
            clock=self.now,
            sleep=self._sleep,
            waits=self.waits,
            session=self.token_session,
        )

    def _untried(self, tried: set[str]) -> tuple[store.Profile, Token] | None:
        """Return a pair not tried yet: the saved one (which an older script may have saved), boxnb's own, or the previous one."""
        saved = self._require_same_owner(store.load(self.profile_name))[0]
        own = store.load(self.profile_name, shared=False)
        in_memory = saved.with_pair_of(self._previous)
        for profile in (saved, own, in_memory):
            token = None if profile is None else profile.token
            refresh_token = None if token is None else token.refresh_token
            if profile is in_memory and refresh_token and refresh_token.digest in saved.spent:
                continue
            if profile and token and refresh_token and refresh_token.digest not in tried:
                return profile, token
        return None

    def grant(self, url: str) -> None:
        """Allow one more host: the host of an upload URL that one of the profile's own hosts returned."""
        self._granted.add(origin(url))

    def allows(self, url: str) -> bool:
        """Return whether the token may be sent to a URL: the profile's server or a granted host, over https or loopback."""
        scheme, host, _ = target = origin(url)
        return target in self._origins() and (scheme == "https" or host in LOOPBACK)

    def _origins(self) -> set[tuple[str, str, int | None]]:
        server = self._profile.client.server
        return {origin(server.api_url), origin(server.upload_url)} | self._granted

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the access token, and any further secret headers, to one request. Requests calls this as ``auth=``."""
        if not self.allows(request.url or ""):
            if origin(request.url or "") in self._origins():
                require_private(request.url or "", f"access token of {self.profile_name!r}")
            raise HostNotAllowedError(
                f"The access token of {self.profile_name!r} is sent only to its own server's hosts, not to "
                f"{urlsplit(request.url or '').hostname}. For other addresses, use requests without auth=."
            )
        access_token = self.token().access_token
        request.headers["Authorization"] = self._header(access_token)
        for name, value in self._profile.method.secret_headers.items():
            request.headers[name] = Header("", value)
        body: Any = request.body
        body_position = body.tell() if hasattr(body, "tell") else None

        def check_response(response: requests.Response, *_: Any, **options: Any) -> requests.Response:
            if not self.allows(response.url):
                return response  # redirected to another host, whose clock and 401 do not matter
            self._skew = oauth.server_time(response, self.now) - self._clock()
            challenge = response.headers.get("WWW-Authenticate", "")
            if response.status_code != 401 or "insufficient_scope" in challenge:
                return response
            unauthorized, latest_token = response, access_token
            for _attempt in range(2):
                refreshes_before = self._refreshes
                latest_token = self.rotate(rejected=latest_token).access_token
                unauthorized.content  # noqa: B018  read to its end, so that the connection can be used again
                unauthorized.close()
                require_call("The access token was refused")
                retry = unauthorized.request.copy()
                retry.hooks = {}
                retry.headers["Authorization"] = self._header(latest_token)
                if body_position is not None:
                    body.seek(body_position)
                with cleaning():
                    retried: requests.Response = response.connection.send(retry, **options)
                retried.history = [*unauthorized.history, unauthorized]
                retried.request = retry
                if retried.status_code != 401 or self._refreshes != refreshes_before:
                    return retried  # this pair has just come from the server: a second 401 is final
                # The API also rejected the pair that another process saved, so refresh that pair.
                unauthorized = retried
            return retried

        request.hooks.setdefault("response", []).append(Hook(check_response))
        return request

    def _header(self, access_token: Secret) -> Header:
        try:
            return bearer(access_token)
        except ValueError:
            raise NotSignedInError(
                f"The saved access token of {self.profile_name!r} contains characters that cannot be sent: the file was "
                f"edited by hand or by another program. Sign in again: {reader.to_sign_in(self.profile_name)}."
            ) from None


class Hook:
    """A response hook that is pickled as one that does nothing, because a closure cannot be pickled."""

    def __init__(self, check_response: Callable[..., requests.Response]) -> None:
        self._check_response = check_response

    def __call__(self, response: requests.Response, *args: Any, **options: Any) -> requests.Response:
        """Look at one response. Requests calls this."""
        return self._check_response(response, *args, **options)

    def __reduce__(self) -> Any:
        return _unpickled_hook, ()


def _unpickled_hook() -> Callable[..., requests.Response]:
    return _unchanged


def _unchanged(response: requests.Response, **_options: Any) -> requests.Response:
    return response


def origin(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, host and port of a URL (RFC 6454 4). A secret is sent only to the origin that it belongs to."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or {"https": 443, "http": 80}.get(parts.scheme),
    )


def _with_token(profile: store.Profile | None, name: str) -> tuple[store.Profile, Token]:
    if profile is None or not (profile.token or profile.method.needs_no_person):
        raise store.nobody_signed_in(name, is_saved=profile is not None)
    return profile, profile.token or tokens.NO_TOKEN
