"""``boxnb check-notebooks``: search notebooks for secrets, before they are committed or sent."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import BoxNotebookError
from ..local import encoding
from . import notebook_secrets
from .exit_codes import FAILED, USAGE
from .terminal import complain, show

SKIPPED = {".git", "node_modules"}
ADVICE = (
    "Remove what was found: delete it from the source, and clear the outputs and the widget state, then save.\n"
    "If anyone else has had the file, the secret is no longer secret. Run boxnb sign-out PROFILE and sign in again; reset a "
    "client secret in Box's Developer Console.\n"
)


class UnreadableNotebookError(BoxNotebookError):
    """A file cannot be searched, so it may contain a secret."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path()],
        metavar="PATH",
        help="notebooks, and folders that contain notebooks (default: the current folder)",
    )
    parser.epilog = (
        "The exit code is 1 if something is found, and 2 if a file cannot be searched. "
        "The secrets themselves are never printed."
    )


def execute(options: argparse.Namespace) -> int:
    """Print what was found and return the exit code."""
    saved = notebook_secrets.saved_secrets()
    for name in saved.unread:
        complain(f"Cannot read the secrets of {name!r}, so the notebooks were not searched for them.")
    lines, searched, unreadable, affected = [], 0, 0, 0
    for path in notebooks(options.paths):
        try:
            found = notebook_secrets.search(read(path), saved.kinds)
        except UnreadableNotebookError as error:
            complain(str(error))
            unreadable += 1
            continue
        searched += 1
        affected += bool(found)
        lines += [f"{encoding.as_text(path)}: {place}: {kind}\n" for place, kind in found]
    found_in = (
        f"in {affected} of {_counted(searched, 'notebook')}"
        if lines
        else f"in {_counted(searched, 'notebook')}"
    )
    summary = f"{_counted(len(lines), 'possible secret') if lines else 'No secret found'} {found_in}.\n"
    exit_code = show("".join([*lines, summary, ADVICE if lines else ""]))
    return exit_code or (FAILED if lines else USAGE if unreadable else 0)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def notebooks(paths: list[Path]) -> Iterator[Path]:
    """Yield the files among the paths, and the notebooks below the folders, except in `SKIPPED` and virtual environments."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, subfolders, files in os.walk(path):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if name not in SKIPPED and not (Path(folder) / name / "pyvenv.cfg").is_file()
            )
            yield from (Path(folder) / name for name in sorted(files) if name.lower().endswith(".ipynb"))


def read(path: Path) -> dict[str, Any]:
    """Return the decoded JSON of a notebook, of any version of the format.

    Raises
    ------
    UnreadableNotebookError
        The file is missing, or is not a notebook.
    """
    reason = "it is not a notebook"
    try:
        if path.is_fifo():  # reading a pipe could block forever
            raise ValueError
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if isinstance(content, dict):
            return content
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (ValueError, RecursionError):
        pass
    raise UnreadableNotebookError(f"{encoding.as_text(path)} cannot be searched: {reason}.")
