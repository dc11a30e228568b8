"""Begin, continue and end the rounds of a harvest, in one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pyarrow as pa

from ..api.arguments import choice, described
from ..datasets.event_log import When, time_of
from ..datasets.paging import number_of
from ..datasets.pull import warn
from ..errors import ArgumentError, HarvestError, Interrupted
from ..local import private_files
from . import failures, lock, parts, settle
from .budget import Budget
from .derived import Derived
from .driver import LANES, Driver
from .events import timestamp
from .kinds import Kind
from .manifest import WAITING, Manifest, Round
from .reading import Reader
from .units import with_times
from .workers import BATCH, Workers
from .workers import LANES as WORKER_LANES

if TYPE_CHECKING:
    from ..api.connection import Connection

REPAIR = "repair"
"""The kind of a round that fetches the rows of damaged parts again."""

MOST_LANES = 100
"""The most lanes: each is a thread, and more calls at the same time do not get past Box's rate limit."""

_FAR = pd.Timestamp("5000-01-01", tz="UTC").as_unit("us")
"""A time from which every span stays within the four-digit years."""

CLOCK_TOLERANCE = 300
"""How many seconds the clock may go back between two rounds without an error."""


class Rounds:
    """The rounds of one harvest. ``source`` returns the rows of the harvest that this one is made from, if there is one."""

    def __init__(
        self,
        box: Connection,
        kind: Kind,
        arguments: dict[str, Any],
        folder: Path,
        manifest: Manifest,
        source: Callable[[], pa.Table],
    ) -> None:
        self._box, self._kind, self._arguments = box, kind, arguments
        self._folder, self._manifest, self._source = folder, manifest, source

    def now(self) -> int:
        """Return the server's time in microseconds."""
        return round(self._box.session.auth.now() * 1_000_000)

    def ended(self) -> list[Round]:
        """Return the rounds that have ended, oldest first."""
        rounds = self._manifest.rounds() if self._manifest.exists else []
        return [entry for entry in rounds if entry.ended is not None]

    def last_begun(self) -> int:
        """Return when the last round that has ended began; -1 if none has."""
        return max((entry.begun for entry in self.ended()), default=-1)

    def mark_reported(self, shown: int | None) -> None:
        """Remember that everything up to the round that began at ``shown``, or up to the last one, is reported."""
        with self.holding("mark_reported"):
            shown = self.last_begun() if shown is None else shown
            if shown >= 0:
                before = self._manifest.facts().get("reported")
                self._manifest.remember("reported", max(shown, -1 if before is None else before))

    def budget(self, max_calls: int | None, until: When | None) -> Budget:
        """Return a budget from what the user passed; ``until`` is a time, or a span from now."""
        calls = None if max_calls is None else number_of(max_calls, "max_calls")
        clock = self._box.session.auth.now
        if until is None:
            return Budget(calls, None, clock)
        time = time_of(until, _FAR)  # a span counts back from there
        is_span = time_of(until, _FAR + pd.Timedelta("1h")) != time
        end = timestamp(self.now()) + (_FAR - time) if is_span else time
        return Budget(calls, end.timestamp(), clock)

    def lacks_rows(self) -> bool:
        """Return whether the rows of damaged parts that were removed have yet to be fetched again."""
        rounds = self._manifest.rounds() if self._manifest.exists else []
        is_repairing = bool(rounds) and rounds[-1].kind == REPAIR and rounds[-1].ended is None
        return is_repairing or (bool(rounds) and self._manifest.facts().get("again") is not None)

    def is_idle(self) -> bool:
        """Return whether a round has ended and none has begun since."""
        rounds = self._manifest.rounds() if self._manifest.exists else []
        return bool(rounds) and rounds[-1].ended is not None

    @contextmanager
    def holding(self, doing: str) -> Iterator[None]:
        """Hold the lock. Create missing folders, and delete what a killed process left behind."""
        for name in ("", *parts.PLACES):
            private_files.private_folder(self._folder / name)
        with lock.holding(self._folder, doing):
            if self._manifest.exists:
                self.require_same_owner()
                for name in parts.PLACES:
                    listed = {entry.part.file for entry in self._manifest.parts(name)}
                    parts.sweep(self._folder / name, listed)
            yield

    def require_same_owner(self) -> None:
        """Raise if the harvest in the folder is another one.

        Raises
        ------
        ArgumentError
            It is of another dataset or has other arguments.
        HarvestError
            It belongs to another sign-in, or its manifest is damaged.
        """
        facts, account = self._manifest.facts(), account_of(self._box)
        if facts["dataset"] != self._kind.name or facts["arguments"] != self._arguments:
            raise ArgumentError(
                f"The folder {self._folder} has a harvest of {facts['dataset']} with {facts['arguments'] or 'no arguments'}. "
                "Pass the same arguments, or another name or folder."
            )
        if facts["account"] and account and facts["account"] != account:
            raise HarvestError(
                f"The harvest in {self._folder} belongs to another sign-in ({facts['account']}). "
                "Nothing was changed. Connect with that profile, or choose another name or folder.",
                self._folder,
            )

    def require_same_owner_if_known(self) -> None:
        """Raise as :meth:`require_same_owner` does, unless the manifest is missing or damaged: then nobody knows the owner."""
        try:
            self._manifest.facts()
        except HarvestError:
            return
        self.require_same_owner()

    def work(
        self,
        budget: Budget,
        executor: Executor | Literal["threads", "processes"] | None,
        lanes: int | None,
        *,
        update: bool,
        full: bool = False,
    ) -> None:
        """Finish the round that has not ended; then, for damaged parts or an update, begin and finish another."""
        if executor is not None and not isinstance(executor, Executor):
            choice(executor, "executor", ("threads", "processes"))
        if lanes is not None:
            lanes = number_of(lanes, "lanes", least=1)
            if lanes > MOST_LANES:
                raise ArgumentError(f"lanes takes a whole number up to {MOST_LANES}, not {described(lanes)}.")
        with self.holding("update" if update else "run"):
            if not self._manifest.exists:
                self._require_no_parts()
                self._manifest.create(
                    {
                        "dataset": self._kind.name,
                        "arguments": self._arguments,
                        "account": account_of(self._box),
                    }
                )
            rounds = self._manifest.rounds()
            needs_update = update
            if not rounds or rounds[-1].ended is None:
                current = rounds[-1] if rounds else self._begin("run", rounds)
                if not self._round(current, budget, executor, lanes):
                    return
                # After an earlier first run or repair, an update is due. A round that has just begun, or an update, is up to date.
                is_older = bool(rounds) and current.kind in ("run", REPAIR)
                needs_update = update and (is_older or (full and current.kind == "update"))
            if self._manifest.facts().get("again") is not None:
                repair = self._begin(REPAIR, self._manifest.rounds())
                if not self._round(repair, budget, executor, lanes):
                    return
                # If rows can change, the repair has just fetched everything.
                needs_update = needs_update and self._kind.appends
            if needs_update:
                kind = "full walk" if full else "update"
                self._round(self._begin(kind, self._manifest.rounds()), budget, executor, lanes)

    def _require_no_parts(self) -> None:
        """Raise if the manifest is missing, but not the parts: nothing tells which rows they have."""
        if any(file.suffix == ".parquet" for name in parts.PLACES for file in parts.own(self._folder / name)):
            raise HarvestError(
                f"The manifest of the harvest in {self._folder} is missing. Its Parquet files are unchanged. "
                "Restore the manifest from a backup, or delete() the harvest and run it again.",
                self._folder,
            )

    def _open_further(self, current: Round) -> int:
        """Open the requests that follow from all pages of a round together. Return how many are new."""
        if self._kind.appends:
            return 0
        reader = Reader(self._kind, self._folder, self._manifest)
        fetched = reader.table([parts.FETCHED], self._kind.fetched)
        old = reader.table([parts.ROWS], self._kind.kept)
        requests = self._kind.further(current, self._manifest.notes(current.id), old, fetched)
        return self._manifest.open(current.id, requests)

    def _begin(self, kind: str, rounds: list[Round]) -> Round:
        now = self.now()
        if rounds and now <= rounds[-1].begun:
            if rounds[-1].begun - now > CLOCK_TOLERANCE * 1_000_000:
                raise HarvestError(
                    f"The clock is {(rounds[-1].begun - now) // 60_000_000} minutes earlier than when the last round began, so boxnb "
                    "could not tell which rows are newer. Nothing was changed. Correct the computer's clock, then try again.",
                    self._folder,
                )
            now = rounds[-1].begun + 1
        previous = self._since_forgotten(rounds[-1].arguments) if rounds else None
        again = self._manifest.facts().get("again") if kind == REPAIR else None
        if previous is not None and again is not None and self._kind.appends:
            arguments = dict(previous)  # the next update continues from there
        else:
            arguments = self._kind.round_arguments(self._arguments, now, previous)
        arguments |= {"full": kind != "update"}
        notes = self._manifest.notes(rounds[-1].id) if rounds else {}
        refused = [request for request, _, _ in self._manifest.refused(rounds[-1].id)] if rounds else []
        copied = []
        if isinstance(self._kind, Derived):
            rows = self._source()
            requests = self._kind.start_from(arguments, rows)
            if (table := self._kind.copied(rows)) is not None and len(table):
                fetched = self._folder / parts.FETCHED
                copied = [(parts.FETCHED, parts.write(fetched, [with_times(table, now)], None))]
                failures.flush_folder(fetched)
        else:
            requests = self._kind.start(arguments) if again is None else self._kind.again(arguments, again)
            requests += self._kind.retried(arguments, refused, notes)
        begun = self._manifest.begin(kind, now, arguments, requests, notes, copied)
        if again is not None:
            self._manifest.remember("again", None)
        return begun

    def _since_forgotten(self, previous: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the round before, without the time whose events :meth:`Harvest.forget` has deleted."""
        forgotten = self._manifest.facts().get("forgotten")
        if forgotten is None or not self._kind.appends:
            return previous
        return {**previous, "oldest": max(previous["oldest"], forgotten), "forgotten": forgotten}

    def _round(self, current: Round, budget: Budget, executor: Any, lanes: int | None) -> bool:
        """Fetch the pages of a round, and end it if none is left. Return whether it ended."""
        workers = None if executor in (None, "threads") else Workers(self._box, executor, self._folder)
        try:
            while True:
                driver = self._driver(current, budget, workers, lanes)
                driver.run()
                if self._manifest.counts(current.id).get(WAITING):
                    return False
                if not self._open_further(current):
                    break
            settle.settle(self._kind, self._folder, self._manifest, current, self.now())
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped. {self._manifest.rows(parts.ROWS, parts.FETCHED):,} rows are saved; run() continues from there."
            ) from None
        finally:
            self._box.session.ledger.flush()
            if workers is not None:
                workers.close()
        self._report(current)
        return True

    def _driver(self, current: Round, budget: Budget, workers: Workers | None, lanes: int | None) -> Driver:
        usual = LANES if workers is None else WORKER_LANES
        return Driver(
            self._box,
            self._kind,
            self._folder,
            self._manifest,
            current,
            budget,
            work=workers,
            lanes=usual if lanes is None else lanes,
            batch=1 if workers is None else BATCH,
        )

    def _report(self, current: Round) -> None:
        """Remember what a whole run cost, and warn if a listing could not be read."""
        if current.kind not in ("update", REPAIR):
            calls = next(entry.calls for entry in self._manifest.rounds() if entry.id == current.id)
            rows = self._manifest.rows(parts.ROWS)
            self._box.session.ledger.remember(f"harvest {self._kind.name}", rows=rows, calls=calls)
        if skipped := self._manifest.skipped(current.id):
            some = f"{len(skipped)} listings" if len(skipped) > 1 else "One listing"
            warn(
                f"The harvest of {self._kind.name} is not complete. {some} could not be read. See frame().attrs['skipped']."
            )


def account_of(box: Connection) -> str:
    """Return the user and the server of a sign-in, as far as they are known."""
    account = box.profile.account or {}
    return f"{account['login']} at {box.profile.client.server.name}" if account.get("login") else ""
