"""The sandbox's files on Windows, where another program may have one open. Simulated; *not run* on Windows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from windows import scan

from boxnb.sandbox import launch
from boxnb.sandbox.server import files, run
from boxnb.sandbox.server.company.blobs import Blobs


def test_a_file_that_another_program_reads_is_replaced_and_deleted_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client looks for the announcement while the sandbox starts and stops; a download reads what an upload replaces."""
    monkeypatch.setattr(files, "WINDOWS", True)
    announcement, blobs = tmp_path / "sandbox.json", Blobs(tmp_path)
    announcement.write_text(json.dumps({"key": "old"}), encoding="utf-8")
    blobs.put([b"content"])
    scanner = scan(monkeypatch)
    run.announce(announcement, {"key": "new"})
    run.withdraw(announcement, "new")
    assert not announcement.exists()
    sha1, size = blobs.put([b"content"])
    assert size == len(b"content") and scanner.refused >= {"sandbox.json", sha1}
    blobs.put_part("1", 0, b"part")
    blobs.drop_parts("1", [0])
    assert list(blobs.parts.iterdir()) == []


def test_an_announcement_that_stays_open_does_not_keep_the_sandbox_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL of a stopped sandbox does no harm, because its key is checked."""
    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    run.announce(tmp_path / "sandbox.json", {"key": "new"})
    scan(monkeypatch, refusals=10**9)
    run.withdraw(tmp_path / "sandbox.json", "new")


def test_the_sandbox_opens_no_window_on_windows() -> None:
    """``DETACHED_PROCESS`` (8) would: the ``python.exe`` of a virtual environment starts another process."""
    assert launch._detached("win32") == {"creationflags": 0x08000200}
    assert launch._detached("linux") == launch._detached("darwin") == {"start_new_session": True}


WITH_IPV6 = """
import sys
from boxnb.sandbox import __main__
from boxnb.sandbox.server import files
files.WINDOWS = True
sys.exit(__main__.main())
"""


def test_localhost_does_not_have_to_wait_for_ipv6_to_be_refused(tmp_path: Path) -> None:
    """On Windows, a client that connects to ``localhost`` tries ::1 first, and is refused after two seconds."""
    if run.bind_ipv6(0) is None:
        pytest.fail("This computer does not have ::1, so the test cannot run.")
    child = subprocess.Popen(
        [sys.executable, "-c", WITH_IPV6, "--state", str(tmp_path / "state"), "--idle", "60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    port = child.stdout.readline().strip().rpartition(":")[2]
    for host in ("127.0.0.1", "[::1]"):
        assert requests.get(f"http://{host}:{port}/2.0/users/me", timeout=10).status_code == 401
    child.terminate()
    child.wait(30)
    child.stdout.close()


def test_a_temporary_folder_is_not_in_use_when_it_is_deleted(tmp_path: Path) -> None:
    """Windows deletes neither a process's current folder nor its open log."""
    folder = tmp_path / "state"
    folder.mkdir()
    code = (
        "import os, pathlib, sys; from boxnb.sandbox.server import run; folder = pathlib.Path(sys.argv[1])\n"
        "log = os.fstat(1).st_ino; run.leave(folder)\n"
        "sys.exit(pathlib.Path.cwd() == folder or log in (os.fstat(1).st_ino, os.fstat(2).st_ino))"
    )
    with (folder / "server.log").open("wb") as log:
        child = subprocess.run(
            [sys.executable, "-c", code, str(folder)], stdout=log, stderr=log, cwd=folder, check=False
        )
    assert child.returncode == 0
