"""The journal of a refresh, written before the refresh token is spent. `boxnb.auth` reads it
before the next refresh, to see whether the last one was interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ..local import home_folder, private_files


def path(profile_file: Path) -> Path:
    """Return the journal next to a profile's file."""
    return profile_file.with_suffix(".intent")


def begin(profile_file: Path, *, generation: int, fingerprint: str, now: float) -> None:
    """Record on disk that this process is about to spend the refresh token of this generation."""
    record = {
        "generation": generation,
        "fingerprint": fingerprint,
        "pid": os.getpid(),
        "host": home_folder.host_name(),
        "time": now,
    }
    private_files.write_private(path(profile_file), json.dumps(record).encode())


def pending(profile_file: Path) -> dict[str, Any] | None:
    """Return the record of a refresh that started but did not finish, or ``None``."""
    try:
        record = json.loads(private_files.patiently(path(profile_file).read_bytes))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def end(profile_file: Path) -> None:
    """Delete the journal once the new token pair is on disk."""
    # If the file cannot be deleted, it does no harm, because it contains the fingerprint of an older token.
    with contextlib.suppress(OSError):
        private_files.remove(path(profile_file))
