"""``boxnb lab``: copy the notebooks to a folder of the user's choice, and open the first one in JupyterLab."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from ..errors import ArgumentError, MissingPackageError, require
from ..local import encoding
from . import notebook_copies, notebook_files
from .exit_codes import FAILED
from .temporary_python import install_here
from .terminal import complain, path_argument, show

DEFAULT = Path("boxnb-notebooks")
IGNORED = "data/.gitignore"
"""Keeps what the notebooks export out of git, in case the folder is in a repository."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "folder", nargs="?", type=path_argument, default=DEFAULT, metavar="FOLDER", help=f"default: {DEFAULT}"
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="replace unchanged notebooks with their new versions, and write the new version of a changed one next to it",
    )
    parser.add_argument("--no-start", action="store_true", help="only copy; do not start JupyterLab")
    parser.epilog = (
        "A notebook that you have changed is never overwritten. Options after -- go to JupyterLab: "
        "boxnb lab -- --no-browser --port=9000"
    )


def execute(options: argparse.Namespace) -> int:
    """Copy the notebooks, start JupyterLab, and return the exit code when it stops."""
    folder = Path(os.path.abspath(options.folder.expanduser()))  # noqa: PTH100  keeps the user's links
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{encoding.as_text(folder)} is a file. Name a folder for the notebooks.")
    if folder.resolve().is_relative_to(notebook_files.folder()):
        text = f"{encoding.as_text(folder)} already contains boxnb's own notebooks, so nothing was copied.\n"
        folder = notebook_files.folder()
    else:
        files = {name: notebook_files.for_a_folder(name) for name in notebook_files.names()}
        files[IGNORED] = b"*\n"
        known: set[str] = set()
        with contextlib.suppress(OSError):  # the copy reports a folder that cannot be used
            known.update(notebook_copies.recorded_in(folder))
        text = report(notebook_copies.copy(files, folder, update=options.update), folder, known)
    exit_code = show(text)
    return exit_code if options.no_start else _start(folder, options.passed_on)


def report(copies: notebook_copies.Copies, folder: Path, known: set[str]) -> str:
    """Return what was done, in a few lines. ``known`` has the files that were recorded before."""
    where = encoding.as_text(folder)
    lines = []
    if copies.written:
        lines.append(f"Copied {_counted(copies.written)} to {where}.")
    if copies.replaced:
        lines += ["Replaced by new versions, because you had not changed them:", *_listed(copies.replaced)]
    if copies.offered:
        lines += ["Wrote the new versions of files that you have changed:", *_listed(copies.offered)]
    for reason, names in _reasons(copies.left_alone, known).items():
        lines += [f"Left alone, because {reason}:", *_listed(names)]
    if copies.outdated:
        changed = [name for name in copies.outdated if name in copies.left_alone]
        unchanged = [name for name in copies.outdated if name not in changed]
        if unchanged:
            lines += ["boxnb has new versions; --update replaces yours with them:", *_listed(unchanged)]
        if changed:
            lines.append(
                "Yours differ from boxnb's; --update writes boxnb's next to them, as NAME.new.ipynb:"
            )
            lines += _listed(changed)
    if not any(copies):
        lines.append(f"The notebooks in {where} are up to date.")
    return "".join(f"{line}\n" for line in lines)


def _reasons(left_alone: list[str], known: set[str]) -> dict[str, list[str]]:
    """Return the files that were left alone, by reason. A file whose new version was offered is recorded, whoever wrote it."""
    reasons: dict[str, list[str]] = {}
    for name in left_alone:
        if name not in known:
            reason = "boxnb did not write them"
        elif notebook_copies.new_name(name) in known:
            reason = "boxnb did not write them, or you have changed them"
        else:
            reason = "you have changed them"
        reasons.setdefault(reason, []).append(name)
    return reasons


def _counted(names: list[str]) -> str:
    return f"{len(names)} file{'s' if len(names) > 1 else ''}"


def _listed(names: list[str]) -> list[str]:
    return [f"  {name}" for name in names]


def _start(folder: Path, options: list[str]) -> int:
    """Run JupyterLab in this process until the user stops it."""
    try:
        require("boxnb lab", "boxnb[lab]", "jupyterlab", "jupyterlab.labapp")
    except MissingPackageError as error:
        complain(
            f"JupyterLab cannot start ({error.name or 'jupyterlab'} is missing). The notebooks are in "
            f"{encoding.as_text(folder)}. Install it with: {install_here('lab')}"
        )
        return FAILED
    from jupyterlab.labapp import LabApp

    # Kernels use the Python in which boxnb is installed, even if the user has another kernel of the same name.
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    # Unlike a file on the command line, the default URL is also in the address that JupyterLab prints for --no-browser.
    first = f"--LabApp.default_url=/lab/tree/{notebook_files.START}"
    LabApp.launch_instance([first, f"--ServerApp.root_dir={folder}", *options])
    return 0
