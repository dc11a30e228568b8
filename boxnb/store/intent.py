"""What a rotation was about to do, written before it is done, so that the next start can say what is proved."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ..local import home_folder, private_files


def path(profile_file: Path) -> Path:
    """The journal beside a profile's file."""
    return profile_file.with_suffix(".intent")


def begin(profile_file: Path, *, generation: int, fingerprint: str, now: float) -> None:
    """Say, flushed to disk, that this process is about to spend the refresh token of this generation."""
    record = {
        "generation": generation,
        "fingerprint": fingerprint,
        "pid": os.getpid(),
        "host": home_folder.host_name(),
        "time": now,
    }
    private_files.write_private(path(profile_file), json.dumps(record).encode())


def pending(profile_file: Path) -> dict[str, Any] | None:
    """The rotation that was begun and not finished, or ``None``."""
    try:
        record = json.loads(path(profile_file).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def end(profile_file: Path) -> None:
    """The rotation is on disk: nothing is pending."""
    with contextlib.suppress(OSError):  # the pair counts; a journal that stays speaks of an older one
        path(profile_file).unlink(missing_ok=True)
