"""Many processes with many threads on one sign-in; as a script: ``python tests/faults/racing.py 200`` rounds."""

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
    """One process: for each line it is sent, every thread makes one call; answers with what went wrong."""
    import boxnb

    boxes = [boxnb.connect("acme") for _ in range(THREADS)]

    def call(box: boxnb.Box) -> str:
        try:
            found = box.get("/users/me")["type"]
        except Exception as error:  # noqa: BLE001  whatever it is, it is what the race is about
            return repr(error)
        return "" if found == "user" else str(found)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in sys.stdin:
            print(json.dumps([text for text in pool.map(call, boxes) if text]), flush=True)


def race(sandbox: Any, rounds: int) -> list[str]:
    """Expire the token before each round, let all call at once; everything that went wrong."""
    wrong: list[str] = []
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
            for each in racers:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            for each in racers:
                assert each.stdout is not None
                wrong += json.loads(each.stdout.readline())
        for each in racers:
            assert each.stdin is not None
            each.stdin.close()
    return wrong


def main(rounds: int) -> None:
    """One full race on a sandbox and a home of its own, with its result printed."""
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
            wrong = race(sandbox, rounds)
            seconds = time.perf_counter() - started
            saved = boxnb.store.load("acme")
            rotations = saved.generation if saved is not None else -1
    print(
        f"{PROCESSES} processes x {THREADS} threads x {rounds} expiries: {len(wrong)} errors, "
        f"{rotations} rotations, {seconds:.0f} s"
    )
    for text in sorted(set(wrong)):
        print(text)
    sys.exit(bool(wrong) or rotations != rounds)


if __name__ == "__main__":
    if sys.argv[1:] == ["racer"]:
        racer()
    else:
        main(int(sys.argv[1]))
