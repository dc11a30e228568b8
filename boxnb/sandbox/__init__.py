"""The sandbox: start it, stop it, set its clock, switch faults on, read its record of requests.

From the rest of boxnb, this package imports only `errors`, `cards` and `local`. The server, in `server`, runs in its
own process.

`launch` and `client` are a thin client that talks to the sandbox over HTTP. `start()` returns the shared sandbox and
starts it if necessary. `start(private=True)` starts a sandbox of your own; its clock and faults affect no one else::

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
    Import the client, and the modules in `_MODULES`, on first use.

    The server process also imports this package. Importing `requests` would take a quarter of its start-up time.
    """
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".launch", __name__), name)


def __dir__() -> list[str]:
    """List all names, including those that are not imported yet."""
    return sorted({*globals(), *__all__, *_MODULES})
