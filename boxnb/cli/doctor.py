"""``boxnb doctor``: check everything between this computer and Box."""

from __future__ import annotations

import argparse

from .. import store
from ..signin.doctor import Findings, doctor
from .exit_codes import FAILED, USAGE
from .status import NOTHING
from .terminal import complain, hanging, show

SIGNS = {"ok": "ok   ", "look": "look ", "wrong": "WRONG"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "profile",
        nargs="?",
        metavar="PROFILE",
        help="a saved profile, with or without a sign-in (default: the only one)",
    )
    parser.epilog = "The exit code is 1 if a check says WRONG."


def execute(options: argparse.Namespace) -> int:
    """Print the checks and return the exit code."""
    profile = options.profile
    if profile is None:
        saved = store.names()
        if len(saved) != 1:
            complain(f"Name the profile to check, one of: {', '.join(saved)}." if saved else NOTHING.rstrip())
            return USAGE
        (profile,) = saved
    findings = doctor(profile)
    return show(text(findings)) or (FAILED if (findings["result"] == "wrong").any() else 0)


def text(findings: Findings) -> str:
    """Return one line per check, followed by what to do."""
    width = findings["check"].str.len().max()
    lines = []
    for check, result, finding, remedy in findings.itertuples(index=False):
        lines.append(hanging(f"{SIGNS.get(result, result)}  {check:<{width}}  ", finding))
        if remedy:
            lines.append(hanging(f"{'':{width + 9}}", f"What to do: {remedy}"))
    return "".join(f"{line}\n" for line in lines)
