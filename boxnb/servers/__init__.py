"""Other servers than Box: five kinds of sign-in behind one session that is always signed.

::

    boxnb.servers.save("jamf", "https://acme.jamfcloud.com", preset="jamf-pro", client_id="...")   # asks for the secret
    boxnb.servers.connect("jamf").frame("/api/v1/computers-inventory")

`saved` saves servers and connects to them; `session` sends requests; `signing` adds secrets that do not expire, and
:mod:`boxnb.auth` tokens that do; `kinds` says what each kind of sign-in needs; `presets` is a table of products; `pages`
and `frames` fetch listings; `failures` explains errors; `checks` is for the doctor. This layer imports `reports` and earlier
layers; `signin` and later ones may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .pages import Pages
from .presets import PRESETS, Preset
from .saved import connect, load, move, names, save

if TYPE_CHECKING:
    from .session import ServerSession

__all__ = ["PRESETS", "Pages", "Preset", "ServerSession", "connect", "load", "move", "names", "save"]


def __getattr__(name: str) -> Any:
    """Import `session` when it is needed: it imports pandas, which a sign-in and a run of a notebook do without."""
    if name != "ServerSession":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .session import ServerSession

    return ServerSession
