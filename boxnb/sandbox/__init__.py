"""The sandbox: start it, stop it, set its clock, switch faults on, read its record.

This package imports only `errors`, `cards` and `local`; the server in `server` runs in its own process.

Everything here is a thin client that talks to the sandbox over HTTP. `start()` finds the shared sandbox or starts it.
`start(private=True)` starts your own, so that setting its clock or switching faults on does not affect anyone else::

    with boxnb.sandbox.start(private=True) as sandbox:
        sandbox.clock.advance(3600)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import devices as devices
    from . import mail as mail
    from . import older as older
    from .client import Clock, Faults, Sandbox
    from .launch import SHARED_IDLE, approve, clock, faults, find, home, record, start, stop

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
_MODULES = ("devices", "mail", "older")


def __getattr__(name: str) -> Any:
    """
    Import the client and the other practice servers on first use.

    The sandbox's own process is in this package, too, and would spend a quarter of its start on importing requests.
    """
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".launch", __name__), name)


def __dir__() -> list[str]:
    """List everything, before it is imported."""
    return sorted({*globals(), *__all__, *_MODULES})
