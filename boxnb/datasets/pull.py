"""Fetch one dataset page by page. However the pull ends, the pages fetched so far can be used."""

from __future__ import annotations

import datetime
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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
    from .. import store

WORKERS = 8
"""The most calls in flight. At 80 ms per call, two are enough to reach Box's rate limit; more help only short pulls."""

SHARE = 0.05
"""The share of the month's licensed calls above which a pull warns."""


class Source(Protocol):
    """What a pull reads from: a :class:`boxnb.api.connection.Connection`, or a session of another server."""

    on_progress: Callable[[Progress], None] | None
    last_partial: pd.DataFrame | None

    @property
    def session(self) -> Any:
        """The session, which has a ``ledger``. A pull by Box's markers also calls its ``get_bytes``."""

    @property
    def profile(self) -> store.Profile:
        """The saved sign-in."""


class Listing(NamedTuple):
    """The pages of one listing as received, and why it may be incomplete: a refusal, or a doubt about the end."""

    pages: list[bytes]
    error: ApiError | None
    doubt: str | None


Tidy = Callable[[pd.DataFrame], pd.DataFrame]


class Pull:
    """The table that a pull fills, and where the pull can be resumed.

    A dataset that resumes in a different way, or has rows outside the table, overrides :meth:`continuation`,
    :meth:`rows_in_flight` or :meth:`tidy`.
    """

    def __init__(
        self,
        box: Source,
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
        """Return the number of rows that have been fetched but are not in the table yet."""
        return 0

    def tidy(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the final form of the DataFrame, complete or partial."""
        return frame if self._tidy is None else self._tidy(frame)

    def fetch(self, path: str, **params: Any) -> bytes:
        """Return the body of one response, fetched as the user of this pull unless ``as_user`` is passed; thread-safe.

        Raises
        ------
        CancelledError
            The pull was interrupted. Only threads that are still running raise this.
        """
        self.check_stopped()
        content: bytes = self._box.session.get_bytes(path, **{"as_user": self._as_user, **params})
        return content

    def check_stopped(self) -> None:
        """Raise ``CancelledError`` if the pull was interrupted."""
        if self._stopped:
            raise CancelledError("The pull was interrupted.")

    def listing(self, pages: Callable[..., Turning], path: str, **params: Any) -> Listing:
        """Fetch all pages of one listing without adding them to the table; thread-safe.

        A refusal (:func:`is_refusal`) is returned with the pages before it. Any other error is raised.
        """
        contents: list[bytes] = []

        def collect(content: bytes) -> Page:
            page = paging_of(content)
            contents.append(content)
            return page

        page_steps = pages(self.fetch, collect, path, **params)
        try:
            while True:
                next(page_steps)
        except StopIteration as end:
            return Listing(contents, None, end.value)
        except ApiError as error:
            if not is_refusal(error):
                raise
            return Listing(contents, error, None)

    def record_problem(self, listing: Listing, *, alone: bool = False, **where: Any) -> bool:
        """Record in ``attrs["skipped"]`` a listing that could not be read completely, and ``where`` it is.

        The rule is the same for all datasets: if this is the only object that the caller requested (``alone``), its error
        is raised; otherwise the others are still fetched.

        Returns
        -------
        bool
            Whether the listing has a problem.
        """
        if listing.error is not None:
            if alone and not listing.pages:
                raise listing.error
            status = {"status": listing.error.status}
            self.record_missing(listing.error.code or type(listing.error).__name__, **where, **status)
        elif listing.doubt is not None:
            self.record_missing(listing.doubt, **where)
        return listing.error is not None or listing.doubt is not None

    def record_missing(self, why: str, **where: Any) -> None:
        """Record in ``attrs["skipped"]`` what the DataFrame lacks. It is then incomplete, and the pull ends with a warning."""
        self.attrs["skipped"].append({**where, "why": why})

    def inherit(self, frame: pd.DataFrame, source: str = "") -> None:
        """Add what ``frame`` lacks to ``attrs["skipped"]``, because this DataFrame is made from it.

        If the caller passed ``frame`` in, ``source`` is the function that returned it.
        """
        self._sources_complete = both_complete(self._sources_complete, frame)
        self.attrs["skipped"][:0] = frame.attrs.get("skipped") or []
        self._inherited = len(self.attrs["skipped"])
        if source and frame.attrs.get("complete") is False:
            self._incomplete_source = source

    def warn_if_incomplete(self) -> None:
        """Warn once about everything that this DataFrame lacks, or else about values in ``extra``."""
        skipped = self.attrs["skipped"][self._inherited :]
        dataset = self.attrs["dataset"]
        reasons = []
        if self._incomplete_source:
            reasons.append(f"The frame that it was made from ({self._incomplete_source}) is not complete.")
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
        """Add one page to the table and return its paging fields."""
        page = self.table.add(content, *computed)
        self.pages += 1
        self._warn_about_calls()
        self.report()
        return page

    def join(self, table: Table, pages: int) -> None:
        """Add the rows that a thread has collected in a separate table."""
        self.table.join(table)
        self.pages += pages
        self._warn_about_calls()
        self.report()

    def restart(self) -> None:
        """Drop all rows, because the listing changed during the pull."""
        self.table = self.table.emptied()

    def _warn_about_calls(self) -> None:
        """Warn once when this pull has spent more than a twentieth of the month's licensed calls."""
        licence = self._box.profile.monthly_calls
        spent = self._box.session.ledger.calls - self._before
        if licence and spent > licence * SHARE and not self._warned:
            self._warned = True
            warnings.warn(
                f"This pull has spent {spent} calls, more than {SHARE:.0%} of the {licence} a month that your licence "
                "allows. To stop it and keep the rows fetched so far, click Interrupt.",
                stacklevel=2,
            )

    def follow(self, pages: Turning, name: str) -> None:
        """Fetch all pages. After each, save the argument that would resume the pull; record any doubt about the end."""
        while True:
            try:
                following = next(pages)
            except StopIteration as end:
                if end.value is not None:
                    self.record_missing(end.value)
                return
            self.attrs["resume"] = None if following is None else {name: following}

    def markers(self, path: str, marker: str | None, **params: Any) -> None:
        """Add all pages of a listing to the table, by marker. Each page is requested while the previous one is decoded."""
        with self.pool(1) as pool:
            pages = by_marker(self.fetch, self.take, path, marker=marker, pool=pool, **params)
            self.follow(pages, "marker")

    def report(self, *, done: bool = False) -> None:
        """Report progress, including rows in flight, if there is a progress function."""
        if self._box.on_progress is not None:
            calls = self._box.session.ledger.calls - self._before
            dataset, rows = self.attrs["dataset"], self.table.rows + self.rows_in_flight()
            seconds = time.monotonic() - self._started
            self._box.on_progress(Progress(dataset, rows, self.pages, calls, done, seconds))

    def frame(self, *, complete: bool) -> pd.DataFrame:
        """Return the rows so far as a DataFrame, with the cost of the pull in ``attrs``."""
        if unread := self.table.unread - self._unread:
            self._unread += unread
            self.record_missing(f"{unread} entries that are not objects (see the column extra)")
        frame = self.tidy(self.table.frame())
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
        """Start threads that share the session. If the pull ends early, calls not sent yet are dropped.

        After an interrupt, the pull does not wait for calls that hang. They end by themselves, and their threads do not
        start others.
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
    box: Source,
    dataset: str,
    columns: tuple[Column, ...],
    query: dict[str, Any],
    work: Callable[[Any], None],
    *,
    computed: tuple[Column, ...] = (),
    as_user: str | None = None,
    tidy: Tidy | None = None,
    pull_class: Callable[..., Pull] = Pull,
) -> pd.DataFrame:
    """Run ``work`` on a new pull and return its DataFrame.

    Parameters
    ----------
    work : function
        Takes the pull, and fetches the pages.
    computed : tuple of Column
        Columns that boxnb adds to each page, see :class:`boxnb.frames.Table`.
    tidy : function, optional
        Applied to every DataFrame of the pull, complete or partial.
    pull_class : class, optional
        The class of the pull, :class:`Pull` or a subclass.

    Raises
    ------
    BoxNotebookError
        The error that ended the pull. Its ``partial`` is the DataFrame so far, which is also in ``box.last_partial``. If the
        pull can be resumed, ``partial.attrs["resume"]`` contains the arguments for that.
    """
    as_user = ids.as_user(as_user)
    attrs: dict[str, Any] = {"dataset": dataset, "profile": box.profile.name, "query": query, "resume": None}
    attrs["skipped"] = []
    if as_user is not None:
        attrs["query"] = {**query, "as_user": as_user}
    pull = pull_class(box, Table(columns, computed), attrs, as_user, tidy)
    try:
        work(pull)
        # In the try block, because the user may interrupt while the columns are assembled or progress is drawn.
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
        interrupted = Interrupted(
            f"Stopped after {len(box.last_partial)} rows. They are in box.last_partial, marked as incomplete."
        )
        interrupted.partial = box.last_partial
        pull.report(done=True)
        raise interrupted from None
    finally:
        box.session.ledger.flush()
    box.session.ledger.remember(dataset, rows=len(frame), calls=frame.attrs["calls"])
    pull.warn_if_incomplete()
    return frame


def is_refusal(error: ApiError) -> bool:
    """Return whether Box refused only this one object, unlike an outage or a rate limit, which affects all."""
    if isinstance(error, NotAPageError):
        return True
    affects_all = isinstance(error, BoxUnavailableError) or error.status in (401, 408, 429)
    return 400 <= error.status < 500 and not affects_all


def both_complete(complete: bool | None, frame: pd.DataFrame) -> bool | None:
    """Return whether all sources of a DataFrame are complete: ``frame``, and those before it, for which ``complete`` says so.

    ``None`` if one of them does not say.
    """
    frame_complete = frame.attrs.get("complete")
    return False if complete is False or frame_complete is False else (complete and frame_complete)


def _described(entry: dict[str, Any]) -> str:
    """Describe an entry of ``skipped``: why it was skipped, and where it is."""
    where = {
        name: value for name, value in entry.items() if value is not None and name not in ("status", "why")
    }
    why = f"{entry['status']} {entry['why']}" if "status" in entry else str(entry.get("why", ""))
    return f"{why} ({', '.join(f'{name} {value}' for name, value in where.items())})" if where else why


def warn(message: str) -> None:
    """Warn at the line of the user's code that called boxnb, so that Python shows the warning once for each such line."""
    level, caller = 1, sys._getframe()
    while caller.f_back is not None and caller.f_globals.get("__name__", "").partition(".")[0] == "boxnb":
        level, caller = level + 1, caller.f_back
    warnings.warn(message, stacklevel=level)
