"""A transfer that is killed resumes where it was. Each test has its own sandbox, in which requests of killed processes end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from signing import sign_in
from test_transfer import BIG, only_row, sha1_of, write_file

import boxnb
from boxnb.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Start a sandbox without rate limits; they have their own tests."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state", limits="off") as private_sandbox:
        yield private_sandbox


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    sign_in(sandbox)
    return boxnb.connect("acme")


UPLOAD = """
import sys, boxnb
print(boxnb.connect("acme").upload(sys.argv[1]).loc[0, "action"])
"""


def run_and_kill(code: str, *arguments: str, when: Any) -> None:
    """Run Python code in a process and kill it when a condition is met."""
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as child:
        while not when():
            assert child.poll() is None, child.stdout.read() if child.stdout else ""
            time.sleep(0.02)  # asking without a pause would slow the transfer down
        os.kill(child.pid, signal.SIGKILL)


def sent_parts(sandbox: Sandbox) -> list[str]:
    return [call["path"] for call in sandbox.record() if call["method"] == "PUT" and call["status"] == 200]


def test_a_changed_file_is_uploaded_from_the_start(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The changed content is noticed even if size and modification time are the same."""
    file = write_file(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=2, method="PUT"
    ):
        run_and_kill(UPLOAD, str(file), when=lambda: len(sent_parts(sandbox)) >= 2)
    stamp = file.stat()
    write_file(file, BIG[::-1])
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert only_row(box.upload(file))["sha1"] == sha1_of(BIG[::-1])


def test_an_expired_session_is_replaced(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """Box ends an upload session after seven days."""
    file = write_file(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=1, method="PUT"
    ):
        run_and_kill(UPLOAD, str(file), when=lambda: len(sent_parts(sandbox)) >= 1)
    sandbox.clock.advance(8 * 86400)
    assert only_row(box.upload(file))["action"] == "uploaded"


def test_the_state_of_an_upload_is_private(box: boxnb.Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The file contains paths and a session but no token, and only its owner can read it."""
    file = write_file(tmp_path / "big.bin", BIG)
    with sandbox.faults.during(
        "/api/2.0/files/upload_sessions/*", "latency", seconds=5, skip=1, method="PUT"
    ):
        run_and_kill(UPLOAD, str(file), when=lambda: len(sent_parts(sandbox)) >= 1)
    [state] = (boxnb.store.home() / "transfers").glob("*.json")
    assert state.stat().st_mode & 0o777 == 0o600
    assert json.loads(state.read_text())["path"] == str(file)
    assert "token" not in state.read_text()


BENCH = Path(__file__).parents[1] / "bench" / "transfers.py"


def run_benchmark(*arguments: str) -> dict[str, Any]:
    """Return the results that a command of the benchmark prints."""
    process = subprocess.run(
        [sys.executable, str(BENCH), *arguments], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return dict(json.loads(process.stdout))


def test_a_large_file_survives_three_kills_each_way_in_little_memory() -> None:
    """The benchmark runs with 80 MB instead of 1 GB: same SHA-1, few parts sent twice, less than 200 MB of memory.

    All processes use one upload session, no state is left, each download keeps what a killed one received, and the file
    gets its name only once it is complete.
    """
    results = run_benchmark("large", "--megabytes", "80", "--kills", "3")
    assert results["same sha1"] and results["kills"] == 6 and results["files there"] == 1
    assert results["parts"] <= results["parts sent"] <= results["parts"] + 3 * 4
    assert results["upload sessions"] == 1 and results["states left"] == 0 and not results["named early"]
    assert results["bytes kept"]
    assert results["peak MB"] < 200


def test_many_small_files_survive_kills_and_network_errors() -> None:
    """The benchmark runs with 100 files instead of 2,000: none is missing, duplicated or has a second version."""
    results = run_benchmark("many", "--files", "100", "--kills", "2")
    assert results["each exactly once"] and results["correct content"] and results["second versions"] == 0
    assert (results["kills"], results["faults"]) == (2, 4) and {"429", "503"} <= set(results["statuses"])
