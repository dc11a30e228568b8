"""A notebook as slides in one HTML file that loads nothing: ``python -m boxnb.labs.slides NOTEBOOK OUTPUT``.

Cells are grouped by the slide types that JupyterLab's property inspector sets: *slide* and *subslide* begin a slide,
*skip* is left out, *notes* are for the presenter (press N).
"""

from __future__ import annotations

import html
import sys
from pathlib import Path
from typing import Any

from boxnb.errors import BoxNotebookError, require
from boxnb.local import encoding
from boxnb.widgets import javascript

HERE = Path(__file__).parent
BEGINS = ("slide", "subslide")
STATIC = "text/html"
WIDGET = "application/vnd.jupyter.widget-view+json"


def export(notebook: str | Path, target: str | Path, *, run: bool = True) -> Path:
    """Run a notebook and write it as slides.

    Parameters
    ----------
    notebook : path
        Run in its own folder, in a fresh kernel; the file itself is not changed.
    target : path
        The HTML file to write.
    run : bool
        False takes the outputs that the notebook has.
    """
    require("Slides", "boxnb[automate]", "nbformat", "nbclient", "nbconvert", "pygments")
    import nbformat
    from nbclient import NotebookClient

    source = Path(notebook)
    content = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    if run:
        folder = {"metadata": {"path": str(source.resolve().parent)}}
        NotebookClient(content, timeout=300, resources=folder, store_widget_state=False).execute()
    written = Path(target)
    written.write_text(page(content), encoding="utf-8")
    return written


def page(content: Any) -> str:
    """The slides of a notebook with outputs, as one HTML page."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    slides: list[list[Any]] = []
    for cell in content.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "")
        if kind == "skip":
            continue
        if kind in BEGINS or not slides:
            slides.append([])
        slides[-1].append(cell)
    inner = "".join(_slide(cells, place, len(slides)) for place, cells in enumerate(slides, 1))
    first = content.cells[0].source.partition("\n")[0].lstrip("# ") if content.cells else "Slides"
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "monokai"))
    style = (HERE / "slides.css").read_text(encoding="utf-8")
    script = javascript.joined(HERE / "slides_view.js")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(first)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n'
        f"{style}</style></head><body><main>{inner}</main><script>{script}</script></body></html>\n"
    )


def _slide(cells: list[Any], place: int, total: int) -> str:
    shown = [cell for cell in cells if _kind(cell) != "notes"]
    notes = [cell for cell in cells if _kind(cell) == "notes"]
    aside = f'<aside hidden aria-label="Notes">{_rendered(notes)}</aside>' if notes else ""
    return (
        f'<section aria-label="Slide {place} of {total}"{"" if place == 1 else " hidden"}>'
        f'{_rendered(shown)}{aside}<p class="place">{place} / {total}</p></section>'
    )


def _kind(cell: Any) -> str:
    return str(cell.metadata.get("slideshow", {}).get("slide_type", ""))


def _rendered(cells: list[Any]) -> str:
    import nbformat
    from nbconvert import HTMLExporter

    part = nbformat.v4.new_notebook(cells=[still(cell) for cell in cells])  # type: ignore[no-untyped-call]
    quiet = {"exclude_input_prompt": True, "exclude_output_prompt": True}
    exporter = HTMLExporter(template_name="basic", **quiet)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(part)
    return str(body)


def still(cell: Any) -> Any:
    """A cell that shows a widget's own page in place of the widget, which would need a kernel."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if WIDGET in data and STATIC in data:
            del data[WIDGET]
    return cell


if __name__ == "__main__":
    try:
        sys.stdout.write(encoding.printable(f"{export(*sys.argv[1:3])}\n", sys.stdout))
    except BoxNotebookError as error:
        sys.exit(str(error))
