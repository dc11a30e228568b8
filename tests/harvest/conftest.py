"""A Box whose clock stands still, and a small generated enterprise, for the tests of harvests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from signing import sign_in

import boxnb
import boxnb.sandbox
from boxnb.api import rate_limit
from boxnb.sandbox import Sandbox


@pytest.fixture
def box(free: Sandbox) -> boxnb.Box:
    """Return a Box whose clock does not move by itself. Modules with `little` replace it."""
    free.clock.freeze()
    sign_in(free)
    return boxnb.connect("acme")


@pytest.fixture
def sizes() -> dict[str, int]:
    """Return the sizes of `little`. Modules replace them."""
    return {"users": 8, "folders": 120, "files": 900, "events": 300}


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int]) -> Iterator[Sandbox]:
    """Yield a sandbox with a generated enterprise, without rate limits."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    with boxnb.sandbox.start(
        private=True, state=tmp_path / "little", limits="off", world="large", **sizes
    ) as running:
        running.clock.freeze()
        yield running
