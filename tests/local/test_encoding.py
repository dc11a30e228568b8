"""Names and paths outside the locale's encoding: every file of boxnb is UTF-8, whatever the name of the computer."""

from __future__ import annotations

import ast
import html
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from boxnb.local import encoding

ROOT = Path(__file__).parents[2]
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UTF8 = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HOSTS = {
    "Cyrillic": "\u043a\u043e\u043c\u043f\u044c\u044e\u0442\u0435\u0440",
    "lone surrogates": "PC-\udcff\ud800",
}
OPENING = """
    import os, pathlib, socket, sys, warnings
    warnings.filterwarnings("error", category=EncodingWarning, module=r"boxnb\\b")
    import boxnb
    from boxnb import runs, store
    from boxnb.local import encoding
    home = pathlib.Path(os.environ["BOXNB_HOME"])
    host = socket.gethostname().encode("utf-8", "backslashreplace").decode()
    """


def child(
    folder: Path, host: str, code: str, locale: dict[str, str] = C, arguments: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Run a program on a computer with this name, in a home folder with characters beyond ASCII."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(
        f"import socket\nsocket.gethostname = lambda: {host!a}\n", encoding="utf-8"
    )
    home = folder / "Дом ü"
    path = os.pathsep.join([str(site), str(ROOT)])
    environment = {**os.environ, **locale, "PYTHONPATH": path, "BOXNB_HOME": str(home), "HOME": str(home)}
    # Opening a file without an encoding is an error, see OPENING.
    environment["PYTHONWARNDEFAULTENCODING"] = "1"
    # The code is in a file, because the locale C does not allow such characters in a command.
    if not arguments:
        (folder / "program.py").write_text(textwrap.dedent(OPENING) + textwrap.dedent(code), encoding="utf-8")
        arguments = ("program.py",)
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
        cwd=folder,
    )


def output_of(process: subprocess.CompletedProcess[bytes]) -> str:
    """Return what a process printed, after checking that it succeeded."""
    assert process.returncode == 0, process.stderr.decode("utf-8", "replace")[-2000:]
    return process.stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("locale", [C, UTF8], ids=["C", "UTF-8"])
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_locks_work_with_any_computer_name(tmp_path: Path, host: str, locale: dict[str, str]) -> None:
    """The message for anyone who has to wait contains the owner of the lock in a readable form."""
    code = """
        with store.lock("acme"):
            owner = store.files._holder(store.path("acme"))
            assert owner == f"process {os.getpid()} on {host}", ascii(owner)
            try:
                with store.lock("acme", timeout=0.1):
                    raise SystemExit("the lock was acquired twice")
            except boxnb.errors.TokenStoreError as error:
                assert host in str(error), ascii(error)
        with boxnb.run("daily"):
            try:
                with boxnb.run("daily"):
                    raise SystemExit("the run was started twice")
            except boxnb.errors.RunRefusedError as error:
                assert host in str(error), ascii(error)
        """
    output_of(child(tmp_path, host, code, locale))
    assert (tmp_path / "Дом ü" / "profiles" / "acme.holder").read_bytes().decode("utf-8")


@pytest.mark.parametrize("locale", [C, UTF8], ids=["C", "UTF-8"])
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_everything_works_with_any_computer_name(tmp_path: Path, host: str, locale: dict[str, str]) -> None:
    """Sign-in, refresh, tables, run reports, upload, download and the sandbox work."""
    code = """
        box = boxnb.connect("sandbox")
        boxnb.keep_alive("sandbox")
        assert "Дом ü" in boxnb.status()["file"].item()
        assert (boxnb.doctor("sandbox")["result"] != "wrong").any()
        from boxnb.sandbox import mail
        with mail.Mailbox() as inbox:
            runs.save_mail("sandbox", **inbox.settings())
            with boxnb.run("отчёт", to=["print", home / "reports", "inbox@example.com"], profile="sandbox") as this:
                this.attach(box.users(), "люди.csv")
                this.warn("предупреждение")
            assert (this.outcome, this.undelivered) == ("WARNING", []), ascii(this.undelivered)
            assert inbox[0].subject == f"WARNING отчёт on {host}", ascii(inbox[0].subject)
            assert "люди.csv" in inbox[0].attachments, ascii(list(inbox[0].attachments))
        assert runs.history()["name"].tolist() == ["отчёт"]
        files = box.items("0").query("type == 'file'")
        down = box.download(files, home / "down")
        assert set(down["action"]) == {"downloaded"} and "Дом ü" in down["path"].iloc[0]
        assert set(box.download(files, home / "down")["action"]) == {"same content"}
        folder = home / encoding.on_disk("Маße")
        folder.mkdir()
        (folder / encoding.on_disk("файл.txt")).write_text("x", encoding="utf-8")
        assert box.upload_folder(folder, "0")[["name", "action"]].values.tolist() == [["файл.txt", "uploaded"]]
        assert "Маße" in set(box.items("0")["name"])
        from boxnb.sandbox import devices
        devices.Devices().stop()
        boxnb.sandbox.stop()
        """
    output_of(child(tmp_path, host, code, locale))
    home = tmp_path / "Дом ü"
    assert next((home / "reports").glob("отчёт-*.html"))
    logs = list((home / "runs" / "отчёт").glob("отчёт-*.log"))
    assert "предупреждение" in logs[0].read_text(encoding="utf-8")
    assert [file.name for file in home.rglob("*люди*")] == ["люди.csv"]


