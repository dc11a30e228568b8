"""Write for a person: whole lines, and one line that can change, on a terminal, in a file or in a notebook's output."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from typing import TextIO

from boxnb.local import encoding

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


WIDTH = 90  # longer lines are hard to read


class Screen:
    """Standard output. Escape sequences are never written; only a terminal's current line is rewritten, with a carriage return.

    Attributes
    ----------
    is_terminal : bool
        Whether a line can be rewritten.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._line = ""  # what the current line contains
        self.is_terminal = _is_terminal(self._stream)

    def say(self, text: str = "", *, wrap: bool = True) -> None:
        """Write whole lines below the current one. On a terminal, long lines are wrapped, except for a link (``wrap=False``)."""
        self.end_line()
        lines = _plain(text).split("\n")
        if wrap and self.is_terminal:
            lines = [_wrapped(line, min(self._columns(), WIDTH)) for line in lines]
        self._write("\n".join(lines) + "\n")

    def show(self, text: str) -> None:
        """Write the current line, or rewrite it. Without a terminal, only its first version is written."""
        if text == self._line:
            return
        if not self._line:
            self._write(_plain(text))
        elif not self.is_terminal or max(len(text), len(self._line)) >= self._columns():
            return  # a carriage return does not go back over a line that wraps
        else:
            self._write("\r" + " " * len(self._line) + "\r" + _plain(text))
        self._line = text

    def redraw(self) -> None:
        """Write the current line again, below what another program has written."""
        if self._line:
            self._write(f"\n{_plain(self._line)}")

    def end_line(self) -> None:
        """End the current line, if it has text."""
        if self._line:
            self._write("\n")
        self._line = ""

    def line_was_ended(self) -> None:
        """Note that the terminal has already ended the line, because it echoed the Enter key."""
        self._line = ""

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(encoding.printable(text, self._stream))
            self._stream.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        # A kernel's stream may have the file number of a terminal, so ask the stream itself.
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def _wrapped(line: str, width: int) -> str:
    """Wrap a line between words. The next lines are indented like the first; a long word, such as a path, stays whole."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _plain(text: str) -> str:
    """Remove control characters: a server's text must not move the cursor."""
    return _CONTROLS.sub("", text)
