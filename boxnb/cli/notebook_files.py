"""Find the notebooks that come with boxnb, and change the paths in them that depend on where a notebook is."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

from ..errors import BoxNotebookError

START = "00-start-here.ipynb"
SCRIPT = "4-automate/weekly_report.py"
SUFFIXES = {".ipynb", ".py", ".csv", ".md", ".png"}
"""Types of the files that belong to the notebooks. In a clone, a user's own work may add other files to the folder."""

_PACKAGE = Path(__file__).resolve().parents[1]
_EXPORTS = "../../data/"
"""The folder for exports in a clone, next to the notebooks' folder, as a path from a notebook in a numbered folder."""

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!#|[a-z]+:)[^)\s]+\)")
"""A link to another notebook or file."""


class NotebooksMissingError(BoxNotebookError):
    """The notebooks are not where a clone or an installed boxnb keeps them."""


def folder() -> Path:
    """Return the folder of the notebooks: next to the package in a clone, inside it in an installed wheel.

    Raises
    ------
    NotebooksMissingError
    """
    for candidate in (_PACKAGE.parent / "notebooks", _PACKAGE / "_data" / "notebooks"):
        if (candidate / START).is_file():
            return candidate
    raise NotebooksMissingError(
        f"The notebooks are missing from {_PACKAGE / '_data'}. The installation is not complete. Install boxnb again."
    )


def names() -> list[str]:
    """Return the paths of the notebooks and the files that they need, sorted and relative to :func:`folder`."""
    top = folder()
    paths = [path.relative_to(top) for path in top.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return sorted(path.as_posix() for path in paths if not any(part[0] in "._" for part in path.parts))


def for_a_folder(name: str) -> bytes:
    """Return a file for a folder with all notebooks. Exports go to ``data/exports`` in that folder, not next to it."""
    content = (folder() / name).read_bytes()
    if name.endswith(".ipynb"):
        content = content.replace(_EXPORTS.encode(), _EXPORTS.removeprefix("../").encode())
    elif name.endswith(".md"):
        content = content.replace(b"of this repository", b"of the notebooks").replace(b" notebooks/", b" ")
    return content


def alone(name: str) -> dict[str, bytes]:
    """Return a notebook, or the script, for use without the others, with the files from its folder that it reads.

    Links to other notebooks become plain text, and exports go to ``data/exports`` next to the notebook.

    Returns
    -------
    dict of str to bytes
        The content of each file, by file name. The first is the notebook.
    """
    source = folder() / name
    content = source.read_bytes()
    files = {source.name: content}
    if source.suffix == ".ipynb":
        text = content.decode("utf-8").replace(_EXPORTS, "data/")
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = [_LINK.sub(r"\1", line) for line in cell["source"]]
        files[source.name] = f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode()
        for neighbour in names():
            path = PurePosixPath(neighbour)
            in_same_folder = path.parent == PurePosixPath(name).parent and path.suffix not in (
                ".ipynb",
                ".md",
            )
            if in_same_folder and path.name in text:
                files[path.name] = (folder() / neighbour).read_bytes()
    return files
