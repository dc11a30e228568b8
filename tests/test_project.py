"""The house keeps its own rules: layers, sizes, names, and papers that match what is there."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import boxnb

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "boxnb"
MODULES = sorted(PACKAGE.rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

HOUSE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
ROOMS = re.findall(r"^(\w+)", HOUSE.removeprefix("text"), re.MULTILINE)
"""Every room of the package, from the ground up, as CONTRIBUTING lists them."""


def module_name(path: Path) -> str:
    """The dotted name inside the package: ``oauth.flow``; a folder's ``__init__`` has the name of the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path): path for path in MODULES}


def imports(path: Path) -> set[str]:
    """The modules of boxnb that a file imports, wherever in it: on loading, in a function, for types only."""
    folder = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, [base, node.module]))
            members = {f"{whole}.{alias.name}" for alias in node.names}
            modules = {name for name in members if name.removeprefix("boxnb.") in NAMES}
            found |= modules | ({whole} if modules != members else set())
    inside = {name.removeprefix("boxnb").removeprefix(".") for name in found if name.split(".")[0] == "boxnb"}
    return {name if name in NAMES else name.rpartition(".")[0] for name in inside} - {module_name(path)}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    """About 400 lines: a file one reads in one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [path for name, path in NAMES.items() if name], ids=relative)
def test_imports_only_go_down(path: Path) -> None:
    """A room knows the rooms below it and none above; the face of the package, ``boxnb/__init__``, knows them all."""
    here = module_name(path).split(".")[0]
    for there in {name.split(".")[0] for name in imports(path)} - {here, ""}:
        assert ROOMS.index(there) < ROOMS.index(here), f"{here} imports {there}"


def test_no_import_goes_in_a_circle() -> None:
    """Not between two modules and not round any number of them."""
    graphlib.TopologicalSorter({name: imports(path) - {""} for name, path in NAMES.items() if name}).prepare()


def test_every_room_is_in_the_list() -> None:
    """A new room says where it belongs."""
    assert sorted(ROOMS) == sorted({name.split(".")[0] for name in NAMES} - {""})


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=relative)
def test_every_folder_says_what_lives_there(path: Path) -> None:
    """A sentence at least, and who may import it."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(said.split()) >= 8, said


def test_the_sandbox_and_its_client_meet_over_http_only() -> None:
    """The sandbox server imports nothing of boxnb but itself; its control client only the errors, when one is raised."""
    for path in (PACKAGE / "sandbox").rglob("*.py"):
        allowed = {"sandbox"} if "server" in path.parts else {"sandbox", "errors"}
        assert {name.split(".")[0] for name in imports(path)} <= allowed, path
    for path in MODULES:
        if module_name(path).split(".")[0] != "sandbox":
            found = re.search(r"sandbox\.server\b(?!\()", path.read_text(encoding="utf-8"))
            assert found is None, path  # a call of the control client's server() is no import


def test_import_boxnb_loads_nothing_of_a_notebook_or_server() -> None:
    """ipywidgets, JupyterLab and the sandbox load only when used."""
    heavy = "{'ipywidgets', 'anywidget', 'jupyterlab', 'starlette', 'uvicorn', 'IPython'}"
    code = f"import sys, boxnb; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_public_names_exist_and_are_in_the_readme() -> None:
    """What `boxnb` offers is what its papers say."""
    assert sorted(boxnb.__all__) == boxnb.__all__
    for name in [*boxnb.__all__, "sdk"]:  # which a star import leaves out: it needs Box's SDK
        assert getattr(boxnb, name) is not None
        assert re.search(rf"\b{name}\b", README), name


def test_readme_names_every_make_target_and_is_short() -> None:
    """Under 150 lines, and no target is a secret."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"lab", "test", "check", "notebooks"} <= set(targets)
    for target in targets:
        assert f"make {target}" in README, target
    assert len(README.splitlines()) < 150


def test_readme_links_lead_somewhere() -> None:
    """Every relative link is a file."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_readme_lists_every_notebook() -> None:
    """The table of notebooks is complete."""
    for path in (ROOT / "notebooks").rglob("[0-9]*.ipynb"):
        assert relative(path) in README


def bounds(text: str) -> str:
    return str(Requirement(text.replace(" >=", ">=")).specifier)


def test_conda_environment_matches_the_package() -> None:
    """Same names, same lower bounds, one channel, and the package itself through pip."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert environment["channels"] == ["conda-forge"]
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["--editable .[lab]"]}
    ours = {Requirement(line).name: line for line in project["dependencies"]}
    ours |= {Requirement(line).name: line for line in project["optional-dependencies"]["lab"]}
    for line in conda:
        name = line.split()[0]
        if name == "python":
            assert line.split()[1] == project["requires-python"]
        elif name != "pip":
            assert bounds(line) == bounds(ours[name]), line


def test_base_dependencies_have_a_lower_bound_and_no_upper_one() -> None:
    """A bound above is a guess; one below is a promise."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["dependencies"]:
        assert [part.operator for part in Requirement(line).specifier] == [">="], line


def test_no_file_names_a_package_registry() -> None:
    """The index is whatever the user of pip has set up; there is no lock file to say otherwise."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = re.compile(
        r"pypi\.org|pythonhosted|registry\.npmjs|repo\.anaconda|--(extra-)?index-url", re.IGNORECASE
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        assert not re.search(r"(^|/)(uv|poetry|pdm|conda)[-.]lock", name), name
        if path != Path(__file__) and path.exists() and path.suffix != ".png":
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), name


def test_the_code_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each Python block runs against the sandbox; the first one shows what the README shows."""
    blocks = re.findall(r"```(python|text)\n(.*?)```", README, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "text", "python"]
    first, shown, script = (text for _, text in blocks)
    *lines, last = first.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    assert str(eval(last, names)) == shown.strip()
    *lines, last = script.strip().splitlines()
    exec("\n".join(lines), names)
    assert eval(last, names)["login"] == "ada.admin@example.com"
    assert "Signed in to the sandbox" in capsys.readouterr().out


ANY_SERVER = (
    *("frames.decode", "frames.pages", "datasets.paging", "datasets.people", "datasets.pull"),
    *("datasets.estimate", "datasets.event_ranges", "datasets.tree_changes", "transfer"),
)
"""Modules that do not know whose server they talk to, so that their sentences name none."""


@pytest.mark.parametrize(
    "path", [path for name, path in NAMES.items() if name.startswith(ANY_SERVER)], ids=relative
)
def test_sentences_about_any_server_do_not_call_it_box(path: Path) -> None:
    """A profile may be of another server than Box; who knows its name says the name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    ]
    assert not [words for words in said if re.search(r"\bBox\b", words)]
