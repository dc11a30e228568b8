"""The onboarding notebook without a user: in a schedule, a pipeline or a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_notebooks import ONBOARDING, ROOT, secrets_of

import boxnb
from boxnb import store

ADVICE = (
    "SignInCancelled: Nobody is signed in as 'sandbox', and nobody is here to sign in. "
    "Run boxnb sign-in sandbox in a terminal once, then run this again."
)
# The first one is nbclient's own command.
COMMANDS = {
    "jupyter execute": ["-m", "jupyter", "execute", "{notebook}", "--output={output}"],
    "papermill": ["-m", "papermill", "--no-progress-bar", "{notebook}", "{output}"],
    "nbconvert": ["-m", "nbconvert", "--to=notebook", "--execute", "{notebook}", "--output={output}"],
}


@pytest.fixture(params=COMMANDS.values(), ids=list(COMMANDS))
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return each command that executes a notebook; the result is in `out.ipynb`."""
    paths = {"{notebook}": str(ONBOARDING), "{output}": str(tmp_path / "out.ipynb")}
    arguments = request.param
    for name, value in paths.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    return [sys.executable, *arguments]


@pytest.fixture(autouse=True)
def _this_boxnb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the child processes import boxnb from this repository."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command and return its output."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_without_a_sign_in_the_notebook_fails_immediately_with_one_sentence(command: list[str]) -> None:
    """The exit code is not 0, so that a schedule reports the failure. The log says what to do, and no later cell ran."""
    boxnb.sandbox.start()
    process = run(command)  # ends within its timeout, because it does not wait for a user
    assert process.returncode != 0
    assert ADVICE in process.stderr
    assert "boxnb/widgets" not in process.stderr  # no stack frame of ours, because the sentence is enough
    saved = store.load("sandbox")
    assert saved is None or saved.token is None


def test_with_a_saved_sign_in_the_notebook_completes(command: list[str], tmp_path: Path) -> None:
    """The same command ends with exit code 0, and its output has the users and no secret."""
    boxnb.connect("sandbox")
    process = run(command)
    assert process.returncode == 0, process.stderr
    output = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "(120, " in output
    for secret in secrets_of("sandbox"):
        assert secret not in output + process.stderr + process.stdout
