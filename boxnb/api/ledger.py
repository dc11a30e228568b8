"""The ledger: calls spent per endpoint, saved by profile and month, because Box licenses calls by the month.

It counts only the calls that boxnb makes. Other programs of the same enterprise use the same allowance, and Box does not
report the total. The allowance is ``Profile.monthly_calls``; `datasets.pull` warns if one pull uses much of it.
"""

from __future__ import annotations

import atexit
import datetime
import json
import os
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from ..errors import TokenStoreError
from ..local import private_files

if TYPE_CHECKING:
    import pandas as pd

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
"""The number of calls after which the file is updated. It is also updated when a pull ends and when the process ends."""


class Ledger:
    """Counts the calls of one :class:`BoxSession`, and the monthly total of its profile.

    Parameters
    ----------
    file : Path
        The profile's ledger, a JSON file that all its processes share.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._session: dict[str, dict[str, float]] = {}
        # By month, because the month may end before the calls are saved.
        self._unsaved: dict[str, dict[str, dict[str, float]]] = {}
        self._pending = 0
        self._scopes: dict[str, str] = {}
        self.calls = 0
        self.owner = os.getpid()  # a forked child must not save its parent's calls a second time
        atexit.register(_flush_if_alive, weakref.ref(self))

    def note(self, endpoint: str, status: int, milliseconds: float, size: int, *, repeat: bool) -> None:
        """Count one request that was sent; ``status`` is 0 if there was no response."""
        counts = (1, milliseconds, size, int(repeat), int(status == 429))
        with self._lock:
            self.calls += 1
            self._pending += 1
            for totals in (self._session, self._unsaved.setdefault(_month(), {})):
                line = totals.setdefault(endpoint, dict.fromkeys(_COUNTS, 0.0))
                for name, count in zip(_COUNTS, counts, strict=True):
                    line[name] += count
            is_due = self._pending >= FLUSH_EVERY
        if is_due:
            self.flush()

    def frame(self) -> pd.DataFrame:
        """Return the calls of this session, one row per endpoint; ``ms`` is the time spent waiting for responses, in
        milliseconds.
        """
        with self._lock:
            return _frame(self._session)

    def month(self) -> pd.DataFrame:
        """Return the calls that all processes of the profile have made this month, in the form of :meth:`frame`."""
        self.flush()
        return _frame(self._load().get(_month(), {}))

    def calls_this_month(self) -> int:
        """Return how many calls all processes of the profile have made this month."""
        self.flush()
        return int(sum(line["calls"] for line in self._load().get(_month(), {}).values()))

    def flush(self) -> None:
        """Save the calls counted since the last flush. A failure only causes a warning, because it must not stop a pull."""
        with self._lock:
            unsaved, self._unsaved, self._pending = self._unsaved, {}, 0
        if unsaved:
            self._change(lambda ledger: _add_months(ledger, unsaved))

    def remember(self, dataset: str, **facts: int) -> None:
        """Save what a pull cost, for the next estimate."""
        self._change(lambda ledger: ledger.setdefault("last", {}).update({dataset: facts}))

    def recall(self, dataset: str) -> dict[str, int]:
        """Return the ``rows`` and ``calls`` of the last complete pull of a dataset; empty if there was none."""
        return dict(self._load()["last"].get(dataset, {}))

    def scope(self, name: str, state: str) -> None:
        """Record what a call has shown about a scope of the app: ``proved`` or ``refused``. The file is written only if this changes."""
        if self._scopes.get(name) != state:
            self._scopes[name] = state
            self._change(lambda ledger: ledger.setdefault("scopes", {}).update({name: state}))

    def scopes(self) -> dict[str, str]:
        """Return the state of each scope that calls of this profile have used so far: ``proved`` or ``refused``."""
        return dict(self._load()["scopes"])

    def _load(self) -> dict[str, Any]:
        """Return the valid part of the saved ledger; empty if the file is missing or is not JSON."""
        try:
            return _valid_part(
                json.loads(private_files.patiently(self._file.read_bytes).decode("utf-8", "replace"))
            )
        except (FileNotFoundError, ValueError, RecursionError):
            return _valid_part({})

    def _change(self, edit: Any) -> None:
        try:
            private_files.private_folder(self._file.parent)
            with filelock.FileLock(
                self._file.with_suffix(".lock"), timeout=10, thread_local=False, mode=0o600
            ):
                ledger = self._load()
                edit(ledger)
                private_files.write_private(self._file, json.dumps(ledger).encode())
        except (OSError, TokenStoreError, filelock.Timeout) as error:
            private_files.say_once(
                self._file,
                f"The ledger of calls is not up to date, which does no other harm. {_reason(error, self._file)}",
            )


def _frame(lines: dict[str, dict[str, float]]) -> pd.DataFrame:
    import pandas as pd  # not needed to count, and slow

    rows = [{"endpoint": endpoint, **line} for endpoint, line in sorted(lines.items())]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _add(totals: dict[str, Any], calls: dict[str, dict[str, float]]) -> None:
    for endpoint, line in calls.items():
        total = totals.setdefault(endpoint, dict.fromkeys(_COUNTS, 0.0))
        for name, count in line.items():
            total[name] = total.get(name, 0.0) + count


def _add_months(ledger: dict[str, Any], unsaved: dict[str, dict[str, dict[str, float]]]) -> None:
    for month, calls in unsaved.items():
        _add(ledger.setdefault(month, {}), calls)


def _valid_part(ledger: Any) -> dict[str, Any]:
    """Return the well-formed lines of a saved ledger, and drop all others."""
    valid: dict[str, Any] = {"last": {}, "scopes": {}}
    for name, content in ledger.items() if isinstance(ledger, dict) else ():
        if not isinstance(content, dict) or not _is_text(name):
            continue
        if name == "scopes":
            valid[name] = {
                scope: state for scope, state in content.items() if _is_text(scope) and _is_text(state)
            }
            continue
        lines = {endpoint: _numbers(line) for endpoint, line in content.items() if _is_text(endpoint)}
        if name == "last":
            valid[name] = {
                dataset: {fact: int(count) for fact, count in line.items()} for dataset, line in lines.items()
            }
        else:
            valid[name] = {
                endpoint: {column: line.get(column, 0.0) for column in _COUNTS}
                for endpoint, line in lines.items()
                if line
            }
    return valid


def _numbers(line: Any) -> dict[str, float]:
    """Return the counts of one line. All but milliseconds become whole numbers, because their columns are integers."""
    return {
        name: count if name == "ms" else float(int(count))
        for name, count in (line.items() if isinstance(line, dict) else ())
        if isinstance(count, int | float)
        and not isinstance(count, bool)
        and 0 <= count < 2**53
        and _is_text(name)
    }


def _is_text(value: Any) -> bool:
    """Return whether a value is a string that can be saved. A string with a lone surrogate cannot."""
    return isinstance(value, str) and (value.isascii() or value.isprintable())


def _month() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m")


def _flush_if_alive(reference: weakref.ref[Ledger]) -> None:
    ledger = reference()
    if ledger is not None and ledger.owner == os.getpid():
        ledger.flush()


def _reason(error: OSError | TokenStoreError, file: Path) -> str:
    if isinstance(error, TokenStoreError):
        return str(error)
    return str(private_files.explained(error, file, "written"))
