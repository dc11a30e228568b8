"""The home folder of all profiles, the folder that replaces it in a lesson, and the name of this computer."""

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
    """The folder that replaces the home of all profiles during a lesson, in its thread or task and the threads it starts.

    Before Python 3.14 threads do not inherit context variables, so a worker thread of a lesson would refresh the real
    profile. Therefore every thread that was not running when the lesson's block began belongs to the lesson until it ends.
    """

    def __init__(self) -> None:
        self._folder: ContextVar[str | None] = ContextVar("elsewhere", default=None)
        self._blocks: dict[int, tuple[str, weakref.WeakSet[threading.Thread]]] = {}
        self._folder_of_thread: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()

    def get(self) -> str | None:
        """Return the folder that replaces the home here; ``None`` if the real home applies."""
        folder = self._folder.get()
        return self._inherited(threading.current_thread()) if folder is None else folder or None

    def set(self, folder: str) -> Token[str | None]:
        """Begin a lesson's block. Pass the returned token to :meth:`reset` to end it."""
        token = self._folder.set(folder)
        self._blocks[id(token)] = folder, weakref.WeakSet(threading.enumerate())
        return token

    def reset(self, token: Token[str | None]) -> None:
        """End a lesson's block; threads that were started in it still belong to it."""
        for thread in threading.enumerate():
            self._inherited(thread)
        del self._blocks[id(token)]
        self._folder.reset(token)

    @contextlib.contextmanager
    def at(self, folder: str | None) -> Iterator[None]:
        """Use a folder that :meth:`get` returned earlier, in any thread; ``None`` is the real home."""
        token = self._folder.set(folder or "")
        try:
            yield
        finally:
            self._folder.reset(token)

    def _inherited(self, thread: threading.Thread) -> str | None:
        for folder, threads_before in reversed(list(self._blocks.values())):
            if thread not in self._folder_of_thread and thread not in threads_before:
                self._folder_of_thread[thread] = folder
        return self._folder_of_thread.get(thread)


elsewhere = Elsewhere()


def home() -> Path:
    """Return the folder of all profiles: in a lesson its own, else that of the user."""
    lesson = elsewhere.get()
    return Path(lesson) if lesson else user_folder()


def user_folder() -> Path:
    r"""
    Return the folder of boxnb's files for this user: ``$BOXNB_HOME``, or the user's configuration directory.

    That is ``~/.config/boxnb`` on Linux (or in ``$XDG_CONFIG_HOME``), ``~/Library/Application Support/boxnb`` on macOS, and
    ``%LOCALAPPDATA%\boxnb`` on Windows (platformdirs, *not run* on macOS and Windows).
    """
    folder = os.environ.get("BOXNB_HOME")
    if not folder:
        return platformdirs.user_config_path("boxnb", appauthor=False)
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise TokenStoreError(
            f"BOXNB_HOME is {folder!r}, but this computer has no such user. Write the full path of a folder.",
            Path(folder),
        ) from None


def host_name() -> str:
    """Return the name of this computer in a form that every file and email can contain.

    A name in another encoding than the locale's contains lone surrogates, which UTF-8 cannot encode; they become escapes.
    """
    return socket.gethostname().encode("utf-8", "backslashreplace").decode()
