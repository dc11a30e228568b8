"""The presenter's notebook as slides: on four screens, with answers that a key reveals, and notes in a second window."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import axe
import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running import fresh_window

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "3-teach" / "05-teach-it.ipynb"
SIZES = ((1024, 600), (1280, 720), (1920, 1080), (3840, 2160))
SMALLEST = 18.0
"""The size of the smallest letters on a screen of 1280 by 720, in pixels."""

# What a person could not read on the slide in view: letters that are too small, and whatever is cut, covered or outside the stage.
# A stage of 1280 by 720 is scaled to the screen, so sizes are divided by the scale.
PROBLEMS = """smallest => {
    const slide = document.querySelector('section:not([hidden])'), stage = document.querySelector('.stage');
    const scale = stage.getBoundingClientRect().width / 1280, frame = stage.getBoundingClientRect(), found = [];
    const name = text => text.trim().replace(/\\s+/g, ' ').slice(0, 50);
    const outside = (box, around) => box.left < around.left - 1 || box.top < around.top - 1
        || box.right > around.right + 1 || box.bottom > around.bottom + 1;
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) found.push('the page scrolls');
    if (outside(frame, { left: 0, top: 0, right: innerWidth, bottom: innerHeight })) found.push('the stage is cut');
    const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement, range = document.createRange(), drawing = element.closest('svg');
        if (!node.data.trim() || element.closest('desc, title, style, [hidden]')) continue;
        range.selectNodeContents(node);
        const boxes = [...range.getClientRects()];
        const size = parseFloat(getComputedStyle(element).fontSize) * (drawing ? element.getScreenCTM().a / scale : 1);
        if (boxes.length && size < smallest - 0.01) found.push(`${size.toFixed(1)} px: ${name(node.data)}`);
        if (boxes.some(box => outside(box, frame))) found.push(`outside: ${name(node.data)}`);
        if (drawing && boxes.some(box => outside(box, drawing.getBoundingClientRect()))) found.push(`cut: ${name(node.data)}`);
    }
    for (const element of slide.querySelectorAll('*')) {
        const style = getComputedStyle(element);
        if (!element.getClientRects().length || element.parentElement.closest('svg')) continue;
        if (outside(element.getBoundingClientRect(), frame)) found.push(`outside: <${element.tagName}> ${name(element.textContent)}`);
        if (style.display !== 'inline' && element.clientWidth
            && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1))
            found.push(`scrolls: <${element.tagName}> ${name(element.textContent)}`);
    }
    const texts = [...slide.querySelectorAll('svg text')].map(text => [text.closest('svg'), text, text.getBoundingClientRect()]);
    for (const [index, [drawing, text, box]] of texts.entries())
        for (const [other, neighbour, next] of texts.slice(index + 1))
            if (drawing === other && box.left < next.right - 1 && next.left < box.right - 1
                && box.top < next.bottom - 4 && next.top < box.bottom - 4)
                found.push(`overlap: ${name(text.textContent)} and ${name(neighbour.textContent)}`);
    const content = slide.querySelector('.content'), number = slide.querySelector('.slide-number');
    const bottom = Math.max(...[...content.querySelectorAll('*')].map(element => element.getBoundingClientRect().bottom));
    if (bottom > number.getBoundingClientRect().top) found.push('the content covers the number of the slide');
    if (Number(content.style.getPropertyValue('--size')) < 1) found.push('the slide is too full');
    return [...new Set(found)] }"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The presenter's notebook, exported with the command that its notes give."""
    target = tmp_path_factory.mktemp("slides") / "slides.html"
    command = [sys.executable, "-m", "boxnb.labs.slides", str(NOTEBOOK), str(target)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=300)
    return target


@pytest.fixture
def slides(window: BrowserContext, exported: Path) -> Page:
    """The first slide, in a window."""
    page = window.new_page()
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(exported.as_uri())
    return page


@pytest.fixture
def notes(slides: Page) -> Page:
    """The window that N opens."""
    return notes_of(slides)


