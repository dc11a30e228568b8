"""Execute the notebooks against a sandbox of their own, as a reader who signs in through the panel."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from robot import Robot

import boxnb
from boxnb.labs.slides import without_widgets

SECONDS = 600
"""The time limit of one cell, which only a very busy computer reaches."""

FOLDER = Path(__file__).parents[2] / "notebooks"


def paths() -> list[Path]:
    """Return the paths of all notebooks, in reading order."""
    return sorted(FOLDER.rglob("[0-9]*.ipynb"))


@contextmanager
def own_home() -> Iterator[None]:
    """Use a new home folder for boxnb in this process, and stop its sandbox afterwards."""
    before = os.environ.get("BOXNB_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        try:
            yield
        finally:
            boxnb.sandbox.stop()
            os.environ.pop("BOXNB_HOME")
            if before is not None:
                os.environ["BOXNB_HOME"] = before


def executed(notebooks: Sequence[Path]) -> Iterator[tuple[Path, nbformat.NotebookNode]]:
    """Run notebooks one after the other with the robot. Yield each with its outputs; widgets are their plain fallbacks.

    Standard error says which notebook is being executed, and an error has a note with its name.
    """
    with own_home():
        for number, path in enumerate(notebooks, 1):
            name = path.relative_to(FOLDER).as_posix()
            print(f"Executing {name} ({number} of {len(notebooks)})", file=sys.stderr, flush=True)
            notebook = nbformat.read(path, as_version=4)
            resources = {"metadata": {"path": str(path.parent)}}
            try:
                Robot(notebook, learns=False, timeout=SECONDS, resources=resources).execute()
            except Exception as error:
                error.add_note(f"This happened in the notebook {name}.")
                raise
            for cell in notebook.cells:
                without_widgets(cell)
            yield path, notebook
