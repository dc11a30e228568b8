"""For every test: a home of its own, no address beyond loopback, and no server left behind.

For the whole run: every answer of every sandbox is held against Box's OpenAPI description at its end.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import boxnb
from boxnb import secret
from boxnb.api import rate_limit

# A machine that is busy is slow at making examples too, which is no fault of what is tested.
settings.register_profile("boxnb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("boxnb")

ANSWERS = "BOXNB_SANDBOX_EXCHANGES"  # where sandboxes write their answers down
JUPYTER = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
FOLDER: pytest.StashKey[Path] = pytest.StashKey()
FOUND: pytest.StashKey[Any] = pytest.StashKey()
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def pytest_configure(config: pytest.Config) -> None:
    """Ask all sandboxes of this run, those of notebooks and kernels too, to write down what they answer."""
    if ANSWERS not in os.environ and not hasattr(config, "workerinput"):  # workers write where the run does
        os.environ[ANSWERS] = tempfile.mkdtemp(prefix="boxnb-answers-")
        config.stash[FOLDER] = Path(os.environ[ANSWERS])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run in which an answer broke the description has failed."""
    folder = session.config.stash.get(FOLDER, None)
    if folder is None or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    from sandbox import recorded

    found = session.config.stash[FOUND] = recorded.check(folder)
    if found.problems:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was checked."""
    found = config.stash.get(FOUND, None)
    if found is not None and found.answers:
        terminalreporter.section("answers of the sandbox", red=bool(found.problems))
        for line in found.lines():
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Forget what was written down."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        os.environ.pop(ANSWERS, None)
        shutil.rmtree(folder, ignore_errors=True)  # a sandbox that a killed test left may still write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration folder of this test's own; the sandbox started from it ends with the test."""
    place = tmp_path / "home"
    monkeypatch.setenv("BOXNB_HOME", str(place))
    for name in JUPYTER:
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    yield place
    monkeypatch.setenv("BOXNB_HOME", str(place))
    if (place / "sandbox.json").exists():
        boxnb.sandbox.stop()


@pytest.fixture(autouse=True)
def secrets_of_other_tests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test whose password is ``token`` does not change the messages of the next test."""
    monkeypatch.setattr(secret, "_known", dict(secret._known))


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another computer fails, and says for which."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(real: Any) -> Any:
        def check(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
                raise AssertionError(f"A test tried to reach {address[0]}, which is not this computer.")
            return real(self, address)

        return check

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Any]:
    """A practice Box of this test's own: process, port, state and clock."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state") as running:
        yield running


@pytest.fixture
def free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A practice Box that counts no calls, and a kit that does not hold back."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    with boxnb.sandbox.start(private=True, state=tmp_path / "free", limits="off") as running:
        yield running
