"""`python -m boxnb.sandbox`: run the sandbox in this terminal."""

from __future__ import annotations

import argparse
import os
import sys

from ..local.home_folder import user_folder

ROTATIONS = ("grace", "strict")
LIMITS = ("off", "fixed", "rolling", "bucket")


def parser() -> argparse.ArgumentParser:
    """Return the command-line parser."""
    options = argparse.ArgumentParser(
        prog="python -m boxnb.sandbox",
        description="Run boxnb's sandbox, a local server that behaves like Box.",
    )
    options.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1 (0: the previous port if free, else any)"
    )
    options.add_argument(
        "--state", default="", help="folder for the saved state (default: the shared sandbox's folder)"
    )
    options.add_argument(
        "--world",
        default="small",
        help="'small', 'large' (generated from a seed), or a folder with users.csv and groups.csv",
    )
    for name in ("users", "folders", "files"):
        options.add_argument(f"--{name}", type=int, metavar="N", help=f"number of {name} in 'large'")
    options.add_argument("--events", type=int, metavar="N", help="number of events in the past year")
    options.add_argument(
        "--seed", default="1", help="seed for generating 'large', and the events of any company"
    )
    options.add_argument(
        "--rotation", choices=ROTATIONS, default="grace", help="what a refresh does to the old token pair"
    )
    options.add_argument(
        "--limits", choices=LIMITS, default="rolling", help="how calls per minute are counted"
    )
    options.add_argument(
        "--idle", type=float, default=0.0, help="stop after this many seconds without a request (0: never)"
    )
    options.add_argument(
        "--prefix",
        default="",
        help="path prefix of a proxy in front of the sandbox, such as /user/ada/proxy/8123",
    )
    options.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="additional host name to accept"
    )
    options.add_argument("--tied", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--announce", default="", help=argparse.SUPPRESS)
    return options


def main() -> int:
    """Parse the command line, run the sandbox, and return the exit code."""
    options = parser().parse_args()
    if not options.state:
        options.state = os.fspath(user_folder() / "sandbox")
        options.announce = options.announce or os.fspath(user_folder() / "sandbox.json")
    from .server.run import main as run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
