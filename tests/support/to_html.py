"""Execute every notebook against the sandbox and write it as HTML that needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from executed import FOLDER, executed, paths
from nbconvert import HTMLExporter

NO_NETWORK = {
    "require_js_url": "",
    "jquery_url": "",
    "mathjax_url": "",
    "mermaid_js_url": "",
    "widget_renderer_url": "",
}


def write(path: Path, notebook: nbformat.NotebookNode, target: Path) -> None:
    """Write the page of an executed notebook. Links to notebooks become links to their pages."""
    exporter = HTMLExporter(**NO_NETWORK)
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.replace('.ipynb"', '.html"'), encoding="utf-8")


def main(folder: str) -> int:
    """Convert every notebook; return exit code 0."""
    count = 0
    for path, notebook in executed(paths()):
        target = Path(folder) / path.relative_to(FOLDER).with_suffix(".html")
        write(path, notebook, target)
        print(target)
        count += 1
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
