"""Measure the cost of a trace: calls from four threads, with and without it in turn, and the time to draw it.

python tests/bench/tracing.py
"""

from __future__ import annotations

import statistics
import threading
import time

import requests

from boxnb.labs.practice import Practice
from boxnb.labs.trace import diagram

RUNS, THREADS, CALLS = 5, 4, 50


def fetch(url: str, headers: dict[str, str]) -> None:
    """Make the calls of one thread."""
    with requests.Session() as http:
        for _ in range(CALLS):
            http.get(url, headers=headers, timeout=60).raise_for_status()


def seconds_of_all(url: str, headers: dict[str, str]) -> float:
    """Return the seconds that all threads take together."""
    threads = [threading.Thread(target=fetch, args=(url, headers)) for _ in range(THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def measure() -> tuple[float, float, float]:
    """Return the seconds without a trace, with one, and to draw it. Each measurement has a new sandbox with a full rate limit."""
    with Practice() as practice:
        token = practice.sign_in()
        url = f"{practice.client.server.api_url}/users/me"
        headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
        practice.trace.stop()
        untraced = seconds_of_all(url, headers)
        practice.trace.clear()
        practice.trace.start()
        traced = seconds_of_all(url, headers)
        practice.trace.stop()
        started = time.perf_counter()
        diagram.page(practice.trace.exchanges)
        return untraced, traced, time.perf_counter() - started


def main() -> None:
    """Print the figures."""
    untraced, traced, drawing = zip(*(measure() for _ in range(RUNS)), strict=True)
    ratio = statistics.median(traced) / statistics.median(untraced)
    print(f"{THREADS * CALLS} calls from {THREADS} threads, medians of {RUNS} (range)")
    for name, seconds in (("without a trace", untraced), ("with a trace", traced), ("drawing them", drawing)):
        print(f"  {name:<16}{statistics.median(seconds):6.3f} s ({min(seconds):.3f}-{max(seconds):.3f})")
    print(f"  the trace: {ratio:.2f}x")


if __name__ == "__main__":
    main()
