"""boxnb: sign in to Box with OAuth 2.0, explore the enterprise in pandas, and learn how OAuth works."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        auth,
        basic,
        errors,
        export,
        frames,
        harvest,
        labs,
        oauth,
        reports,
        runs,
        sandbox,
        servers,
        store,
        transfer,
        widgets,
    )
    from . import sdk as sdk  # not in __all__: without Box's SDK, "from boxnb import *" would fail
    from .box import Box, connect
    from .errors import BoxNotebookError
    from .oauth import Client, Server
    from .oauth.token import Token
    from .real_box.contract import contract
    from .runs import run
    from .secret import Secret
    from .signin.doctor import doctor
    from .signin.sign_out import sign_out
    from .signin.status import keep_alive, status
    from .widgets import sign_in

__version__ = "1.0.0"

__all__ = [
    "Box",
    "BoxNotebookError",
    "Client",
    "Secret",
    "Server",
    "Token",
    "auth",
    "basic",
    "connect",
    "contract",
    "doctor",
    "errors",
    "export",
    "frames",
    "harvest",
    "keep_alive",
    "labs",
    "oauth",
    "reports",
    "run",
    "runs",
    "sandbox",
    "servers",
    "sign_in",
    "sign_out",
    "status",
    "store",
    "transfer",
    "widgets",
]

_MODULES = {
    "Box": "box",
    "BoxNotebookError": "errors",
    "Client": "oauth",
    "Secret": "secret",
    "Server": "oauth",
    "Token": "oauth.token",
    "connect": "box",
    "contract": "real_box.contract",
    "doctor": "signin.doctor",
    "keep_alive": "signin.status",
    "run": "runs",
    "sign_in": "widgets",
    "sign_out": "signin.sign_out",
    "status": "signin.status",
}


def __getattr__(name: str) -> Any:
    """Import and return a public name when it is first used, so that ``import boxnb`` is fast and works without Jupyter."""
    if name not in __all__ and name != "sdk":
        raise AttributeError(f"module 'boxnb' has no attribute {name!r}")
    module = _MODULES.get(name)
    value = (
        getattr(importlib.import_module(f".{module}", __name__), name)
        if module
        else importlib.import_module(f".{name}", __name__)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "sdk"})
