"""HTTP sessions without a sign-in. They reach this computer without a proxy and use the profile's own CA bundle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from ..errors import BoxNotebookError, HostNotAllowedError, SettingError
from ..secret import sealed
from .network_trouble import hopeless

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

NETWORK_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
"""What requests raises when all or part of a response was lost."""

CHUNK = 65536
"""Number of bytes read at a time."""


def checked_verify(verify: object, *, must_exist: bool = False) -> bool | str:
    """Return how certificates are checked: ``True``, ``False`` or the path of a CA bundle.

    Only ``False`` itself switches the check off. ``None`` and an empty string, which come from unset variables, mean the
    usual certificates; requests treats every empty value as "off".

    Parameters
    ----------
    verify : bool, str, PathLike or None
    must_exist : bool, default False
        Whether a path must exist now.

    Raises
    ------
    SettingError
        ``verify`` has the wrong type, or the path does not exist.
    """
    if isinstance(verify, bool):
        return verify
    if verify is None or (isinstance(verify, str) and not verify.strip()):
        return True
    if not isinstance(verify, str | os.PathLike) or not isinstance(path := os.fspath(verify), str):
        raise SettingError(
            f"verify takes True, False or the path of a CA bundle, not {verify!r}. "
            "Only False itself switches the certificate check off."
        )
    if must_exist and not Path(path).exists():
        raise SettingError(f"The CA bundle {path!r} does not exist. Correct the path in verify.")
    return path


def require_private(url: str, what: str) -> None:
    """Refuse a URL to which ``what`` would travel unencrypted.

    The URL is parsed as requests parses it, so that odd characters cannot lead to a host other than the one checked.

    Raises
    ------
    HostNotAllowedError
        The URL is neither https nor on this computer.
    requests.RequestException
        The URL is malformed.
    """
    prepared = requests.Request("GET", url).prepare().url or ""
    parts = urlsplit(prepared)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise HostNotAllowedError(
        f"The {what} would travel unencrypted to {parts.hostname}, so nothing was sent. Use its https address."
    )


class Session(requests.Session):
    """``requests.Session`` with five corrections.

    - Calls to this computer never use a proxy: a proxy could not reach the sandbox, and would see its secrets.
    - The ``verify`` of the session takes precedence over ``REQUESTS_CA_BUNDLE``; in requests the variable wins.
    - An empty ``verify`` does not switch the certificate check off.
    - An unusable proxy address or header raises one of requests' own exceptions, not one from a library that requests uses.
    - The traceback of an error or an interrupt does not show the variables of the libraries that requests uses, because
      one of them contains the bytes of the request.
    """

    @sealed
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a prepared request. Every request and every redirect passes through this method."""
        options["verify"] = checked_verify(options.get("verify", self.verify))
        try:
            return super().send(request, **options)
        except (urllib3.exceptions.LocationValueError, ValueError, TypeError) as error:
            proxy = requests.utils.select_proxy(request.url or "", options.get("proxies"))
            is_known = isinstance(error, TypeError | requests.RequestException | BoxNotebookError)
            if is_known and not (proxy and _is_unusable(proxy)):
                raise
            request_error = _unsendable(request, proxy, error)
        # Raised outside the except block, because the original error contains a password or a header.
        raise request_error

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return the settings of one request, including those from the environment."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if urlsplit(str(url)).hostname in LOOPBACK:
            settings["proxies"] = {}
        if verify is None and (own := checked_verify(self.verify)) is not True:
            settings["verify"] = own
        return settings


def _unsendable(
    request: requests.PreparedRequest, proxy: str | None, error: Exception
) -> requests.RequestException:
    """Return the exception for a request that cannot be sent because of a header, the proxy's address or its own URL.

    The message does not repeat any of them.
    """
    headers = "".join(str(value) for value in request.headers.values())
    if "header" in str(error).lower() or not _is_latin(headers):
        return requests.exceptions.InvalidHeader("A header cannot be sent.", request=request)
    if proxy and _is_unusable(proxy):
        return requests.exceptions.InvalidProxyURL("The proxy's address cannot be read.", request=request)
    return requests.exceptions.InvalidURL("The address cannot be used.", request=request)


def _is_unusable(proxy: str) -> bool:
    """Return whether a proxy's address cannot be read, or its user name and password cannot be sent."""
    try:
        host = urllib3.util.parse_url(requests.utils.prepend_scheme_if_needed(proxy, "http")).host
        return not (host and host.encode("idna")) or not all(
            map(_is_latin, requests.utils.get_auth_from_url(proxy))
        )
    except (urllib3.exceptions.LocationValueError, ValueError, TypeError):
        return True


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def unsigned_session(verify: bool | str | None = True) -> Session:
    """Return a session without a sign-in, for the token endpoint and for URLs that need no token, such as downloads."""
    session = Session()
    session.verify = checked_verify(verify)
    return session


def never_connected(error: Exception) -> bool:
    """Return whether it is certain that the request did not reach the server."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True  # a proxy that refuses a request has not forwarded it
    if isinstance(error, requests.exceptions.SSLError) and hopeless(error):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)


def files_sent(options: Mapping[str, Any]) -> list[tuple[Any, int]] | None:
    """Return the open files that a request sends, with their positions, so that a retry can seek back to them.

    Return ``None`` if a part can be read only once, because a retry would send it empty.
    """
    parts = options.get("files") or {}
    parts = list(parts.values()) if isinstance(parts, Mapping) else [part for _, part in parts]
    bodies = [options.get("data"), *(part[1] if isinstance(part, tuple | list) else part for part in parts)]
    files = []
    for body in bodies:
        if hasattr(body, "read"):
            try:
                body.seek(position := body.tell())
            except (OSError, AttributeError):
                return None
            files.append((body, position))
        elif isinstance(body, Iterator):
            return None
    return files


def read_within(response: requests.Response, seconds: float, max_bytes: int | None = None) -> None:
    """Read the whole body of a response that was requested with ``stream=True``, within ``seconds``.

    Once more than ``max_bytes`` have arrived, the rest is not read and the connection is closed.
    requests' own timeout limits only the wait between two bytes, so a server that sends slowly could block forever.

    Raises
    ------
    requests.RequestException
        One of :data:`NETWORK_ERRORS`: the body was truncated, or incomplete after ``seconds``. The connection is closed.
    """
    if isinstance(response._content, bytes):  # already read when a 401 led to a refresh
        return
    deadline = time.monotonic() + seconds
    chunks: list[bytes] = []
    size = 0
    try:
        # read1 returns what has arrived, without waiting for more.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                response.close()
                break
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("The response arrived too slowly.", request=response.request)
    except urllib3.exceptions.ProtocolError as error:
        response.close()
        raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from error
    except urllib3.exceptions.DecodeError as error:
        response.close()
        raise requests.exceptions.ContentDecodingError(error, request=response.request) from error
    except (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.SSLError) as error:
        response.close()
        raise requests.ReadTimeout(error, request=response.request) from error
    except requests.ReadTimeout:
        response.close()
        raise
    # requests offers no public way to set the body.
    vars(response).update(_content=b"".join(chunks), _content_consumed=True)
