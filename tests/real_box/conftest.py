"""A changed Box for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changed_box import ChangedBox, changed
from sandbox_shapes import sandbox_answers

import boxnb


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ChangedBox]]:
    """A sandbox and the server in front of it."""
    state = tmp_path_factory.mktemp("changed")
    with boxnb.sandbox.start(private=True, state=state, limits="off") as sandbox, changed(sandbox) as box:
        yield sandbox, box


@pytest.fixture
def box(running: tuple[Any, ChangedBox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ChangedBox:
    """A changed Box with a saved sign-in, which is not changed yet."""
    sandbox, box = running
    monkeypatch.chdir(tmp_path)
    box.change = lambda exchange: None
    box.sign_in(sandbox)
    box.calls.clear()
    sandbox.record(clear=True)
    return box


@pytest.fixture
def answers() -> Any:
    """The answers of a sandbox to the reads of the contract."""
    return sandbox_answers()
