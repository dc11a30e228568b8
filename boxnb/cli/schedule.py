"""``boxnb schedule``: print what cron, launchd, systemd or the Windows Task Scheduler needs to run a notebook or a script."""

from __future__ import annotations

import argparse
import importlib.util
import sys

from .. import runs, store
from ..errors import BoxNotebookError, MailError
from ..local import encoding, private_files
from ..runs import mail, schedule
from ..runs.notebooks import UsageError
from . import run
from .exit_codes import USAGE
from .temporary_python import how_to_install, why_temporary
from .terminal import complain, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    run.notebook_arguments(parser, "the path of a notebook or of a Python script")
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
        text = schedule.text(plan, options.scheduler)
        for problem in obstacles(options) if options.notebook.suffix != ".py" else []:
            complain(f"Warning: {problem}")
        return show(text)
    except (BoxNotebookError, ValueError) as error:
        complain(str(error))
        return USAGE


def obstacles(options: argparse.Namespace) -> list[str]:
    """Return what would keep a scheduled notebook from running or from mailing its report, as it is now."""
    problems = []
    if options.profile != store.SANDBOX:
        saved = store.load(options.profile)
        if saved is None:
            problems.append(str(store.no_profile(options.profile)))
        elif not saved.has_access:
            problems.append(str(store.nobody_signed_in(options.profile, is_saved=True)))
    if options.to:
        try:
            if not run.has_mail_settings(options.profile):
                mail.settings_of(None)
        except MailError as error:
            problems.append(str(error))
    missing = [name for name in ("papermill", "nbconvert") if not _is_installed(name)]
    if missing:
        problems.append(how_to_install("run", "automate", f"No module named {missing[0]!r}"))
    return problems


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:  # an import hook may refuse it
        return False


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
