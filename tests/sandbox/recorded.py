"""Holds every answer that the sandboxes of a test run gave against Box's OpenAPI description.

The sandboxes write them down (`boxnb.sandbox.server.answer_log`); `tests/conftest.py` asks for that and calls `check`
when all tests are done.
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

BROKEN = {"502", "html", "truncated", "content_type"}  # faults whose answers are wrong on purpose
MOST_SHOWN = 20


@dataclass
class Found:
    """What a check found."""

    answers: int = 0
    faults: int = 0
    broken: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Take in what another process found."""
        self.answers += other.answers
        self.faults += other.faults
        self.broken += other.broken
        self.statuses += other.statuses
        self.operations |= other.operations
        self.problems += other.problems

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        told = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        yield (
            f"{self.answers} answers of {len(self.operations)} operations held against Box's OpenAPI description "
            f"({told}; {self.faults} under a fault); {self.broken} broken on purpose were not"
        )
        for text, count in self.problems.most_common(MOST_SHOWN):
            yield f"{count} times: {text}"


def lines_of(place: Path) -> Iterator[dict[str, Any]]:
    """The answers that one process wrote; a last line that a kill cut off is none."""
    with place.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def content_of(folder: Path, line: dict[str, Any]) -> bytes:
    """The body of an answer."""
    if "file" in line:
        return (folder / line["file"]).read_bytes()
    text: str = line["body"]
    return text.encode()


def check(folder: Path) -> Found:
    """Check all answers written in a folder, with a process for each core."""
    every = sorted(folder.glob("*.jsonl"), key=lambda place: place.stat().st_size)
    workers = min(os.cpu_count() or 1, 8)
    hands = [every[number::workers] for number in range(workers)]
    whole = Found()
    if sum(place.stat().st_size for place in every) < 1_000_000:
        whole.add(check_files(folder, every))
        return whole
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for found in pool.map(check_files, [folder] * workers, hands):
            whole.add(found)
    return whole


def check_files(folder: Path, places: list[Path]) -> Found:
    """Check what some processes wrote; the same answer to the same question is looked at once."""
    found = Found()
    seen: dict[bytes, list[str]] = {}
    for place in places:
        for line in lines_of(place):
            if line["fault"] in BROKEN:
                found.broken += 1
                continue
            found.answers += 1
            found.faults += line["fault"] is not None
            found.statuses[line["status"]] += 1
            shape = spec.name_of(line["method"], spec.inner(line["path"]) or line["path"])
            if line["status"] < 400:
                found.operations.add(shape)
            text = json.dumps([shape, line["status"], line["type"], line.get("file"), line.get("body")])
            key = hashlib.sha256(text.encode()).digest()
            if key not in seen:
                seen[key] = list(problems(folder, line))
            for problem in seen[key]:
                found.problems[f"{shape} {line['status']}: {problem}"] += 1
    return found


def problems(folder: Path, line: dict[str, Any]) -> list[str]:
    """What is wrong with one answer."""
    inside = spec.inner(line["path"])
    if inside is None:
        return []
    if line["status"] == 500 and line["fault"] != "500":
        return ["the sandbox broke"]
    return spec.wrong(line["method"].lower(), inside, line["status"], line["type"], content_of(folder, line))
