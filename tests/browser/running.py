"""A running JupyterLab and a real browser beside it, which can reach nothing else: for the tests and for `tests/bench/views.py`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import find
import nbformat
import requests
from playwright.sync_api import Browser, BrowserContext, Route, sync_playwright

ROOT = Path(__file__).parents[2]
LIGHT = "JupyterLab Light"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "apputils-extension/themes": {"theme": LIGHT},
}
WIDGETS = "@jupyter-widgets/jupyterlab-manager/plugin"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class Lab(NamedTuple):
    """A running JupyterLab: its address with a trailing token, its notebooks, and all it writes."""

    url: str
    token: str
    notebooks: Path
    written: Path


@contextmanager
def jupyterlab(written: Path, theme: str = LIGHT, base_url: str = "/") -> Iterator[Lab]:
    """JupyterLab over a copy of the notebooks, with widget state saving switched on."""
    notebooks = written / "notebooks"
    shutil.copytree(ROOT / "notebooks", notebooks, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    settings = {f"@jupyterlab/{name}": value for name, value in SETTINGS.items()}
    settings["@jupyterlab/apputils-extension/themes"] = {"theme": theme}
    settings[WIDGETS] = {"saveState": True}
    for name, value in settings.items():
        file = written / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    variables = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(written / folder) for name, folder in variables.items()}
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={notebooks}"]
    command += [f"--ServerApp.base_url={base_url}"]
    server, address = _started(command, environment, written / "lab.log", f"{base_url}api/status", token)
    try:
        yield Lab(f"{address}{base_url}".rstrip("/"), token, notebooks, written)
    finally:
        _ended(server)


def _ended(server: subprocess.Popen[bytes]) -> None:
    """It shuts its kernels down first, which takes a while where one waits for an answer."""
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(20)


def _started(
    command: list[str], environment: dict[str, str], log: Path, status: str, token: str
) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers to its own token; another port where somebody else took the free one meanwhile."""
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with log.open("w") as said:
            server = subprocess.Popen(
                [*command, f"--port={port}"], env=environment, stdout=said, stderr=subprocess.STDOUT
            )
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while server.poll() is None and time.monotonic() < end:
            try:
                if requests.get(address + status, params={"token": token}, timeout=5).ok:
                    return server, address
            except requests.RequestException:
                time.sleep(0.1)  # it is still starting
        _ended(server)
    raise AssertionError(log.read_text()[-3000:])


@contextmanager
def browser() -> Iterator[Browser]:
    """The computer's Chromium, without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find.installed_beside(playwright), args=CHROMIUM)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def fresh_window(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser window; asking for anything beyond this computer fails."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(30_000)
    outside: list[str] = []

    def judge(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost", None):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", judge)
    try:
        yield context
    finally:
        context.close()
    assert outside == []


def written_notebook(lab: Lab, name: str, cells: list[str]) -> str:
    """A notebook of these cells where JupyterLab finds it; its name."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, lab.notebooks / name)
    return name
