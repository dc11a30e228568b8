"""``boxnb schedule`` refuses a Python that may be deleted, and schedules scripts as well as notebooks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from boxnb import cli
from boxnb.cli import schedule, temporary_python
from boxnb.cli.temporary_python import install_command, why_temporary
from boxnb.local import private_files

ROOT = Path(__file__).parents[2]
TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
UV, PIPX = "uv = 0.13.9\n", "version = 3.11.7\n"

TEMPORARY = {
    "uvx": (".cache/uv", "archive-v0/Z1osd_TNtbr4COp2", UV, False, "uv tool install"),
    "uvx --no-cache": ("tmp/.tmpHnVev8", "archive-v0/v_M_hobG4eyv_0th", UV, False, "uv tool install"),
    "uv run --with": (".cache/uv", "builds-v0/.tmpfDJ1Se", UV, False, "uv tool install"),
    "pipx run": (".cache/pipx", "af4915f07e4db3d", PIPX, True, "pipx install --force"),
    "pipx run, made by uv": (".cache/pipx", "af4915f07e4db3d", UV, True, "pipx install --force"),
    "pipx run, before it had a tag": (
        "",
        ".local/pipx/.cache/af4915f07e4db3d",
        PIPX,
        True,
        "pipx install --force",
    ),
    "another tool's cache": (".cache/another", "environment", PIPX, False, "python -m pip install"),
}
"""Where each command keeps the environment, as seen on Linux: the tagged folder, the environment, its settings, pipx's file."""

LASTING = {
    "uv tool install": (".local/share/uv/tools/boxnb", UV, False, "uv tool install"),
    "pipx install --force": (".local/share/pipx/venvs/boxnb", UV, True, "pipx install --force"),
    "pipx install, earlier": (".local/pipx/venvs/boxnb", PIPX, True, "pipx install --force"),
    "a virtual environment": ("project/.venv", PIPX, False, "python -m pip install"),
}


def environment(folder: Path, settings: str, from_pipx: bool) -> Path:
    """Create the files by which an environment is recognized. Each environment also has a tag of its own."""
    folder.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\n{settings}", encoding="utf-8")
    (folder / "CACHEDIR.TAG").write_text(TAG, encoding="utf-8")
    if from_pipx:
        (folder / "pipx_metadata.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", TEMPORARY)
def test_temporary_environment_is_recognized(kind: str, tmp_path: Path) -> None:
    """The message says which tool deletes it, and the command that installs boxnb for good."""
    cache, below, settings, from_pipx, command = TEMPORARY[kind]
    prefix = environment(tmp_path / cache / below, settings, from_pipx)
    if cache:
        (tmp_path / cache / "CACHEDIR.TAG").write_text(TAG, encoding="utf-8")
    message = why_temporary(prefix)
    assert message is not None and f"{command} 'boxnb[lab]" in message and str(prefix) in message


@pytest.mark.parametrize("kind", LASTING)
def test_lasting_environment_is_accepted(kind: str, tmp_path: Path) -> None:
    """A tag inside the environment, or a tag with other content above it, does not make it temporary."""
    below, settings, from_pipx, command = LASTING[kind]
    (tmp_path / "CACHEDIR.TAG").write_text("something else", encoding="utf-8")
    prefix = environment(tmp_path / below, settings, from_pipx)
    if kind == "uv tool install":
        (prefix / "uv-receipt.toml").write_text("[tool]\n", encoding="utf-8")
    assert why_temporary(prefix) is None
    assert install_command(prefix) == command


