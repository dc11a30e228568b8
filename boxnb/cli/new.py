"""``boxnb new``: copy one notebook, or the plain script, into the current folder. Nothing is overwritten."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path, PurePosixPath

from ..errors import ArgumentError
from ..local import private_files
from ..local.similar import question
from . import notebook_files
from .exit_codes import FAILED
from .notebook_copies import cannot_write
from .terminal import complain, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a notebook, such as 2-explore/01, 01-people or people; or 'script'. Without a name, list the choices",
    )


def execute(options: argparse.Namespace) -> int:
    """Copy the files and return the exit code."""
    choices = available()
    if options.name is None:
        return show("".join(f"{name}\n" for name in ["script", *choices]))
    name = notebook_files.SCRIPT if options.name.lower() == "script" else find(options.name, choices)
    files = notebook_files.alone(name)
    main, *others = files
    if os.path.lexists(main):
        complain(f"{main} already exists here and was left alone. Rename it, or use another folder.")
        return FAILED
    lines = []
    for file in [*others, main]:
        lines.append(
            f"Copied {file}." if _write_new(Path(file), files[file]) else f"{file} was already here."
        )
    if name == notebook_files.SCRIPT:
        lines.append(f"Change the settings at the top, then run: python {main}")
    return show("".join(f"{line}\n" for line in lines))


def available() -> list[str]:
    """Return the notebooks, such as ``2-explore/01-people``."""
    return [name.removesuffix(".ipynb") for name in notebook_files.names() if name.endswith(".ipynb")]


def find(wanted: str, choices: list[str]) -> str:
    """Return the path of the notebook with a name, a number or a part of either.

    Raises
    ------
    ArgumentError
        No notebook matches, or several do.
    """
    key = wanted.replace("\\", "/").removesuffix(".ipynb").removeprefix("notebooks/").lower()
    exact = [choice for choice in choices if key in _names(choice)]
    in_title = [choice for choice in choices if key and key in choice.rpartition("/")[2]]
    matches = exact or in_title or [choice for choice in choices if key and key in choice]
    if len(matches) == 1:
        return f"{matches[0]}.ipynb"
    listed = "".join(f"\n  {choice}" for choice in matches or ["script", *choices])
    if matches:
        raise ArgumentError(f"Several notebooks match {wanted!r}. Choose one of:{listed}")
    titles = {name for choice in choices for name in _names(choice)}
    suggestion = question(key, ["script", *sorted(titles)])
    raise ArgumentError(f"No notebook is called {wanted!r}.{suggestion} Choose one of:{listed}")


def _names(choice: str) -> set[str]:
    """Return the names of ``2-explore/01-people``: itself, ``01-people``, ``people``, ``2-explore/01``, ``2/1``, ``2.1``."""
    path = PurePosixPath(choice)
    number, _, title = path.name.partition("-")
    names = {choice, path.name, title, f"{path.parent}/{number}" if path.parent.name else number}
    if match := re.match(r"(\d+)-", path.parent.name):
        names |= {f"{match[1]}{sign}{digits}" for sign in "/." for digits in (number, number.lstrip("0"))}
    return names


def _write_new(path: Path, content: bytes) -> bool:
    """Write a file that does not exist yet. Return whether it was written.

    Raises
    ------
    CopyError
        The file cannot be written to this folder.
    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    except OSError as error:
        private_files.discard(path)  # the disk is full, and the file is not complete
        raise cannot_write(error, path.absolute()) from None
    return True
