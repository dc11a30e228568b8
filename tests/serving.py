"""A Jupyter server of a test's own, known by its token, on a port nobody else has."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests


@contextmanager
def serving(
    module: str,
    root: Path,
    log: Path,
    *,
    base_url: str = "/",
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str]]:
    """``python -m module`` over a folder; its origin and its token, once it answers to that token."""
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.base_url={base_url}", f"--ServerApp.root_dir={root}", *options]
    server, origin = _started(command, {**os.environ, **(environment or {})}, log, base_url, token)
    try:
        yield origin, token
    finally:
        _ended(server)


def _started(
    command: list[str], environment: dict[str, str], log: Path, base_url: str, token: str
) -> tuple[subprocess.Popen[bytes], str]:
    """Another port where somebody else took the free one meanwhile."""
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with log.open("w", encoding="utf-8") as said:
            server = subprocess.Popen(
                [*command, f"--port={port}"], env=environment, stdout=said, stderr=subprocess.STDOUT
            )
        origin, end = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while server.poll() is None and time.monotonic() < end:
            try:
                if requests.get(f"{origin}{base_url}api/status", params={"token": token}, timeout=5).ok:
                    return server, origin
            except requests.RequestException:
                time.sleep(0.1)  # it is still starting
        _ended(server)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])


def _ended(server: subprocess.Popen[bytes]) -> None:
    """It shuts its kernels down first, which takes a while where one waits for an answer."""
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(20)
