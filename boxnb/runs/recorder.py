"""Write the log of a run: the log messages of any library, warnings, printed lines and HTTP calls.

The program's own log handlers show the same messages as they would without the run.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from .. import redaction
from ..local import output

HTTP = "urllib3.connectionpool"
"""The logger that reports each HTTP call, for requests and everything else built on urllib3."""

OURS = {"of_report": True}
"""Marks log records about the outcome of a run and its reports. They do not count as warnings about the work itself."""

LINES_IN_MEMORY = 20_000
"""The maximum number of log lines kept in memory for the run report. The log file contains all lines."""

LONGEST = 10_000
"""The maximum length of an unfinished line, such as an endless row of dots. A longer line is logged in parts."""

_REDRAW = re.compile(r"\x1b\[[01]?G|\x1b\[\d*[EF]|\x1b\[[12]K(?=\x1b\[[01]?G)?")
"""Terminal sequences that start to redraw a line: go to column 1, go to another line, erase the line (ECMA-48)."""

_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_=>78]")
"""All terminal sequences: colours, cursor movements, titles (ECMA-48 5.4; titles are from xterm)."""


class RedactingFormatter(logging.Formatter):
    """Formats log records and redacts the secrets in them, including those in the arguments and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as text."""
        return redaction.redact(super().format(record))


class Recorder(logging.Handler):
    """Writes the log of one run, and counts warnings and HTTP calls. If the disk is full, the log continues in memory.

    Parameters
    ----------
    open_log : callable
        Opens the log file. If that fails, the log exists only in memory.
    """

    def __init__(self, open_log: Callable[[], TextIO]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        self.lines: deque[str] = deque(maxlen=LINES_IN_MEMORY)
        self.warnings: list[str] = []
        self.calls = 0
        self.file_error: OSError | None = None
        self._file: TextIO | None = None
        try:
            self._file = open_log()
        except OSError as error:
            self.file_error = error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if record.name == HTTP and record.levelno == logging.DEBUG:
            if not str(record.msg).startswith('%s://%s:%s "'):
                return  # not a call, but for example a new connection
            self.calls += 1
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001  as in logging itself, a wrong log call must not end the program
            text = _fallback_line(record, error)
        if record.levelno >= logging.WARNING and not hasattr(record, "of_report"):
            self.warnings.append(
                redaction.redact(record.msg)
                if not record.args and isinstance(record.msg, str)
                else text.split(": ", 1)[-1]
            )
        self.lines.append(text)
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:  # the disk is full, so later lines are kept only in memory
            self.file_error = error
            file, self._file = self._file, None
            with suppress(OSError):  # close() tries to write once more
                file.close()

    def close(self) -> None:
        """Flush the log to disk and close it."""
        file, self._file = self._file, None
        if file is not None:
            try:
                os.fsync(file.fileno())
                file.close()
            except OSError as error:
                self.file_error = error
        super().close()


def _fallback_line(record: logging.LogRecord, error: Exception) -> str:
    """Return a line for a record that cannot be formatted, even if neither its message nor the error can be printed."""
    descriptions: list[str] = []
    for part in (record.msg, error):
        try:
            descriptions.append(repr(part) if part is record.msg else str(part))
        except Exception:  # noqa: BLE001  the program's classes may raise anything
            descriptions.append(f"an object of type {type(part).__name__}")
    message, reason = descriptions
    return redaction.redact(f"{record.levelname} {record.name}: {message} ({type(error).__name__}: {reason})")


class Tee(io.TextIOBase):
    """A standard output that also writes each line to the log."""

    def __init__(self, screen: TextIO | output.Nowhere, log: logging.Logger) -> None:
        self.screen, self._log = screen, log
        # The parts of the unfinished line. Joining them at each write would take quadratic time.
        self._unfinished: list[str] = []
        self._length = 0
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.screen, name)

    # io.TextIOBase defines these, so __getattr__ is not called for them. Programs check them to decide what they can print.
    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the screen."""
        return self.screen.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The error handler of the screen."""
        return self.screen.errors

    @property
    def newlines(self) -> Any:  # type: ignore[override]
        """The line endings of the screen."""
        return self.screen.newlines

    def fileno(self) -> int:
        """Return the screen's file descriptor, for child processes. What they print is not logged."""
        return self.screen.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the screen is a terminal."""
        return self.screen.isatty()

    def flush(self) -> None:
        """Flush the screen."""
        self.screen.flush()

    def write(self, text: str) -> int:
        """Print the text, and log each line once it is complete. Only the last state of a progress bar is logged."""
        self.screen.write(text)
        with self._lock:
            first, *lines = text.split("\n")
            self._append(first)
            if lines:
                lines, rest = [self._take_line(), *lines[:-1]], lines[-1]
                self._append(rest)
            if self._length > LONGEST:
                lines.append(self._take_start())
        for line in lines:
            self._log_line(line)
        return len(text)

    def _append(self, text: str) -> None:
        """Add to the unfinished line. Drop what a progress bar has overwritten."""
        self._unfinished.append(text)
        self._length += len(text)
        if "\r" in text or "\x1b" in text:
            visible = _last_state("".join(self._unfinished))
            self._unfinished, self._length = [visible], len(visible)

    def _take_line(self) -> str:
        line, self._unfinished, self._length = "".join(self._unfinished), [], 0
        return line

    def _take_start(self) -> str:
        """Take the start of a line that is too long. Cut the line at a space, so that no secret is split."""
        line = self._take_line()
        end = line.rfind(" ", len(line) - LONGEST // 2) + 1 or len(line)
        self._append(line[end:])
        return line[:end]

    def _log_line(self, line: str) -> None:
        if text := loggable(line):
            self._log.info("%s", text)

    def log_rest(self) -> None:
        """Log the last line if it does not end with a line break."""
        with self._lock:
            line = self._take_line()
        self._log_line(line)


def _last_state(line: str) -> str:
    """Return the part of an overwritten line that is still visible. A final carriage return has not overwritten it yet."""
    line = _REDRAW.sub("\r", line) if "\x1b" in line else line
    end = len(line.rstrip("\r"))
    return line[line.rfind("\r", 0, end) + 1 :]


def loggable(line: str) -> str:
    """Return a printed line for the log: only the last state of a progress bar, and no colours or other terminal sequences."""
    text = _last_state(line)
    text = _SEQUENCES.sub("", text) if "\x1b" in text else text
    if "\b" in text:
        visible: list[str] = []
        for character in text:
            if character != "\b":
                visible.append(character)
            elif visible:
                visible.pop()
        text = "".join(visible)
    return text.rstrip()


@contextmanager
def recording(recorder: Recorder, log: logging.Logger) -> Iterator[None]:
    """Send log messages, warnings and printed lines to the recorder during a ``with`` block."""
    with ExitStack() as stack:
        stack.enter_context(_record_logging(recorder))
        stack.enter_context(_record_warnings(log))
        tee = Tee(output.Nowhere() if sys.stdout is None else sys.stdout, log)
        stack.enter_context(redirect_stdout(tee))
        stack.callback(tee.log_rest)
        yield


@contextmanager
def _record_logging(recorder: Recorder) -> Iterator[None]:
    root, http = logging.getLogger(), logging.getLogger(HTTP)
    root_level, http_level, http_effective = root.level, http.level, http.getEffectiveLevel()

    def visible_without_run(record: logging.LogRecord) -> bool:
        """Return whether other handlers would see this record if there were no run."""
        if record.name == HTTP or record.name.startswith(HTTP + "."):
            return record.levelno >= http_effective
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger is not root:
            if logger.level:
                return True
            logger = logger.parent
        return record.levelno >= root_level

    other_handlers = [handler for handler in root.handlers if not isinstance(handler, Recorder)]
    for handler in other_handlers:
        handler.addFilter(visible_without_run)
    root.addHandler(recorder)
    root.setLevel(min(logging.INFO, root_level or logging.INFO))
    http.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(recorder)
        root.setLevel(root_level)
        http.setLevel(http_level)
        for handler in other_handlers:
            handler.removeFilter(visible_without_run)


@contextmanager
def _record_warnings(log: logging.Logger) -> Iterator[None]:
    show_warning = warnings.showwarning

    def log_and_show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        log.warning("%s: %s (%s:%d)", category.__name__, message, Path(filename).name, lineno)
        show_warning(message, category, filename, lineno, file, line)

    warnings.showwarning = log_and_show
    try:
        yield
    finally:
        if warnings.showwarning is log_and_show:
            warnings.showwarning = show_warning
