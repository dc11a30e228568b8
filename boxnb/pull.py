"""One dataset, page by page: what was fetched so far is never lost, whatever ends the pull."""

from __future__ import annotations

import datetime
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from . import ids
from .errors import ApiError, BoxNotebookError, ForbiddenError, Interrupted, NotFoundError
from .frames import Table
from .paging import by_marker
from .records import Page, paging_of
from .schema import Column, fields

if TYPE_CHECKING:
    from .box import Box

WORKERS = 8
"""Calls in flight: at 80 ms two reach Box's limit, so more help short pulls only."""


SHARE = 0.05
"""Part of the month's licensed calls above which one pull says so."""


class Progress(NamedTuple):
    """How far a pull has come; ``seconds`` since it began."""

    dataset: str
    rows: int
    pages: int
    calls: int
    done: bool
    seconds: float = 0.0


class Pull:
    """The table being filled, and where it can be continued."""

    def __init__(self, box: Box, table: Table, attrs: dict[str, Any], as_user: str | None) -> None:
        self._box = box
        self._as_user = as_user
        self._before = box.session.ledger.calls
        self.table = table
        self.attrs = attrs
        self.pages = 0
        self.resume: Callable[[], dict[str, Any] | None] | None = None
        self.beside: Callable[[], int] = int  # none
        self.tidy: Callable[[pd.DataFrame], pd.DataFrame] | None = None  # what every frame of it goes through
        self._warned = self._stopped = False
        self._begun = time.monotonic()

    def fetch(self, path: str, **params: Any) -> bytes:
        """The bytes of one answer, as the user of the pull unless told; safe from several threads.

        Raises
        ------
        CancelledError
            The pull was interrupted: in threads it has left behind.
        """
        if self._stopped:
            raise CancelledError("The pull was interrupted.")
        return self._box.session.get_bytes(path, **{"as_user": self._as_user, **params})

    def listing(self, pages: Callable[..., Iterator[Any]], path: str, **params: Any) -> list[bytes]:
        """All pages of one listing as they came, to be taken in its turn; safe from several threads."""
        held: list[bytes] = []

        def keep(content: bytes) -> Page:
            held.append(content)
            return paging_of(content)

        for _ in pages(self.fetch, keep, path, **params):
            pass
        return held

    def take(self, content: bytes, *computed: Any) -> Page:
        """Add one page to the table."""
        page = self.table.add(content, *computed)
        self.pages += 1
        self._warn()
        self.report()
        return page

    def join(self, table: Table, pages: int) -> None:
        """Add what a thread has collected in a table of its own."""
        self.table.join(table)
        self.pages += pages
        self._warn()
        self.report()

    def anew(self) -> None:
        """Drop the rows, because the listing changed under the pull."""
        self.table = self.table.emptied()

    def _warn(self) -> None:
        """Say it once when this pull spends more than a twentieth of the month's licence."""
        licence = self._box.profile.monthly_calls
        spent = self._box.session.ledger.calls - self._before
        if licence and spent > licence * SHARE and not self._warned:
            self._warned = True
            warnings.warn(
                f"This pull has spent {spent} calls, more than {SHARE:.0%} of the {licence} a month your licence "
                "has: Interrupt stops it and keeps what was fetched.",
                stacklevel=2,
            )

    def follow(self, pages: Iterator[Any], name: str) -> None:
        """Turn pages to the end, keeping the argument that would continue."""
        for following in pages:
            self.attrs["resume"] = None if following is None else {name: following}

    def markers(self, path: str, marker: str | None, **params: Any) -> None:
        """A listing by marker into the table, a page on its way while the one before it is taken."""
        with self.pool(1) as pool:
            pages = by_marker(self.fetch, self.take, path, marker=marker, pool=pool, **params)
            self.follow(pages, "marker")

    def report(self, *, done: bool = False) -> None:
        """Tell whoever shows progress, rows in tables that are not joined yet included."""
        if self._box.on_progress is not None:
            calls = self._box.session.ledger.calls - self._before
            dataset, rows = self.attrs["dataset"], self.table.rows + self.beside()
            seconds = time.monotonic() - self._begun
            self._box.on_progress(Progress(dataset, rows, self.pages, calls, done, seconds))

    def frame(self, *, complete: bool) -> pd.DataFrame:
        """The frame so far, with what it cost in its ``attrs``."""
        frame = self.table.frame() if self.tidy is None else self.tidy(self.table.frame())
        frame.attrs.update(self.attrs)
        if self.resume is not None:
            frame.attrs["resume"] = None if complete else self.resume()
        frame.attrs |= {
            "pages": self.pages,
            "calls": self._box.session.ledger.calls - self._before,
            "fetched_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "complete": complete,
        }
        return frame

    @contextmanager
    def pool(self, workers: int = WORKERS) -> Iterator[ThreadPoolExecutor]:
        """Threads over the one pooled session; what is not begun is dropped when the pull ends early.

        Interrupt does not wait for calls that hang: they end by themselves, and their threads begin no other.
        """
        pool = ThreadPoolExecutor(workers, thread_name_prefix="boxnb")
        waits = True
        try:
            yield pool
        except BaseException as error:
            self._stopped = True
            waits = not isinstance(error, KeyboardInterrupt)
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=True)


