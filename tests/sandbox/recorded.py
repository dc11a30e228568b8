"""Validate every response that the sandboxes sent in a test run against Box's OpenAPI description.

The sandboxes record the responses (`boxnb.sandbox.server.answer_log`). `tests/conftest.py` switches that on and calls
`check` after the last test.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from . import spec

# Faults whose responses are invalid on purpose.
INVALID_ON_PURPOSE = {"502", "html", "truncated", "content_type"}
MAX_SHOWN = 20


@dataclass
class Result:
    """The result of a check."""

    responses: int = 0
    faults: int = 0
    invalid_on_purpose: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, other: Result) -> None:
        """Add the result of another process."""
        self.responses += other.responses
        self.faults += other.faults
        self.invalid_on_purpose += other.invalid_on_purpose
        self.statuses += other.statuses
        self.operations |= other.operations
        self.problems += other.problems

    def lines(self) -> Iterator[str]:
        """Yield the lines for the terminal."""
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        yield (
            f"{self.responses} responses of {len(self.operations)} operations validated against Box's OpenAPI description "
            f"({counts}; {self.faults} under a fault); {self.invalid_on_purpose} invalid on purpose were skipped"
        )
        for problem, count in self.problems.most_common(MAX_SHOWN):
            yield f"{count} times: {problem}"


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the responses that one process wrote, without a last line that a kill cut off."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def content_of(folder: Path, line: dict[str, Any]) -> bytes:
    """Return the body of a response."""
    if "file" in line:
        return (folder / line["file"]).read_bytes()
    body: str = line["body"]
    return body.encode()


def check(folder: Path) -> Result:
    """Check all responses written to a folder, in several processes."""
    paths = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_size)
    workers = min(os.cpu_count() or 1, 8)
    shares = [paths[number::workers] for number in range(workers)]
    total = Result()
    if sum(path.stat().st_size for path in paths) < 1_000_000:
        total.add(check_files(folder, paths))
        return total
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for result in pool.map(check_files, [folder] * workers, shares):
            total.add(result)
    return total


def check_files(folder: Path, paths: list[Path]) -> Result:
    """Check what some processes wrote. Identical responses to the same request are checked once."""
    result = Result()
    problems_by_key: dict[bytes, list[str]] = {}
    for path in paths:
        for line in lines_of(path):
            if line["fault"] in INVALID_ON_PURPOSE:
                result.invalid_on_purpose += 1
                continue
            result.responses += 1
            result.faults += line["fault"] is not None
            result.statuses[line["status"]] += 1
            shape = spec.name_of(line["method"], spec.box_path(line["path"]) or line["path"])
            if line["status"] < 400:
                result.operations.add(shape)
            exchange = json.dumps([shape, line["status"], line["type"], line.get("file"), line.get("body")])
            key = hashlib.sha256(exchange.encode()).digest()
            if key not in problems_by_key:
                problems_by_key[key] = list(problems(folder, line))
            for problem in problems_by_key[key]:
                result.problems[f"{shape} {line['status']}: {problem}"] += 1
    return result


def problems(folder: Path, line: dict[str, Any]) -> list[str]:
    """Return what is wrong with one response."""
    path = spec.box_path(line["path"])
    if path is None:
        return []
    if line["status"] == 500 and line["fault"] != "500":
        return ["the sandbox broke"]
    return spec.violations_of(
        line["method"].lower(), path, line["status"], line["type"], content_of(folder, line)
    )
