"""Save which labs a learner has passed, in one small file next to the profiles. `lab` decides when a lab is passed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import filelock

from boxnb import store
from boxnb.local import private_files


def file() -> Path:
    """Return the path of the progress file: ``labs.json`` in boxnb's configuration folder."""
    return store.home() / "labs.json"


def load() -> dict[str, float]:
    """Return the time at which each lab was first passed, in seconds since the epoch.

    The result is empty if no lab has been passed or the file cannot be read.
    """
    try:
        saved = json.loads(private_files.patiently(file().read_bytes))
    except (OSError, ValueError):
        return {}
    if not isinstance(saved, dict):
        return {}
    return {str(name): float(when) for name, when in saved.items() if isinstance(when, int | float)}


def mark_passed(name: str) -> None:
    """Save the current time as the time a lab was passed, unless an earlier time is saved."""
    private_files.private_folder(file().parent)
    with filelock.FileLock(file().with_suffix(".lock"), timeout=10, mode=0o600):
        passed_at = load()
        if name not in passed_at:
            private_files.write_private(file(), json.dumps({**passed_at, name: time.time()}).encode())


def forget() -> None:
    """Delete all progress."""
    private_files.remove(file())
