"""Public names work after ``import boxnb`` alone, and one sentence reports a missing package and how to install it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISED = [
    "connect",
    "sign_in",
    "sign_out",
    "status",
    "doctor",
    "keep_alive",
    "run",
    "Box",
    "Client",
    "Server",
    "Token",
    "Secret",
    "BoxNotebookError",
    "oauth",
    "store",
    "frames",
    "auth.RotatingAuth",
    "errors",
    "reports",
    "export",
    "runs",
    "basic",
    "sdk",
    "sandbox",
    "labs",
    "transfer",
    "transfer.names",
    "widgets",
    "widgets.charts",
    "widgets.views",
    "sandbox.mail",
    "sandbox.devices",
    "sandbox.older",
    "labs.slides",
    "frames.children",
    "reports.storage_by",
]
"""Names that must stay importable when their code moves."""

HIDE = """
    import importlib.abc, sys
    HIDDEN = {hidden!r}
    class Hidden(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in HIDDEN:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Hidden())
    """


def child(folder: Path, *words: str, hidden: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python in a process in which some packages cannot be imported, nor in its child processes."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(textwrap.dedent(HIDE).format(hidden=hidden), encoding="utf-8")
    path = os.pathsep.join([str(site), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "BOXNB_HOME": str(folder / "home")}
    return subprocess.run(
        [sys.executable, *words],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        cwd=folder,
    )


def output_of(folder: Path, code: str, *hidden: str) -> str:
    """Return the output of a program, or the class and message of the boxnb error that it raises."""
    program = (
        "import boxnb, pandas as pd\nfrom boxnb.errors import BoxNotebookError\nframe = pd.DataFrame({'a': ['b']})\n"
        f"try:\n{textwrap.indent(textwrap.dedent(code), '    ')}\n"
        "except BoxNotebookError as error:\n    print(type(error).__name__, error)\n"
    )
    process = child(folder, "-c", program, hidden=hidden)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def readme_names() -> list[str]:
    """Return every dotted name that follows ``boxnb.`` in the README."""
    return sorted({name.rstrip(".") for name in re.findall(r"\bboxnb\.([A-Za-z_][\w.]*)", README)} - {"git"})


def test_every_name_works_after_import_boxnb_alone(tmp_path: Path) -> None:
    """Each name is imported in its own process, so that none depends on what another one has loaded."""
    code = """
        import operator, os, sys
        import pandas, requests  # once for all, because they take a second
        import boxnb
        assert [name for name in sys.modules if name.startswith("boxnb")] == ["boxnb"]
        for name in sys.argv[1:]:
            child = os.fork()
            if not child:
                try:
                    operator.attrgetter(name)(boxnb)
                except BaseException as error:
                    print(name, repr(error), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
        """
    names = [*PROMISED, *readme_names()]
    assert {"reports", "export", "frames.children", "widgets.views"} <= set(names)
    process = child(tmp_path, "-c", textwrap.dedent(code), *names)
    assert (process.returncode, process.stdout) == (0, ""), process.stderr


def test_names_that_load_later_are_completed_by_the_tab_key() -> None:
    """``dir`` lists the names before they are loaded."""
    import boxnb
    import boxnb.labs
    import boxnb.sandbox

    assert {"reports", "export", "frames", "transfer", "widgets", "sdk"} <= set(dir(boxnb))
    assert {"charts", "views", "sign_in"} <= set(dir(boxnb.widgets))
    assert {"devices", "mail", "older", "start"} <= set(dir(boxnb.sandbox))
    assert {"slides", "lab"} <= set(dir(boxnb.labs))


@pytest.mark.parametrize(
    "name", ["boxnb.report", "boxnb.widgets.chart", "boxnb.sandbox.mails", "boxnb.labs.slide"]
)
def test_unknown_name_is_an_attribute_error(name: str) -> None:
    """``hasattr`` works as usual, and a misspelled name is reported as usual."""
    import boxnb

    with pytest.raises(AttributeError, match=name.rpartition(".")[2]):
        eval(name, {"boxnb": boxnb})


def test_type_checkers_see_names_that_load_later() -> None:
    """Each name that loads later is imported for type checkers under the same name."""
    for package, names in {
        "": "auth basic errors export frames labs oauth reports runs sandbox sdk store transfer widgets",
        "widgets": "charts views",
        "sandbox": "devices mail older",
        "labs": "slides",
    }.items():
        tree = ast.parse((ROOT / "boxnb" / package / "__init__.py").read_text(encoding="utf-8"))
        blocks = [
            node
            for node in tree.body
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ]
        imported = {
            alias.asname or alias.name
            for node in blocks
            for statement in node.body
            for alias in getattr(statement, "names", [])
        }
        assert set(names.split()) <= imported, package


def extras() -> dict[str, list[str]]:
    """Return the requirements of each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements: dict[str, list[str]] = project["optional-dependencies"]
    return requirements


SDK = "pip install 'boxsdk>=10'"
EXPLORE, AUTOMATE, KEYRING = (f"pip install 'boxnb[{extra}]'" for extra in ("explore", "automate", "keyring"))
MISSING = [
    ("boxnb.export.to_excel(frame, 'a.xlsx')", "openpyxl", EXPLORE),
    ("boxnb.export.to_excel(frame, 'a.xlsx')", "et_xmlfile", EXPLORE),  # a dependency of openpyxl
    ("boxnb.widgets.charts", "plotly", EXPLORE),
    ("from boxnb.widgets import charts", "plotly", EXPLORE),
    ("boxnb.widgets.views", "plotly", EXPLORE),
    ("import boxnb.widgets.explorer", "plotly", EXPLORE),
    ("boxnb.runs.chart()", "plotly", EXPLORE),
    ("boxnb.sdk", "box_sdk_gen", SDK),
    ("import boxnb.sdk", "box_sdk_gen", SDK),
    ("from boxnb import sdk", "box_sdk_gen", SDK),
    ("boxnb.sdk.oauth_config('acme')", "box_sdk_gen", SDK),
    ("boxnb.sandbox.mail.start()", "aiosmtpd", AUTOMATE),
    ("boxnb.sandbox.mail.serve(object())", "aiosmtpd", AUTOMATE),
    ("boxnb.labs.slides.export('a.ipynb', 'a.html')", "nbclient", AUTOMATE),
    ("boxnb.labs.slides.export('a.ipynb', 'a.html')", "nbformat", AUTOMATE),
    ("boxnb.labs.slides.export('a.ipynb', 'a.html')", "nbconvert", AUTOMATE),
    (
        """
        boxnb.store.save(boxnb.store.Profile('a', boxnb.Client('i', boxnb.Secret('s'), 'http://127.0.0.1/')))
        boxnb.store.migrate('a', 'keyring')
        """,
        "keyring",
        KEYRING,
    ),
]


@pytest.mark.parametrize(("code", "hidden", "command"), MISSING)
def test_missing_package_is_reported_in_one_sentence(
    tmp_path: Path, code: str, hidden: str, command: str
) -> None:
    """One line without a traceback says what needs the package, how to install it and why the import failed."""
    message = output_of(tmp_path, code, hidden)
    assert command in message, message
    assert "needs one more package" in message
    assert len(message.splitlines()) == 1


def test_missing_package_error_is_also_an_import_error(tmp_path: Path) -> None:
    """Code that catches ImportError for an optional package catches this error, and its ``name`` is the module."""
    code = """
        try:
            boxnb.export.to_excel(frame, "a.xlsx")
        except ImportError as error:
            print(type(error).__name__, error.name)
        """
    assert output_of(tmp_path, code, "openpyxl") == "MissingPackageError openpyxl"
    assert not (tmp_path / "a.xlsx").exists()


@pytest.mark.parametrize("hidden", ["papermill", "nbconvert", "nbformat"])
def test_run_without_its_packages_is_reported_in_one_sentence(tmp_path: Path, hidden: str) -> None:
    """``python -m boxnb run`` fails before it executes anything, and the history has the reason."""
    notebook = tmp_path / "report.ipynb"
    notebook.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', encoding="utf-8")
    process = child(tmp_path, "-m", "boxnb", "run", str(notebook), hidden=(hidden,))
    assert process.returncode == 1
    assert f"(No module named {hidden!r})" in process.stderr, process.stderr
    assert "-m pip install 'boxnb[automate]" in process.stderr and process.stderr.count("\n") == 1
    assert "Traceback" not in process.stdout + process.stderr
    history = output_of(
        tmp_path, "print(boxnb.runs.history()[['outcome', 'problem']].iloc[0].to_list())", hidden
    )
    assert "ERROR" in history and AUTOMATE in history.replace("\\\\", "")


def test_broken_package_is_reported_before_anything_runs(tmp_path: Path) -> None:
    """The error says why the package cannot be imported, and no cell is executed."""
    notebook = tmp_path / "report.ipynb"
    cell = '{"cell_type": "code", "source": "open(\'ran\', \'w\').close()", "metadata": {}, "outputs": [], "execution_count": null}'
    notebook.write_text(
        f'{{"cells": [{cell}], "nbformat": 4, "nbformat_minor": 5, "metadata": {{}}}}', encoding="utf-8"
    )
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "papermill.py").write_text(
        "raise ImportError('no such library: libx')", encoding="utf-8"
    )
    process = child(tmp_path, "-m", "boxnb", "run", str(notebook))
    assert (process.returncode, len(process.stderr.strip().splitlines())) == (1, 1), process.stderr
    assert "boxnb[automate]" in process.stderr and "(no such library: libx)" in process.stderr
    assert not (tmp_path / "ran").exists()


