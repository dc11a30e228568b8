"""Execute a notebook as one run: attach the executed page and the notebook's files, log its output, and redact secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .. import redaction, store
from ..api.ledger import Ledger
from ..errors import BoxNotebookError, require
from ..local import encoding
from ..servers import saved as saved_servers
from . import watched
from .notebooks import UsageError, join_lines, read, tag_parameters
from .one_run import FOLDER, ROWS, Run
from .recorder import loggable

# nbconvert settings for a page that loads nothing from the network.
OFFLINE = dict.fromkeys(
    ("require_js_url", "jquery_url", "mathjax_url", "mermaid_js_url", "widget_renderer_url"), ""
)

START_SECONDS = 300
"""The time limit for the start of the kernel, which only a very busy computer reaches."""


class NotebookFailedError(BoxNotebookError):
    """A cell failed, or the notebook could not be executed. The message says which error occurred."""


def execute(
    this_run: Run, path: Path, notebook: dict[str, Any], profile: str, parameters: dict[str, str]
) -> None:
    """Execute a notebook with papermill, attach it to the run as an HTML page, and log what the cells printed.

    Parameters
    ----------
    this_run : Run
        A run in progress.
    path : Path
        The path of the notebook. Its cells run in the folder that contains it.
    notebook : dict
        The notebook's content; see :func:`boxnb.runs.notebooks.read`.
    profile : str
        The value of ``PROFILE`` in the notebook.
    parameters : dict
        The values of the other parameters, by name.

    Raises
    ------
    NotebookFailedError
        A cell failed, or papermill could not execute or save the notebook.
    """
    require("python -m boxnb run", "boxnb[automate]", "nbconvert", "nbformat")
    with watched.work_folder(this_run.name) as folder:
        source, output, attachments = folder / "in.ipynb", folder / "out.ipynb", folder / "attached"
        attachments.mkdir()
        source.write_text(json.dumps(tag_parameters(notebook)), encoding="utf-8")
        arguments = ["--no-progress-bar", "--no-log-output", "--kernel", "python3"]
        arguments += ["--start-timeout", str(START_SECONDS)]
        arguments += ["--cwd", str(path.resolve().parent), "-r", "PROFILE", profile]
        for name, value in parameters.items():
            arguments += ["-p", name, value]
        calls_before = _calls_this_month(profile)
        try:
            exit_code, last_line = watched.execute(
                folder,
                [*arguments, str(source), str(output)],
                {FOLDER: str(attachments)},
                this_run.lock_descriptor,
            )
        finally:
            saved_secrets()
            this_run.add_calls(max(0, _calls_this_month(profile) - calls_before))
            _attach_files(this_run, attachments)
            executed = _read_executed(output)
            if executed is not None:
                _attach_page(this_run, executed, path)
        if exit_code == watched.NO_PAPERMILL:
            require("python -m boxnb run", "boxnb[automate]", "papermill")  # raises, and says why
        if executed is not None:
            _log_outputs(this_run, executed)
        if exit_code != 0:
            raise NotebookFailedError(_cell_error(executed) or _papermill_error(redaction.redact(last_line)))


def _attach_files(this_run: Run, folder: Path) -> None:
    """Attach the notebook's attachments to the run, and add the number of rows in its tables to the run's total."""
    for file in sorted(folder.iterdir()):
        if file.name == ROWS:
            counts = file.read_text(encoding="utf-8", errors="replace").split()
            this_run.rows += sum(int(count) for count in counts if count.isdecimal() and len(count) < 20)
            continue
        try:
            this_run.attach(file, file.name)
        # An error in one file must not hide the notebook's error or keep other files from being attached.
        except (OSError, BoxNotebookError) as error:
            this_run.warn(f"{encoding.as_text(file.name)} was not attached: {error}")


def _read_executed(path: Path) -> dict[str, Any] | None:
    """Return the executed notebook; ``None`` if the file is missing or a full disk truncated it."""
    try:
        return join_lines(read(path))
    except UsageError:
        return None


def _papermill_error(last_line: str) -> str:
    """Return why a notebook could not be executed, from the last line that papermill wrote."""
    full = re.search("No space left on device|Disk quota exceeded|File too large", last_line)
    advice = " The disk is full. Free space, then run this again." if full else ""
    return f"The notebook could not be executed or saved: {last_line}.{advice}"


def _calls_this_month(profile: str) -> int:
    """Return how many calls all processes have made with the profile this month."""
    return Ledger(store.home() / "ledger" / f"{profile}.json").calls_this_month()


def _attach_page(this_run: Run, executed: dict[str, Any], path: Path) -> None:
    """Attach the executed notebook as an HTML page."""
    import nbformat
    from nbconvert import HTMLExporter

    reads: Any = nbformat.reads  # nbformat and nbconvert do not have type annotations
    exporter: Any = HTMLExporter
    node = reads(json.dumps(executed), as_version=4)
    page, _ = exporter(**OFFLINE).from_notebook_node(node, resources={"metadata": {"name": path.stem}})
    # The notebook itself may have attached a file with this name.
    is_taken = any(file.name == f"{path.stem}.html" for file in this_run.files)
    this_run.attach(redaction.redact_page(page), f"{path.stem}{'-executed' if is_taken else ''}.html")


def _log_outputs(this_run: Run, executed: dict[str, Any]) -> None:
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
    """Return the error of the cell that failed. Its number does not count the cells that were added for the run."""
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


def saved_secrets() -> set[str]:
    """Return the secrets of all profiles and servers. Loading them also makes sure that they are redacted from now on."""
    values: set[str] = set()
    for name in saved_servers.every_name():
        try:
            saved = saved_servers.any_profile(name)
        except BoxNotebookError:
            continue
        if saved is not None:
            values |= {secret.reveal() for secret in saved.secrets().values()}
    return values
