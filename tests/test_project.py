"""The house keeps its own rules: layers, sizes, names, and papers that match what is there."""

from __future__ import annotations

import ast
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

# From the bottom up; a module imports from lower rows, or from its own where it is a folder.
LAYERS = (
    ("errors", "tokens", "schema"),
    ("masking", "waits", "pasted"),
    ("silence", "cells"),
    ("refusals", "pages", "network"),
    ("records", "failures"),
    ("frames", "ids"),
    ("given",),
    ("paging",),
    ("client",),
    ("oauth",),
    ("disk", "plists"),
    ("journal", "keepers", "pacer", "ledger", "postbox"),
    ("profile",),
    ("store", "receiver"),
    ("auth",),
    ("session",),
    ("pull",),
    ("moving", "ranges"),
    ("people", "content", "activity", "anything", "estimate", "transfer"),
    ("sharing",),
    ("reports", "export"),
    ("box",),
    ("upkeep", "checkup", "sdk", "runs", "schedule", "basic"),
    ("command",),
    ("__main__",),
    ("widgets",),
    ("labs",),
)
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}


def module_name(path: Path) -> str:
    """First part of a module's path inside the package: ``oauth``, ``widgets``, ``sandbox``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, bool]]:
    """What a file imports of boxnb, as first parts, and whether it is done on loading (not for types, not in a function)."""
    found: list[tuple[str, bool]] = []

    def walk(node: ast.AST, on_loading: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            on_loading = False
        if isinstance(node, ast.ImportFrom):
            folder = path.relative_to(PACKAGE).parent.parts
            base = "boxnb." + ".".join(folder[: len(folder) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, [base.rstrip("."), node.module or ""]))
            parts = whole.split(".")
            if parts[0] == "boxnb":
                names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
                found.extend((name, on_loading) for name in names)
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "boxnb":
                    found.append((parts[1] if len(parts) > 1 else "", on_loading))
        for child in ast.iter_child_nodes(node):
            walk(child, on_loading)

    walk(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    """About 400 lines: a file one reads in one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [path for path in MODULES if module_name(path) in LEVEL], ids=relative)
def test_imports_only_go_down(path: Path) -> None:
    """A module knows the layers below it and none above."""
    here = module_name(path)
    for there, on_loading in imports(path):
        if on_loading and there != here:
            assert there in LEVEL, f"{there} has no layer yet"
            assert LEVEL[there] < LEVEL[here], f"{here} imports {there}"


def test_every_module_has_a_layer() -> None:
    """A new module says where it belongs."""
    assert {module_name(path) for path in MODULES} - {"__init__", "sandbox"} == set(LEVEL)


def test_the_sandbox_and_its_client_meet_over_http_only() -> None:
    """The sandbox server imports nothing of boxnb but itself; its control client only the errors, when one is raised."""
    for path in (PACKAGE / "sandbox").rglob("*.py"):
        allowed = {"sandbox"} if "server" in path.parts else {"sandbox", "errors", "store"}
        assert {name for name, _ in imports(path)} <= allowed, path
    for path in MODULES:
        if module_name(path) != "sandbox":
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
    for extra in ("lab", "automate"):  # the second is part of the first
        ours |= {Requirement(line).name: line for line in project["optional-dependencies"][extra]}
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


ANY_SERVER = ("records", "paging", "pages", "people", "pull", "estimate", "ranges", "moving", "transfer")
"""Modules that do not know whose server they talk to, so that their sentences name none."""


@pytest.mark.parametrize("path", [path for path in MODULES if module_name(path) in ANY_SERVER], ids=relative)
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
