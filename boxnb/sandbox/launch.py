"""Find or start a sandbox, and control the shared one: stop, approve, record, clock, faults.

The sandbox runs in its own process; the functions here talk to it over HTTP. `start()` returns the shared sandbox and
starts it if necessary. `start(private=True)` starts a sandbox of your own; its clock and faults affect no one else::

    with boxnb.sandbox.start(private=True) as sandbox:
        sandbox.clock.advance(3600)
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..local import private_files
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
    """Return the shared sandbox and start it if necessary. With `private`, start a sandbox of your own.

    Parameters
    ----------
    port
        Port on 127.0.0.1. With 0, the sandbox uses its previous port if that is free, else any free port.
    state
        Folder for the saved state. Without `state`, a private sandbox uses a temporary folder and stops when this
        process ends, even if the process is killed. The folder is then removed; `.stop()` removes it, too.
    world
        ``"small"``, ``"large"`` (50,000 users, 5,000 folders, 200,000 files and 1,000,000 events, generated from a
        seed; takes half a minute to start), or a folder with CSV files like those of ``"small"``.
    rotation
        What a refresh does to the old token pair. With ``"grace"``, the old pair works until the new access token is
        first used; with ``"strict"``, it stops working immediately.
    idle
        Stop after this many seconds without a request (default: 8 h, or 30 min if private; 0: never).
    limits
        How calls are counted towards the limit of 1000 per user per minute: ``"rolling"``, ``"fixed"``, ``"bucket"`` or
        ``"off"``.
    prefix
        Path prefix of a proxy in front of the sandbox.
    allow_host
        Additional host names that the sandbox accepts, for a proxy in front of it.
    users, folders, files
        How many of each to generate for ``"large"``, instead of the defaults.
    events
        Number of events in the past year (default: 30,000, or 1,000,000 for ``"large"``).
    seed
        Seed for generating ``"large"``, and the events of any company.

    Raises
    ------
    SandboxError
        If the sandbox does not start. The message ends with the last lines of its log.
    TokenStoreError
        If a folder of the sandbox cannot be written.
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
    announcement = home() / "sandbox.json"
    with _only_one_starts():
        running = find()
        if running is not None:
            return running
        folder = Path(state) if state is not None else home() / "sandbox"
        return _launch(folder, announcement, SHARED_IDLE if idle is None else idle, options)


@contextlib.contextmanager
def _only_one_starts() -> Iterator[None]:
    """Keep other processes from starting the shared sandbox at the same time."""
    from filelock import FileLock

    lock = FileLock(home() / "sandbox.lock", mode=0o600)
    try:
        home().mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except OSError as error:
        raise private_files.explained(error, home(), "used for the sandbox") from None
    try:
        yield
    finally:
        lock.release()


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

    A ``tied`` sandbox reads from a pipe whose other end is in this process. The operating system closes the pipe when
    this process ends, even if it is killed; the sandbox then stops, too, and removes its folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "server.log").touch()
    except OSError as error:
        raise private_files.explained(error, folder, "used for the sandbox") from None
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
    if package.name not in ("site-packages", "dist-packages"):  # a checkout, not an installed package
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(package), environment.get("PYTHONPATH")])
        )
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            **_detached(),
        )
    _children.append(process)
    seconds = LARGE_SECONDS if options["world"] == "large" else START_SECONDS
    deadline = time.monotonic() + seconds
    sandbox = None
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
        if sandbox is not None:
            fail(
                f"The sandbox started, but {sandbox.url} cannot be reached. Check that this computer allows connections to "
                "itself: the loopback interface is down, or a firewall is blocking it."
            )
        fail(f"The sandbox did not respond within {seconds:.0f} s. See {log}.")
    return fail(
        "The sandbox did not start: "
        + (" / ".join(last_lines) or f"exit code {process.returncode}")
        + f" (see {log})"
    )


def _detached(platform: str = sys.platform) -> dict[str, Any]:
    """Return the arguments that keep a process running when this terminal is closed or receives Ctrl-C.

    On Windows, the ``python.exe`` of a virtual environment starts the real one. With ``DETACHED_PROCESS``, that one would
    open a console window of its own; with ``CREATE_NO_WINDOW``, both share one that is not shown (Microsoft Learn, *Process
    Creation Flags*).
    """
    if platform != "win32":
        return {"start_new_session": True}
    no_window, new_group = 0x08000000, 0x00000200  # subprocess has these names on Windows only
    return {"creationflags": no_window | new_group}


def _announced(path: Path, key: str) -> Sandbox | None:
    """Return the sandbox that announced itself with this key, or None if it has not done so yet."""
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
    """Sign in to the shared sandbox and grant or deny access, as a user would; see `Sandbox.approve`."""
    return start().approve(url, login, password, deny=deny)


def record() -> list[dict[str, Any]]:
    """Return the requests that the shared sandbox received; see `Sandbox.record`."""
    return start().record()


clock = Clock(lambda: start())
faults = Faults(lambda: start())
