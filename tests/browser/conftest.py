"""JupyterLab on a free loopback port, and a real browser that can reach nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import desk
import pytest
from playwright.sync_api import Browser, BrowserContext
from running import LIGHT, Lab, browser, fresh_window, jupyterlab, only_this_computer


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
def lab(
    shared_labs: Callable[[str], Lab], window: BrowserContext, home: Path, theme: str, base_url: str
) -> Iterator[Lab]:
    """A JupyterLab like new, on a copy of the notebooks."""
    running = shared_labs(base_url)
    running.reset(theme)
    yield running
    desk.clear(window, running)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, started once per session."""
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def shared_window(chromium: Browser) -> Iterator[BrowserContext]:
    """The window in which JupyterLab stays loaded."""
    with fresh_window(chromium) as context:
        yield context


@pytest.fixture
def new_window(chromium: Browser) -> Iterator[BrowserContext]:
    """A new browser window. The test fails if it requests anything beyond this computer."""
    with fresh_window(chromium) as context:
        yield context


@pytest.fixture
def window(request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser window like new; in tests of JupyterLab, a page of JupyterLab may already be loaded in it."""
    if "lab" not in request.fixturenames:
        yield request.getfixturevalue("new_window")
        return
    shared = request.getfixturevalue("shared_window")
    with only_this_computer(shared):
        yield shared
