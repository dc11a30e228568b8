"""What a message advises depends on where it is read: in a notebook, or in a terminal, a script's log or an email.

A notebook's reader opens the onboarding notebook and calls functions; everyone else runs commands.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any, Final

ONBOARDING: Final = "1-onboard/01-register-and-sign-in.ipynb"
"""The notebook with the sign-in panel, in the folder of the notebooks of a clone or of ``boxnb lab``."""

RUN_FOLDER: Final = "BOXNB_RUN_FOLDER"
"""The environment variable that names the folder for attachments while ``python -m boxnb run`` executes a notebook."""


def kernel() -> Any:
    """Return the notebook kernel that runs this code, or None in a terminal or a script."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None


def in_notebook() -> bool:
    """Return whether messages are read in a notebook. Those of ``boxnb run`` are read in a terminal, a log or an email."""
    return kernel() is not None and RUN_FOLDER not in os.environ


def sign_in_command(profile: str) -> str:
    """Return the command that signs a profile in."""
    return f"boxnb sign-in {shlex.quote(profile)}"


def to_sign_in(profile: str) -> str:
    """Return how to sign a profile in, as the end of a sentence such as "Sign in again: ..."."""
    if in_notebook():
        return f"open {ONBOARDING} and sign in there"
    return f"run {sign_in_command(profile)}"


def to_list_profiles() -> str:
    """Return what lists the saved profiles, as the subject of a sentence."""
    return "boxnb.status()" if in_notebook() else "boxnb status"


def to_keep_alive(profile: str) -> str:
    """Return what refreshes a saved sign-in, as the object of "run"."""
    return f"boxnb.keep_alive({profile!r})" if in_notebook() else f"boxnb keep-alive {shlex.quote(profile)}"


def to_move_server(name: str) -> str:
    """Return what moves a server that an older boxnb saved into a profile, as the object of "run"."""
    return f"boxnb.servers.move({name!r})" if in_notebook() else f"boxnb move-servers {shlex.quote(name)}"


def to_start_sandbox() -> str:
    """Return what starts a stopped sandbox, as the end of a sentence."""
    return 'run boxnb.connect("sandbox")' if in_notebook() else "run boxnb sign-in sandbox"


def as_sentence(clause: str) -> str:
    """Return a clause of this module as a sentence of its own."""
    return f"{clause[:1].upper()}{clause[1:]}."
