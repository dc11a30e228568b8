"""The built wheel in an empty environment outside the repository: notebooks, script, command, and no stray file."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import boxnb
from boxnb.cli.notebook_copies import RECORD

ROOT = Path(__file__).parents[2]
NOT_OURS = ("PYTHONPATH", "BOXNB_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "VIRTUAL_ENV")


def tracked(folder: str = ".") -> list[str]:
    """Return the files of the repository that are, or will be, in git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({name for name in output.split("\0") if name and (ROOT / name).is_file()})


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository, with the files that using it leaves behind."""
    folder = tmp_path_factory.mktemp("clone")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for leftover in ("notebooks/2-explore/.ipynb_checkpoints/01-people.ipynb", "data/exports/people.csv"):
        (folder / leftover).parent.mkdir(parents=True)
        (folder / leftover).write_text("what an enterprise looks like", encoding="utf-8")
    return folder


def build(clone: Path, target: str, folder: Path) -> Path:
    """Build a wheel or an sdist with the project's build backend, without a network. Return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=clone, capture_output=True, check=True, timeout=120)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, as users install it."""
    return build(clone, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the wheel, in which the packages of this environment can be imported, except boxnb."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*command, "--quiet", str(wheel)], check=True, timeout=120)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Python does not read the .pth files in these folders, so that an editable boxnb there is not found.
    lines = [path for path in sys.path if path in site.getsitepackages()]
    (packages / "other.pth").write_text("\n".join(lines), encoding="utf-8")
    return folder


class User(NamedTuple):
    """A user with an empty home folder, who works in a folder of their own."""

    home: Path
    work: Path
    programs: Path
    variables: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the user's folder."""
        return subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            cwd=self.work,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=420,
        )

    def files(self) -> set[str]:
        """Return every file of the user, of the environment and of the temporary folder."""
        top = self.home.parent
        paths = [*top.rglob("*"), *self.programs.parent.rglob("*")]
        return {
            os.path.relpath(path, top)
            for path in paths
            if path.is_file()
            and not path.name.endswith(".pyc")
            and "jupyter_" not in str(path.relative_to("/"))
        }


@pytest.fixture
def user(environment: Path, tmp_path: Path) -> Iterator[User]:
    """Yield a user of the installed wheel. Their sandbox stops at the end."""
    folders = {name: tmp_path / "user" / name for name in ("home", "work", "temporary")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    variables = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    variables |= {"HOME": str(folders["home"]), "TMPDIR": str(folders["temporary"])}
    variables["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")  # the templates of nbconvert
    someone = User(folders["home"], folders["work"], environment / "bin", variables)
    yield someone
    someone.run("python", "-c", "import boxnb; boxnb.sandbox.stop()")


def test_wheel_has_the_notebooks_and_the_company_and_nothing_of_a_user(wheel: Path) -> None:
    """Every notebook, the script and the CSV files of the practice company are there; checkpoints and exports are not."""
    names = zipfile.ZipFile(wheel).namelist()
    data = {name.removeprefix("boxnb/_data/") for name in names if name.startswith("boxnb/_data/")}
    company = {name.removeprefix("data/") for name in tracked("data/sandbox")}
    assert data == {*tracked("notebooks"), *company}
    assert not [name for name in names if "checkpoints" in name or "exports" in name]
    assert {name.split("/")[0] for name in names} == {"boxnb", f"boxnb-{boxnb.__version__}.dist-info"}
    assert {*tracked("boxnb")} <= {*names}


def test_sdist_has_what_the_wheel_needs(clone: Path, wheel: Path, tmp_path: Path) -> None:
    """A wheel that is built from the sdist has the same files as one that is built from a clone."""
    archive = build(clone, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {*tracked("notebooks"), *tracked("data"), *tracked("boxnb")} <= files
    assert not [name for name in files if "checkpoints" in name or "exports" in name]
    again = build(folder, "wheel", tmp_path / "again")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def test_command_and_module_are_the_same(user: User) -> None:
    """``boxnb`` and ``python -m boxnb`` come from the wheel and print the same version."""
    command, module = user.run("boxnb", "--version"), user.run("python", "-m", "boxnb", "--version")
    assert command.stdout == module.stdout == f"boxnb {boxnb.__version__}\n", command.stderr + module.stderr
    where = user.run("python", "-c", "import boxnb; print(boxnb.__file__)").stdout.strip()
    assert Path(where).is_relative_to(user.programs.parent)


def test_lab_and_script_write_only_where_they_should(user: User) -> None:
    """The notebooks are in the chosen folder, the script runs, and all else is in boxnb's configuration and data folders."""
    before = user.files()
    copied = user.run("boxnb", "lab", "mine", "--no-start")
    assert copied.returncode == 0, copied.stderr
    notebooks = {f"work/mine/{name.removeprefix('notebooks/')}" for name in tracked("notebooks")}
    ours = {*notebooks, f"work/mine/{RECORD}", "work/mine/data/.gitignore"}
    assert user.files() - before == ours

    assert user.run("boxnb", "new", "script").returncode == 0
    assert user.files() - before == {*ours, "work/weekly_report.py"}

    report = user.run("python", "weekly_report.py")
    assert report.returncode == 0, report.stderr
    assert "SUCCESS weekly-report on " in report.stdout
    written = user.files() - before - ours - {"work/weekly_report.py"}
    own = ("home/.config/boxnb/", "home/.local/share/boxnb/harvests/sandbox/")
    assert {path for path in written if not path.startswith(own)} == set()
    assert any("/runs/weekly-report/" in path for path in written)
    assert before <= user.files()


def test_notebook_in_the_copied_folder_exports_into_that_folder(user: User) -> None:
    """A copied notebook runs unattended, and its exports are in ``data/exports`` of the chosen folder."""
    assert user.run("boxnb", "lab", "mine", "--no-start").returncode == 0
    child = user.run("boxnb", "run", "mine/2-explore/05-ask-anything.ipynb", "--no-mail")
    assert child.returncode == 0, child.stderr
    exports = {path.name for path in (user.work / "mine" / "data" / "exports").iterdir()}
    assert exports == {"people.csv", "people.xlsx", "people.parquet", "inactive.html"}
    assert {path.name for path in user.work.iterdir()} == {"mine"}
