"""A disk that is full for this process and its children: a limit on the size of every file that they write."""

from __future__ import annotations

import os
import signal
import sys

from posix_modules import resource

UNLIMITED = resource.RLIM_INFINITY


def limit_files(size: int) -> None:
    """Limit the size of every file that this process and its children write, in bytes.

    Python writes no bytecode from here on. It does not notice that such a file was cut off, and every later import of
    that module would fail, in every process.
    """
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, UNLIMITED))
