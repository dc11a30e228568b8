"""The documentation, built once for all workers of a test run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import filelock

ROOT = Path(__file__).parents[2]
EXECUTED = ["00-start-here.ipynb", "1-onboard/01-register-and-sign-in.ipynb"]
"""Enough to see a DataFrame, a card and the sign-in panel; ``make docs`` executes all notebooks."""


def built_in(folder: Path) -> Path:
    """Return the folder of the built pages. A warning of Sphinx or a broken link fails the build."""
    site = folder / "documentation"
    with filelock.FileLock(folder / "documentation.lock"):
        if not (site / "index.html").exists():
            process = subprocess.run(
                [sys.executable, str(ROOT / ".docs/build.py"), str(site), "--execute", *EXECUTED],
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            assert process.returncode == 0, process.stderr
    return site
