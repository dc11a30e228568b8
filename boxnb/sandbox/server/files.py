"""Replace and delete files, also on Windows. This package imports nothing else from boxnb, so it has its own functions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

WINDOWS = os.name == "nt"
PATIENCE = 5.0
"""How many seconds Windows may refuse to replace or delete a file, because another program has it open."""


def replace(draft: Path, target: Path) -> None:
    """Replace the target with the draft."""
    _patiently(lambda: draft.replace(target))


def remove(file: Path) -> None:
    """Delete a file, if it exists."""
    _patiently(lambda: file.unlink(missing_ok=True))


def _patiently(act: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            act()
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
