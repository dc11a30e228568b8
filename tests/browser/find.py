"""Find a Chromium, Chrome or Edge for the browser tests; get one where that is allowed. Used by `make test`."""

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
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ADVICE = (
    "The browser tests need Chromium, Chrome or Edge, and none was found or could be fetched. "
    "Install one of them (Debian and Ubuntu: `apt-get install chromium`), or run `python -m playwright install chromium`."
)


def installed() -> str | None:
    """Path of a browser of this computer, else of Playwright's own, else None."""
    from playwright.sync_api import sync_playwright

    found = _on_this_computer()
    if found is not None:
        return found
    with sync_playwright() as playwright:
        return installed_beside(playwright)


def installed_beside(playwright: Playwright) -> str | None:
    """The same, where Playwright runs already."""
    own = playwright.chromium.executable_path
    return _on_this_computer() or (own if Path(own).exists() else None)


def _on_this_computer() -> str | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or next((place for place in PLACES if Path(place).exists()), None)


def fetch() -> None:
    """Get Playwright's own browser, or, as root in a CI machine only, the system's package."""
    if (
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode
        == 0
    ):
        return
    if os.environ.get("CI") and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "--quiet"], check=False)
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "chromium"], check=False)


def main() -> int:
    """Exit code 0 once a browser is there."""
    if installed() is None:
        fetch()
    found = installed()
    print(f"Browser for the tests: {found}" if found else ADVICE)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
