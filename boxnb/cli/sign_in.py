"""``boxnb sign-in``: sign in by text, in a terminal or over SSH."""

from __future__ import annotations

import argparse

from .terminal import complain, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("profile", metavar="PROFILE", help="a name for this sign-in, such as acme")
    parser.add_argument("--again", action="store_true", help="sign in even if a saved sign-in works")
    parser.add_argument("--change-app", action="store_true", help="enter another client ID and client secret")
    parser.add_argument(
        "--client-credentials",
        action="store_true",
        help="an app that signs in by itself, without a person, once an admin has authorized it",
    )
    parser.add_argument("--open-browser", action="store_true", help="also open the link in a browser here")


def execute(options: argparse.Namespace) -> int:
    """Sign in and return the exit code."""
    if options.client_credentials:
        from ..signin import credentials

        return show(f"{credentials.ask(credentials.box_form(options.profile), say=complain)}\n")
    from ..signin import terminal

    return terminal.execute(
        options.profile,
        again=options.again,
        change_app=options.change_app,
        open_browser=options.open_browser,
    )
