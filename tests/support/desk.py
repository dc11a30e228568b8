"""Keep the pages of JupyterLab loaded from one test to the next.

Loading JupyterLab takes 14 seconds of processor time; opening another notebook in a loaded one takes a fraction of that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import BrowserContext, Page, ViewportSize
from playwright.sync_api import Error as PlaywrightError

if TYPE_CHECKING:
    from running import Lab

VIEWPORT: ViewportSize = {"width": 1280, "height": 1000}
NOT_OF_JUPYTER = re.compile("^(?!_xsrf$|username-)")
"""Matches every cookie but those that let a page use Jupyter's server."""

# Close all documents without asking, and show the top folder. Their kernels run until the server stops them. A page that
# the test has loaded again cannot stay: JupyterLab may still be about to open the document that its URL names.
CLEAR = """async () => { const app = window.jupyterapp;
    if (!window.boxnbMayStay) throw new Error('The page was loaded again.');
    if (document.querySelector('.jp-Dialog')) throw new Error('A dialog is open.');
    for (const widget of [...app.shell.widgets('main')]) widget.dispose();
    await app.commands.execute('filebrowser:go-to-path', { path: '/' }) }"""
# A page connects a notebook to the session in its own list, which may still contain a session that the server has ended.
FREE = """async () => { const { sessions } = window.jupyterapp.serviceManager;
    for (let running = true; running; running = [...sessions.running()].length > 0) await sessions.refreshRunning();
    window.boxnbIsFree = true }"""
TAKE = "() => { const isFree = window.boxnbIsFree ?? false; window.boxnbIsFree = false; return isFree }"
MAY_STAY = "() => { window.boxnbMayStay = true }"
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


def clear(window: BrowserContext, lab: Lab) -> None:
    """Make a window like new and stop all kernels, but keep the pages of JupyterLab loaded, without documents."""
    window.unroute_all()
    kept = [
        page for page in window.pages if page.url.startswith(f"{lab.url}/lab") and _evaluated(page, CLEAR)
    ]
    for page in window.pages:
        if page not in kept:
            page.close()
    # A sandbox would otherwise know the user of another test, because cookies do not distinguish ports.
    window.clear_cookies(name=NOT_OF_JUPYTER)
    lab.stop_kernels()
    for page in kept:
        if _evaluated(page, FREE):
            page.set_viewport_size(VIEWPORT)
        else:
            page.close()


def _evaluated(page: Page, script: str) -> bool:
    """Run a script in a page, and return whether it succeeded. If not, the next test loads another page."""
    try:
        page.evaluate(script)
    except PlaywrightError:
        return False
    return True
