"""Standard output that is missing, as under pythonw on Windows, or that another program has stopped reading."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import boxnb
from boxnb import cli
from boxnb.cli import terminal
from boxnb.local import private_files
from boxnb.signin import terminal as signin_terminal
from boxnb.transfer import progress_bar


def take_output_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take standard output and standard error away. pytest replaces them between a fixture and its test."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)


def test_a_command_without_an_output_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code still says how it ended."""
    take_output_away(monkeypatch)
    assert cli.main(["status"]) == 0
    assert cli.main(["run", "missing.ipynb"]) == 2


def test_a_run_without_an_output_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program prints is in the log, and a report to the screen is not an error."""
    take_output_away(monkeypatch)
    with boxnb.run("weekly", to="print") as run:
        print("3 links", flush=True)
        assert not sys.stdout.isatty()
    assert run.outcome == "SUCCESS" and run.undelivered == []
    assert any("3 links" in line for line in run.lines)
    assert sys.stdout is None


def test_a_progress_bar_without_an_output_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer under pythonw does not warn that its progress cannot be shown."""
    take_output_away(monkeypatch)
    progress_bar.draw(progress_bar.Moved("a", 1, 1, 1, 1))


class Pipe:
    """A standard output whose reader has ended, as Windows reports it."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    def flush(self) -> None:
        """Do nothing."""

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor


def test_a_reader_that_ends_early_is_not_an_error_on_windows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``boxnb status | more`` may be left before its end. Elsewhere, the same error has another meaning."""
    descriptor = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(sys, "stdout", Pipe(descriptor))
    assert terminal.show("text") == 1
    assert "Cannot print the text" in capsys.readouterr().err
    monkeypatch.setattr(private_files, "WINDOWS", True)

    def sign_in(*_: Any, **__: Any) -> None:
        sys.stdout.write("text")

    monkeypatch.setattr(signin_terminal, "sign_in", sign_in)
    assert terminal.show("text") == 0
    assert signin_terminal.execute("acme") == signin_terminal.NOT_SIGNED_IN
    assert capsys.readouterr().err == ""
    os.close(descriptor)


def test_a_process_that_started_without_an_output_works() -> None:
    """On every system, closing both before the start has the same effect as pythonw on Windows."""
    code = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, [sys.executable, '-m', 'boxnb', 'status'])"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
