"""Public names work after ``import boxnb`` alone, and a package that is missing is one sentence with the line that installs it."""

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
"""What stays importable, whatever moves inside."""

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
    """Run Python where some packages cannot be imported, neither by it nor by what it starts."""
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


def said(folder: Path, code: str, *hidden: str) -> str:
    """The class and the message of what a program raises of ours; empty where it raises nothing."""
    program = (
        "import boxnb, pandas as pd\nfrom boxnb.errors import BoxNotebookError\nframe = pd.DataFrame({'a': ['b']})\n"
        f"try:\n{textwrap.indent(textwrap.dedent(code), '    ')}\n"
        "except BoxNotebookError as error:\n    print(type(error).__name__, error)\n"
    )
    done = child(folder, "-c", program, hidden=hidden)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def readme_names() -> list[str]:
    """Every dotted name the README writes after ``boxnb.``."""
    return sorted({name.rstrip(".") for name in re.findall(r"\bboxnb\.([A-Za-z_][\w.]*)", README)} - {"git"})


def test_every_name_works_after_import_boxnb_alone(tmp_path: Path) -> None:
    """Each in a process of its own, so that none rests on what another one has loaded."""
    code = """
        import operator, os, sys
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
    done = child(tmp_path, "-c", textwrap.dedent(code), *names)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_names_that_load_later_are_offered_by_the_tab_key() -> None:
    """``dir`` has them before they are loaded."""
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
def test_a_name_that_is_none_is_an_attribute_error(name: str) -> None:
    """So that ``hasattr`` and typing mistakes get the answer they know."""
    import boxnb

    with pytest.raises(AttributeError, match=name.rpartition(".")[2]):
        eval(name, {"boxnb": boxnb})


def test_type_checkers_see_what_loads_later() -> None:
    """Each name that loads later is imported for them, under the name it has."""
    for package, names in {
        "": "auth basic errors export frames labs oauth reports runs sandbox sdk store transfer widgets",
        "widgets": "charts views",
        "sandbox": "devices mail older",
        "labs": "slides",
    }.items():
        tree = ast.parse((ROOT / "boxnb" / package / "__init__.py").read_text(encoding="utf-8"))
        guarded = [
            node
            for node in tree.body
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ]
        seen = {
            alias.asname or alias.name
            for node in guarded
            for one in node.body
            for alias in getattr(one, "names", [])
        }
        assert set(names.split()) <= seen, package


def extras() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, list[str]] = project["optional-dependencies"]
    return found


SDK = "pip install 'boxsdk>=10'"
EXPLORE, AUTOMATE, KEYRING = (f"pip install 'boxnb[{extra}]'" for extra in ("explore", "automate", "keyring"))
MISSING = [
    ("boxnb.export.to_excel(frame, 'a.xlsx')", "openpyxl", EXPLORE),
    ("boxnb.export.to_excel(frame, 'a.xlsx')", "et_xmlfile", EXPLORE),  # what openpyxl itself needs
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


@pytest.mark.parametrize(("code", "hidden", "line"), MISSING)
def test_a_missing_package_is_one_sentence(tmp_path: Path, code: str, hidden: str, line: str) -> None:
    """What needs it, the line that installs it, and why it could not be imported; no traceback, no second line."""
    message = said(tmp_path, code, hidden)
    assert line in message, message
    assert "needs one more package" in message
    assert len(message.splitlines()) == 1


def test_the_error_is_an_import_error_too(tmp_path: Path) -> None:
    """Who catches ImportError, as one does for what may be missing, catches it; its name is the module's."""
    code = """
        try:
            boxnb.export.to_excel(frame, "a.xlsx")
        except ImportError as error:
            print(type(error).__name__, error.name)
        """
    assert said(tmp_path, code, "openpyxl") == "MissingPackageError openpyxl"
    assert not (tmp_path / "a.xlsx").exists()


@pytest.mark.parametrize("hidden", ["papermill", "nbconvert", "nbformat"])
def test_a_notebook_that_cannot_be_run_is_one_sentence(tmp_path: Path, hidden: str) -> None:
    """``python -m boxnb run`` says it before it executes anything, fails as a run does, and the history has the reason."""
    notebook = tmp_path / "report.ipynb"
    notebook.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', encoding="utf-8")
    done = child(tmp_path, "-m", "boxnb", "run", str(notebook), hidden=(hidden,))
    assert done.returncode == 1
    assert AUTOMATE in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    history = said(tmp_path, "print(boxnb.runs.history()[['outcome', 'problem']].iloc[0].to_list())", hidden)
    assert "ERROR" in history and AUTOMATE in history.replace("\\\\", "")


