"""Print the text of a command, in any locale and into any pipe, and read a path from the command line."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..local import output
from .exit_codes import FAILED

NARROW = 20
"""With less room than this, wrapped text would be harder to read than the terminal's own line breaks."""


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


def hanging(label: str, text: str) -> str:
    """Return the label and the text after it. In a terminal, the text is wrapped at its width, below where it begins."""
    room = shutil.get_terminal_size().columns - len(label)
    if sys.stdout is None or not sys.stdout.isatty() or room < NARROW:
        return label + text
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return label + f"\n{'':{len(label)}}".join(lines)


def note(text: str) -> None:
    """Print a message for a person who watches. Under cron, where every line becomes an email, print nothing."""
    if sys.stderr.isatty():
        complain(text)


@contextlib.contextmanager
def plain_warnings(*, unless: bool = False) -> Iterator[None]:
    """Print a warning that is meant for the user as one message, without the line of source that raised it."""
    if unless:
        yield
        return
    with warnings.catch_warnings():
        original = warnings.showwarning

        def show_plainly(message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
            if issubclass(category, UserWarning):
                complain(f"Note: {message}")
            else:
                original(message, category, *rest, **options)

        warnings.showwarning = show_plainly
        yield


def path_argument(text: str) -> Path:
    """Return a path from the command line. An empty one, as from an unset variable, would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; a variable in the command may not be set")
    return Path(text)


def complain(text: str) -> None:
    """Print one message to standard error."""
    output.write(f"{text}\n", sys.stderr)
