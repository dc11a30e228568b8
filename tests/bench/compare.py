"""The kit beside its peers, in one interleaved run: ``make bench`` (``ARGS="--runs 5 --works users,events"``).

Each run is a process of its own. Rows are compared before a time counts. Quote ratios: the seconds depend on the
machine. The ceiling of the sandbox, how many pages it can serve, is printed beside.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from contenders import CONTENDERS  # noqa: E402
from signing import sign_in  # noqa: E402

import boxnb.sandbox  # noqa: E402

# Contenders that would wait for minutes at 80 ms, one call after another, are left out there.
TOO_LONG = {
    ("sdk", "tree", 80),
    ("sdk, largest pages", "tree", 80),
    ("requests + json_normalize", "tree", 80),
    ("floor", "tree", 80),
    ("sdk", "events", 80),
}
WORLDS: dict[str, dict[str, int]] = {
    # Of three people the admin sees more than half: 5,008 folders and 200,995 files.
    "tree": {"users": 3, "folders": 8_130, "files": 326_000, "events": 100},
    "users-10k": {"users": 10_000},
    "events": {"events": 100_000},
    "events-1m": {"events": 1_000_000},  # with --contenders boxnb,floor: the SDK would need 9 GB
}
PROFILE = "bench"


def once(name: str, work: str, url: str, token: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / "contenders.py"), name, work, url, token, PROFILE],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:200]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def ceiling(url: str, token: str) -> float:
    """Pages of 1,000 users a second that the sandbox serves to one bare connection."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    started, count = time.perf_counter(), 200
    for _ in range(count):
        connection.request(
            "GET", "/2.0/users?limit=1000&usemarker=true", headers={"Authorization": f"Bearer {token}"}
        )
        connection.getresponse().read()
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latencies", default="0,80", help="milliseconds")
    parser.add_argument("--works", default="users,users-10k,events,tree")
    parser.add_argument("--contenders", default=",".join(CONTENDERS).replace(", ", "_ "))
    options = parser.parse_args()
    names = [name.replace("_ ", ", ") for name in options.contenders.split(",")]
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        for work in options.works.split(","):
            world = WORLDS.get(work, {})
            with boxnb.sandbox.start(private=True, world="large", limits="off", **world) as sandbox:
                profile = sign_in(sandbox, PROFILE)
                sandbox.clock.freeze()  # or a year of events would end a little later for each contender
                assert profile.token is not None
                token = profile.token.access_token.reveal()
                print(
                    f"\n{work}: the sandbox serves {ceiling(sandbox.url, token):.0f} pages of 1,000 users a second"
                )
                for latency in map(int, options.latencies.split(",")):
                    compare(sandbox, work, latency, names, options.runs, token)


def compare(sandbox: Any, work: str, latency: int, names: list[str], runs: int, token: str) -> None:
    if latency:
        sandbox.faults.add("/2.0/*", "latency", times=10**9, seconds=latency / 1000)
    results: dict[str, list[dict[str, Any]]] = {
        name: [] for name in names if (name, work, latency) not in TOO_LONG
    }
    for _ in range(runs):
        for name, done in results.items():
            sandbox.record(clear=True)
            done.append(once(name, work, sandbox.url, token))
            calls = [call for call in sandbox.record() if call["path"].startswith("/2.0/")]
            done[-1] |= {"calls": len(calls), "bytes": sum(call["bytes"] for call in calls)}
    sandbox.faults.clear()
    table(work, latency, results)


def table(work: str, latency: int, results: dict[str, list[dict[str, Any]]]) -> None:
    rows = {done["rows"] for each in results.values() for done in each if "failed" not in done}
    ids = {done["ids"] for each in results.values() for done in each if done.get("ids") is not None}
    counted = " or ".join(f"{number:,}" for number in sorted(rows))
    print(f"\n{work} at {latency} ms: {counted} rows, {'the same ids' if len(ids) == 1 else 'IDS DIFFER'}")
    print(
        f"{'':<28}{'wall s':>8}{'(range)':>16}{'cpu s':>8}{'calls':>7}{'MB':>7}"
        f"{'peak MB':>9}{'frame MB':>10}{'x wall':>8}{'x cpu':>7}"
    )
    ours = [done for done in results.get("boxnb", []) if "failed" not in done]
    base = {key: statistics.median([done[key] for done in ours] or [1.0]) for key in ("wall", "cpu")}
    for name, done in results.items():
        if any("failed" in each for each in done):
            print(f"{name:<28} failed: {next(each['failed'] for each in done if 'failed' in each)}")
            continue
        middle = {
            key: statistics.median(each[key] for each in done)
            for key in ("wall", "cpu", "calls", "bytes", "peak", "frame")
        }
        low, high = min(each["wall"] for each in done), max(each["wall"] for each in done)
        print(
            f"{name:<28}{middle['wall']:>8.2f}{f'{low:.2f}-{high:.2f}':>16}{middle['cpu']:>8.2f}"
            f"{middle['calls']:>7.0f}{middle['bytes'] / 1e6:>7.1f}{middle['peak']:>9.0f}{middle['frame']:>10.0f}"
            f"{middle['wall'] / base['wall']:>8.1f}{middle['cpu'] / base['cpu']:>7.1f}"
        )


if __name__ == "__main__":
    main()
