"""Run the code of a Markdown document: Python blocks in one namespace, shell blocks in a shell, from top to bottom.

``python tests/support/guides.py FILE`` does so in its own process and prints what each block printed, as JSON.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("python", "bash")
"""The languages of blocks that are run. ``console`` and ``text`` blocks are not."""


class Block(NamedTuple):
    """A fenced block. ``expected`` is the text block that follows it, separated only by a blank line, or ``None``."""

    language: str
    code: str
    line: int
    expected: str | None = None


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a document. A text block that shows the output of a block belongs to that block."""
    found: list[Block] = []
    end = -1
    for match in FENCE.finditer(text):
        language, code = match.groups()
        follows = bool(found) and not text[end : match.start()].strip()
        if language == "text" and follows and found[-1].language in RUN and found[-1].expected is None:
            found[-1] = found[-1]._replace(expected=code)
        else:
            found.append(Block(language, code, text.count("\n", 0, match.start()) + 1))
        end = match.end()
    return found


def run_python(code: str, names: dict[str, Any]) -> str:
    """Run code as a notebook cell does. Return what it printed and the repr of a final expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<block>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<block>", "eval"), names)
            print(repr(value) if value is not None else "", end="")
    return printed.getvalue()


def run_shell(code: str) -> str:
    """Run code in a shell, in the folder of the repository, where ``python`` is this Python."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.run(
        ["bash", "-euc", code], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment
    )
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}\n{process.stdout}\n{process.stderr}")
    return process.stdout


def run(path: Path) -> list[str]:
    """Run every block of a document. Return their outputs; raise the error of the first block that fails."""
    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.language in RUN:
            try:
                outputs.append(
                    run_python(block.code, names) if block.language == "python" else run_shell(block.code)
                )
            except BaseException as error:
                error.add_note(f"in the block at line {block.line} of {path.name}")
                raise
    return outputs


if __name__ == "__main__":
    json.dump(run(Path(sys.argv[1])), sys.stdout)
