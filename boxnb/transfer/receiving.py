"""Download the content of one file from the URL that Box redirects to, resume it after an interruption, and verify it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urljoin

import requests

from ..api.failures import api_error
from ..api.retrying import TIMEOUT
from ..errors import (
    ApiError,
    BoxNotebookError,
    BoxUnavailableError,
    NetworkError,
    RateLimitError,
    TransferError,
)
from ..oauth.failures import network_trouble
from ..transport.sessions import NETWORK_ERRORS, unsigned_session
from . import calls
from .calls import Caller
from .progress_bar import Meter

NOT_READY_ATTEMPTS = 60
"""How many times to request a file that Box has not prepared yet."""

REFUSALS = 3
"""How many times to retry a file if the server refuses its download URL or sends the whole file again."""


class RemoteFile(NamedTuple):
    """A file in Box, with the fields that are needed to download it."""

    id: str
    name: str | None
    size: int
    sha1: str
    folders: str = ""


class _Failure(NamedTuple):
    """Why the content is incomplete, how long to wait, and whether the download URL was refused (``stale``)."""

    error: BoxNotebookError
    wait: float | None = None
    stale: bool = False


class _Incoming:
    """The content received so far, and its SHA-1."""

    def __init__(self, out: IO[bytes], file: RemoteFile, meter: Meter) -> None:
        self._out, self._file, self._meter = out, file, meter
        self.restarts = 0
        self.received = 0
        self._digest = hashlib.sha1(usedforsecurity=False)
        while chunk := out.read(calls.CHUNK):
            self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.received += len(chunk)
        self._meter.add(self._file.name or "", len(chunk))

    def add(self, chunk: bytes) -> None:
        """Write a chunk, dropping any bytes beyond the file's size."""
        chunk = chunk[: self._file.size - self.received]
        self._out.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Discard all content, because it is wrong or because the server sends the file from the start.

        Raises
        ------
        TransferError
            The download restarted too many times.
        """
        self.restarts += 1
        if self.restarts > REFUSALS:
            raise TransferError(
                f"The download of {self._file.name!r} restarted {REFUSALS} times and never completed. Try again later."
            )
        self._meter.add(self._file.name or "", -self.received)
        self._out.seek(0)
        self._out.truncate()
        self.received = 0
        self._digest = hashlib.sha1(usedforsecurity=False)

    def is_complete(self) -> bool:
        """Return whether the size and the SHA-1 are those that Box reports."""
        return self.received == self._file.size and self._digest.hexdigest() == self._file.sha1


@contextlib.contextmanager
def open_partial(part: Path) -> Iterator[IO[bytes]]:
    """Open a partial file, new or from an earlier call. A path that is itself a link is never followed.

    Raises
    ------
    TransferError
        It is not a regular file, or it has other hard links.
    """
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(part, flags, 0o666), "r+b") as out:
        status = os.fstat(out.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise TransferError(f"{part} is not a file that boxnb created. Move or rename it.")
        yield out


def complete(caller: Caller, file: RemoteFile, out: IO[bytes], meter: Meter) -> None:
    """Download what is missing from a partial file, and verify its whole content."""
    incoming = _Incoming(out, file, meter)
    if incoming.received > file.size:
        incoming.restart()
    for is_last_attempt in (False, True):
        _download_rest(caller, file, incoming)
        if incoming.is_complete():
            break
        if is_last_attempt:
            raise TransferError(
                f"{file.name!r} was downloaded twice, each time with a wrong SHA-1. A proxy may have altered it, or it may have just changed. Try again later."
            )
        incoming.restart()
    out.flush()
    os.fsync(out.fileno())


def _download_rest(caller: Caller, file: RemoteFile, incoming: _Incoming) -> None:
    waits, refusals = calls.retry_waits(), 0
    while incoming.received < file.size:
        before = incoming.received
        failure = _download_more(caller, file, incoming)
        if incoming.received > before:
            waits = calls.retry_waits()  # there was progress, so start counting the attempts again
            if failure is None:
                continue
        if failure is None:
            message = f"{file.name!r} has fewer bytes than the server reports ({incoming.received} of {file.size}). It may have changed. List the files again."
            failure = _Failure(TransferError(message))
        refusals += failure.stale
        wait = next(waits, None)
        if wait is None or refusals > REFUSALS:
            raise failure.error
        caller.sleep(wait if failure.wait is None else failure.wait)


def _download_more(caller: Caller, file: RemoteFile, incoming: _Incoming) -> _Failure | None:
    """Download from where the partial file ends. Return why the download ended early, or ``None``."""
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={incoming.received}-{file.size - 1}"}
    try:
        with _open_content(caller, file, headers) as response:
            status = response.status_code
            if status == 416 and incoming.received:
                incoming.restart()
                return None
            if status not in (200, 206):
                return _refusal(file, response)
            if not _begins_at(response, incoming.received):
                incoming.restart()
                if not _begins_at(response, 0):
                    return None
            for chunk in response.iter_content(calls.CHUNK):
                caller.check()
                incoming.add(chunk)
                if incoming.received >= file.size:
                    break
    except NETWORK_ERRORS as error:
        network_error = NetworkError(network_trouble(error))
        network_error.__cause__ = error
        return _Failure(network_error)
    except requests.RequestException as error:
        raise TransferError(
            f"The server sent an unusable download URL for {file.name!r} ({type(error).__name__}). Try again later."
        ) from error
    return None


def _begins_at(response: requests.Response, position: int) -> bool:
    """Return whether the content of a response begins at a position of the file."""
    if response.status_code == 200:
        return position == 0
    match = re.match(r"\s*bytes\s+(\d+)-", response.headers.get("Content-Range", ""))
    return match is None or int(match.group(1)) == position


def _refusal(file: RemoteFile, response: requests.Response) -> _Failure:
    """Return the failure for a refusal by the download server. That server is not Box's API and does not check the sign-in."""
    status = response.status_code
    if status in (408, 425, 429) or status >= 500:
        error_class = RateLimitError if status == 429 else BoxUnavailableError
        error: BoxNotebookError = error_class(
            f"The download server returned {status} for {file.name!r} several times. Try again in a few minutes.",
            status=status,
        )
        return _Failure(error, calls.requested_wait(response))
    error = TransferError(
        f"The download server returned {status} for {file.name!r}, even with new download URLs. Try again later."
    )
    return _Failure(error, stale=True)


@contextlib.contextmanager
def _open_content(caller: Caller, file: RemoteFile, headers: dict[str, str]) -> Iterator[requests.Response]:
    """Yield the response with the content, from the URL that Box redirects to or from a gateway that follows the redirect."""
    for _ in range(NOT_READY_ATTEMPTS):
        path = f"/files/{file.id}/content"
        response = caller.call("GET", path, allow_redirects=False, stream=True, headers=headers)
        with contextlib.closing(response):
            if response.status_code in (200, 206):
                yield response
                return
            location = response.headers.get("Location")
            if response.status_code == 202:
                wait = calls.requested_wait(response) or 1.0
            elif not response.is_redirect or not location:
                raise api_error(response)
        if location is None:
            caller.sleep(wait)
            continue
        # The URL alone grants access. Neither the token nor credentials from .netrc may be sent to that host.
        with unsigned_session(caller.box.session.verify) as session:
            target = urljoin(response.url, location)
            with contextlib.closing(
                session.get(
                    target, headers=headers, stream=True, timeout=TIMEOUT, auth=lambda request: request
                )
            ) as content:
                yield content
                return
    raise ApiError(f"The server has not prepared {file.name!r} yet. Try again later.", status=202)
