"""Print the text of a command, in any locale and into any pipe."""

from __future__ import annotations

import os
import sys

from ..local import encoding
from .exit_codes import FAILED


def show(text: str) -> int:
    """Print the text and return the exit code. The program that reads from a pipe may stop early, as ``head`` does."""
    try:
        sys.stdout.write(encoding.printable(text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again at exit, which would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"Cannot print the text: {error.strerror}.\n")
        return FAILED
    return 0


def complain(text: str) -> None:
    """Print one message to standard error."""
    sys.stderr.write(encoding.printable(f"{text}\n", sys.stderr))
