"""The keyboard of a Windows console, with a console in memory. *Not run* on Windows."""

from __future__ import annotations

import importlib.util
import io
import sys
import types
from collections import deque
from typing import Any

import pytest

from boxnb.signin import keyboard
from boxnb.signin.screen import Screen


class Msvcrt(types.ModuleType):
    """The console's keys, in the order in which they are typed."""

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.keys: deque[str] = deque()
        self.shown = ""

    def kbhit(self) -> bool:
        """Return whether a key was typed."""
        return bool(self.keys)

    def getwch(self) -> str:
        """Return the next key; a real console would wait for it."""
        return self.keys.popleft()

    def putwch(self, key: str) -> None:
        """Show a character."""
        self.shown += key


@pytest.fixture
def msvcrt(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    """Return the module that Python has on Windows only."""
    module = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", module)
    return module


@pytest.fixture
def console(msvcrt: Msvcrt, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a keyboard from the module as Windows imports it, without termios."""
    monkeypatch.setitem(sys.modules, "termios", None)  # type: ignore[arg-type]
    specification = importlib.util.spec_from_file_location("keyboard_on_windows", keyboard.__file__)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        specification.loader.exec_module(module)
    return module.Console(Screen(io.StringIO()))


def test_a_line_is_edited_and_shown(msvcrt: Msvcrt, console: Any) -> None:
    """Backspace erases, an arrow key does nothing, and the letter à is not half an arrow key."""
    msvcrt.keys.extend("\bab\bc\xe0HD")
    assert console.line(lambda: "Client ID: ", until=lambda: True) is None
    assert msvcrt.shown == "ab\b \bcD"
    msvcrt.keys.extend("ok\r")
    assert console.line(lambda: "") == "ok"
    msvcrt.keys.append("\xe0")
    msvcrt.shown = ""
    assert console.line(lambda: "", until=lambda: True) is None and msvcrt.shown == "\xe0"


def test_a_hidden_line_is_not_shown(msvcrt: Msvcrt, console: Any) -> None:
    """A client secret is not echoed."""
    msvcrt.keys.extend("secret\r")
    assert console.line(lambda: "Client secret: ", hidden=True) == "secret"
    assert msvcrt.shown == ""


def test_an_address_that_was_pasted_in_several_lines_is_one_answer(msvcrt: Msvcrt, console: Any) -> None:
    """Otherwise, the next question would receive its second half."""
    msvcrt.keys.extend("http://127.0.0.1/callback?code=\rabc&state=1\r")
    assert console.line(lambda: "", hidden=True) == "http://127.0.0.1/callback?code=\nabc&state=1"
    assert not msvcrt.keys


def test_what_is_pasted_too_late_does_not_reach_the_shell(msvcrt: Msvcrt, console: Any) -> None:
    """The redirect arrived by itself while the person was pasting its address."""
    with console:
        msvcrt.keys.extend("http://127.0.0.1/callback?code=abc\r")
    assert not msvcrt.keys


@pytest.mark.parametrize(("key", "error"), [("\x03", KeyboardInterrupt), ("\x1a", EOFError)])
def test_ctrl_c_and_ctrl_z_end_the_wait(
    msvcrt: Msvcrt, console: Any, key: str, error: type[BaseException]
) -> None:
    """Ctrl-C stops the sign-in, and Ctrl-Z ends the input."""
    msvcrt.keys.append(key)
    with pytest.raises(error):
        console.line(lambda: "")
