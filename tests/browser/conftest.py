"""JupyterLab on a free loopback port and a real browser that can reach nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext
from running import LIGHT, Lab, browser, fresh_window, jupyterlab


@pytest.fixture
def theme() -> str:
    return LIGHT


@pytest.fixture
def base_url() -> str:
    """Where the server's addresses begin; a hub puts the user's name there."""
    return "/"


@pytest.fixture
def lab(tmp_path: Path, home: Path, theme: str, base_url: str) -> Iterator[Lab]:
    with jupyterlab(tmp_path / "lab", theme, base_url) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser window; asking for anything beyond this computer fails the test."""
    with fresh_window(chromium) as context:
        yield context
