"""A running JupyterLab and a real browser that can reach only this computer. Also used by `tests/bench/views.py`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import desk
import find
import nbformat
import requests
from playwright.sync_api import Browser, BrowserContext, Request, sync_playwright
from serving import serving

ROOT = Path(__file__).parents[2]
LIGHT = "JupyterLab Light"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "apputils-extension/themes": {"theme": LIGHT},
}
OF_A_TEST = ("BOXNB_HOME", "NO_PROXY")
"""Environment variables that differ between tests, so kernels get them from the test and not from JupyterLab."""

WIDGETS = "@jupyter-widgets/jupyterlab-manager/plugin"
APPLICATIONS = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    # Nothing beyond this computer can be reached. Intercepting the requests instead would switch off the browser's cache.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Lab(NamedTuple):
    """A running JupyterLab: its URL, its token, its notebooks, and the folder to which it writes everything."""

    url: str
    token: str
    notebooks: Path
    written: Path

    def reset(self, theme: str = LIGHT) -> None:
        """
        Make JupyterLab like new: no kernels, fresh notebooks, no saved page layout, and this test's home folder.

        The next test need not start JupyterLab, which takes three seconds of processor time.
        """
        self.stop_kernels()
        for folder in (self.written / "workspaces", self.written / "data" / "exports"):
            shutil.rmtree(folder, ignore_errors=True)
        for path in self.notebooks.iterdir():  # the folder itself stays, because a loaded page shows it
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        _prepare(self.written, theme)

    @property
    def theme(self) -> str:
        """The theme of this test."""
        return (self.written / "theme").read_text(encoding="utf-8")

    def stop_kernels(self) -> None:
        """Stop every kernel, and wait until it has ended."""
        for kernel in self._call("GET").json():
            self._call("DELETE", f"/{kernel['id']}")
        assert self._call("GET").json() == []

    def _call(self, method: str, path: str = "") -> requests.Response:
        url = f"{self.url}/api/kernels{path}"
        response = requests.request(method, url, headers={"Authorization": f"token {self.token}"}, timeout=60)
        assert response.ok or response.status_code == 404, response.text
        return response


def _prepare(written: Path, theme: str) -> None:
    """Write the notebooks, the settings of JupyterLab, and the environment in which it starts kernels."""
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")
    shutil.copytree(ROOT / "notebooks", written / "notebooks", ignore=ignored, dirs_exist_ok=True)
    settings: dict[str, Any] = {f"@jupyterlab/{name}": value for name, value in SETTINGS.items()}
    settings["@jupyterlab/apputils-extension/themes"] = {"theme": theme}
    settings[WIDGETS] = {"saveState": True}
    (written / "theme").write_text(theme, encoding="utf-8")
    for name, value in settings.items():
        file = written / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    environment = {name: os.environ[name] for name in OF_A_TEST if name in os.environ}
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python", "env": environment}
    file = written / "path" / "kernels" / "python3" / "kernel.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spec), encoding="utf-8")


def _folders(written: Path) -> dict[str, str]:
    """Return the environment variables that keep everything Jupyter writes in one folder."""
    folders = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_PATH": "path",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    return {name: str(written / folder) for name, folder in folders.items()}


@contextmanager
def jupyterlab(
    written: Path, theme: str = LIGHT, base_url: str = "/", application: str = "jupyterlab"
) -> Iterator[Lab]:
    """Run JupyterLab, or Notebook 7 (``"notebook"``), on a copy of the notebooks. It saves the state of widgets."""
    _prepare(written, theme)
    notebooks = written / "notebooks"
    with serving(
        application,
        notebooks,
        written / "lab.log",
        base_url=base_url,
        options=[f"--{APPLICATIONS[application]}.expose_app_in_browser=True"],
        environment=_folders(written),
    ) as (origin, token):
        yield Lab(f"{origin}{base_url}".rstrip("/"), token, notebooks, written)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run the computer's Chromium without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find.installed_or_own(playwright), args=CHROMIUM)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def fresh_window(chromium: Browser) -> Iterator[BrowserContext]:
    """Open a new browser window. Fail if it requests anything beyond this computer."""
    context = chromium.new_context(viewport=desk.VIEWPORT)
    context.set_default_timeout(30_000)
    try:
        with only_this_computer(context):
            yield context
    finally:
        context.close()


@contextmanager
def only_this_computer(window: BrowserContext) -> Iterator[None]:
    """Fail if a window requests anything beyond this computer."""
    outside: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", None):
            outside.append(request.url)

    window.on("request", note)
    try:
        yield
    finally:
        window.remove_listener("request", note)
    assert outside == []


def written_notebook(lab: Lab, name: str, cells: list[str]) -> str:
    """Write a notebook of these cells to JupyterLab's folder. Return its name."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.notebooks / name)
    return name
