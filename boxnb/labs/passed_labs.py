"""Which labs a learner has passed: one small file beside the profiles."""

from __future__ import annotations

import json
import time
from pathlib import Path

import filelock

from boxnb import store
from boxnb.local import private_files


def file() -> Path:
    """Where the progress is kept: ``labs.json`` in boxnb's configuration folder."""
    return store.home() / "labs.json"


def load() -> dict[str, float]:
    """When each lab was first passed, seconds since the epoch; empty when none was or the file is unreadable."""
    try:
        saved = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(saved, dict):
        return {}
    return {str(name): float(when) for name, when in saved.items() if isinstance(when, int | float)}


def passed(name: str) -> None:
    """Remember that a lab was passed; the first time counts."""
    private_files.private_folder(file().parent)
    with filelock.FileLock(file().with_suffix(".lock"), timeout=10, mode=0o600):
        kept = load()
        if name not in kept:
            private_files.write_private(file(), json.dumps({**kept, name: time.time()}).encode())


def forget() -> None:
    """Forget all progress."""
    file().unlink(missing_ok=True)
