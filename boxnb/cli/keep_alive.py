"""``boxnb keep-alive``: refresh a saved sign-in, so that it stays valid for another 60 days. Made for schedulers."""

from __future__ import annotations

import argparse

from ..signin.status import keep_alive
from .terminal import show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("profile", metavar="PROFILE", help="the saved sign-in")
    parser.epilog = "Let a scheduler run this once a month. Any other use of the sign-in also keeps it alive."


def execute(options: argparse.Namespace) -> int:
    """Refresh the sign-in and return the exit code."""
    return show(f"{keep_alive(options.profile)}\n")
