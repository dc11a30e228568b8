"""Soak a sandbox with tens of thousands of refreshes and calls, and report its memory and open files after each step.

    python tests/bench/soak.py                                     10,000 refreshes and 100,000 calls, some minutes
    python tests/bench/soak.py --refreshes 500 --calls 5000        a short soak

After the warm-up, which is the first fifth, memory may grow by a tenth, and the number of open files must not grow. The exit
code says whether they did.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import boxnb.sandbox
from boxnb.sandbox import Sandbox

THREADS, STEPS, WARM = 3, 20, 4
REDIRECT = "http://127.0.0.1:8321/callback"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Sample:
    """The sandbox at one moment: bytes of memory, open files and connections, bytes of state on disk."""

    calls: int
    memory: int
    files: int
    disk: int


@dataclass
class Soak:
    """One sign-in that is refreshed and used many times."""

    sandbox: Sandbox
    strict: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = psutil.Process(self.sandbox.pid)
        self.client = self.sandbox.practice_client()
        self.lock = threading.Lock()
        self.local = threading.local()
        query = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "state": "soak",
        }
        redirect = self.sandbox.approve(f"{self.sandbox.url}/api/oauth2/authorize?{urlencode(query)}")
        code = parse_qs(urlsplit(redirect).query)["code"][0]
        self.pair = self.token(grant_type="authorization_code", code=code)
        self.files = self.item_ids("file")

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Send one request on this thread's connection, which is replaced every hundred requests."""
        self.local.count = getattr(self.local, "count", 0) + 1
        if self.local.count % 100 == 1:
            old = getattr(self.local, "connection", None)
            if old is not None:
                old.close()
            parts = urlsplit(self.sandbox.url)
            self.local.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self.local.connection.request(method, path, body or None, headers)
        response = self.local.connection.getresponse()
        content = response.read()
        with self.lock:
            self.statuses[f"{path.partition('?')[0].split('/')[1]} {response.status}"] += 1
        return response.status, content

    def token(self, **form: str) -> dict[str, Any]:
        """Return the response of the token endpoint."""
        keys = {name: self.client[name] for name in ("client_id", "client_secret")}
        status, content = self.send(
            "POST", "/oauth2/token", urlencode({**keys, **form}).encode(), **{"Content-Type": FORM}
        )
        assert status == 200, content
        pair: dict[str, Any] = json.loads(content)
        return pair

    def call(self, method: str, path: str, doc: Any = None, **headers: str) -> tuple[int, bytes]:
        """Call the API with the current access token."""
        headers = {"Authorization": f"Bearer {self.pair['access_token']}", **headers}
        body = b"" if doc is None else json.dumps(doc).encode()
        return self.send(method, f"/2.0{path}", body, **headers)

    def item_ids(self, kind: str) -> list[str]:
        """Return the ids of a few items that the admin can see."""
        page = json.loads(self.call("GET", "/search?query=customers&limit=30")[1])
        return [entry["id"] for entry in page["entries"] if entry["type"] == kind]

    def refresh(self, number: int) -> None:
        """Refresh and use the new pair. Every tenth refresh is repeated, as after a lost reply."""
        old = self.pair["refresh_token"]
        new = self.token(grant_type="refresh_token", refresh_token=old)
        if number % 10 == 0 and not self.strict:
            new = self.token(grant_type="refresh_token", refresh_token=old)
        self.pair = new
        assert self.call("GET", "/users/me")[0] == 200

    def read(self, number: int) -> None:
        """Make one of the calls that an admin makes. The server refuses some of them."""
        paths = [
            "/users/me",
            "/users?limit=100",
            f"/users?usemarker=true&limit=20&fields=name,role&filter_term={chr(97 + number % 26)}",
            "/groups?limit=100",
            "/folders/0/items?limit=100&fields=name,size,owned_by",
            f"/files/{self.files[number % len(self.files)]}?fields=shared_link,path_collection",
            f"/files/{self.files[number % len(self.files)]}/versions",
            "/events?stream_type=admin_logs&limit=50",
            "/events?stream_position=now",
            f"/files/{number + 1}",
            "/webhooks",
            "/users?limit=nonsense",
        ]
        self.call("GET", paths[number % len(paths)])
        if number % 97 == 0:
            self.call("GET", "/users/me", Authorization="Bearer nonsense")

    def write(self, number: int) -> int:
        """Create a folder, change it, move it to the trash and delete it there. Return the number of calls."""
        status, folder = self.call(
            "POST", "/folders", {"name": f"Soak {threading.get_ident()} {number}", "parent": {"id": "0"}}
        )
        assert status == 201, folder
        path = f"/folders/{json.loads(folder)['id']}"
        self.call("PUT", path, {"description": "soaked"})
        self.call("DELETE", path)
        self.call("DELETE", f"{path}/trash")
        return 4

    def share(self, start: int, count: int) -> None:
        """Make `count` calls. Four of every forty write."""
        calls_made = 0
        while calls_made < count:
            number = start + calls_made
            if number % 40 == 0 and count - calls_made >= 4:
                calls_made += self.write(number)
            else:
                self.read(number)
                calls_made += 1

    def sample(self) -> Sample:
        """Record and return the current figures of the sandbox."""
        disk = sum(path.stat().st_size for path in self.sandbox.state.rglob("*") if path.is_file())
        open_files = min(self.open_files() for _ in self.moments())
        calls = sum(self.statuses.values())
        self.samples.append(Sample(calls, self.process.memory_info().rss, open_files, disk))
        return self.samples[-1]

    def open_files(self) -> int:
        """Return the number of open files and connections."""
        if sys.platform == "win32":
            return int(self.process.num_handles())
        return int(self.process.num_fds())

    def moments(self) -> Iterator[int]:
        """Yield a few times, until the sandbox has noticed that our connections are closed."""
        for moment in range(20):
            yield moment
            time.sleep(0.02)

    def run(self, refreshes: int, calls: int, verbose: bool = False) -> None:
        """Soak in steps: first some of the refreshes, then some of the calls from several threads."""
        for step in range(STEPS):
            # The connections of the pool close with it, so that only leaks stay open.
            with ThreadPoolExecutor(THREADS) as pool:
                for number in range(step * refreshes // STEPS, (step + 1) * refreshes // STEPS):
                    self.refresh(number)
                start, end = step * calls // STEPS, (step + 1) * calls // STEPS
                share = (end - start) // THREADS
                list(pool.map(lambda thread: self.share(start + thread * share, share), range(THREADS)))  # noqa: B023
                list(pool.map(lambda _: self.close(), range(THREADS)))
            self.close()
            current = self.sample()
            if verbose:
                print(
                    f"{current.calls:>8} calls  {current.memory / 2**20:6.1f} MiB  {current.files} open files  "
                    f"{current.disk / 2**20:6.1f} MiB on disk",
                    flush=True,
                )

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self.local, "connection", None)
        if connection is not None:
            connection.close()
        self.local.count = 0

    def growth(self) -> float:
        """Return the ratio of the memory in the last steps to that in the first steps after the warm-up."""
        memory = [sample.memory for sample in self.samples]
        return statistics.median(memory[-3:]) / statistics.median(memory[WARM : WARM + 3])

    def more_files(self) -> int:
        """Return how many more files are open in the last steps than in the first steps after the warm-up."""
        files = [sample.files for sample in self.samples]
        return max(files[-3:]) - max(files[WARM : WARM + 3])


def main() -> int:
    """Soak a new sandbox and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--refreshes", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rotation", choices=("grace", "strict"), default="grace")
    parser.add_argument("--world", default="small")
    options = parser.parse_args()
    started = time.perf_counter()
    with boxnb.sandbox.start(
        private=True, world=options.world, limits="off", rotation=options.rotation
    ) as sandbox:
        soak = Soak(sandbox, options.rotation == "strict")
        soak.run(options.refreshes, options.calls, verbose=True)
        seconds = time.perf_counter() - started
        print(f"{options.refreshes} refreshes and {options.calls} calls in {seconds:.0f} s")
        print(f"responses: {dict(sorted(soak.statuses.items()))}")
        print(f"memory after the warm-up: {soak.growth() - 1:+.1%} (at most +10 %)")
        print(f"open files after the warm-up: {soak.more_files():+d} (at most +0)")
        return int(soak.growth() > 1.1 or soak.more_files() > 0)


if __name__ == "__main__":
    sys.exit(main())
