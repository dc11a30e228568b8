"""``boxnb schedule``: print what cron, launchd, systemd or the Windows Task Scheduler needs to run a notebook or a script."""

from __future__ import annotations

import argparse
import sys

from .. import runs, store
from ..errors import BoxNotebookError
from ..local import encoding, private_files
from ..runs import schedule
from ..runs.notebooks import UsageError
from . import run
from .exit_codes import USAGE
from .temporary_python import why_temporary
from .terminal import complain, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    run.notebook_arguments(parser)
    default = "windows" if private_files.WINDOWS else "cron"
    parser.add_argument(
        "--for", dest="scheduler", choices=schedule.SCHEDULERS, default=default, help=f"default: {default}"
    )
    parser.add_argument("--at", default="06:30", help="the time of day (default: 06:30)")
    parser.add_argument("--every", choices=schedule.EVERY, default="day", help="default: day")


def execute(options: argparse.Namespace) -> int:
    """Print the text for one scheduler and return the exit code."""
    try:
        if options.notebook.suffix == ".py":
            command = _script_command(options)
            name = options.name or run.run_name(encoding.decoded(options.notebook.stem))
        else:
            _, parameters = run.checked(options)
            name, command = options.name or run.default_name(options), run.run_command(options, parameters)
        if message := why_temporary():
            complain(message)
            return USAGE
        plan = schedule.Plan(
            notebook=options.notebook.resolve(),
            name=runs.check_run_name(encoding.decoded(name)),
            at=options.at,
            every=options.every,
            command=command,
        )
        return show(schedule.text(plan, options.scheduler))
    except (BoxNotebookError, ValueError) as error:
        complain(str(error))
        return USAGE


def _script_command(options: argparse.Namespace) -> list[str]:
    """Return the command that runs a Python script. It works in any folder.

    Raises
    ------
    UsageError
        The file is missing, or an option is only for notebooks.
    """
    run.check_folder(store.home(), "BOXNB_HOME")
    if not options.notebook.is_file():
        raise UsageError(f"{encoding.as_text(options.notebook)} cannot be scheduled: it is not a file.")
    if options.parameters or options.to or options.profile != "sandbox":
        raise UsageError(
            "A script has its own settings. Leave out --profile, -p and --to, and set them in the script."
        )
    return [sys.executable, str(options.notebook.resolve())]
