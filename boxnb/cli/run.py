"""``boxnb run``: execute a notebook as one run. The outcome of the run decides the exit code."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import redaction, runs, store
from ..errors import BoxNotebookError, MailError, MissingPackageError, RunRefusedError
from ..local import encoding, private_files
from ..runs import execution, mail
from ..runs.notebooks import UsageError, check_parameters, read
from ..store import mail_settings
from . import temporary_python
from .exit_codes import FAILED, REFUSED, UNDELIVERED, USAGE
from .terminal import complain, note, path_argument


def notebook_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the arguments that ``run`` and ``schedule`` have in common."""
    parser.add_argument("notebook", type=path_argument, help=what)
    parser.add_argument("--profile", default="sandbox", help="the saved sign-in (default: sandbox)")
    parser.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the notebook; can be repeated",
    )
    parser.add_argument(
        "--to", action="append", default=[], metavar="ADDRESS", help="a recipient of the run report"
    )
    parser.add_argument("--name", help="the name of the run (default: notebook and profile)")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    notebook_arguments(parser, "the path of a notebook")
    parser.add_argument(
        "--no-mail", action="store_true", help="do not send mail, even if the profile names recipients"
    )
    parser.add_argument(
        "--folder",
        type=path_argument,
        help="the folder for the log and the HTML page (default: next to the profiles)",
    )
    parser.add_argument("--keep", type=int, default=30, help="how many logs to keep (default: 30)")


def execute(options: argparse.Namespace) -> int:
    """Execute the notebook and return the exit code."""
    try:
        check_folder(options.folder, "--folder")
        notebook, parameters = checked(options)
        if options.folder is not None:
            private_files.require_folder(options.folder.absolute(), "choose another one with --folder")
        else:
            private_files.require_folder(store.home() / "runs")
        return run(options, notebook, parameters)
    except (BoxNotebookError, ValueError) as error:
        complain(str(error))
        return USAGE


def checked(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the notebook and its parameters, after checking everything that can be checked before a run.

    Raises
    ------
    BoxNotebookError, ValueError
        An option, the notebook or a parameter is not valid.
    """
    check_folder(store.home(), "BOXNB_HOME")
    parameters = parse_parameters(options.parameters)
    notebook = read(options.notebook)
    check_parameters(notebook, parameters, options.notebook)
    for address in options.to:
        mail_settings.check_address(address)
    store.path(options.profile)
    return notebook, parameters


def check_folder(path: Path | None, setting: str) -> None:
    """Raise UsageError if a setting for a folder is the path of a file."""
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(
            f"{setting} must be a folder, but {encoding.as_text(path)} is a file. Set it to a folder."
        )


def default_name(options: argparse.Namespace) -> str:
    """Return the default name of a run, which consists of the names of the notebook and the profile."""
    return run_name(f"{encoding.decoded(options.notebook.stem)}-{options.profile}")


def run_name(text: str) -> str:
    """Return the text as the name of a run: without characters that a name cannot have, and shortened if necessary."""
    name = re.sub(r"[^\w .()+-]", "-", text).strip(" .()+-")
    return name.encode()[: runs.LONGEST_NAME].decode(errors="ignore")[:80].rstrip(" .")


def parse_parameters(pairs: Sequence[str]) -> dict[str, str]:
    """Return the parameters from strings of the form ``NAME=VALUE``.

    Raises
    ------
    UsageError
        A string does not have that form, or seems to contain a secret. The executed notebook would show it to everyone.
    """
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-p takes NAME=VALUE, and the name must be a Python name, not {name!r}.")
        if name == "PROFILE":
            raise UsageError("Choose the profile with --profile.")
        if redaction.is_secret_name(name) or value in execution.saved_secrets():
            raise UsageError(
                f"-p {name} looks like a secret, which the executed notebook and the process list would show. "
                "Save it in the profile."
            )
        parameters[name] = value
    return parameters


def run_command(options: argparse.Namespace, parameters: dict[str, str]) -> list[str]:
    """Return the command that runs the notebook with these options. It works in any folder."""
    command = [
        sys.executable,
        "-m",
        "boxnb",
        "run",
        str(options.notebook.resolve()),
        "--profile",
        options.profile,
    ]
    for name, value in parameters.items():
        command += ["-p", f"{name}={value}"]
    for address in options.to:
        command += ["--to", address]
    return command + (["--name", options.name] if options.name else [])


def run(options: argparse.Namespace, notebook: dict[str, Any], parameters: dict[str, str]) -> int:
    """Execute the notebook as one run. Return the exit code."""
    to = [] if options.no_mail else options.to or _recipients(options.profile)
    profile = options.profile if to and has_mail_settings(options.profile) else None
    this_run = runs.run(
        encoding.decoded(options.name or default_name(options)),
        to=to,
        profile=profile,
        folder=options.folder,
        keep=options.keep,
    )
    try:
        note(
            f"Running {encoding.as_text(options.notebook.name)} with the profile {options.profile!r}. Ctrl-C stops it."
        )
        with this_run:
            execution.execute(this_run, options.notebook, notebook, options.profile, parameters)
    except RunRefusedError as error:
        complain(str(error))
        return REFUSED
    except MissingPackageError as error:
        complain(temporary_python.how_to_install("run", "automate", error.reason))
        exit_code = FAILED
    except BoxNotebookError as error:
        complain(redaction.redact(str(error)))
        exit_code = FAILED
    except SystemExit as stop:
        exit_code = int(stop.code or 0) if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        exit_code = 128 + signal.SIGINT
    except Exception:  # noqa: BLE001  the run reports every error
        complain(this_run.problem)
        exit_code = FAILED
    else:
        exit_code = UNDELIVERED if this_run.undelivered else 0
    note(ending(this_run, stopped=exit_code > 128))
    return exit_code


def ending(this_run: runs.Run, *, stopped: bool) -> str:
    """Return how a run ended and where its files are, for a person who watches."""
    outcome = "Stopped" if stopped else this_run.outcome
    lines = [f"{outcome} after {this_run.seconds:.0f} s."]
    lines += [f"  Saved  {encoding.as_text(file)}" for file in this_run.files]
    lines += [f"  Log    {encoding.as_text(this_run.log_file)}"] if this_run.log_file else []
    return "\n".join(lines)


def has_mail_settings(profile: str) -> bool:
    """Return whether a profile has mail settings of its own."""
    try:
        return mail.settings_of(profile) is not None
    except MailError:
        return False


def _recipients(profile: str) -> list[str]:
    try:
        return list(mail.settings_of(profile).to)
    except MailError:
        return []
