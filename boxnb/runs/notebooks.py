"""Read notebook files, check their structure and parameters, and join the printed lines of an executed notebook."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from ..errors import BoxNotebookError
from ..local import encoding


class UsageError(BoxNotebookError):
    """The request is not valid. Nothing was run."""


def read(path: Path) -> dict[str, Any]:
    """Return a notebook as decoded JSON.

    Raises
    ------
    UsageError
        The file is not a notebook.
    """
    try:
        if path.is_fifo():  # reading a pipe could block forever
            raise ValueError
        # Some Windows editors write a byte order mark.
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a notebook"
        raise UsageError(f"{encoding.as_text(path)} cannot be run: {reason}.") from None
    if not _is_notebook(notebook):
        raise UsageError(f"{encoding.as_text(path)} cannot be run: it is not a notebook.")
    kernel = notebook.get("metadata", {}).get("kernelspec", {})
    language = kernel.get("language") if isinstance(kernel, dict) else None
    if isinstance(language, str) and not language.lower().startswith("python"):
        raise UsageError(
            f"{encoding.as_text(path)} cannot be run: it is written for {language[:40]}, not for Python."
        )
    return dict(notebook)


def _is_notebook(content: Any) -> bool:
    """Return whether the content has the structure of a notebook. Only the parts that boxnb reads are checked."""

    def is_text(value: Any) -> bool:
        return isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(line, str) for line in value)
        )

    def is_cell(value: Any) -> bool:
        metadata = value.get("metadata", {}) if isinstance(value, dict) else None
        return (
            isinstance(metadata, dict)
            and is_text(value.get("source", ""))
            and is_text(metadata.get("tags", []))
            and isinstance(value.get("outputs", []), list)
        )

    return (
        isinstance(content, dict)
        and isinstance(content.get("cells"), list)
        and isinstance(content.get("metadata", {}), dict)
        and all(map(is_cell, content["cells"]))
    )


def _code(cell: dict[str, Any]) -> str:
    """Return the source of a code cell; ``""`` for any other cell."""
    source = cell.get("source", "")
    return "".join(source) if cell.get("cell_type") == "code" else ""


def _assigned_names(source: str) -> set[str]:
    """Return the names that a cell assigns at its top level."""
    try:
        body = ast.parse(source).body
    # The cell contains an IPython magic, or is nested too deeply.
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
        The notebook lacks one of them. Without this check, a misspelt parameter would have no effect.
    """
    cells = _parameter_cells(notebook)
    names = set().union(*(_assigned_names(_code(notebook["cells"][number])) for number in cells), set())
    for name in parameters:
        if name not in names:
            available = ", ".join(sorted(names - {"PROFILE"})) or "none"
            raise UsageError(f"{path.name} does not have the parameter {name!r}. It has: {available}.")


def tag_parameters(notebook: dict[str, Any]) -> dict[str, Any]:
    """Tag the last cell that sets a parameter, and return the notebook. papermill inserts the values after that cell."""
    cells = _parameter_cells(notebook)
    # papermill needs the language, which some editors do not save.
    notebook.setdefault("metadata", {}).setdefault("language_info", {"name": "python"})
    for number in cells:
        metadata = notebook["cells"][number].setdefault("metadata", {})
        tags = [tag for tag in metadata.get("tags", []) if tag != "parameters"]
        metadata["tags"] = [*tags, *(["parameters"] if number == cells[-1] else [])]
    return notebook


def join_lines(executed: dict[str, Any]) -> dict[str, Any]:
    """Join printed lines that the kernel split between outputs, and return the notebook.

    The kernel sends printed text five times a second, and can split a line each time. A split line would become two lines
    in the log, and a split secret would not be recognized.
    """
    for cell in executed["cells"]:
        latest: dict[str, dict[str, Any]] = {}
        for output in cell.get("outputs", []):
            if output.get("output_type") != "stream":
                continue
            output["text"] = "".join(output["text"])
            previous = latest.get(output["name"])
            if previous is not None:
                complete, newline, rest = previous["text"].rpartition("\n")
                previous["text"], output["text"] = complete + newline, rest + output["text"]
            latest[output["name"]] = output
    return executed
