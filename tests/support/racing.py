"""Let many processes with many threads use one sign-in. ``python tests/support/racing.py 200`` runs 200 rounds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from in_step import PROCESSES, lead, processes

THREADS = 4


def racer() -> Callable[[], list[str]]:
    """Return a function that makes one call per thread, and returns the errors."""
    import boxnb

    boxes = [boxnb.connect("acme") for _ in range(THREADS)]
    pool = ThreadPoolExecutor(THREADS)

    def call(box: boxnb.Box) -> str:
        try:
            item_type = box.get("/users/me")["type"]
        except Exception as error:  # noqa: BLE001  any error is a result of the race
            return repr(error)
        return "" if item_type == "user" else str(item_type)

    return lambda: [error for error in pool.map(call, boxes) if error]


def race(sandbox: Any, rounds: int) -> list[str]:
    """Expire the token before each round, let all threads make their calls in parallel, and return the errors."""
    errors: list[str] = []
    with processes(__file__, "racer") as do_round:
        for _ in range(rounds):
            sandbox.clock.advance(7200)
            for found in do_round():
                errors += found
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
        import boxnb.box  # before the processes are forked

        lead(racer)
    else:
        main(int(sys.argv[1]))
