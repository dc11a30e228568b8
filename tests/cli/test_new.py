"""``boxnb new`` copies one notebook or the script into the current folder, and overwrites nothing."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from boxnb import cli
from boxnb.cli import new, notebook_files
from boxnb.cli.notebook_copies import CopyError

PEOPLE = "2-explore/01-people.ipynb"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty."""
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


@pytest.mark.parametrize(
    "name",
    [
        "people",
        "01-people",
        "01-people.ipynb",
        PEOPLE,
        f"notebooks/{PEOPLE}",
        "2-explore/01",
        "notebooks\\2-explore\\01-people.ipynb",
        "2/1",
        "2.1",
        "2.01",
    ],
)
def test_notebook_is_found_by_name_and_number(name: str, folder: Path) -> None:
    """Every way in which people name a notebook leads to it."""
    assert cli.main(["new", name]) == 0
    assert [path.name for path in folder.iterdir()] == ["01-people.ipynb"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("01", "Several notebooks match"), ("nix", "No notebook is called"), ("", "No notebook")],
)
def test_unclear_name_lists_the_choices(
    name: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2, and nothing is copied."""
    assert cli.main(["new", name]) == cli.USAGE
    error = capsys.readouterr().err
    assert message in error and "2-explore/01-people" in error and list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["script", "people"])
def test_existing_file_is_left_alone(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, and the file keeps its content."""
    path = folder / ("weekly_report.py" if name == "script" else "01-people.ipynb")
    path.write_text("mine", encoding="utf-8")
    assert cli.main(["new", name]) == cli.FAILED
    assert path.read_text(encoding="utf-8") == "mine" and "left alone" in capsys.readouterr().err


def test_without_a_name_the_choices_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is a name that `new` accepts."""
    assert cli.main(["new"]) == 0
    names = capsys.readouterr().out.split()
    assert names[0] == "script" and len(names) > 15
    for name in names[1:]:
        assert new.find(name, new.available()) == f"{name}.ipynb"


def test_script_is_the_one_in_the_notebooks_folder(folder: Path) -> None:
    """The copy has the same bytes."""
    assert cli.main(["new", "script"]) == 0
    source = notebook_files.folder() / notebook_files.SCRIPT
    assert (folder / "weekly_report.py").read_bytes() == source.read_bytes()


def test_notebook_brings_the_file_that_it_reads(folder: Path) -> None:
    """A user's own file of that name is left alone, and the notebook is copied."""
    (folder / "hr.csv").write_text("login,department,left_on\n", encoding="utf-8")
    assert cli.main(["new", "ask-anything"]) == 0
    assert (folder / "hr.csv").read_text(encoding="utf-8") == "login,department,left_on\n"
    (folder / "hr.csv").unlink()
    (folder / "05-ask-anything.ipynb").unlink()
    assert cli.main(["new", "ask-anything"]) == 0
    assert len((folder / "hr.csv").read_text(encoding="utf-8").splitlines()) > 100


@pytest.mark.parametrize("name", new.available())
def test_copy_works_alone(name: str, folder: Path) -> None:
    """It is a valid notebook without links to files that are not there, and it writes nothing outside the folder."""
    assert cli.main(["new", name]) == 0
    path = folder / f"{Path(name).name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    original = nbformat.read(notebook_files.folder() / f"{name}.ipynb", as_version=4)
    for cell, before in zip(notebook.cells, original.cells, strict=True):
        assert "../" not in cell.source
        if cell.cell_type == "markdown":
            assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]+)\)", cell.source))
        else:
            assert cell.source == before.source.replace("../../data/", "data/")


def test_folder_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    """The error names the file, the reason and what to do."""
    with pytest.raises(CopyError, match=r"a.ipynb: No such file or directory.*or choose another folder"):
        new._write_new(folder / "missing" / "a.ipynb", b"")


@pytest.mark.parametrize(("name", "meant"), [("poeple", "people"), ("scirpt", "script"), ("nix", None)])
def test_a_misspelled_name_is_recognized(
    name: str, meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message asks whether the most similar name was meant, and lists the names one per line."""
    assert cli.main(["new", name]) == cli.USAGE
    err = capsys.readouterr().err
    assert {"  script", "  2-explore/01-people"} <= set(err.splitlines())
    assert (f"Did you mean {meant!r}?" in err) if meant else ("Did you mean" not in err)
