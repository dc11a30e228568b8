"""The tests can be imported on Windows and macOS, and those that need Linux are skipped there by name."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import linux_only
import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "boxnb"
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
NAMES = {
    "os": {
        "fork",
        "getuid",
        "geteuid",
        "killpg",
        "mkfifo",
        "openpty",
        "tcgetpgrp",
        "uname",
        "waitstatus_to_exitcode",
    },
    "signal": {"SIGALRM", "SIGCONT", "SIGHUP", "SIGKILL", "SIGSTOP", "SIGTSTP", "SIGUSR1"},
    "socket": {"AF_UNIX"},
    "time": {"tzset"},
}
"""What Windows does not have."""

IN_A_PROGRAM = re.compile(r"/proc/|resource\.setrlimit|os\.fork\(|os\.kill\(|/bin/(?:ba)?sh\b")
"""The same, in the text of a program that a test runs."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def sources(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.py")) if "bench" not in file.parts]


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what Python evaluates when it imports a module: not the bodies of functions, nor what has an alternative."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If | ast.Try | ast.With | ast.Lambda):
            continue
        if isinstance(child, Function):
            parts: list[ast.AST] = [*child.decorator_list, *child.args.defaults, *child.args.kw_defaults]  # type: ignore[list-item]
            for part in filter(None, parts):
                yield part
                yield from at_import(part)
            continue
        yield child
        yield from at_import(child)


def posix_names(nodes: Iterator[ast.AST], *, at_import: bool = False) -> set[str]:
    """Return the modules and functions among these nodes that Windows does not have. Stand-ins can be imported."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= MODULES & {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES and not node.level:
            found.add(str(node.module))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, ()):
                found.add(f"{node.value.id}.{node.attr}")
            elif node.value.id in MODULES and not at_import:
                found.add(node.value.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not at_import:
            found |= set(IN_A_PROGRAM.findall(node.value))
    return found


@pytest.mark.parametrize("folder", [TESTS, PACKAGE], ids=["tests", "boxnb"])
def test_every_module_can_be_imported_on_windows(folder: Path) -> None:
    """A module that only POSIX systems have is imported under a condition, or with a stand-in (`posix_modules`)."""
    used = {file: posix_names(at_import(tree(file)), at_import=True) for file in sources(folder)}
    assert {file: names for file, names in used.items() if names} == {}


def needs_posix(file: Path) -> set[str]:
    """Return the tests of a module that use what Windows does not have, themselves or through functions of the module."""
    definitions: dict[str, ast.AST] = {}
    for node in tree(file).body:
        if isinstance(node, Function | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    uses = {name for name, node in definitions.items() if posix_names(ast.walk(node))}
    while True:
        more = {
            name
            for name, node in definitions.items()
            if name not in uses
            and any(
                (isinstance(part, ast.Name) and part.id in uses)
                or (isinstance(part, ast.arg) and part.arg in uses)
                for part in ast.walk(node)
            )
        }
        if not more:
            return {name for name in uses if name.startswith("test_")}
        uses |= more


NOT_NEEDED = {
    "runs/test_schedule.py": {"test_systemd_reads_any_path", "test_launchd_reads_any_path"},
}
"""Tests that only name such a program."""


def test_every_test_that_needs_linux_is_listed() -> None:
    """Elsewhere, it would fail instead of being skipped."""
    missing = {}
    for file in sources(TESTS):
        name = file.relative_to(TESTS).as_posix()
        if name == Path(__file__).name or not file.name.startswith("test_"):
            continue
        tests = {test for test in needs_posix(file) if linux_only.reason(name, test, "win32") is None}
        if tests := tests - NOT_NEEDED.get(name, set()):
            missing[name] = tests
    assert missing == {}


def test_every_listed_test_exists() -> None:
    """A test that was renamed would no longer be skipped."""
    for table in (linux_only.POSIX, linux_only.LINUX):
        for files in table.values():
            for file, tests in files.items():
                names = {node.name for node in tree(TESTS / file).body if isinstance(node, Function)}
                assert set(tests) <= names, file


def test_a_test_is_skipped_only_where_it_cannot_run() -> None:
    """On Linux, every test runs; on macOS, all but those that read /proc or mount a file."""
    fork, mount = (
        "test_a_full_disk_does_not_damage_the_previous_profile",
        "test_a_file_that_is_a_mount_point_is_written_in_place",
    )
    for test, systems in ((fork, {"win32"}), (mount, {"win32", "darwin"})):
        for system in ("linux", "darwin", "win32"):
            why = linux_only.reason("store/test_files.py", test, system)
            assert (why is not None) == (system in systems)
    assert (
        linux_only.reason("store/test_files.py", mount, "win32") == "needs Linux: it mounts a file (unshare)"
    )
