"""``boxnb sign-out``: revoke a saved sign-in at the server and delete it from this computer."""

from __future__ import annotations

import argparse
import os

from .. import store
from ..signin.sign_out import sign_out
from .exit_codes import FAILED
from .terminal import complain, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("profile", metavar="PROFILE", help="the saved sign-in")
    parser.epilog = "The registered app stays saved for the next sign-in."


def execute(options: argparse.Namespace) -> int:
    """Sign out and return the exit code, which is 1 if the token may still work."""
    if not os.path.lexists(store.path(options.profile)):
        raise store.no_profile(options.profile)
    message = sign_out(options.profile)
    saved = store.load(options.profile)
    if saved is not None and saved.token is not None:
        complain(message)
        return FAILED
    return show(f"{message}\n")
