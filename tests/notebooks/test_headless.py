"""The onboarding notebook where nobody can answer: a schedule, a pipeline, a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_notebooks import ONBOARDING, ROOT, secrets_of

import boxnb
from boxnb import store

ADVICE = (
    "SignInCancelled: Nobody is signed in as 'sandbox' and nobody is here to do it. "
    "Open notebooks/1-onboard/01-register-and-sign-in.ipynb in JupyterLab once, sign in there, then run this again."
)
PLAIN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120).execute()
nbformat.write(notebook, sys.argv[2])
"""
WAYS = {
    "jupyter execute": ["-m", "jupyter", "execute", "{notebook}", "--output={output}"],
    "papermill": ["-m", "papermill", "--no-progress-bar", "{notebook}", "{output}"],
    "nbconvert": ["-m", "nbconvert", "--to=notebook", "--execute", "{notebook}", "--output={output}"],
    "nbclient": ["-c", PLAIN, "{notebook}", "{output}"],
}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """What one types; the executed notebook goes to `out.ipynb`."""
    places = {"{notebook}": str(ONBOARDING), "{output}": str(tmp_path / "out.ipynb")}
    arguments = request.param
    for name, value in places.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    return [sys.executable, *arguments]


@pytest.fixture(autouse=True)
def _this_boxnb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_without_a_sign_in_it_fails_at_once_with_one_sentence(command: list[str]) -> None:
    """Exit code not 0, so that a schedule reports it; the log ends with what to do, and no cell after the gate ran."""
    boxnb.sandbox.start()
    done = run(command)  # within its timeout: nobody is waited for
    assert done.returncode != 0
    assert ADVICE in done.stderr
    assert "boxnb/widgets" not in done.stderr  # no frame of ours: the sentence is all there is to read
    saved = store.load("sandbox")
    assert saved is None or saved.token is None


def test_with_a_saved_sign_in_it_runs_to_its_end(command: list[str], tmp_path: Path) -> None:
    """The same command the day after somebody signed in: exit code 0, the users in the output, no secret."""
    boxnb.connect("sandbox")
    done = run(command)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "(120, " in written
    for secret in secrets_of("sandbox"):
        assert secret not in written + done.stderr + done.stdout
