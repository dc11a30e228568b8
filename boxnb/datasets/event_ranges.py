"""A long range of time in the log of an enterprise, followed in pieces at once.

Nobody knows beforehand when most happened, and pages of one stream follow one another. So a range begins as one
piece, and whenever a thread has nothing to do it takes over the later half of the piece with most before it.
``admin_logs`` comes in the order of time (Box guide *Enterprise events*): a piece that was cut ends with the page that
reaches the cut, which costs half a page twice and no call for an empty one.
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
"""Events of a page at most (Box reference *List user and enterprise events*)."""

THREADS = 12
"""Pieces followed at once at most; the slower a call beside the reading of its rows, the more are worth it."""

SPREAD = 4.0
"""Pages of a piece, as far as one can tell, when the range is first spread over the threads."""

WORTH = 6.0
"""Pages a piece must have before it, as far as one can tell, to be cut: a cut costs about half a call."""

ALONE = 3
"""Pages at most before the range is spread, however short Box makes them."""

TICK = 0.5
"""Seconds between two reports of a long pull."""

OVERLAP = pd.Timedelta(seconds=1)
"""An event on a seam comes twice rather than never: Box takes whole seconds."""

NARROW = 8 * OVERLAP
"""What is shorter is not cut: thousands of events in one second would come again with every cut beside it."""

_READING = threading.Lock()
"""One thread at a time reads rows: two take the interpreter from each other with every column, for twice the time."""


class Span(NamedTuple):
    """From one moment to another, UTC."""

    begin: pd.Timestamp
    end: pd.Timestamp

    def query(self) -> dict[str, Any]:
        """As Box wants it: RFC 3339, UTC, the second in which it ends included."""
        return {"created_after": text(self.begin), "created_before": text(self.end.ceil("s"))}


def text(time: pd.Timestamp) -> str:
    """A moment as Box wants it, to the second."""
    return time.isoformat(timespec="seconds")  # strftime writes the year 1 with one digit


def by_ranges(pull: Pull, query: dict[str, Any], span: Span) -> None:
    """All events of a range into the table, in the order of time; some on the seams twice.

    The first full page tells how thick they are and what a call costs. Box ends no stream with a short page, only with
    an empty one: a short page says nothing.
    """
    first = _Piece(span, pull.table.emptied())
    pull.resume = lambda: {"since": text(_before(pull.table.last("created_at"), span))}
    waiting = reading = 0.0
    for _ in range(ALONE):
        begun = time.perf_counter()
        content = pull.fetch("/events", stream_position=first.position, limit=LIMIT, **query, **span.query())
        came = time.perf_counter()
        before = first.position
        page = first.take(content)
        rows = page.rows
        waiting, reading = came - begun, time.perf_counter() - came
        first.hand_over(pull)
        if not rows or first.position == before:
            pull.attrs["position"] = first.position
            if page.is_null or (rows and page.stream_position != before):
                pull.miss("The server gave events and no position to continue from" if rows else NULL)
            return
        if rows == LIMIT:
            break
    threads = min(THREADS, 1 + round(waiting / max(reading, 1e-6)))
    chain = _Chain(pull, query, first, threads)
    pull.beside = chain.rows
    try:
        with pull.pool(threads) as pool:
            try:
                chain.join([pool.submit(chain.work) for _ in range(threads)])
            finally:
                chain.stop()
    except BaseException:
        pull.beside = int
        chain.hand_over()  # the rows of later pieces have a gap before them
        raise
    pull.attrs["position"] = chain.position()


def _before(last: pd.Timestamp | None, span: Span) -> pd.Timestamp:
    """Where to go on so that nothing of the second that was reached is missed."""
    return span.begin if last is None else max(span.begin, last - OVERLAP)


class _Chain:
    """Pieces in the order of time, and the threads that follow them."""

    def __init__(self, pull: Pull, query: dict[str, Any], first: _Piece, threads: int) -> None:
        self._pull, self._query = pull, query
        self._pieces = first.spread(threads)
        self._told = threading.Condition()
        self._stopped = False
        self._at = 0

    def rows(self) -> int:
        """Rows that are not handed over yet."""
        return sum(piece.rows for piece in list(self._pieces))

    def position(self) -> str:
        """Where the stream ended, once all have ended: a piece without events may have no position of its own."""
        return max((piece.position for piece in self._pieces), key=int)

    def stop(self) -> None:
        """Whatever ended the work, the threads go no further than their page."""
        self._stopped = True
        with self._told:
            self._told.notify_all()

    def join(self, threads: list[Future[None]]) -> None:
        """Hand over piece after piece as they end, and raise what ended one early, or a thread."""
        while self._at < len(self._pieces):
            ended = self._pieces[self._at].ended
            while wait([ended], timeout=TICK).not_done:
                for thread in threads:
                    if thread.done():
                        thread.result()
                self._pull.report()
            ended.result()
            self.hand_over()
            self._at += 1

    def hand_over(self) -> None:
        """The rows of the piece in turn; those of one that did not end are whole up to some moment."""
        if self._at < len(self._pieces):
            self._pieces[self._at].hand_over(self._pull)

    def work(self) -> None:
        """A thread: piece after piece. What fails is raised in its turn; what comes after it is of no use then."""
        while (piece := self._next()) is not None:
            try:
                self._follow(piece)
            except BaseException as error:  # noqa: BLE001  join raises it
                with self._told:
                    for later in self._pieces[self._pieces.index(piece) :]:
                        later.over = True
                piece.ended.set_exception(error)
            else:
                piece.ended.set_result(None)
            with self._told:
                self._told.notify_all()

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
            with self._told:
                reached = piece.reached()
                piece.over = piece.over or following is None or reached
                self._told.notify()
            if reached:
                piece.trim()
            piece.rows = piece.table.rows
            if self._stopped or reached or (piece.over and following is not None):
                return

    def _next(self) -> _Piece | None:
        """A piece nobody follows, or the later half of what the longest has before it; None when nothing is left."""
        with self._told:
            while not self._stopped:
                running = [piece for piece in self._pieces if not piece.over]
                if not running:
                    return None
                found = next((piece for piece in running if not piece.begun), None)
                if found is None:
                    longest = max(running, key=_Piece.left)
                    if longest.left() < WORTH:
                        self._told.wait()
                        continue
                    found = longest.cut()
                    self._pieces.insert(self._pieces.index(longest) + 1, found)
                found.begun = True
                return found
        return None


class _Piece:
    """A part of the range, followed into a table of its own: columns, no pages, wait for their turn.

    Box is asked for all up to the end of the range, so that a piece that is cut goes on with the stream it has:
    ``_until`` is where the piece after it begins. ``begun`` says that a thread has it, ``over`` that it takes no further
    page, ``ended`` that its rows are whole.
    """

    def __init__(self, span: Span, table: Table) -> None:
        self.span, self.table = span, table
        self.ended: Future[None] = Future()
        self._taking = threading.Lock()
        self.begun = self.over = False
        self.position = "0"
        self.rows = 0  # to be shown: without what comes of the piece after it
        self._pages = self._handed = self._since_cut = 0
        self._first: pd.Timestamp | None = None
        self._last = span.begin
        self._until = span.end

    def take(self, content: bytes) -> Page:
        """One page."""
        with self._taking, _READING:
            page = self.table.add(content)
            self._pages += 1
            self._since_cut += 1
            self.position = further(self.position, page.stream_position)
            self._last = self.table.last("created_at") or self._last
            if self._first is None:
                self._first = self.table.first("created_at")
        return page

    def hand_over(self, pull: Pull) -> None:
        """Its rows so far, into the table of the pull."""
        with self._taking:  # after Interrupt its thread may be at work
            pages, self._handed = self._pages - self._handed, self._pages
            self.rows = 0
            pull.join(self.table, pages)

    def left(self) -> float:
        """Pages it has before it, if its events go on as thick as so far."""
        before = self._until - self._last
        if self._first is None or not self._since_cut or before < NARROW:
            return 0.0
        return self._pages * (before / max(self._last - self._first, OVERLAP))

    def cut(self) -> _Piece:
        """The later half of what is before it, as a piece of its own."""
        middle = self._last + (self._until - self._last) / 2
        later = _Piece(Span(middle - OVERLAP, self.span.end), self.table.emptied())
        later._until, self._until = self._until, middle
        self._since_cut = 0
        return later

    def spread(self, most: int) -> list[_Piece]:
        """Itself and, in equal pieces, what is before it."""
        number = max(1, min(most, int(self.left() / SPREAD)))
        edges = pd.date_range(self._last, self._until, periods=number + 1)[1:-1]
        pieces = [
            self,
            *(_Piece(Span(edge - OVERLAP, self.span.end), self.table.emptied()) for edge in edges),
        ]
        for piece, until in zip(pieces, edges, strict=False):  # the last one goes on to the end
            piece._until = until
        return pieces

    def trim(self) -> None:
        """Drop what came of the piece after it."""
        with self._taking:
            self.table.drop_from("created_at", self._until)

    def reached(self) -> bool:
        """Whether it was cut and has come to the cut."""
        return self._until < self.span.end and self._last >= self._until