def test_the_command_line_works_in_any_terminal(tmp_path: Path) -> None:
    """A schedule for a notebook with a Cyrillic name is printed without a traceback."""
    notebook = tmp_path / "отчёт.ipynb"
    notebook.write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', encoding="utf-8")
    for scheduler in ("cron", "systemd", "launchd", "windows"):
        words = ("-m", "boxnb", "schedule", str(notebook), "--for", scheduler)
        # The Task Scheduler's file has character references, which any code page can hold.
        assert "отчёт" in html.unescape(output_of(child(tmp_path, "x", "", C, words)))
        code = {**UTF8, "PYTHONIOENCODING": "cp1252"}  # the encoding of a pipe on western Windows
        assert output_of(child(tmp_path, "x", "", code, words))
    odd = tmp_path / os.fsdecode(b"a\xff.ipynb")
    odd.write_bytes(notebook.read_bytes())
    refused = child(tmp_path, "x", "", C, ("-m", "boxnb", "schedule", str(odd)))
    # A path that cannot be converted to text is refused, not changed.
    assert (refused.returncode, refused.stdout) == (2, b"")


def test_a_secrets_command_uses_utf8(tmp_path: Path) -> None:
    """In every locale the command reads and writes UTF-8; other bytes are an error that does not contain the secret."""
    code = r"""
        from boxnb.store.backends import CommandBackend
        program = home.parent / "backend.py"
        program.write_text("import sys, pathlib\nkept = pathlib.Path(__file__).with_name('kept')\n"
            "data = sys.stdin.buffer.read()\n"
            "kept.write_bytes(data) if sys.argv[1] == 'set' else sys.stdout.buffer.write(kept.read_bytes())\n", encoding="utf-8")
        backend = CommandBackend([sys.executable, str(program)], "acme", home / "acme.json")
        print(ascii(backend._run("set", '{"ü": "дом"}')), ascii(backend._run("get")))
        program.with_name("kept").write_bytes(b'{"token": "SECRET\xff"}')
        try:
            backend._run("get")
        except boxnb.errors.TokenStoreError as error:
            assert error.__cause__ is None and "SECRET" not in str(error)
        """
    assert ascii('{"ü": "дом"}') in output_of(child(tmp_path, "x", code))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/дом/a.txt", "/home/дом/a.txt"),
        ("/home/дом".encode().decode("ascii", "surrogateescape"), "/home/дом"),
        ("a\udcff.txt", "a\\udcff.txt"),
        ("a\ud800.txt", "a\\ud800.txt"),
        (Path("x") / "\udcd0\udcb4", str(Path("x") / "д")),
        ("", ""),
    ],
)
def test_every_path_can_be_converted_to_text(text: object, expected: str) -> None:
    """Bytes that are UTF-8 become characters and others become escapes, so that Arrow, mail and JSON can contain them."""
    assert encoding.as_text(text) == expected
    encoding.as_text(text).encode("utf-8")


TEXT_CALLS = {
    "open",
    "read_text",
    "write_text",
    "fdopen",
    "NamedTemporaryFile",
    "TemporaryFile",
    "TextIOWrapper",
}
PROCESSES = {"run", "Popen", "check_output", "check_call", "call"}


def without_encoding(path: Path) -> list[str]:
    """Return the calls in a file that open text without an encoding."""
    calls = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        constants = [
            value.value for value in [*node.args, *keywords.values()] if isinstance(value, ast.Constant)
        ]
        if "encoding" in keywords or None in keywords:
            continue
        if name in PROCESSES and {"text", "universal_newlines"} & set(keywords):
            calls.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:80]}")
        if name not in TEXT_CALLS or (
            isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "os.open"
        ):
            continue
        modes = [
            constant
            for constant in constants
            if isinstance(constant, str) and 0 < len(constant) <= 3 and set(constant) <= set("rwxabt+")
        ]
        if name in ("open", "fdopen") and not modes and not opens_a_file(node):
            continue
        if ast.unparse(node.func).startswith("metadata.distribution("):
            continue  # a method of the same name, which always reads UTF-8
        if not any("b" in mode for mode in modes):
            calls.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:80]}")
    return calls


def opens_a_file(node: ast.Call) -> bool:
    """Return whether a call without a mode opens a file, not something else."""
    return isinstance(node.func, ast.Name) or ast.unparse(node.func) in (
        "os.fdopen",
        "io.open",
        "gzip.open",
        "path.open",
    )


def test_every_text_file_is_opened_with_an_encoding() -> None:
    """The rule holds for the whole package, even where ruff does not recognize a path, and for the output of programs."""
    assert [line for path in sorted((ROOT / "boxnb").rglob("*.py")) for line in without_encoding(path)] == []


@pytest.mark.parametrize(
    "code",
    [
        "path().write_text('x')",
        "path().read_text(*[])",
        "open('x')",
        "file.open('w')",
        "os.fdopen(3, 'w')",
        "subprocess.run(['x'], text=True)",
        "tempfile.NamedTemporaryFile('w')",
    ],
)
def test_the_search_finds_calls_without_an_encoding(tmp_path: Path, code: str) -> None:
    """The search of the previous test recognizes each of these calls."""
    (tmp_path / "x.py").write_text(code, encoding="utf-8")
    assert len(without_encoding(tmp_path / "x.py")) == 1
    (tmp_path / "x.py").write_text(f"{code[:-1]}, encoding='utf-8')", encoding="utf-8")
    assert without_encoding(tmp_path / "x.py") == []


def test_ruff_checks_encodings_too() -> None:
    """Ruff's rule also covers tests and notebooks; it is the only preview rule that is enabled."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "PLW1514" in lint["select"]
    assert lint["preview"] and lint["explicit-preview-rules"]
