"""Pull a long time range of admin events as several subranges in parallel.

How the events are distributed over the range is not known in advance, and the pages of one stream can only be fetched
one after another. So the pull starts with one subrange, and each idle thread takes over the later half of the subrange
with the most pages left. ``admin_logs`` is in chronological order (Box guide *Enterprise events*), so a subrange
that was split ends with the page that reaches the split. On average, each split fetches half a page twice, but never an
empty page.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

import pandas as pd

from ..frames import Table
from ..frames.pages import Page
from .paging import NULL, by_position, later_position
from .pull import Pull

LIMIT = 500
"""The maximum number of events per page (Box reference *List user and enterprise events*)."""

THREADS = 12
"""The maximum number of threads. The slower a call is compared with decoding its rows, the more threads are worthwhile."""

PAGES_EACH = 4.0
"""The estimated number of pages per subrange when the range is first divided among the threads."""

MIN_PAGES_LEFT = 6.0
"""The estimated number of pages that a subrange must have left before it is split; a split costs about half a call."""

MAX_SOLO_PAGES = 3
"""The maximum number of pages to fetch before the range is divided, even if Box returns short ones."""

TICK = 0.5
"""Seconds between progress reports."""

OVERLAP = pd.Timedelta(seconds=1)
"""Overlap of neighbouring subranges. Box filters by whole seconds, and without an overlap, events could be lost."""

MIN_SPLIT_LENGTH = 8 * OVERLAP
"""Shorter subranges are not split. Otherwise, thousands of events in one second would be fetched again at every nearby split."""

_DECODING = threading.Lock()
"""Decode in one thread at a time: two threads contend for the GIL and take twice as long."""


class Span(NamedTuple):
    """A time range, in UTC."""

    begin: pd.Timestamp
    end: pd.Timestamp

    def query(self) -> dict[str, Any]:
        """Return the range as Box's parameters, in RFC 3339 and UTC. The second in which the range ends is included."""
        return {"created_after": rfc3339(self.begin), "created_before": rfc3339(self.end.ceil("s"))}


def rfc3339(time: pd.Timestamp) -> str:
    """Return a time in the format that Box expects, to the second."""
    return time.isoformat(timespec="seconds")  # strftime writes the year 1 with one digit


class EventsPull(Pull):
    """A pull of admin events. A pull of a time range resumes at the last event in the table."""

    span: Span | None = None
    subranges: _Subranges | None = None

    def continuation(self) -> dict[str, Any] | None:
        """Return the argument ``since`` that resumes the pull of a range."""
        if self.span is None:
            return super().continuation()
        return {"since": rfc3339(_resume_time(self.table.last("created_at"), self.span))}

    def rows_in_flight(self) -> int:
        """Return the number of rows in the tables of the subranges."""
        return 0 if self.subranges is None else self.subranges.rows()


def by_ranges(pull: EventsPull, query: dict[str, Any], span: Span) -> None:
    """Add all events of a range to the table, in chronological order. Events near a split may be added twice.

    The first full page shows how dense the events are and how long a call takes. A short page does not, because Box
    returns short pages anywhere in a stream; only an empty page marks the end.
    """
    first = _Subrange(span, pull.table.emptied())
    pull.span = span
    call_seconds = decode_seconds = 0.0
    for _ in range(MAX_SOLO_PAGES):
        started = time.perf_counter()
        content = pull.fetch("/events", stream_position=first.position, limit=LIMIT, **query, **span.query())
        received = time.perf_counter()
        position = first.position
        page = first.take(content)
        rows = page.rows
        call_seconds, decode_seconds = received - started, time.perf_counter() - received
        first.hand_over(pull)
        if not rows or first.position == position:
            pull.attrs["position"] = first.position
            if page.is_null or (rows and page.stream_position != position):
                pull.record_missing(
                    "The server returned events but no position to continue from" if rows else NULL
                )
            return
        if rows == LIMIT:
            break
    threads = min(THREADS, 1 + round(call_seconds / max(decode_seconds, 1e-6)))
    pull.subranges = subranges = _Subranges(pull, query, first, threads)
    try:
        with pull.pool(threads) as pool:
            try:
                subranges.join([pool.submit(subranges.work) for _ in range(threads)])
            finally:
                subranges.stop()
    except BaseException:
        pull.subranges = None
        subranges.hand_over()  # only the current subrange: events before the later ones are missing
        raise
    pull.attrs["position"] = subranges.position()


def _resume_time(last: pd.Timestamp | None, span: Span) -> pd.Timestamp:
    """Return the time to resume from, early enough to include all events of the last second."""
    return span.begin if last is None else max(span.begin, last - OVERLAP)


