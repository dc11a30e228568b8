"""The facts about a run that its report shows: how it ended, what it did, and where its files are. `one_run` sets them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Literal, Protocol


class Outcome(Protocol):
    """The attributes of :class:`boxnb.runs.Run` that its run report shows."""

    name: str
    host: str
    started: datetime.datetime
    seconds: float
    outcome: Literal["SUCCESS", "WARNING", "ERROR"]
    problem: str
    rows: int
    files: list[Path]
    facts: dict[str, Any]
    undelivered: list[str]

    @property
    def log_file(self) -> Path | None:
        """The path of the log; None if it could not be written."""

    @property
    def calls(self) -> int:
        """The number of HTTP calls so far."""

    @property
    def warnings(self) -> list[str]:
        """The warnings so far."""

    @property
    def lines(self) -> list[str]:
        """The log so far, redacted."""
