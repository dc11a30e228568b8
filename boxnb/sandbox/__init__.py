"""The sandbox: start it, stop it, set its clock, switch faults on, read its record.

This package imports only `errors` and `cards`; the server in `server` runs in its own process.

Everything here is a thin client that talks to the sandbox over HTTP. `start()` finds the shared sandbox or starts it.
`start(private=True)` starts your own, so that setting its clock or switching faults on does not affect anyone else::

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
    """Import the other practice servers on first use."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    """List the submodules too, before they are imported."""
    return sorted({*globals(), *_LATER})
