"""The pages that `make notebooks` writes are complete without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

TO_HTML = Path(__file__).parents[1] / "support" / "to_html.py"


def test_the_pages_need_no_network_and_show_their_results(tmp_path: Path, chromium: Browser) -> None:
    """In a browser, each page shows a table or a drawing, and requests nothing but itself."""
    subprocess.run([sys.executable, str(TO_HTML), str(tmp_path / "pages")], check=True)
    pages = sorted((tmp_path / "pages").rglob("*.html"))
    assert len(pages) >= 3
    page = chromium.new_page()
    shown: dict[str, int] = {}
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for path in pages:
        requests.clear()
        page.goto(path.as_uri(), wait_until="networkidle")
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        shown[path.stem] = page.locator(".jp-OutputArea-output :is(table, svg)").count()
        assert page.locator("h1").count() == 1
    page.close()
    assert {name for name, count in shown.items() if not count} == set()
