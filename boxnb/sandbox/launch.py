"""Find or start a sandbox, and the shared sandbox's functions: stop, approve, record, clock, faults.

The sandbox runs in its own process; everything here talks to it over HTTP. `start()` finds the shared sandbox or starts
it. `start(private=True)` starts your own, so that setting its clock or switching faults on does not affect anyone else::

    with boxnb.sandbox.start(private=True) as sandbox:
        sandbox.clock.advance(3600)
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..local.home_folder import user_folder
from .client import Clock, Faults, Sandbox, fail

SHARED_IDLE = 8 * 3600.0
PRIVATE_IDLE = 1800.0
START_SECONDS, LARGE_SECONDS = 30.0, 180.0
_found: dict[str, Sandbox] = {}
_children: list[subprocess.Popen[bytes]] = []
home = user_folder


def start(
    *,
    port: int = 0,
    state: str | os.PathLike[str] | None = None,
    world: str = "small",
    private: bool = False,
    rotation: str = "grace",
    idle: float | None = None,
    limits: str = "rolling",
    prefix: str = "",
    allow_host: Iterable[str] = (),
    users: int | None = None,
    folders: int | None = None,
    files: int | None = None,
    events: int | None = None,
    seed: str = "1",
) -> Sandbox:
    """Find the shared sandbox or start it. With `private`, start your own.

    Parameters
    ----------
    port
        Port on 127.0.0.1. 0 takes the previous port if it is free, else any free one.
    state
        Folder of the state. Without one, a private sandbox gets a temporary folder and stops with this process, even
        if the process is killed. Its folder is then removed, as by `.stop()`.
    world
        ``"small"``, ``"large"`` (50,000 users, 5,000 folders, 200,000 files and 1,000,000 events, generated from a
        seed; takes half a minute to start), or a folder with CSV files like those of ``"small"``.
    rotation
        ``"grace"``: the old pair works until the new access token is first used; ``"strict"``: it stops working immediately.
    idle
        Stop after this many seconds without a request (default 8 h, private 30 min; 0: never).
    limits
        How the 1000 calls per minute and user are counted: ``"rolling"``, ``"fixed"``, ``"bucket"`` or ``"off"``.
    prefix
        Path prefix of a proxy in front of the sandbox.
    allow_host
        Additional host names to serve, for a proxy in front.
    users, folders, files
        Sizes of ``"large"``, to replace the defaults.
    events
        Number of events in the past year (``"small"``: 30,000).
    seed
        Seed from which ``"large"``, and the events of any company, are generated.

    Raises
    ------
    SandboxError
        If the sandbox does not start. The message ends with the last lines of its log.
    """
    options: dict[str, Any] = {
        "world": world,
        "rotation": rotation,
        "limits": limits,
        "prefix": prefix,
        "port": port,
    }
    options["allow-host"] = tuple(allow_host)
    sizes = {"users": users, "folders": folders, "files": files, "events": events, "seed": seed}
    options |= {name: (str(value),) for name, value in sizes.items() if value is not None}
    if private:
        folder = Path(state) if state is not None else Path(tempfile.mkdtemp(prefix="boxnb-sandbox-"))
        seconds = PRIVATE_IDLE if idle is None else idle
        sandbox = _launch(folder, folder / "sandbox.json", seconds, options, tied=state is None)
        sandbox._temporary = folder if state is None else None
        return sandbox
    from filelock import FileLock

    home().mkdir(parents=True, exist_ok=True, mode=0o700)
    announcement = home() / "sandbox.json"
    with FileLock(home() / "sandbox.lock", mode=0o600):
        running = find()
        if running is not None:
            return running
        folder = Path(state) if state is not None else home() / "sandbox"
        return _launch(folder, announcement, SHARED_IDLE if idle is None else idle, options)


def find() -> Sandbox | None:
    """Return the shared sandbox if it is running, else None. Never start one."""
    announcement = home() / "sandbox.json"
    try:
        info = json.loads(announcement.read_text(encoding="utf-8"))
        sandbox = _found.get(info["key"])
        if sandbox is None:
            sandbox = _found[info["key"]] = Sandbox(
                info["url"], info["key"], int(info["pid"]), Path(info["state"])
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sandbox if sandbox.alive(info.get("instance")) else None


def _launch(
    folder: Path, announcement: Path, idle: float, options: dict[str, Any], *, tied: bool = False
) -> Sandbox:
    """Start the process in its own session and wait until it responds.

    A ``tied`` sandbox reads from a pipe whose other end this process holds. The operating system closes the pipe when this
    process ends, even if it is killed; the sandbox then stops too and removes its folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder, announcement = folder.resolve(), announcement.resolve()
    key = secrets.token_urlsafe(32)
    command = [
        sys.executable,
        "-P",
        "-m",
        "boxnb.sandbox",
        "--state",
        str(folder),
        "--announce",
        str(announcement),
    ]
    command += ["--idle", str(idle), *(["--tied"] if tied else [])]
    for name, value in options.items():
        for item in value if isinstance(value, tuple) else (value,):
            command += [f"--{name}={item}"] if item else []
    environment = {**os.environ, "BOXNB_SANDBOX_KEY": key}
    package = Path(__file__).resolve().parents[2]
    if package.name not in ("site-packages", "dist-packages"):  # a checkout, not installed
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(package), environment.get("PYTHONPATH")])
        )
    log = folder / "server.log"
    detach: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detach = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            **detach,
        )
    _children.append(process)
    seconds = LARGE_SECONDS if options["world"] == "large" else START_SECONDS
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        sandbox = _announced(announcement, key)
        if sandbox is not None and sandbox.alive():
            sandbox._process = process
            return sandbox
        time.sleep(0.02)
    last_lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    if process.poll() is None:
        process.terminate()
        fail(f"The sandbox did not respond within {seconds:.0f} s. See {log}.")
    return fail(
        "The sandbox did not start: "
        + (" / ".join(last_lines) or f"exit code {process.returncode}")
        + f" (see {log})"
    )


def _announced(path: Path, key: str) -> Sandbox | None:
    """Return the sandbox that announced itself with our key, or None if it has not yet."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if info.get("key") != key:
        return None
    return Sandbox(info["url"], key, int(info["pid"]), Path(info["state"]))


def stop() -> bool:
    """Stop the shared sandbox. Return False if none is running."""
    sandbox = find()
    if sandbox is None:
        return False
    sandbox._process = next((child for child in _children if child.pid == sandbox.pid), None)
    sandbox.stop()
    return True


def approve(url: str, login: str | None = None, password: str | None = None, *, deny: bool = False) -> str:
    """Act as the user who signs in to the shared sandbox; see `Sandbox.approve`."""
    return start().approve(url, login, password, deny=deny)


def record() -> list[dict[str, Any]]:
    """Return what the shared sandbox recorded; see `Sandbox.record`."""
    return start().record()


clock = Clock(lambda: start())
faults = Faults(lambda: start())
