"""The pages of `make notebooks`: complete without any network."""

from __future__ import annotations

from pathlib import Path

import find
import pytest
from playwright.sync_api import sync_playwright
from to_html import main

pytestmark = pytest.mark.browser


def test_the_pages_ask_the_network_for_nothing_and_show_their_tables(tmp_path: Path) -> None:
    """Opened from disk in a browser with every request recorded: the page itself and nothing else."""
    assert main(str(tmp_path / "pages")) == 0
    pages = sorted((tmp_path / "pages").rglob("*.html"))
    assert len(pages) >= 3
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find.installed_beside(playwright), args=["--no-sandbox"]
        )
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in pages:
            asked.clear()
            page.goto(path.as_uri(), wait_until="networkidle")
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
            assert page.locator("table.dataframe").count() > 0, path
            assert page.locator("h1").count() == 1
        browser.close()
