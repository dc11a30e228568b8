"""Simulate what Windows refuses: a file that a virus scanner has open cannot be opened, replaced or deleted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from boxnb.local import private_files


class Scanner:
    """A virus scanner that has each file open for its first operations.

    Attributes
    ----------
    refused : set of str
        The names of the files that it has refused so far.
    """

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.refused: set[str] = set()
        self._counts: dict[str, int] = {}

    def check(self, operation: str, path: object) -> None:
        """Refuse the first operations of a kind on a file."""
        name = os.fspath(path)  # type: ignore[call-overload]
        count = self._counts.setdefault(f"{operation} {name}", 0)
        self._counts[f"{operation} {name}"] += 1
        if Path(name).is_file() and count < self.refusals:
            self.refused.add(Path(name).name)
            raise PermissionError(13, "Access is denied", name)


def scan(monkeypatch: pytest.MonkeyPatch, *, refusals: int = 2) -> Scanner:
    """Return a scanner that is active until the end of the test."""
    scanner = Scanner(refusals)
    replace, unlink, rename, read_bytes = os.replace, os.unlink, os.rename, Path.read_bytes

    def guarded_move(real: Any) -> Any:
        def move(source: Any, target: Any, **options: Any) -> None:
            scanner.check("replace", source)
            scanner.check("replace", target)
            real(source, target, **options)

        return move

    def guarded_unlink(path: Any, **options: Any) -> None:
        scanner.check("delete", path)
        unlink(path, **options)

    def guarded_read(self: Path) -> bytes:
        scanner.check("read", self)
        return read_bytes(self)

    monkeypatch.setattr(private_files, "WINDOWS", True)
    monkeypatch.setattr(os, "replace", guarded_move(replace))
    monkeypatch.setattr(os, "rename", guarded_move(rename))
    monkeypatch.setattr(os, "unlink", guarded_unlink)
    monkeypatch.setattr(Path, "read_bytes", guarded_read)
    return scanner
