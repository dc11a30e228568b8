"""``boxnb lab`` copies the notebooks, never overwrites a changed file, writes only to the folder, and starts JupyterLab."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import requests
from small_files import limit_files

from boxnb import cli
from boxnb.cli import notebook_files
from boxnb.cli.notebook_copies import RECORD, copy

ROOT = Path(__file__).parents[2]
OLD = {"a.ipynb": b"a, version 1", "below/b.ipynb": b"b, version 1"}
NEW = {"a.ipynb": b"a, version 2", "below/b.ipynb": b"b, version 2"}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder, except the record."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def test_first_copy_and_a_second_one(tmp_path: Path) -> None:
    """The first copy writes every file; the second one writes nothing and reports nothing."""
    folder = tmp_path / "new" / "folder"
    assert copy(OLD, folder).written == list(OLD)
    assert contents(folder) == OLD
    assert not any(copy(OLD, folder))


def test_changed_file_is_left_alone(tmp_path: Path) -> None:
    """With the same version, with a new version and with ``update``, the user's file keeps its content."""
    copy(OLD, tmp_path)
    (tmp_path / "a.ipynb").write_bytes(b"mine")
    assert copy(OLD, tmp_path) == ([], [], [], ["a.ipynb"], [])
    copies = copy(NEW, tmp_path)
    assert (copies.left_alone, copies.outdated) == (["a.ipynb"], ["a.ipynb", "below/b.ipynb"])
    assert contents(tmp_path) == {**OLD, "a.ipynb": b"mine"}
    copy(NEW, tmp_path, update=True)
    assert (tmp_path / "a.ipynb").read_bytes() == b"mine"


def test_update_replaces_unchanged_files_and_writes_next_to_changed_ones(tmp_path: Path) -> None:
    """The new version of a changed file is written once, even if the user deletes it."""
    copy(OLD, tmp_path)
    (tmp_path / "a.ipynb").write_bytes(b"mine")
    assert copy(NEW, tmp_path, update=True) == ([], ["below/b.ipynb"], ["a.new.ipynb"], ["a.ipynb"], [])
    assert contents(tmp_path) == {**NEW, "a.ipynb": b"mine", "a.new.ipynb": NEW["a.ipynb"]}
    (tmp_path / "a.new.ipynb").unlink()
    assert copy(NEW, tmp_path, update=True) == ([], [], [], ["a.ipynb"], [])


def test_accepted_new_version_counts_as_unchanged(tmp_path: Path) -> None:
    """A user who moves ``a.new.ipynb`` over ``a.ipynb`` gets later versions again."""
    copy(OLD, tmp_path)
    (tmp_path / "a.ipynb").write_bytes(b"mine")
    copy(NEW, tmp_path, update=True)
    (tmp_path / "a.new.ipynb").replace(tmp_path / "a.ipynb")
    assert copy({"a.ipynb": b"a, version 3"}, tmp_path, update=True).replaced == ["a.ipynb"]


def test_changed_file_next_to_is_left_alone(tmp_path: Path) -> None:
    """A user may also work in ``a.new.ipynb``."""
    copy(OLD, tmp_path)
    (tmp_path / "a.ipynb").write_bytes(b"mine")
    (tmp_path / "a.new.ipynb").write_bytes(b"mine as well")
    copies = copy(NEW, tmp_path, update=True)
    assert copies.left_alone == ["a.ipynb", "a.new.ipynb"] and copies.offered == []
    assert (tmp_path / "a.new.ipynb").read_bytes() == b"mine as well"


