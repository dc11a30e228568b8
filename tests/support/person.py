"""Do what a user does in JupyterLab and on the sandbox's pages, click by click."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import desk
from playwright.sync_api import BrowserContext, Locator, Page, Route
from running import Lab

NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
ONBOARDING = "1-onboard/01-register-and-sign-in.ipynb"
IDLE = """() => { const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
    return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle' }"""
ACTIVE = """() => { const notebook = window.jupyterapp.shell.currentWidget.content, model = notebook.activeCell.model;
    return { index: notebook.activeCellIndex, code: model.type === 'code', source: model.sharedModel.source } }"""
RAN = """index => { const panel = window.jupyterapp.shell.currentWidget, model = panel.content.widgets[index].model;
    return model.executionCount !== null && (model.executionState ?? 'idle') === 'idle'
        && panel.sessionContext.session.kernel.status === 'idle' }"""
COUNTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code').map(cell => cell.model.executionCount)"""


class Person:
    """A user who has one notebook open. `clicks` counts the user's mouse clicks."""

    def __init__(
        self,
        window: BrowserContext,
        lab: Lab,
        path: str = ONBOARDING,
        *,
        busy: bool = False,
        page: str = "lab/tree",
    ) -> None:
        self.window, self.lab, self.path = window, lab, path
        self.clicks = 0
        loaded = desk.take(window, lab.url) if page == "lab/tree" else None
        self.page = loaded or window.new_page()
        if loaded:
            desk.open_document(loaded, path, lab.theme)
        else:
            self.page.goto(f"{lab.url}/{page}/{path}?reset&token={lab.token}", wait_until="domcontentloaded")
        self._wait_until_loaded(busy)
        self.page.evaluate(desk.MAY_STAY)

    def _wait_until_loaded(self, busy: bool = False) -> None:
        """Wait until the notebook is on screen and its kernel is ready, then select the first cell."""
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.started")
        self.page.evaluate("async () => { await window.jupyterapp.restored }")
        self.page.wait_for_selector(f"{NOTEBOOK} .jp-Notebook")
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.ready }")
        if not busy:
            self.page.wait_for_function(IDLE)
        self.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
        self.page.evaluate("window.jupyterapp.shell.currentWidget.content.node.focus()")

    def reload(self) -> None:
        """Press F5."""
        self.page.reload(wait_until="domcontentloaded")
        self._wait_until_loaded()

    def __getitem__(self, selector: str) -> Locator:
        """Return the elements of the visible notebook that match a selector."""
        return self.page.locator(f"{NOTEBOOK} {selector}")

    def command(self, name: str) -> None:
        """Start a menu command without waiting for it to finish, because Run All may wait for the sign-in."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name).catch(() => {}) }", name)

    def run_through(self, source: str) -> None:
        """Press Shift+Enter in one cell after another, until the cell that contains `source` has run."""
        for _ in range(60):
            cell = self.page.evaluate(ACTIVE)
            self.page.keyboard.press("Shift+Enter")
            if cell["code"]:
                self.page.wait_for_function(RAN, arg=cell["index"])
                if source in cell["source"]:
                    return
        raise AssertionError(f"no cell contains {source!r}")

    def show_panel(self) -> None:
        """Run the cells up to the panel and wait for its link."""
        self.run_through("sign_in(PROFILE)")
        self[".bx-open[href]"].wait_for()

    def executed(self) -> list[int | None]:
        """Return the execution count of each code cell; ``None`` for a cell that has not run."""
        return self.page.evaluate(COUNTS)

    def click(self, element: Locator) -> None:
        """Click an element, and count the click."""
        self.clicks += 1
        element.click()

    def continue_at(self, source: str) -> None:
        """Select the cell that contains `source`, so that Shift+Enter runs it next."""
        self.page.bring_to_front()
        editor = self.page.locator(".jp-InputArea-editor", has_text=source)
        self.click(self[".jp-CodeCell"].filter(has=editor).locator(".jp-InputPrompt"))

    def open_box(self) -> Page:
        """Follow the panel's link to the sandbox. Return the new tab."""
        with self.window.expect_page() as opened:
            self.click(self[".bx-open[href]"])
        return opened.value

    def sign_in(self, tab: Page, decision: str = "Grant") -> None:
        """Type the practice password and press Grant or Deny. If the browser is still signed in, only press the button."""
        password, button = tab.locator("#password"), tab.get_by_role("button", name=decision, exact=True)
        password.or_(button).first.wait_for()
        if password.count():
            password.fill("practice")
            self.click(tab.get_by_role("button", name="Sign in", exact=True))
        self.click(button)

    def address_after_grant(self, tab: Page, grant: Callable[[Page], None] | None = None) -> str:
        """Grant access while no program is listening at the redirect URI. Return the content of the address bar."""
        addresses: list[str] = []

        def intercept_redirect(route: Route) -> None:
            response = route.fetch(max_redirects=0)
            address = response.headers.get("location", "")
            if "/callback?" not in address:
                route.fulfill(response=response)
                return
            addresses.append(address)
            route.fulfill(status=200, content_type="text/html", body="<h1>This page cannot be reached</h1>")

        self.window.route("**/oauth2/authorize**", intercept_redirect)
        (grant or self.sign_in)(tab)
        tab.get_by_text("cannot be reached").wait_for()
        self.window.unroute("**/oauth2/authorize**")
        return addresses[-1]

    def save(self) -> str:
        """Save the notebook as Ctrl+S does. Return the text of the file."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save') }")
        return (self.lab.notebooks / self.path).read_text(encoding="utf-8")

    def screenshot(self, name: str) -> None:
        """Save a screenshot if BOXNB_SCREENSHOTS names a folder."""
        folder = os.environ.get("BOXNB_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")
