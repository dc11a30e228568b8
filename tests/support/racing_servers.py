"""Let eight processes use one saved server. ``python tests/support/racing_servers.py racer NAME`` is one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

PROCESSES = 8
ROUNDS = int(os.environ.get("BOXNB_EXPIRIES", "20"))
"""How many times the tokens expire. 100 rounds take more than a minute for each kind of sign-in."""
ONE_ROW: dict[str, dict[str, int]] = {
    "jamf-client": {"page-size": 1},
    "jamf-login": {"page-size": 1},
    "uem-client": {"pagesize": 1},
    "uem-basic": {"pagesize": 1},
    "key": {"limit": 1},
    "independent": {},
}
"""Query parameters for a small page of each listing."""


def racer(name: str, path: str) -> None:
    """For each line on standard input, make one call and print the error, or an empty string."""
    from boxnb import servers

    http = servers.connect(name)
    for _ in sys.stdin:
        try:
            http.get_json(path, **ONE_ROW[name])
        except Exception as error:  # noqa: BLE001  any error is a result of the race
            print(json.dumps(repr(error)), flush=True)
        else:
            print('""', flush=True)


def race(expire: Callable[[], object], name: str, path: str = "", *, rounds: int = ROUNDS) -> list[str]:
    """Call ``expire`` before each round, let all processes call in parallel, and return the errors."""
    from practice_servers import LISTINGS

    errors: list[str] = []
    command = [sys.executable, __file__, "racer", name, path or LISTINGS[name]]
    with ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(PROCESSES)
        ]
        for _ in range(rounds):
            expire()
            for process in racers:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in racers:
                assert process.stdout is not None
                errors.append(json.loads(process.stdout.readline()))
        for process in racers:
            assert process.stdin is not None
            process.stdin.close()
    return [error for error in errors if error]


if __name__ == "__main__":
    racer(*sys.argv[2:])
