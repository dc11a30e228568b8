"""Run the units of a round: several at the same time, and save each as soon as it is finished.

Only the driver writes the manifest and the parts, in one thread. The lanes fetch. A kill loses only the pages that were in
flight at that moment.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ..api.connection import Progress
from ..datasets.pull import warn
from ..errors import ApiError, BoxNotebookError, ForbiddenError
from ..frames.schema import Column
from ..transport.allowance import SpentError, within
from . import failures, parts
from .budget import Budget, Permit
from .manifest import WAITING, Listed, Manifest, Round
from .request import Outcome, Request
from .units import Result, work

if TYPE_CHECKING:
    from ..api.connection import Connection
    from .kinds import Kind

LANES = 6
"""Units in flight. At 300 ms for each call, six reach Box's rate limit; more would only lose more pages to a kill."""

HOLD, HOLD_SECONDS = 5, 0.25
"""How many units are saved together, and the most seconds that one waits for the others. A kill loses those that wait."""

RECENT_ROWS = 50_000
"""How many rows of small parts stay in memory until they are merged; rows of older parts are read from disk again."""

TICK = 0.5
"""Seconds between progress reports."""

MERGE = {0: 40, 1: 8}
"""How many parts of a level are merged into one part of the next level. Parts of the last level stay as they are."""

REFUSALS = 20
"""If the server refuses this many pages of a round and returns none, the run ends, because the app lacks a permission."""

Work = Callable[["Kind", list[Request], int, Permit], Result]
"""Fetches a unit: takes the kind, the requests, the time of the round in microseconds, and what the unit may spend."""