def test_schedule_needs_no_extra(tmp_path: Path) -> None:
    """The text for a scheduler is printed even if the packages that run a notebook are missing, with a warning."""
    notebook = tmp_path / "report.ipynb"
    notebook.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', encoding="utf-8")
    process = child(
        tmp_path, "-m", "boxnb", "schedule", str(notebook), hidden=("papermill", "nbconvert", "nbformat")
    )
    assert process.returncode == 0 and str(notebook) in process.stdout
    assert "No module named 'papermill'" in process.stderr and "Traceback" not in process.stderr


def test_slides_without_their_packages_are_reported_in_one_sentence(tmp_path: Path) -> None:
    """``python -m boxnb.labs.slides`` reports a missing package in one sentence as well."""
    process = child(tmp_path, "-m", "boxnb.labs.slides", "a.ipynb", "a.html", hidden=("nbclient",))
    assert process.returncode == 1
    assert AUTOMATE in process.stderr and len(process.stderr.strip().splitlines()) == 1


def test_picture_without_its_package_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """The message says what to install, and which format works without it."""
    code = """
        from boxnb.runs import attachments
        import pathlib, plotly.graph_objects as go
        try:
            attachments.write(go.Figure(), pathlib.Path("a.png"))
        except ValueError as error:
            print(error)
        """
    message = output_of(tmp_path, code, "kaleido")
    assert AUTOMATE in message and ".html" in message


