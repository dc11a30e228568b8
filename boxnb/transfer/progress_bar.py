"""A bar of text that draws over itself: for a terminal and a notebook alike, silent where nobody watches."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable

from ..local.encoding import as_text
from .calls import Moved

EVERY = 0.2
"""Seconds between two drawings."""

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


class Meter:
    """Adds up what several threads move, and tells whoever shows it, now and then.

    Parameters
    ----------
    show : callable or None
        Called with a :class:`Moved`; the bar of this module unless given.
    total, of : int
        Bytes and files in all.
    """

    def __init__(self, show: Callable[[Moved], None] | None, total: int, of: int) -> None:
        self._show = show if show is not None else draw
        self._lock = threading.Lock()
        self._total, self._of = total, of
        self._done = self._files = 0
        self._told = 0.0
        self._failed = False

    def expect(self, size: int) -> None:
        """So many bytes more in all: of a file whose size was not known before."""
        with self._lock:
            self._total += size

    def add(self, name: str, size: int, files: int = 0) -> None:
        """So many bytes more, so many files whole."""
        with self._lock:
            self._done += size
            self._files += files
            last = self._files >= self._of
            now = time.monotonic()
            if last or now - self._told >= EVERY:
                self._told = now
                self._tell(Moved(as_text(name), self._done, self._total, self._files, self._of))

    def _tell(self, moved: Moved) -> None:
        if self._failed:
            return
        try:
            self._show(moved)
        except Exception as error:  # noqa: BLE001  the files matter more than showing them
            self._failed = True
            warnings.warn(
                f"Showing progress failed ({type(error).__name__}: {error}). The transfer continues without it.",
                stacklevel=3,
            )


def draw(moved: Moved) -> None:
    """Draw the bar, where somebody watches: a terminal, or a notebook that shows what it prints."""
    if not (sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")):
        return
    share = 1.0 if not moved.total else min(1.0, moved.done / moved.total)
    full = round(share * 30)
    divisor, unit = next(each for each in UNITS if max(moved.total, 1) >= each[0])
    digits = 0 if unit == "bytes" else 1
    counted = f"{moved.done / divisor:,.{digits}f} of {moved.total / divisor:,.{digits}f} {unit}"
    files = f", {moved.files} of {moved.of} files" if moved.of > 1 else ""
    end = "\n" if moved.files >= moved.of else ""
    sys.stdout.write(f"\r[{'#' * full}{'.' * (30 - full)}] {share:4.0%}  {counted}{files}  {end}")
    sys.stdout.flush()
