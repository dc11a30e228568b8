"""Fetch one dataset page by page. However the pull ends, the pages fetched so far are never lost."""

from __future__ import annotations

import datetime
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..api import ids
from ..api.connection import Progress
from ..errors import ApiError, BoxNotebookError, BoxUnavailableError, Interrupted
from ..frames import Table
from ..frames.pages import NotAPageError, Page, paging_of
from ..frames.schema import Column
from ..secret import sealed
from .paging import Turning, by_marker

if TYPE_CHECKING:
    from ..api.connection import Connection

WORKERS = 8
"""Calls in flight. At 80 ms a call, two already reach Box's rate limit, so more only help short pulls."""

SHARE = 0.05
"""Share of the month's licensed calls above which a pull warns."""


class Listing(NamedTuple):
    """The pages of one listing as received, and why it ended early: the error of a refusal, or a doubt about the end."""

    pages: list[bytes]
    error: ApiError | None
    doubt: str | None


Tidy = Callable[[pd.DataFrame], pd.DataFrame]


class Pull:
    """The table being filled, and where the pull can be resumed.

    A dataset that resumes in its own way, or holds rows outside the table, overrides :meth:`continuation`,
    :meth:`rows_in_flight` or :meth:`tidied`.
    """

    def __init__(
        self,
        box: Connection,
        table: Table,
        attrs: dict[str, Any],
        as_user: str | None,
        tidy: Tidy | None = None,
    ) -> None:
        self._box = box
        self._as_user = as_user
        self._before = box.session.ledger.calls
        self.table = table
        self.attrs = attrs
        self.pages = 0
        self._tidy = tidy
        self._warned = self._stopped = False
        self._sources_complete: bool | None = True
        self._inherited = self._unread = self.odd = 0
        self._incomplete_source = ""
        self._started = time.monotonic()

    def continuation(self) -> dict[str, Any] | None:
        """Return the arguments that would resume this pull now, or ``None`` if it cannot be resumed."""
        resume: dict[str, Any] | None = self.attrs["resume"]
        return resume

    def rows_in_flight(self) -> int:
        """Return the number of rows fetched but not in the table yet."""
        return 0

    def tidied(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the DataFrame as the user gets it, complete or partial."""
        return frame if self._tidy is None else self._tidy(frame)

    def fetch(self, path: str, **params: Any) -> bytes:
        """Return the body of one response, fetched as the user of this pull unless ``as_user`` is passed; thread-safe.

        Raises
        ------
        CancelledError
            The pull was interrupted. Raised only in threads that are still running then.
        """
        if self._stopped:
            raise CancelledError("The pull was interrupted.")
        return self._box.session.get_bytes(path, **{"as_user": self._as_user, **params})

    def listing(self, pages: Callable[..., Turning], path: str, **params: Any) -> Listing:
        """Fetch all pages of one listing without adding them to the table; thread-safe.

        A refusal (:func:`is_refusal`) is returned together with the pages before it. Any other error is raised.
        """
        contents: list[bytes] = []

        def collect(content: bytes) -> Page:
            page = paging_of(content)
            contents.append(content)
            return page

        turning = pages(self.fetch, collect, path, **params)
        try:
            while True:
                next(turning)
        except StopIteration as end:
            return Listing(contents, None, end.value)
        except ApiError as error:
            if not is_refusal(error):
                raise
            return Listing(contents, error, None)

    def skip(self, listing: Listing, *, alone: bool = False, **where: Any) -> bool:
        """Record in ``attrs["skipped"]`` a listing that could not be read in full, and ``where`` it is.

        One rule holds for all datasets: if the caller asked for this one object ``alone``, its error is raised; if for
        several, the others are still fetched.

        Returns
        -------
        bool
            Whether there was anything to record.
        """
        if listing.error is not None:
            if alone and not listing.pages:
                raise listing.error
            status = {"status": listing.error.status}
            self.miss(listing.error.code or type(listing.error).__name__, **where, **status)
        elif listing.doubt is not None:
            self.miss(listing.doubt, **where)
        return listing.error is not None or listing.doubt is not None

    def miss(self, why: str, **where: Any) -> None:
        """Record in ``attrs["skipped"]`` what the DataFrame lacks. It is then incomplete, and a warning says so."""
        self.attrs["skipped"].append({**where, "why": why})

    def inherit(self, frame: pd.DataFrame, source: str = "") -> None:
        """Take over what a DataFrame lacks that this one is made from.

        ``source`` names the function that returned it, if the caller passed it in.
        """
        self._sources_complete = whole_of(self._sources_complete, frame)
        self.attrs["skipped"][:0] = frame.attrs.get("skipped") or []
        self._inherited = len(self.attrs["skipped"])
        if source and frame.attrs.get("complete") is False:
            self._incomplete_source = source

    def say(self) -> None:
        """Warn once about everything this DataFrame lacks, if anything."""
        skipped = self.attrs["skipped"][self._inherited :]
        dataset = self.attrs["dataset"]
        reasons = []
        if self._incomplete_source:
            reasons.append(f"The frame it was made from ({self._incomplete_source}) is not complete.")
        if skipped:
            parts = f"{len(skipped)} parts of it" if len(skipped) > 1 else "A part of it"
            reasons.append(
                f"{parts} could not be read: {_described(skipped[0])}{', ...' * (len(skipped) > 1)}."
            )
        if reasons:
            warn(f"{dataset} is not complete. {' '.join(reasons)} See attrs['skipped'].")
        elif odd := self.odd + self.table.odd:
            rows = f"{odd} rows have values" if odd > 1 else "1 row has a value"
            warn(f"{dataset}: {rows} of an unexpected type. See the column extra.")

    def take(self, content: bytes, *computed: Any) -> Page:
        """Add one page to the table and return what it says about itself."""
        page = self.table.add(content, *computed)
        self.pages += 1
        self._warn()
        self.report()
        return page

    def join(self, table: Table, pages: int) -> None:
        """Add the rows that a thread has collected in a table of its own."""
        self.table.join(table)
        self.pages += pages
        self._warn()
        self.report()

    def restart(self) -> None:
        """Drop all rows, because the listing changed during the pull."""
        self.table = self.table.emptied()

    def _warn(self) -> None:
        """Warn once when this pull spends more than a twentieth of the month's licensed calls."""
        licence = self._box.profile.monthly_calls
        spent = self._box.session.ledger.calls - self._before
        if licence and spent > licence * SHARE and not self._warned:
            self._warned = True
            warnings.warn(
                f"This pull has spent {spent} calls, more than {SHARE:.0%} of the {licence} a month that your licence "
                "allows. To stop it and keep what was fetched, click Interrupt.",
                stacklevel=2,
            )

    def follow(self, pages: Turning, name: str) -> None:
        """Turn pages to the end. Save the argument that would resume after each; record any doubt about the end."""
        while True:
            try:
                following = next(pages)
            except StopIteration as end:
                if end.value is not None:
                    self.miss(end.value)
                return
            self.attrs["resume"] = None if following is None else {name: following}

    def markers(self, path: str, marker: str | None, **params: Any) -> None:
        """Add a listing by marker to the table. Each page is requested while the one before it is decoded."""
        with self.pool(1) as pool:
            pages = by_marker(self.fetch, self.take, path, marker=marker, pool=pool, **params)
            self.follow(pages, "marker")

    def report(self, *, done: bool = False) -> None:
        """Report progress, if anything shows it; rows in flight count."""
        if self._box.on_progress is not None:
            calls = self._box.session.ledger.calls - self._before
            dataset, rows = self.attrs["dataset"], self.table.rows + self.rows_in_flight()
            seconds = time.monotonic() - self._started
            self._box.on_progress(Progress(dataset, rows, self.pages, calls, done, seconds))

    def frame(self, *, complete: bool) -> pd.DataFrame:
        """Return the DataFrame so far, with its cost in ``attrs``."""
        if unread := self.table.unread - self._unread:
            self._unread += unread
            self.miss(f"{unread} entries that are not objects, see the column extra")
        frame = self.tidied(self.table.frame())
        frame.attrs.update({**self.attrs, "skipped": list(self.attrs["skipped"])})
        frame.attrs |= {
            "resume": None if complete else self.continuation(),
            "pages": self.pages,
            "calls": self._box.session.ledger.calls - self._before,
            "fetched_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "complete": complete
            and (self._sources_complete if len(self.attrs["skipped"]) == self._inherited else False),
            "odd": self.odd + self.table.odd,
        }
        return frame

    @contextmanager
    def pool(self, workers: int = WORKERS) -> Iterator[ThreadPoolExecutor]:
        """Start threads that share the session. If the pull ends early, calls not started yet are dropped.

        Interrupt does not wait for hanging calls: they end by themselves, and their threads start no others.
        """
        pool = ThreadPoolExecutor(workers, thread_name_prefix="boxnb")
        wait_for_threads = True
        try:
            yield pool
        except BaseException as error:
            self._stopped = True
            wait_for_threads = not isinstance(error, KeyboardInterrupt)
            raise
        finally:
            pool.shutdown(wait=wait_for_threads, cancel_futures=True)


@sealed
def run_pull(
    box: Connection,
    dataset: str,
    columns: tuple[Column, ...],
    query: dict[str, Any],
    work: Callable[[Any], None],
    *,
    computed: tuple[Column, ...] = (),
    as_user: str | None = None,
    tidy: Tidy | None = None,
    kind: Callable[..., Pull] = Pull,
) -> pd.DataFrame:
    """Run ``work`` on a new pull and return its DataFrame.

    Parameters
    ----------
    work : function
        Fetches the pages; takes the pull.
    computed : tuple of Column
        Columns that boxnb adds to each page, see :class:`boxnb.frames.Table`.
    tidy : function, optional
        Applied to every DataFrame of the pull, complete or partial.
    kind : class, optional
        The class of the pull, :class:`Pull` or a subclass.

    Raises
    ------
    BoxNotebookError
        The error that ended the pull. Its ``partial`` is the DataFrame so far, and ``partial.attrs["resume"]`` the
        arguments that resume the pull, if it can be resumed. ``box.last_partial`` is the same DataFrame.
    """
    as_user = ids.as_user(as_user)
    attrs: dict[str, Any] = {"dataset": dataset, "profile": box.profile.name, "query": query, "resume": None}
    attrs["skipped"] = []
    if as_user is not None:
        attrs["query"] = {**query, "as_user": as_user}
    pull = kind(box, Table(columns, computed), attrs, as_user, tidy)
    try:
        work(pull)
        # Inside the try block: Interrupt may come while the columns are assembled or the last progress line is drawn.
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
            f"Stopped after {len(box.last_partial)} rows. They are in box.last_partial, marked as incomplete."
        )
        stopped.partial = box.last_partial
        pull.report(done=True)
        raise stopped from None
    finally:
        box.session.ledger.flush()
    box.session.ledger.remember(dataset, rows=len(frame), calls=frame.attrs["calls"])
    pull.say()
    return frame


