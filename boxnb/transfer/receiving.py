"""Download the content of one file: from the address that Box redirects to, resumed after an interruption, and verified."""

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

from ..api.session import TIMEOUT, api_error
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
"""Times a file is requested that Box has not prepared yet."""


REFUSALS = 3
"""Times a file is tried again if the download server refuses its address or sends it from the start."""


class Wanted(NamedTuple):
    """A file of Box, with the fields that are needed to download it."""

    id: str
    name: str | None
    size: int
    sha1: str
    folders: str = ""


class _Trouble(NamedTuple):
    """Why the content is incomplete, and how to continue."""

    error: BoxNotebookError
    wait: float | None = None
    stale: bool = False


class _Incoming:
    """The content of a file so far, and its SHA-1."""

    def __init__(self, out: IO[bytes], file: Wanted, meter: Meter) -> None:
        self._out, self._file, self._meter = out, file, meter
        self.restarts = 0
        self.done = 0
        self._digest = hashlib.sha1(usedforsecurity=False)
        while chunk := out.read(calls.CHUNK):
            self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.done += len(chunk)
        self._meter.add(self._file.name or "", len(chunk))

    def add(self, chunk: bytes) -> None:
        """Write a chunk, without any bytes beyond the file's size."""
        chunk = chunk[: self._file.size - self.done]
        self._out.write(chunk)
        self._count(chunk)

    def restart(self) -> None:
        """Discard all content: it is not the beginning of this file, or the server sends the file from the start.

        Raises
        ------
        TransferError
            The download restarted too often.
        """
        self.restarts += 1
        if self.restarts > REFUSALS:
            raise TransferError(
                f"The download of {self._file.name!r} restarted {REFUSALS} times and was never complete. Try again later."
            )
        self._meter.add(self._file.name or "", -self.done)
        self._out.seek(0)
        self._out.truncate()
        self.done = 0
        self._digest = hashlib.sha1(usedforsecurity=False)

    def is_complete(self) -> bool:
        """Return whether the size and the SHA-1 are those that Box reports."""
        return self.done == self._file.size and self._digest.hexdigest() == self._file.sha1


def complete(caller: Caller, file: Wanted, part: Path, meter: Meter) -> None:
    """Download what is missing from a partial file, and verify its whole content."""
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(part, flags, 0o666), "r+b") as out:
        status = os.fstat(out.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise TransferError(f"{part} is not a file that boxnb created. Move it away.")
        incoming = _Incoming(out, file, meter)
        if incoming.done > file.size:
            incoming.restart()
        for is_last_attempt in (False, True):
            _download_rest(caller, file, incoming)
            if incoming.is_complete():
                break
            if is_last_attempt:
                raise TransferError(
                    f"{file.name!r} arrived twice with a wrong SHA-1. A proxy may change it, or it has just been changed. Try again later."
                )
            incoming.restart()
        out.flush()
        os.fsync(out.fileno())


def _download_rest(caller: Caller, file: Wanted, incoming: _Incoming) -> None:
    waits, refusals = calls.retry_waits(), 0
    while incoming.done < file.size:
        before = incoming.done
        trouble = _download_more(caller, file, incoming)
        if incoming.done > before:
            waits = calls.retry_waits()  # there was progress, so count the attempts from the start
            if trouble is None:
                continue
        if trouble is None:
            message = f"{file.name!r} has fewer bytes than the server reports ({incoming.done} of {file.size}). It may have changed. List it again."
            trouble = _Trouble(TransferError(message))
        refusals += trouble.stale
        wait = next(waits, None)
        if wait is None or refusals > REFUSALS:
            raise trouble.error
        caller.sleep(wait if trouble.wait is None else trouble.wait)


def _download_more(caller: Caller, file: Wanted, incoming: _Incoming) -> _Trouble | None:
    """Download from where the partial file ends. Return why the download ended early, or ``None``."""
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={incoming.done}-{file.size - 1}"}
    try:
        with _opened(caller, file, headers) as answer:
            status = answer.status_code
            if status == 416 and incoming.done:
                incoming.restart()
                return None
            if status not in (200, 206):
                return _refusal(file, answer)
            if not _begins_at(answer, incoming.done):
                incoming.restart()
                if not _begins_at(answer, 0):
                    return None
            for chunk in answer.iter_content(calls.CHUNK):
                caller.check()
                incoming.add(chunk)
                if incoming.done >= file.size:
                    break
    except NETWORK_ERRORS as error:
        trouble = NetworkError(network_trouble(error))
        trouble.__cause__ = error
        return _Trouble(trouble)
    except requests.RequestException as error:
        raise TransferError(
            f"The server sent an address for {file.name!r} that cannot be used ({type(error).__name__}). Try again later."
        ) from error
    return None


def _begins_at(answer: requests.Response, position: int) -> bool:
    """Return whether the content of a response begins at a position of the file."""
    if answer.status_code == 200:
        return position == 0
    match = re.match(r"\s*bytes\s+(\d+)-", answer.headers.get("Content-Range", ""))
    return match is None or int(match.group(1)) == position


def _refusal(file: Wanted, answer: requests.Response) -> _Trouble:
    """Return what a refusal of the download server means. It is not Box's API and does not use the sign-in."""
    status = answer.status_code
    if status in (408, 425, 429) or status >= 500:
        kind = RateLimitError if status == 429 else BoxUnavailableError
        error: BoxNotebookError = kind(
            f"The download server answered {status} for {file.name!r} several times. Try again in a few minutes.",
            status=status,
        )
        return _Trouble(error, calls.requested_wait(answer))
    error = TransferError(
        f"The download server answered {status} for {file.name!r}, even at fresh addresses. Try again later."
    )
    return _Trouble(error, stale=True)


@contextlib.contextmanager
def _opened(caller: Caller, file: Wanted, headers: dict[str, str]) -> Iterator[requests.Response]:
    """Yield the response with the content, from the address that Box redirects to, or from a gateway that follows it itself."""
    for _ in range(NOT_READY_ATTEMPTS):
        path = f"/files/{file.id}/content"
        answer = caller.call("GET", path, allow_redirects=False, stream=True, headers=headers)
        with contextlib.closing(answer):
            if answer.status_code in (200, 206):
                yield answer
                return
            address = answer.headers.get("Location")
            if answer.status_code == 202:
                wait = calls.requested_wait(answer) or 1.0
            elif not answer.is_redirect or not address:
                raise api_error(answer)
        if address is None:
            caller.sleep(wait)
            continue
        # The address alone grants access. Neither the token nor credentials of .netrc may go to that host.
        with unsigned_session(caller.box.session.verify) as session:
            target = urljoin(answer.url, address)
            with contextlib.closing(
                session.get(
                    target, headers=headers, stream=True, timeout=TIMEOUT, auth=lambda request: request
                )
            ) as content:
                yield content
                return
    raise ApiError(f"The server has not prepared {file.name!r} yet. Try again later.", status=202)
