"""The pages of `make notebooks`: complete without any network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

TO_HTML = Path(__file__).parents[1] / "notebooks" / "to_html.py"


def test_the_pages_ask_the_network_for_nothing_and_show_their_tables(
    tmp_path: Path, chromium: Browser
) -> None:
    """Opened from disk in a browser with every request recorded: the page itself and nothing else."""
    subprocess.run([sys.executable, str(TO_HTML), str(tmp_path / "pages")], check=True)
    pages = sorted((tmp_path / "pages").rglob("*.html"))
    assert len(pages) >= 3
    page = chromium.new_page()
    tables: dict[str, int] = {}
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in pages:
        asked.clear()
        page.goto(path.as_uri(), wait_until="networkidle")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        tables[path.stem] = page.locator("table.dataframe").count()
        assert page.locator("h1").count() == 1
    page.close()
    without = {name for name, count in tables.items() if not count}
    assert without == set()