def pulled(
    box: Box,
    dataset: str,
    columns: tuple[Column, ...],
    query: dict[str, Any],
    work: Callable[[Pull], None],
    *,
    computed: tuple[Column, ...] = (),
    as_user: str | None = None,
) -> pd.DataFrame:
    """Run ``work`` over a new :class:`Pull`; a failure carries the frame so far.

    Raises
    ------
    BoxNotebookError
        Whatever ended the pull; its ``partial`` is the frame so far, ``partial.attrs["resume"]`` the argument that
        continues, where there is one. ``box.last_partial`` is the same frame.
    """
    as_user = ids.as_user(as_user)
    attrs: dict[str, Any] = {"dataset": dataset, "profile": box.profile.name, "query": query, "resume": None}
    if as_user is not None:
        attrs["query"] = {**query, "as_user": as_user}
    pull = Pull(box, Table(columns, computed), attrs, as_user)
    try:
        work(pull)
        # In here, because Interrupt may come while the columns are put together or the last line is drawn.
        frame = pull.frame(complete=True)
        pull.report(done=True)
    except (BoxNotebookError, ValueError) as error:
        box.last_partial = pull.frame(complete=False)
        pull.report(done=True)
        if isinstance(error, BoxNotebookError):
            error.partial = box.last_partial
        raise
    except KeyboardInterrupt:
        box.last_partial = pull.frame(complete=False)
        stopped = Interrupted(
            f"Stopped after {len(box.last_partial)} rows: they are in box.last_partial, marked incomplete."
        )
        stopped.partial = box.last_partial
        pull.report(done=True)
        raise stopped from None
    finally:
        box.session.ledger.flush()
    box.session.ledger.remember(dataset, rows=len(frame), calls=frame.attrs["calls"])
    return frame


def one(
    box: Box, dataset: str, path: str, columns: tuple[Column, ...], *, as_user: str | None = None
) -> pd.DataFrame:
    """A single object as a frame of one row."""
    asked = fields(columns)

    def work(pull: Pull) -> None:
        content = pull.fetch(path, fields=asked)
        pull.take(b'{"entries":[' + content + b"]}")

    return pulled(box, dataset, columns, {"path": path}, work, as_user=as_user)


def each(
    box: Box,
    dataset: str,
    columns: tuple[Column, ...],
    path: str,
    ids: Sequence[str],
    pages: Callable[..., Iterator[Any]],
    *,
    as_user: str | None = None,
    by: str = "",
    again: str = "ids",
    tidy: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    **params: Any,
) -> pd.DataFrame:
    """One listing for each id, several at once, in the order of the ids.

    What answers 403 or 404 is noted in ``attrs["skipped"]`` (``id``, ``status``) and does not end the pull. ``again``
    names the argument that takes the ids not asked yet; every frame of it goes through ``tidy``.
    """

    def work(pull: Pull) -> None:
        pull.tidy = tidy
        skipped: list[dict[str, Any]] = []
        pull.attrs["skipped"] = skipped
        pull.attrs["query"] |= {"ids": len(ids)}

        def listing(which: str) -> list[bytes] | ApiError:
            try:
                return pull.listing(pages, path.format(which), **params)
            except (ForbiddenError, NotFoundError) as error:
                return error

        done = 0
        pull.resume = lambda: {again: list(ids[done:])}
        with pull.pool() as pool:
            for which, found in zip(ids, pool.map(listing, ids), strict=True):
                if isinstance(found, ApiError):
                    skipped.append({"id": which.rpartition("/")[2], "status": found.status})
                else:
                    for content in found:
                        pull.take(content)
                done += 1

    return pulled(box, dataset, columns, {"by": by} if by else {}, work, as_user=as_user)


def said(query: dict[str, Any]) -> dict[str, Any]:
    """A query as ``attrs`` show it: without the list of fields, which the schema says."""
    return {name: value for name, value in query.items() if name != "fields"}