def is_refusal(error: ApiError) -> bool:
    """Return whether Box refused this one object, so that others may still work: not an outage and not a rate limit."""
    if isinstance(error, NotAPageError):
        return True
    concerns_all = isinstance(error, BoxUnavailableError) or error.status in (401, 408, 429)
    return 400 <= error.status < 500 and not concerns_all


def whole_of(whole: bool | None, frame: pd.DataFrame) -> bool | None:
    """Return whether a result made from this DataFrame, too, is complete; ``None`` if the DataFrame does not say."""
    complete = frame.attrs.get("complete")
    return False if whole is False or complete is False else (whole and complete)


def _described(entry: dict[str, Any]) -> str:
    """Return one entry of ``skipped`` in words: why, and where."""
    where = {
        name: value for name, value in entry.items() if value is not None and name not in ("status", "why")
    }
    why = f"{entry['status']} {entry['why']}" if "status" in entry else str(entry.get("why", ""))
    return f"{why} ({', '.join(f'{name} {value}' for name, value in where.items())})" if where else why


def warn(sentence: str) -> None:
    """Warn at the line of the user's own code that called boxnb, so that each such line is warned about once."""
    level, caller = 1, sys._getframe()
    while caller.f_back is not None and caller.f_globals.get("__name__", "").partition(".")[0] == "boxnb":
        level, caller = level + 1, caller.f_back
    warnings.warn(sentence, stacklevel=level)
