"""Calls that carry files: repeated until they are known to be done, never done twice."""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pandas as pd
import requests

from ..cells import writable
from ..errors import Interrupted, NetworkError, TransferError
from ..network import LOST
from ..refusals import network_trouble
from ..session import api_error, retry_after

if TYPE_CHECKING:
    from ..box import Box

Job = TypeVar("Job")

ATTEMPTS = 6
PIECE = 1 << 20
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
    # Half a surrogate pair, or a byte of a file's name that is not UTF-8, is shown by its number: no column of text holds it.
    plain = [[writable(value) if isinstance(value, str) else value for value in row] for row in rows]
    frame = pd.DataFrame(plain, columns=list(Row._fields))[list(COLUMNS)].astype(COLUMNS)
    frame["action"] = pd.Categorical([row.action for row in rows], categories=ACTIONS)
    frame.attrs["complete"] = all(row.action != "refused" for row in rows)
    return frame


def each(
    caller: Caller,
    work: Callable[[Job], Row],
    jobs: Iterable[Job],
    workers: int,
    of: int,
    more: Sequence[Row] = (),
) -> pd.DataFrame:
    """What became of each job, several at once, in their order, and of what was no job.

    Interrupt waits for a piece or a part of what is under way, not for whole files.

    Raises
    ------
    Interrupted
        Stopped by a person; ``partial`` has the files that were done.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="boxnb")
    begun: list[Future[Row]] = []
    try:
        begun.extend(pool.submit(work, job) for job in jobs)
        return frame_of([*(job.result() for job in begun), *more])
    except KeyboardInterrupt:
        caller.stopped = True
        pool.shutdown(wait=True, cancel_futures=True)
        rows = [job.result() for job in begun if not job.cancelled() and job.exception() is None]
        stopped = Interrupted(f"Stopped after {len(rows)} of {of} files: make the same call again to go on.")
        stopped.partial = caller.box.last_partial = frame_of(rows)
        raise stopped from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        caller.box.session.ledger.flush()


def waits() -> Iterator[float]:
    """Seconds between attempts."""
    for attempt in range(ATTEMPTS - 1):
        yield min(8.0, 0.5 * 2**attempt)


class Caller:
    """Calls of one Box, as one user."""

    def __init__(self, box: Box, as_user: str | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.box = box
        self.sleep = sleep
        self.as_user = as_user
        self.stopped = False
        self.upload_url = box.profile.client.server.upload_url.rstrip("/")

    def check(self) -> None:
        """Go no further where a person has stopped the transfer."""
        if self.stopped:
            raise CancelledError("The transfer was stopped.")

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
            except LOST as error:
                lost = error
            except OSError as error:  # requests' own, and a certificate file that is not there
                raise NetworkError(network_trouble(error)) from error
            if wait is None:
                if lost is not None:
                    raise NetworkError(network_trouble(lost)) from lost
                if answer.status_code < 500:
                    return answer
                raise api_error(answer)
            self.sleep(wait if lost is not None else retry_after(answer) or wait)
            found = arrived()
            if found is not None:
                return found
        raise AssertionError("the last attempt returns or raises")

    def file(self, file_id: str) -> requests.Response:
        """What Box knows of a file."""
        return self.done("GET", f"/files/{file_id}", params={"fields": FIELDS})


def entry(answer: requests.Response) -> dict[str, Any]:
    """The file of a successful upload.

    Raises
    ------
    ApiError
        It was none.
    """
    if answer.status_code not in (200, 201):
        raise api_error(answer)
    try:
        found = answer.json()
        first: dict[str, Any] = found["entries"][0] if "entries" in found else found
        return {name: first[name] for name in ("id", "name", "sha1", "size")}
    except (ValueError, KeyError, IndexError, TypeError):
        raise api_error(answer) from None


def conflict(answer: requests.Response) -> dict[str, Any] | None:
    """What has the name already, of a 409; Box gives one object for files and a list for folders."""
    if answer.status_code != 409:
        return None
    try:
        found = answer.json()["context_info"]["conflicts"]
        first = found[0] if isinstance(found, list) else found
        return first if isinstance(first, dict) and "id" in first else None
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def reserved(answer: requests.Response) -> bool:
    """Whether the name is only taken for a moment: by an upload whose answer was lost (409 without a conflict)."""
    if answer.status_code != 409 or conflict(answer) is not None:
        return False
    try:
        return answer.json().get("code") in (
            "name_temporarily_reserved",
            "conflict",
            "operation_blocked_temporary",
        )
    except (ValueError, AttributeError):
        return True


def taken(name: str, there: dict[str, Any]) -> TransferError:
    """Something else has the name."""
    if there.get("type", "file") != "file":
        return TransferError(
            f"A {there['type']} named {name!r} (id {there['id']}) lies there: give the file another name."
        )
    return TransferError(
        f"A file {name!r} with other content (id {there['id']}) lies there: new_version=True makes this one its new version."
    )


def sha1_of(path: Path) -> str:
    """The SHA-1 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def modified(path: Path) -> str:
    """When a file was last changed, as Box takes it."""
    then = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")
