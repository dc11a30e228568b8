"""A sign-in flow on a sandbox of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from boxnb.oauth import Client
from boxnb.signin.flow import SignInFlow


class Watched:
    """A flow, with a way to wait for a state of it without sleeping."""

    def __init__(self, **options: Any) -> None:
        self._changed = threading.Condition()
        self.flow = SignInFlow("lab", on_change=self._note, **options)

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, test: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the snapshot passes a test, and return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: test(self.flow.snapshot()), timeout=20), (
                self.flow.snapshot()
            )
        return self.flow.snapshot()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Return a function that starts flows. They stop listening when the test ends."""
    started: list[Watched] = []

    def make(**options: Any) -> Watched:
        started.append(Watched(**options))
        started[-1].flow.start()
        return started[-1]

    yield make
    for watched in started:
        watched.flow.close()


@pytest.fixture
def watched(watch: Callable[..., Watched], client: Client) -> Watched:
    """A started flow that knows the practice app."""
    return watch(client=client)
