"""Read what a person types, hidden where the front end can hide it, until something else ends the wait.

`choose` returns the keyboard of this process: a terminal, a Windows console (*not run*), a notebook's kernel, a pipe or a
file, or none. A hidden line is not echoed, and it does not reach the history of readline, IPython or the shell.
"""

from __future__ import annotations

import _thread
import contextlib
import getpass
import os
import queue
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from boxnb.local.reader import kernel as kernel
from boxnb.secret import sealed
from boxnb.signin.screen import Screen

if sys.platform == "win32":
    import msvcrt
else:
    import termios

POLL_SECONDS = 0.1
PASTE_SECONDS = 0.05  # the lines of one paste arrive within this time of each other
END_SECONDS = 0.3  # a pipe that is already closed reports its end within this time

# What arrow keys and bracketed pastes send, and other control characters.
_CONTROLS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?|[\x00-\x08\x0b-\x1f\x7f]")


def never() -> bool:
    """Return False: nothing but the person ends the wait."""
    return False


class Keyboard:
    """A keyboard without a person. The subclasses read from one.

    Attributes
    ----------
    is_hidden : bool
        Whether this keyboard can hide a line while it is typed.
    """

    is_hidden = True

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __enter__(self) -> Keyboard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the terminal."""

    def has_ended(self) -> bool:
        """Return whether nothing more can be typed."""
        return True

    def line(
        self, prompt: Callable[[], str], *, hidden: bool = False, until: Callable[[], bool] = never
    ) -> str | None:
        """Return the next line that the person types, or None as soon as ``until()`` is true.

        Parameters
        ----------
        prompt
            Returns the prompt, which can change while the person types a hidden line.
        hidden
            Do not show the line. Several lines that arrive at once, as in a wrapped paste, are returned together.
        until
            Called about ten times a second.

        Raises
        ------
        EOFError
            The input has ended.
        """
        raise EOFError


class Terminal(Keyboard):
    """A POSIX terminal. Its echo is off throughout, except while a visible line is typed."""

    def __init__(self, screen: Screen, descriptor: int) -> None:
        super().__init__(screen)
        self._descriptor = descriptor
        self._echo = False
        self._original: list[Any] = []
        self._was_suspended = False
        self._sigcont: Any = None

    if sys.platform != "win32":

        def __enter__(self) -> Keyboard:
            self._original = termios.tcgetattr(self._descriptor)
            self._apply(termios.TCSAFLUSH)
            if threading.current_thread() is threading.main_thread():
                self._sigcont = signal.signal(signal.SIGCONT, self._note_suspension)
            return self

        def _note_suspension(self, _number: int, _frame: object) -> None:
            self._was_suspended = True

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """Restore the terminal, and drop what was typed too late: an address must not reach the shell."""
            if self._sigcont is not None:
                signal.signal(signal.SIGCONT, self._sigcont)
            with contextlib.suppress(termios.error):  # the terminal is closed
                termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._original)

        def _apply(self, when: int = termios.TCSADRAIN) -> None:
            """Read whole lines, with or without echo, in case the previous program left another mode."""
            mode = [*self._original]
            mode[0] |= termios.ICRNL
            mode[3] |= termios.ICANON | termios.ISIG
            mode[3] = mode[3] | termios.ECHO if self._echo else mode[3] & ~(termios.ECHO | termios.ECHONL)
            termios.tcsetattr(self._descriptor, when, mode)

        def _restore_after_suspension(self) -> None:
            """After Ctrl-Z and ``fg``, hide the input again and repeat the prompt. A shell changes the terminal's mode."""
            if self._was_suspended and os.tcgetpgrp(self._descriptor) == os.getpgrp():
                self._was_suspended = False
                self._apply()
                self._screen.redraw()

    def has_ended(self) -> bool:
        """Return False: a person can type."""
        return False

    @sealed
    def line(
        self, prompt: Callable[[], str], *, hidden: bool = False, until: Callable[[], bool] = never
    ) -> str | None:
        """Return the next line; see :meth:`Keyboard.line`."""
        self._echo = not hidden
        self._screen.show(prompt())
        typed = b""
        try:
            with _terminal_errors():
                self._apply()
                while not typed.endswith(b"\n"):
                    if self._is_ready(POLL_SECONDS):
                        typed += self._read()
                    elif until():
                        return None
                    else:
                        self._restore_after_suspension()
                        if hidden:
                            self._screen.show(prompt())
                while hidden and self._is_ready(PASTE_SECONDS):
                    typed += self._read()
        finally:
            if self._echo and typed.endswith(b"\n"):
                self._screen.line_was_ended()
            self._screen.end_line()
            self._echo = False
            with contextlib.suppress(OSError, termios.error):
                self._apply()
        return _text(typed)

    def _is_ready(self, seconds: float) -> bool:
        return bool(select.select([self._descriptor], [], [], seconds)[0])

    def _read(self) -> bytes:
        typed = os.read(self._descriptor, 65536)
        if not typed:  # Ctrl-D
            raise EOFError
        return typed


