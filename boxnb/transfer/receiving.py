"""The bytes of one file: from wherever Box sends a client for them, cut off and gone on with, and checked as a whole."""

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
from ..transport.sessions import CONNECTION_ERRORS, unsigned_session
from . import calls
from .calls import Caller
from .progress_bar import Meter

PATIENCE = 60
"""Times a file is asked for that Box has not ready yet."""


REFUSALS = 3
"""Times a file is tried again where the server of the bytes refuses its address, or begins from the start."""


class Wanted(NamedTuple):
    """A file of Box, as far as it is needed to fetch it."""

    id: str
    name: str | None
    size: int
    sha1: str
    folders: str = ""


class _Trouble(NamedTuple):
    """Why the bytes ended early, and whether it is worth going on."""

    error: BoxNotebookError
    wait: float | None = None
    stale: bool = False


class _Incoming:
    """The bytes of a file so far, and their sum."""

    def __init__(self, out: IO[bytes], file: Wanted, meter: Meter) -> None:
        self._out, self._file, self._meter = out, file, meter
        self.restarts = 0
        self.done = 0
        self._digest = hashlib.sha1(usedforsecurity=False)
        while piece := out.read(calls.PIECE):
            self._note(piece)

    def _note(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.done += len(piece)
        self._meter.add(self._file.name or "", len(piece))

    def add(self, piece: bytes) -> None:
        """Write a piece; what is more than the file has is dropped."""
        piece = piece[: self._file.size - self.done]
        self._out.write(piece)
        self._note(piece)

    def restart(self) -> None:
        """Drop all of it: what lies there is not the beginning of this file, or the server gives it from the start.

        Raises
        ------
        TransferError
            Too often.
        """
        self.restarts += 1
        if self.restarts > REFUSALS:
            raise TransferError(
                f"The download of {self._file.name!r} began again {REFUSALS} times and never reached its end. Try again later."
            )
        self._meter.add(self._file.name or "", -self.done)
        self._out.seek(0)
        self._out.truncate()
        self.done = 0
        self._digest = hashlib.sha1(usedforsecurity=False)

    def right(self) -> bool:
        """Whether it is what Box has."""
        return self.done == self._file.size and self._digest.hexdigest() == self._file.sha1


def whole(caller: Caller, file: Wanted, part: Path, meter: Meter) -> None:
    """Fetch what is missing of a file into its part, and check all of it."""
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(part, flags, 0o666), "r+b") as out:
        found = os.fstat(out.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise TransferError(f"{part} is not a file of boxnb: move it away.")
        incoming = _Incoming(out, file, meter)
        if incoming.done > file.size:
            incoming.restart()
        for last in (False, True):
            _rest(caller, file, incoming)
            if incoming.right():
                break
            if last:
                raise TransferError(
                    f"{file.name!r} came twice with a wrong SHA-1: a proxy may change it, or it was changed just now."
                )
            incoming.restart()
        out.flush()
        os.fsync(out.fileno())


def _rest(caller: Caller, file: Wanted, incoming: _Incoming) -> None:
    waits, refusals = calls.waits(), 0
    while incoming.done < file.size:
        before = incoming.done
        trouble = _more(caller, file, incoming)
        if incoming.done > before:
            waits = calls.waits()  # it goes on
            if trouble is None:
                continue
        if trouble is None:
            told = f"{file.name!r} has fewer bytes than the server says ({incoming.done} of {file.size}). It may have changed: list it again."
            trouble = _Trouble(TransferError(told))
        refusals += trouble.stale
        wait = next(waits, None)
        if wait is None or refusals > REFUSALS:
            raise trouble.error
        caller.sleep(wait if trouble.wait is None else trouble.wait)


def _more(caller: Caller, file: Wanted, incoming: _Incoming) -> _Trouble | None:
    """Read on from where the file ends; what broke it off, if something did."""
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={incoming.done}-{file.size - 1}"}
    try:
        with _opened(caller, file, headers) as answer:
            status = answer.status_code
            if status == 416 and incoming.done:
                incoming.restart()
                return None
            if status not in (200, 206):
                return _refusal(file, answer)
            if not _goes_on(answer, incoming.done):
                incoming.restart()
                if not _goes_on(answer, 0):
                    return None
            for piece in answer.iter_content(calls.PIECE):
                caller.check()
                incoming.add(piece)
                if incoming.done >= file.size:
                    break
    except CONNECTION_ERRORS as error:
        trouble = NetworkError(network_trouble(error))
        trouble.__cause__ = error
        return _Trouble(trouble)
    except requests.RequestException as error:
        raise TransferError(
            f"The server gave an address for {file.name!r} that cannot be used ({type(error).__name__}). Try again later."
        ) from error
    return None


def _goes_on(answer: requests.Response, done: int) -> bool:
    """Whether the bytes of an answer begin where ours end."""
    if answer.status_code == 200:
        return done == 0
    found = re.match(r"\s*bytes\s+(\d+)-", answer.headers.get("Content-Range", ""))
    return found is None or int(found.group(1)) == done


def _refusal(file: Wanted, answer: requests.Response) -> _Trouble:
    """What the server of the bytes means; it is not Box's API, and knows no sign-in."""
    status = answer.status_code
    if status in (408, 425, 429) or status >= 500:
        kind = RateLimitError if status == 429 else BoxUnavailableError
        error: BoxNotebookError = kind(
            f"The download server answered {status} for {file.name!r} several times. Try again in a few minutes.",
            status=status,
        )
        return _Trouble(error, calls.asked_to_wait(answer))
    error = TransferError(
        f"The download server answered {status} for {file.name!r}, even at fresh addresses. Try again later."
    )
    return _Trouble(error, stale=True)


@contextlib.contextmanager
def _opened(caller: Caller, file: Wanted, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer with the bytes: at the address that Box redirects to, or at once where a front follows redirects itself."""
    for _ in range(PATIENCE):
        path = f"/files/{file.id}/content"
        answer = caller.done("GET", path, allow_redirects=False, stream=True, headers=headers)
        with contextlib.closing(answer):
            if answer.status_code in (200, 206):
                yield answer
                return
            address = answer.headers.get("Location")
            if answer.status_code == 202:
                wait = calls.asked_to_wait(answer) or 1.0
            elif not answer.is_redirect or not address:
                raise api_error(answer)
        if address is None:
            caller.sleep(wait)
            continue
        # Bare: the address carries its own right, and neither token nor .netrc may go to that host.
        with unsigned_session(caller.box.session.verify) as bare:
            target = urljoin(answer.url, address)
            with contextlib.closing(
                bare.get(target, headers=headers, stream=True, timeout=TIMEOUT, auth=lambda request: request)
            ) as found:
                yield found
                return
    raise ApiError(f"The server has not made {file.name!r} ready yet: try again later.", status=202)
