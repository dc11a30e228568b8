"""``boxnb move-servers``: move the servers that an older boxnb saved into profiles."""

from __future__ import annotations

import argparse

from .. import servers, store
from .terminal import show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="one server (default: all)")
    parser.epilog = (
        "Servers that are not moved still work. Their passwords stay in private files of their own."
    )


def execute(options: argparse.Namespace) -> int:
    """Move the servers and return the exit code."""
    moved = servers.move(options.name)
    return show(
        "".join(f"{name}: moved to {store.path(name)}\n" for name in moved) or "There is nothing to move.\n"
    )
