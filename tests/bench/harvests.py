"""Measure harvests: ``make bench-harvests`` (``ARGS="kills|memory|limit|workers|compare"``; ``--help`` lists the sizes).

``kills`` kills one harvest at random moments, with faults, and compares it with an uninterrupted one. ``memory`` measures the
peak for two numbers of events. ``limit`` runs against an enforced limit of 1,000 calls a minute. ``workers`` compares threads
with Dask workers when pages take long to read. ``compare`` writes the same events with boxnb, ``dlt`` and ``deltalake``.
Use the ratios; the seconds depend on the computer. Peak memory is read from ``/proc`` (Linux).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

import harvesting  # noqa: E402
import pandas as pd  # noqa: E402
from signing import sign_in  # noqa: E402

import boxnb  # noqa: E402
import boxnb.sandbox  # noqa: E402
from boxnb.api import rate_limit  # noqa: E402

SEEN = ["first_seen", "seen_since", "last_seen"]


def api_calls(sandbox: Any) -> int:
    """Return how many calls the server has received since the last time."""
    return sum(call["path"].startswith("/2.0/") for call in sandbox.record(clear=True))


def rows(harvest: Any, key: list[str]) -> pd.DataFrame:
    """Return the rows of a harvest in a fixed order, without the times of its rounds."""
    return harvest.frame().drop(columns=SEEN).sort_values(key, ignore_index=True)


def kills(sandbox: Any, box: boxnb.Box, options: argparse.Namespace) -> None:
    """Kill a harvest of content, then one of events, at random moments."""
    rng = random.Random(options.seed)
    for dataset, key in (("content", ["type", "id"]), ("events", ["created_at", "event_id"])):
        arguments = {"since": "366D"} if dataset == "events" else {}
        add_faults(sandbox)
        api_calls(sandbox)
        started = time.monotonic()
        whole = box.harvest(dataset, name=f"whole-{dataset}", **arguments).run()
        seconds, once = time.monotonic() - started, api_calls(sandbox)
        killed = made = 0
        add_faults(sandbox)
        while killed < options.kills:
            if not harvesting.run_and_kill(
                dataset, rng.uniform(0, 2 * seconds / options.kills), name=f"killed-{dataset}", **arguments
            ):
                break
            killed += 1
            made += api_calls(sandbox)
        sandbox.faults.clear()
        harvest = box.harvest(dataset, name=f"killed-{dataset}", **arguments).run()
        made += api_calls(sandbox)
        same = rows(harvest, key).equals(rows(whole, key))
        repeated = made - once
        print(
            f"{dataset}: {len(harvest.frame()):,} rows, {killed} kills, the same rows: {same}, problems: {len(harvest.verify())}; "
            f"{once:,} calls without and {made:,} with kills: {repeated / once:.2%} more, {repeated / max(killed, 1):.1f} for each kill",
            flush=True,
        )


def add_faults(sandbox: Any) -> None:
    """Make one call in 200 fail for a moment, in each of three ways."""
    sandbox.faults.clear()
    for number, kind in enumerate(("503", "reset_before", "truncated")):
        for skip in range(50, 100_000, 600):
            if skip < 20_000:
                sandbox.faults.add("/2.0/*", kind, skip=skip + 200 * number, times=1)


PEAK = """
import json, re, sys, time
from pathlib import Path
import boxnb
from boxnb.api import rate_limit
rate_limit.LIMITS["general"] = rate_limit.Limit(10_000_000)
harvest = boxnb.connect("bench").harvest("events", since="366D", name=sys.argv[1])
def most():  # not ru_maxrss, which starts with the memory of the parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = most()
started, cpu = time.perf_counter(), time.process_time()
harvest.run()
peak = most()
rows = harvest.sql("SELECT count(*) AS n FROM harvest")["n"].iloc[0]
print(json.dumps({"rows": int(rows), "wall": time.perf_counter() - started, "cpu": time.process_time() - cpu,
                  "peak": peak / 1024, "before": before / 1024}))
