"""Notebook files: read with their form checked, and the printed lines of an executed one made whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import BoxNotebookError
from ..local import encoding


class UsageError(BoxNotebookError):
    """What was asked for makes no sense; nothing was run."""


def read(path: Path) -> dict[str, Any]:
    """A notebook as decoded JSON.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        if path.is_fifo():  # it would be waited for without end
            raise ValueError
        # Some Windows editors write a byte order mark.
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a notebook"
        raise UsageError(f"{encoding.as_text(path)} cannot be run: {why}.") from None
    if not _is_notebook(notebook):
        raise UsageError(f"{encoding.as_text(path)} cannot be run: it is not a notebook.")
    return dict(notebook)


def _is_notebook(content: Any) -> bool:
    """Whether it has the form of a notebook, as far as it is read here."""

    def text(value: Any) -> bool:
        return isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(line, str) for line in value)
        )

    def cell(value: Any) -> bool:
        metadata = value.get("metadata", {}) if isinstance(value, dict) else None
        return (
            isinstance(metadata, dict)
            and text(value.get("source", ""))
            and text(metadata.get("tags", []))
            and isinstance(value.get("outputs", []), list)
        )

    return (
        isinstance(content, dict)
        and isinstance(content.get("cells"), list)
        and isinstance(content.get("metadata", {}), dict)
        and all(map(cell, content["cells"]))
    )


def joined(executed: dict[str, Any]) -> dict[str, Any]:
    """The notebook with each printed line in one piece: kernels send what is printed every fifth of a second.

    A line cut in two would be two lines of the log, and half a secret in each would not be known.
    """
    for cell in executed["cells"]:
        begun: dict[str, dict[str, Any]] = {}
        for output in cell.get("outputs", []):
            if output.get("output_type") != "stream":
                continue
            output["text"] = "".join(output["text"])
            before = begun.get(output["name"])
            if before is not None:
                whole, end, rest = before["text"].rpartition("\n")
                before["text"], output["text"] = whole + end, rest + output["text"]
            begun[output["name"]] = output
    return executed
