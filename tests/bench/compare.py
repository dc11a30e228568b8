"""Compare boxnb with other libraries in interleaved runs: ``make bench`` (``ARGS="--runs 5 --works users,events"``).

Each run is a separate process. The rows of all contenders are compared, so that a wrong result is never timed. Quote
ratios: the seconds depend on the machine. The output also says how many pages the sandbox can serve, the upper limit.
``make bench-report`` writes the same tables to ``RESULTS.md``, with the facts of the machine and without a date.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

from contenders import CONTENDERS  # noqa: E402
from signing import sign_in  # noqa: E402

import boxnb.sandbox  # noqa: E402

# At 80 ms these contenders, which make one call after another, would take minutes; they are left out.
TOO_LONG = {
    ("sdk", "tree", 80),
    ("sdk, largest pages", "tree", 80),
    ("requests + json_normalize", "tree", 80),
    ("floor", "tree", 80),
    ("sdk", "events", 80),
}
SIZES: dict[str, dict[str, int]] = {
    # With three users, the admin sees more than half of everything: 5,008 folders and 200,995 files.
    "tree": {"users": 3, "folders": 8_130, "files": 326_000, "events": 100},
    "users-10k": {"users": 10_000},
    "events": {"events": 100_000},
    "events-1m": {"events": 1_000_000},  # with --contenders boxnb,floor: the SDK would need 9 GB
}
PROFILE = "bench"
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- make bench-report writes from here -->", "<!-- to here -->"
PACKAGES = ("pandas", "pyarrow", "msgspec", "requests", "aiohttp", "boxsdk", "orjson")
COLUMNS = ("wall s", "range", "cpu s", "calls", "MB", "peak MB", "frame MB", "x wall", "x cpu")
Runs = dict[str, list[dict[str, Any]]]


class Table(NamedTuple):
    """The results of one workload at one latency: a title, and one row of figures, or a failure, per contender."""

    title: str
    rows: dict[str, list[str]]
    failures: dict[str, str]


def run_once(name: str, work: str, url: str, token: str) -> dict[str, Any]:
    """Run one contender in a separate process and return its figures, or why it failed."""
    process = subprocess.run(
        [sys.executable, str(HERE / "contenders.py"), name, work, url, token, PROFILE],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        return {"failed": (process.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    return dict(json.loads(process.stdout.splitlines()[-1]))


def ceiling(url: str, token: str) -> float:
    """Return how many pages of 1,000 users per second the sandbox serves to one connection."""
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
    """Measure what the arguments request, print each table, and write the report with ``--report``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latencies", default="0,80", help="milliseconds")
    parser.add_argument("--works", default="users,users-10k,events,tree")
    parser.add_argument("--contenders", default=",".join(CONTENDERS).replace(", ", "_ "))
    parser.add_argument("--report", action="store_true", help=f"write the tables to {RESULTS.name} too")
    options = parser.parse_args()
    names = [name.replace("_ ", ", ") for name in options.contenders.split(",")]
    tables = []
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        for work in options.works.split(","):
            sizes = SIZES.get(work, {})
            with boxnb.sandbox.start(private=True, world="large", limits="off", **sizes) as sandbox:
                profile = sign_in(sandbox, PROFILE)
                sandbox.clock.freeze()  # otherwise the year of events would end later for each contender
                assert profile.token is not None
                token = profile.token.access_token.reveal()
                pages = ceiling(sandbox.url, token)
                print(f"\n{work}: the sandbox serves {pages:.0f} pages of 1,000 users per second")
                for latency in map(int, options.latencies.split(",")):
                    table = summarise(
                        work, latency, compare(sandbox, work, latency, names, options.runs, token)
                    )
                    show(table)
                    tables.append(table)
    if options.report:
        RESULTS.write_text(with_report(RESULTS.read_text(encoding="utf-8"), options.runs, tables), "utf-8")
        print(f"\nWrote {RESULTS}")


