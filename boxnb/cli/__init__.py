"""The command line: one module per verb, each with ``arguments`` and ``execute``. Only ``__main__`` imports this folder.

A verb's module is imported when its verb is used, so that ``boxnb --help`` does not load pandas. `exit_codes` names the exit
codes, and `terminal` prints. `notebook_files` finds the notebooks that come with boxnb, `notebook_copies` copies them without
overwriting anything, and `notebook_secrets` searches a notebook for secrets.

The exit codes are::

    0               The command did what it says. A notebook ran, with or without warnings.
    1               The command or the notebook failed, or a check found something.
    2               The command line is not valid.
    4               The notebook ran, but a report could not be delivered.
    75              A run with the same name is already in progress.
    129, 130, 143   SIGHUP, Ctrl-C or SIGTERM stopped the command.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..errors import BoxNotebookError
from .exit_codes import FAILED, REFUSED, UNDELIVERED, USAGE
from .terminal import complain, plain_warnings

if TYPE_CHECKING:
    from .run import run_command

__all__ = ["FAILED", "REFUSED", "UNDELIVERED", "USAGE", "VERBS", "main", "parser", "run_command"]

VERBS = {
    "lab": "copy the notebooks to a folder and open them in JupyterLab",
    "new": "copy one notebook, or the plain script, into the current folder",
    "sign-in": "sign in by text, in a terminal or over SSH",
    "server": "save another server, such as a device manager, at hidden prompts",
    "move-servers": "move the servers that an older boxnb saved into profiles",
    "adopt": "take over the variables of an older script",
    "status": "show the saved sign-ins, without a call to Box",
    "doctor": "check everything between this computer and Box",
    "contract": "compare Box with what boxnb expects of it, in at most 60 reads, and write one page",
    "sign-out": "revoke a saved sign-in and delete it from this computer",
    "keep-alive": "refresh a saved sign-in, so that it stays valid for another 60 days",
    "run": "execute a notebook, save it as HTML, and report the outcome",
    "schedule": "print what cron, launchd, systemd or Windows needs to run a notebook or script",
    "check-notebooks": "search notebooks for secrets in source, outputs and widget state",
}
"""Every verb, with its line of help. The module of ``sign-out`` is ``sign_out``."""

TO_JUPYTERLAB = "Options for JupyterLab go after --, such as: boxnb lab boxnb-notebooks -- --no-browser"

_MODULES = {"run_command": "run", "default_name": "run", "parse_parameters": "run"}


def __getattr__(name: str) -> Any:
    """Return a function of a verb's module, importing the module first."""
    if name not in _MODULES:
        raise AttributeError(f"module 'boxnb.cli' has no attribute {name!r}")
    return getattr(_module(_MODULES[name]), name)


def _module(verb: str) -> Any:
    return importlib.import_module(f".{verb.replace('-', '_')}", __name__)


def parser(verb: str | None = None) -> argparse.ArgumentParser:
    """Return the command-line parser, with the arguments of one verb."""
    is_module = PurePath(sys.argv[0]).name == "__main__.py"
    top = argparse.ArgumentParser(
        prog="python -m boxnb" if is_module else "boxnb",
        description="Sign in to Box, explore the enterprise in notebooks, and run them unattended.",
        epilog="boxnb VERB --help explains one verb.",
    )
    top.add_argument("--version", action="version", version=_version())
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    for name, line in VERBS.items():
        verb_parser = verbs.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        verb_parser.set_defaults(fail=verb_parser.error)
        if name == verb:
            _module(name).arguments(verb_parser)
    return top


def _version() -> str:
    from .. import __version__

    return f"boxnb {__version__}"


def _no_verb(word: str) -> str:
    from ..local.similar import question

    verbs = "".join(f"\n  {verb}" for verb in VERBS)
    return f"there is no verb {word!r}.{question(word, VERBS)} The verbs are:{verbs}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the name of the program; by default those of this process.

    Returns
    -------
    int
        See :mod:`boxnb.cli`.

    Raises
    ------
    SystemExit
        argparse printed the help, or a message about an invalid command line.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    verb = next((word for word in words if not word.startswith("-")), None)
    passed_on: list[str] = []
    if verb == "lab" and "--" in words:
        cut = words.index("--")
        words, passed_on = words[:cut], words[cut + 1 :]
    top = parser(verb)
    if verb is not None and verb == words[0] and verb not in VERBS:
        top.error(_no_verb(verb))
    options, unknown = top.parse_known_args(words, argparse.Namespace(passed_on=passed_on))
    if options.verb is None:
        top.error("a verb is missing; boxnb lab opens the notebooks, and boxnb --help lists the verbs")
    if unknown:
        hint = "\n" + TO_JUPYTERLAB if options.verb == "lab" else ""
        options.fail(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    try:
        with plain_warnings(unless=options.verb == "lab"):
            return int(_module(options.verb).execute(options))
    except BoxNotebookError as error:
        from .. import redaction

        complain(redaction.redact(str(error)))
        return USAGE if isinstance(error, ValueError) else FAILED
    except OSError as error:
        from ..transport.network_trouble import network_trouble

        complain(network_trouble(error))
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
