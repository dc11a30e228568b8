"""A sign-in flow with its own sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from boxnb.oauth import Client
from boxnb.signin.flow import SignInFlow


class WatchedFlow:
    """A flow whose states a test can await without sleeping."""

    def __init__(self, **options: Any) -> None:
        self._changed = threading.Condition()
        self.flow = SignInFlow("lab", on_change=self._note, **options)

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the snapshot meets a condition, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.flow.snapshot()), timeout=20), (
                self.flow.snapshot()
            )
        return self.flow.snapshot()


@pytest.fixture
def watch() -> Iterator[Callable[..., WatchedFlow]]:
    """Return a function that starts flows. They stop listening when the test ends."""
    started: list[WatchedFlow] = []

    def start(**options: Any) -> WatchedFlow:
        started.append(WatchedFlow(**options))
        started[-1].flow.start()
        return started[-1]

    yield start
    for watched in started:
        watched.flow.close()


@pytest.fixture
def watched(watch: Callable[..., WatchedFlow], client: Client) -> WatchedFlow:
    """A started flow that knows the practice app."""
    return watch(client=client)
