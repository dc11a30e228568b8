"""Print the text of a command, in any locale and into any pipe."""

from __future__ import annotations

import sys

from ..local import output
from .exit_codes import FAILED


def show(text: str) -> int:
    """Print the text and return the exit code. The program that reads from a pipe may stop early, as ``head`` does."""
    try:
        output.write(text, sys.stdout)
    except OSError as error:
        if output.is_closed_pipe(error):
            output.discard_rest()
            return 0
        output.write(f"Cannot print the text: {error.strerror}.\n", sys.stderr)
        return FAILED
    return 0


def complain(text: str) -> None:
    """Print one message to standard error."""
    output.write(f"{text}\n", sys.stderr)
