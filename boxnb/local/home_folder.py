"""The home folder of all profiles, a lesson's stand-in for it, and the name of this computer."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar, Token
from pathlib import Path

import platformdirs

from ..errors import TokenStoreError


class Elsewhere:
    """A folder that stands in for the home of all profiles, for a lesson: its thread or task and the threads they start.

    Python's context variables are not inherited by threads (before 3.14), and a lesson's worker would refresh the real
    profile. So a thread that did not run when the lesson's block began belongs to the lesson, for as long as it lives.
    """

    def __init__(self) -> None:
        self._here: ContextVar[str | None] = ContextVar("elsewhere", default=None)
        self._open: dict[int, tuple[str, weakref.WeakSet[threading.Thread]]] = {}
        self._threads: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()

    def get(self) -> str | None:
        """The folder that stands in here; ``None`` where the real home counts."""
        given = self._here.get()
        return self._inherited(threading.current_thread()) if given is None else given or None

    def set(self, folder: str) -> Token[str | None]:
        """Begin a lesson's block; :meth:`reset` ends it."""
        begun = self._here.set(folder)
        self._open[id(begun)] = folder, weakref.WeakSet(threading.enumerate())
        return begun

    def reset(self, begun: Token[str | None]) -> None:
        """End a lesson's block; threads that were started in it still belong to it."""
        for thread in threading.enumerate():
            self._inherited(thread)
        del self._open[id(begun)]
        self._here.reset(begun)

    @contextlib.contextmanager
    def at(self, folder: str | None) -> Iterator[None]:
        """Act for what was made where :meth:`get` gave this folder, whoever calls it now."""
        begun = self._here.set(folder or "")
        try:
            yield
        finally:
            self._here.reset(begun)

    def _inherited(self, thread: threading.Thread) -> str | None:
        for folder, before in reversed(list(self._open.values())):
            if thread not in self._threads and thread not in before:
                self._threads[thread] = folder
        return self._threads.get(thread)


elsewhere = Elsewhere()


def home() -> Path:
    """The folder of all profiles: a lesson's own, ``$BOXNB_HOME``, else the user's configuration directory."""
    given = elsewhere.get() or os.environ.get("BOXNB_HOME")
    if not given:
        return platformdirs.user_config_path("boxnb", appauthor=False)
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise TokenStoreError(
            f"BOXNB_HOME is {given!r}, and this computer has no such user. Write the whole path of a folder.",
            Path(given),
        ) from None


def host_name() -> str:
    """The name of this computer, as text that every file and mail can hold.

    A name in another encoding than the locale's comes with half letters, which UTF-8 has not: they are written out.
    """
    return socket.gethostname().encode("utf-8", "backslashreplace").decode()
