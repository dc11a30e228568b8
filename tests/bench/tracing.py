"""What a trace costs: calls of four threads with it and without it in turn, and how long its picture takes to draw.

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
    with requests.Session() as http:
        for _ in range(CALLS):
            http.get(url, headers=headers, timeout=60).raise_for_status()


def seconds_of_all(url: str, headers: dict[str, str]) -> float:
    threads = [threading.Thread(target=fetch, args=(url, headers)) for _ in range(THREADS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def measure() -> tuple[float, float, float]:
    """Seconds without a trace, with one, and of drawing it; a practice Box of its own, which allows so many calls."""
    with Practice() as practice:
        token = practice.sign_in()
        url = f"{practice.client.server.api_url}/users/me"
        headers = {"Authorization": f"Bearer {token.access_token.reveal()}"}
        practice.trace.stop()
        plain = seconds_of_all(url, headers)
        practice.trace.clear()
        practice.trace.start()
        traced = seconds_of_all(url, headers)
        practice.trace.stop()
        begun = time.perf_counter()
        diagram.page(practice.trace.exchanges)
        return plain, traced, time.perf_counter() - begun


def main() -> None:
    plain, traced, drawn = zip(*(measure() for _ in range(RUNS)), strict=True)
    ratio = statistics.median(traced) / statistics.median(plain)
    print(f"{THREADS * CALLS} calls of {THREADS} threads, medians of {RUNS} (range)")
    for name, seconds in (("without a trace", plain), ("with a trace", traced), ("drawing them", drawn)):
        print(f"  {name:<16}{statistics.median(seconds):6.3f} s ({min(seconds):.3f}-{max(seconds):.3f})")
    print(f"  the trace: {ratio:.2f}x")


if __name__ == "__main__":
    main()
