"""The command line: execute a notebook where nobody watches, and print what makes a scheduler do so.

Exit codes: 0 it ran, with or without warnings; 1 it failed; 2 it was asked for wrongly; 4 it ran and a report could not be
delivered; 75 a run of the same name is under way; 143 it was ended from outside.
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
from .runs.notebooks import UsageError, joined, read
from .runs.recorder import shown
from .store import mail_settings

FAILED, USAGE, UNDELIVERED, REFUSED = 1, 2, 4, 75
# A page that asks the network for nothing.
OFFLINE = dict.fromkeys(
    ("require_js_url", "jquery_url", "mathjax_url", "mermaid_js_url", "widget_renderer_url"), ""
)


class NotebookFailedError(BoxNotebookError):
    """A cell failed; the message is what the cell said."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m boxnb", description="Notebooks where nobody watches.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="execute a notebook, keep it as HTML, report how it ended")
    plan = verbs.add_parser(
        "schedule", help="print what cron, launchd, systemd or Windows need to run a notebook"
    )
    for each in (run, plan):
        each.add_argument("notebook", type=Path)
        each.add_argument("--profile", default="sandbox", help="the saved sign-in (default: sandbox)")
        each.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE")
        each.add_argument("--to", action="append", default=[], metavar="ADDRESS", help="who gets the report")
        each.add_argument("--name", help="of the run (default: notebook and profile)")
    run.add_argument("--no-mail", action="store_true", help="mail nobody, whoever the profile names")
    run.add_argument("--folder", type=Path, help="where log and page go (default: beside the profiles)")
    run.add_argument("--keep", type=int, default=30, help="how many logs stay (default: 30)")
    plan.add_argument("--for", dest="scheduler", choices=schedule.SCHEDULERS, default="cron")
    plan.add_argument("--at", default="06:30", help="the time of day (default: 06:30)")
    plan.add_argument("--every", choices=schedule.EVERY, default="day", help="default: day")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; the exit code."""
    asked = parser().parse_args(arguments)
    try:
        _check_folder(store.home(), "BOXNB_HOME")
        _check_folder(asked.folder if asked.verb == "run" else None, "--folder")
        parameters = pairs(asked.parameters)
        notebook = read(asked.notebook)
        check(notebook, parameters, asked.notebook)
        for address in asked.to:
            mail_settings.check_address(address)
        store.path(asked.profile)
        if asked.verb == "run":
            return run(asked, notebook, parameters)
        plan = schedule.Plan(
            notebook=asked.notebook.resolve(),
            name=runs.check_run_name(encoding.decoded(asked.name or name_of(asked))),
            at=asked.at,
            every=asked.every,
            command=command_of(asked, parameters),
        )
        return _print(schedule.text(plan, asked.scheduler))
    except (BoxNotebookError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE


def _check_folder(place: Path | None, what: str) -> None:
    if place is not None and place.exists() and not place.is_dir():
        raise UsageError(
            f"{what} names a folder, and {encoding.as_text(place)} is a file. Name another place."
        )


def _print(text: str) -> int:
    """Print a text; the exit code. Whoever reads it may stop before its end, as ``head`` does."""
    try:
        sys.stdout.write(encoding.printable(text, sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"The text could not be written: {error.strerror}.\n")
        return FAILED
    return 0


def name_of(asked: argparse.Namespace) -> str:
    """The name of a run: its notebook and its profile."""
    name = re.sub(r"[^\w .()+-]", "-", f"{encoding.decoded(asked.notebook.stem)}-{asked.profile}").strip(
        " .()+-"
    )
    return name.encode()[: runs.LONGEST_NAME].decode(errors="ignore")[:80].rstrip(" .")


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Parameters from ``NAME=VALUE``.

    Raises
    ------
    UsageError
        No pair, or a name that looks like a secret's: the executed notebook would show its value to everybody.
    """
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-p takes NAME=VALUE with a name of Python, not {name!r}.")
        if name == "PROFILE":
            raise UsageError("The profile is chosen with --profile.")
        if redaction.is_secret_name(name) or value in _secrets():
            raise UsageError(
                f"-p {name} looks like a secret, and the executed notebook and the list of processes would show it: "
                "keep it in the profile."
            )
        found[name] = value
    return found