def compare(sandbox: Any, work: str, latency: int, names: list[str], runs: int, token: str) -> Runs:
    """Run every contender ``runs`` times in turn, and return what each run measured."""
    if latency:
        sandbox.faults.add("/2.0/*", "latency", times=10**9, seconds=latency / 1000)
    results: Runs = {name: [] for name in names if (name, work, latency) not in TOO_LONG}
    for _ in range(runs):
        for name, measured in results.items():
            sandbox.record(clear=True)
            figures = run_once(name, work, sandbox.url, token)
            calls = [call for call in sandbox.record() if call["path"].startswith("/2.0/")]
            measured.append(figures | {"calls": len(calls), "bytes": sum(call["bytes"] for call in calls)})
    sandbox.faults.clear()
    return results


def summarise(work: str, latency: int, results: Runs) -> Table:
    """Return medians, ranges and ratios; ratios compare with boxnb, and are left out if boxnb did not run."""
    succeeded = [run for runs in results.values() for run in runs if "failed" not in run]
    counts = " or ".join(f"{number:,}" for number in sorted({run["rows"] for run in succeeded}))
    ids = {run["ids"] for run in succeeded if run.get("ids") is not None}
    title = f"{work} at {latency} ms: {counts} rows, {'the same ids' if len(ids) == 1 else 'IDS DIFFER'}"
    boxnb_runs = [run for run in results.get("boxnb", []) if "failed" not in run]
    base = {key: statistics.median(run[key] for run in boxnb_runs) for key in ("wall", "cpu") if boxnb_runs}
    rows, failures = {}, {}
    for name, runs in results.items():
        if any("failed" in run for run in runs):
            failures[name] = next(run["failed"] for run in runs if "failed" in run)
            continue
        median = {
            key: statistics.median(run[key] for run in runs)
            for key in ("wall", "cpu", "calls", "bytes", "peak", "frame")
        }
        walls = [run["wall"] for run in runs]
        rows[name] = [
            f"{median['wall']:.2f}",
            f"{min(walls):.2f}-{max(walls):.2f}",
            f"{median['cpu']:.2f}",
            f"{median['calls']:.0f}",
            f"{median['bytes'] / 1e6:.1f}",
            f"{median['peak']:.0f}",
            f"{median['frame']:.0f}",
            *(f"{median[key] / base[key]:.1f}" if base else "" for key in ("wall", "cpu")),
        ]
    return Table(title, rows, failures)


def show(table: Table) -> None:
    """Print a table for a terminal."""
    widths = (8, 16, 8, 7, 7, 9, 10, 8, 7)
    print(f"\n{table.title}")
    print(f"{'':<28}" + "".join(f"{name:>{width}}" for name, width in zip(COLUMNS, widths, strict=True)))
    for name, cells in table.rows.items():
        print(f"{name:<28}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))
    for name, reason in table.failures.items():
        print(f"{name:<28} failed: {reason}")


def machine() -> list[str]:
    """Return what the figures depend on: cores, system and versions; without a date or the name of the computer."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    return [
        f"- {os.cpu_count()} cores, {platform.system()} on {platform.machine()}",
        f"- Python {platform.python_version()}, {', '.join(versions)}",
    ]


def with_report(report: str, runs: int, tables: list[Table]) -> str:
    """Return ``RESULTS.md`` with its generated part replaced; the part measured by hand stays."""
    lines = [BEGIN, "", *machine(), f"- medians of {runs} runs; `x` is the ratio to boxnb", ""]
    for table in tables:
        lines += [f"### {table.title}", "", "| | " + " | ".join(COLUMNS) + " |", "|---" * 10 + "|"]
        lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in table.rows.items()]
        lines += [f"| {name} | failed |" + " |" * 8 for name in table.failures]
        lines.append("")
    before, _, rest = report.partition(BEGIN)
    return before + "\n".join([*lines, END]) + rest.partition(END)[2]


if __name__ == "__main__":
    main()