def notes_of(slides: Page) -> Page:
    """Press N, and return the window that it opens."""
    with slides.expect_popup() as opened:
        slides.keyboard.press("n")
    opened.value.wait_for_load_state()
    return opened.value


def slide_types() -> list[str]:
    """Return the slide types of the notebook's cells."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    return [str(cell.metadata.get("slideshow", {}).get("slide_type", "")) for cell in cells]


def number_of_slides() -> int:
    """Return how many slides the notebook starts."""
    return sum(name in ("slide", "subslide") for name in slide_types())


def each_slide(slides: Page) -> Iterator[int]:
    """Go through all slides with all their fragments shown, and yield the number of each."""
    count = number_of_slides()
    for number in range(1, count + 1):
        for _ in range(slides.locator("section:visible .fragment").count()):
            slides.keyboard.press("ArrowRight")
        assert slides.locator("section:visible").get_attribute("aria-label") == f"Slide {number} of {count}"
        yield number
        slides.keyboard.press("ArrowRight")


def screenshot(page: Page, name: str) -> None:
    """Save a screenshot if BOXNB_SCREENSHOTS names a folder."""
    folder = os.environ.get("BOXNB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
def test_slides_fit_the_screen(slides: Page, size: tuple[int, int], scheme: str) -> None:
    """On each screen, no letter is smaller than 18 pixels at 1280 by 720, nothing is cut, and nothing scrolls."""
    slides.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    slides.set_viewport_size({"width": size[0], "height": size[1]})
    problems = {}
    for number in each_slide(slides):
        screenshot(slides, f"slide-{size[0]}-{scheme}-{number:02}")
        problems[number] = slides.evaluate(PROBLEMS, SMALLEST)
    assert {number: found for number, found in problems.items() if found} == {}


def test_the_stage_fills_the_screen(slides: Page) -> None:
    """The same slide is three times as large on a screen with three times as many pixels in each direction."""
    heading = slides.locator("section:visible h2")
    before = heading.bounding_box()
    slides.set_viewport_size({"width": 3840, "height": 2160})
    after = heading.bounding_box()
    assert before is not None and after is not None
    assert after["height"] == pytest.approx(3 * before["height"], rel=0.02)
    assert after["x"] == pytest.approx(3 * before["x"], rel=0.02)


def test_a_slide_with_too_much_text_is_made_smaller_and_the_notes_say_so(
    slides: Page, exported: Path, tmp_path: Path
) -> None:
    """Nothing is cut, and the presenter sees that the letters are small."""
    more = "<p>One line more than fits, and another one.</p>" * 20
    end = '</div><p class="slide-number">'
    crowded = exported.read_text(encoding="utf-8").replace(end, more + end, 1)
    (tmp_path / "crowded.html").write_text(crowded, encoding="utf-8")
    slides.goto((tmp_path / "crowded.html").as_uri())
    assert slides.evaluate(PROBLEMS, 1.0) == ["the slide is too full"]
    expect(notes_of(slides).locator(".connection")).to_contain_text("more content than fits")


def test_an_answer_appears_at_a_key(slides: Page) -> None:
    """The right arrow and Space show the output before they turn the slide, and the left arrow hides it again."""
    assert slide_types().count("fragment") == slides.locator(".fragment").count() == 4
    section = slides.locator("section:visible")
    heading = section.get_by_role("heading")
    answer = section.locator(".fragment")
    slides.evaluate("location.hash = '#7'")
    slides.reload()
    expect(heading).to_have_text("What the server says")
    expect(section.get_by_text("exchange_code")).to_be_visible()
    expect(answer).to_be_hidden()
    slides.keyboard.press("Space")
    expect(answer).to_be_visible()
    expect(answer).to_contain_text("InvalidGrantError")
    slides.keyboard.press("ArrowLeft")
    expect(answer).to_be_hidden()
    slides.keyboard.press("ArrowRight")
    slides.keyboard.press("ArrowRight")
    expect(heading).to_have_text("The code becomes a pair of tokens")
    slides.keyboard.press("ArrowLeft")
    expect(answer).to_be_visible()  # going back shows what the audience has seen
    slides.reload()
    expect(answer).to_be_visible()


def test_keys_turn_the_slides_and_a_line_lists_them(slides: Page) -> None:
    """The question mark shows and hides the line of keys, in letters of at least 18 pixels."""
    section, keys = slides.locator("section:visible"), slides.locator(".stage .keys")
    slides.keyboard.press("End")
    expect(section).to_have_attribute("aria-label", f"Slide {number_of_slides()} of {number_of_slides()}")
    slides.keyboard.press("Home")
    expect(section).to_have_attribute("aria-label", f"Slide 1 of {number_of_slides()}")
    expect(keys).to_be_hidden()
    slides.keyboard.press("?")
    expect(keys).to_contain_text("N: notes")
    assert keys.evaluate("keys => parseFloat(getComputedStyle(keys).fontSize)") >= SMALLEST
    slides.keyboard.press("?")
    expect(keys).to_be_hidden()


def test_the_page_requests_nothing(slides: Page, exported: Path) -> None:
    """The file contains everything, and nothing on a slide is for the presenter."""
    requests: list[str] = []
    slides.on("request", lambda request: requests.append(request.url))
    slides.goto(exported.as_uri(), wait_until="networkidle")
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    text = slides.locator(".stage").text_content() or ""
    assert "Would you give a program your password?" in text
    assert re.findall("Minute|You should see|Take a vote|Before you begin|Answer 1", text) == []


def test_the_notes_stay_in_step_with_the_slides(slides: Page, notes: Page) -> None:
    """Keys in either window turn both; the notes name the slide, what the next key does, and the next slide."""
    article, now, following = notes.locator("article:visible"), notes.locator(".now"), notes.locator(".next")
    section = slides.locator("section:visible")
    expect(article).to_contain_text("Before you begin")
    expect(now).to_have_text(f"Slide 1 of {number_of_slides()}: OAuth2 in twenty minutes")
    expect(following).to_have_text("Next slide: Would you give a program your password?")
    slides.keyboard.press("ArrowRight")
    expect(article).to_contain_text("Ask who has ever typed a password")
    expect(following).to_contain_text("Next key: shows the answer. Next slide: ")
    expect(notes.locator(".connection")).to_have_text("")
    notes.keyboard.press("ArrowRight")
    expect(section.locator(".fragment")).to_be_visible()
    expect(following).not_to_contain_text("answer")
    notes.keyboard.press("ArrowRight")
    expect(section).to_have_attribute("aria-label", f"Slide 3 of {number_of_slides()}")
    notes.keyboard.press("End")
    expect(following).to_have_text("This is the last slide.")
    expect(section).to_have_attribute("aria-label", f"Slide {number_of_slides()} of {number_of_slides()}")
    assert slides.locator("article:visible").count() == 0 == notes.locator("section:visible").count()


def test_either_window_can_be_loaded_again(slides: Page, notes: Page) -> None:
    """Both find each other again, at the same slide and with the same clock."""
    notes.keyboard.press("s")
    notes.keyboard.press("ArrowRight")
    expect(slides.locator("section:visible")).to_have_attribute("aria-label", re.compile("Slide 2 "))
    for page in (notes, slides):
        page.reload()
        expect(notes.locator(".now")).to_contain_text("Slide 2 ")
        expect(notes.locator(".pace")).not_to_contain_text("press S")
    notes.keyboard.press("ArrowLeft")
    expect(slides.locator("section:visible")).to_have_attribute("aria-label", re.compile("Slide 1 "))


def test_n_brings_back_the_notes_window(slides: Page, notes: Page, window: BrowserContext) -> None:
    """A second press of N opens no further window, and a closed window is opened again, with its clock."""
    notes.keyboard.press("s")
    expect(notes.locator(".pace")).not_to_contain_text("press S")
    slides.keyboard.press("n")
    slides.keyboard.press("ArrowRight")
    expect(notes.locator(".now")).to_contain_text("Slide 2 ")
    assert len(window.pages) == 2
    notes.close()
    again = notes_of(slides)
    expect(again.locator(".now")).to_contain_text("Slide 2 ")
    expect(again.locator(".pace")).not_to_contain_text("press S")


def test_without_slides_the_notes_say_so_and_turn_alone(slides: Page, notes: Page) -> None:
    """The notes are still of use when the slides were closed."""
    slides.close()
    expect(notes.locator(".connection")).to_contain_text("No slides are connected")
    notes.keyboard.press("ArrowRight")
    expect(notes.locator(".now")).to_contain_text("Slide 2 ")


def test_a_blocked_notes_window_is_reported_on_the_slide(slides: Page) -> None:
    """One sentence says what to do, and the next key removes it."""
    slides.evaluate("() => { window.open = () => null }")  # what a browser returns that blocks pop-ups
    slides.keyboard.press("n")
    status = slides.locator(".status")
    expect(status).to_contain_text("allow pop-ups for this page, then press N again.")
    assert status.evaluate("status => parseFloat(getComputedStyle(status).fontSize)") >= SMALLEST
    slides.keyboard.press("ArrowRight")
    expect(status).to_have_text("")


def test_the_clock_starts_pauses_and_resets(window: BrowserContext, exported: Path) -> None:
    """It compares the talk with the minutes that the notes name; S works in both windows."""
    window.clock.install(time=0)
    window.clock.pause_at(1000)
    slides = window.new_page()
    slides.goto(exported.as_uri())
    notes = notes_of(slides)
    clock, pace = notes.locator(".clock"), notes.locator(".pace")

    expect(clock).to_have_text("0:00")
    expect(pace).to_contain_text("press S to start")
    slides.keyboard.press("s")
    slides.keyboard.press("ArrowRight")
    window.clock.run_for("01:01")
    expect(clock).to_have_text("1:01")
    expect(pace).to_have_text("planned: minute 0 to 3 · on time")
    window.clock.run_for("04:00")
    expect(pace).to_have_text("planned: minute 0 to 3 · 2:01 late")
    notes.keyboard.press("s")
    expect(pace).to_contain_text("paused")
    window.clock.run_for("00:30")
    expect(clock).to_have_text("5:01")
    notes.keyboard.press("End")
    expect(pace).to_have_text("paused · planned: minute 19 to 20 · 13:59 early")
    notes.keyboard.press("r")
    expect(clock).to_have_text("0:00")


def test_a_key_of_the_browser_is_left_alone(slides: Page) -> None:
    """Ctrl and a letter neither opens the notes nor starts the clock."""
    slides.evaluate("() => { window.open = () => { throw new Error('opened') } }")
    for key in ("n", "s", "ArrowRight"):
        slides.evaluate(
            "key => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey: true, bubbles: true }))",
            key,
        )
    assert slides.evaluate("[history.state.slide, history.state.clock.since]") == [0, None]


def test_slides_and_notes_can_be_printed(slides: Page, notes: Page) -> None:
    """Each slide is one page of the stage's size, with its answers; the notes are on ordinary pages."""
    printed = slides.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[([^\]]+)\]", printed)
    assert boxes == [b"0 0 960 540"] * number_of_slides()  # points: 1280 by 720 pixels
    slides.emulate_media(media="print")
    assert slides.locator(".fragment:visible").count() == slides.locator(".fragment").count()
    assert slides.locator("section:visible").count() == number_of_slides()
    pages = re.findall(rb"/MediaBox \[([^\]]+)\]", notes.pdf(prefer_css_page_size=True))
    assert pages and set(pages) == {b"0 0 612 792"}  # the printer's own paper
    notes.emulate_media(media="print")
    expect(notes.get_by_text("Answer 10.")).to_be_visible()
    assert notes.locator("section:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_slides_and_notes_are_accessible(chromium: Browser, exported: Path, scheme: str) -> None:
    """No slide and no notes have a serious finding of axe-core."""
    with fresh_window(chromium) as window:
        slides = window.new_page()
        slides.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        slides.goto(exported.as_uri())
        notes = notes_of(slides)
        notes.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for number in each_slide(slides):
            assert axe.problems(slides) == []
            expect(notes.locator(".now")).to_contain_text(f"Slide {number} ")
            assert axe.problems(notes) == []
