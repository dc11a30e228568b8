"""Files on Windows: another program may have one open, and binary files need a flag. Simulated; *not run* on Windows."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from windows import scan

import boxnb
from boxnb import export, oauth, store
from boxnb.api import ledger
from boxnb.api.rate_limit import Limit, Pacer
from boxnb.cli import notebook_copies
from boxnb.errors import ExportError
from boxnb.labs import passed_labs
from boxnb.local import private_files
from boxnb.oauth.token import Token
from boxnb.runs import run_history
from boxnb.secret import Secret
from boxnb.store import intent

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")
TOKEN = Token(Secret("access-0a1b2c3d"), Secret("refresh-0a1b2c3d"), obtained_at=1000.0, expires_in=3600.0)


def saved() -> store.Profile:
    profile = store.Profile("acme", CLIENT, TOKEN)
    store.save(profile)
    return profile


def save(_: Path) -> None:
    saved()
    assert store.load("acme") == store.Profile("acme", CLIENT, TOKEN)


def rename(_: Path) -> None:
    store.rename("acme", "acme-2")
    assert store.names() == ["acme-2"]


def delete(_: Path) -> None:
    store.delete("acme")
    assert store.names() == []


def journal(_: Path) -> None:
    file = store.path("acme")
    intent.begin(file, generation=1, fingerprint="3fa9", now=1.0)
    assert (intent.pending(file) or {})["generation"] == 1
    intent.end(file)
    assert not intent.path(file).exists()


def table(folder: Path) -> None:
    for number in (1, 2):
        export.to_csv(pd.DataFrame({"a": [number]}), folder / "a.csv")
    assert [path.name for path in folder.glob("*.csv")] == ["a.csv"]


def notebooks(folder: Path) -> None:
    for content in (b"old", b"new"):
        notebook_copies.copy({"a.ipynb": content}, folder, update=True)
    assert (folder / "a.ipynb").read_text() == "new"


def calls(folder: Path) -> None:
    for _ in range(2):
        ledger.Ledger(folder / "calls.json").remember("users", rows=1)
    assert ledger.Ledger(folder / "calls.json").recall("users") == {"rows": 1}


def labs(_: Path) -> None:
    for name in ("one", "two"):
        passed_labs.mark_passed(name)
    assert list(passed_labs.load()) == ["one", "two"]
    passed_labs.forget()
    assert passed_labs.load() == {}


@pytest.mark.parametrize("work", [save, rename, delete, journal, table, notebooks, calls, labs])
def test_a_file_that_a_virus_scanner_has_open_is_tried_again(
    work: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, such a file cannot be opened, replaced or deleted for a moment."""
    saved()
    scanner = scan(monkeypatch)
    work(tmp_path)
    assert scanner.refused


def test_a_file_that_stays_open_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook that is open in Excel is named as the cause, and a draft that cannot be deleted does not hide that."""
    export.to_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    scan(monkeypatch, refusals=10**9)
    monkeypatch.setattr(private_files, "PATIENCE", 0.1)
    with pytest.raises(
        ExportError, match=r"Cannot write .*a.csv \(Access is denied\)\. Close it if it is open"
    ):
        export.to_csv(pd.DataFrame({"a": [2]}), tmp_path / "a.csv")


def test_other_systems_report_a_refusal_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux and macOS, the permissions are wrong, and waiting does not help."""
    export.to_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    scan(monkeypatch)
    monkeypatch.setattr(private_files, "WINDOWS", False)
    begin = time.monotonic()
    with pytest.raises(ExportError, match="Access is denied"):
        export.to_csv(pd.DataFrame({"a": [2]}), tmp_path / "a.csv")
    assert time.monotonic() - begin < 1


def test_an_old_draft_that_is_open_does_not_prevent_a_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draft of a killed process is deleted by a later save."""
    profile = saved()
    draft = store.path("acme").with_name(".acme.json.1.0a1b2c3d")
    draft.write_text("{}", encoding="utf-8")
    os.utime(draft, (1, 1))
    scanner = scan(monkeypatch, refusals=1)
    store.save(profile)
    assert draft.exists() and draft.name in scanner.refused
    store.save(profile)
    assert not draft.exists()


def test_a_read_only_file_is_not_given_a_read_only_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, a read-only draft could be neither moved nor deleted."""
    file = tmp_path / "a.csv"
    export.to_csv(pd.DataFrame({"a": [1]}), file)
    file.chmod(0o444)
    monkeypatch.setattr(private_files, "WINDOWS", True)
    export.to_csv(pd.DataFrame({"a": [2]}), file)
    assert file.stat().st_mode & 0o200


@pytest.fixture
def text_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``os.write`` insert carriage returns unless the file was opened with ``O_BINARY``, as Windows does."""
    o_binary = 1 << 30
    binary: set[int] = set()
    real_open, real_write = os.open, os.write

    def open_file(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        descriptor = real_open(path, flags & ~o_binary, mode, **options)
        (binary.add if flags & o_binary else binary.discard)(descriptor)
        return descriptor

    def write(descriptor: int, content: bytes) -> int:
        real_write(descriptor, content if descriptor in binary else content.replace(b"\n", b"\r\n"))
        return len(content)

    monkeypatch.setattr(os, "O_BINARY", o_binary, raising=False)
    monkeypatch.setattr(private_files, "BINARY", o_binary)
    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "write", write)


@pytest.mark.usefixtures("text_mode")
def test_the_file_of_the_rate_limit_is_binary(tmp_path: Path) -> None:
    """A byte 10 in a number is not a line feed: otherwise, all numbers behind it would be wrong."""
    now = [1000.0]
    pacer = Pacer(tmp_path / "me", Limit(100), clock=lambda: now[0], sleep=lambda _: None)
    times = [1000.0 + 10 / 2**43, 1001.0, 1002.0]  # the first contains the byte 10
    for moment in times:
        now[0] = moment
        pacer.wait()
    assert pacer._read()[2] == times


@pytest.mark.usefixtures("text_mode")
def test_the_history_has_the_same_line_ends_everywhere() -> None:
    """The history of runs ends its lines with a line feed."""
    with boxnb.run("weekly"):
        pass
    assert b"\r" not in run_history.file().read_bytes()


def test_runs_that_end_together_do_not_overwrite_each_other_in_the_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Windows, a process goes to the end of the file and then writes; the other may write in between."""
    run_history.note(id="0", name="weekly")
    real_open, real_write = os.open, os.write
    both = threading.Barrier(2, timeout=0.5)

    def write_in_two_steps(descriptor: int, line: bytes) -> int:
        os.lseek(descriptor, 0, os.SEEK_END)
        with contextlib.suppress(threading.BrokenBarrierError):  # the other one waits for the lock
            both.wait()
        return real_write(descriptor, line)

    monkeypatch.setattr(private_files, "WINDOWS", True)
    monkeypatch.setattr(
        os, "open", lambda path, flags, *mode, **rest: real_open(path, flags & ~os.O_APPEND, *mode, **rest)
    )
    monkeypatch.setattr(os, "write", write_in_two_steps)
    threads = [
        threading.Thread(target=run_history.note, kwargs={"id": name, "name": "weekly"}) for name in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(run_history.history()["id"]) == {"0", "1", "2"}