class Console(Keyboard):
    """A Windows console. *Not run.*"""

    def has_ended(self) -> bool:
        """Return False: a person can type."""
        return False

    if sys.platform == "win32":

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """Drop what was typed too late: an address must not reach the shell."""
            while msvcrt.kbhit():
                msvcrt.getwch()

        def _more_follows(self) -> bool:
            deadline = time.monotonic() + PASTE_SECONDS
            while not msvcrt.kbhit():
                if time.monotonic() > deadline:
                    return False
                time.sleep(PASTE_SECONDS / 10)
            return True

        @sealed
        def line(
            self, prompt: Callable[[], str], *, hidden: bool = False, until: Callable[[], bool] = never
        ) -> str | None:
            """Return the next line; see :meth:`Keyboard.line`."""
            self._screen.show(prompt())
            typed = ""
            try:
                while True:
                    if not msvcrt.kbhit():
                        if until():
                            return None
                        time.sleep(POLL_SECONDS)
                        if hidden:
                            self._screen.show(prompt())
                        continue
                    key = msvcrt.getwch()
                    if key in "\r\n":
                        if not (hidden and self._more_follows()):
                            break
                        key = "\n"
                    if key == "\x03":
                        raise KeyboardInterrupt
                    if key == "\x1a":  # Ctrl-Z
                        raise EOFError
                    # The first half of an arrow or function key, whose other half follows at once, or the letter à.
                    if key in "\x00\xe0" and msvcrt.kbhit():
                        msvcrt.getwch()
                        continue
                    if key == "\b" and not typed:
                        continue
                    typed = typed[:-1] if key == "\b" else typed + key
                    if not hidden:
                        msvcrt.putwch(key)
                        if key == "\b":  # erase the character
                            msvcrt.putwch(" ")
                            msvcrt.putwch("\b")
            finally:
                self._screen.end_line()
            return _text(typed.encode("utf-8", "replace"))


class Pipe(Keyboard):
    """A pipe, a file or a socket, read one byte at a time, so that the lines after a sign-in are left for the caller."""

    is_hidden = False

    def __init__(self, screen: Screen, descriptor: int) -> None:
        super().__init__(screen)
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._next: list[bytes | None] = []  # a line, or None for the end, that was read but not returned yet
        self._is_reading = False

    def has_ended(self) -> bool:
        """Return whether the input has ended. For a pipe that is open but empty, this takes a moment."""
        self._wait(END_SECONDS)
        return self._next == [None]

    @sealed
    def line(
        self, prompt: Callable[[], str], *, hidden: bool = False, until: Callable[[], bool] = never
    ) -> str | None:
        """Return the next line; see :meth:`Keyboard.line`."""
        self._screen.say(prompt())
        while not self._wait(POLL_SECONDS):
            if until():
                return None
        if self._next[0] is None:
            raise EOFError
        return _text(self._next.pop() or b"")

    def _wait(self, seconds: float) -> bool:
        """Return whether a line or the end of the input arrives in time."""
        if not self._next:
            if not self._is_reading:
                self._is_reading = True
                threading.Thread(target=self._read, name="boxnb-stdin", daemon=True).start()
            with contextlib.suppress(queue.Empty):
                self._next.append(self._lines.get(timeout=seconds))
                self._is_reading = False
        return bool(self._next)

    def _read(self) -> None:
        line, byte = bytearray(), b""
        with contextlib.suppress(OSError):
            while (byte := os.read(self._descriptor, 1)) not in (b"", b"\n"):
                line += byte
        self._lines.put(bytes(line) if line or byte else None)


class Kernel(Keyboard):
    """A notebook's input box. The kernel can ask for one line at a time, in its main thread."""

    def has_ended(self) -> bool:
        """Return False: the front end accepts input."""
        return False

    @sealed
    def line(
        self, prompt: Callable[[], str], *, hidden: bool = False, until: Callable[[], bool] = never
    ) -> str | None:
        """Return the next line; see :meth:`Keyboard.line`. To end the wait, interrupt the kernel's own input."""
        answered, guard, interrupts = threading.Event(), threading.Lock(), list[bool]()

        def watch() -> None:
            while not answered.wait(POLL_SECONDS):
                if until():
                    with guard:
                        if not answered.is_set():
                            interrupts.append(True)
                            _thread.interrupt_main()
                    return

        self._screen.end_line()
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=watch, name="boxnb-input", daemon=True).start()
        try:
            try:
                answer = (getpass.getpass if hidden else input)(prompt())
            finally:
                with guard:
                    answered.set()
            if interrupts:  # the interrupt arrives within a moment; it must not hit the next cell
                time.sleep(1)
        except KeyboardInterrupt:
            if interrupts:
                return None
            raise
        except NotImplementedError:  # the front end withdrew its permission to ask
            raise EOFError from None
        return _text(answer.encode("utf-8", "replace"))


def choose(screen: Screen) -> Keyboard:
    """Return the keyboard of this process."""
    running_kernel = kernel()
    if running_kernel is not None:
        return (Kernel if getattr(running_kernel, "_allow_stdin", False) else Keyboard)(screen)
    try:
        descriptor = sys.stdin.fileno()
        is_terminal = os.isatty(descriptor)
    # There is no standard input, or another program replaced it.
    except (AttributeError, OSError, ValueError):
        return Keyboard(screen)
    if not is_terminal:
        return Pipe(screen, descriptor)
    return Console(screen) if sys.platform == "win32" else Terminal(screen, descriptor)


@contextlib.contextmanager
def _terminal_errors() -> Any:
    """Treat a closed terminal as the end of the input."""
    try:
        yield
    except (OSError, termios.error):
        raise EOFError from None


def _text(typed: bytes) -> str:
    """Return typed bytes as text, without the control characters of arrow keys and pastes."""
    text = typed.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text).rstrip("\n")
