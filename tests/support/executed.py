"""Execute the notebooks against a sandbox of their own, as a reader who signs in through the panel."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
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


def executed(notebooks: Iterable[Path]) -> Iterator[tuple[Path, nbformat.NotebookNode]]:
    """Run notebooks one after the other with the robot. Yield each with its outputs; widgets are their plain fallbacks."""
    with own_home():
        for path in notebooks:
            notebook = nbformat.read(path, as_version=4)
            resources = {"metadata": {"path": str(path.parent)}}
            Robot(notebook, learns=False, timeout=SECONDS, resources=resources).execute()
            for cell in notebook.cells:
                without_widgets(cell)
            yield path, notebook