class _Subranges:
    """The subranges in chronological order, and the work of the threads that pull them."""

    def __init__(self, pull: Pull, query: dict[str, Any], first: _Subrange, threads: int) -> None:
        self._pull, self._query = pull, query
        self._subranges = first.divide(threads)
        self._changed = threading.Condition()
        self._stopped = False
        self._current = 0

    def rows(self) -> int:
        """Return the number of rows that have not been handed over yet."""
        return sum(subrange.rows for subrange in list(self._subranges))

    def position(self) -> str:
        """Return the stream position after all subranges. It is the highest one, because a subrange without events may have none."""
        return max((subrange.position for subrange in self._subranges), key=int)

    def stop(self) -> None:
        """Stop each thread after its current page."""
        self._stopped = True
        with self._changed:
            self._changed.notify_all()

    def join(self, threads: list[Future[None]]) -> None:
        """Hand over the subranges in order as they end. Raise the error that ended a subrange or a thread."""
        while self._current < len(self._subranges):
            ended = self._subranges[self._current].ended
            while wait([ended], timeout=TICK).not_done:
                for thread in threads:
                    if thread.done():
                        thread.result()
                self._pull.report()
            ended.result()
            self.hand_over()
            self._current += 1

    def hand_over(self) -> None:
        """Hand over the rows of the current subrange. Even if it has not ended, they have no gaps."""
        if self._current < len(self._subranges):
            self._subranges[self._current].hand_over(self._pull)

    def work(self) -> None:
        """Pull one subrange after another. This runs in each thread. An error also ends all later subranges; `join` raises it."""
        while (subrange := self._next()) is not None:
            try:
                self._follow(subrange)
            except BaseException as error:  # noqa: BLE001  join raises it
                with self._changed:
                    for later in self._subranges[self._subranges.index(subrange) :]:
                        later.exhausted = True
                subrange.ended.set_exception(error)
            else:
                subrange.ended.set_result(None)
            with self._changed:
                self._changed.notify_all()

    def _follow(self, subrange: _Subrange) -> None:
        query = {**self._query, **subrange.span.query()}
        pages = by_position(
            self._pull.fetch, subrange.take, "/events", limit=LIMIT, position=subrange.position, **query
        )
        while True:
            try:
                following = next(pages)
            except StopIteration as end:
                if end.value is not None and not subrange.is_at_split():
                    self._pull.record_missing(end.value, **subrange.span.query())
                return
            with self._changed:
                at_split = subrange.is_at_split()
                subrange.exhausted = subrange.exhausted or following is None or at_split
                self._changed.notify()
            if at_split:
                subrange.trim()
            subrange.rows = subrange.table.rows
            if self._stopped or at_split or (subrange.exhausted and following is not None):
                return

    def _next(self) -> _Subrange | None:
        """Return a subrange to pull, splitting the longest if all have a thread; ``None`` at the end."""
        with self._changed:
            while not self._stopped:
                running = [subrange for subrange in self._subranges if not subrange.exhausted]
                if not running:
                    return None
                unclaimed = next((subrange for subrange in running if not subrange.started), None)
                if unclaimed is None:
                    longest = max(running, key=_Subrange.pages_left)
                    if longest.pages_left() < MIN_PAGES_LEFT:
                        self._changed.wait()
                        continue
                    unclaimed = longest.split()
                    self._subranges.insert(self._subranges.index(longest) + 1, unclaimed)
                unclaimed.started = True
                return unclaimed
        return None


class _Subrange:
    """A part of the range. Its rows go into a separate table until all earlier parts are handed over.

    Each request asks for everything up to the end of the range, so a subrange can be split without a new stream;
    ``_until`` is where the next subrange starts. ``started`` means that a thread is pulling it, ``exhausted`` that it does
    not take more pages, and ``ended`` that its rows are complete.
    """

    def __init__(self, span: Span, table: Table) -> None:
        self.span, self.table = span, table
        self.ended: Future[None] = Future()
        self._table_lock = threading.Lock()
        self.started = self.exhausted = False
        self.position = "0"
        self.rows = 0  # for progress, without the rows that belong to the next subrange
        self._pages = self._pages_handed_over = self._pages_since_split = 0
        self._first: pd.Timestamp | None = None
        self._last = span.begin
        self._until = span.end

    def take(self, content: bytes) -> Page:
        """Decode one page into the table."""
        with self._table_lock, _DECODING:
            page = self.table.add(content)
            self._pages += 1
            self._pages_since_split += 1
            self.position = later_position(self.position, page.stream_position)
            self._last = self.table.last("created_at") or self._last
            if self._first is None:
                self._first = self.table.first("created_at")
        return page

    def hand_over(self, pull: Pull) -> None:
        """Move the rows pulled so far into the table of the pull."""
        with self._table_lock:  # after an interrupt, its thread may still be running
            pages, self._pages_handed_over = self._pages - self._pages_handed_over, self._pages
            self.rows = 0
            pull.join(self.table, pages)

    def pages_left(self) -> float:
        """Return the estimated number of pages left, assuming that the events stay as dense as before."""
        remaining = self._until - self._last
        if self._first is None or not self._pages_since_split or remaining < MIN_SPLIT_LENGTH:
            return 0.0
        return self._pages * (remaining / max(self._last - self._first, OVERLAP))

    def split(self) -> _Subrange:
        """Return the later half of the remaining time as a new subrange, and keep the earlier half."""
        middle = self._last + (self._until - self._last) / 2
        later = _Subrange(Span(middle - OVERLAP, self.span.end), self.table.emptied())
        later._until, self._until = self._until, middle
        self._pages_since_split = 0
        return later

    def divide(self, limit: int) -> list[_Subrange]:
        """Divide the remaining time equally among this subrange and up to ``limit - 1`` new ones, and return them all."""
        number = max(1, min(limit, int(self.pages_left() / PAGES_EACH)))
        edges = pd.date_range(self._last, self._until, periods=number + 1)[1:-1]
        subranges = [
            self,
            *(_Subrange(Span(edge - OVERLAP, self.span.end), self.table.emptied()) for edge in edges),
        ]
        for subrange, until in zip(subranges, edges, strict=False):  # the last subrange has no edge
            subrange._until = until
        return subranges

    def trim(self) -> None:
        """Drop the rows that belong to the next subrange."""
        with self._table_lock:
            self.table.drop_from("created_at", self._until)

    def is_at_split(self) -> bool:
        """Return whether the subrange was split and has reached the split."""
        return self._until < self.span.end and self._last >= self._until
