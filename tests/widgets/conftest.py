"""A flow and its panel on a practice Box of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from boxnb.oauth import Client, Server
from boxnb.signin.flow import SignInFlow


class Watched:
    """A flow, and a way to wait for what it comes to without sleeping."""

    def __init__(self, **options: Any) -> None:
        self._changed = threading.Condition()
        self.flow = SignInFlow("lab", on_change=self._note, **options)

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, test: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: test(self.flow.snapshot()), timeout=20), (
                self.flow.snapshot()
            )
        return self.flow.snapshot()


@pytest.fixture
def client(sandbox: Any) -> Client:
    return Client(**sandbox.practice_client(), server=Server(**sandbox.server()))


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Make flows that stop listening when the test ends."""
    made: list[Watched] = []

    def make(**options: Any) -> Watched:
        made.append(Watched(**options))
        made[-1].flow.start()
        return made[-1]

    yield make
    for each in made:
        each.flow.close()


@pytest.fixture
def watched(watch: Callable[..., Watched], client: Client) -> Watched:
    return watch(client=client)
