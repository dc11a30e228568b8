"""A lesson whose sandbox has stopped reports it in one line and names the cells to run again."""

from __future__ import annotations

import pytest

from boxnb.errors import SandboxError
from boxnb.labs.practice import STOPPED, Practice


def test_a_stopped_sandbox_is_named_as_the_cause() -> None:
    """After idle hours or a kill, the message does not blame the network, and requests does not show a traceback."""
    with Practice() as practice:
        token = practice.sign_in()
        practice.sandbox.stop()
        with pytest.raises(SandboxError, match="has stopped"):
            practice.me(token)
        practice.attempt("Who am I?", lambda: practice.me(token))
        assert practice.said == [f"Who am I?: {STOPPED}"]
