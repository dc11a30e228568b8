"""Let eight processes use one saved server. ``python tests/support/racing_servers.py NAME PATH`` starts them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from in_step import PROCESSES, lead, processes

__all__ = ["ONE_ROW", "PROCESSES", "ROUNDS", "race"]

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


def racer(name: str, path: str) -> Callable[[], str]:
    """Return a function that makes one call, and returns the error or an empty string."""
    from boxnb import servers

    http = servers.connect(name)

    def call() -> str:
        try:
            http.get_json(path, **ONE_ROW[name])
        except Exception as error:  # noqa: BLE001  any error is a result of the race
            return repr(error)
        return ""

    return call


def race(expire: Callable[[], object], name: str, path: str = "", *, rounds: int = ROUNDS) -> list[str]:
    """Call ``expire`` before each round, let all processes call in parallel, and return the errors."""
    from practice_servers import LISTINGS

    errors: list[str] = []
    with processes(__file__, name, path or LISTINGS[name]) as do_round:
        for _ in range(rounds):
            expire()
            errors += do_round()
    return [error for error in errors if error]


if __name__ == "__main__":
    import boxnb.servers.session  # noqa: F401  before the processes are forked

    lead(racer, *sys.argv[1:])
