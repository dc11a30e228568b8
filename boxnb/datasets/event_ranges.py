"""Pull a long time range of admin events in several pieces at once.

How the events are distributed over the range is not known in advance, and the pages of one stream can only be fetched
one after another. So a range starts as one piece, and each idle thread takes over the later half of the piece with the
most pages left. ``admin_logs`` is in order of time (Box guide *Enterprise events*): a piece that was cut ends with the
page that reaches the cut. On average half a page is fetched twice, but no call is spent on an empty page.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

import pandas as pd

from ..frames import Table
from ..frames.pages import Page
from .paging import NULL, by_position, further
from .pull import Pull

LIMIT = 500
"""Most events on a page (Box reference *List user and enterprise events*)."""

THREADS = 12
"""Most pieces followed at once. The slower a call compared with decoding its rows, the more pieces pay off."""

SPREAD = 4.0
"""Estimated pages of each piece when the range is first spread over the threads."""

WORTH = 6.0
"""Estimated pages that a piece must have left to be cut; a cut costs about half a call."""

ALONE = 3
"""Most pages fetched before the range is spread, even if Box returns short ones."""

TICK = 0.5
"""Seconds between two progress reports."""

OVERLAP = pd.Timedelta(seconds=1)
"""Overlap of neighbouring pieces. Box filters by whole seconds: better an event twice than a lost event."""

NARROW = 8 * OVERLAP
"""Shorter pieces are not cut: thousands of events in one second would be fetched again at every cut next to it."""

_DECODING = threading.Lock()
"""Decode in one thread at a time: two threads contend for the GIL and take twice as long."""


class Span(NamedTuple):
    """A time range, in UTC."""

    begin: pd.Timestamp
    end: pd.Timestamp

    def query(self) -> dict[str, Any]:
        """Return the range as Box's parameters: RFC 3339, UTC, including the second in which the range ends."""
        return {"created_after": text(self.begin), "created_before": text(self.end.ceil("s"))}


def text(time: pd.Timestamp) -> str:
    """Return a time in the form that Box expects, to the second."""
    return time.isoformat(timespec="seconds")  # strftime writes the year 1 with one digit


class EventsPull(Pull):
    """A pull of admin events; a time range resumes at the last event in the table."""

    span: Span | None = None
    pieces: _Pieces | None = None

    def continuation(self) -> dict[str, Any] | None:
        """Return the ``since`` to resume a range with."""
        if self.span is None:
            return super().continuation()
        return {"since": text(_resume_time(self.table.last("created_at"), self.span))}

    def rows_in_flight(self) -> int:
        """Return the rows in the tables of the pieces."""
        return 0 if self.pieces is None else self.pieces.rows()


def by_ranges(pull: EventsPull, query: dict[str, Any], span: Span) -> None:
    """Add all events of a range to the table, in order of time; events where two pieces meet may come twice.

    The first full page shows how dense the events are and how long a call takes. A short page does not end a stream at
    Box, only an empty one does, so a short page shows nothing.
    """
    first = _Piece(span, pull.table.emptied())
    pull.span = span
    call_seconds = decode_seconds = 0.0
    for _ in range(ALONE):
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
                pull.miss("The server gave events but no position to continue from" if rows else NULL)
            return
        if rows == LIMIT:
            break
    threads = min(THREADS, 1 + round(call_seconds / max(decode_seconds, 1e-6)))
    pull.pieces = pieces = _Pieces(pull, query, first, threads)
    try:
        with pull.pool(threads) as pool:
            try:
                pieces.join([pool.submit(pieces.work) for _ in range(threads)])
            finally:
                pieces.stop()
    except BaseException:
        pull.pieces = None
        pieces.hand_over()  # but not the later pieces, because there is a gap before them
        raise
    pull.attrs["position"] = pieces.position()


def _resume_time(last: pd.Timestamp | None, span: Span) -> pd.Timestamp:
    """Return when to resume so that no event of the last second is missed."""
    return span.begin if last is None else max(span.begin, last - OVERLAP)


