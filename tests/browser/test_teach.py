"""The lessons as a learner sees them: clicks, right and wrong answers, and both themes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import BrowserContext, Locator
from running import Lab

from boxnb.labs.catalogue import EXERCISES
from boxnb.labs.exercise import Choice

pytestmark = pytest.mark.browser

TEACH = "3-teach/{}.ipynb"
ALL_RAN = """() => window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
    .every(cell => cell.model.executionCount !== null && (cell.model.executionState ?? 'idle') === 'idle')"""


one_theme = pytest.mark.parametrize("theme", ["JupyterLab Light"], ids=["light"])
"""For tests of what clicks and keys do, which does not depend on the theme."""


def card(person: Person, name: str) -> Locator:
    """Return the card of one lab."""
    return person[f'[data-lab="{name}"]']


def screenshot_of(person: Person, element: Locator, name: str) -> None:
    """Save a screenshot with an element in view. If the card is redrawn, the locator finds the element again."""
    element.evaluate("element => element.scrollIntoView({ block: 'nearest' })")
    person.screenshot(name)


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"], ids=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    """Both JupyterLab themes, one after the other."""
    return request.param


def tone(theme: str) -> str:
    """Return ``light`` or ``dark``."""
    return theme.split()[-1].lower()


def test_a_lab_replies_to_wrong_answers(window: BrowserContext, lab: Lab, theme: str, home: Path) -> None:
    """Wrong answers get a reply, and right answers pass the lab. Progress is saved and shown in the start notebook."""
    person = Person(window, lab, TEACH.format("03-break-it"))
    person.run_through("code-after-31-seconds")
    lab_card = card(person, "code-after-31-seconds")
    lab_card.wait_for()
    assert lab_card.get_by_role("button", name="Run it").count() == 0  # the prediction comes first
    person.click(lab_card.get_by_role("button", name="200 and a token pair"))
    screenshot_of(person, lab_card, f"teach-predicted-{tone(theme)}")
    person.click(lab_card.get_by_role("button", name="Run it"))
    lab_card.get_by_text("Not as you predicted.").wait_for()
    person.click(lab_card.get_by_text("Every request of this run, as a diagram"))
    lab_card.locator("svg.bl-names").wait_for()
    screenshot_of(person, lab_card.locator(".bl-scroll"), f"teach-drawn-{tone(theme)}")
    person.click(lab_card.get_by_role("button", name="It is made for one computer"))
    lab_card.get_by_text("Not quite.").wait_for()
    assert lab_card.get_by_text("Passed.").count() == 0
    person.click(lab_card.get_by_role("button", name="It comes through the browser"))
    lab_card.get_by_text("Passed.").wait_for()
    details = lab_card.locator("details[data-key=trace]")
    assert details.get_attribute("open") is not None  # opened details stay open
    screenshot_of(person, lab_card.get_by_text("Passed."), f"teach-passed-{tone(theme)}")
    assert set(json.loads((home / "labs.json").read_text())) == {"code-after-31-seconds"}
    person.click(lab_card.get_by_role("button", name="Start over"))
    lab_card.get_by_role("button", name="200 and a token pair").wait_for()
    assert not (home / "sandbox.json").exists() and not (home / "profiles").exists()
    start = Person(window, lab, "00-start-here.ipynb")
    start.run_through("boxnb.labs.progress()")
    start[".jp-OutputArea"].get_by_text(
        f"Labs passed: 1 of {len(EXERCISES)}. First guess right: 0 of 1."
    ).wait_for()
    screenshot_of(start, start[".jp-OutputArea"].last, f"teach-progress-{tone(theme)}")


@pytest.mark.parametrize("lesson", ["04-attack-it", "05-teach-it", "06-beyond-box"])
def test_the_other_lessons_run_in_a_browser(
    window: BrowserContext, lab: Lab, theme: str, lesson: str
) -> None:
    """In both themes, Run All ends without an error, and labs do not block it."""
    person = Person(window, lab, TEACH.format(lesson))
    person.command("notebook:run-all-cells")
    person.page.wait_for_function(ALL_RAN, timeout=120_000)
    assert None not in person.executed()
    assert person.page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.error']").count() == 0
    for number in range(min(person[".bl-page"].count(), 3)):
        screenshot_of(person, person[".bl-page"].nth(number), f"teach-{lesson}-{number}-{tone(theme)}")
    screenshot_of(person, person[".jp-OutputArea-output"].last, f"teach-{lesson}-end-{tone(theme)}")


@pytest.mark.parametrize("lesson", ["03-break-it", "04-attack-it"])
@one_theme
def test_every_lab_is_passed_by_clicks(window: BrowserContext, lab: Lab, home: Path, lesson: str) -> None:
    """In each lab, a wrong prediction and a wrong explanation get a reply, and the right explanation passes the lab."""
    person = Person(window, lab, TEACH.format(lesson))
    person.run_through("labs.laboratory")
    exercises = [exercise for exercise in EXERCISES.values() if exercise.notebook == lesson]
    for exercise in exercises:
        person.continue_at(f'lab("{exercise.name}")')
        person.run_through(f'lab("{exercise.name}")')
        lab_card = card(person, exercise.name)

        def choose(choice: Choice, lab_card: Locator = lab_card) -> None:
            person.click(lab_card.get_by_role("button", name=choice.words, exact=True))
            lab_card.get_by_text(choice.reply).wait_for()

        wrong_choice = exercise.predictions[exercise.right_prediction - 1]
        person.click(lab_card.get_by_role("button", name=wrong_choice.words, exact=True))
        person.click(lab_card.get_by_role("button", name="Run it"))
        lab_card.get_by_text("Not as you predicted.").wait_for(timeout=90_000)
        assert lab_card.get_by_text(wrong_choice.reply).count() == 1
        choose(exercise.explanations[exercise.right_explanation - 1])
        assert lab_card.get_by_text("Passed.").count() == 0
        choose(exercise.explanations[exercise.right_explanation])
        lab_card.get_by_text("Passed.").wait_for()
    assert set(json.loads((home / "labs.json").read_text())) == {exercise.name for exercise in exercises}


@one_theme
def test_a_passed_lab_leads_to_the_next_one(window: BrowserContext, lab: Lab, home: Path) -> None:
    """It says when it was passed. Once the next lab is in the notebook, a button leads there, and the focus follows."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "labs.json").write_text(json.dumps({"code-after-31-seconds": 1790000000}))
    person = Person(window, lab, TEACH.format("03-break-it"))
    person.run_through("code-after-31-seconds")
    lab_card = card(person, "code-after-31-seconds")
    lab_card.get_by_text("You passed this lab").wait_for()
    button = lab_card.get_by_role("button", name="Go to it")
    assert button.count() == 0
    person.run_through("code-used-twice")
    card(person, "code-used-twice").wait_for()
    person.click(button)
    first = card(person, "code-used-twice").get_by_role("button").first
    assert first.evaluate("button => button === document.activeElement")
    person.click(lab_card.get_by_role("button", name="Do it again"))
    lab_card.get_by_role("button", name="200 and a token pair").wait_for()


