"""A lesson's own practice Box, once it has stopped: one line, and what to run again."""

from __future__ import annotations

import pytest

from boxnb.errors import SandboxError
from boxnb.labs.practice import STOPPED, Practice


def test_a_practice_box_that_has_stopped_says_so() -> None:
    """After hours of no use, or a kill: not the network, and no traceback of requests."""
    with Practice() as practice:
        token = practice.sign_in()
        practice.sandbox.stop()
        with pytest.raises(SandboxError, match="has stopped"):
            practice.me(token)
        practice.attempt("asks who it is", lambda: practice.me(token))
        assert practice.said == [f"asks who it is: {STOPPED}"]
