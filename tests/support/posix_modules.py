"""Modules that Windows does not have. There, each is a stand-in, so that the other tests of a test module can run."""

from __future__ import annotations

import importlib
from typing import Any
from unittest.mock import MagicMock


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return MagicMock()


fcntl, pty, resource, termios = map(_module, ("fcntl", "pty", "resource", "termios"))