@one_theme
def test_a_lab_works_with_the_keyboard(window: BrowserContext, lab: Lab) -> None:
    """Enter chooses an answer. The focus then moves to the next step and is never lost."""
    person = Person(window, lab, TEACH.format("03-break-it"))
    person.run_through("consent-denied")
    lab_card = card(person, "consent-denied")
    lab_card.get_by_role("button", name="A redirect with error").focus()
    person.page.keyboard.press("Enter")
    run = lab_card.get_by_role("button", name="Run it")
    run.wait_for()
    assert run.evaluate("button => button === document.activeElement")
    person.page.keyboard.press("Enter")
    lab_card.get_by_text("As you predicted.").wait_for()
    lab_card.get_by_role("button", name="Nothing: no code was issued").focus()
    person.page.keyboard.press("Enter")
    lab_card.get_by_text("Passed.").wait_for()
    assert person.executed().count(None) > 5  # Enter went to the lab, not to the notebook


def test_the_trace_grows_and_a_click_opens_an_exchange(window: BrowserContext, lab: Lab, theme: str) -> None:
    """A diagram also shows exchanges that come later, and a click on an arrow opens the arrow's row in the table."""
    person = Person(window, lab, TEACH.format("01-the-flow-by-hand"))
    person.run_through("practice.sandbox.approve(link)")
    arrows = person["g[data-exchange]"]
    arrows.first.wait_for()
    before = arrows.count()
    screenshot_of(person, person[".bl-scroll"], f"teach-trace-{tone(theme)}")
    person.run_through("oauth.revoke(client, fresh)")
    assert before == 5  # one request without a token, and four of the browser
    drawn = (
        "label => [...document.querySelectorAll('g[data-exchange] title')].pop().textContent.includes(label)"
    )
    person.page.wait_for_function(drawn, arg="revoke")
    person.click(person['g[data-exchange="6"]'])
    details = person['details[data-exchange="6"]']
    assert details.get_attribute("open") is not None
    details.get_by_text("RFC 6749 4.1.3").wait_for()
    screenshot_of(person, details, f"teach-exchange-{tone(theme)}")
    svg = person["svg.bl-drawing"].last
    assert svg.get_attribute("role") == "img"
    assert "notebook to authorization server" in (svg.locator("> desc").text_content() or "")


def test_the_now_line_moves_with_the_clock(window: BrowserContext, lab: Lab, theme: str) -> None:
    """The line moves while the sandbox's clock runs, and when the clock is advanced."""
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
    screenshot_of(person, person[".bl-page svg"].first, f"teach-timeline-{tone(theme)}")
    assert None not in person.executed()


@one_theme
def test_a_click_opens_one_of_two_hundred_exchanges(window: BrowserContext, lab: Lab) -> None:
    """A click on an arrow opens its exchange. The test prints how long that takes (`pytest -rA`)."""
    text = (lab.notebooks / TEACH.format("01-the-flow-by-hand")).read_text(encoding="utf-8")
    book = json.loads(text)
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    source = "token = practice.sign_in()\nmany = [practice.me(token) for _ in range(200)]"
    book["cells"] = [*cells[:2], {**cells[2], "source": source}, {**cells[3], "source": "practice.trace"}]
    (lab.notebooks / "many.ipynb").write_text(json.dumps(book), encoding="utf-8")
    person = Person(window, lab, "many.ipynb")
    person.run_through("practice.trace")
    person.page.wait_for_function("document.querySelectorAll('g[data-exchange]').length >= 205")
    milliseconds = person.page.evaluate(
        """() => { const arrow = document.querySelector('g[data-exchange="150"]'), startedAt = performance.now();
        arrow.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        document.querySelector('details[data-exchange="150"]').getBoundingClientRect();
        return performance.now() - startedAt }"""
    )
    print(f"an exchange of 200 opened in {milliseconds:.0f} ms")
    assert person['details[data-exchange="150"]'].get_attribute("open") is not None
