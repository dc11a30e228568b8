"""The home folder of all profiles, the folder that replaces it during a lesson, and the name of this computer."""

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
from .encoding import as_text


class Elsewhere:
    """The folder that replaces the home folder during a lesson, in the lesson's thread or task and the threads it starts.

    Before Python 3.14, threads do not inherit context variables, so a worker thread of a lesson would refresh the real
    profile. Therefore each thread that starts after the lesson's block began belongs to that lesson for as long as the
    thread runs.
    """

    def __init__(self) -> None:
        self._folder: ContextVar[str | None] = ContextVar("elsewhere", default=None)
        self._blocks: dict[int, tuple[str, weakref.WeakSet[threading.Thread]]] = {}
        self._folder_of_thread: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()

    def get(self) -> str | None:
        """Return the folder that replaces the home folder in this thread or task; ``None`` if the real one applies."""
        folder = self._folder.get()
        return self._inherited(threading.current_thread()) if folder is None else folder or None

    def set(self, folder: str) -> Token[str | None]:
        """Begin a lesson's block. Pass the returned token to :meth:`reset` to end it."""
        token = self._folder.set(folder)
        self._blocks[id(token)] = folder, weakref.WeakSet(threading.enumerate())
        return token

    def reset(self, token: Token[str | None]) -> None:
        """End a lesson's block. Threads that were started in it still belong to the lesson."""
        for thread in threading.enumerate():
            self._inherited(thread)
        del self._blocks[id(token)]
        self._folder.reset(token)

    @contextlib.contextmanager
    def at(self, folder: str | None) -> Iterator[None]:
        """Use a folder that :meth:`get` returned earlier, in any thread; ``None`` is the real home folder."""
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
    """Return the folder of all profiles: the lesson's during a lesson, otherwise the user's."""
    lesson = elsewhere.get()
    return Path(lesson) if lesson else user_folder()


def user_folder() -> Path:
    r"""
    Return the folder of boxnb's files for this user: ``$BOXNB_HOME``, or the user's configuration directory.

    The configuration directory is ``~/.config/boxnb`` on Linux (or in ``$XDG_CONFIG_HOME``),
    ``~/Library/Application Support/boxnb`` on macOS, and ``%LOCALAPPDATA%\boxnb`` on Windows (according to platformdirs;
    *not run* on macOS or Windows).

    Raises
    ------
    TokenStoreError
        It is a file, or ``BOXNB_HOME`` names a user who does not exist.
    """
    folder = os.environ.get("BOXNB_HOME")
    if not folder:
        usual = platformdirs.user_config_path("boxnb", appauthor=False)
        if usual.is_file():
            raise TokenStoreError(
                f"{usual} is a file, but boxnb saves its files in a folder of this name. Move or rename the file.",
                usual,
            )
        return usual
    try:
        path = Path(folder).expanduser()
        if path.is_file():
            raise TokenStoreError(
                f"BOXNB_HOME must be a folder, but {as_text(path)} is a file. Set it to a folder.", path
            )
        return path
    except RuntimeError:
        raise TokenStoreError(
            f"BOXNB_HOME is {folder!r}, but this computer has no such user. Set it to the full path of a folder.",
            Path(folder),
        ) from None


def host_name() -> str:
    """Return the name of this computer in a form that any file or email can contain.

    If the name's encoding is not the locale's, it contains lone surrogates, which UTF-8 cannot encode. They become escapes.
    """
    return socket.gethostname().encode("utf-8", "backslashreplace").decode()
