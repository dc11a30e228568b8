"""The manifest of a harvest: an SQLite file that lists its rounds, the units still to fetch, and its parts.

Everything that belongs together is saved in one transaction, so that a kill at any moment leaves either all of it or
nothing. Any program that reads SQLite can open the file.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import failures, manifest_file
from .parts import FETCHED, Part
from .request import Outcome, Request

WAITING, DONE, REFUSED = "waiting", "done", "refused"

TWICE = "The server returned the same marker twice"


class Round(NamedTuple):
    """The first run of a harvest, or one update. Times are microseconds since 1970, UTC."""

    id: int
    kind: str
    begun: int
    ended: int | None
    arguments: dict[str, Any]
    calls: int
    bytes: int
    seconds: float
    new: int | None
    changed: int | None
    gone: int | None


class Listed(NamedTuple):
    """A part as the manifest lists it: its folder, its file, and where it belongs."""

    place: str
    part: Part
    round: int
    chain: str
    level: int


class Manifest:
    """The manifest in one folder. Safe to use from several threads; only the process that holds the lock writes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / manifest_file.FILE
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._threads = threading.RLock()

    @property
    def exists(self) -> bool:
        """Whether the harvest has been started."""
        return self.file.exists()

    def create(self, facts: dict[str, Any]) -> None:
        """Create the manifest. It appears as a whole or not at all."""
        manifest_file.create(self.file, facts)

    def close(self) -> None:
        """Close the file. The next access opens it again."""
        with self._threads:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        """Return the connection. If the file was deleted or replaced since, this is the one to the present file."""
        present = manifest_file.identity(self.file)
        if self._connection is None or self._opened != present:
            self.close()
            self._connection, self._opened = manifest_file.connect(self.file), present
        return self._connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._threads, failures.manifest(self.file):
            yield self._open()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._threads, failures.manifest(self.file):
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(
                    sqlite3.Error
                ):  # the disk may be full; the transaction is undone anyway
                    database.execute("ROLLBACK")
                raise

    def check(self) -> list[str]:
        """Return what SQLite's own check finds wrong with the file; empty if nothing is."""
        with self._reading() as database:
            return [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]

    def facts(self) -> dict[str, Any]:
        """Return what the harvest was started with."""
        with self._reading() as database:
            facts = {name: json.loads(value) for name, value in database.execute("SELECT * FROM facts")}
            if missing := {"dataset", "arguments", "account"} - facts.keys():
                raise ValueError(f"it does not say {min(missing)}")
            return facts

    def remember(self, name: str, value: Any) -> None:
        """Save a fact about the harvest."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def rounds(self) -> list[Round]:
        """Return all rounds, oldest first. The last one may not have ended."""
        with self._reading() as database:
            rows = database.execute("SELECT * FROM rounds ORDER BY id").fetchall()
            return [Round._make([*row[:4], json.loads(row[4]), *row[5:]]) for row in rows]

    def begin(
        self,
        kind: str,
        begun: int,
        arguments: dict[str, Any],
        requests: Iterable[Request],
        notes: dict[str, dict[str, str]],
        copied: Iterable[tuple[str, Part]] = (),
    ) -> Round:
        """Begin a round with these requests, the notes of the round before, and parts that need no call; return it."""
        with self._transaction() as database:
            cursor = database.execute(
                "INSERT INTO rounds (kind, begun, arguments) VALUES (?, ?, ?)",
                (kind, begun, json.dumps(arguments)),
            )
            number = int(cursor.lastrowid or 0)
            _open_units(database, number, requests)
            for place, part in copied:
                _list_part(database, Listed(place, part, number, "", 0))
            database.executemany(
                "INSERT INTO notes VALUES (?, ?, ?, ?)",
                [
                    (number, name, item, value)
                    for name, values in notes.items()
                    for item, value in values.items()
                ],
            )
        return next(entry for entry in self.rounds() if entry.id == number)

    def waiting(self, round_id: int, turn: int, limit: int, skip: set[int]) -> list[Request]:
        """Return requests that still need a page, oldest first, without those in ``skip``."""
        # Requests that run one after another do so in the same order in every run.
        order = "length(key), key" if turn else "id"
        query = f"SELECT request, id, turn, key FROM units WHERE round = ? AND state = 'waiting' AND turn = ? ORDER BY {order} LIMIT ?"  # noqa: S608  one of two constants
        with self._reading() as database:
            rows = database.execute(query, (round_id, turn, limit + len(skip))).fetchall()
            return [Request.from_json(*row) for row in rows if row[1] not in skip][:limit]

    def commit(
        self,
        round_id: int,
        added: Iterable[tuple[str, Part, str]],
        outcomes: Iterable[Outcome],
        *,
        calls: int,
        size: int,
        seconds: float,
    ) -> None:
        """Save finished pages in one transaction: their parts (place, part, chain), their units, what they opened, what they cost."""
        with self._transaction() as database:
            saved = list(added)
            for place, part, chain in saved:
                _list_part(database, Listed(place, part, round_id, chain, 0))
            # These pages have to be compared, so they are all in one part.
            file = next((part.file for place, part, _ in saved if place == FETCHED), None)
            for outcome in outcomes:
                doubt = TWICE if _leads_back(database, round_id, outcome) else outcome.doubt
                status, why = outcome.refused or (None, doubt)
                state = REFUSED if why is not None else DONE
                database.execute(
                    "UPDATE units SET state = ?, request = ?, status = ?, why = ?, part = ? WHERE id = ?",
                    (state, outcome.request.to_json(), status, why, file, outcome.request.id),
                )
                _open_units(database, round_id, outcome.opened)
                database.executemany(
                    "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)",
                    [(round_id, *note) for note in outcome.notes],
                )
            database.execute(
                "UPDATE rounds SET calls = calls + ?, bytes = bytes + ?, seconds = seconds + ?, new = coalesce(new, 0) + ? "
                "WHERE id = ?",
                (calls, size, seconds, sum(part.rows for _, part, _ in saved), round_id),
            )

    def divide(self, round_id: int, earlier: Request, later: Request) -> None:
        """Save a request that was split, and its later half."""
        with self._transaction() as database:
            database.execute("UPDATE units SET request = ? WHERE id = ?", (earlier.to_json(), earlier.id))
            _open_units(database, round_id, [later])

    def open(self, round_id: int, requests: list[Request]) -> int:
        """Save further requests of a round. Return how many of them are new."""
        with self._transaction() as database:
            count = "SELECT count(*) FROM units WHERE round = ?"
            before = database.execute(count, (round_id,)).fetchone()[0]
            _open_units(database, round_id, requests)
            return int(database.execute(count, (round_id,)).fetchone()[0] - before)

    def retry(self, round_id: int) -> None:
        """Queue the pages that the server refused, so that they are fetched again, after those that nobody has tried yet."""
        with self._transaction() as database:
            query = (
                "UPDATE units SET state = 'waiting', id = id + (SELECT max(id) FROM units) "
                "WHERE round = ? AND state = 'refused' AND status IS NOT NULL"
            )
            database.execute(query, (round_id,))

    def has_answer(self, round_id: int) -> bool:
        """Return whether the server has answered a page of rows in a round, even if it was empty."""
        query = (
            "SELECT 1 FROM units WHERE round = ? AND (state = 'done' OR (state = 'refused' AND status IS NULL)) "
            "AND json_extract(request, '$[5].lists') IS NULL"
        )
        with self._reading() as database:
            return database.execute(query, (round_id,)).fetchone() is not None

    def replace(self, old: Iterable[str], new: Iterable[Listed]) -> None:
        """List these parts in place of others with the same rows."""
        files = list(old)
        with self._transaction() as database:
            database.executemany("DELETE FROM parts WHERE file = ?", [(file,) for file in files])
            for listed in new:
                _list_part(database, listed)
                database.executemany(
                    "UPDATE units SET part = ? WHERE part = ?", [(listed.part.file, file) for file in files]
                )

    def take_out(self, files: Iterable[str], facts: dict[str, Any]) -> None:
        """Remove these parts from the list, and queue the pages in them again. Save facts in the same transaction."""
        with self._transaction() as database:
            for file in files:
                database.execute("DELETE FROM parts WHERE file = ?", (file,))
                database.execute(
                    "UPDATE units SET state = 'waiting', status = NULL, why = NULL, part = NULL WHERE part = ?",
                    (file,),
                )
            for name, value in facts.items():
                database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def end(
        self,
        round_id: int,
        ended: int,
        counts: tuple[int, int, int] | None,
        old: Iterable[str] = (),
        new: Iterable[Listed] = (),
        notes: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """End a round: list its rows in place of the ``old`` parts, and forget its units, except those that Box refused.

        ``counts`` are how many rows are new, changed and gone; ``None`` if only new rows were added, which are already counted.
        """
        with self._transaction() as database:
            database.executemany("DELETE FROM parts WHERE file = ?", [(file,) for file in old])
            for listed in new:
                _list_part(database, listed)
            database.execute(
                "DELETE FROM units WHERE round < ? OR (round = ? AND state = 'done')", (round_id, round_id)
            )
            database.execute("DELETE FROM notes WHERE round <= ?", (round_id,))
            database.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)", [(round_id, *note) for note in notes]
            )
            database.execute("UPDATE rounds SET ended = ? WHERE id = ?", (ended, round_id))
            if counts is not None:
                database.execute(
                    "UPDATE rounds SET new = ?, changed = ?, gone = ? WHERE id = ?", (*counts, round_id)
                )

    def parts(self, *places: str) -> list[Listed]:
        """Return the parts in these places, in order of time and then in the order in which they were saved."""
        marks = ", ".join("?" * len(places))
        query = f"SELECT place, file, sha256, rows, bytes, first, last, round, chain, level FROM parts WHERE place IN ({marks}) ORDER BY first, rowid"  # noqa: S608  only question marks
        with self._reading() as database:
            rows = database.execute(query, places).fetchall()
        return [Listed(row[0], Part(*row[1:7]), *row[7:]) for row in rows]

    def overlapping(self, place: str, first: int, last: int) -> list[str]:
        """Return the files whose ``created_at`` overlaps a range in microseconds."""
        query = "SELECT file FROM parts WHERE place = ? AND first <= ? AND last >= ?"
        with self._reading() as database:
            return [row[0] for row in database.execute(query, (place, last, first))]

    def unmerged(self, place: str, level: int, at_least: int) -> list[tuple[str, list[Listed]]]:
        """Return the chains that have at least this many parts of a level, with these parts in order."""
        query = "SELECT chain FROM parts WHERE place = ? AND level = ? GROUP BY chain HAVING count(*) >= ?"
        with self._reading() as database:
            chains = [row[0] for row in database.execute(query, (place, level, at_least))]
        listed = [part for part in self.parts(place) if part.level == level] if chains else []
        return [(chain, [part for part in listed if part.chain == chain]) for chain in chains]

    def has_units(self, file: str) -> bool:
        """Return whether the pages in a part can be fetched again in the round that has not ended."""
        with self._reading() as database:
            return database.execute("SELECT 1 FROM units WHERE part = ?", (file,)).fetchone() is not None

    def counts(self, round_id: int) -> dict[str, int]:
        """Return how many units of a round are in each state."""
        with self._reading() as database:
            query = "SELECT state, count(*) FROM units WHERE round = ? GROUP BY state"
            return dict(database.execute(query, (round_id,)).fetchall())

    def rows(self, *places: str) -> int:
        """Return the number of rows in these places."""
        return sum(listed.part.rows for listed in self.parts(*places))

    def skipped(self, round_id: int) -> list[dict[str, Any]]:
        """Return what Box refused, or may not have returned completely, in a round."""
        skipped = []
        for request, status, why in self.refused(round_id):
            entry = {"id": request.memo.get("id"), "as_user": request.as_user, "status": status, "why": why}
            skipped.append({name: value for name, value in entry.items() if value is not None})
        return skipped

    def refused(self, round_id: int) -> list[tuple[Request, int | None, str]]:
        """Return the requests of :meth:`skipped`, each with the status and why."""
        query = "SELECT request, turn, key, status, why FROM units WHERE round = ? AND state = 'refused' ORDER BY id"
        with self._reading() as database:
            rows = database.execute(query, (round_id,)).fetchall()
            return [(Request.from_json(text, 0, turn, key), *why) for text, turn, key, *why in rows]

    def notes(self, round_id: int) -> dict[str, dict[str, str]]:
        """Return the notes of a round: by kind, a value for each id."""
        notes: dict[str, dict[str, str]] = {}
        with self._reading() as database:
            for kind, item, value in database.execute(
                "SELECT kind, id, value FROM notes WHERE round = ?", (round_id,)
            ):
                notes.setdefault(kind, {})[item] = value
        return notes


def _leads_back(database: sqlite3.Connection, round_id: int, outcome: Outcome) -> bool:
    """Return whether the page after this one is the same or an earlier one of the listing, which would never end."""
    request = outcome.request
    query = "SELECT 1 FROM units WHERE round = ? AND key = ? AND id <= ?"
    return any(
        opened.path == request.path
        and opened.at is not None
        and database.execute(query, (round_id, opened.key, request.id)).fetchone() is not None
        for opened in outcome.opened
    )


def _open_units(database: sqlite3.Connection, round_id: int, requests: Iterable[Request]) -> None:
    """Save requests, each once. A request with turn 1 is replaced by one with turn 0, or by one as a user with a lower id."""
    database.executemany(
        "INSERT INTO units (round, key, turn, state, request) VALUES (?, ?, ?, 'waiting', ?) "
        "ON CONFLICT (round, key) DO UPDATE SET turn = excluded.turn, request = excluded.request "
        "WHERE state = 'waiting' AND turn = 1 AND (excluded.turn = 0 OR "
        "CAST(json_extract(excluded.request, '$[4]') AS INTEGER) < CAST(json_extract(request, '$[4]') AS INTEGER))",
        [(round_id, request.key, request.turn, request.to_json()) for request in requests],
    )


def _list_part(database: sqlite3.Connection, listed: Listed) -> None:
    part = listed.part
    database.execute(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (part.file, listed.place, part.sha256, part.rows, part.bytes, part.first, part.last, *listed[2:]),
    )
