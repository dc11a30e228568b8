"""Every notebook follows the rules for prose and code, contains no output, and runs from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import executed
import nbformat
import pytest
import quotes
from nbclient.exceptions import CellExecutionError
from robot import Robot

from boxnb import store
from boxnb.labs import EXERCISES, passed_labs

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
# The lessons sign in to their own sandboxes and save nothing.
TEACHING = [path for path in NOTEBOOKS if path.parent.name == "3-teach"]
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


def name_of(path: Path) -> str:
    """Return the name of a notebook, as a test id."""
    return path.stem


@pytest.fixture(params=NOTEBOOKS, ids=name_of)
def path(request: pytest.FixtureRequest) -> Path:
    """Return the path of each notebook in turn."""
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    """Return the notebook at `path`."""
    return nbformat.read(path, as_version=4)


def run(path: Path, way: str = "receiver") -> Robot:
    """Run a notebook in its own folder with the robot, and raise any error of the robot itself."""
    notebook = nbformat.read(path, as_version=4)
    robot = Robot(notebook, way, resources={"metadata": {"path": str(path.parent)}})
    robot.execute()
    for task in robot.tasks:
        task.result()
    return robot


def secrets_of(profile: str) -> list[str]:
    """Return the secrets of a saved profile, which must not appear anywhere else."""
    saved = store.load(profile)
    assert saved is not None and saved.token is not None and saved.token.refresh_token is not None
    return [
        saved.client.client_secret.reveal(),
        saved.token.access_token.reveal(),
        saved.token.refresh_token.reveal(),
    ]


def test_there_are_notebooks() -> None:
    """If no notebook were found, every other test here would pass."""
    assert [path.name for path in NOTEBOOKS][:2] == ["00-start-here.ipynb", "01-register-and-sign-in.ipynb"]
    assert len(TEACHING) == 6


def test_contains_no_outputs_and_no_widget_state(notebook: nbformat.NotebookNode) -> None:
    """Outputs show an enterprise, so they must not be in git."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_opens_with_the_same_five_lines(notebook: nbformat.NotebookNode) -> None:
    """The first cell has a title, the goals, the needs, the time and what the notebook touches."""
    lines = [line for line in notebook.cells[0].source.splitlines() if line.strip()]
    assert len(lines) == len(OPENING)
    for line, pattern in zip(lines, OPENING, strict=True):
        assert re.match(pattern, line), line


def test_every_code_cell_is_short_and_follows_prose(notebook: nbformat.NotebookNode) -> None:
    """A code cell has one to four lines, prose before it, and no helper code."""
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert 1 <= len(cell.source.splitlines()) <= 4, cell.source
            assert not re.search(r"^\s*(def|class|try|import os|print\()", cell.source, re.MULTILINE), (
                cell.source
            )


def test_every_result_is_described(notebook: nbformat.NotebookNode) -> None:
    """The prose after each code cell says what the reader should see; after a lab, nothing gives its answer away."""
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and not cell.source.startswith("PROFILE"):
            is_lab = cell.source.startswith("lab(")
            assert after.cell_type == "markdown", cell.source
            assert after.source.startswith("**You should see**") != is_lab, cell.source


def test_has_one_profile_cell(notebook: nbformat.NotebookNode) -> None:
    """One cell sets the profile, so that the reader changes one word to use the real Box."""
    cells = [cell.source for cell in notebook.cells if "PROFILE = " in cell.source]
    assert cells == ['PROFILE = "sandbox"']


def test_prose_has_one_sentence_a_line_and_no_flattery(notebook: nbformat.NotebookNode) -> None:
    """Each sentence has its own line, and nothing is called easy, because a reader may be stuck."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not FLATTERY.search(cell.source), cell.source
            for line in cell.source.splitlines():
                if not re.match(r"\s*(\||\d\.|- |#|    )", line):
                    assert not re.search(r"[.!?]\*{0,2} [A-Z]", line), line


def test_no_sentence_has_more_than_30_words(notebook: nbformat.NotebookNode) -> None:
    """A sentence has at most 30 words. Tables and the addresses of links are not counted."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in re.sub(r"\]\([^)]*\)", "]", cell.source).splitlines():
                for sentence in re.split(r"(?<=[.!?])\**\s+", "" if line.startswith("|") else line):
                    assert len(sentence.split()) <= 30, sentence


