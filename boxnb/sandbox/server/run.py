"""Run the sandbox: bind a port, announce the URL, serve, and stop when idle."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import shutil
import socket
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import files
from .api import people
from .app import build
from .company.clock import Clock
from .company.company import World
from .company.generated import Size
from .company.state import State
from .context import EVENTS, Context
from .middleware import TRANSPORTS
from .rate_limits import Limits

PARENT_EXITED = threading.Event()
"""Set when the process that this sandbox is tied to has exited."""


def wait_for_parent_exit() -> None:
    """Wait until the other end of standard input is closed, then set `PARENT_EXITED`."""
    while os.read(0, 1024):
        pass
    PARENT_EXITED.set()


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol, which also registers each connection so that a fault can reset it."""

    def connection_made(self, transport: Any) -> None:
        """Register the connection."""
        peer = transport.get_extra_info("peername")
        self._boxnb_peer = (peer[0], peer[1])
        TRANSPORTS[self._boxnb_peer] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        TRANSPORTS.pop(self._boxnb_peer, None)
        super().connection_lost(exc)


def say(text: str) -> None:
    """Write one line to the terminal or the log."""
    encoding = sys.stdout.encoding or "utf-8"  # the locale's encoding may lack characters in a path
    sys.stdout.write(f"boxnb sandbox: {text}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def bind(port: int, previous: int) -> socket.socket:
    """Return a socket bound to `port` on 127.0.0.1. For 0, use `previous` if that port is free, else any free port."""
    for number in [port] if port else [previous, 0] if previous else [0]:
        # Without IPPROTO_TCP, asyncio does not disable Nagle's algorithm, and each response waits 40 ms for an ACK.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", number))
        except OSError:
            sock.close()
            if number == port:
                raise
            continue
        return sock
    raise OSError("no port is free on 127.0.0.1")


def bind_ipv6(port: int) -> socket.socket | None:
    """Return a socket bound to `port` on ::1, or None if that is not possible.

    The links to file contents are on `localhost`, because Box has a separate host for them. A client on Windows tries
    ::1 first, and is refused only after about two seconds if nobody listens there.
    """
    try:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError:
        return None
    try:
        sock.bind(("::1", port))
        sock.listen(128)
    except OSError:
        sock.close()
        return None
    return sock


def announce(path: Path, info: dict[str, Any]) -> None:
    """Write the URL and the key of the sandbox to `path` (mode 0600, replaced atomically)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(info, file)
    files.replace(temp, path)


def withdraw(path: Path, key: str) -> None:
    """Remove the announcement if this process wrote it."""
    try:
        is_ours = json.loads(path.read_text(encoding="utf-8")).get("key") == key
    except (OSError, ValueError):
        return
    if is_ours:
        with contextlib.suppress(OSError):  # without it, the sandbox would never stop
            files.remove(path)


def leave(folder: Path) -> None:
    """Close the log and go to another folder, because Windows does not delete what a process uses."""
    os.chdir(folder.parent)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


async def serve(context: Context, sockets: list[socket.socket], idle: float, announcement: Path) -> None:
    """Serve until stopped, interrupted or idle for `idle` seconds (0: never). Withdraw `announcement` before closing."""
    config = uvicorn.Config(
        build(context),
        http=Protocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    context.activity = time.monotonic()

    async def watch() -> None:
        while not server.should_exit:
            await asyncio.sleep(0.1)
            if (
                context.stopping
                or PARENT_EXITED.is_set()
                or (idle and time.monotonic() - context.activity > idle)
            ):
                # Remove the announcement before the port closes, so that no client reads the URL of a stopped sandbox.
                withdraw(announcement, context.key)
                server.should_exit = True

    watcher = asyncio.create_task(watch())
    await server.serve(sockets=sockets)
    watcher.cancel()


def size_of(options: Any) -> Size | None:
    """Return the size of a `large` company and set `options.events`. Return None for other companies.

    Raises `ValueError` if another company is given a size.
    """
    options_by_name = {name: getattr(options, name) for name in ("users", "folders", "files", "events")}
    sizes = {name: int(count) for name, count in options_by_name.items() if count is not None}
    if options.world == "large":
        size = Size(**sizes, seed=options.seed)
        options.events = size.events
        return size
    if set(sizes) - {"events"}:
        raise ValueError(
            "--users, --folders and --files work only with --world large; the CSV files set the size of other companies"
        )
    return None


def main(options: Any) -> int:
    """Run the sandbox with the options of `python -m boxnb.sandbox` and return the exit code."""
    if os.name != "nt":
        os.umask(0o077)  # only this user can read what the sandbox saves
    folder = Path(options.state)
    key = os.environ.pop("BOXNB_SANDBOX_KEY", "") or secrets.token_urlsafe(32)
    prefix = options.prefix.rstrip("/")
    if options.tied:
        threading.Thread(target=wait_for_parent_exit, name="boxnb-tied", daemon=True).start()
    try:
        state = State(folder)
        clock = Clock(state)
        gc.disable()  # loading a company does not produce garbage
        context = Context(
            state,
            clock,
            World(options.world, state, clock.now(), size_of(options)),
            key,
            rotation=options.rotation,
            prefix=prefix,
            limits=Limits(options.limits),
            events=EVENTS if options.events is None else options.events,
            seed=options.seed,
        )
        if options.world != "small":
            # Generate the events now: other companies may have invalid rows, and a million events take a while.
            context.log.generate_history()
        if options.world == "large":
            people.prerender(context)
        gc.enable()
        gc.freeze()
        context.hosts = (*context.hosts, *(name.lower() for name in options.allow_host))
        sock = bind(options.port, int(state.meta("port") or 0))
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        locked = "locked" in str(error)
        say(f"cannot start: {f'another sandbox has locked {folder}' if locked else error}")
        return 1
    sock.listen(128)
    port = sock.getsockname()[1]
    state.set_meta("port", str(port))
    ipv6_sock = bind_ipv6(port) if files.WINDOWS else None
    sockets = [sock] if ipv6_sock is None else [sock, ipv6_sock]
    url = f"http://127.0.0.1:{port}"
    announcement = Path(options.announce) if options.announce else folder / "sandbox.json"
    info = {
        "url": url,
        "port": port,
        "pid": os.getpid(),
        "key": key,
        "state": str(folder),
        "instance": context.instance,
    }
    announce(announcement, info)
    say(f"{url}{prefix}")
    try:
        asyncio.run(serve(context, sockets, options.idle, announcement))
    except KeyboardInterrupt:
        say("stopped")
    finally:
        withdraw(announcement, key)
        state.close()
        if PARENT_EXITED.is_set():  # the folder is temporary, and no other process knows it
            leave(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return 0
