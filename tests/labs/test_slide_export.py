"""The export of a notebook as slides: what is on a slide, what a key reveals, and what only the presenter sees."""

from __future__ import annotations

import re

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from boxnb.labs import slides


def words(text: str, slide_type: str = "") -> NotebookNode:
    """Return a Markdown cell of a slide type."""
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": slide_type}})


def code(source: str, shown: str = "", slide_type: str = "") -> NotebookNode:
    """Return a code cell of a slide type, with an output if something is shown."""
    outputs = [new_output("execute_result", {"text/plain": shown})] if shown else []
    return new_code_cell(source, outputs=outputs, metadata={"slideshow": {"slide_type": slide_type}})


def page(*cells: NotebookNode) -> str:
    """Return the page of a notebook of these cells."""
    return slides.page(new_notebook(cells=list(cells)))


def stage(text: str) -> str:
    """Return what the audience sees of a page."""
    return text.partition('<main class="stage">')[2].partition("</main>")[0]


def test_slides_and_subslides_start_a_slide() -> None:
    """Other cells continue it, and a skipped cell is nowhere in the page."""
    text = page(words("# Talk", "skip"), words("## One", "slide"), words("More"), words("## Two", "subslide"))
    assert re.findall(r'aria-label="(Slide \d of \d)"', text) == ["Slide 1 of 2", "Slide 2 of 2"]
    assert "More" in stage(text).partition("</section>")[0]
    assert "Talk</h1>" not in text


def test_notes_are_not_on_the_stage() -> None:
    """Each slide has notes, which may be empty, and the minutes that they name."""
    text = page(
        words("## One", "slide"),
        words("**Minute 4 to 8:** Ask *them*.", "notes"),
        words("## Two", "slide"),
    )
    assert "Ask" not in stage(text)
    first, second = re.findall(r"<article ([^>]*)>(.*?)</article>", text, re.DOTALL)
    assert 'data-from="4" data-to="8"' in first[0] and "<em>them</em>" in first[1]
    assert "data-from" not in second[0] and second[1].strip() == ""


def test_of_a_code_cell_a_fragment_is_the_output() -> None:
    """The audience reads the code first; a fragment of words is hidden as a whole."""
    text = stage(page(code("ask()", "the answer", "fragment"), words("and why", "fragment")))
    before, first, second = text.split('<div class="fragment">')
    assert "ask" in before and "the answer" not in before
    assert "the answer" in first and "ask" not in first
    assert "and why" in second


def test_without_an_output_a_code_cell_has_nothing_to_reveal() -> None:
    """A key that reveals nothing would look broken."""
    assert 'class="fragment"' not in stage(page(code("ask()", "", "fragment")))


def test_ids_are_unique() -> None:
    """Code and output of one cell are two elements; cells of an older notebook have no ids."""
    cells = [code("ask()", "yes", "fragment"), code("ask()", "yes", "fragment")]
    for cell in cells:
        del cell["id"]
    ids = re.findall(r' id="([^"]*)"', slides.page(NotebookNode(cells=cells)))
    assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("token = sign_in()\npractice.timeline.picture", "token = sign_in()"),
        ("turn(31)\n\nsaid[-1]", "turn(31)"),
        ("practice.trace.drawing", ""),
        ("labs.flow_picture()", ""),
        ("turn(31)\nme(token)", "turn(31)\nme(token)"),
        ("state = new_state()", "state = new_state()"),
        ("said[last()]", "said[last()]"),
        ("%time 1\nx", "%time 1\nx"),
        ("", ""),
    ],
)
def test_a_last_line_that_only_names_what_to_show_is_left_out(source: str, shown: str) -> None:
    """A line that calls something stays, because it does something."""
    assert slides.essential(source) == shown


def test_a_cell_without_output_keeps_all_its_lines() -> None:
    """Without an output, the last line shows nothing, so it has another reason."""
    assert "drawing" in stage(page(code("practice.trace.drawing")))
    assert "drawing" not in stage(page(code("practice.trace.drawing", "a picture")))


def test_a_title_cannot_contain_markup() -> None:
    """The page's title is the notebook's first line."""
    assert "<title>A &lt;b&gt; C</title>" in page(words("# A <b> C\n\ntext", "slide"))
