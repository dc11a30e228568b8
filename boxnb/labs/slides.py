"""Export a notebook as slides in one self-contained HTML file: ``python -m boxnb.labs.slides NOTEBOOK OUTPUT``.

JupyterLab's property inspector sets the slide type of each cell: *slide* and *subslide* start a slide, *skip* leaves
the cell out, and *notes* hides it until the presenter presses N.
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
SLIDE_STARTS = ("slide", "subslide")
STATIC = "text/html"
WIDGET = "application/vnd.jupyter.widget-view+json"


def export(notebook: str | Path, target: str | Path, *, run: bool = True) -> Path:
    """Run a notebook and export it as slides.

    Parameters
    ----------
    notebook : path
        The notebook to run. It runs in its own folder, in a new kernel; the file itself is not changed.
    target : path
        The HTML file to write.
    run : bool
        Whether to run the notebook; ``False`` uses the outputs that are saved in it.

    Returns
    -------
    Path
        The file written.
    """
    require("Slides", "boxnb[automate]", "nbformat", "nbclient", "nbconvert", "pygments")
    import nbformat
    from nbclient import NotebookClient

    source = Path(notebook)
    content = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    if run:
        resources = {"metadata": {"path": str(source.resolve().parent)}}
        NotebookClient(content, timeout=300, resources=resources, store_widget_state=False).execute()
    output = Path(target)
    output.write_text(page(content), encoding="utf-8")
    return output


def page(content: Any) -> str:
    """Return a notebook and its outputs as an HTML page of slides."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    slides: list[list[Any]] = []
    for cell in content.cells:
        slide_type = _slide_type(cell)
        if slide_type == "skip":
            continue
        if slide_type in SLIDE_STARTS or not slides:
            slides.append([])
        slides[-1].append(cell)
    inner = "".join(_slide(cells, number, len(slides)) for number, cells in enumerate(slides, 1))
    title = content.cells[0].source.partition("\n")[0].lstrip("# ") if content.cells else "Slides"
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "monokai"))
    style = (HERE / "slides.css").read_text(encoding="utf-8")
    script = javascript.join_modules(HERE / "slides_view.js")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n'
        f"{style}</style></head><body><main>{inner}</main><script>{script}</script></body></html>\n"
    )


def _slide(cells: list[Any], number: int, total: int) -> str:
    visible = [cell for cell in cells if _slide_type(cell) != "notes"]
    notes = [cell for cell in cells if _slide_type(cell) == "notes"]
    aside = f'<aside hidden aria-label="Notes">{_render(notes)}</aside>' if notes else ""
    return (
        f'<section aria-label="Slide {number} of {total}"{"" if number == 1 else " hidden"}>'
        f'{_render(visible)}{aside}<p class="slide-number">{number} / {total}</p></section>'
    )


def _slide_type(cell: Any) -> str:
    return str(cell.metadata.get("slideshow", {}).get("slide_type", ""))


def _render(cells: list[Any]) -> str:
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.v4.new_notebook(cells=[without_widgets(cell) for cell in cells])  # type: ignore[no-untyped-call]
    options = {"exclude_input_prompt": True, "exclude_output_prompt": True}
    exporter = HTMLExporter(template_name="basic", **options)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def without_widgets(cell: Any) -> Any:
    """Replace each widget in a cell with its plain fallback, because a widget needs a kernel."""
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
