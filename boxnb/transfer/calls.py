"""Send the calls of uploads and downloads. Each call is retried until its outcome is known, and takes effect only once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from ..api import ids
from ..api.failures import api_error
from ..errors import BoxUnavailableError, NetworkError, RateLimitError, TransferError
from ..oauth.failures import network_trouble
from ..transport.sessions import NETWORK_ERRORS
from ..transport.waits import moment, retry_after, span, until, wait_sentence

if TYPE_CHECKING:
    from ..api.connection import Connection

ATTEMPTS = 6
CHUNK = 1 << 20
"""Number of bytes read or written at a time."""

MAX_WAIT = 180.0
"""The longest wait, in seconds, that boxnb accepts. If a response asks for more, the row of the file says when to try again."""

FIELDS = "id,type,name,size,sha1,etag"


def retry_waits() -> Iterator[float]:
    """Yield the seconds to wait between attempts."""
    for attempt in range(ATTEMPTS - 1):
        yield min(8.0, 0.5 * 2**attempt)


class Caller:
    """Sends the calls of one transfer, until the user stops it."""

    def __init__(self, box: Connection, as_user: str | None) -> None:
        self.box = box
        self.as_user = ids.as_user(as_user)
        self._stopped = threading.Event()
        self.upload_url = box.profile.client.server.upload_url.rstrip("/")

    def check(self) -> None:
        """Raise ``CancelledError`` if the user has stopped the transfer."""
        if self._stopped.is_set():
            raise CancelledError("The transfer was stopped.")

    def stop(self) -> None:
        """Make all threads stop at their next :meth:`check`."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """Announce the wait if it is long, then wait until the time is over or the user stops the transfer."""
        self.box.session.announce_wait(
            seconds, wait_sentence(seconds, "The server asked boxnb to wait or did not respond")
        )
        self._stopped.wait(seconds)
        self.check()

    def call_once(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send a call and return its response, with any status.

        Raises
        ------
        CancelledError
            The user stopped the transfer. The exception ends the threads that are still working.
        """
        self.check()
        headers = dict(options.pop("headers", None) or {})
        if self.as_user is not None:
            headers["As-User"] = self.as_user
        return self.box.session.request(method, url, headers=headers, **options)

    def call(
        self,
        method: str,
        url: str,
        *,
        already_done: Callable[[], requests.Response | None] = lambda: None,
        worth_retrying: Callable[[requests.Response], bool] = lambda _: False,
        **options: Any,
    ) -> requests.Response:
        """Send a call, retry it after a lost response or a 5xx, and return its response.

        Parameters
        ----------
        already_done : callable
            Called before each retry. If the call succeeded although its response was lost, this function returns a response
            that replaces the retry; otherwise, it returns ``None``.
        worth_retrying : callable
            Takes a response with a status below 500, and returns whether to retry.

        Raises
        ------
        NetworkError, BoxUnavailableError
            All attempts failed.
        """
        waits = retry_waits()
        while True:
            wait = next(waits, None)  # None after the last attempt
            connection_error: requests.RequestException | None = None
            try:
                response = self.call_once(method, url, **options)
                if response.status_code < 500 and not worth_retrying(response):
                    return response
            except NETWORK_ERRORS as error:
                connection_error = error
            except OSError as error:  # from requests, or because the CA bundle does not exist
                raise NetworkError(network_trouble(error)) from error
            if wait is None:
                if connection_error is not None:
                    raise NetworkError(network_trouble(connection_error)) from connection_error
                if response.status_code < 500:
                    return response
                raise api_error(response)
            if connection_error is None:
                wait = requested_wait(response) or wait
                response.close()
            self.sleep(wait)
            earlier_response = already_done()
            if earlier_response is not None:
                return earlier_response

    def file(self, file_id: str) -> requests.Response:
        """Return the response with the metadata of a file."""
        return self.call("GET", f"/files/{file_id}", params={"fields": FIELDS})


def requested_wait(response: requests.Response) -> float | None:
    """Return how many seconds a response asks boxnb to wait, or ``None``.

    Raises
    ------
    RateLimitError, BoxUnavailableError
        The response asks for more than :data:`MAX_WAIT`.
    """
    seconds = retry_after(response)
    if seconds is None or seconds <= MAX_WAIT:
        return seconds
    error_class = RateLimitError if response.status_code == 429 else BoxUnavailableError
    host = urlsplit(response.url).hostname
    error = error_class(
        f"{host} returned {response.status_code} and asks you to wait {span(seconds)}. Make the same call again {until(seconds)}.",
        status=response.status_code,
    )
    if isinstance(error, RateLimitError):
        error.retry_after, error.until = seconds, moment(seconds)
    raise error


