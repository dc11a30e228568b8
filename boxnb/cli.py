"""The command line: run a notebook unattended, or print the text that makes a scheduler run it.

Exit codes: 0 the notebook ran, with or without warnings; 1 it failed; 2 the command line is not valid; 4 the notebook ran,
but a report could not be delivered; 75 a run of the same name is already in progress; 143 the run was stopped from outside.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import basic, redaction, runs, store
from .api.ledger import Ledger
from .errors import BoxNotebookError, MailError, RunRefusedError, require
from .local import encoding
from .runs import mail, schedule, watched
from .runs.notebooks import UsageError, join_lines, read
from .runs.recorder import loggable
from .store import mail_settings

FAILED, USAGE, UNDELIVERED, REFUSED = 1, 2, 4, 75
# Settings of nbconvert for a page that loads nothing from the network.
OFFLINE = dict.fromkeys(
    ("require_js_url", "jquery_url", "mathjax_url", "mermaid_js_url", "widget_renderer_url"), ""
)


class NotebookFailedError(BoxNotebookError):
    """A cell failed. The message is the error of the cell."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m boxnb", description="Run notebooks unattended.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run_parser = verbs.add_parser("run", help="execute a notebook, save it as HTML, and report how it ended")
    schedule_parser = verbs.add_parser(
        "schedule", help="print the text with which cron, launchd, systemd or Windows runs a notebook"
    )
    for verb in (run_parser, schedule_parser):
        verb.add_argument("notebook", type=Path)
        verb.add_argument("--profile", default="sandbox", help="the saved sign-in (default: sandbox)")
        verb.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE")
        verb.add_argument(
            "--to", action="append", default=[], metavar="ADDRESS", help="a recipient of the run report"
        )
        verb.add_argument("--name", help="the name of the run (default: notebook and profile)")
    run_parser.add_argument(
        "--no-mail", action="store_true", help="send no mail, even if the profile names recipients"
    )
    run_parser.add_argument(
        "--folder", type=Path, help="the folder for log and page (default: next to the profiles)"
    )
    run_parser.add_argument("--keep", type=int, default=30, help="how many logs are kept (default: 30)")
    schedule_parser.add_argument("--for", dest="scheduler", choices=schedule.SCHEDULERS, default="cron")
    schedule_parser.add_argument("--at", default="06:30", help="the time of day (default: 06:30)")
    schedule_parser.add_argument("--every", choices=schedule.EVERY, default="day", help="default: day")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and execute the command line. Return the exit code."""
    options = parser().parse_args(arguments)
    try:
        _check_folder(store.home(), "BOXNB_HOME")
        _check_folder(options.folder if options.verb == "run" else None, "--folder")
        parameters = parse_parameters(options.parameters)
        notebook = read(options.notebook)
        check_parameters(notebook, parameters, options.notebook)
        for address in options.to:
            mail_settings.check_address(address)
        store.path(options.profile)
        if options.verb == "run":
            return run(options, notebook, parameters)
        plan = schedule.Plan(
            notebook=options.notebook.resolve(),
            name=runs.check_run_name(encoding.decoded(options.name or default_name(options))),
            at=options.at,
            every=options.every,
            command=run_command(options, parameters),
        )
        return _print(schedule.text(plan, options.scheduler))
    except (BoxNotebookError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE


def _check_folder(path: Path | None, setting: str) -> None:
    if path is not None and path.exists() and not path.is_dir():
        raise UsageError(
            f"{setting} must be a folder, but {encoding.as_text(path)} is a file. Name a folder."
        )


def _print(text: str) -> int:
    """Print a text and return the exit code. The reader of a pipe may stop early, as ``head`` does."""
    try:
        sys.stdout.write(encoding.printable(text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again at exit, which would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"Cannot print the text: {error.strerror}.\n")
        return FAILED
    return 0


def default_name(options: argparse.Namespace) -> str:
    """Return the default name of a run: notebook and profile."""
    name = re.sub(r"[^\w .()+-]", "-", f"{encoding.decoded(options.notebook.stem)}-{options.profile}").strip(
        " .()+-"
    )
    return name.encode()[: runs.LONGEST_NAME].decode(errors="ignore")[:80].rstrip(" .")


def parse_parameters(pairs: Sequence[str]) -> dict[str, str]:
    """Return the parameters from texts of the form ``NAME=VALUE``.

    Raises
    ------
    UsageError
        A text has another form, or looks like a secret, which the executed notebook would show to everybody.
    """
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-p takes NAME=VALUE, and the name must be a Python name, not {name!r}.")
        if name == "PROFILE":
            raise UsageError("Choose the profile with --profile.")
        if redaction.is_secret_name(name) or value in _secrets():
            raise UsageError(
                f"-p {name} looks like a secret, which the executed notebook and the process list would show. "
                "Save it in the profile."
            )
        parameters[name] = value
    return parameters


def _secrets() -> set[str]:
    """Return the secrets of all profiles, which must not be parameters."""
    values: set[str] = set()
    for name in store.names():
        try:
            saved = store.load(name)
        except BoxNotebookError:
            continue
        if saved is not None:
            secrets = [saved.client.client_secret, *([saved.mail.password] if saved.mail else [])]
            secrets += [saved.token.access_token] if saved.token else []
            secrets += [saved.token.refresh_token] if saved.token and saved.token.refresh_token else []
            values |= {secret.reveal() for secret in secrets if secret}
    return values


def _code(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if cell.get("cell_type") == "code" else ""


def _assigned_names(source: str) -> set[str]:
    try:
        body = ast.parse(source).body
    # The cell has an IPython magic, or is nested too deeply.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {
        target.id
        for statement in body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _parameter_cells(notebook: dict[str, Any]) -> list[int]:
    """Return the numbers of the cells that set the profile or a parameter."""
    cells = notebook["cells"]
    return [
        number
        for number, cell in enumerate(cells)
        if re.match(r"PROFILE\s*=", _code(cell)) or "parameters" in cell.get("metadata", {}).get("tags", [])
    ]


def check_parameters(notebook: dict[str, Any], parameters: dict[str, str], path: Path) -> None:
    """Check that the notebook has these parameters.

    Raises
    ------
    UsageError
        The notebook does not have one of them. A misspelt parameter would have no effect.
    """
    cells = _parameter_cells(notebook)
    known = set().union(*(_assigned_names(_code(notebook["cells"][number])) for number in cells), set())
    for name in parameters:
        if name not in known:
            listed = ", ".join(sorted(known - {"PROFILE"})) or "none"
            raise UsageError(f"{path.name} does not have the parameter {name!r}. It has: {listed}.")


def tag_parameters(notebook: dict[str, Any]) -> dict[str, Any]:
    """Tag the last cell that sets a parameter, after which papermill inserts the values. Return the notebook."""
    cells = _parameter_cells(notebook)
    # papermill needs the language, which some editors do not save.
    notebook.setdefault("metadata", {}).setdefault("language_info", {"name": "python"})
    for number in cells:
        metadata = notebook["cells"][number].setdefault("metadata", {})
        tags = [tag for tag in metadata.get("tags", []) if tag != "parameters"]
        metadata["tags"] = [*tags, *(["parameters"] if number == cells[-1] else [])]
    return notebook


def run_command(options: argparse.Namespace, parameters: dict[str, str]) -> list[str]:
    """Return the command that runs the notebook with these options from any folder."""
    words = [
        sys.executable,
        "-m",
        "boxnb",
        "run",
        str(options.notebook.resolve()),
        "--profile",
        options.profile,
    ]
    for name, value in parameters.items():
        words += ["-p", f"{name}={value}"]
    for address in options.to:
        words += ["--to", address]
    return words + (["--name", options.name] if options.name else [])


def run(options: argparse.Namespace, notebook: dict[str, Any], parameters: dict[str, str]) -> int:
    """Execute the notebook as one run. Return the exit code."""
    to = [] if options.no_mail else options.to or _recipients(options.profile)
    profile = options.profile if to and _has_mail_settings(options.profile) else None
    this_run = runs.run(
        encoding.decoded(options.name or default_name(options)),
        to=to,
        profile=profile,
        folder=options.folder,
        keep=options.keep,
    )
    try:
        with this_run:
            _execute(this_run, options, notebook, parameters)
    except RunRefusedError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except BoxNotebookError as error:
        sys.stderr.write(f"{redaction.redact(str(error))}\n")
        return FAILED
    except SystemExit as stop:
        return int(stop.code or 0) if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:  # noqa: BLE001  the run explains every error
        sys.stderr.write(f"{this_run.problem}\n")
        return FAILED
    return UNDELIVERED if this_run.undelivered else 0


def _has_mail_settings(profile: str) -> bool:
    try:
        return mail.settings_of(profile) is not None
    except MailError:
        return False


def _recipients(profile: str) -> list[str]:
    try:
        return list(mail.settings_of(profile).to)
    except MailError:
        return []


def _execute(
    this_run: runs.Run, options: argparse.Namespace, notebook: dict[str, Any], parameters: dict[str, str]
) -> None:
    require("python -m boxnb run", "boxnb[automate]", "papermill", "nbconvert", "nbformat")
    with watched.work_folder(this_run.name) as folder:
        source, output, attached = folder / "in.ipynb", folder / "out.ipynb", folder / "left"
        attached.mkdir()
        source.write_text(json.dumps(tag_parameters(notebook)), encoding="utf-8")
        words = ["--no-progress-bar", "--no-log-output", "--kernel", "python3"]
        words += ["--cwd", str(options.notebook.resolve().parent), "-r", "PROFILE", options.profile]
        for name, value in parameters.items():
            words += ["-p", name, value]
        calls_before = _calls_this_month(options.profile)
        try:
            code, last_line = watched.execute(
                folder,
                [*words, str(source), str(output)],
                {runs.FOLDER: str(attached)},
                this_run.lock_descriptor,
            )
        finally:
            _load_secrets()
            this_run.add_calls(max(0, _calls_this_month(options.profile) - calls_before))
            _attach_files(this_run, attached)
            executed = _read_executed(output)
            if executed is not None:
                _attach_page(this_run, executed, options.notebook)
        if executed is not None:
            _log_outputs(this_run, executed)
        if code != 0:
            raise NotebookFailedError(_cell_error(executed) or _papermill_error(redaction.redact(last_line)))


def _attach_files(this_run: runs.Run, folder: Path) -> None:
    """Attach the files that the notebook attached, and count the rows of its tables."""
    for file in sorted(folder.iterdir()):
        if file.name == runs.ROWS:
            counts = file.read_text(encoding="utf-8", errors="replace").split()
            this_run.rows += sum(int(count) for count in counts if count.isdecimal() and len(count) < 20)
            continue
        try:
            this_run.attach(file, file.name)
        # The error of the notebook and the other files matter more than this file.
        except (OSError, BoxNotebookError) as error:
            this_run.warn(f"{encoding.as_text(file.name)} was not attached: {error}")


def _read_executed(path: Path) -> dict[str, Any] | None:
    """Return the executed notebook. ``None`` if it is missing, or cut off by a full disk."""
    try:
        return join_lines(read(path))
    except UsageError:
        return None


def _papermill_error(last_line: str) -> str:
    """Return why a notebook could not be executed, from the last line that papermill wrote."""
    full = re.search("No space left on device|Disk quota exceeded|File too large", last_line)
    advice = " The disk is full. Free space, then run this again." if full else ""
    return f"The notebook could not be executed or saved: {last_line}.{advice}"


def _load_secrets() -> None:
    """Load the secrets of all profiles and servers, so that they are redacted."""
    _secrets()
    for file in sorted((store.home() / "servers").glob("*.json")):
        with contextlib.suppress(BoxNotebookError, ValueError):
            basic.connect(file.stem)


def _calls_this_month(profile: str) -> int:
    """Return the calls of the profile this month, in all processes."""
    return int(Ledger(store.home() / "ledger" / f"{profile}.json").month()["calls"].sum())


def _attach_page(this_run: runs.Run, executed: dict[str, Any], path: Path) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    reads: Any = nbformat.reads  # nbformat and nbconvert have no types
    exporter: Any = HTMLExporter
    node = reads(json.dumps(executed), as_version=4)
    page, _ = exporter(**OFFLINE).from_notebook_node(node, resources={"metadata": {"name": path.stem}})
    # The notebook itself may have attached a file of this name.
    is_taken = any(file.name == f"{path.stem}.html" for file in this_run.files)
    this_run.attach(redaction.redact_page(page), f"{path.stem}{'-executed' if is_taken else ''}.html")


def _log_outputs(this_run: runs.Run, executed: dict[str, Any]) -> None:
    """Log the lines that cells printed. A warning in a cell becomes a warning of the run."""
    for cell in executed["cells"]:
        for output in cell.get("outputs", []):
            if output.get("output_type") != "stream":
                continue
            for line in map(loggable, "".join(output["text"]).split("\n")):
                if output["name"] == "stderr" and re.search(r"\b\w*Warning\b", line):
                    this_run.warn(line)
                elif line.strip():
                    this_run.log.info("%s", line)


def _cell_error(executed: dict[str, Any] | None) -> str:
    """Return the error of the cell that failed. Its number counts the author's code cells, not those added for the run."""
    cells = [
        cell
        for cell in (executed or {}).get("cells", [])
        if cell["cell_type"] == "code"
        and not {"injected-parameters", "papermill-error-cell-tag"} & set(cell["metadata"].get("tags", []))
    ]
    for number, cell in enumerate(cells, 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"Code cell {number} failed with {output['ename']}: {output['evalue']}"
    return ""
