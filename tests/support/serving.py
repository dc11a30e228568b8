"""A Jupyter server for one test, with its own token on a free port."""

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
    """Run ``python -m module`` on a folder. Yield the server's origin and token once the server accepts the token."""
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.base_url={base_url}", f"--ServerApp.root_dir={root}", *options]
    server, origin = _start(command, {**os.environ, **(environment or {})}, log, base_url, token)
    try:
        yield origin, token
    finally:
        _stop(server)


def _start(
    command: list[str], environment: dict[str, str], log: Path, base_url: str, token: str
) -> tuple[subprocess.Popen[bytes], str]:
    """Start the server. If another program takes the free port first, try another port."""
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with log.open("w", encoding="utf-8") as output:
            server = subprocess.Popen(
                [*command, f"--port={port}"], env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        origin, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if requests.get(f"{origin}{base_url}api/status", params={"token": token}, timeout=5).ok:
                    return server, origin
            except requests.RequestException:
                time.sleep(0.1)  # the server is still starting
        _stop(server)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server. It first shuts down its kernels, which takes a while if one of them waits for input."""
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(20)
