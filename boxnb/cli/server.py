"""``boxnb server``: save another server, such as a device manager, at hidden prompts."""

from __future__ import annotations

import argparse

from .. import servers
from ..errors import SettingError
from ..signin import credentials
from ..transport.sessions import checked_verify
from .terminal import show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("name", metavar="NAME", help="a name for this server, such as jamf")
    parser.add_argument("url", metavar="URL", help="the base URL of its API")
    parser.add_argument("--preset", default="plain", help=f"{', '.join(servers.PRESETS)} (default: plain)")
    parser.add_argument("--kind", help="the kind of sign-in (default: what the preset advises)")
    parser.add_argument(
        "--secret-header", action="append", default=[], metavar="HEADER", help="one more secret header"
    )
    parser.add_argument("--ca-bundle", metavar="FILE", help="your company's certificates, as a PEM file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting that is not secret"
    )
    parser.epilog = "boxnb asks for what is missing, tries it once, and saves it if the server accepts it. Never pass a secret here."


def execute(options: argparse.Namespace) -> int:
    """Ask for the secrets, save the server and return the exit code."""
    settings: dict[str, str] = {}
    for text in options.set:
        name, sign, value = text.partition("=")
        if not sign or name in ("password", "key", "client_secret"):
            raise SettingError(
                f"--set takes NAME=VALUE, and no secret. boxnb asks for secrets: leave {name!r} out."
            )
        settings[name] = value
    form = credentials.server_form(
        options.name,
        options.url,
        preset=options.preset,
        kind=options.kind,
        secret_headers=tuple(options.secret_header),
        verify=checked_verify(options.ca_bundle, must_exist=True),
        settings=settings,
    )
    return show(f"{credentials.ask(form)}\n")
