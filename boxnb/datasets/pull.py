"""One dataset, page by page: what was fetched so far is never lost, whatever ends the pull."""

from __future__ import annotations

import datetime
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..api import ids
from ..api.connection import Progress
from ..errors import ApiError, BoxNotebookError, BoxUnavailableError, Interrupted
from ..frames import Table
from ..frames.pages import NotAPageError, Page, loads, paging_of
from ..frames.schema import Column, fields
from ..secret import sealed
from .paging import Turning, by_marker

if TYPE_CHECKING:
    from ..api.connection import Connection

WORKERS = 8
"""Calls in flight: at 80 ms two reach Box's limit, so more help short pulls only."""


SHARE = 0.05
"""Part of the month's licensed calls above which one pull says so."""

NOT_ONE = (
    "The answer is not one object with an id, so it is not what belongs here. "
    "Often a company proxy answers in its place: check the proxy settings, then try again."
)


class Listing(NamedTuple):
    """The pages of one listing as they came, and what ended it before its end: a refusal, or what is in doubt."""

    pages: list[bytes]
    error: ApiError | None
    doubt: str | None


class Pull:
    """The table being filled, and where it can be continued."""

    def __init__(self, box: Connection, table: Table, attrs: dict[str, Any], as_user: str | None) -> None:
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
        self._whole: bool | None = True  # as far as the frames it is made of say
        self._inherited = self._unread = self.odd = 0
        self._given = ""
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

    def listing(self, pages: Callable[..., Turning], path: str, **params: Any) -> Listing:
        """All pages of one listing, to be taken in its turn; safe from several threads.

        A refusal (:func:`is_refusal`) is handed back, with the pages before it; whatever else fails is raised.
        """
        held: list[bytes] = []

        def keep(content: bytes) -> Page:
            page = paging_of(content)
            held.append(content)
            return page

        turning = pages(self.fetch, keep, path, **params)
        try:
            while True:
                next(turning)
        except StopIteration as end:
            return Listing(held, None, end.value)
        except ApiError as error:
            if not is_refusal(error):
                raise
            return Listing(held, error, None)

    def skip(self, found: Listing, *, alone: bool = False, **where: Any) -> bool:
        """Note a listing that could not be read, or not to its end: in ``attrs["skipped"]``, with where it stands.

        The one rule for all datasets: one thing that somebody named raises the true reason; of several, the others go on.

        Returns
        -------
        bool
            Whether there is anything to note.
        """
        if found.error is not None:
            if alone and not found.pages:
                raise found.error
            status = {"status": found.error.status}
            self.miss(found.error.code or type(found.error).__name__, **where, **status)
        elif found.doubt is not None:
            self.miss(found.doubt, **where)
        return found.error is not None or found.doubt is not None

    def miss(self, why: str, **where: Any) -> None:
        """Note in ``attrs["skipped"]`` what the frame lacks; it is not complete then, and a warning says so."""
        self.attrs["skipped"].append({**where, "why": why})

    def inherit(self, frame: pd.DataFrame, given: str = "") -> None:
        """Hand on what another frame lacks, of which this one is made; ``given`` names one that somebody handed in."""
        self._whole = whole_of(self._whole, frame)
        self.attrs["skipped"][:0] = frame.attrs.get("skipped") or []
        self._inherited = len(self.attrs["skipped"])
        if given and frame.attrs.get("complete") is False:
            self._given = given

    def say(self) -> None:
        """One warning for all that this frame lacks, where there is anything."""
        missed = self.attrs["skipped"][self._inherited :]
        what = self.attrs["dataset"]
        reasons = []
        if self._given:
            reasons.append(f"The frame it was made from ({self._given}) is not complete.")
        if missed:
            parts = f"{len(missed)} parts of it" if len(missed) > 1 else "A part of it"
            reasons.append(f"{parts} could not be read: {_told(missed[0])}{', ...' * (len(missed) > 1)}.")
        if reasons:
            warn(f"{what} is not complete. {' '.join(reasons)} See attrs['skipped'].")
        elif odd := self.odd + self.table.odd:
            rows = f"{odd} rows have values" if odd > 1 else "1 row has a value"
            warn(f"{what}: {rows} of another type than expected. See the column extra.")

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

    def follow(self, pages: Turning, name: str) -> None:
        """Turn pages to the end, keeping the argument that would continue; what is in doubt at the end is noted."""
        while True:
            try:
                following = next(pages)
            except StopIteration as end:
                if end.value is not None:
                    self.miss(end.value)
                return
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
        if unread := self.table.unread - self._unread:
            self._unread += unread
            self.miss(f"{unread} entries that are not objects, see the column extra")
        frame = self.table.frame() if self.tidy is None else self.tidy(self.table.frame())
        frame.attrs.update({**self.attrs, "skipped": list(self.attrs["skipped"])})
        if self.resume is not None:
            frame.attrs["resume"] = None if complete else self.resume()
        frame.attrs |= {
            "pages": self.pages,
            "calls": self._box.session.ledger.calls - self._before,
            "fetched_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "complete": complete
            and (self._whole if len(self.attrs["skipped"]) == self._inherited else False),
            "odd": self.odd + self.table.odd,
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


@sealed
def pulled(
    box: Connection,
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
    attrs["skipped"] = []
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
    pull.say()
    return frame


def is_refusal(error: ApiError) -> bool:
    """Whether Box will not show this one thing, while others may well be there: not its own trouble, nor a limit of calls."""
    if isinstance(error, NotAPageError):
        return True
    own = isinstance(error, BoxUnavailableError) or error.status in (401, 408, 429)
    return 400 <= error.status < 500 and not own


def whole_of(whole: bool | None, frame: pd.DataFrame) -> bool | None:
    """Whether what is made of this frame too is complete: ``None`` where the frame does not say."""
    said = frame.attrs.get("complete")
    return False if whole is False or said is False else (whole and said)


def _told(missed: dict[str, Any]) -> str:
    """One entry of ``skipped`` as words: what, where, and why."""
    where = {
        name: value for name, value in missed.items() if value is not None and name not in ("status", "why")
    }
    why = f"{missed['status']} {missed['why']}" if "status" in missed else str(missed.get("why", ""))
    return f"{why} ({', '.join(f'{name} {value}' for name, value in where.items())})" if where else why


def warn(sentence: str) -> None:
    """Warn at the line of the reader's own code that asked, so that each place is warned once."""
    level, here = 1, sys._getframe()
    while here.f_back is not None and here.f_globals.get("__name__", "").partition(".")[0] == "boxnb":
        level, here = level + 1, here.f_back
    warnings.warn(sentence, stacklevel=level)


def one(
    box: Connection, dataset: str, path: str, columns: tuple[Column, ...], *, as_user: str | None = None
) -> pd.DataFrame:
    """A single object as a frame of one row; what is not one object raises, as a refusal of it does."""
    asked = fields(columns)

    def work(pull: Pull) -> None:
        content = pull.fetch(path, fields=asked)
        try:
            found = loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.get("id") in (None, ""):
            raise BoxUnavailableError(NOT_ONE, status=200)
        pull.take(b'{"entries":[' + content + b"]}")

    return pulled(box, dataset, columns, {"path": path}, work, as_user=as_user)


def each(
    box: Connection,
    dataset: str,
    columns: tuple[Column, ...],
    path: str,
    ids: Sequence[str],
    pages: Callable[..., Turning],
    *,
    as_user: str | None = None,
    by: str = "",
    again: str = "ids",
    tidy: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    named: bool = True,
    made_of: pd.DataFrame | None = None,
    **params: Any,
) -> pd.DataFrame:
    """One listing for each id, several at once, in the order of the ids.

    What Box refuses is noted in ``attrs["skipped"]`` (``id``, ``status``, ``why``) and does not end the pull, unless it is the
    only id and somebody ``named`` it. ``again`` names the argument that takes the ids not asked yet; every frame of it
    goes through ``tidy``; ``made_of`` is the frame the ids came from.
    """

    def work(pull: Pull) -> None:
        pull.tidy = tidy
        pull.attrs["query"] |= {"ids": len(ids)}
        if made_of is not None:
            pull.inherit(made_of, "" if again == "ids" else "frame")

        def listing(which: str) -> Listing:
            return pull.listing(pages, path.format(which), **params)

        done = 0
        pull.resume = lambda: {again: list(ids[done:])}
        with pull.pool() as pool:
            for which, found in zip(ids, pool.map(listing, ids), strict=True):
                pull.skip(found, alone=named and len(ids) == 1, id=which.rpartition("/")[2])
                for content in found.pages:
                    pull.take(content)
                done += 1

    return pulled(box, dataset, columns, {"by": by} if by else {}, work, as_user=as_user)


def said(query: dict[str, Any]) -> dict[str, Any]:
    """A query as ``attrs`` show it: without the list of fields, which the schema says."""
    return {name: value for name, value in query.items() if name != "fields"}