def test_table_says_why_it_has_no_excel_file(tmp_path: Path) -> None:
    """A user who presses Excel sees the message, which would otherwise only be in the log of the kernel."""
    code = """
        from boxnb.widgets.table import Table
        table, messages = Table(frame), []
        table.send = lambda content, buffers=None: messages.append(content)
        table._send_file("xlsx")
        table._send_file("csv")
        print(messages[0]["type"], messages[0]["why"], messages[1]["type"])
        """
    message = output_of(tmp_path, code, "openpyxl")
    assert message.startswith("failed ") and EXPLORE in message and message.endswith(" file")


def test_base_packages_are_enough_for_the_rest(tmp_path: Path) -> None:
    """Public names other than the SDK, sign-in, tables, CSV, HTML, Parquet and a run work with the base packages."""
    code = """
        from boxnb import *
        for name in boxnb.__all__:
            getattr(boxnb, name)
        box = boxnb.connect("sandbox")
        users = box.users()
        for write in ("csv", "parquet", "html"):
            getattr(boxnb.export, f"to_{write}")(users, f"users.{write}")
        boxnb.reports.duplicate_accounts(box)
        with boxnb.run("plain", to=["print"]) as run:
            run.attach(users, "users.csv")
        boxnb.widgets.sign_in
        import boxnb.widgets.table, boxnb.widgets.tree, boxnb.widgets.progress
        boxnb.sandbox.stop()
        """
    names = [re.split(r"[\\[<>=~! ]", line)[0] for group in extras().values() for line in group]
    hidden = {name.replace("-", "_") for name in names} - {"boxnb", "requests", "pyyaml", "packaging"}
    process = child(
        tmp_path,
        "-c",
        "import boxnb\nfrom boxnb import *\n" + textwrap.dedent(code),
        hidden=(*sorted(hidden), "box_sdk_gen"),
    )
    assert process.returncode == 0, process.stderr


BASE = {
    *(
        "IPython",
        "anywidget",
        "filelock",
        "ipykernel",
        "ipywidgets",
        "msgspec",
        "numpy",
        "pandas",
        "platformdirs",
        "pyarrow",
    ),
    *("requests", "starlette", "traitlets", "urllib3", "uvicorn"),
}
"""The base packages and their dependencies, which are always installed."""


def optional_imports(path: Path) -> list[tuple[str, int]]:
    """Return the imports of optional packages that neither `require` nor an ``except ImportError`` guards."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    required = {
        (word.value, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require"
        for word in node.args[2:]
        if isinstance(word, ast.Constant)
    }
    handled = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Try)
        and any("ImportError" in ast.unparse(handler.type or node) for handler in node.handlers)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    unguarded = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in (
            {name.split(".")[0] for name in names} - BASE - {"boxnb", ""} - set(sys.stdlib_module_names)
        ):
            if node not in handled and not any(
                name == package and line < node.lineno for package, line in required
            ):
                unguarded.append((name, node.lineno))
    return unguarded


def test_every_import_of_an_optional_package_is_guarded() -> None:
    """An import of an optional package needs `require` or an ``except ImportError``."""
    # These packages are checked before the work starts, or come with ipykernel (psutil).
    checked_before = {
        "slides.py": {"nbformat", "nbconvert", "pygments"},
        "watched.py": {"psutil"},
    }
    for path in (ROOT / "boxnb").rglob("*.py"):
        unguarded = {name for name, _ in optional_imports(path)} - checked_before.get(path.name, set())
        assert unguarded == set(), path
