"""Calls of uploads and downloads: retried until their outcome is known, and never done twice."""

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
from ..transport.sessions import NETWORK_ERRORS
from ..transport.waits import moment, retry_after, span, until, wait_sentence

if TYPE_CHECKING:
    from ..api.connection import Connection

Job = TypeVar("Job")

ATTEMPTS = 6
CHUNK = 1 << 20
"""Bytes read or written at once."""

LONGEST = 180.0
"""Longest wait in seconds that a response may ask for; beyond it the file is refused with the time to try again."""

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
"""The most important columns come first, the long ones last."""

ACTIONS = ("uploaded", "new version", "same content", "downloaded", "refused")


class Moved(NamedTuple):
    """The progress of a transfer, in bytes and files."""

    name: str
    done: int
    total: int
    files: int
    of: int


class Row(NamedTuple):
    """The outcome for one file; see :data:`COLUMNS`."""

    path: str
    name: str
    id: str | None = None
    size: int | None = None
    sha1: str | None = None
    action: str = "refused"
    problem: str | None = None


def frame_of(rows: list[Row]) -> pd.DataFrame:
    """Return one row per file; ``attrs["complete"]`` is False if a file was refused."""
    cells = [[encoding.as_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    frame = pd.DataFrame(cells, columns=list(Row._fields))[list(COLUMNS)].astype(COLUMNS)
    frame["action"] = pd.Categorical([row.action for row in rows], categories=ACTIONS)
    frame.attrs["complete"] = all(row.action != "refused" for row in rows)
    return frame


@sealed
def run_jobs(
    caller: Caller,
    work: Callable[[Job], Row],
    jobs: Iterable[Job],
    workers: int,
    of: int,
    failed: Callable[[Job, str], Row] | None,
) -> pd.DataFrame:
    """Run jobs in several threads and return their rows in order.

    ``failed`` returns the row of a job that failed, given the reason; without it the error is raised.
    An interrupt waits until each thread has finished its current chunk or part, but not its file; a second interrupt
    does not wait at all.

    Raises
    ------
    Interrupted
        Interrupted by the user; ``partial`` has the files that were finished.
    """

    def run(job: Job) -> Row:
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
    submitted: list[Future[Row]] = []
    wait_for_threads = True
    try:
        submitted.extend(pool.submit(run, job) for job in jobs)
        return frame_of([job.result() for job in submitted])
    except BaseException as error:
        caller.stop()
        try:
            pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            wait_for_threads = False
        finished = [job for job in submitted if job.done() and not (job.cancelled() or job.exception())]
        caller.box.last_partial = frame_of([job.result() for job in finished])
        if isinstance(error, BoxNotebookError):
            error.partial = caller.box.last_partial
        if not isinstance(error, KeyboardInterrupt):
            raise
        interrupted = Interrupted(
            f"Stopped after {len(finished)} of {of} files. Make the same call again to continue."
        )
        interrupted.partial = caller.box.last_partial
        raise interrupted from None
    finally:
        pool.shutdown(wait=wait_for_threads, cancel_futures=True)
        caller.box.session.ledger.flush()


def reason(error: Exception) -> str:
    """Return why a file could not be uploaded or downloaded."""
    if isinstance(error, BoxNotebookError):
        return str(error)
    if isinstance(error, requests.RequestException):
        return network_trouble(error)
    if isinstance(error, OSError):
        path = error.filename if isinstance(error.filename, str) else "A file"
        return f"{path} cannot be used ({error.strerror or type(error).__name__}). Check its permissions and the free disk space."
    return f"An unexpected error in boxnb ({type(error).__name__}): this file was skipped. Please report it."


def retry_waits() -> Iterator[float]:
    """Yield the seconds to wait between attempts."""
    for attempt in range(ATTEMPTS - 1):
        yield min(8.0, 0.5 * 2**attempt)


class Caller:
    """Sends the calls of one transfer, as one user, until the user stops it."""

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
        """Wait until the time is over or the user stops the transfer, and announce a long wait."""
        self.box.session.announce_wait(
            seconds, wait_sentence(seconds, "The server asked to wait, or gave no answer")
        )
        self._stopped.wait(seconds)
        self.check()

    def call_once(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send a call and return its response, with any status.

        Raises
        ------
        CancelledError
            The user stopped the transfer; this ends the threads that were still working.
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
            Called before each retry. It returns the response to use instead if Box did the call whose response was lost.
        worth_retrying : callable
            Whether to retry after a given response below 500.

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
                answer = self.call_once(method, url, **options)
                if answer.status_code < 500 and not worth_retrying(answer):
                    return answer
            except NETWORK_ERRORS as error:
                connection_error = error
            except OSError as error:  # errors of requests, and a CA bundle that does not exist
                raise NetworkError(network_trouble(error)) from error
            if wait is None:
                if connection_error is not None:
                    raise NetworkError(network_trouble(connection_error)) from connection_error
                if answer.status_code < 500:
                    return answer
                raise api_error(answer)
            if connection_error is None:
                wait = requested_wait(answer) or wait
                answer.close()
            self.sleep(wait)
            earlier_answer = already_done()
            if earlier_answer is not None:
                return earlier_answer

    def file(self, file_id: str) -> requests.Response:
        """Fetch the metadata of a file."""
        return self.call("GET", f"/files/{file_id}", params={"fields": FIELDS})


def requested_wait(answer: requests.Response) -> float | None:
    """Return the seconds that a response asks to wait, or ``None``.

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


DECODE_ERRORS = (ValueError, RecursionError, AttributeError, OverflowError)
"""Raised while a response is read that is not JSON, is nested too deeply, or has a wrong type or an infinite number."""


@contextmanager
def reading(answer: requests.Response) -> Iterator[None]:
    """Turn any error while a response is read into one that names the response.

    Raises
    ------
    BoxUnavailableError
        The response is not from Box; often it is the page of a company proxy.
    """
    try:
        yield
    except (*DECODE_ERRORS, KeyError, IndexError, TypeError):
        raise api_error(answer) from None


def uploaded_file(answer: requests.Response) -> dict[str, Any]:
    """Return the file of a successful upload.

    Raises
    ------
    ApiError
        The upload was not successful.
    """
    if answer.status_code not in (200, 201):
        raise api_error(answer)
    with reading(answer):
        body = answer.json()
        file: dict[str, Any] = body["entries"][0] if "entries" in body else body
        fields: dict[str, Any] = {name: file.get(name) for name in ("name", "sha1", "size")}
        if file["id"] is None:
            raise KeyError("id")
        return fields | {"id": str(file["id"])}


def field(answer: requests.Response, name: str) -> Any:
    """Return one field of a response; ``None`` if it is missing or the response is not an object."""
    try:
        return answer.json().get(name)
    except DECODE_ERRORS:
        return None


def verify_upload(caller: Caller, file: dict[str, Any], sha1: str, path: Path) -> None:
    """Compare the SHA-1 of an uploaded file with that of the local file; fetch it if the response did not contain it.

    Raises
    ------
    TransferError
        They differ, or the server does not report a SHA-1.
    """
    if file.get("sha1") is None:
        file = uploaded_file(caller.file(file["id"]))
    if file["sha1"] is None:
        raise TransferError(
            f"The server does not report a SHA-1 for {path}, so the upload could not be verified. Make the same call again."
        )
    if str(file["sha1"]).strip().lower() != sha1:
        raise TransferError(
            f"The content on the server differs from {path}: its SHA-1 is {file['sha1']}. Send the file again."
        )


def with_sha1(caller: Caller, item: dict[str, Any]) -> dict[str, Any]:
    """Return an existing item with its SHA-1 in lower case, fetched if it is missing."""
    sha1 = item.get("sha1")
    if sha1 is None and item.get("type", "file") == "file":
        answer = caller.file(item["id"])
        sha1 = field(answer, "sha1") if answer.status_code == 200 else None
    return item | {"sha1": sha1.strip().lower() if isinstance(sha1, str) else None}


def conflict(answer: requests.Response) -> dict[str, Any] | None:
    """Return the item that already has the name, from a 409. Box sends one object for files and a list for folders."""
    if answer.status_code != 409:
        return None
    try:
        conflicts = answer.json()["context_info"]["conflicts"]
        item = conflicts[0] if isinstance(conflicts, list) else conflicts
        item_id, kind = item["id"], item.get("type")
    except (*DECODE_ERRORS, KeyError, IndexError, TypeError):
        return None
    if not isinstance(item_id, str | int) or not re.fullmatch(r"\s*[0-9]{1,30}\s*", str(item_id)):
        return None
    item_type = {"type": kind} if isinstance(kind, str) and kind else {}
    rest = {name: value for name, value in item.items() if name != "type"}
    return {**rest, **item_type, "id": str(item_id).strip()}


def name_is_reserved(answer: requests.Response) -> bool:
    """Return whether a name is taken only briefly, by an upload whose response was lost (409 without a conflict).

    False if the body is a page, for instance of a proxy: a retry would get the same page.
    """
    if answer.status_code != 409 or conflict(answer) is not None:
        return False
    if not answer.content.strip():
        return True
    return field(answer, "code") in ("name_temporarily_reserved", "conflict", "operation_blocked_temporary")


def name_taken(name: str, item: Mapping[str, Any]) -> TransferError:
    """Return the exception for a name that another item already has."""
    if item.get("type", "file") != "file":
        return TransferError(
            f"A {item['type']} named {name!r} (id {item['id']}) already exists there. Give the file another name."
        )
    return TransferError(
        f"A file named {name!r} with other content (id {item['id']}) already exists there. "
        "Use new_version=True to upload this one as its new version."
    )
