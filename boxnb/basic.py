"""Connect to other servers that take a user name and a password, such as a device manager.

The password is saved in a private file next to the profiles, and is sent only to the server it belongs to. Calls have
timeouts, and reads are retried after 429 and 5xx::

    boxnb.basic.save("devices", "https://mdm.example.com/api", "reader")   # asks for the password
    http = boxnb.basic.connect("devices")
    http.get_json("/devices", page=0)
"""

from __future__ import annotations

import base64
import getpass
import json
import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import MaxRetryError, ResponseError
from urllib3.util import Retry

from . import store
from .errors import ApiError, HostNotAllowedError, NetworkError, NotSignedInError, SettingError
from .local import private_files
from .oauth.failures import network_trouble, server_words
from .secret import Header, Secret, is_utf8, sealed
from .transport.sessions import Session, checked_verify, require_private
from .transport.waits import announce, retry_after, span, until, wait_sentence

TIMEOUT = (10.0, 60.0)
"""The most seconds to wait for a connection, and then for the next byte of the response."""

ATTEMPTS, BACKOFF = 6, 0.5
PATIENCE = 180
"""The longest ``Retry-After`` to wait for, in seconds. A longer one raises an error that says when to try again."""


def path(name: str) -> Path:
    """Return the path of the file for one saved server.

    Raises
    ------
    SettingError
        The name cannot be used as a file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise SettingError(
            f"{name!r} cannot be the name of a server. Use letters, digits, '-', '_' and '.', and start with a letter or digit."
        )
    return store.home() / "servers" / f"{name}.json"


@sealed
def save(
    name: str,
    url: str,
    username: str,
    password: str | Secret | None = None,
    *,
    verify: bool | str | None = None,
) -> Path:
    """
    Save the URL and account of a server in a private file, and return its path.

    Parameters
    ----------
    name, url, username : str
        ``url`` is the base URL of the API.
    password : str or Secret, optional
        By default, ``save`` prompts for it without showing it. Never write it in a notebook.
    verify : str, optional
        The path of a CA bundle, for a server whose certificate your company issued. For tests, ``False`` turns the
        certificate check off; values such as ``0`` or ``""`` do not.

    Raises
    ------
    SettingError
        The password would leave this computer unencrypted, the URL is not valid, or the CA bundle does not exist.
    """
    checked = checked_verify(verify, must_exist=True)
    try:
        require_private(url, "password")
    except HostNotAllowedError as error:
        raise SettingError(str(error)) from None
    except requests.RequestException:
        raise SettingError(
            f"{url!r} is not an https address, so the password could travel unencrypted. Write it as 'https://HOST/PATH'."
        ) from None
    parts = urlsplit(url)
    if password is None:
        password = getpass.getpass(f"Password of {username} at {parts.hostname}: ")
    file = path(name)
    private_files.private_folder(file.parent)
    saved = {
        "url": url.rstrip("/"),
        "username": username,
        "password": Secret(password).reveal(),
        "verify": checked,
    }
    private_files.write_private(file, json.dumps(saved).encode())
    return file


class _AnnouncedRetry(Retry):
    """A retry policy that obeys ``Retry-After`` and announces long waits. If a wait would be too long, it gives up immediately."""

    def get_retry_after(self, response: Any) -> float | None:
        """Return how many seconds the server asks boxnb to wait; ``None`` if it does not ask, or if the header cannot be read."""
        return retry_after(response)

    def increment(self, *args: Any, **options: Any) -> _AnnouncedRetry:
        """Give up if the wait would be too long."""
        response = options.get("response")
        if response is not None and (retry_after(response) or 0.0) > PATIENCE:
            raise MaxRetryError(options.get("_pool"), str(options.get("url")), ResponseError("too long"))  # type: ignore[arg-type]
        return super().increment(*args, **options)

    def sleep(self, response: Any = None) -> None:
        """Announce the wait if it is long, then wait."""
        requested = None if response is None else retry_after(response)
        wait = requested or self.get_backoff_time()
        reason = "The server asked boxnb to wait" if requested else "No response from the server yet"
        announce(wait, wait_sentence(wait, reason))
        super().sleep(response)


class _Basic(HTTPBasicAuth):
    """HTTP Basic credentials for ``requests`` that never contain or show the password in plain text."""

    def __init__(self, username: str, password: Secret) -> None:
        self.username = username.encode()
        self._secret = password
        # The encoded form is a Secret too, so that logs redact it.
        self.pair = _pair(username, password)

    @property
    def password(self) -> bytes:  # type: ignore[override]
        """The password in plain text; the base class in ``requests`` has this attribute."""
        return self._secret.reveal().encode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the credentials to one request."""
        request.headers["Authorization"] = Header("Basic", self.pair)
        return request


