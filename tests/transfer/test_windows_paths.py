"""Paths on Windows: junctions, and paths that are too long. Simulated; *not run* on Windows."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from boxnb.errors import TransferError
from boxnb.local import private_files
from boxnb.transfer import results, sources
from boxnb.transfer.names import Places


def test_a_junction_is_a_link_with_every_version_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 cannot tell a junction from a folder by itself, and a file would be written where it leads."""
    (tmp_path / "down" / "sub").mkdir(parents=True)
    real = os.lstat

    def lstat(path: Any, **options: Any) -> Any:
        status = real(path, **options)
        tag = 0xA0000003 if Path(path).name == "sub" else 0
        return SimpleNamespace(st_mode=status.st_mode, st_reparse_tag=tag)

    monkeypatch.delattr(os.path, "isjunction", raising=False)
    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setattr(Path, "lstat", lambda path: lstat(path))
    assert sources.is_link(tmp_path / "down" / "sub") and not sources.is_link(tmp_path / "down")
    with pytest.raises(TransferError, match="does not write through links"):
        Places(tmp_path / "down").check(tmp_path / "down" / "sub")


def test_a_path_that_is_too_long_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says that the file does not exist. Deep folders in Box lead to such paths."""
    path = "C:\\Users\\ada\\" + "x" * 250
    error = FileNotFoundError(2, "No such file or directory", path)
    assert "Check its permissions" in results.reason(error)
    monkeypatch.setattr(private_files, "WINDOWS", True)
    assert "has 263 characters, and Windows allows 259 by default" in results.reason(error)
    for other in (
        FileNotFoundError(2, "No such file", "C:\\a"),
        PermissionError(13, "Access is denied", path),
    ):
        assert "Check its permissions" in results.reason(other)
