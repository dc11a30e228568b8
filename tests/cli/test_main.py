"""The parser of all verbs: quick help, exit codes, and one sentence for every error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import boxnb
from boxnb import cli
from boxnb.cli import keep_alive

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "requests", "pyarrow", "ipywidgets", "jupyterlab", "boxnb.runs", "boxnb.store")


def heavy_packages(arguments: list[str]) -> set[str]:
    """Return which heavy packages a command line loads."""
    code = (
        "import sys\nfrom boxnb import cli\n"
        f"try:\n    cli.main({arguments!r})\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        f"print(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {*child.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("arguments", [["--help"], ["lab", "--help"], ["new", "--help"], ["--version"]])
def test_help_loads_no_heavy_package(arguments: list[str]) -> None:
    """Only the module of the verb is imported."""
    assert heavy_packages(arguments) == set()


@pytest.mark.parametrize("verb", ["run", "schedule"])
def test_a_run_does_not_load_pandas(verb: str) -> None:
    """It would take more time than the rest of a short run. The notebook itself runs in another process."""
    assert heavy_packages([verb, "--help"]) == {"boxnb.runs", "boxnb.store", "requests"}


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``boxnb VERB --help`` ends with exit code 0 and shows the verb's line of help."""
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0
    assert cli.VERBS[verb][1:20] in " ".join(capsys.readouterr().out.split())


def test_every_verb_has_a_module() -> None:
    """The folder has one module for each verb; the other modules are listed in the package's docstring."""
    modules = {path.stem for path in (ROOT / "boxnb/cli").glob("*.py")} - {"__init__"}
    verbs = {verb.replace("-", "_") for verb in cli.VERBS}
    assert verbs <= modules
    for other in modules - verbs - {"temporary_python"}:
        assert f"`{other}`" in (cli.__doc__ or ""), other


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["sign-out"], ["run"], ["status", "--no-such-option"]])
def test_invalid_command_line_has_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message of argparse says what is wrong."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == cli.USAGE and "usage: " in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"boxnb {boxnb.__version__}\n"


@pytest.mark.parametrize(
    ("name", "exit_code", "message"),
    [("acme", cli.FAILED, "There is no profile 'acme'"), ("../acme", cli.USAGE, "name of a profile")],
)
def test_error_is_one_line(
    name: str, exit_code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error has exit code 1, or 2 if the command line is the cause, and no traceback."""
    assert cli.main(["keep-alive", name]) == exit_code
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_interrupt_has_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command without a traceback."""

    def interrupt(profile: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(keep_alive, "keep_alive", interrupt)
    assert cli.main(["keep-alive", "acme"]) == 130


def test_names_of_other_modules_stay_importable() -> None:
    """`run_command` loads the module of ``run``; an unknown name is an AttributeError."""
    assert callable(cli.run_command)
    with pytest.raises(AttributeError, match="no attribute 'rn'"):
        _ = cli.rn  # type: ignore[attr-defined]


def test_no_verb_names_the_first_one(capsys: pytest.CaptureFixture[str]) -> None:
    """``boxnb`` alone says how to begin."""
    with pytest.raises(SystemExit):
        cli.main([])
    assert "boxnb lab opens the notebooks" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["lab", "new", "status", "run", "schedule"])
def test_an_unknown_option_shows_the_usage_of_its_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage of the whole program would not list the options."""
    with pytest.raises(SystemExit):
        cli.main([verb, *(["a.ipynb"] if verb in ("run", "schedule") else []), "--nope"])
    err = capsys.readouterr().err
    assert f" {verb} [" in err.splitlines()[0] and "unrecognized arguments: --nope" in err


@pytest.mark.parametrize(
    "arguments", [["lab", ""], ["run", ""], ["schedule", " "], ["run", "a.ipynb", "--folder", ""]]
)
def test_an_empty_path_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An unset variable must not become the current folder."""
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == cli.USAGE and "the path is empty" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "verb"), [("signin", "sign-in"), ("Doctor", "doctor"), ("nonsense", None)])
def test_a_misspelled_verb_is_recognized(
    word: str, verb: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message asks whether the most similar verb was meant, and lists the verbs one per line."""
    with pytest.raises(SystemExit) as stop:
        cli.main([word])
    err = capsys.readouterr().err
    assert stop.value.code == cli.USAGE and {f"  {name}" for name in cli.VERBS} <= set(err.splitlines())
    assert (f"Did you mean {verb!r}?" in err) if verb else ("Did you mean" not in err)


def test_an_unknown_option_of_lab_may_be_one_for_jupyterlab(capsys: pytest.CaptureFixture[str]) -> None:
    """The message says where those go."""
    with pytest.raises(SystemExit):
        cli.main(["lab", "--no-browser"])
    assert "go after --" in capsys.readouterr().err