def _secrets() -> set[str]:
    """What the profiles hold, so that none of it is taken as a parameter."""
    found: set[str] = set()
    for name in store.names():
        try:
            saved = store.load(name)
        except BoxNotebookError:
            continue
        if saved is not None:
            kept = [saved.client.client_secret, *([saved.mail.password] if saved.mail else [])]
            kept += [saved.token.access_token] if saved.token else []
            kept += [saved.token.refresh_token] if saved.token and saved.token.refresh_token else []
            found |= {each.reveal() for each in kept if each}
    return found


def _code(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if cell.get("cell_type") == "code" else ""


def _assigned(source: str) -> set[str]:
    try:
        body = ast.parse(source).body
    # A cell with IPython's magic, or one that is nested too deeply.
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
    """Where the profile and the parameters stand."""
    cells = notebook["cells"]
    return [
        number
        for number, cell in enumerate(cells)
        if re.match(r"PROFILE\s*=", _code(cell)) or "parameters" in cell.get("metadata", {}).get("tags", [])
    ]


def check(notebook: dict[str, Any], parameters: dict[str, str], path: Path) -> None:
    """Whether the notebook knows these parameters.

    Raises
    ------
    UsageError
        It does not: a misspelt one would do nothing.
    """
    cells = _parameter_cells(notebook)
    known = set().union(*(_assigned(_code(notebook["cells"][number])) for number in cells), set())
    for name in parameters:
        if name not in known:
            listed = ", ".join(sorted(known - {"PROFILE"})) or "none"
            raise UsageError(f"{path.name} has no parameter {name!r}; it has: {listed}.")


def prepared(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with one cell marked after which papermill puts the parameters: the last that sets one."""
    cells = _parameter_cells(notebook)
    # papermill wants to know the language, and notebooks of some editors do not say.
    notebook.setdefault("metadata", {}).setdefault("language_info", {"name": "python"})
    for number in cells:
        metadata = notebook["cells"][number].setdefault("metadata", {})
        tags = [tag for tag in metadata.get("tags", []) if tag != "parameters"]
        metadata["tags"] = [*tags, *(["parameters"] if number == cells[-1] else [])]
    return notebook


def command_of(asked: argparse.Namespace, parameters: dict[str, str]) -> list[str]:
    """The command that runs what was asked for, from anywhere."""
    words = [sys.executable, "-m", "boxnb", "run", str(asked.notebook.resolve()), "--profile", asked.profile]
    for name, value in parameters.items():
        words += ["-p", f"{name}={value}"]
    for address in asked.to:
        words += ["--to", address]
    return words + (["--name", asked.name] if asked.name else [])


def run(asked: argparse.Namespace, notebook: dict[str, Any], parameters: dict[str, str]) -> int:
    """Execute the notebook as one run; the exit code."""
    to = [] if asked.no_mail else asked.to or _recipients(asked.profile)
    profile = asked.profile if to and _sends(asked.profile) else None
    this = runs.run(
        encoding.decoded(asked.name or name_of(asked)),
        to=to,
        profile=profile,
        folder=asked.folder,
        keep=asked.keep,
    )
    try:
        with this:
            _execute(this, asked, notebook, parameters)
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
    except Exception:  # noqa: BLE001  the run has explained it
        sys.stderr.write(f"{this.problem}\n")
        return FAILED
    return UNDELIVERED if this.undelivered else 0


def _sends(profile: str) -> bool:
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
    this: runs.Run, asked: argparse.Namespace, notebook: dict[str, Any], parameters: dict[str, str]
) -> None:
    require("python -m boxnb run", "boxnb[automate]", "papermill", "nbconvert", "nbformat")
    with watched.scratch(this.name) as folder:
        source, out, left = folder / "in.ipynb", folder / "out.ipynb", folder / "left"
        left.mkdir()
        source.write_text(json.dumps(prepared(notebook)), encoding="utf-8")
        words = ["--no-progress-bar", "--no-log-output", "--kernel", "python3"]
        words += ["--cwd", str(asked.notebook.resolve().parent), "-r", "PROFILE", asked.profile]
        for name, value in parameters.items():
            words += ["-p", name, value]
        before = _spent(asked.profile)
        try:
            code, said = watched.execute(
                folder, [*words, str(source), str(out)], {runs.FOLDER: str(left)}, this.turn
            )
        finally:
            _load_secrets()
            this.add_calls(max(0, _spent(asked.profile) - before))
            _take_over(this, left)
            executed = _executed(out)
            if executed is not None:
                _keep_page(this, executed, asked.notebook)
        if executed is not None:
            _repeat(this, executed)
        if code != 0:
            raise NotebookFailedError(_why(executed) or _why_not(redaction.redact(said)))


def _take_over(this: runs.Run, left: Path) -> None:
    """What the notebook attached, and how many rows its tables had."""
    for file in sorted(left.iterdir()):
        if file.name == runs.ROWS:
            counted = file.read_text(encoding="utf-8", errors="replace").split()
            this.rows += sum(int(line) for line in counted if line.isdecimal() and len(line) < 20)
            continue
        try:
            this.attach(file, file.name)
        # The notebook's own error and the other files matter more.
        except (OSError, BoxNotebookError) as error:
            this.warn(f"{encoding.as_text(file.name)} was not attached: {error}")


def _executed(path: Path) -> dict[str, Any] | None:
    """The executed notebook, where there is one: it is cut off where the disk was full."""
    try:
        return joined(read(path))
    except UsageError:
        return None


def _why_not(said: str) -> str:
    """Why a notebook could not be executed, from the last line that papermill wrote."""
    full = re.search("No space left on device|Disk quota exceeded|File too large", said)
    advice = " The disk is full: free space, then run this again." if full else ""
    return f"The notebook could not be executed or kept: {said}.{advice}"


def _load_secrets() -> None:
    """Know what all profiles and servers hold by now, so that it is masked."""
    _secrets()
    for file in sorted((store.home() / "servers").glob("*.json")):
        with contextlib.suppress(BoxNotebookError, ValueError):
            basic.connect(file.stem)


def _spent(profile: str) -> int:
    """Calls of the profile this month, in all its processes."""
    return int(Ledger(store.home() / "ledger" / f"{profile}.json").month()["calls"].sum())


def _keep_page(this: runs.Run, executed: dict[str, Any], path: Path) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    reads: Any = nbformat.reads  # neither is typed
    exporter: Any = HTMLExporter
    node = reads(json.dumps(executed), as_version=4)
    page, _ = exporter(**OFFLINE).from_notebook_node(node, resources={"metadata": {"name": path.stem}})
    taken = any(file.name == f"{path.stem}.html" for file in this.files)  # by what the notebook attached
    this.attach(redaction.redact_page(page), f"{path.stem}{'-executed' if taken else ''}.html")


def _repeat(this: runs.Run, executed: dict[str, Any]) -> None:
    """Put what the cells printed into the log; a warning of a cell is one of the run."""
    for cell in executed["cells"]:
        for output in cell.get("outputs", []):
            if output.get("output_type") != "stream":
                continue
            for line in map(shown, "".join(output["text"]).split("\n")):
                if output["name"] == "stderr" and re.search(r"\b\w*Warning\b", line):
                    this.warn(line)
                elif line.strip():
                    this.log.info("%s", line)


def _why(executed: dict[str, Any] | None) -> str:
    """What the failing cell said; counted as its author counts, code cells without those that were added for the run."""
    own = [
        cell
        for cell in (executed or {}).get("cells", [])
        if cell["cell_type"] == "code"
        and not {"injected-parameters", "papermill-error-cell-tag"} & set(cell["metadata"].get("tags", []))
    ]
    for number, cell in enumerate(own, 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"Code cell {number} failed with {output['ename']}: {output['evalue']}"
    return ""
