"""Find Chromium, Chrome or Edge for the browser tests, or download Chromium if possible. `make test` uses this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ADVICE = (
    "The browser tests need Chromium, Chrome or Edge. None was found, and none could be downloaded. "
    "Install one of them (Debian and Ubuntu: `apt-get install chromium`), or run `python -m playwright install chromium`."
)


def installed() -> str | None:
    """Return the path of a browser on this computer, or else of Playwright's own; ``None`` if neither is installed."""
    from playwright.sync_api import sync_playwright

    path = _on_this_computer()
    if path is not None:
        return path
    with sync_playwright() as playwright:
        return installed_or_own(playwright)


def installed_or_own(playwright: Playwright) -> str | None:
    """Return what :func:`installed` returns, using a Playwright that is already running."""
    own_path = playwright.chromium.executable_path
    return _on_this_computer() or (own_path if Path(own_path).exists() else None)


def _on_this_computer() -> str | None:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    return path or next((path for path in PATHS if Path(path).exists()), None)


def fetch() -> None:
    """Download Playwright's own browser. If that fails for root on a CI machine, install the system's package."""
    install = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if install.returncode == 0:
        return
    if os.environ.get("CI") and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "--quiet"], check=False)
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "chromium"], check=False)


def main() -> int:
    """Make sure that a browser is installed. Return exit code 0 if one is, else 1."""
    if installed() is None:
        fetch()
    path = installed()
    print(f"Browser for the tests: {path}" if path else ADVICE)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