def test_this_python_is_accepted() -> None:
    """The tests run in an ordinary environment."""
    assert why_temporary() is None


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "boxnb[lab]"),
        ("{}", "boxnb[lab]"),
        ("not JSON", "boxnb[lab]"),
        ('{"url": "file:///tmp/boxnb.whl", "archive_info": {}}', "boxnb[lab] @ file:///tmp/boxnb.whl"),
        (
            '{"url": "https://git.example/boxnb", "vcs_info": {"vcs": "git", "requested_revision": "v1"}}',
            "boxnb[lab] @ git+https://git.example/boxnb@v1",
        ),
    ],
)
def test_requirement_names_the_origin_of_this_boxnb(
    origin: str | None, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed distribution records its origin as PEP 610 says, unless it came from an index."""

    class Distribution:
        def read_text(self, name: str) -> str | None:
            return origin

    monkeypatch.setattr(temporary_python.metadata, "distribution", lambda name: Distribution())
    assert temporary_python.requirement() == requirement


def test_schedule_refuses_a_temporary_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed that could be pasted into a crontab, and the exit code is 2."""
    cache, below, settings, from_pipx, _ = TEMPORARY["uvx"]
    prefix = environment(tmp_path / cache / below, settings, from_pipx)
    (tmp_path / cache / "CACHEDIR.TAG").write_text(TAG, encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(prefix))
    script = tmp_path / "report.py"
    script.write_text("", encoding="utf-8")
    for path in (script, ROOT / "notebooks/4-automate/03-weekly-report.ipynb"):
        assert cli.main(["schedule", str(path)]) == cli.USAGE
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("This Python cannot be scheduled") and len(err.splitlines()) == 1


def test_scheduled_script_runs(tmp_path: Path) -> None:
    """The line for cron runs a script as under cron: in sh, in another folder, and with almost no environment."""
    script = tmp_path / "my report 100%.py"
    script.write_text("import boxnb, sys\nprint('ran', sys.argv[1:])\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "boxnb", "schedule", str(script), "--at", "23:59"]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    line = text.splitlines()[1].removeprefix("59 23 * * * ").replace(r"\%", "%")
    assert shlex.split(line)[-1] == str(script)
    child = subprocess.run(
        ["/bin/sh", "-c", line], cwd="/", env={}, capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stdout) == (0, "ran []\n"), child.stderr


@pytest.mark.parametrize("options", [["--to", "ada@example.com"], ["-p", "since=1D"], ["--profile", "acme"]])
def test_options_for_notebooks_are_refused_for_a_script(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script would ignore them."""
    script = tmp_path / "report.py"
    script.write_text("", encoding="utf-8")
    assert cli.main(["schedule", str(script), *options]) == cli.USAGE
    assert "A script has its own settings" in capsys.readouterr().err


def test_missing_script_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence says so."""
    assert cli.main(["schedule", str(tmp_path / "report.py")]) == cli.USAGE
    assert "it is not a file" in capsys.readouterr().err


def test_help_of_schedule_lists_every_scheduler(capsys: pytest.CaptureFixture[str]) -> None:
    """A user sees the choices."""
    with pytest.raises(SystemExit):
        cli.main(["schedule", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in schedule.schedule.SCHEDULERS)


@pytest.mark.parametrize(("windows", "start"), [(True, "<?xml"), (False, "# Run crontab -e")])
def test_scheduler_is_that_of_this_system_unless_another_is_named(
    windows: bool,
    start: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Windows does not have cron."""
    monkeypatch.setattr(private_files, "WINDOWS", windows)
    monkeypatch.setattr(schedule, "why_temporary", lambda: None)
    monkeypatch.delenv("BOXNB_HOME")
    (tmp_path / "report.py").write_text("", encoding="utf-8")
    assert cli.main(["schedule", str(tmp_path / "report.py")]) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        (["--profile", "acme"], "Warning: There is no profile 'acme'."),
        (["--to", "ada@example.com"], "Warning: No profile has mail settings."),
        ([], ""),
    ],
)
def test_schedule_warns_of_what_would_keep_it_from_running(
    options: list[str], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text is printed all the same, because the profile may be signed in before the schedule begins."""
    notebook = ROOT / "notebooks/4-automate/03-weekly-report.ipynb"
    assert cli.main(["schedule", str(notebook), *options]) == 0
    out, err = capsys.readouterr()
    assert "boxnb run" in out and err.startswith(warning) and len(err.splitlines()) == bool(warning)


def test_schedule_warns_of_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command installs the same boxnb with the Python that the schedule uses."""
    monkeypatch.setattr(schedule.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["schedule", str(ROOT / "notebooks/4-automate/03-weekly-report.ipynb")]) == 0
    err = capsys.readouterr().err
    assert "papermill" in err and "boxnb[automate]" in err


@pytest.mark.parametrize("every", schedule.schedule.EVERY)
def test_the_default_names_the_option_for_a_weekly_report(
    every: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only who runs it every day reads about ``--every week``."""
    (tmp_path / "report.py").write_text("", encoding="utf-8")
    command = ["schedule", str(tmp_path / "report.py"), "--for", "cron", "--every", every]
    assert cli.main(command) == 0
    assert ("--every week is for a weekly report" in capsys.readouterr().out) == (every == "day")
