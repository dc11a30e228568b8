"""Every notebook reads well, holds no output, and runs from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from robot import Robot

from boxnb import store
from boxnb.labs import EXERCISES, learner

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
TEACHING = [path for path in NOTEBOOKS if path.parent.name == "3-teach"]  # they sign in where nothing is kept
WORKING = [path for path in NOTEBOOKS if path not in TEACHING]
ONBOARDING = ROOT / "notebooks/1-onboard/01-register-and-sign-in.ipynb"
OPENING = (
    r"# \S",
    r"\*\*You will learn\*\* ",
    r"\*\*You need\*\* ",
    r"\*\*Time\*\* \d+ minutes",
    r"\*\*Touches\*\* ",
)
FLATTERY = re.compile(r"\b(simply|just|obviously|of course|easy|easily)\b", re.IGNORECASE)


def names(path: Path) -> str:
    return path.stem


@pytest.fixture(params=NOTEBOOKS, ids=names)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def run(path: Path, way: str = "receiver") -> Robot:
    """Execute a notebook in its own folder under the robot; what went wrong in the robot is raised."""
    notebook = nbformat.read(path, as_version=4)
    robot = Robot(notebook, way, resources={"metadata": {"path": str(path.parent)}})
    robot.execute()
    for task in robot.tasks:
        task.result()
    return robot


def secrets_of(profile: str) -> list[str]:
    """Everything in a saved profile that must not be seen elsewhere."""
    saved = store.load(profile)
    assert saved is not None and saved.token is not None and saved.token.refresh_token is not None
    return [
        saved.client.client_secret.reveal(),
        saved.token.access_token.reveal(),
        saved.token.refresh_token.reveal(),
    ]


def test_there_are_notebooks() -> None:
    """An empty folder would pass every other test here."""
    assert [path.name for path in NOTEBOOKS][:2] == ["00-start-here.ipynb", "01-register-and-sign-in.ipynb"]
    assert len(TEACHING) == 6


def test_carries_no_outputs_and_no_widget_state(notebook: nbformat.NotebookNode) -> None:
    """What you see while signed in never reaches git."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_opens_with_the_same_five_lines(notebook: nbformat.NotebookNode) -> None:
    """Promise, goals, needs, time and what is touched: a reader decides in ten seconds."""
    lines = [line for line in notebook.cells[0].source.splitlines() if line.strip()]
    assert len(lines) == len(OPENING)
    for line, pattern in zip(lines, OPENING, strict=True):
        assert re.match(pattern, line), line


def test_every_code_cell_is_short_and_follows_prose(notebook: nbformat.NotebookNode) -> None:
    """One idea a cell, one to four lines, said in words first; no plumbing."""
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert 1 <= len(cell.source.splitlines()) <= 4, cell.source
            assert not re.search(r"^\s*(def|class|try|import os|print\()", cell.source, re.MULTILINE), (
                cell.source
            )


def test_every_code_cell_says_what_to_expect(notebook: nbformat.NotebookNode) -> None:
    """After a cell with a result the prose says what you should see."""
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and not cell.source.startswith("PROFILE"):
            assert after.cell_type == "markdown" and "**You should see**" in after.source, cell.source


def test_has_one_profile_cell(notebook: nbformat.NotebookNode) -> None:
    """Switching from the sandbox to the real Box is one word, in one place."""
    cells = [cell.source for cell in notebook.cells if "PROFILE =" in cell.source]
    assert cells == ['PROFILE = "sandbox"']


def test_prose_has_one_sentence_a_line_and_no_flattery(notebook: nbformat.NotebookNode) -> None:
    """Diffs stay readable, and nothing is called easy to a reader who is stuck."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not FLATTERY.search(cell.source), cell.source
            for line in cell.source.splitlines():
                if not re.match(r"\s*(\||\d\.|- |#|    )", line):
                    assert not re.search(r"[.!?]\*{0,2} [A-Z]", line), line


def test_links_between_notebooks_lead_somewhere(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Every relative link is a file of this repository."""
    for cell in notebook.cells:
        for target in re.findall(r"\]\(([^)#]+)\)", cell.source if cell.cell_type == "markdown" else ""):
            assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", WORKING, ids=names)
def test_runs_from_top_to_bottom_and_once_more_and_holds_no_secret(path: Path) -> None:
    """Run All works in a fresh kernel, the second time without a person; what it leaves may be shown to anybody."""
    first = run(path)
    second = run(path, "nobody")
    assert second.answered == []
    for robot in (first, second):
        written = nbformat.writes(robot.nb)
        for secret in [*secrets_of("sandbox"), *first.secrets]:
            assert secret not in written


@pytest.mark.parametrize("path", TEACHING, ids=names)
def test_lessons_run_and_leave_no_trace_of_a_sign_in(path: Path, home: Path) -> None:
    """A reference learner passes every lab; no profile, no shared sandbox, no token in what is saved."""
    robot = run(path)
    assert {seen["stage"] for seen in robot.labs.values()} <= {"passed"}
    labs = {name for name, each in EXERCISES.items() if each.notebook == path.stem}
    assert {seen["lab"] for seen in robot.labs.values()} == labs == set(learner.load())
    assert not (home / "sandbox.json").exists() and store.names() == []
    written = nbformat.writes(robot.nb)
    assert not re.search(r"\b[A-Za-z0-9]{64}\b", written)  # a refresh token
    public = set(re.findall(r"client_id\W+([a-z0-9]{32})", written))
    assert (
        set(re.findall(r"\b(?![0-9a-f]{32}\b)[A-Za-z0-9]{32}\b", written)) <= public
    )  # an access token or a code


@pytest.mark.parametrize("way", ["paste", "code", "deny first"])
def test_onboarding_ends_signed_in_whichever_way_the_answer_comes(way: str) -> None:
    """A pasted address, a bare code that needs a yes, and Deny before Grant all end with the users."""
    robot = run(ONBOARDING, way)
    assert re.search(r"\(120, \d+\)", nbformat.writes(robot.nb))
    written = nbformat.writes(robot.nb)
    for secret in [*secrets_of("sandbox"), *robot.secrets]:
        assert secret not in written
    if way == "deny first":  # the panel says so in a sentence, with a fresh link
        assert len(robot.answered) == 2
        assert any(view["alert"] and view["step"] == "open" for view in robot.views)


@pytest.mark.parametrize("way", ["nobody", "cancel"])
def test_no_later_cell_runs_unsigned(way: str) -> None:
    """Without a person, or after Cancel, the gate stops the notebook with one line and no traceback."""
    with pytest.raises(CellExecutionError) as stopped:
        run(ONBOARDING, way)
    assert stopped.value.ename == "SignInCancelled"
    assert "Traceback" not in stopped.value.traceback
    saved = store.load("sandbox")
    assert saved is None or saved.token is None
