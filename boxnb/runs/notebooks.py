"""Read notebook files and check their structure; join the printed lines of an executed notebook."""

from __future__ import annotations

import json
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


def join_lines(executed: dict[str, Any]) -> dict[str, Any]:
    """Join printed lines that the kernel sent in pieces, as it does every fifth of a second. Return the notebook.

    A line in two pieces would become two lines of the log, and a secret that is cut in half would not be recognized.
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
