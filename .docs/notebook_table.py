"""Copy the table of notebooks from the start notebook to README: ``python .docs/notebook_table.py``.

The start notebook is the only place where the table is written; a test fails while README differs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = ROOT / "notebooks/00-start-here.ipynb"
README = ROOT / "README.md"
FIRST = "| [Start here](notebooks/00-start-here.ipynb) | choose a notebook, and see a first table | 5 |"


def rows() -> list[tuple[str, str, str, str]]:
    """Return the title, path, purpose and minutes of each notebook in the start notebook's table."""
    cells = json.loads(START.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"^\| \[(.+?)\]\((.+?\.ipynb)\) \| (.+?) \| (.+?) \|", text, re.MULTILINE)


def table() -> str:
    """Return the table as README shows it."""
    lines = ["| notebook | afterwards you can | minutes |", "|---|---|---|", FIRST]
    lines += [f"| [{title}](notebooks/{path}) | {can} | {minutes} |" for title, path, can, minutes in rows()]
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """Return the text of README with the current table."""
    return re.sub(
        r"^\| notebook \|.*\n(?:\|.*\n)+", lambda _: table() + "\n", readme, count=1, flags=re.MULTILINE
    )


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