DECODE_ERRORS = (ValueError, RecursionError, AttributeError, OverflowError)
"""Errors raised if a response is not JSON, is nested too deeply, or contains a wrong type or an infinite number."""


@contextmanager
def reading(response: requests.Response) -> Iterator[None]:
    """Turn any error from reading a response into an error that describes the response.

    Raises
    ------
    BoxUnavailableError
        The response does not come from Box. Often, it is a page from a company proxy.
    """
    try:
        yield
    except (*DECODE_ERRORS, KeyError, IndexError, TypeError):
        raise api_error(response) from None


def uploaded_file(response: requests.Response) -> dict[str, Any]:
    """Return the uploaded file from the response to an upload.

    Raises
    ------
    ApiError
        The upload was not successful.
    """
    if response.status_code not in (200, 201):
        raise api_error(response)
    with reading(response):
        body = response.json()
        file: dict[str, Any] = body["entries"][0] if "entries" in body else body
        fields: dict[str, Any] = {name: file.get(name) for name in ("name", "sha1", "size")}
        if file["id"] is None:
            raise KeyError("id")
        return fields | {"id": str(file["id"])}


def field(response: requests.Response, name: str) -> Any:
    """Return one field of a response; ``None`` if it is missing or the response is not an object."""
    try:
        return response.json().get(name)
    except DECODE_ERRORS:
        return None


def verify_upload(caller: Caller, file: dict[str, Any], sha1: str, path: Path) -> None:
    """Check the SHA-1 of an uploaded file against the local file. Fetch it if the response did not include it.

    Raises
    ------
    TransferError
        The two differ, or the server does not report a SHA-1.
    """
    if file.get("sha1") is None:
        file = uploaded_file(caller.file(file["id"]))
    if file["sha1"] is None:
        raise TransferError(
            f"The server does not report a SHA-1 for {path}, so the upload could not be verified. Make the same call again."
        )
    if str(file["sha1"]).strip().lower() != sha1:
        raise TransferError(
            f"The file on the server has the SHA-1 {file['sha1']}, which is not that of {path}. Send the file again."
        )


def with_sha1(caller: Caller, item: dict[str, Any]) -> dict[str, Any]:
    """Return an existing item with its SHA-1 in lower case. Fetch the SHA-1 if it is missing."""
    sha1 = item.get("sha1")
    if sha1 is None and item.get("type", "file") == "file":
        response = caller.file(item["id"])
        sha1 = field(response, "sha1") if response.status_code == 200 else None
    return item | {"sha1": sha1.strip().lower() if isinstance(sha1, str) else None}


def conflict(response: requests.Response) -> dict[str, Any] | None:
    """Return the item that already has the name, if the response is a 409 that describes it.

    Box sends one object for a file and a list for a folder.
    """
    if response.status_code != 409:
        return None
    try:
        conflicts = response.json()["context_info"]["conflicts"]
        item = conflicts[0] if isinstance(conflicts, list) else conflicts
        item_id, type_name = item["id"], item.get("type")
    except (*DECODE_ERRORS, KeyError, IndexError, TypeError):
        return None
    if not isinstance(item_id, str | int) or not re.fullmatch(r"\s*[0-9]{1,30}\s*", str(item_id)):
        return None
    item_type = {"type": type_name} if isinstance(type_name, str) and type_name else {}
    rest = {name: value for name, value in item.items() if name != "type"}
    return {**rest, **item_type, "id": str(item_id).strip()}


def name_is_reserved(response: requests.Response) -> bool:
    """Return whether a name is reserved only briefly, for an upload whose response was lost (a 409 without a conflict).

    ``False`` if the body is a web page, for instance from a proxy, because a retry would get the same page.
    """
    if response.status_code != 409 or conflict(response) is not None:
        return False
    if not response.content.strip():
        return True
    return field(response, "code") in ("name_temporarily_reserved", "conflict", "operation_blocked_temporary")


def name_taken(name: str, item: Mapping[str, Any]) -> TransferError:
    """Return the exception for a name that another item already has."""
    if item.get("type", "file") != "file":
        return TransferError(
            f"A {item['type']} named {name!r} (id {item['id']}) already exists there. Give the file another name."
        )
    return TransferError(
        f"A file named {name!r} with different content (id {item['id']}) already exists there. "
        "Use new_version=True to upload this one as its new version."
    )
