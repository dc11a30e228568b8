"""Other servers with a user name and a password, as device managers have: the same habits as for Box.

The password lies in a private file beside the profiles; calls have timeouts, reads are repeated after 429 and 5xx, and the
password goes to its own server only::

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
from urllib3.util import Retry

from . import disk, store
from .errors import ApiError, HostNotAllowedError, NetworkError, NotSignedInError
from .network import Session
from .postbox import is_loopback
from .refusals import network_trouble
from .tokens import Header, Secret, sealed

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, seconds between two bytes."""

ATTEMPTS, BACKOFF = 6, 0.5
PATIENCE = 180
"""Seconds that a ``Retry-After`` is obeyed for, at most, each time."""


def path(name: str) -> Path:
    """The file of one server.

    Raises
    ------
    ValueError
        The name makes no file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(f"A name has letters, digits, '-', '_' and '.', starting with a letter: {name!r}")
    return store.home() / "servers" / f"{name}.json"


@sealed
def save(
    name: str,
    url: str,
    username: str,
    password: str | Secret | None = None,
    *,
    verify: str | None = None,
) -> Path:
    """
    Keep how to reach a server, in a file only its owner can read.

    Parameters
    ----------
    name, url, username : str
        ``url`` is the base of the API.
    password : str or Secret, optional
        Asked for and not shown unless given: never write it in a notebook.
    verify : str, optional
        The path of a CA bundle, for a server with a certificate of the company's own.

    Raises
    ------
    ValueError
        The password would travel in clear beyond this computer.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError(f"The password would travel in clear to {parts.hostname}: use its https address.")
    if password is None:
        password = getpass.getpass(f"Password of {username} at {parts.hostname}: ")
    file = path(name)
    disk.private_folder(file.parent)
    kept = {
        "url": url.rstrip("/"),
        "username": username,
        "password": Secret(password).reveal(),
        "verify": verify if verify is not None else True,
    }
    disk.write_private(file, json.dumps(kept).encode())
    return file


class _Patient(Retry):
    """Obeys ``Retry-After``, but not for hours: a notebook that says nothing looks dead."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds to wait, if the server asks."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, PATIENCE)


class _Basic(HTTPBasicAuth):
    """Signs requests without holding the password, or showing it in the request, in clear."""

    def __init__(self, username: str, password: Secret) -> None:
        self.username = username.encode()
        self._secret = password
        self.pair = _pair(username, password)  # as it travels, so that logs mask it

    @property
    def password(self) -> bytes:  # type: ignore[override]
        """The password as requests' own class has it."""
        return self._secret.reveal().encode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = Header("Basic", self.pair)
        return request


@sealed
def _pair(username: str, password: Secret) -> Secret:
    """User name and password as RFC 7617 2 joins them, in UTF-8 (2.1)."""
    return Secret(base64.b64encode(f"{username}:{password.reveal()}".encode()).decode())


class BasicSession(Session):
    """``requests.Session`` for one server: base address, timeouts, repeated reads, a password that stays with it.

    Proxies are those of the environment, and its ``REQUESTS_CA_BUNDLE`` counts unless a bundle was saved. Reads are
    repeated after a lost connection, 429 and 5xx; writes only where no connection was made.
    """

    def __init__(self, url: str, username: str, password: Secret, verify: bool | str = True) -> None:
        super().__init__()
        self.url = url
        self.verify = verify
        self._password = password
        self.auth = _Basic(username, password)
        self._pair = self.auth.pair
        retry = _Patient(
            ATTEMPTS - 1,
            backoff_factor=BACKOFF,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("GET", "HEAD", "OPTIONS"),
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def __reduce__(self) -> NoReturn:
        """Refuses: what is pickled lies about in clear."""
        raise TypeError(
            "A session is not pickled, for it holds the password: open it anew with boxnb.basic.connect."
        )

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """As ``requests.Session.request``, below the base address and with a timeout.

        Raises
        ------
        HostNotAllowedError
            The address is of another server.
        """
        address = url if isinstance(url, str) else url.decode()
        if "://" not in address:
            address = f"{self.url}/{address.lstrip('/')}"
        if urlsplit(address)[:2] != urlsplit(self.url)[:2]:
            raise HostNotAllowedError(
                f"The password for {urlsplit(self.url).hostname} does not go to {urlsplit(address).hostname}."
            )
        options.setdefault("timeout", TIMEOUT)
        verb = method if isinstance(method, str) else method.decode()
        return super().request(verb, address, **options)

    def get_json(self, path: str, **params: Any) -> Any:
        """``GET`` a path and decode the answer.

        Raises
        ------
        ApiError, NetworkError
            The server refused, or no answer came.
        """
        try:
            answer = self.get(path, params=params)
        except requests.RequestException as error:
            raise NetworkError(network_trouble(error)) from error
        host, status = urlsplit(self.url).hostname, answer.status_code
        if status == 401:
            raise ApiError(f"{host} refused the user name or password: save them again.", status=status)
        if status >= 400:
            raise ApiError(f"{host} answered {status} {answer.reason} for {path}.", status=status)
        try:
            return answer.json()
        except ValueError:
            raise ApiError(f"{host} answered {path} with something else than JSON.", status=status) from None


@sealed
def connect(name: str) -> BasicSession:
    """
    Open a saved server; no call is made.

    Raises
    ------
    NotSignedInError
        Nothing is saved under that name.
    TokenStoreError
        The file cannot be read.
    """
    file = path(name)
    try:
        kept = json.loads(disk.read_private(file))
        return BasicSession(kept["url"], kept["username"], Secret(kept["password"]), kept.get("verify", True))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise NotSignedInError(
            f"No server is saved as {name!r}: boxnb.basic.save({name!r}, url, username) does it."
        ) from None
