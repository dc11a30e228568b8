"""Soaks a sandbox: tens of thousands of refreshes and calls, its memory and open files told as it goes.

    python tests/bench/soak.py                                     10,000 refreshes and 100,000 calls, some minutes
    python tests/bench/soak.py --refreshes 500 --calls 5000        a small one

Memory after the warm-up, the first fifth, may grow by a tenth and open files not at all; the exit code says so.
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

HANDS, STEPS, WARM = 3, 20, 4
REDIRECT = "http://127.0.0.1:8321/callback"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Sample:
    """The sandbox at one moment: bytes of memory, open files and connections, bytes of its state on disk."""

    calls: int
    memory: int
    files: int
    disk: int


@dataclass
class Soak:
    """One sign-in that is refreshed and used until told to stop."""

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
        back = self.sandbox.approve(f"{self.sandbox.url}/api/oauth2/authorize?{urlencode(query)}")
        code = parse_qs(urlsplit(back).query)["code"][0]
        self.pair = self.token(grant_type="authorization_code", code=code)
        self.files = self.some("file")

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request on this thread's connection; every hundredth on a new one."""
        self.local.count = getattr(self.local, "count", 0) + 1
        if self.local.count % 100 == 1:
            old = getattr(self.local, "connection", None)
            if old is not None:
                old.close()
            parts = urlsplit(self.sandbox.url)
            self.local.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self.local.connection.request(method, path, body or None, headers)
        answer = self.local.connection.getresponse()
        content = answer.read()
        with self.lock:
            self.statuses[f"{path.partition('?')[0].split('/')[1]} {answer.status}"] += 1
        return answer.status, content

    def token(self, **form: str) -> dict[str, Any]:
        """The answer of the token endpoint."""
        keys = {name: self.client[name] for name in ("client_id", "client_secret")}
        status, content = self.send(
            "POST", "/oauth2/token", urlencode({**keys, **form}).encode(), **{"Content-Type": FORM}
        )
        assert status == 200, content
        pair: dict[str, Any] = json.loads(content)
        return pair

    def call(self, method: str, path: str, doc: Any = None, **headers: str) -> tuple[int, bytes]:
        """One call of the API."""
        headers = {"Authorization": f"Bearer {self.pair['access_token']}", **headers}
        body = b"" if doc is None else json.dumps(doc).encode()
        return self.send(method, f"/2.0{path}", body, **headers)

    def some(self, kind: str) -> list[str]:
        """Ids of a few items that the admin sees."""
        found = json.loads(self.call("GET", "/search?query=customers&limit=30")[1])
        return [one["id"] for one in found["entries"] if one["type"] == kind]

    def refresh(self, number: int) -> None:
        """A refresh and the first use of the new pair; every tenth asked for twice, as after a lost answer."""
        old = self.pair["refresh_token"]
        new = self.token(grant_type="refresh_token", refresh_token=old)
        if number % 10 == 0 and not self.strict:
            new = self.token(grant_type="refresh_token", refresh_token=old)
        self.pair = new
        assert self.call("GET", "/users/me")[0] == 200

    def read(self, number: int) -> None:
        """One of the calls an admin makes, now and then one that is refused."""
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
        """A folder made, renamed, thrown away and forgotten; how many calls that took."""
        status, made = self.call(
            "POST", "/folders", {"name": f"Soak {threading.get_ident()} {number}", "parent": {"id": "0"}}
        )
        assert status == 201, made
        path = f"/folders/{json.loads(made)['id']}"
        self.call("PUT", path, {"description": "soaked"})
        self.call("DELETE", path)
        self.call("DELETE", f"{path}/trash")
        return 4

    def share(self, start: int, count: int) -> None:
        """`count` calls, four in forty writes."""
        done = 0
        while done < count:
            number = start + done
            if number % 40 == 0 and count - done >= 4:
                done += self.write(number)
            else:
                self.read(number)
                done += 1

    def sample(self) -> Sample:
        """How the sandbox is now."""
        disk = sum(place.stat().st_size for place in self.sandbox.state.rglob("*") if place.is_file())
        open_now = min(self.open_files() for _ in self.moments())
        made = sum(self.statuses.values())
        self.samples.append(Sample(made, self.process.memory_info().rss, open_now, disk))
        return self.samples[-1]

    def open_files(self) -> int:
        """Open files and connections now."""
        if sys.platform == "win32":
            return int(self.process.num_handles())
        return int(self.process.num_fds())

    def moments(self) -> Iterator[int]:
        """A few moments, until the sandbox has seen that our connections are closed."""
        for moment in range(20):
            yield moment
            time.sleep(0.02)

    def run(self, refreshes: int, calls: int, say: bool = False) -> None:
        """All of it, in steps: first a part of the refreshes, then a part of the calls by several threads."""
        for step in range(STEPS):
            with ThreadPoolExecutor(HANDS) as pool:  # connections close with it: only leaks stay open
                for number in range(step * refreshes // STEPS, (step + 1) * refreshes // STEPS):
                    self.refresh(number)
                begin, end = step * calls // STEPS, (step + 1) * calls // STEPS
                each = (end - begin) // HANDS
                list(pool.map(lambda hand: self.share(begin + hand * each, each), range(HANDS)))  # noqa: B023
                list(pool.map(lambda _: self.close(), range(HANDS)))
            self.close()
            now = self.sample()
            if say:
                print(
                    f"{now.calls:>8} calls  {now.memory / 2**20:6.1f} MiB  {now.files} open files  "
                    f"{now.disk / 2**20:6.1f} MiB on disk",
                    flush=True,
                )

    def close(self) -> None:
        """End this thread's connection."""
        connection = getattr(self.local, "connection", None)
        if connection is not None:
            connection.close()
        self.local.count = 0

    def growth(self) -> float:
        """Memory of the last steps over that of the first ones after the warm-up."""
        memory = [one.memory for one in self.samples]
        return statistics.median(memory[-3:]) / statistics.median(memory[WARM : WARM + 3])

    def more_files(self) -> int:
        """Open files of the last steps beyond those of the first ones after the warm-up."""
        files = [one.files for one in self.samples]
        return max(files[-3:]) - max(files[WARM : WARM + 3])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--refreshes", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rotation", choices=("grace", "strict"), default="grace")
    parser.add_argument("--world", default="small")
    options = parser.parse_args()
    began = time.perf_counter()
    with boxnb.sandbox.start(
        private=True, world=options.world, limits="off", rotation=options.rotation
    ) as sandbox:
        soak = Soak(sandbox, options.rotation == "strict")
        soak.run(options.refreshes, options.calls, say=True)
        seconds = time.perf_counter() - began
        print(f"{options.refreshes} refreshes and {options.calls} calls in {seconds:.0f} s")
        print(f"answers: {dict(sorted(soak.statuses.items()))}")
        print(f"memory after the warm-up: {soak.growth() - 1:+.1%} (at most +10 %)")
        print(f"open files after the warm-up: {soak.more_files():+d} (at most +0)")
        return int(soak.growth() > 1.1 or soak.more_files() > 0)


if __name__ == "__main__":
    sys.exit(main())