@pytest.mark.parametrize("record", [None, "", "[]", '{"files": 1}', "[" * 100_000])
def test_without_a_readable_record_every_other_file_is_the_users(tmp_path: Path, record: str | None) -> None:
    """A file whose origin is unknown is left alone."""
    (tmp_path / "a.ipynb").write_bytes(OLD["a.ipynb"])
    if record is not None:
        (tmp_path / RECORD).write_text(record, encoding="utf-8")
    copies = copy(NEW, tmp_path)
    assert copies.left_alone == ["a.ipynb"] and copies.written == ["below/b.ipynb"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """Neither a linked file nor a linked folder leads out of the chosen folder."""
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (outside / "a.ipynb").write_bytes(b"another file")
    (folder / "a.ipynb").symlink_to(outside / "a.ipynb")
    (folder / "below").symlink_to(outside)
    copies = copy(OLD, folder, update=True)
    assert copies.written == [] and {"a.ipynb", "below/b.ipynb"} <= set(copies.left_alone)
    assert contents(outside) == {"a.ipynb": b"another file"}


def test_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1 for a folder below a file, and 2 if the folder itself is a file."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert cli.main(["lab", str(tmp_path / "file" / "below"), "--no-start"]) == cli.FAILED
    assert cli.main(["lab", str(tmp_path / "file"), "--no-start"]) == cli.USAGE
    below, itself = capsys.readouterr().err.splitlines()
    assert "choose another folder" in below and "is a file" in itself
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    """The files that were copied are complete and recorded, and the next copy continues."""
    code = (
        "from pathlib import Path; from boxnb.cli.notebook_copies import copy\n"
        f"copy({{'a.ipynb': b'a' * 900, 'b.ipynb': b'b' * 2000}}, Path({str(tmp_path)!r}))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        preexec_fn=lambda: limit_files(1000),
    )
    assert "CopyError" in child.stderr and "File too large" in child.stderr
    assert contents(tmp_path) == {"a.ipynb": b"a" * 900}
    assert copy({"a.ipynb": b"new"}, tmp_path, update=True).replaced == ["a.ipynb"]


def test_copied_notebooks_are_complete_and_their_links_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every file of the repository's notebooks is there, every link leads to a file, and exports stay in the folder."""
    folder = tmp_path / "mine"
    assert cli.main(["lab", str(folder), "--no-start"]) == 0
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = {name.removeprefix("notebooks/") for name in tracked.stdout.split("\0") if name}
    assert set(contents(folder)) == names | {"data/.gitignore"}
    assert capsys.readouterr().out == f"Copied {len(names) + 1} files to {folder}.\n"
    for path in folder.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            links = re.findall(r"\]\(([^)#]+)\)", cell.source) if cell.cell_type == "markdown" else []
            for target in links:
                assert target.startswith("https://") or (path.parent / target).exists(), target
            for written in re.findall(r"[\w./]*data/exports/", cell.source):
                assert (path.parent / written).resolve() == folder / "data" / "exports"


def test_copied_guide_names_the_paths_in_the_copied_folder(tmp_path: Path) -> None:
    """A clone has the notebooks in a folder of its own, which the copy does not have."""
    assert cli.main(["lab", str(tmp_path), "--no-start"]) == 0
    text = (tmp_path / "guides/scheduling.md").read_text(encoding="utf-8")
    assert "this repository" not in text
    paths = re.findall(r"boxnb (?:run|schedule) (\S+\.ipynb)", text)
    assert paths and all((tmp_path / path).is_file() for path in paths)


def test_file_that_boxnb_did_not_write_is_offered_next_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report does not say that the user changed it, and names the file that --update writes."""
    (tmp_path / notebook_files.START).write_text("{}", encoding="utf-8")
    assert cli.main(["lab", str(tmp_path), "--no-start"]) == 0
    out = capsys.readouterr().out
    assert (
        "because boxnb did not write them:" in out and "NAME.new.ipynb" in out and "replaces yours" not in out
    )
    assert cli.main(["lab", str(tmp_path), "--no-start", "--update"]) == 0
    assert (tmp_path / "00-start-here.new.ipynb").is_file()
    capsys.readouterr()
    assert cli.main(["lab", str(tmp_path), "--no-start"]) == 0  # the record no longer says who wrote it
    assert "because boxnb did not write them, or you have changed them:" in capsys.readouterr().out


def test_report_names_every_file_that_was_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second copy says which file has been changed, and that everything else is up to date."""
    cli.main(["lab", str(tmp_path), "--no-start"])
    cli.main(["lab", str(tmp_path), "--no-start"])
    assert capsys.readouterr().out.splitlines()[1] == f"The notebooks in {tmp_path} are up to date."
    (tmp_path / notebook_files.START).write_text("{}", encoding="utf-8")
    cli.main(["lab", str(tmp_path), "--no-start", "--update"])
    assert capsys.readouterr().out.splitlines() == [
        "Left alone, because you have changed them:",
        f"  {notebook_files.START}",
    ]


def test_folder_of_the_notebooks_itself_is_not_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """In a clone, the notebooks are opened where they are."""
    assert cli.main(["lab", str(ROOT / "notebooks"), "--no-start"]) == 0
    assert "nothing was copied" in capsys.readouterr().out
    assert not (ROOT / "notebooks" / RECORD).exists()


def _when_it_listens(url: str, token: str, deadline: float) -> requests.Response:
    """Return the response of a server that may print its address a moment before it accepts connections."""
    while True:
        try:
            return requests.get(url, params={"token": token}, timeout=60)
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_jupyterlab_opens_the_first_notebook(tmp_path: Path) -> None:
    """JupyterLab serves the folder, prints the address of the first notebook, and ends when it is told to."""
    folder, log = tmp_path / "mine", tmp_path / "log"
    command = [sys.executable, "-m", "boxnb", "lab", str(folder), "--", "--no-browser", "--allow-root"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port=0"], cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    try:
        deadline, match = time.monotonic() + 120, None
        while match is None and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            match = re.search(
                r"http://127\.0\.0\.1:(\d+)/lab/tree/(\S+)\?token=(\w+)", log.read_text(encoding="utf-8")
            )
        assert match is not None, log.read_text(encoding="utf-8")
        assert match[2] == notebook_files.START
        url = f"http://127.0.0.1:{match[1]}/api/contents/"
        listing = _when_it_listens(url, match[3], deadline).json()
        assert {"1-onboard", "4-automate", notebook_files.START} <= {
            item["name"] for item in listing["content"]
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_missing_jupyterlab_is_reported_with_the_command_that_installs_it(tmp_path: Path) -> None:
    """The notebooks are copied, and one line says what to install."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "jupyterlab.py").write_text("raise ModuleNotFoundError(name='jupyterlab')", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    child = subprocess.run(
        [sys.executable, "-m", "boxnb", "lab", "mine"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == cli.FAILED and (tmp_path / "mine" / notebook_files.START).exists()
    assert len(child.stderr.splitlines()) == 1 and "pip install 'boxnb[lab]" in child.stderr


def test_record_can_be_read_by_people(tmp_path: Path) -> None:
    """The record is JSON with the SHA-256 of each file."""
    copy(OLD, tmp_path)
    record = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    assert record["format"] == 1 and set(record["files"]) == set(OLD)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in record["files"].values())
