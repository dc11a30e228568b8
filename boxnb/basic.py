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
"""Seconds to connect, seconds between two bytes."""

ATTEMPTS, BACKOFF = 6, 0.5
PATIENCE = 180
"""Seconds of a ``Retry-After`` that are waited; a longer one is an error that says when to come back."""


def path(name: str) -> Path:
    """The file of one server.

    Raises
    ------
    SettingError
        The name makes no file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise SettingError(f"A name has letters, digits, '-', '_' and '.', starting with a letter: {name!r}")
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
    Keep how to reach a server, in a file only its owner can read.

    Parameters
    ----------
    name, url, username : str
        ``url`` is the base of the API.
    password : str or Secret, optional
        Asked for and not shown unless given: never write it in a notebook.
    verify : str, optional
        The path of a CA bundle, for a server with a certificate of the company's own. Only ``False`` itself switches the
        check off, for tests.

    Raises
    ------
    SettingError
        The password would travel in clear beyond this computer, the address is not one, or there is no such CA bundle.
    """
    checked = checked_verify(verify, there=True)
    try:
        require_private(url, "password")
    except HostNotAllowedError as error:
        raise SettingError(str(error)) from None
    except requests.RequestException:
        raise SettingError(
            f"{url!r} is not an https address, so the password could travel in clear: write it as 'https://HOST/PATH'."
        ) from None
    parts = urlsplit(url)
    if password is None:
        password = getpass.getpass(f"Password of {username} at {parts.hostname}: ")
    file = path(name)
    private_files.private_folder(file.parent)
    kept = {
        "url": url.rstrip("/"),
        "username": username,
        "password": Secret(password).reveal(),
        "verify": checked,
    }
    private_files.write_private(file, json.dumps(kept).encode())
    return file


class _Patient(Retry):
    """Obeys ``Retry-After`` and says so; where it asks for too long, the answer comes back at once and says when to return."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds to wait, if the server asks in a way that can be read."""
        return retry_after(response)

    def increment(self, *args: Any, **options: Any) -> _Patient:
        """Give up where the wait would be too long."""
        response = options.get("response")
        if response is not None and (retry_after(response) or 0.0) > PATIENCE:
            raise MaxRetryError(options.get("_pool"), str(options.get("url")), ResponseError("too long"))  # type: ignore[arg-type]
        return super().increment(*args, **options)

    def sleep(self, response: Any = None) -> None:
        """Wait, and say so where it is long."""
        asked = None if response is None else retry_after(response)
        wait = asked or self.get_backoff_time()
        announce(
            wait,
            wait_sentence(wait, "The server asked to wait" if asked else "No answer from the server yet"),
        )
        super().sleep(response)


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
        require_private(address, "password")
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
        except OSError as error:  # requests' own, and a certificate file that is not there
            raise NetworkError(network_trouble(error)) from error
        host, status = urlsplit(self.url).hostname, answer.status_code
        words = server_words(answer)
        if status == 401:
            raise ApiError(
                f"{host} refused the user name or password: save them again.{words}", status=status
            )
        if status == 429 and (wait := retry_after(answer)):
            raise ApiError(
                f"{host} limits the rate of calls (429) and asks to wait {span(wait)}. Run this again {until(wait)}.",
                status=status,
            )
        if status >= 400:
            raise ApiError(f"{host} answered {status} {answer.reason} for {path}.{words}", status=status)
        try:
            return answer.json()
        except (ValueError, RecursionError):
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
        kept = json.loads(private_files.read_private(file))
        texts = [kept[field] for field in ("url", "username", "password")]
        if not all(isinstance(text, str) and is_utf8(text) for text in texts):
            raise TypeError("a text is missing")
        return BasicSession(texts[0], texts[1], Secret(texts[2]), checked_verify(kept.get("verify")))
    except FileNotFoundError:
        raise NotSignedInError(
            f"No server is saved as {name!r}: boxnb.basic.save({name!r}, url, username) does it."
        ) from None
    except OSError as error:
        raise private_files.explained(error, file, "read") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotSignedInError(
            f"{file} is damaged, so no server is known as {name!r}: boxnb.basic.save({name!r}, url, username) writes it again."
        ) from None