@sealed
def _pair(username: str, password: Secret) -> Secret:
    """Return the user name and password, encoded as RFC 7617 2 requires, in UTF-8 (2.1)."""
    return Secret(base64.b64encode(f"{username}:{password.reveal()}".encode()).decode())


class BasicSession(Session):
    """A ``requests.Session`` for one server, with a base URL, timeouts, retries, and a password for this server only.

    Proxies and ``REQUESTS_CA_BUNDLE`` are read from the environment; a saved CA bundle replaces the latter. Reads are
    retried after a lost connection, 429 and 5xx, but writes only if no connection was made.
    """

    def __init__(self, url: str, username: str, password: Secret, verify: bool | str = True) -> None:
        super().__init__()
        self.url = url
        self.verify = verify
        self._password = password
        self.auth = _Basic(username, password)
        self._pair = self.auth.pair
        retry = _AnnouncedRetry(
            ATTEMPTS - 1,
            backoff_factor=BACKOFF,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("GET", "HEAD", "OPTIONS"),
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because the pickle would contain the password in plain text."""
        raise TypeError(
            "A session cannot be pickled, because it holds the password. Open a new one with boxnb.basic.connect."
        )

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request as ``requests.Session.request`` does, but relative to the base URL and with a timeout.

        Raises
        ------
        HostNotAllowedError
            The URL belongs to another server.
        """
        full_url = url if isinstance(url, str) else url.decode()
        if "://" not in full_url:
            full_url = f"{self.url}/{full_url.lstrip('/')}"
        if urlsplit(full_url)[:2] != urlsplit(self.url)[:2]:
            raise HostNotAllowedError(
                f"The password for {urlsplit(self.url).hostname} is not sent to {urlsplit(full_url).hostname}."
            )
        require_private(full_url, "password")
        options.setdefault("timeout", TIMEOUT)
        verb = method if isinstance(method, str) else method.decode()
        return super().request(verb, full_url, **options)

    def get_json(self, path: str, **params: Any) -> Any:
        """``GET`` a path and return the decoded JSON.

        Raises
        ------
        ApiError, NetworkError
            The server responded with an error, or did not respond.
        """
        try:
            response = self.get(path, params=params)
        except OSError as error:  # requests' errors, and a missing certificate file
            raise NetworkError(network_trouble(error)) from error
        host, status = urlsplit(self.url).hostname, response.status_code
        explanation = server_words(response)
        if status == 401:
            raise ApiError(
                f"{host} refused the user name or password. Save them again.{explanation}", status=status
            )
        if status == 429 and (wait := retry_after(response)):
            raise ApiError(
                f"{host} is limiting the rate of calls (429) and asks you to wait {span(wait)}. Run this again {until(wait)}.",
                status=status,
            )
        if status >= 400:
            raise ApiError(
                f"{host} responded with {status} {response.reason} for {path}.{explanation}", status=status
            )
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise ApiError(f"The response from {host} for {path} is not JSON.", status=status) from None


@sealed
def connect(name: str) -> BasicSession:
    """
    Return a session for a saved server. No request is sent.

    Raises
    ------
    NotSignedInError
        No server is saved with that name.
    TokenStoreError
        The file cannot be read.
    """
    file = path(name)
    try:
        saved = json.loads(private_files.read_private(file))
        fields = url, username, password = [saved[field] for field in ("url", "username", "password")]
        if not all(isinstance(field, str) and is_utf8(field) for field in fields):
            raise TypeError("a text field is missing")
        return BasicSession(url, username, Secret(password), checked_verify(saved.get("verify")))
    except FileNotFoundError:
        raise NotSignedInError(
            f"No server is saved as {name!r}. Save it with boxnb.basic.save({name!r}, url, username)."
        ) from None
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSignedInError(
            f"The server {name!r} cannot be used, because {file} is damaged. Save the server again with boxnb.basic.save({name!r}, url, username)."
        ) from None
