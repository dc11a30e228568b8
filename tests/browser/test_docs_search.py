"""The documentation in a browser, opened as files: search works, and nothing else is requested."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_search_works_in_files_without_a_network(documentation: Path, chromium: Browser) -> None:
    """Typing a word shows the guide about it; no page reports an error or requests anything but files."""
    page = chromium.new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in ("index.html", "notebooks/guides/emergency.html", "api/boxnb.reports.html"):
        page.goto((documentation / path).as_uri(), wait_until="load")
        assert page.locator("h1").count() == 1
    page.goto(f"{(documentation / 'search.html').as_uri()}?q=jupyterhub", wait_until="load")
    page.locator("#search-results li a").first.wait_for()
    assert "Sign in on a JupyterHub" in page.locator("#search-results").inner_text()
    page.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert errors == []
