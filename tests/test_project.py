"""The project follows its own rules: layers, module sizes, names, and documents that match the code."""

from __future__ import annotations

import ast
import graphlib
import json
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

sys.path.append(str(ROOT / ".docs"))

import notebook_table  # noqa: E402

LAYER_LIST = (
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Architecture")[1].split("```")[1]
)
LAYERS = re.findall(r"^(\w+)", LAYER_LIST.removeprefix("text"), re.MULTILINE)
"""Every top-level module and folder, lowest layer first, as CONTRIBUTING lists them."""


def module_name(path: Path) -> str:
    """Return a module's dotted name inside the package, such as ``oauth.flow``; for ``__init__``, its folder's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in MODULES}


def imports(path: Path) -> set[str]:
    """Return the boxnb modules that a file imports at the top, inside a function, or only for type checkers."""
    folder = path.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module]))
            members = {f"{source}.{alias.name}" for alias in node.names}
            modules = {name for name in members if name.removeprefix("boxnb.") in PATHS}
            names |= modules | ({source} if modules != members else set())
    ours = {name.removeprefix("boxnb").removeprefix(".") for name in names if name.split(".")[0] == "boxnb"}
    return {name if name in PATHS else name.rpartition(".")[0] for name in ours} - {module_name(path)}


def relative(path: Path) -> str:
    """Return a path relative to the repository, as a test id."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    """A module has at most 400 lines, so that it can be read in one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [path for name, path in PATHS.items() if name], ids=relative)
def test_imports_only_go_down(path: Path) -> None:
    """A layer imports only layers that precede it in the list. Only ``boxnb/__init__`` imports from all of them."""
    layer = module_name(path).split(".")[0]
    for imported in {name.split(".")[0] for name in imports(path)} - {layer, ""}:
        assert LAYERS.index(imported) < LAYERS.index(layer), f"{layer} imports {imported}"


def test_imports_have_no_cycle() -> None:
    """No chain of imports leads back to the module where it starts."""
    graphlib.TopologicalSorter({name: imports(path) - {""} for name, path in PATHS.items() if name}).prepare()


def test_every_layer_is_listed() -> None:
    """The list in CONTRIBUTING names every top-level module and folder."""
    assert sorted(LAYERS) == sorted({name.split(".")[0] for name in PATHS} - {""})


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=relative)
def test_every_folder_describes_itself(path: Path) -> None:
    """Each ``__init__`` has a docstring of at least eight words that says what the folder contains and what can import it."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(docstring.split()) >= 8, docstring


def test_every_test_says_what_it_checks() -> None:
    """Each test function has a docstring."""
    tests = [
        function
        for path in Path(__file__).parent.rglob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_")
    ]
    assert len(tests) > 1000
    assert [test.name for test in tests if ast.get_docstring(test) is None] == []


def test_sandbox_and_client_communicate_over_http_only() -> None:
    """The sandbox's server imports only its own modules; the client also imports errors, cards and local."""
    for path in (PACKAGE / "sandbox").rglob("*.py"):
        allowed = {"sandbox"} if "server" in path.parts else {"sandbox", "errors", "cards", "local"}
        assert {name.split(".")[0] for name in imports(path)} <= allowed, path
    for path in MODULES:
        if module_name(path).split(".")[0] != "sandbox":
            match = re.search(r"sandbox\.server\b(?!\()", path.read_text(encoding="utf-8"))
            assert match is None, path  # sandbox.server() is a call to the client, not an import


def test_import_boxnb_loads_no_notebook_or_server_package() -> None:
    """The packages that widgets, JupyterLab and the sandbox need are loaded only when they are used."""
    heavy = "{'ipywidgets', 'anywidget', 'jupyterlab', 'starlette', 'uvicorn', 'IPython'}"
    code = f"import sys, boxnb; print(sorted({heavy} & set(sys.modules)))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert child.stdout.strip() == "[]"


def test_public_names_exist_and_are_in_the_readme() -> None:
    """Every public name of `boxnb` can be imported, and the README mentions it."""
    assert sorted(boxnb.__all__) == boxnb.__all__
    for name in [*boxnb.__all__, "sdk"]:  # not in __all__, because it needs Box's SDK
        assert getattr(boxnb, name) is not None
        assert re.search(rf"\b{name}\b", README), name


def test_readme_is_short_and_names_every_make_target() -> None:
    """The README has fewer than 150 lines and mentions every make target whose name is one word."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"lab", "test", "check", "notebooks"} <= set(targets)
    for target in targets:
        assert f"make {target}" in README, target
    assert len(README.splitlines()) < 150


def test_make_says_that_it_installs() -> None:
    """The installation is quiet for some minutes, so a line says what happens; and the README names the command in a clone."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    quiet = re.findall(
        r"^\t@echo \"Installing boxnb .*once.*\n\t.*pip install --quiet", makefile, re.MULTILINE
    )
    assert len(quiet) == makefile.count("pip install --") == 1
    assert ".venv/bin/boxnb" in README and r".venv\Scripts\boxnb" in README and "GB" in README


def test_readme_links_exist() -> None:
    """Every relative link in the README leads to a file or folder that exists."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_readme_lists_every_notebook() -> None:
    """The README mentions every notebook."""
    for path in (ROOT / "notebooks").rglob("[0-9]*.ipynb"):
        assert relative(path) in README


def bounds(text: str) -> str:
    """Return the version bounds of a requirement, written for pip or for conda."""
    return str(Requirement(text.replace(" >=", ">=")).specifier)


def test_conda_environment_matches_the_package() -> None:
    """The conda environment uses one channel and the package's lower bounds, and installs boxnb itself with pip."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert environment["channels"] == ["conda-forge"]
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["--editable .[lab]"]}
    ours = {Requirement(line).name: line for line in project["dependencies"]}
    for extra in ("lab", "automate"):  # ``lab`` includes ``automate``
        ours |= {Requirement(line).name: line for line in project["optional-dependencies"][extra]}
    for line in conda:
        name = line.split()[0]
        if name == "python":
            assert line.split()[1] == project["requires-python"]
        elif name != "pip":
            assert bounds(line) == bounds(ours[name]), line


def test_base_dependencies_have_a_lower_bound_and_no_upper_one() -> None:
    """Every base dependency has a lower bound, which is tested. None has an upper bound, which would be a guess."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in project["dependencies"]:
        assert [part.operator for part in Requirement(line).specifier] == [">="], line


def test_no_file_names_a_package_registry() -> None:
    """No file names a package index or locks versions, because users configure the index in pip."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = re.compile(
        r"pypi\.org|pythonhosted|registry\.npmjs|repo\.anaconda|--(extra-)?index-url", re.IGNORECASE
    )
    for name in filter(None, files.stdout.split("\0")):
        path = ROOT / name
        assert not re.search(r"(^|/)(uv|poetry|pdm|conda)[-.]lock", name), name
        if path != Path(__file__) and path.exists() and path.suffix != ".png":
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), name


def test_readme_has_the_notebooks_of_the_start_notebook() -> None:
    """The table in README is the start notebook's, and the minutes are those that each notebook states."""
    assert notebook_table.with_table(README) == README, "run python .docs/notebook_table.py"
    assert len(notebook_table.rows()) + 1 == len(list((ROOT / "notebooks").rglob("[0-9]*.ipynb")))
    for _, path, _, minutes in notebook_table.rows():
        first = json.loads((ROOT / "notebooks" / path).read_text(encoding="utf-8"))["cells"][0]
        stated = re.search(r"\*\*Time\*\* (.*)", "".join(first["source"]))
        assert stated is not None
        assert re.findall(r"\d+", minutes)[0] == re.findall(r"\d+", stated[1])[0], path


def test_readme_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each Python block in the README runs against the sandbox, and the first one returns what the README shows."""
    blocks = re.findall(r"```(python|text)\n(.*?)```", README, re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "text", "python"]
    first, output, script = (content for _, content in blocks)
    *lines, expression = first.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    assert str(eval(expression, names)) == output.strip()
    *lines, expression = script.strip().splitlines()
    exec("\n".join(lines), names)
    assert eval(expression, names)["login"] == "ada.admin@example.com"
    assert "Signed in to the sandbox" in capsys.readouterr().out


ANY_SERVER = (
    *("frames.decode", "frames.pages", "datasets.paging", "datasets.people", "datasets.pull"),
    *("datasets.estimate", "datasets.event_ranges", "datasets.tree_changes", "transfer"),
)
"""Modules that do not know which server they talk to, so their messages say "the server"."""


@pytest.mark.parametrize(
    "path", [path for name, path in PATHS.items() if name.startswith(ANY_SERVER)], ids=relative
)
def test_messages_for_any_server_do_not_call_it_box(path: Path) -> None:
    """A profile can belong to a server other than Box. Only modules that know the server's name use it in messages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    messages = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    assert not [message for message in messages if re.search(r"\bBox\b", message)]


def test_every_phrase_to_avoid_can_be_found() -> None:
    """The regex for codespell matches each phrase in ``words.txt`` as one word, so that codespell looks it up."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    regex = re.compile(project["tool"]["codespell"]["regex"])
    for line in (ROOT / "tests/words.txt").read_text(encoding="utf-8").splitlines():
        phrase, _, replacement = line.partition("->")
        assert regex.findall(phrase) == [phrase] and replacement, line
        assert regex.findall(f"It {phrase} a file")[1] == phrase, line
    assert regex.findall("there is no") == ["there", "is", "no"]
    assert regex.findall("is no longer") == ["is", "no", "longer"]


def test_pre_commit_runs_what_make_check_runs() -> None:
    """Every command of ``make check`` is a hook, and no hook needs anything but the tools in ``.venv``."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[0]
    commands = recipe.replace("$(BIN)", ".venv/bin").replace("$(MAKE) --no-print-directory", "make")
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [line.strip() for line in commands.splitlines()]
    assert {hook["language"] for hook in hooks} == {"system"}


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=relative)
def test_files_for_github_are_valid_yaml(path: Path) -> None:
    """Each YAML file under ``.github`` parses to a mapping."""
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=relative)
def test_workflows_are_pinned_limited_and_marked_not_run(path: Path) -> None:
    """Actions are pinned to a commit, jobs have few permissions and a time limit, and the first line says *not run*."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Not run: ")
    workflow = yaml.safe_load(text)
    assert set(workflow) >= {"name", True, "permissions", "jobs"}  # YAML 1.1 reads the key ``on`` as True
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", f"a/b@{40 * '0'}")), step
    assert len(re.findall(r"uses: .*@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)) == text.count(
        "uses:"
    )


def test_workflows_use_one_version_of_each_action() -> None:
    """All workflows use the same commit of an action."""
    uses = {
        match for path in WORKFLOWS for match in re.findall(r"uses: (\S+)@", path.read_text(encoding="utf-8"))
    }
    pins = {
        match
        for path in WORKFLOWS
        for match in re.findall(r"uses: (\S+@\S+)", path.read_text(encoding="utf-8"))
    }
    assert len(WORKFLOWS) == 3 and len(pins) == len(uses)


def test_workflows_cover_every_system_and_the_oldest_python() -> None:
    """The tests run on Linux, macOS and Windows, with the oldest supported Python and the lowest dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert f">={matrix['python'][0]}" == project["requires-python"]
    assert {entry["dependencies"] for entry in matrix["include"]} == {"lowest"}


def test_workflows_use_make_targets_and_files_that_exist() -> None:
    """Every ``make`` target and every Python file that a workflow runs exists."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert set(re.findall(r"run: make ([a-z-]+)", text)) <= targets
    files = re.findall(r"(?:python|run:) ((?:tests|\.ci)/[\w./]+)", text)
    assert files and all((ROOT / file).exists() for file in files)


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.md")), ids=relative)
def test_links_of_files_for_github_exist(path: Path) -> None:
    """Every relative link of a document under ``.github`` leads to a file."""
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target
