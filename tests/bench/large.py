"""Measures the large company: seconds until ready, memory, pages of 1,000 users a second.

python tests/bench/large.py
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import boxnb.sandbox
from tests.sandbox.conftest import Person

CONNECTIONS, CALLS = 4, 500


async def pages(url: str, token: str, markers: list[str], encoding: str) -> tuple[float, float]:
    """Pages a second and mean bytes of a page, over a few connections that ask one after the other."""
    parts = urlsplit(url)
    sizes: list[int] = []

    async def ask() -> None:
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

    began = time.perf_counter()
    await asyncio.gather(*[ask() for _ in range(CONNECTIONS)])
    return len(sizes) / (time.perf_counter() - began), sum(sizes) / len(sizes)


def memory(pid: int) -> str:
    """Highest resident memory so far, where the system tells it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "not told here"
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return f"{int(line.split()[1]) / 1024:.0f} MiB"


def main() -> None:
    began = time.perf_counter()
    with boxnb.sandbox.start(private=True, world="large", limits="off") as sandbox:
        print(f"ready after {time.perf_counter() - began:.1f} s (ceiling 60 s), {os.cpu_count()} cores")
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
            rate, size = asyncio.run(pages(sandbox.url, token, markers, encoding))
            print(
                f"{encoding}: {rate:,.0f} pages of 1,000 users a second, {size / 1000:,.0f} kB each (floor 2,000)"
            )
        print(f"memory at most {memory(sandbox.pid)} (ceiling 1024 MiB)")


if __name__ == "__main__":
    main()
