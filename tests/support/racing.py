"""Let many processes with many threads use one sign-in. ``python tests/support/racing.py 200`` runs 200 rounds."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

THREADS = 4
PROCESSES = 8


def racer() -> None:
    """For each line on standard input, make one call per thread and print the errors."""
    import boxnb

    boxes = [boxnb.connect("acme") for _ in range(THREADS)]

    def call(box: boxnb.Box) -> str:
        try:
            item_type = box.get("/users/me")["type"]
        except Exception as error:  # noqa: BLE001  any error is a result of the race
            return repr(error)
        return "" if item_type == "user" else str(item_type)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in sys.stdin:
            print(json.dumps([error for error in pool.map(call, boxes) if error]), flush=True)


def race(sandbox: Any, rounds: int) -> list[str]:
    """Expire the token before each round, let all threads make their calls in parallel, and return the errors."""
    errors: list[str] = []
    with ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, "racer"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        for _ in range(rounds):
            sandbox.clock.advance(7200)
            for process in racers:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in racers:
                assert process.stdout is not None
                errors += json.loads(process.stdout.readline())
        for process in racers:
            assert process.stdin is not None
            process.stdin.close()
    return errors


def main(rounds: int) -> None:
    """Run a full race on a new sandbox with a new home folder, and print the result."""
    import os
    import tempfile
    import time

    from signing import sign_in

    import boxnb.sandbox

    with tempfile.TemporaryDirectory() as home:
        os.environ["BOXNB_HOME"] = home
        with boxnb.sandbox.start(private=True, limits="off") as sandbox:
            sign_in(sandbox)
            started = time.perf_counter()
            errors = race(sandbox, rounds)
            seconds = time.perf_counter() - started
            saved = boxnb.store.load("acme")
            rotations = saved.generation if saved is not None else -1
    print(
        f"{PROCESSES} processes x {THREADS} threads x {rounds} expiries: {len(errors)} errors, "
        f"{rotations} rotations, {seconds:.0f} s"
    )
    for error in sorted(set(errors)):
        print(error)
    sys.exit(bool(errors) or rotations != rounds)


if __name__ == "__main__":
    if sys.argv[1:] == ["racer"]:
        racer()
    else:
        main(int(sys.argv[1]))