class Driver:
    """Fetches the pages of one round until none is left or the budget is spent.

    Parameters
    ----------
    work : function
        Fetches a unit; see :data:`Work`.
    lanes, batch : int
        How many units to fetch at the same time, and the most pages in each.
    """

    def __init__(
        self,
        box: Connection,
        kind: Kind,
        folder: Path,
        manifest: Manifest,
        current: Round,
        budget: Budget,
        *,
        work: Work | None = None,
        lanes: int = LANES,
        batch: int = 1,
    ) -> None:
        self._box, self._kind, self._manifest, self._round = box, kind, manifest, current
        self._folder, self._budget = folder, budget
        self._work = work or self._work_here
        self._lanes, self._batch = lanes, batch
        self._place = parts.ROWS if kind.appends else parts.FETCHED
        self._in_flight: dict[Future[Result], list[Request]] = {}
        self._arrived: list[tuple[Result, list[Request]]] = []
        self._recent: dict[str, pa.Table] = {}  # the rows of small parts, until they are merged
        self._queue: list[Request] = []
        self._error: BoxNotebookError | None = None
        self._spent: SpentError | None = None
        self._calls_before = self._calls_saved = box.session.ledger.calls
        self._moment = self._started = time.monotonic()
        self._rows = self._pages = 0
        self._refused, self._is_hopeless = 0, False

    @property
    def calls(self) -> int:
        """The calls made so far, including retries."""
        return self._box.session.ledger.calls - self._calls_before

    def run(self) -> None:
        """Fetch pages until none is left or the budget is spent.

        Raises
        ------
        BoxNotebookError
            A page could not be fetched. The pages that arrived before are saved.
        """
        with self._pool() as pool:
            while True:
                self._submit(pool)
                if not self._queue and self._arrived:
                    self._commit()  # an idle lane may need what these opened
                    continue
                if not self._in_flight:
                    break
                done, _ = wait(self._in_flight, timeout=TICK, return_when=FIRST_COMPLETED)
                self._receive(done)
                self._report()
            self._commit()
        if not self._manifest.counts(self._round.id).get(WAITING):
            self._end_if_hopeless()
        if self._is_hopeless:
            self._manifest.retry(self._round.id)
        self._report(done=True)
        if self._error is not None:
            raise self._error
        if self._spent is not None and not self._spent.usual:
            warn(str(self._spent))

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        """Start the lanes. After an interrupt, save what has arrived, and do not wait for calls that hang."""
        pool = ThreadPoolExecutor(self._lanes, thread_name_prefix="boxnb-harvest")
        wait_for_lanes = True
        try:
            yield pool
        except KeyboardInterrupt:
            wait_for_lanes = False
            self._receive([future for future in self._in_flight if future.done()])
            self._commit()
            raise
        finally:
            pool.shutdown(wait=wait_for_lanes, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        while self._error is None and len(self._in_flight) < self._lanes:
            requests = self._next()
            if not requests:
                return
            future = pool.submit(self._unit, requests, Permit(self._budget, len(requests)))
            self._in_flight[future] = requests

    def _unit(self, requests: list[Request], permit: Permit) -> Result:
        """Fetch a unit in a lane, within what is left of the budget."""
        try:
            with within(permit):
                return self._work(self._kind, requests, self._round.begun, permit)
        except BoxNotebookError as error:
            return Result([], parts.schema(self._kind.fetched).empty_table(), error=error)
        finally:
            permit.close()

    def _next(self) -> list[Request]:
        """Return the requests of the next unit; empty if there are none now."""
        if self._spent is not None or self._budget.is_spent:
            return []
        if not self._queue:
            self._queue = self._manifest.waiting(self._round.id, 0, 500, self._ids_taken())
        if not self._queue and not self._in_flight and not self._arrived:
            self._queue = self._manifest.waiting(self._round.id, 1, 1, set())
        if not self._queue and not self._divide():
            return []
        batch = self._budget.reserve(min(self._batch, len(self._queue)))
        requests, self._queue = self._queue[:batch], self._queue[batch:]
        return requests

    def _divide(self) -> bool:
        """Split a request in flight, so that the idle lane has something to do. Return whether one was split."""
        in_flight = {
            request.id: future for future, requests in self._in_flight.items() for request in requests
        }
        halves = self._kind.divide([request for requests in self._in_flight.values() for request in requests])
        if halves is None:
            return False
        earlier, later = halves
        self._manifest.divide(self._round.id, earlier, later)
        future = in_flight[earlier.id]
        self._in_flight[future] = [
            earlier if request.id == earlier.id else request for request in self._in_flight[future]
        ]
        self._queue = self._manifest.waiting(self._round.id, 0, 500, self._ids_taken())
        return bool(self._queue)

    def _ids_in_flight(self) -> set[int]:
        return {request.id for requests in self._in_flight.values() for request in requests}

    def _ids_taken(self) -> set[int]:
        """Return the requests that are in flight, and those that have arrived but are not saved yet."""
        return self._ids_in_flight() | {request.id for _, requests in self._arrived for request in requests}

    def _work_here(self, kind: Kind, requests: list[Request], seen: int, permit: Permit) -> Result:
        return work(kind, requests, self._box.session.get_bytes, seen)

    def _receive(self, done: Iterable[Future[Result]]) -> None:
        """Take finished units; save them now if enough have arrived, or if an idle lane needs what they opened."""
        for future in done:
            requests = self._in_flight.pop(future)
            result = future.result()
            if isinstance(result.error, SpentError):
                self._spent = self._spent or result.error
            else:
                self._error = self._error or result.error
            self._arrived.append((result, requests))
            self._note_calls(result)
        is_old = time.monotonic() - self._moment > HOLD_SECONDS
        if len(self._arrived) >= HOLD or is_old or not self._queue or self._error is not None:
            self._commit()

    def _commit(self) -> None:
        """Save the units that have arrived: first their rows as parts, then everything else in one transaction."""
        arrived, self._arrived = self._arrived, []
        if not arrived:
            return
        by_chain: dict[str, list[pa.Table]] = {}
        for result, requests in arrived:
            rows = self._agreed(result, requests)
            if self._kind.appends:
                rows = self._without_saved_rows(rows, by_chain)
            if len(rows):
                by_chain.setdefault(self._kind.chain(requests[0]), []).append(rows)
        added = []
        for chain, tables in by_chain.items():
            part = parts.write(self._folder / self._place, tables, self._kind.times, small=True)
            added.append((self._place, part, chain))
            self._recent[part.file] = pa.concat_tables(tables)
            self._rows += part.rows
        while sum(map(len, self._recent.values())) > RECENT_ROWS:
            del self._recent[next(iter(self._recent))]
        if added:
            failures.flush_folder(self._folder / self._place)
        now, calls = time.monotonic(), self._box.session.ledger.calls
        outcomes = [outcome for result, _ in arrived for outcome in result.outcomes]
        self._manifest.commit(
            self._round.id,
            added,
            outcomes,
            calls=calls - self._calls_saved,
            size=sum(result.bytes for result, _ in arrived),
            seconds=now - self._moment,
        )
        self._moment, self._calls_saved = now, calls
        self._pages += len(outcomes)
        self._check_refusals(outcomes)
        if added:
            merge(self._kind, self._folder, self._manifest, self._place, self._recent)

    def _note_calls(self, result: Result) -> None:
        """Add the calls that a worker made to the ledger."""
        for endpoint, status, milliseconds, size, is_repeat in result.calls:
            self._box.session.ledger.note(endpoint, status, milliseconds, size, repeat=is_repeat)

    def _agreed(self, result: Result, requests: list[Request]) -> pa.Table:
        """Return the rows of a unit, without those of a request that was split off while the unit was fetched."""
        now = {request.id: request for request in requests}
        for outcome in result.outcomes:
            if now[outcome.request.id] != outcome.request:
                result.rows = self._kind.agree(outcome, now[outcome.request.id], result.rows)
        return result.rows

    def _without_saved_rows(self, rows: pa.Table, arrived: dict[str, list[pa.Table]]) -> pa.Table:
        """Return a page of events without those that an earlier page or round has saved, or that have just arrived."""
        key = self._kind.key[-1]
        times = pc.min_max(rows.column("created_at").cast(pa.int64()))
        known = {
            value
            for tables in arrived.values()
            for table in tables
            for value in table.column(key).to_pylist()
        }
        if times["min"].is_valid:
            first, last = times["min"].as_py(), times["max"].as_py()
            for file in self._manifest.overlapping(self._place, first, last):
                known.update(self._ids_in(file, key, first))
        known.discard(None)
        fresh = []
        for value in rows.column(key).to_pylist():
            fresh.append(value not in known)
            if value is not None:
                known.add(value)
        return rows if all(fresh) else rows.filter(pa.array(fresh, pa.bool_()))

    def _ids_in(self, file: str, key: str, first: int) -> list[Any]:
        """Return the ids of the events in a part that are not earlier than a time."""
        if file in self._recent:
            tables: Iterable[pa.Table] = [self._recent[file]]
        else:
            path = self._folder / self._place / file
            tables = parts.tables([path], (Column(key, "text"),), since=first)
        return [value for table in tables for value in table.column(key).to_pylist()]

    def _check_refusals(self, outcomes: list[Outcome]) -> None:
        """End the run if the server has refused everything so far."""
        refused = sum(outcome.refused is not None for outcome in outcomes)
        self._refused += refused
        if self._refused >= REFUSALS and refused:
            self._end_if_hopeless()

    def _end_if_hopeless(self) -> None:
        """End the run if the server has refused every page of rows so far, in this and earlier runs. The next run tries again."""
        if self._error is not None or self._rows or self._manifest.rows(self._place, parts.ROWS):
            return
        refused = [(status, why) for _, status, why in self._manifest.refused(self._round.id) if status]
        if not refused or self._manifest.has_answer(self._round.id):
            return
        self._is_hopeless = True
        status, code = refused[-1]
        error = ForbiddenError if status == 403 else ApiError
        self._error = error(
            f"The server refused all {len(refused)} requests ({status} {code}). "
            "Check that this user may read this dataset, and that the app may use the As-User header.",
            status=status,
            code=code,
        )

    def _report(self, *, done: bool = False) -> None:
        if self._box.on_progress is not None:
            seconds = time.monotonic() - self._started
            name = f"harvest {self._kind.name}"
            self._box.on_progress(Progress(name, self._rows, self._pages, self.calls, done, seconds))


def merge(kind: Kind, folder: Path, manifest: Manifest, place: str, recent: dict[str, pa.Table]) -> None:
    """Merge small parts where enough of them have been saved. The rows stay the same.

    ``recent`` has the rows of the parts that are still in memory.
    """
    for level, at_least in MERGE.items():
        for chain, listed in manifest.unmerged(place, level, at_least):
            merge_parts(kind, folder, manifest, listed, chain=chain, level=level + 1, recent=recent)


def merge_parts(
    kind: Kind,
    folder: Path,
    manifest: Manifest,
    listed: list[Listed],
    *,
    chain: str,
    level: int,
    recent: dict[str, pa.Table],
) -> None:
    """Replace parts by one with the same rows, in order of time."""
    place = folder / listed[0].place
    columns = columns_in(kind, listed[0].place)
    for entry in listed:
        if entry.part.file not in recent:
            parts.require_whole(place / entry.part.file, entry.part)  # its damage would get a new hash
    content: Iterable[pa.Table] = (
        recent.pop(entry.part.file)
        if entry.part.file in recent
        else next(parts.tables([place / entry.part.file], columns))
        for entry in listed
    )
    ends = [(entry.part.first, entry.part.last) for entry in listed]
    if kind.appends and any(
        before[1] is None or after[0] is None or before[1] > after[0]
        for before, after in itertools.pairwise(ends)
    ):
        content = [parts.in_time_order(pa.concat_tables(content), kind.key[-1])]
    part = parts.write(place, content, kind.times)
    failures.flush_folder(place)
    merged = Listed(listed[0].place, part, max(entry.round for entry in listed), chain, level)
    manifest.replace([entry.part.file for entry in listed], [merged])
    parts.remove(place, [entry.part.file for entry in listed])


def columns_in(kind: Kind, place: str) -> tuple[Column, ...]:
    """Return the columns of the parts in one of the folders."""
    if place == parts.FETCHED:
        return kind.fetched
    return kind.kept + parts.REPLACED if place == parts.HISTORY else kind.kept
