"""Measure the sandbox with the large company: seconds until it is ready, memory, pages of 1,000 users per second.

python tests/bench/large.py

On a busy computer, use the figures per second of processor time, which do not depend on other programs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import boxnb.sandbox
from tests.sandbox.conftest import Person

CONNECTIONS, CALLS = 4, 500


async def pages(url: str, token: str, markers: list[str], encoding: str) -> tuple[float, float]:
    """Return pages per second and mean bytes per page, over a few connections that make one call after another."""
    parts = urlsplit(url)
    sizes: list[int] = []

    async def fetch() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
        for number in range(CALLS):
            marker = markers[number % len(markers)]
            writer.write(
                f"GET /2.0/users?limit=1000&usemarker=true&marker={marker} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {token}\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            sizes.append(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            await reader.readexactly(sizes[-1])
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*[fetch() for _ in range(CONNECTIONS)])
    return len(sizes) / (time.perf_counter() - started), sum(sizes) / len(sizes)


def processor_time(process: psutil.Process) -> float:
    """Return the seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def memory(process: psutil.Process) -> str:
    """Return the peak of resident memory, or the current value if the system does not record the peak."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return f"{process.memory_info().rss / 2**20:.0f} MiB now"
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return f"{int(line.split()[1]) / 1024:.0f} MiB at most"


def main() -> None:
    """Print the figures of a new sandbox."""
    started = time.perf_counter()
    with boxnb.sandbox.start(private=True, world="large", limits="off") as sandbox:
        process = psutil.Process(sandbox.pid)
        print(
            f"ready after {time.perf_counter() - started:.1f} s, {processor_time(process):.1f} s of processor time "
            f"(ceiling 60 s), {os.cpu_count()} cores"
        )
        person = Person(sandbox, sandbox.practice_client())
        person.http.hooks["response"].clear()
        token = person.sign_in()["access_token"]
        markers, marker = [""], ""
        while marker is not None:
            marker = person.get(f"/users?limit=1000&usemarker=true&marker={marker}", token).json()[
                "next_marker"
            ]
            markers += [marker] if marker else []
        for encoding in ("gzip", "identity"):
            time_before = processor_time(process)
            rate, size = asyncio.run(pages(sandbox.url, token, markers, encoding))
            cpu_rate = CONNECTIONS * CALLS / (processor_time(process) - time_before)
            print(
                f"{encoding}: {rate:,.0f} pages of 1,000 users per second, {cpu_rate:,.0f} per second of processor time, "
                f"{size / 1000:,.0f} kB each (floor 2,000)"
            )
        print(f"memory {memory(process)} (ceiling 1024 MiB)")


if __name__ == "__main__":
    main()
