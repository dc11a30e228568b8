"""Plain sessions that go the right way: past a company proxy to this computer, with the profile's own certificates."""

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

LOST = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
"""What requests raises when an answer was lost on its way, whole or in part."""


PIECE = 65536


def checked_verify(verify: object, *, there: bool = False) -> bool | str:
    """Return how certificates are checked: ``True``, ``False`` or the path of a CA bundle.

    Only ``False`` itself switches the check off. ``None`` and an empty text, as an unset variable gives, mean the usual
    certificates: requests takes every empty value for "off".

    Parameters
    ----------
    verify : bool, str, PathLike or None
    there : bool, default False
        Whether a path must lead to a file or folder now.

    Raises
    ------
    SettingError
        It is something else, or the path leads nowhere.
    """
    if isinstance(verify, bool):
        return verify
    if verify is None or (isinstance(verify, str) and not verify.strip()):
        return True
    if not isinstance(verify, str | os.PathLike) or not isinstance(path := os.fspath(verify), str):
        raise SettingError(
            f"verify is True, False or the path of a file with certificates, not {verify!r}: "
            "only False itself switches the check of certificates off."
        )
    if there and not Path(path).exists():
        raise SettingError(
            f"There is no file or folder with certificates at {path!r}: check the path that verify names."
        )
    return path


def require_private(url: str, what: str) -> None:
    """Refuse an address where ``what`` would travel in clear: neither https nor this computer.

    The address is read as requests reads it, so that one with odd characters leads to no other host than was looked at.

    Raises
    ------
    HostNotAllowedError
        The address is neither.
    requests.RequestException
        It is not an address at all.
    """
    prepared = requests.Request("GET", url).prepare().url or ""
    parts = urlsplit(prepared)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return
    raise HostNotAllowedError(
        f"The {what} would travel in clear to {parts.hostname}: use its https address. Nothing was sent."
    )


class Session(requests.Session):
    """``requests.Session`` with five repairs.

    Calls to this computer never go through a proxy: it could not reach the sandbox, and would see its secrets. The
    ``verify`` of the session counts, where requests lets ``REQUESTS_CA_BUNDLE`` win over it. An empty ``verify``
    does not switch the check of certificates off. And what requests raises as another kind of error (the proxy's
    address, a header) is an exception of requests. The traceback of an error or an interrupt shows no variables of the
    libraries below: one holds the bytes of the request.
    """

    @sealed
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a prepared request; every request and every redirect comes through here."""
        options["verify"] = checked_verify(options.get("verify", self.verify))
        try:
            return super().send(request, **options)
        except (urllib3.exceptions.LocationValueError, ValueError, TypeError) as error:
            proxy = requests.utils.select_proxy(request.url or "", options.get("proxies"))
            known = isinstance(error, TypeError | requests.RequestException | BoxNotebookError)
            if known and not (proxy and _is_unusable(proxy)):
                raise
            trouble = _unsendable(request, proxy, error)
        # Out here, so that it does not carry the error, whose text and attributes hold a password or a header.
        raise trouble

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What the environment adds to one request."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if urlsplit(str(url)).hostname in LOOPBACK:
            settings["proxies"] = {}
        if verify is None and (own := checked_verify(self.verify)) is not True:
            settings["verify"] = own
        return settings


def _unsendable(
    request: requests.PreparedRequest, proxy: str | None, error: Exception
) -> requests.RequestException:
    """Why a request could not be sent as it is: a header, the address of the proxy, or its own; none of them is repeated."""
    sent = "".join(str(value) for value in request.headers.values())
    if "header" in str(error).lower() or not _is_latin(sent):
        return requests.exceptions.InvalidHeader("A header cannot be sent as it is.", request=request)
    if proxy and _is_unusable(proxy):
        return requests.exceptions.InvalidProxyURL("The proxy's address cannot be read.", request=request)
    return requests.exceptions.InvalidURL("The address cannot be used.", request=request)


def _is_unusable(proxy: str) -> bool:
    """Whether the address of a proxy cannot be read, or its name and password cannot be sent."""
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


def plain(verify: bool | str | None = True) -> Session:
    """A session without any sign-in, for the token endpoint and for addresses that carry their own right."""
    session = Session()
    session.verify = checked_verify(verify)
    return session


def never_connected(error: Exception) -> bool:
    """Whether the request surely never reached the server."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True  # a proxy that refuses has passed nothing on
    if isinstance(error, requests.exceptions.SSLError) and hopeless(error):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)


def files_sent(options: Mapping[str, Any]) -> list[tuple[Any, int]] | None:
    """The open files a request sends and where each stands, to seek there before it is sent again.

    ``None`` where something can be read only once: sent again, it would be empty.
    """
    parts = options.get("files") or {}
    parts = list(parts.values()) if isinstance(parts, Mapping) else [part for _, part in parts]
    bodies = [options.get("data"), *(part[1] if isinstance(part, tuple | list) else part for part in parts)]
    found = []
    for body in bodies:
        if hasattr(body, "read"):
            try:
                body.seek(place := body.tell())
            except (OSError, AttributeError):
                return None
            found.append((body, place))
        elif isinstance(body, Iterator):
            return None
    return found


def read_within(response: requests.Response, seconds: float, most: int | None = None) -> None:
    """Read the body of an answer asked for with ``stream=True``, all of it in time.

    ``most`` ends it after so many bytes, where a longer answer is not wanted: the rest is left, and the connection closed.
    requests' own timeout bounds the wait between two bytes only: an answer that drips would be waited for without end.

    Raises
    ------
    requests.RequestException
        Of :data:`LOST`: cut off, or not whole after ``seconds``; the connection is closed.
    """
    if isinstance(response._content, bytes):  # a refresh after 401 has read it
        return
    deadline = time.monotonic() + seconds
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := response.raw.read1(
            PIECE, decode_content=True
        ):  # what is there, without waiting for more
            pieces.append(piece)
            size += len(piece)
            if most is not None and size > most:
                response.close()
                break
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("The answer came too slowly.", request=response.request)
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
    vars(response).update(_content=b"".join(pieces), _content_consumed=True)  # requests has no other way in
