"""What was spent: calls by endpoint, saved per profile and month, because Box licenses calls by the month.

The ledger counts this kit's calls only: other programs of the same enterprise spend from the same allowance, and
Box offers no way to ask for the total.
"""

from __future__ import annotations

import atexit
import datetime
import json
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from ..errors import TokenStoreError
from ..local import private_files

COLUMNS = {
    "endpoint": "str",
    "calls": "Int64",
    "ms": "float64",
    "bytes": "Int64",
    "repeats": "Int64",
    "limited": "Int64",
}
_COUNTS = ("calls", "ms", "bytes", "repeats", "limited")
FLUSH_EVERY = 200
"""Calls after which the month's file is brought up to date; also at the end of a pull and of the process."""


class Ledger:
    """The calls of one session, and the month's total of its profile.

    Parameters
    ----------
    file : Path
        The profile's ledger, a JSON file shared by all its processes.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._session: dict[str, dict[str, float]] = {}
        self._unsaved: dict[
            str, dict[str, dict[str, float]]
        ] = {}  # by month: it may end before they are saved
        self._pending = 0
        self._scopes: dict[str, str] = {}
        self.calls = 0
        self.owner = os.getpid()  # a forked child does not write its parent's calls again
        atexit.register(_flush_if_alive, weakref.ref(self))

    def note(self, endpoint: str, status: int, milliseconds: float, size: int, *, repeat: bool) -> None:
        """One request that was sent, whatever became of it."""
        counts = (1, milliseconds, size, int(repeat), int(status == 429))
        with self._lock:
            self.calls += 1
            self._pending += 1
            for book in (self._session, self._unsaved.setdefault(_month(), {})):
                line = book.setdefault(endpoint, dict.fromkeys(_COUNTS, 0.0))
                for name, count in zip(_COUNTS, counts, strict=True):
                    line[name] += count
            due = self._pending >= FLUSH_EVERY
        if due:
            self.flush()

    def frame(self) -> pd.DataFrame:
        """The calls of this session, one row an endpoint; ``ms`` is the time waited for answers, in milliseconds."""
        with self._lock:
            rows = [{"endpoint": endpoint, **line} for endpoint, line in sorted(self._session.items())]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def month(self) -> pd.DataFrame:
        """The month's calls of the profile in all its processes, as :meth:`frame`."""
        self.flush()
        rows = [
            {"endpoint": endpoint, **line}
            for endpoint, line in sorted(self._load().get(_month(), {}).items())
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def flush(self) -> None:
        """Bring the month's file up to date. A ledger that cannot be written never stops the work it counts."""
        with self._lock:
            fresh, self._unsaved, self._pending = self._unsaved, {}, 0
        if fresh:
            self._change(lambda book: _add_months(book, fresh))

    def remember(self, dataset: str, **facts: int) -> None:
        """Keep what a pull turned out to cost, for the next estimate."""
        self._change(lambda book: book.setdefault("last", {}).update({dataset: facts}))

    def recall(self, dataset: str) -> dict[str, int]:
        """What the last complete pull of a dataset cost: ``rows`` and ``calls``; empty where there was none."""
        return dict(self._load()["last"].get(dataset, {}))

    def scope(self, name: str, state: str) -> None:
        """What a call has shown of a scope: ``proved`` or ``refused``; saved when it is news."""
        if self._scopes.get(name) != state:
            self._scopes[name] = state
            self._change(lambda book: book.setdefault("scopes", {}).update({name: state}))

    def scopes(self) -> dict[str, str]:
        """What calls of this profile have shown of each scope so far."""
        return dict(self._load()["scopes"])

    def _load(self) -> dict[str, Any]:
        """The file as :func:`_usable` leaves it; empty where it is not there or is not JSON."""
        try:
            return _usable(json.loads(self._file.read_bytes().decode("utf-8", "replace")))
        except (FileNotFoundError, ValueError, RecursionError):
            return _usable({})

    def _change(self, change: Any) -> None:
        try:
            private_files.private_folder(self._file.parent)
            with filelock.FileLock(
                self._file.with_suffix(".lock"), timeout=10, thread_local=False, mode=0o600
            ):
                book = self._load()
                change(book)
                private_files.write_private(self._file, json.dumps(book).encode())
        except (OSError, TokenStoreError, filelock.Timeout) as error:
            private_files.say_once(
                self._file, f"The ledger of calls could not be saved ({type(error).__name__})."
            )


def _add(total: dict[str, Any], fresh: dict[str, dict[str, float]]) -> None:
    for endpoint, line in fresh.items():
        held = total.setdefault(endpoint, dict.fromkeys(_COUNTS, 0.0))
        for name, count in line.items():
            held[name] = held.get(name, 0.0) + count


def _add_months(book: dict[str, Any], fresh: dict[str, dict[str, dict[str, float]]]) -> None:
    for month, calls in fresh.items():
        _add(book.setdefault(month, {}), calls)


def _usable(book: Any) -> dict[str, Any]:
    """What can be counted of a ledger: a line of another shape is left out, and the others stay."""
    found: dict[str, Any] = {"last": {}, "scopes": {}}
    for name, content in book.items() if isinstance(book, dict) else ():
        if not isinstance(content, dict) or not _is_text(name):
            continue
        if name == "scopes":
            found[name] = {
                scope: state for scope, state in content.items() if _is_text(scope) and _is_text(state)
            }
            continue
        lines = {endpoint: _numbers(line) for endpoint, line in content.items() if _is_text(endpoint)}
        if name == "last":
            found[name] = {
                data: {each: int(count) for each, count in line.items()} for data, line in lines.items()
            }
        else:
            found[name] = {
                endpoint: {each: line.get(each, 0.0) for each in _COUNTS}
                for endpoint, line in lines.items()
                if line
            }
    return found


def _numbers(line: Any) -> dict[str, float]:
    """The counts of one line; whole numbers, but for milliseconds, or a frame cannot hold them."""
    return {
        name: count if name == "ms" else float(int(count))
        for name, count in (line.items() if isinstance(line, dict) else ())
        if isinstance(count, int | float)
        and not isinstance(count, bool)
        and 0 <= count < 2**53
        and _is_text(name)
    }


def _is_text(value: Any) -> bool:
    """Whether it is text that can be saved again: half a surrogate pair cannot."""
    return isinstance(value, str) and (value.isascii() or value.isprintable())


def _month() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m")


def _flush_if_alive(reference: weakref.ref[Ledger]) -> None:
    ledger = reference()
    if ledger is not None and ledger.owner == os.getpid():
        ledger.flush()
