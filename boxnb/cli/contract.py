"""``boxnb contract``: compare Box with what boxnb expects of it, and write one page."""

from __future__ import annotations

import argparse

from ..real_box.contract import FILE, Contract, contract
from .exit_codes import FAILED
from .terminal import show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("profile", metavar="PROFILE", help="a saved sign-in, preferably an admin's")
    parser.add_argument("--page", default=FILE, help=f"the file to write (default: {FILE})")
    parser.epilog = "The exit code is 1 if Box differs. The page contains no personal data."


def execute(options: argparse.Namespace) -> int:
    """Make the calls, print what was found, and return the exit code."""
    result = contract(options.profile, options.page)
    return show(text(result)) or (FAILED if len(result.differences) else 0)


def text(result: Contract) -> str:
    """Return one line per difference, and where the page is."""
    lines = [
        f"{call}  {where}: expected {expected}; found {found}  ({claim})"
        for call, where, expected, found, claim in result.differences.itertuples(index=False)
    ]
    count = {0: "No differences", 1: "1 difference"}.get(len(lines), f"{len(lines)} differences")
    lines.append(f"{count} in {result.calls} calls; {len(result.unmet)} things could not be checked.")
    lines.append(f"The page is in {result.path}. It says how to hand it in.")
    return "".join(f"{line}\n" for line in lines)
