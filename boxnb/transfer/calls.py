"""Calls that carry files: repeated until they are known to be done, never done twice."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import pandas as pd
import requests

from ..api import ids
from ..api.session import api_error
from ..errors import (
    BoxNotebookError,
    BoxUnavailableError,
    Interrupted,
    NetworkError,
    RateLimitError,
    TransferError,
)
from ..local import encoding
from ..oauth.failures import network_trouble
from ..secret import sealed
from ..transport.sessions import CONNECTION_ERRORS
from ..transport.waits import moment, retry_after, span, until, wait_sentence

if TYPE_CHECKING:
    from ..api.connection import Connection

Job = TypeVar("Job")

ATTEMPTS = 6
PIECE = 1 << 20
LONGEST = 180.0
"""Seconds that one answer may ask to wait; a file that should wait longer is told of instead."""

FIELDS = "id,type,name,size,sha1,etag"

COLUMNS = {
    "name": "str",
    "action": "category",
    "problem": "str",
    "size": "Int64",
    "id": "str",
    "sha1": "str",
    "path": "str",
}
"""What a reader looks for comes first; the long ones stand at the end."""

ACTIONS = ("uploaded", "new version", "same content", "downloaded", "refused")


class Moved(NamedTuple):
    """How far a transfer has come: bytes, and files."""

    name: str
    done: int
    total: int
    files: int
    of: int


class Row(NamedTuple):
    """What became of one file; see :data:`COLUMNS`."""

    path: str
    name: str
    id: str | None = None
    size: int | None = None
    sha1: str | None = None
    action: str = "refused"
    problem: str | None = None


def frame_of(rows: list[Row]) -> pd.DataFrame:
    """One row a file; ``attrs["complete"]`` says whether none was refused."""
    held = [[encoding.as_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    frame = pd.DataFrame(held, columns=list(Row._fields))[list(COLUMNS)].astype(COLUMNS)
    frame["action"] = pd.Categorical([row.action for row in rows], categories=ACTIONS)
    frame.attrs["complete"] = all(row.action != "refused" for row in rows)
    return frame


@sealed
def each(
    caller: Caller,
    work: Callable[[Job], Row],
    jobs: Iterable[Job],
    workers: int,
    of: int,
    failed: Callable[[Job, str], Row] | None,
) -> pd.DataFrame:
    """What became of each job, several at once, in their order.

    ``failed`` makes the row of a job that could not be done, from the reason; without it the error is raised.
    Interrupt waits for a piece or a part of what is under way, not for whole files; a second one not even for these.

    Raises
    ------
    Interrupted
        Stopped by a person; ``partial`` has the files that were done.
    """

    def done(job: Job) -> Row:
        try:
            return work(job)
        except CancelledError:
            raise
        except Exception as error:
            if failed is not None:
                return failed(job, reason(error))
            if isinstance(error, OSError):
                raise TransferError(reason(error)) from error
            raise

    pool = ThreadPoolExecutor(workers, thread_name_prefix="boxnb")
    begun: list[Future[Row]] = []
    waits = True
    try:
        begun.extend(pool.submit(done, job) for job in jobs)
        return frame_of([job.result() for job in begun])
    except BaseException as error:
        caller.stop()
        try:
            pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            waits = False
        ready = [job for job in begun if job.done() and not job.cancelled() and job.exception() is None]
        caller.box.last_partial = frame_of([job.result() for job in ready])
        if isinstance(error, BoxNotebookError):
            error.partial = caller.box.last_partial
        if not isinstance(error, KeyboardInterrupt):
            raise
        stopped = Interrupted(f"Stopped after {len(ready)} of {of} files: make the same call again to go on.")
        stopped.partial = caller.box.last_partial
        raise stopped from None
    finally:
        pool.shutdown(wait=waits, cancel_futures=True)
        caller.box.session.ledger.flush()


def reason(error: Exception) -> str:
    """Why a file could not be sent or fetched, in a sentence."""
    if isinstance(error, BoxNotebookError):
        return str(error)
    if isinstance(error, requests.RequestException):
        return network_trouble(error)
    if isinstance(error, OSError):
        where = error.filename if isinstance(error.filename, str) else "A file"
        return f"{where} cannot be used ({error.strerror or type(error).__name__}): check its permissions and the free space."
    return f"An unexpected error in boxnb ({type(error).__name__}): this file was skipped. Please report it."


def waits() -> Iterator[float]:
    """Seconds between attempts."""
    for attempt in range(ATTEMPTS - 1):
        yield min(8.0, 0.5 * 2**attempt)


class Caller:
    """Calls of one Box, as one user."""

    def __init__(self, box: Connection, as_user: str | None) -> None:
        self.box = box
        self.as_user = ids.as_user(as_user)
        self._stopped = threading.Event()
        self.upload_url = box.profile.client.server.upload_url.rstrip("/")

    def check(self) -> None:
        """Go no further where a person has stopped the transfer."""
        if self._stopped.is_set():
            raise CancelledError("The transfer was stopped.")

    def stop(self) -> None:
        """Have all threads go no further."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """Wait, and say so where it is long, unless a person stops the transfer."""
        self.box.session.announce_wait(seconds, wait_sentence(seconds, "The server asked to wait, or gave no answer"))
        self._stopped.wait(seconds)
        self.check()

    def once(self, method: str, url: str, **options: Any) -> requests.Response:
        """One call, whatever it answers.

        Raises
        ------
        CancelledError
            A person stopped the transfer: in threads it has left behind.
        """
        self.check()
        headers = dict(options.pop("headers", None) or {})
        if self.as_user is not None:
            headers["As-User"] = self.as_user
        return self.box.session.request(method, url, headers=headers, **options)

    def done(
        self,
        method: str,
        url: str,
        *,
        arrived: Callable[[], requests.Response | None] = lambda: None,
        again: Callable[[requests.Response], bool] = lambda _: False,
        **options: Any,
    ) -> requests.Response:
        """A call repeated after a lost answer or a 5xx.

        Parameters
        ----------
        arrived : callable
            Asked before a repeat: the answer to use instead, where the lost call had been done.
        again : callable
            Whether an answer below 500 is worth another attempt.

        Raises
        ------
        NetworkError, BoxUnavailableError
            It never went through.
        """
        for wait in [*waits(), None]:
            lost: requests.RequestException | None = None
            try:
                answer = self.once(method, url, **options)
                if answer.status_code < 500 and not again(answer):
                    return answer
            except CONNECTION_ERRORS as error:
                lost = error
            except OSError as error:  # requests' own, and a certificate file that is not there
                raise NetworkError(network_trouble(error)) from error
            if wait is None:
                if lost is not None:
                    raise NetworkError(network_trouble(lost)) from lost
                if answer.status_code < 500:
                    return answer
                raise api_error(answer)
            if lost is None:
                wait = asked_to_wait(answer) or wait
                answer.close()
            self.sleep(wait)
            found = arrived()
            if found is not None:
                return found
        raise AssertionError("the last attempt returns or raises")

    def file(self, file_id: str) -> requests.Response:
        """What Box knows of a file."""
        return self.done("GET", f"/files/{file_id}", params={"fields": FIELDS})


def asked_to_wait(answer: requests.Response) -> float | None:
    """Seconds an answer asks to wait, or ``None``.

    Raises
    ------
    RateLimitError, BoxUnavailableError
        It asks for more than :data:`LONGEST`.
    """
    seconds = retry_after(answer)
    if seconds is None or seconds <= LONGEST:
        return seconds
    kind = RateLimitError if answer.status_code == 429 else BoxUnavailableError
    host = urlsplit(answer.url).hostname
    error = kind(
        f"{host} answered {answer.status_code} and asks to wait {span(seconds)}. Make the same call again {until(seconds)}.",
        status=answer.status_code,
    )
    if isinstance(error, RateLimitError):
        error.retry_after, error.until = seconds, moment(seconds)
    raise error


ODD = (ValueError, RecursionError, AttributeError, OverflowError)
"""What reading an answer raises that is not JSON, too deep, of another type than it should be, or a number beyond all."""


@contextmanager
def usable(answer: requests.Response) -> Iterator[None]:
    """Around what reads an answer.

    Raises
    ------
    BoxUnavailableError
        It is not what Box sends: often a company proxy's page.
    """
    try:
        yield
    except (*ODD, KeyError, IndexError, TypeError):
        raise api_error(answer) from None


def entry(answer: requests.Response) -> dict[str, Any]:
    """The file of a successful upload.

    Raises
    ------
    ApiError
        It was none.
    """
    if answer.status_code not in (200, 201):
        raise api_error(answer)
    with usable(answer):
        found = answer.json()
        first: dict[str, Any] = found["entries"][0] if "entries" in found else found
        made: dict[str, Any] = {name: first.get(name) for name in ("name", "sha1", "size")}
        if first["id"] is None:
            raise KeyError("id")
        return made | {"id": str(first["id"])}


def field(answer: requests.Response, name: str) -> Any:
    """One field of the object an answer is; ``None`` where it is not there, or the answer is not an object."""
    try:
        return answer.json().get(name)
    except ODD:
        return None


def same_bytes(caller: Caller, made: dict[str, Any], sha1: str, path: Path) -> None:
    """Whether Box has the bytes that were sent; an answer that does not say so is asked for again.

    Raises
    ------
    TransferError
        It has others.
    """
    if made.get("sha1") is None:
        made = entry(caller.file(made["id"]))
    if made["sha1"] is None:
        raise TransferError(
            f"The server does not say which bytes it has of {path}, so they could not be checked. Make the same call again."
        )
    if str(made["sha1"]).strip().lower() != sha1:
        raise TransferError(
            f"The server has other bytes than {path}: its SHA-1 is {made['sha1']}; send it again."
        )


def with_sum(caller: Caller, there: dict[str, Any]) -> dict[str, Any]:
    """What lies there, with its SHA-1 in small letters; asked for where the answer came without."""
    found = there.get("sha1")
    if found is None and there.get("type", "file") == "file":
        answer = caller.file(there["id"])
        found = field(answer, "sha1") if answer.status_code == 200 else None
    return there | {"sha1": found.strip().lower() if isinstance(found, str) else None}


def conflict(answer: requests.Response) -> dict[str, Any] | None:
    """What has the name already, of a 409; Box gives one object for files and a list for folders."""
    if answer.status_code != 409:
        return None
    try:
        found = answer.json()["context_info"]["conflicts"]
        first = found[0] if isinstance(found, list) else found
        which, kind = first["id"], first.get("type")
    except (*ODD, KeyError, IndexError, TypeError):
        return None
    if not isinstance(which, str | int) or not re.fullmatch(r"\s*[0-9]{1,30}\s*", str(which)):
        return None
    named = {"type": kind} if isinstance(kind, str) and kind else {}
    rest = {name: value for name, value in first.items() if name != "type"}
    return {**rest, **named, "id": str(which).strip()}


def reserved(answer: requests.Response) -> bool:
    """Whether the name is only taken for a moment: by an upload whose answer was lost (409 without a conflict).

    Not where a page was answered, of a proxy say: asked again it would be the same.
    """
    if answer.status_code != 409 or conflict(answer) is not None:
        return False
    if not answer.content.strip():
        return True
    return field(answer, "code") in ("name_temporarily_reserved", "conflict", "operation_blocked_temporary")


def taken(name: str, there: Mapping[str, Any]) -> TransferError:
    """Something else has the name."""
    if there.get("type", "file") != "file":
        return TransferError(
            f"A {there['type']} named {name!r} (id {there['id']}) lies there: give the file another name."
        )
    return TransferError(
        f"A file {name!r} with other content (id {there['id']}) lies there: new_version=True makes this one its new version."
    )
