"""Run a program in a pseudo-terminal of its own, type into it, and read everything that it shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from posix_modules import pty, termios

TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""A program that makes its input the controlling terminal, so that Ctrl-C reaches it, and becomes another program."""

SECONDS = 90.0


class PseudoTerminal:
    """A program in a terminal with 100 columns."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._master, (40, 100))
        self._changed = threading.Condition()
        self._bytes = bytearray()
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # every program that had the terminal has ended
                piece = b""
            with self._changed:
                self._bytes += piece
                self._changed.notify_all()
            if not piece:
                return

    @property
    def shown(self) -> str:
        """Everything that the terminal has shown."""
        return self._bytes.decode()

    def until(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until the terminal has shown a pattern this many times. Return the last match."""

        def matches() -> list[re.Match[str]]:
            return list(re.finditer(pattern, self.shown))

        with self._changed:
            assert self._changed.wait_for(lambda: len(matches()) >= times, SECONDS), self.shown
        return matches()[times - 1]

    def type(self, text: str) -> None:
        """Type text; a newline is the Enter key."""
        os.write(self._master, text.encode())

    def hides_input(self) -> bool:
        """Return whether the terminal does not show what is typed."""
        return not termios.tcgetattr(self._master)[3] & termios.ECHO

    def wait(self) -> int:
        """Wait until the program has ended and everything it wrote is here. Return its exit code."""
        code = self.process.wait(SECONDS)
        self._hang_up()
        return code

    def _hang_up(self) -> None:
        """Close this process's end, so that the reader sees the end of the output."""
        if self._slave >= 0:
            os.close(self._slave)
        self._slave = -1
        self._reader.join(SECONDS)

    def close(self) -> None:
        """End the program and its terminal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        self._hang_up()
        os.close(self._master)


@contextmanager
def terminals() -> Iterator[Callable[..., PseudoTerminal]]:
    """Yield a function that starts a command in a pseudo-terminal. At the end, every command is ended."""
    started: list[PseudoTerminal] = []

    def start(*command: str, **environment: str) -> PseudoTerminal:
        started.append(PseudoTerminal(command, environment))
        return started[-1]

    try:
        yield start
    finally:
        for terminal in started:
            terminal.close()
