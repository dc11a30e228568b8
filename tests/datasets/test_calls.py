"""The cost of each dataset: no more calls than Box's page sizes require."""

from __future__ import annotations

from pathlib import Path

import pytest
from calls import count_calls, table
from signing import sign_in

import boxnb.sandbox
from boxnb.api import ledger, rate_limit
from boxnb.api.ledger import Ledger
from boxnb.signin.account import remember_account

SPARE = {
    "tree": 2,  # a walk of more than a hundred folders also looks for changes
    "events, streaming": 3,  # like Box, the sandbox returns short pages
    "events, a day": 1,
    "events, a year": 16,  # short pages, and half a page for each subrange
}


def test_every_dataset_needs_the_fewest_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every dataset uses the largest pages; the server counts the calls."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as sandbox:
        sign_in(sandbox)
        remember_account("acme")
        counts = list(count_calls(boxnb.connect("acme"), sandbox))
    print(table(counts))
    for cost in counts:
        assert cost.fewest <= cost.calls <= cost.fewest + SPARE.get(cost.dataset, 0), cost


def test_a_call_is_counted_in_its_own_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call counts in the month in which it was made, even if that month ends before the call is saved."""
    book = Ledger(tmp_path / "acme.json")
    for month in ("2026-11", "2026-11", "2026-12"):
        monkeypatch.setattr(ledger, "_month", lambda month=month: month)
        book.note("GET /2.0/users", 200, 1.0, 10, repeat=False)
    assert book.month()["calls"].tolist() == [1]
    monkeypatch.setattr(ledger, "_month", lambda: "2026-11")
    assert book.month()["calls"].tolist() == [2]
