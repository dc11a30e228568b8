"""Export a notebook as slides in one self-contained HTML file: ``python -m boxnb.labs.slides NOTEBOOK OUTPUT``.

JupyterLab's property inspector sets the slide type of each cell: *slide* and *subslide* start a slide, and *skip* leaves
the cell out. *Notes* are for the presenter, in a second window that N opens. A *fragment* stays hidden until a key
reveals it; of a code cell, that is the output, so that the audience can read the code and guess. A last line that only
names what to show, such as ``practice.trace.drawing``, is left out.
"""

from __future__ import annotations

import ast
import functools
import html
import re
import sys
from pathlib import Path
from typing import Any, Final

from boxnb.errors import BoxNotebookError, require
from boxnb.local import encoding
from boxnb.widgets import javascript

HERE = Path(__file__).parent
SLIDE_STARTS = ("slide", "subslide")
STATIC = "text/html"
WIDGET = "application/vnd.jupyter.widget-view+json"
DRAWS: Final = re.compile(r"labs\.\w+\(\)")
MINUTES: Final = re.compile(r"\*\*Minute (\d+) to (\d+):\*\*")
"""What the notes of a slide say about its time, in minutes since the beginning of the talk."""


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
        options: dict[str, Any] = {"timeout": 300, "startup_timeout": 300, "store_widget_state": False}
        NotebookClient(content, resources=resources, **options).execute()
    output = Path(target)
    output.write_text(page(content), encoding="utf-8")
    return output


def page(content: Any) -> str:
    """Return a notebook and its outputs as an HTML page: a stage of slides, and the presenter's notes."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    slides = _slides(content)
    stage = "".join(_slide(cells, number, len(slides)) for number, cells in enumerate(slides, 1))
    notes = "".join(_notes(cells, number) for number, cells in enumerate(slides, 1))
    title = content.cells[0].source.partition("\n")[0].lstrip("# ") if content.cells else "Slides"
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "monokai"))
    style = (HERE / "slides.css").read_text(encoding="utf-8")
    script = javascript.join_modules(HERE / "slides_view.js")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{light}\n'
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n{style}</style></head><body>"
        f'<main class="stage">{stage}<p class="keys" hidden></p><p class="status" role="status"></p></main>'
        '<main class="notes" hidden><header><p class="clock" role="timer"></p><p class="pace"></p>'
        '<p class="now"></p><p class="next"></p></header><p class="connection" role="status"></p>'
        f'{notes}<footer class="keys"></footer></main><script>{script}</script></body></html>\n'
    )


def _slides(content: Any) -> list[list[Any]]:
    """Return the cells of each slide."""
    slides: list[list[Any]] = []
    for number, cell in enumerate(content.cells, 1):
        cell.setdefault("id", f"cell-{number}")  # notebooks before nbformat 4.5 have none
        slide_type = _slide_type(cell)
        if slide_type == "skip":
            continue
        if slide_type in SLIDE_STARTS or not slides:
            slides.append([])
        slides[-1].append(cell)
    return slides


def _slide(cells: list[Any], number: int, total: int) -> str:
    shown = "".join(_shown(cell) for cell in cells if _slide_type(cell) != "notes")
    return (
        f'<section aria-label="Slide {number} of {total}"{"" if number == 1 else " hidden"}>'
        f'<div class="content">{shown}</div><p class="slide-number">{number} / {total}</p></section>'
    )


def _shown(cell: Any) -> str:
    """Return a cell for the audience; a key reveals a fragment, or the output of a code cell that is one."""
    is_fragment = _slide_type(cell) == "fragment"
    if cell.cell_type != "code":
        return _fragment(_render([cell])) if is_fragment else _render([cell])
    source = essential(cell.source) if cell.outputs else cell.source
    code = _render([{**cell, "source": source, "outputs": []}]) if source else ""
    apart = {**cell, "id": f"{cell.id}-output"}  # an id has to be unique in a page
    output = _render([apart], exclude_input=True) if cell.outputs else ""
    return code + (_fragment(output) if is_fragment and output else output)


def _fragment(inner: str) -> str:
    return f'<div class="fragment">{inner}</div>'


def essential(source: str) -> str:
    """Return code without a last line that only names what to show, or draws it, because the slide shows it."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic command
        return source
    last = statements[-1] if statements else None
    if not isinstance(last, ast.Expr):
        return source
    if not DRAWS.fullmatch(ast.unparse(last)) and any(isinstance(node, ast.Call) for node in ast.walk(last)):
        return source
    return "\n".join(source.splitlines()[: last.lineno - 1]).rstrip()


def _notes(cells: list[Any], number: int) -> str:
    """Return the notes of a slide, with the minutes that they name."""
    notes = [cell for cell in cells if _slide_type(cell) == "notes"]
    minutes = MINUTES.search("\n".join(cell.source for cell in notes))
    planned = f' data-from="{minutes[1]}" data-to="{minutes[2]}"' if minutes else ""
    return f'<article aria-label="Notes for slide {number}"{planned} hidden>{_render(notes)}</article>'


def _slide_type(cell: Any) -> str:
    return str(cell.metadata.get("slideshow", {}).get("slide_type", ""))


@functools.cache
def _exporter(exclude_input: bool) -> Any:
    from nbconvert import HTMLExporter

    options = {
        "exclude_input": exclude_input,
        "exclude_input_prompt": True,
        "exclude_output_prompt": True,
        "exclude_anchor_links": True,
    }
    return HTMLExporter(template_name="basic", **options)  # type: ignore[no-untyped-call]


def _render(cells: list[Any], *, exclude_input: bool = False) -> str:
    import nbformat

    copies = [without_widgets(nbformat.from_dict(cell)) for cell in cells]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=copies)  # type: ignore[no-untyped-call]
    body, _ = _exporter(exclude_input).from_notebook_node(notebook)
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
