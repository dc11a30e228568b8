"""Run the sandbox: bind, announce, serve, stop when idle."""

from __future__ import annotations

import asyncio
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

from . import peopleapi
from .app import build
from .clock import Clock
from .core import EVENTS, Core
from .front import TRANSPORTS
from .large import Size
from .limits import Limits
from .state import State
from .world import World

GONE = threading.Event()
"""The process that this sandbox is tied to has ended."""


def wait_for_end() -> None:
    """Wait until nobody holds the other end of standard input."""
    while os.read(0, 1024):
        pass
    GONE.set()


class Protocol(H11Protocol):
    """uvicorn's own protocol, which also remembers its connection so a fault can break it."""

    def connection_made(self, transport: Any) -> None:
        """Remember the connection."""
        peer = transport.get_extra_info("peername")
        self._boxnb_peer = (peer[0], peer[1])
        TRANSPORTS[self._boxnb_peer] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        TRANSPORTS.pop(self._boxnb_peer, None)
        super().connection_lost(exc)


def say(text: str) -> None:
    """One line for the terminal or the log."""
    encoding = sys.stdout.encoding or "utf-8"  # the locale's, which may lack letters of a path
    sys.stdout.write(f"boxnb sandbox: {text}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def bind(port: int, wished: int) -> socket.socket:
    """A listening socket on 127.0.0.1: `port`, or for 0 the port of last time when free, else any."""
    for number in [port] if port else [wished, 0] if wished else [0]:
        # IPPROTO_TCP, or asyncio does not turn Nagle off and each answer waits 40 ms for an ACK.
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
    raise OSError("no free port on 127.0.0.1")


def announce(path: Path, info: dict[str, Any]) -> None:
    """Write where the sandbox is (file 0600, replaced in one step)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(info, file)
    temp.replace(path)


def withdraw(path: Path, key: str) -> None:
    """Remove the announcement if it is ours."""
    try:
        ours = json.loads(path.read_text(encoding="utf-8")).get("key") == key
    except (OSError, ValueError):
        return
    if ours:
        path.unlink(missing_ok=True)


async def serve(core: Core, sock: socket.socket, idle: float, place: Path) -> None:
    """Serve until told to stop, interrupted, or idle for `idle` seconds (0: never); first take back `place`."""
    config = uvicorn.Config(
        build(core),
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
    core.activity = time.monotonic()

    async def watch() -> None:
        while not server.should_exit:
            await asyncio.sleep(0.1)
            if core.stopping or GONE.is_set() or (idle and time.monotonic() - core.activity > idle):
                withdraw(place, core.key)  # before the port closes: who sees it closed finds no announcement
                server.should_exit = True

    watcher = asyncio.create_task(watch())
    await server.serve(sockets=[sock])
    watcher.cancel()


def size_of(options: Any) -> Size | None:
    """How large a `large` company is; sets `options.events`. Raises `ValueError` for a size that another cannot have."""
    named = {name: getattr(options, name) for name in ("users", "folders", "files", "events")}
    given = {name: int(count) for name, count in named.items() if count is not None}
    if options.world == "large":
        size = Size(**given, seed=options.seed)
        options.events = size.events
        return size
    if set(given) - {"events"}:
        raise ValueError(
            "--users, --folders and --files are for --world large; others are what their files say"
        )
    return None


def main(options: Any) -> int:
    """Run with the options of `python -m boxnb.sandbox`; the exit code."""
    if os.name != "nt":
        os.umask(0o077)  # whatever is kept here is this user's alone
    folder = Path(options.state)
    key = os.environ.pop("BOXNB_SANDBOX_KEY", "") or secrets.token_urlsafe(32)
    prefix = options.prefix.rstrip("/")
    if options.tied:
        threading.Thread(target=wait_for_end, name="boxnb-tied", daemon=True).start()
    try:
        state = State(folder)
        clock = Clock(state)
        gc.disable()  # nothing of a company is garbage while it is read
        core = Core(
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
            core.log.make()  # rows of others may make no sense, and a million events take a while
        if options.world == "large":
            peopleapi.prerender(core)
        gc.enable()
        gc.freeze()
        core.hosts = (*core.hosts, *(name.lower() for name in options.allow_host))
        sock = bind(options.port, int(state.meta("port") or 0))
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        locked = "locked" in str(error)
        say(f"cannot start: {f'another sandbox keeps {folder} locked' if locked else error}")
        return 1
    sock.listen(128)
    port = sock.getsockname()[1]
    state.set_meta("port", str(port))
    url = f"http://127.0.0.1:{port}"
    place = Path(options.announce) if options.announce else folder / "sandbox.json"
    info = {
        "url": url,
        "port": port,
        "pid": os.getpid(),
        "key": key,
        "state": str(folder),
        "instance": core.instance,
    }
    announce(place, info)
    say(f"{url}{prefix}")
    try:
        asyncio.run(serve(core, sock, options.idle, place))
    except KeyboardInterrupt:
        say("stopped")
    finally:
        withdraw(place, key)
        state.close()
        if GONE.is_set():  # nobody else knows of this folder
            shutil.rmtree(folder, ignore_errors=True)
    return 0