def test_a_package_that_is_broken_is_said_before_anything_runs(tmp_path: Path) -> None:
    """Not only one that is absent: the sentence has the reason, and no cell was executed."""
    notebook = tmp_path / "report.ipynb"
    cell = '{"cell_type": "code", "source": "open(\'ran\', \'w\').close()", "metadata": {}, "outputs": [], "execution_count": null}'
    notebook.write_text(
        f'{{"cells": [{cell}], "nbformat": 4, "nbformat_minor": 5, "metadata": {{}}}}', encoding="utf-8"
    )
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "papermill.py").write_text(
        "raise ImportError('no such library: libx')", encoding="utf-8"
    )
    done = child(tmp_path, "-m", "boxnb", "run", str(notebook))
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr
    assert AUTOMATE in done.stderr and "libx" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_schedule_needs_no_extra(tmp_path: Path) -> None:
    """The texts for schedulers are printed where nothing could be run."""
    notebook = tmp_path / "report.ipynb"
    notebook.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', encoding="utf-8")
    done = child(
        tmp_path, "-m", "boxnb", "schedule", str(notebook), hidden=("papermill", "nbconvert", "nbformat")
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_slides_on_the_command_line_are_one_sentence(tmp_path: Path) -> None:
    """``python -m boxnb.labs.slides`` as well."""
    done = child(tmp_path, "-m", "boxnb.labs.slides", "a.ipynb", "a.html", hidden=("nbclient",))
    assert done.returncode == 1
    assert AUTOMATE in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_picture_without_its_package_is_one_warning(tmp_path: Path) -> None:
    """A chart attached as a picture: the sentence says what to install and what goes without."""
    code = """
        from boxnb.runs import attachments
        import pathlib, plotly.graph_objects as go
        try:
            attachments.write(go.Figure(), pathlib.Path("a.png"))
        except ValueError as error:
            print(error)
        """
    message = said(tmp_path, code, "kaleido")
    assert AUTOMATE in message and ".html" in message


def test_the_table_says_why_it_gives_no_excel_file(tmp_path: Path) -> None:
    """A person who presses Excel reads the sentence; else only the log of the kernel would have it."""
    code = """
        from boxnb.widgets.table import Table
        table, sent = Table(frame), []
        table.send = lambda content, buffers=None: sent.append(content)
        table._send_file("xlsx")
        table._send_file("csv")
        print(sent[0]["type"], sent[0]["why"], sent[1]["type"])
        """
    told = said(tmp_path, code, "openpyxl")
    assert told.startswith("failed ") and EXPLORE in told and told.endswith(" file")


def test_everything_without_an_extra_works_without_one(tmp_path: Path) -> None:
    """``from boxnb import *``, each public name but the SDK, sign-in, tables, CSV, HTML, Parquet, a run: on the base packages."""
    code = """
        from boxnb import *
        for name in boxnb.__all__:
            getattr(boxnb, name)
        box = boxnb.connect("sandbox")
        users = box.users()
        for write in ("csv", "parquet", "html"):
            getattr(boxnb.export, f"to_{write}")(users, f"users.{write}")
        boxnb.reports.duplicate_accounts(box)
        with boxnb.run("plain", to=["print"]) as this:
            this.attach(users, "users.csv")
        boxnb.widgets.sign_in
        import boxnb.widgets.table, boxnb.widgets.tree, boxnb.widgets.progress
        boxnb.sandbox.stop()
        """
    names = [re.split(r"[\\[<>=~! ]", one)[0] for group in extras().values() for one in group]
    hidden = {name.replace("-", "_") for name in names} - {"boxnb", "requests", "pyyaml", "packaging"}
    done = child(
        tmp_path,
        "-c",
        "import boxnb\nfrom boxnb import *\n" + textwrap.dedent(code),
        hidden=(*sorted(hidden), "box_sdk_gen"),
    )
    assert done.returncode == 0, done.stderr


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
"""What is always there: the base packages, and what they bring along."""


def optional_imports(path: Path) -> list[tuple[str, int]]:
    """Imports of packages that may be missing, which neither `require` nor an ``except ImportError`` looks after."""
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
        and any("ImportError" in ast.unparse(one.type or node) for one in node.handlers)
        for step in node.body
        for inner in ast.walk(step)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in (
            {each.split(".")[0] for each in names} - BASE - {"boxnb", ""} - set(sys.stdlib_module_names)
        ):
            if node not in handled and not any(
                name == what and line < node.lineno for what, line in required
            ):
                found.append((name, node.lineno))
    return found


def test_every_import_of_an_optional_package_is_looked_after() -> None:
    """In the whole package: a new one without its sentence fails here."""
    later = {"command.py": {"nbformat", "nbconvert"}, "slides.py": {"nbformat", "nbconvert", "pygments"}}
    later["watched.py"] = {
        "papermill",
        "psutil",
    }  # the command has asked for them before it starts this program
    for path in (ROOT / "boxnb").rglob("*.py"):
        found = {name for name, _ in optional_imports(path)} - later.get(path.name, set())
        assert found == set(), path  # those of `later` are asked for where the work begins