class _Pieces:
    """The pieces in order of time, and the threads that follow them."""

    def __init__(self, pull: Pull, query: dict[str, Any], first: _Piece, threads: int) -> None:
        self._pull, self._query = pull, query
        self._pieces = first.spread(threads)
        self._changed = threading.Condition()
        self._stopped = False
        self._current = 0

    def rows(self) -> int:
        """Return the number of rows not handed over yet."""
        return sum(piece.rows for piece in list(self._pieces))

    def position(self) -> str:
        """Return where the stream ended, once all pieces have; a piece without events may have no position of its own."""
        return max((piece.position for piece in self._pieces), key=int)

    def stop(self) -> None:
        """Stop the threads after the page each is at."""
        self._stopped = True
        with self._changed:
            self._changed.notify_all()

    def join(self, threads: list[Future[None]]) -> None:
        """Hand over the pieces in order as they end. Raise the error that ended a piece early, or a thread."""
        while self._current < len(self._pieces):
            ended = self._pieces[self._current].ended
            while wait([ended], timeout=TICK).not_done:
                for thread in threads:
                    if thread.done():
                        thread.result()
                self._pull.report()
            ended.result()
            self.hand_over()
            self._current += 1

    def hand_over(self) -> None:
        """Hand over the rows of the current piece. If it has not ended, they are complete up to some time."""
        if self._current < len(self._pieces):
            self._pieces[self._current].hand_over(self._pull)

    def work(self) -> None:
        """Follow piece after piece; runs in each thread. After an error, later pieces are useless and end; `join` raises it."""
        while (piece := self._next()) is not None:
            try:
                self._follow(piece)
            except BaseException as error:  # noqa: BLE001  join raises it
                with self._changed:
                    for later in self._pieces[self._pieces.index(piece) :]:
                        later.over = True
                piece.ended.set_exception(error)
            else:
                piece.ended.set_result(None)
            with self._changed:
                self._changed.notify_all()

    def _follow(self, piece: _Piece) -> None:
        query = {**self._query, **piece.span.query()}
        turning = by_position(
            self._pull.fetch, piece.take, "/events", limit=LIMIT, position=piece.position, **query
        )
        while True:
            try:
                following = next(turning)
            except StopIteration as end:
                if end.value is not None and not piece.reached():
                    self._pull.miss(end.value, **piece.span.query())
                return
            with self._changed:
                reached = piece.reached()
                piece.over = piece.over or following is None or reached
                self._changed.notify()
            if reached:
                piece.trim()
            piece.rows = piece.table.rows
            if self._stopped or reached or (piece.over and following is not None):
                return

    def _next(self) -> _Piece | None:
        """Return a piece that no thread follows, or cut the longest in half; ``None`` when nothing is left."""
        with self._changed:
            while not self._stopped:
                running = [piece for piece in self._pieces if not piece.over]
                if not running:
                    return None
                free = next((piece for piece in running if not piece.begun), None)
                if free is None:
                    longest = max(running, key=_Piece.pages_left)
                    if longest.pages_left() < WORTH:
                        self._changed.wait()
                        continue
                    free = longest.cut()
                    self._pieces.insert(self._pieces.index(longest) + 1, free)
                free.begun = True
                return free
        return None


class _Piece:
    """A part of the range, decoded into a table of its own until its turn comes.

    Each request asks for everything up to the end of the range, so a piece that is cut can keep its stream; ``_until`` is
    where the next piece begins. ``begun`` means that a thread follows it, ``over`` that it takes no more pages, ``ended``
    that its rows are complete.
    """

    def __init__(self, span: Span, table: Table) -> None:
        self.span, self.table = span, table
        self.ended: Future[None] = Future()
        self._table_lock = threading.Lock()
        self.begun = self.over = False
        self.position = "0"
        self.rows = 0  # for progress: without the rows that belong to the next piece
        self._pages = self._pages_handed_over = self._pages_since_cut = 0
        self._first: pd.Timestamp | None = None
        self._last = span.begin
        self._until = span.end

    def take(self, content: bytes) -> Page:
        """Decode one page into the table."""
        with self._table_lock, _DECODING:
            page = self.table.add(content)
            self._pages += 1
            self._pages_since_cut += 1
            self.position = further(self.position, page.stream_position)
            self._last = self.table.last("created_at") or self._last
            if self._first is None:
                self._first = self.table.first("created_at")
        return page

    def hand_over(self, pull: Pull) -> None:
        """Move the rows so far into the table of the pull."""
        with self._table_lock:  # after Interrupt its thread may still be running
            pages, self._pages_handed_over = self._pages - self._pages_handed_over, self._pages
            self.rows = 0
            pull.join(self.table, pages)

    def pages_left(self) -> float:
        """Return the estimated pages left, if the events stay as dense as so far."""
        remaining = self._until - self._last
        if self._first is None or not self._pages_since_cut or remaining < NARROW:
            return 0.0
        return self._pages * (remaining / max(self._last - self._first, OVERLAP))

    def cut(self) -> _Piece:
        """Give up the later half of the remaining time, and return it as a new piece."""
        middle = self._last + (self._until - self._last) / 2
        later = _Piece(Span(middle - OVERLAP, self.span.end), self.table.emptied())
        later._until, self._until = self._until, middle
        self._pages_since_cut = 0
        return later

    def spread(self, most: int) -> list[_Piece]:
        """Return this piece and up to ``most - 1`` new ones that share its remaining time equally."""
        number = max(1, min(most, int(self.pages_left() / SPREAD)))
        edges = pd.date_range(self._last, self._until, periods=number + 1)[1:-1]
        pieces = [
            self,
            *(_Piece(Span(edge - OVERLAP, self.span.end), self.table.emptied()) for edge in edges),
        ]
        for piece, until in zip(pieces, edges, strict=False):  # the last piece runs to the end
            piece._until = until
        return pieces

    def trim(self) -> None:
        """Drop the rows that belong to the next piece."""
        with self._table_lock:
            self.table.drop_from("created_at", self._until)

    def reached(self) -> bool:
        """Return whether it was cut and has reached the cut."""
        return self._until < self.span.end and self._last >= self._until
