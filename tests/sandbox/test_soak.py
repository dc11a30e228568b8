"""A small soak test; the full one is `python tests/bench/soak.py`."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from bench.soak import Soak

from boxnb.sandbox.server.company.state import NOT_PRUNED

from .conftest import Starter


@pytest.mark.parametrize("rotation", ["grace", "strict"])
def test_memory_and_open_files_do_not_grow(start_sandbox: Starter, rotation: str) -> None:
    """Memory and open files stay flat during refreshes and calls."""
    with start_sandbox(limits="off", rotation=rotation) as sandbox:
        soak = Soak(sandbox, rotation == "strict")
        soak.run(refreshes=200, calls=1500)
        print([(sample.memory, sample.files) for sample in soak.samples])
        assert soak.growth() < 1.1
        assert soak.more_files() <= 0
        assert not [status for status in soak.statuses if status.endswith(" 500")]


def test_all_but_the_newest_dead_pairs_are_deleted(start_sandbox: Starter) -> None:
    """The state keeps only the newest dead pairs."""
    with start_sandbox(limits="off") as sandbox:
        soak = Soak(sandbox)
        for number in range(1, NOT_PRUNED + 600):
            soak.refresh(number)
        path = sandbox.state / "sandbox.sqlite"
    with sqlite3.connect(path) as db:
        rows: list[Any] = db.execute("SELECT dead, count(*) FROM pairs GROUP BY dead").fetchall()
    db.close()
    counts = dict(rows)
    assert counts[""] == 1
    assert NOT_PRUNED <= counts["rotated"] < NOT_PRUNED + 600
