"""Execute every notebook against the sandbox and write it as HTML that needs no network."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from robot import Robot

import boxnb
from boxnb.labs.slides import without_widgets

ROOT = Path(__file__).parents[2]
NO_NETWORK = {
    "require_js_url": "",
    "jquery_url": "",
    "mathjax_url": "",
    "mermaid_js_url": "",
    "widget_renderer_url": "",
}


def convert(path: Path, target: Path) -> None:
    """Run one notebook with the robot and write its page. Links to notebooks become links to their pages."""
    notebook = nbformat.read(path, as_version=4)
    Robot(notebook, learns=False, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        without_widgets(cell)
    exporter = HTMLExporter(**NO_NETWORK)
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.replace('.ipynb"', '.html"'), encoding="utf-8")


def main(folder: str) -> int:
    """Convert every notebook; return exit code 0."""
    paths = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        try:
            for path in paths:
                target = Path(folder) / path.relative_to(ROOT / "notebooks").with_suffix(".html")
                convert(path, target)
                print(target)
        finally:
            boxnb.sandbox.stop()
    return 0 if paths else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
