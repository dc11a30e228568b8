"""Save which labs a learner has begun and passed, in one small file next to the profiles. `lab` decides when a lab is passed."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock

from boxnb import store
from boxnb.errors import TokenStoreError
from boxnb.local import private_files

RENAMED = {
    "code-too-late": "code-after-31-seconds",
    "expired-access-token": "access-token-after-61-minutes",
    "scope-missing": "admin-lists-users",
    "rate-limit": "loop-of-searches",
    "proxy-html": "refresh-through-gateway",
    "open-redirect": "links-nearly-right",
    "stolen-refresh-token": "stolen-sign-in-file",
}
"""The names that labs had at first, which told what would happen. Files and copies of notebooks may still have them."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the file holds about one lab. ``None`` means unknown; in files of older versions only the pass is known.

    Attributes
    ----------
    began_at, passed_at : float or None
        When the learner first clicked, and when the lab was first passed, in seconds since the epoch.
    first_guess_right : bool or None
        Whether the learner's very first prediction was right.
    """

    began_at: float | None = None
    first_guess_right: bool | None = None
    passed_at: float | None = None

    @property
    def seconds(self) -> float | None:
        """The time from the first click to the pass."""
        if self.began_at is None or self.passed_at is None:
            return None
        return max(0.0, self.passed_at - self.began_at)


def file() -> Path:
    """Return the path of the progress file: ``labs.json`` in boxnb's configuration folder."""
    return store.home() / "labs.json"


def entries() -> dict[str, Entry]:
    """Return what is known about each lab that was begun. The result is empty if the file cannot be read."""
    try:
        saved = json.loads(private_files.patiently(file().read_bytes))
    except (OSError, ValueError, TokenStoreError):
        return {}
    if not isinstance(saved, dict):
        return {}
    return {
        RENAMED.get(str(name), str(name)): _entry(value)
        for name, value in saved.items()
        if isinstance(value, dict | int | float)
    }


def _entry(value: Any) -> Entry:
    """Return an entry of the file. Older versions saved a number, the time of the pass."""
    if not isinstance(value, dict):
        return Entry(passed_at=float(value))
    guess = value.get("first_guess_right")
    began_at, passed_at = (
        float(number) if isinstance(number := value.get(name), int | float) else None
        for name in ("began_at", "passed_at")
    )
    return Entry(began_at, guess if isinstance(guess, bool) else None, passed_at)


def load() -> dict[str, float]:
    """Return the time at which each lab was first passed, in seconds since the epoch; empty if none was passed."""
    return {name: entry.passed_at for name, entry in entries().items() if entry.passed_at is not None}


def begin(name: str, *, right: bool) -> None:
    """Save the current time and whether the first prediction is right, unless the lab was begun or passed before."""
    _change(name, lambda entry: entry or Entry(time.time(), right))


def mark_passed(name: str) -> None:
    """Save the current time as the time a lab was passed, unless an earlier time is saved."""

    def passed(entry: Entry | None) -> Entry:
        entry = entry or Entry()
        return entry if entry.passed_at is not None else dataclasses.replace(entry, passed_at=time.time())

    _change(name, passed)


def _change(name: str, change: Callable[[Entry | None], Entry]) -> None:
    """Replace the entry of one lab, and leave those of other labs and of other kernels alone."""
    private_files.private_folder(file().parent)
    with filelock.FileLock(file().with_suffix(".lock"), timeout=10, mode=0o600):
        saved = entries()
        changed = change(saved.get(name))
        if changed != saved.get(name):
            content = {lab: dataclasses.asdict(entry) for lab, entry in {**saved, name: changed}.items()}
            private_files.write_private(file(), json.dumps(content).encode())


def forget() -> None:
    """Delete all progress."""
    private_files.remove(file())