"""


def in_process(code: str, *arguments: str) -> dict[str, Any]:
    """Run a program in a process of its own, and return the figures that it prints."""
    child = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    if child.returncode:
        raise SystemExit(child.stderr[-3000:])
    return dict(json.loads(child.stdout.splitlines()[-1]))


def memory(options: argparse.Namespace) -> None:
    """Measure peak memory and time per row for two numbers of events."""
    figures = []
    for events in (options.events, options.events * options.factor):
        with enterprise(options, events=events):
            figures.append(in_process(PEAK, "memory"))
        last = figures[-1]
        print(
            f"{last['rows']:,} events: peak {last['peak']:.0f} MB, {1e6 * last['cpu'] / last['rows']:.1f} us of CPU a row",
            flush=True,
        )
    first, second = figures
    per_row = [figure["cpu"] / figure["rows"] for figure in figures]
    print(
        f"peak {second['peak'] / first['peak']:.2f} times, time per row {per_row[1] / per_row[0]:.2f} times"
    )


def limit(options: argparse.Namespace) -> None:
    """Walk the content of few users with the limit enforced, which Box counts for each user (``--users 3 --folders 8000``)."""
    rate_limit.LIMITS["general"] = rate_limit.Limit(990)
    with enterprise(options, limits="rolling") as (sandbox, box):
        sandbox.record(clear=True)
        started = time.monotonic()
        box.harvest("content").run()
        seconds = time.monotonic() - started
        record = [call for call in sandbox.record() if call["path"].startswith("/2.0/")]
        refused = sum(call["status"] == 429 for call in record)
        # Of any sixty seconds, a user may use 990 calls: those beyond the first 990 take a minute for each 990.
        most = max(Counter(call["as_user"] for call in record).values())
        least = max(0, math.ceil(most / 990) - 1) * 60
        print(
            f"{len(record):,} calls, {most:,} of them as one user, in {seconds:.1f} s, at least {least} s; {refused} answered 429"
        )


def workers(options: argparse.Namespace) -> None:
    """Compare the units per second of threads with those of Dask workers, with pages that take long to read."""
    from distributed import Client, LocalCluster

    with enterprise(options) as (_, box):
        seconds = {}
        box.harvest("content", name="warm-up").run()  # the sandbox makes each page when it is first asked for
        started = time.monotonic()
        box.harvest("content", name="threads").run()
        seconds["threads"] = time.monotonic() - started
        for number in (1, 4):
            with (
                LocalCluster(
                    n_workers=number, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
                ) as cluster,
                Client(cluster) as client,
            ):
                started = time.monotonic()
                box.harvest("content", name=f"dask-{number}").run(
                    executor=client.get_executor(), lanes=4 * number
                )
                seconds[f"{number} workers"] = time.monotonic() - started
        print({name: round(value, 1) for name, value in seconds.items()})


def compare(options: argparse.Namespace) -> None:
    """Write the same events with the plain dataset, a harvest, deltalake and dlt, in interleaved runs."""
    with enterprise(options) as (sandbox, _):
        results: dict[str, list[dict[str, Any]]] = {}
        for number in range(options.runs):
            for name, code in CONTENDERS.items():
                api_calls(sandbox)
                with tempfile.TemporaryDirectory() as folder:
                    figures = in_process(PREFIX + code, folder, str(number))
                results.setdefault(name, []).append({**figures, "calls": api_calls(sandbox)})
        base = {key: statistics.median(run[key] for run in results["harvest"]) for key in ("wall", "cpu")}
        for name, runs in results.items():
            median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            print(
                f"{name:<12} {median['rows']:,.0f} rows, {median['wall']:.1f} s ({median['wall'] / base['wall']:.2f}), "
                f"CPU {median['cpu']:.1f} s ({median['cpu'] / base['cpu']:.2f}), {median['calls']:.0f} calls, peak {median['peak']:.0f} MB"
            )


PREFIX = """
import json, re, sys, time
from pathlib import Path
import boxnb
from boxnb.api import rate_limit
rate_limit.LIMITS["general"] = rate_limit.Limit(10_000_000)
box = boxnb.connect("bench")
folder = sys.argv[1]
def done(rows, started, cpu):
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    print(json.dumps({"rows": rows, "wall": time.perf_counter() - started, "cpu": time.process_time() - cpu, "peak": peak}))
def pages():
    position = "0"
    while True:
        page = box.get("/events", stream_type="admin_logs", stream_position=position, limit=500)
        if not page["entries"]:
            return
        yield page["entries"]
        position = page["next_stream_position"]
