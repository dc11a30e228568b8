"""Everything said while a run lasts goes to its log: logging of any library, warnings, printed lines, HTTP calls.

What other handlers of the program show stays as it was.
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

HTTP = "urllib3.connectionpool"
"""Who says each HTTP call, for requests and all that is built on it."""

OURS = {"of_report": True}
"""Marks what a run says of its own end and reports: no warning of the work itself."""

KEPT = 20_000
"""Lines held in memory for the report; the file has all of them."""


LONGEST = 10_000
"""Characters held of a line that does not end, such as dots without number; then a piece of it is logged."""

_TO_START = re.compile(r"\x1b\[[01]?G|\x1b\[\d*[EF]|\x1b\[[12]K(?=\x1b\[[01]?G)?")
"""Orders to a terminal after which a line is drawn again: to column 1, to another line, line erased (ECMA-48)."""

_ORDERS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_=>78]")
"""All orders to a terminal: colours, the cursor, titles (ECMA-48 5.4; the title is xterm's)."""


class Masking(logging.Formatter):
    """Masks secrets in the whole of what is written, arguments and traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return redaction.redact(super().format(record))


class Recorder(logging.Handler):
    """Writes the log of one run, counts warnings and HTTP calls; where the disk refuses, goes on in memory.

    Parameters
    ----------
    open_log : callable
        Opens the log file; it may fail, and then the log is held in memory.
    """

    def __init__(self, open_log: Callable[[], TextIO]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(Masking("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.warnings: list[str] = []
        self.calls = 0
        self.trouble: OSError | None = None
        self._file: TextIO | None = None
        try:
            self._file = open_log()
        except OSError as error:
            self.trouble = error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if record.name == HTTP and record.levelno == logging.DEBUG:
            if not str(record.msg).startswith('%s://%s:%s "'):
                return  # new connections and the like
            self.calls += 1
        try:
            text = self.format(record)
        except Exception as error:  # noqa: BLE001  a log call with wrong arguments never ends the work, as in logging
            text = _unformatted(record, error)
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
        except OSError as error:  # the disk is full: what is written stays, the rest is held in memory
            self.trouble = error
            file, self._file = self._file, None
            with suppress(OSError):  # it tries to write once more
                file.close()

    def close(self) -> None:
        """Flush the log to the disk."""
        file, self._file = self._file, None
        if file is not None:
            try:
                os.fsync(file.fileno())
                file.close()
            except OSError as error:
                self.trouble = error
        super().close()


def _unformatted(record: logging.LogRecord, error: Exception) -> str:
    """A line for a record that cannot be formatted, nor perhaps its message or the error be shown."""
    shown: list[str] = []
    for each in (record.msg, error):
        try:
            shown.append(repr(each) if each is record.msg else str(each))
        except Exception:  # noqa: BLE001  the program's own class
            shown.append(f"an object of type {type(each).__name__}")
    return redaction.redact(
        f"{record.levelname} {record.name}: {shown[0]} ({type(error).__name__}: {shown[1]})"
    )


class Tee(io.TextIOBase):
    """What is printed, on the screen as ever and, line by line, in the log."""

    def __init__(self, screen: TextIO, log: logging.Logger) -> None:
        self.screen, self._log = screen, log
        self._begun: list[
            str
        ] = []  # of a line without an end, in pieces: joining at each write would be quadratic
        self._length = 0
        self._threads = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.screen, name)

    # io.TextIOBase has these itself, so that __getattr__ is not asked: programs choose their signs by them.
    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The screen's."""
        return self.screen.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The screen's."""
        return self.screen.errors

    @property
    def newlines(self) -> Any:  # type: ignore[override]
        """The screen's."""
        return self.screen.newlines

    def fileno(self) -> int:
        """The screen's, for programs that are started; what they print there is not logged."""
        return self.screen.fileno()

    def writable(self) -> bool:
        """It takes text."""
        return True

    def isatty(self) -> bool:
        """Whether the screen is one."""
        return self.screen.isatty()

    def flush(self) -> None:
        """Hand on what the screen holds back."""
        self.screen.flush()

    def write(self, text: str) -> int:
        """Print, and log each line once it is whole; of a bar drawn over itself the last state."""
        self.screen.write(text)
        with self._threads:
            first, *lines = text.split("\n")
            self._keep(first)
            if lines:
                lines, rest = [self._taken(), *lines[:-1]], lines[-1]
                self._keep(rest)
            if self._length > LONGEST:
                lines.append(self._piece())
        for line in lines:
            self._say(line)
        return len(text)

    def _keep(self, text: str) -> None:
        """Add to the line without an end; what a bar has drawn over is dropped."""
        self._begun.append(text)
        self._length += len(text)
        if "\r" in text or "\x1b" in text:
            left = _drawn("".join(self._begun))
            self._begun, self._length = [left], len(left)

    def _taken(self) -> str:
        begun, self._begun, self._length = "".join(self._begun), [], 0
        return begun

    def _piece(self) -> str:
        """A piece of a line that gets too long; cut at a blank, so that no secret is cut in two."""
        line = self._taken()
        cut = line.rfind(" ", len(line) - LONGEST // 2) + 1 or len(line)
        self._keep(line[cut:])
        return line[:cut]

    def _say(self, line: str) -> None:
        if text := shown(line):
            self._log.info("%s", text)

    def rest(self) -> None:
        """Log the last line, which had no end."""
        with self._threads:
            line = self._taken()
        self._say(line)


def _drawn(line: str) -> str:
    """What is seen of a line that was drawn over itself; line ends at its end move nothing yet."""
    line = _TO_START.sub("\r", line) if "\x1b" in line else line
    end = len(line.rstrip("\r"))
    return line[line.rfind("\r", 0, end) + 1 :]


def shown(line: str) -> str:
    """A printed line as a log keeps it: the last state of a bar, without colours and other orders to a terminal."""
    text = _drawn(line)
    text = _ORDERS.sub("", text) if "\x1b" in text else text
    if "\b" in text:
        seen: list[str] = []
        for letter in text:
            if letter != "\b":
                seen.append(letter)
            elif seen:
                seen.pop()
        text = "".join(seen)
    return text.rstrip()


@contextmanager
def recording(recorder: Recorder, log: logging.Logger) -> Iterator[None]:
    """Have everything said go to the recorder, for the length of a ``with`` block."""
    with ExitStack() as stack:
        stack.enter_context(_logging(recorder))
        stack.enter_context(_warnings(log))
        tee = Tee(sys.stdout, log)
        stack.enter_context(redirect_stdout(tee))
        stack.callback(tee.rest)
        yield


@contextmanager
def _logging(recorder: Recorder) -> Iterator[None]:
    root, http = logging.getLogger(), logging.getLogger(HTTP)
    before = root.level, http.level, http.getEffectiveLevel()

    def as_before(record: logging.LogRecord) -> bool:
        """Whether other handlers would have seen this record without the run."""
        if record.name == HTTP or record.name.startswith(HTTP + "."):
            return record.levelno >= before[2]
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger is not root:
            if logger.level:
                return True
            logger = logger.parent
        return record.levelno >= before[0]

    others = [handler for handler in root.handlers if not isinstance(handler, Recorder)]
    for handler in others:
        handler.addFilter(as_before)
    root.addHandler(recorder)
    root.setLevel(min(logging.INFO, before[0] or logging.INFO))
    http.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(recorder)
        root.setLevel(before[0])
        http.setLevel(before[1])
        for handler in others:
            handler.removeFilter(as_before)


@contextmanager
def _warnings(log: logging.Logger) -> Iterator[None]:
    show = warnings.showwarning

    def said(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        log.warning("%s: %s (%s:%d)", category.__name__, message, Path(filename).name, lineno)
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = said
    try:
        yield
    finally:
        if warnings.showwarning is said:
            warnings.showwarning = show
