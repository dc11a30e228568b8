"""Keep the pages of JupyterLab loaded from one test to the next.

Loading JupyterLab takes 14 seconds of processor time; closing its documents and opening another one takes one second.
"""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, ViewportSize
from playwright.sync_api import Error as PlaywrightError

VIEWPORT: ViewportSize = {"width": 1280, "height": 1000}
NOT_OF_JUPYTER = re.compile("^(?!_xsrf$|username-)")
"""Matches every cookie but those that let a page use Jupyter's server."""

# Close all documents without asking, and show the top folder. Their kernels run until the server stops them.
CLEAR = """async () => { const app = window.jupyterapp;
    if (document.querySelector('.jp-Dialog')) throw new Error('A dialog is open.');
    for (const widget of [...app.shell.widgets('main')]) widget.dispose();
    await app.commands.execute('filebrowser:go-to-path', { path: '/' });
    window.boxnbIsFree = true }"""
TAKE = "() => { const isFree = window.boxnbIsFree ?? false; window.boxnbIsFree = false; return isFree }"
OPEN = """async ([path, theme]) => { const { commands } = window.jupyterapp;
    if (document.body.dataset.jpThemeName !== theme) await commands.execute('apputils:change-theme', { theme });
    await commands.execute('docmanager:open', { path }) }"""
HAS_THEME = "theme => document.body.dataset.jpThemeName === theme"


def take(window: BrowserContext, url: str) -> Page | None:
    """Return a page of the JupyterLab at this URL that shows no document, if the window has one."""
    for page in window.pages:
        if page.url.startswith(f"{url}/lab") and page.evaluate(TAKE):
            page.bring_to_front()
            return page
    return None


def open_document(page: Page, path: str, theme: str) -> None:
    """Open a file in a page of JupyterLab that is loaded, and use this theme."""
    page.evaluate(OPEN, [path, theme])
    page.wait_for_function(HAS_THEME, arg=theme)


def clear(window: BrowserContext, url: str) -> None:
    """Make a window like new, except that its pages of the JupyterLab at this URL stay loaded, without documents."""
    window.unroute_all()
    for page in window.pages:
        if not (page.url.startswith(f"{url}/lab") and _cleared(page)):
            page.close()
    # A sandbox would otherwise know the user of another test, because cookies do not distinguish ports.
    window.clear_cookies(name=NOT_OF_JUPYTER)


def _cleared(page: Page) -> bool:
    """Close the documents of a page, and return whether the next test can use it."""
    try:
        page.evaluate(CLEAR)
    except PlaywrightError:
        return False
    page.set_viewport_size(VIEWPORT)
    return True
