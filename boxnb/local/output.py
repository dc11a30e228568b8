"""Write to standard output and standard error: in any locale, into a pipe that closes early, or where there is none."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from . import encoding, private_files


class Nowhere(io.TextIOBase):
    """A standard output that drops everything, for a process that has none, such as one of ``pythonw`` on Windows."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Drop the text."""
        return len(text)


def write(text: str, stream: TextIO | None) -> None:
    """Write text to a stream. Python sets ``sys.stdout`` and ``sys.stderr`` to ``None`` where they are missing."""
    if stream is not None:
        stream.write(encoding.printable(text, stream))
        stream.flush()


def is_closed_pipe(error: OSError) -> bool:
    """Return whether the program that reads the output has ended, as ``head`` and ``more`` do.

    On Windows, the error is ``EINVAL``, as a comment in Python's own ``subprocess`` says.
    """
    return isinstance(error, BrokenPipeError) or (private_files.WINDOWS and error.errno == errno.EINVAL)


def discard_rest() -> None:
    """Drop what has not been written yet. Python writes it again at exit, which would print an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
