"""Sign requests with saved secrets that do not expire: a user name and a password, or a key in a header.

Until the server has accepted the secrets, only one process at a time sends them, and so it is again after one was refused.
If the server refuses them, no process sends them again until they are saved again: a server may lock an account after a few
wrong passwords.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from .. import store
from ..auth import Hook, origin
from ..errors import HostNotAllowedError, SettingError
from ..secret import Header, Secret, basic_pair
from ..store.method import BASIC
from ..tokens import not_sent_again
from ..transport.sessions import require_private
from .failures import unauthorized


class SavedSecretAuth(AuthBase):
    """Send the secrets of one server with every request to it, and to no other server, as ``auth=`` of requests."""

    def __init__(self, profile: store.Profile) -> None:
        self.profile = profile
        self.profile_name = profile.name
        self.proved = False
        self._proved_with: tuple[int, int] | None = None
        self._refusal = ""
        self._threads = threading.RLock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("A sign-in cannot be pickled, because it holds the password or the key.")

    def headers(self) -> dict[str, Header]:
        """Return the headers that carry the secrets. Printing them does not show the secrets."""
        method = self.profile.method
        settings, secrets = method.settings, method.secrets
        if method.kind == BASIC:
            pair = basic_pair(settings.get("username", ""), secrets.get("password", Secret("")))
            signed = {"Authorization": Header("Basic", pair)}
        else:
            header, prefix = settings.get("header", "Authorization"), settings.get("prefix", "")
            signed = {header: Header(prefix.strip(), secrets.get("key", Secret("")))}
        return signed | {name: Header("", value) for name, value in method.secret_headers.items()}

    def allows(self, url: str) -> bool:
        """Return whether the secrets may be sent to a URL."""
        return origin(url) == origin(self.profile.client.server.api_url)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the secrets to one request."""
        url = request.url or ""
        if not self.allows(url):
            raise HostNotAllowedError(
                f"The secrets for {urlsplit(self.profile.client.server.api_url).hostname} are not sent to {urlsplit(url).hostname}."
            )
        require_private(url, "password or key")
        if self.profile.refused:
            raise not_sent_again(self.profile)
        try:
            request.headers.update(self.headers())
        except ValueError:
            raise SettingError(
                f"A secret of {self.profile_name!r} contains characters that cannot be sent in a header. Save it again."
            ) from None
        request.hooks.setdefault("response", []).append(Hook(self._look_at))
        return request

    def _look_at(self, response: requests.Response, *_: Any, **__: Any) -> requests.Response:
        """Note whether the server accepts the secrets. Two refusals in a row, or one before any success, are final."""
        if response.status_code == 401:
            if not self.proved:
                self._refusal = unauthorized(response, self.profile)
            else:
                self._warn_others()
            self.proved = False
        elif response.status_code < 400:
            self.proved = True
        return response

    def _file_state(self) -> tuple[int, int] | None:
        """Return what changes when a process saves the profile, or warns the others; None if the file cannot be read."""
        try:
            state = store.path(self.profile_name).stat()
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns

    def _warn_others(self) -> None:
        """Make other processes prove the secrets again: if the password has changed, each would send the old one once."""
        self._set_file_time(time.time_ns())

    def _set_file_time(self, nanoseconds: int) -> None:
        # If the file was removed, or is not ours, each process finds out by itself.
        with contextlib.suppress(OSError):
            os.utime(store.path(self.profile_name), ns=(nanoseconds, nanoseconds))

    @contextmanager
    def proving(self) -> Iterator[None]:
        """Let no other thread or process send the secrets until the server has accepted or refused them.

        Accepted secrets are proved again after any process has saved the profile, or was refused.
        """
        if self.proved and self._proved_with == self._file_state():
            yield
            return
        with self._threads, store.lock(self.profile_name):
            saved = store.load(self.profile_name)
            if saved is not None and saved.method == self.profile.method:
                self.profile = saved  # another process may have been refused
            before, now = self._proved_with, self._file_state()
            self.proved, self._proved_with = False, now
            try:
                yield
                if self.proved and before and now and before[0] == now[0] and before != now:
                    # The refusal was about one path, or has passed: end the warning, or the next refusal would be final.
                    self._set_file_time(before[1])
                    self._proved_with = self._file_state()
            finally:
                if self._refusal:
                    self.profile = dataclasses.replace(self.profile, refused=self._refusal)
                    if saved is not None and saved.method == self.profile.method:
                        store.save(dataclasses.replace(saved, refused=self._refusal))
