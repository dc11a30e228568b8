"""The lessons as a learner meets them: clicks, right and wrong answers, both themes, slides without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import Browser, BrowserContext, Locator
from running import Lab

from boxnb.labs.exercises import EXERCISES
from boxnb.labs.lab import Choice

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
TEACH = "3-teach/{}.ipynb"
CUT = """() => [...document.querySelectorAll('section:not([hidden]) :is(pre, div, p)')]
    .filter(each => each.clientWidth && each.scrollWidth > each.clientWidth + 1).map(each => each.textContent.slice(0, 60))"""
ALL_RAN = """() => window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
    .every(cell => cell.model.executionCount !== null && (cell.model.executionState ?? 'idle') === 'idle')"""


def card(person: Person, name: str) -> Locator:
    """One lab on the page."""
    return person[f'[data-lab="{name}"]']


def shown(person: Person, place: Locator, name: str) -> None:
    """A screenshot with that place in sight; a card that is drawn anew meanwhile is looked for again."""
    place.evaluate("place => place.scrollIntoView({ block: 'nearest' })")
    person.screenshot(name)


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"], ids=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    """Both themes of JupyterLab."""
    return request.param


def tone(theme: str) -> str:
    return theme.split()[-1].lower()


def test_a_learner_is_wrong_first_and_passes_in_the_end(
    window: BrowserContext, lab: Lab, theme: str, home: Path
) -> None:
    """Predict wrongly, run, explain wrongly, then rightly; start over; progress is on disk and on the start page."""
    person = Person(window, lab, TEACH.format("03-break-it"))
    person.run_through("code-too-late")
    here = card(person, "code-too-late")
    here.wait_for()
    assert here.get_by_role("button", name="Run it").count() == 0  # first say what you expect
    person.click(here.get_by_role("button", name="A token: the person agreed"))
    shown(person, here, f"teach-predicted-{tone(theme)}")
    person.click(here.get_by_role("button", name="Run it"))
    here.get_by_text("Not as you predicted.").wait_for()
    person.click(here.get_by_text("Every request of this run, drawn"))
    here.locator("svg.bl-drawing").wait_for()
    shown(person, here.locator("svg.bl-drawing"), f"teach-drawn-{tone(theme)}")
    person.click(here.get_by_role("button", name="To save the server memory"))
    here.get_by_text("Not quite.").wait_for()
    assert here.get_by_text("Passed.").count() == 0
    person.click(here.get_by_role("button", name="It travels through the browser"))
    here.get_by_text("Passed.").wait_for()
    assert (
        here.locator("details[data-key=trace]").get_attribute("open") is not None
    )  # what was open stays open
    shown(person, here.get_by_text("Passed."), f"teach-passed-{tone(theme)}")
    assert set(json.loads((home / "labs.json").read_text())) == {"code-too-late"}
    person.click(here.get_by_role("button", name="Start over"))
    here.get_by_role("button", name="A token: the person agreed").wait_for()
    assert not (home / "sandbox.json").exists() and not (home / "profiles").exists()
    start = Person(window, lab, "00-start-here.ipynb")
    start.run_through("boxnb.labs.progress()")
    start[".jp-OutputArea"].get_by_text("Labs passed: 1 of 18.").wait_for()
    shown(start, start[".jp-OutputArea"].last, f"teach-progress-{tone(theme)}")


@pytest.mark.parametrize("lesson", ["04-attack-it", "05-teach-it", "06-beyond-box"])
def test_the_other_lessons_run_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, lesson: str
) -> None:
    """Run All ends without an error; what is drawn is looked at in both themes; labs wait for nobody."""
    person = Person(window, lab, TEACH.format(lesson))
    person.command("notebook:run-all-cells")
    person.page.wait_for_function(ALL_RAN, timeout=120_000)
    assert None not in person.executed()
    assert person.page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.error']").count() == 0
    for number in range(min(person[".bl-page"].count(), 3)):
        shown(person, person[".bl-page"].nth(number), f"teach-{lesson}-{number}-{tone(theme)}")
    shown(person, person[".jp-OutputArea-output"].last, f"teach-{lesson}-end-{tone(theme)}")


@pytest.mark.parametrize("lesson", ["03-break-it", "04-attack-it"])
def test_every_lab_is_passed_by_clicks(window: BrowserContext, lab: Lab, home: Path, lesson: str) -> None:
    """A wrong prediction and a wrong explanation are answered in words, the right one passes, lab after lab."""
    person = Person(window, lab, TEACH.format(lesson))
    person.run_through("labs.laboratory")
    exercises = [each for each in EXERCISES.values() if each.notebook == lesson]
    for exercise in exercises:
        person.go_on_at(f'lab("{exercise.name}")')
        person.run_through(f'lab("{exercise.name}")')
        here = card(person, exercise.name)

        def choose(choice: Choice, here: Locator = here) -> None:
            person.click(here.get_by_role("button", name=choice.words, exact=True))
            here.get_by_text(choice.reply).wait_for()

        wrong = exercise.predictions[exercise.right_prediction - 1]
        person.click(here.get_by_role("button", name=wrong.words, exact=True))
        person.click(here.get_by_role("button", name="Run it"))
        here.get_by_text("Not as you predicted.").wait_for(timeout=90_000)
        assert here.get_by_text(wrong.reply).count() == 1
        choose(exercise.explanations[exercise.right_explanation - 1])
        assert here.get_by_text("Passed.").count() == 0
        choose(exercise.explanations[exercise.right_explanation])
        here.get_by_text("Passed.").wait_for()
    assert set(json.loads((home / "labs.json").read_text())) == {each.name for each in exercises}


def test_a_lab_works_with_the_keyboard_alone(window: BrowserContext, lab: Lab) -> None:
    """Tab to an answer, Enter; the focus goes on to what comes next and is never lost."""
    person = Person(window, lab, TEACH.format("03-break-it"))
    person.run_through("consent-denied")
    here = card(person, "consent-denied")
    here.get_by_role("button", name="A redirect with error").focus()
    person.page.keyboard.press("Enter")
    run = here.get_by_role("button", name="Run it")
    run.wait_for()
    assert run.evaluate("button => button === document.activeElement")
    person.page.keyboard.press("Enter")
    here.get_by_text("As you predicted.").wait_for()
    here.get_by_role("button", name="Say so, and offer a new link").focus()
    person.page.keyboard.press("Enter")
    here.get_by_text("Passed.").wait_for()
    assert person.executed().count(None) > 5  # Enter belonged to the lab, not to the notebook


def test_the_trace_grows_and_a_click_opens_an_exchange(window: BrowserContext, lab: Lab, theme: str) -> None:
    """The drawing shown early holds what came later; an arrow opens its line of the table; no secret on the page."""
    person = Person(window, lab, TEACH.format("01-the-flow-by-hand"))
    person.run_through("practice.sandbox.approve(link)")
    arrows = person["g[data-exchange]"]
    arrows.first.wait_for()
    before = arrows.count()
    shown(person, person[".bl-scroll"], f"teach-trace-{tone(theme)}")
    person.run_through("oauth.revoke(client, fresh)")
    assert before == 4
    drawn = (
        "sent => [...document.querySelectorAll('g[data-exchange] title')].pop().textContent.includes(sent)"
    )
    person.page.wait_for_function(drawn, arg="revoke")
    person.click(person['g[data-exchange="5"]'])
    details = person['details[data-exchange="5"]']
    assert details.get_attribute("open") is not None
    details.get_by_text("RFC 6749 4.1.3").wait_for()
    shown(person, details, f"teach-exchange-{tone(theme)}")
    svg = person["svg.bl-drawing"].last
    assert svg.get_attribute("role") == "img"
    assert "notebook to authorization server" in (svg.locator("> desc").text_content() or "")


def test_the_line_called_now_moves_with_the_clock(window: BrowserContext, lab: Lab, theme: str) -> None:
    """Turning the clock moves it, and so does waiting."""
    person = Person(window, lab, TEACH.format("02-tokens-over-time"))
    person.run_through("practice.timeline")
    line = person["g[data-now]"]
    line.wait_for()
    first = line.get_attribute("transform")
    person.page.wait_for_function(
        "first => document.querySelector('g[data-now]').getAttribute('transform') !== first", arg=first
    )
    person.run_through("practice.timeline.table()")
    assert person[".bl-page svg"].locator("text").get_by_text("replaced").count() == 2
    shown(person, person[".bl-page svg"].first, f"teach-timeline-{tone(theme)}")
    assert None not in person.executed()


def test_two_hundred_exchanges_are_on_the_screen_at_once(window: BrowserContext, lab: Lab) -> None:
    """A click opens its exchange; how long that took goes to the log (`pytest -rA`)."""
    text = (lab.notebooks / TEACH.format("01-the-flow-by-hand")).read_text(encoding="utf-8")
    book = json.loads(text)
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    source = "token = practice.sign_in()\nmany = [practice.me(token) for _ in range(200)]"
    book["cells"] = [*cells[:2], {**cells[2], "source": source}, {**cells[3], "source": "practice.trace"}]
    (lab.notebooks / "many.ipynb").write_text(json.dumps(book), encoding="utf-8")
    person = Person(window, lab, "many.ipynb")
    person.run_through("practice.trace")
    person.page.wait_for_function("document.querySelectorAll('g[data-exchange]').length >= 205")
    took = person.page.evaluate(
        """() => { const arrow = document.querySelector('g[data-exchange="150"]'), begun = performance.now();
        arrow.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        document.querySelector('details[data-exchange="150"]').getBoundingClientRect();
        return performance.now() - begun }"""
    )
    print(f"an exchange of 200 opened in {took:.0f} ms")
    assert person['details[data-exchange="150"]'].get_attribute("open") is not None


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The presenter's notebook, exported as its own notes say."""
    target = tmp_path_factory.mktemp("slides") / "slides.html"
    source = ROOT / "notebooks" / TEACH.format("05-teach-it")
    command = [sys.executable, "-m", "boxnb.labs.slides", str(source), str(target)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=120)
    return target


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_slides_need_no_network_and_fit_the_screen(slides: Path, chromium: Browser, scheme: str) -> None:
    """1280 by 720: every request beyond the file is seen, none is made; keys turn the slides; notes on N."""
    page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme=scheme)  # type: ignore[arg-type]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(slides.as_uri(), wait_until="networkidle")
    count = page.locator("section").count()
    assert count == 10
    for place in range(1, count + 1):
        section = page.locator("section:visible")
        assert section.count() == 1
        assert section.get_attribute("aria-label") == f"Slide {place} of {count}"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.evaluate("document.documentElement.scrollHeight") <= 720  # one screen, nothing below it
        assert page.evaluate(CUT) == []
        Person.screenshot(type("Page", (), {"page": page})(), f"teach-slide-{place}-{scheme}")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    assert page.locator("aside:visible").count() == 0
    page.keyboard.press("n")
    page.locator("aside:visible").get_by_text("Before you begin").wait_for()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()
