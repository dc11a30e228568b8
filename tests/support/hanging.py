"""Make calls hang for as long as a test wants, so that an interrupt always comes first, even on a slow computer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import boxnb
from boxnb.api.connection import Progress


class Hanging:
    """Makes calls wait for `let_go` in every thread except the main one."""

    def __init__(self, box: boxnb.Box, monkeypatch: pytest.MonkeyPatch) -> None:
        self._is_hanging, self._may_continue = threading.Event(), threading.Event()
        self._fetch = box.session.get_bytes
        monkeypatch.setattr(box.session, "get_bytes", self._get_bytes)

    def _get_bytes(self, path: str, **params: Any) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            self._is_hanging.set()
            assert self._may_continue.wait(60)
        return self._fetch(path, **params)

    def interrupt(self, progress: Progress) -> None:
        """Raise an interrupt while a call is hanging. Assign this method to `box.on_progress`."""
        if not progress.done and self._is_hanging.wait(0.1):
            raise KeyboardInterrupt

    def left(self) -> list[threading.Thread]:
        """Return boxnb's threads that have not ended."""
        return [thread for thread in threading.enumerate() if thread.name.startswith("boxnb")]

    def let_go(self) -> None:
        """Let the waiting threads make their calls, and wait until those threads have ended."""
        threads = self.left()
        self._may_continue.set()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
