"""The practice Box: start it, stop it, turn its clock, break it, read what it saw. Imports errors only; the server in `server` is a process of its own.

A thin client: everything here goes to the sandbox over HTTP. `start()` finds the shared sandbox or starts it;
`start(private=True)` is one of your own, for turning the clock and for breaking things::

    with boxnb.sandbox.start(private=True) as sandbox:
        sandbox.clock.advance(3600)
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from .client import Clock, Faults, Sandbox
from .launch import SHARED_IDLE, approve, clock, faults, find, home, record, start, stop

if TYPE_CHECKING:
    from . import devices as devices
    from . import mail as mail
    from . import older as older

__all__ = [
    "SHARED_IDLE",
    "Clock",
    "Faults",
    "Sandbox",
    "approve",
    "clock",
    "faults",
    "find",
    "home",
    "record",
    "start",
    "stop",
]
_LATER = ("devices", "mail", "older")


def __getattr__(name: str) -> ModuleType:
    """Load the practice servers beside it when they are first used."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