def test_links_between_notebooks_exist(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Every relative link is a file of this repository."""
    for cell in notebook.cells:
        for target in re.findall(r"\]\(([^)#]+)\)", cell.source if cell.cell_type == "markdown" else ""):
            assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", WORKING, ids=name_of)
def test_runs_twice_from_top_to_bottom_and_contains_no_secret(path: Path) -> None:
    """Run All works in a new kernel, the second time with only the saved sign-in, and shows what the prose says, without secrets."""
    first = run(path)
    second = run(path, "nobody")
    assert second.followed_links == []
    for robot in (first, second):
        assert quotes.not_shown(path, robot.nb) == []
        content = nbformat.writes(robot.nb)
        for secret in [*secrets_of("sandbox"), *first.secrets]:
            assert secret not in content


@pytest.mark.parametrize("path", TEACHING, ids=name_of)
def test_lessons_run_and_leave_no_trace_of_a_sign_in(path: Path, home: Path) -> None:
    """The robot passes every lab, sees what the prose says, and leaves no profile, no shared sandbox and no token in the notebook."""
    robot = run(path)
    assert quotes.not_shown(path, robot.nb) == []
    assert {lab_snapshot["stage"] for lab_snapshot in robot.labs.values()} <= {"passed"}
    labs = {name for name, exercise in EXERCISES.items() if exercise.notebook == path.stem}
    assert {lab_snapshot["lab"] for lab_snapshot in robot.labs.values()} == labs == set(passed_labs.load())
    assert not (home / "sandbox.json").exists() and store.names() == []
    content = nbformat.writes(robot.nb)
    assert not re.search(r"\b[A-Za-z0-9]{64}\b", content)  # a refresh token
    public = set(re.findall(r"client_id\W+([a-z0-9]{32})", content))
    # The link for the reader's own browser has a state.
    public |= set(re.findall(r"state=([\w-]{32})\b", content))
    # Any other text of this form would be an access token or a code.
    assert set(re.findall(r"\b(?![0-9a-f]{32}\b)[A-Za-z0-9]{32}\b", content)) <= public


@pytest.mark.parametrize("way", ["paste", "code", "deny first"])
def test_onboarding_signs_in_with_every_form_of_response(way: str) -> None:
    """After a pasted address, a bare code that must be confirmed, or Deny before Grant, the notebook shows the users."""
    robot = run(ONBOARDING, way)
    assert re.search(r"\(120, \d+\)", nbformat.writes(robot.nb))
    content = nbformat.writes(robot.nb)
    for secret in [*secrets_of("sandbox"), *robot.secrets]:
        assert secret not in content
    if way == "deny first":  # the panel reports the denial in a sentence and shows a new link
        assert len(robot.followed_links) == 2
        assert any(view["alert"] and view["step"] == "open" for view in robot.views)


@pytest.mark.parametrize("way", ["nobody", "cancel"])
def test_no_later_cell_runs_without_a_sign_in(way: str) -> None:
    """Without a user, or after Cancel, the waiting cell stops the notebook with one line and no traceback."""
    with pytest.raises(CellExecutionError) as caught:
        run(ONBOARDING, way)
    assert caught.value.ename == "SignInCancelled"
    assert "Traceback" not in caught.value.traceback
    saved = store.load("sandbox")
    assert saved is None or saved.token is None


def test_a_failed_build_names_the_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``make notebooks`` and ``make docs`` say which notebook they execute, and which one failed."""

    class Failing:
        def __init__(self, notebook: nbformat.NotebookNode, **options: object) -> None:
            pass

        def execute(self) -> None:
            raise RuntimeError("Kernel didn't respond in 60 seconds")

    monkeypatch.setattr(executed, "Robot", Failing)
    with pytest.raises(RuntimeError) as failure:
        next(executed.executed([NOTEBOOKS[3], NOTEBOOKS[0]]))
    name = NOTEBOOKS[3].relative_to(ROOT / "notebooks").as_posix()
    assert failure.value.__notes__ == [f"This happened in the notebook {name}."]
    assert capsys.readouterr().err == f"Executing {name} (1 of 2)\n"


def test_a_kernel_may_start_slowly() -> None:
    """A busy computer may need more than nbclient's 60 seconds."""
    assert Robot(nbformat.read(ONBOARDING, as_version=4)).startup_timeout >= 300