"""
CONTENDERS = {
    "dataset": """
started, cpu = time.perf_counter(), time.process_time()
events = box.events(since="366D")
boxnb.export.to_parquet(events, folder + "/events.parquet")
done(len(events), started, cpu)
""",
    "harvest": """
started, cpu = time.perf_counter(), time.process_time()
harvest = box.harvest("events", since="366D", name="compare" + sys.argv[2]).run()
done(int(harvest.sql("SELECT count(*) AS n FROM harvest")["n"].iloc[0]), started, cpu)
""",
    "deltalake": """
import pyarrow as pa
from deltalake import write_deltalake
from boxnb.frames import schema, Table
started, cpu, rows, waiting = time.perf_counter(), time.process_time(), 0, []
for number, entries in enumerate(pages()):
    table = Table(schema.EVENTS)
    table.add(json.dumps({"entries": entries}).encode())
    rows += len(entries)
    write_deltalake(folder + "/delta", table.arrow(), mode="append")
done(rows, started, cpu)
""",
    "dlt": """
import os
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
import dlt
started, cpu = time.perf_counter(), time.process_time()
@dlt.resource(name="events", primary_key="event_id", write_disposition="append", max_table_nesting=1)
def events():
    for entries in pages():
        yield entries
pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=dlt.destinations.filesystem("file://" + folder + "/out"), dataset_name="box")
pipeline.run(events(), loader_file_format="parquet")
done(sum(pipeline.last_trace.last_normalize_info.row_counts.get(name, 0) for name in ("events",)), started, cpu)
""",
}


class enterprise(ExitStack):  # noqa: N801  used like a function
    """A sandbox of the sizes in the options, with a Box signed in to it."""

    def __init__(self, options: argparse.Namespace, *, limits: str = "off", **sizes: int) -> None:
        super().__init__()
        wanted = {name: getattr(options, name) for name in ("users", "folders", "files", "events")} | sizes
        self._wanted, self._limits = wanted, limits

    def __enter__(self) -> tuple[Any, boxnb.Box]:  # type: ignore[override]
        """Start the sandbox."""
        home = self.enter_context(tempfile.TemporaryDirectory())
        os.environ["BOXNB_HOME"] = home
        sandbox = boxnb.sandbox.start(private=True, world="large", limits=self._limits, **self._wanted)
        self.enter_context(sandbox)
        sandbox.clock.freeze() if self._limits == "off" else None
        sign_in(sandbox, "bench")
        sign_in(sandbox, "acme")
        return sandbox, boxnb.connect("acme")


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["kills", "memory", "limit", "workers", "compare"])
    for name, value in {"users": 3, "folders": 8_130, "files": 326_000, "events": 1_000_000}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--factor", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what != "limit":
        rate_limit.LIMITS["general"] = rate_limit.Limit(10_000_000)
    measures: dict[str, Callable[[argparse.Namespace], None]] = {
        "memory": memory,
        "limit": limit,
        "workers": workers,
        "compare": compare,
    }
    if options.what != "kills":
        measures[options.what](options)
        return
    with enterprise(options) as (sandbox, box):
        kills(sandbox, box, options)


if __name__ == "__main__":
    main()
