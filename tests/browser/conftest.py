"""JupyterLab on a free loopback port, and a real browser that can reach nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext
from running import LIGHT, Lab, browser, fresh_window, jupyterlab


@pytest.fixture
def theme() -> str:
    """The theme of JupyterLab."""
    return LIGHT


@pytest.fixture
def base_url() -> str:
    """The path of the server. On a hub, it contains the user's name."""
    return "/"


@pytest.fixture(scope="session")
def shared_labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """Return a function that starts JupyterLab at a path of the server, or returns the one that runs there."""
    running: dict[str, Lab] = {}
    with ExitStack() as stack:

        def lab_at(base_url: str) -> Lab:
            if base_url not in running:
                folder = tmp_path_factory.mktemp("lab")
                running[base_url] = stack.enter_context(jupyterlab(folder, base_url=base_url))
            return running[base_url]

        yield lab_at


@pytest.fixture
def lab(shared_labs: Callable[[str], Lab], home: Path, theme: str, base_url: str) -> Iterator[Lab]:
    """A JupyterLab like new, on a copy of the notebooks."""
    running = shared_labs(base_url)
    running.reset(theme)
    yield running
    running.stop_kernels()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, started once per session."""
    with browser() as running:
        yield running


@pytest.fixture
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A new browser window. The test fails if it requests anything beyond this computer."""
    with fresh_window(chromium) as context:
        yield context
