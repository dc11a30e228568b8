"""A text progress bar for terminals and notebooks. Anywhere else, it prints nothing."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

from ..local.encoding import as_text

EVERY = 0.2
"""Seconds between two updates."""

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


class Moved(NamedTuple):
    """The progress of a transfer, in bytes and files."""

    name: str
    done: int
    total: int
    files: int
    of: int


class Meter:
    """Adds up the progress of several threads and reports it from time to time.

    Parameters
    ----------
    show : callable or None
        Called with a :class:`Moved`; by default, :func:`draw`.
    total, of : int
        Total number of bytes and of files.
    """

    def __init__(self, show: Callable[[Moved], None] | None, total: int, of: int) -> None:
        self._show = show if show is not None else draw
        self._lock = threading.Lock()
        self._total, self._of = total, of
        self._done = self._files = 0
        self._last_report = 0.0
        self._failed = False

    def expect(self, size: int) -> None:
        """Add the size of another file to the total."""
        with self._lock:
            self._total += size

    def add(self, name: str, size: int, files: int = 0) -> None:
        """Add transferred bytes and finished files. Report the progress every :data:`EVERY` seconds, and at the end."""
        with self._lock:
            self._done += size
            self._files += files
            is_last = self._files >= self._of
            now = time.monotonic()
            if is_last or now - self._last_report >= EVERY:
                self._last_report = now
                self._report(Moved(as_text(name), self._done, self._total, self._files, self._of))

    def _report(self, moved: Moved) -> None:
        if self._failed:
            return
        try:
            self._show(moved)
        except Exception as error:  # noqa: BLE001  the transfer matters more than its display
            self._failed = True
            warnings.warn(
                f"Showing progress failed ({type(error).__name__}: {error}). The transfer continues without it.",
                stacklevel=3,
            )


def draw(moved: Moved) -> None:
    """Draw the bar if the output is a terminal or a notebook."""
    if sys.stdout is None or not (sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")):
        return
    share = 1.0 if not moved.total else min(1.0, moved.done / moved.total)
    full = round(share * 30)
    divisor, unit = next((size, name) for size, name in UNITS if max(moved.total, 1) >= size)
    digits = 0 if unit == "bytes" else 1
    amount = f"{moved.done / divisor:,.{digits}f} of {moved.total / divisor:,.{digits}f} {unit}"
    files = f", {moved.files} of {moved.of} files" if moved.of > 1 else ""
    end = "\n" if moved.files >= moved.of else ""
    sys.stdout.write(f"\r[{'#' * full}{'.' * (30 - full)}] {share:4.0%}  {amount}{files}  {end}")
    sys.stdout.flush()
