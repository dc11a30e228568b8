"""A changed Box for the tests of a module, and the reads of the sandbox that it is compared with, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changed_box import ChangedBox, changed

import boxnb
from boxnb.real_box import contract


@pytest.fixture(scope="module")
def reference() -> Any:
    """The answers of a sandbox of its own."""
    return contract.reference_run()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ChangedBox]]:
    """A sandbox and the server in front of it."""
    state = tmp_path_factory.mktemp("changed")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox, changed(sandbox) as box:
        yield sandbox, box


@pytest.fixture
def box(
    running: tuple[Any, ChangedBox], reference: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ChangedBox:
    """A changed Box with a saved sign-in. The reads of the sandbox that it is compared with are not made again."""
    sandbox, box = running
    monkeypatch.setattr(contract, "reference_run", lambda: reference)
    monkeypatch.chdir(tmp_path)
    box.change = lambda exchange: None
    box.sign_in(sandbox)
    box.calls.clear()
    sandbox.record(clear=True)
    return box
