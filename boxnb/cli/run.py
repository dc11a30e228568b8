"""The command line: run a notebook unattended, or print what a scheduler needs to run it.

The exit codes are::

    0               The notebook ran, with or without warnings.
    1               The notebook failed.
    2               The command line is not valid.
    4               The notebook ran, but a report could not be delivered.
    75              A run with the same name is already in progress.
    129, 130, 143   SIGHUP, Ctrl-C or SIGTERM stopped the run.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import redaction, runs, store
from ..errors import BoxNotebookError, MailError, RunRefusedError
from ..local import encoding
from ..runs import execution, mail, schedule
from ..runs.notebooks import UsageError, check_parameters, read
from ..store import mail_settings

FAILED, USAGE, UNDELIVERED, REFUSED = 1, 2, 4, 75


def parser() -> argparse.ArgumentParser:
    """Return the command-line parser."""
    top = argparse.ArgumentParser(prog="python -m boxnb", description="Run notebooks unattended.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run_parser = verbs.add_parser("run", help="execute a notebook, save it as HTML, and report the outcome")
    schedule_parser = verbs.add_parser(
        "schedule", help="print what cron, launchd, systemd or Windows needs to run a notebook"
    )
    for verb in (run_parser, schedule_parser):
        verb.add_argument("notebook", type=Path)
        verb.add_argument("--profile", default="sandbox", help="the saved sign-in (default: sandbox)")
        verb.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE")
        verb.add_argument(
            "--to", action="append", default=[], metavar="ADDRESS", help="a recipient of the run report"
        )
        verb.add_argument("--name", help="the name of the run (default: notebook and profile)")
    run_parser.add_argument(
        "--no-mail", action="store_true", help="do not send mail, even if the profile names recipients"
    )
    run_parser.add_argument(
        "--folder", type=Path, help="the folder for the log and the HTML page (default: next to the profiles)"
    )
    run_parser.add_argument("--keep", type=int, default=30, help="how many logs to keep (default: 30)")
    schedule_parser.add_argument("--for", dest="scheduler", choices=schedule.SCHEDULERS, default="cron")
    schedule_parser.add_argument("--at", default="06:30", help="the time of day (default: 06:30)")
    schedule_parser.add_argument("--every", choices=schedule.EVERY, default="day", help="default: day")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        _check_folder(store.home(), "BOXNB_HOME")
        _check_folder(options.folder if options.verb == "run" else None, "--folder")
        parameters = parse_parameters(options.parameters)
        notebook = read(options.notebook)
        check_parameters(notebook, parameters, options.notebook)
        for address in options.to:
            mail_settings.check_address(address)
        store.path(options.profile)
        if options.verb == "run":
            return run(options, notebook, parameters)
        plan = schedule.Plan(
            notebook=options.notebook.resolve(),
            name=runs.check_run_name(encoding.decoded(options.name or default_name(options))),
            at=options.at,
            every=options.every,
            command=run_command(options, parameters),
        )
        return _print(schedule.text(plan, options.scheduler))
    except (BoxNotebookError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE


def _check_folder(path: Path | None, setting: str) -> None:
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(
            f"{setting} must be a folder, but {encoding.as_text(path)} is a file. Set it to a folder."
        )


def _print(text: str) -> int:
    """Print the text and return the exit code. The program that reads from a pipe may stop early, as ``head`` does."""
    try:
        sys.stdout.write(encoding.printable(text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again at exit, which would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"Cannot print the text: {error.strerror}.\n")
        return FAILED
    return 0


def default_name(options: argparse.Namespace) -> str:
    """Return the default name of a run, which consists of the names of the notebook and the profile."""
    name = re.sub(r"[^\w .()+-]", "-", f"{encoding.decoded(options.notebook.stem)}-{options.profile}").strip(
        " .()+-"
    )
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
    profile = options.profile if to and _has_mail_settings(options.profile) else None
    this_run = runs.run(
        encoding.decoded(options.name or default_name(options)),
        to=to,
        profile=profile,
        folder=options.folder,
        keep=options.keep,
    )
    try:
        with this_run:
            execution.execute(this_run, options.notebook, notebook, options.profile, parameters)
    except RunRefusedError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except BoxNotebookError as error:
        sys.stderr.write(f"{redaction.redact(str(error))}\n")
        return FAILED
    except SystemExit as stop:
        return int(stop.code or 0) if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:  # noqa: BLE001  the run reports every error
        sys.stderr.write(f"{this_run.problem}\n")
        return FAILED
    return UNDELIVERED if this_run.undelivered else 0


def _has_mail_settings(profile: str) -> bool:
    try:
        return mail.settings_of(profile) is not None
    except MailError:
        return False


def _recipients(profile: str) -> list[str]:
    try:
        return list(mail.settings_of(profile).to)
    except MailError:
        return []
