"""Measure the rate limiter against an enforced limit, in real time: ``python tests/bench/limits.py`` (15 minutes).

The sandbox returns 429 beyond 1,000 calls per minute, counted in a rolling minute or in a token bucket. The parts are 5,500
calls of one user from eight threads, ten calls with and without the rate limiter, and two kernels of one profile (see
``--help``). The *server* records all figures: when each call arrived, and the status of its response.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

from signing import sign_in  # noqa: E402

import boxnb.sandbox  # noqa: E402
from boxnb.api import rate_limit  # noqa: E402

PER_MINUTE = 990
THREADS = 8
PER_KERNEL = """
import boxnb
from concurrent.futures import ThreadPoolExecutor
box = boxnb.connect("bench")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: box.session.get("/users/me", params={"fields": "id"}).status_code, range(%d)))
"""


def api_calls(sandbox: Any) -> list[dict[str, Any]]:
    """Return the API calls that the server recorded."""
    return [call for call in sandbox.record() if call["path"].startswith("/2.0/")]


def busiest(calls: list[dict[str, Any]]) -> int:
    """Return the largest number of calls in any sixty seconds."""
    times = sorted(call["time"] for call in calls)
    first, largest = 0, 0
    for last, moment in enumerate(times):
        while times[first] <= moment - 60:
            first += 1
        largest = max(largest, last - first + 1)
    return largest


def show(title: str, calls: list[dict[str, Any]], count: int) -> None:
    """Print the time compared with the minimum at 990 calls per minute, and how many calls were refused."""
    times = [call["time"] for call in calls]
    seconds = max(times) - min(times)
    allowed = (count - 1) // PER_MINUTE * 60  # the last calls may be sent when their minute starts
    refused = sum(call["status"] == 429 for call in calls)
    excess = f"{seconds / allowed - 1:+.1%}" if allowed else "-"
    print(
        f"{title:<28}{len(calls):>7} calls {seconds:>7.1f} s, 990 per minute allow {allowed:>4} s: {excess:>6}; "
        f"{refused} got 429 ({refused / len(calls):.2%}); at most {busiest(calls)} in 60 s",
        flush=True,
    )


def many(policy: str, count: int) -> None:
    """Make calls from eight threads, as fast as the rate limiter allows."""
    with boxnb.sandbox.start(private=True, limits=policy) as sandbox:
        sign_in(sandbox, "bench")
        box = boxnb.connect("bench")
        sandbox.record(clear=True)

        def call(_: int) -> int:
            return box.session.get("/users/me", params={"fields": "id"}).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            succeeded = list(pool.map(call, range(count))).count(200)
        show(f"{policy}, {count} calls", api_calls(sandbox), count)
        print(f"{'':<28}{succeeded} got 200")


def ten() -> None:
    """Measure what the rate limiter itself costs, with ten calls one after another."""
    with boxnb.sandbox.start(private=True, limits="rolling") as sandbox:
        sign_in(sandbox, "bench")
        box = boxnb.connect("bench")
        box.get("/users/me")
        times_of: dict[str, list[float]] = {"with the limiter": [], "without": []}
        real = type(box.session)._limits_for
        for _ in range(20):
            for name, times in times_of.items():
                type(box.session)._limits_for = real if name != "without" else lambda *_: []  # type: ignore[assignment, method-assign, return-value]
                started = time.perf_counter()
                for _ in range(10):
                    box.get("/users/me")
                times.append(time.perf_counter() - started)
        type(box.session)._limits_for = real  # type: ignore[method-assign]
        for name, times in times_of.items():
            print(
                f"ten calls {name:<18}{statistics.median(times) * 1000:>7.1f} ms (median of 20, interleaved)"
            )
        file = Path(os.environ["BOXNB_HOME"]) / "probe" / "pace"
        pacer = rate_limit.Pacer(file, rate_limit.Limit(PER_MINUTE))
        started = time.perf_counter()
        waited = sum(pacer.wait() for _ in range(900))
        microseconds = (time.perf_counter() - started) / 900 * 1e6
        print(
            f"{'one of 990 calls, alone':<28}{microseconds:>7.0f} us; waited {waited:.1f} s for the first 900"
        )


def kernels(policy: str, count: int) -> None:
    """Measure two Jupyter kernels that use one profile and share its limit."""
    with boxnb.sandbox.start(private=True, limits=policy) as sandbox:
        sign_in(sandbox, "bench")
        sandbox.record(clear=True)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        pairs = [start_new_kernel(kernel_name="python3", env=env) for _ in range(2)]
        try:
            sent = [kernel.execute(PER_KERNEL % count) for _, kernel in pairs]
            for (_, kernel), message_id in zip(pairs, sent, strict=True):
                reply: dict[str, Any] = {"parent_header": {}}
                while reply["parent_header"].get("msg_id") != message_id:
                    reply = kernel.get_shell_msg(timeout=1200)
                if reply["content"]["status"] != "ok":
                    raise SystemExit(reply["content"].get("evalue"))
        finally:
            for manager, kernel in pairs:
                kernel.stop_channels()
                manager.shutdown_kernel(now=True)
        show(f"{policy}, two kernels", api_calls(sandbox), 2 * count)


def main() -> None:
    """Measure the parts from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5500)
    parser.add_argument("--policies", default="rolling,bucket")
    parser.add_argument("--parts", default="ten,many,kernels")
    options = parser.parse_args()
    parts = options.parts.split(",")
    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        if "ten" in parts:
            ten()
        for policy in options.policies.split(","):
            if "many" in parts:
                many(policy, options.calls)
                for file in (Path(home) / "pace").glob("*"):
                    file.unlink()  # the next policy starts with an unused limit
            if "kernels" in parts:
                kernels(policy, 1500)
                for file in (Path(home) / "pace").glob("*"):
                    file.unlink()


if __name__ == "__main__":
    main()
