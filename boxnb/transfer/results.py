"""Transfer files in several threads, and return one row per file, with the reason if it failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import pandas as pd
import requests

from ..errors import BoxNotebookError, Interrupted, TransferError
from ..local import encoding, private_files
from ..oauth.failures import network_trouble
from ..secret import sealed
from .calls import Caller

Job = TypeVar("Job")

LONGEST_FOLDER = 247
"""The length of a folder's path on Windows. Source: Microsoft Learn, *Maximum Path Length Limitation*."""

COLUMNS = {
    "name": "str",
    "action": "category",
    "problem": "str",
    "size": "Int64",
    "id": "str",
    "sha1": "str",
    "path": "str",
}
"""Columns of the result: the most important ones first, the long ones last."""

ACTIONS = ("uploaded", "new version", "same content", "downloaded", "refused")


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

    ``failed`` takes a job that failed and the reason, and returns its row. If it is ``None``, the error is raised.
    After an interrupt, each thread finishes its current chunk or part, but not its file. After a second interrupt,
    boxnb does not wait for the threads.

    Raises
    ------
    Interrupted
        Interrupted by the user; ``partial`` contains the files that were finished.
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
        if private_files.WINDOWS and isinstance(error, FileNotFoundError) and len(path) > LONGEST_FOLDER:
            return (
                f"{path} has {len(path)} characters, and Windows allows 259 by default, or {LONGEST_FOLDER} for a folder. "
                "Choose a folder with a shorter path, or have an administrator enable long paths."
            )
        return f"{path} cannot be used ({error.strerror or type(error).__name__}). Check its permissions and the free disk space."
    return (
        f"boxnb skipped this file because of an unexpected error ({type(error).__name__}). Please report it."
    )
