"""Give each test its own home folder, block connections beyond loopback, and stop the servers that the test started.

At the end of the test session, every response of every sandbox is validated against Box's OpenAPI description.
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

import documented
import linux_only
import measuring
import pytest
from hypothesis import HealthCheck, settings

import boxnb
from boxnb import secret
from boxnb.api import rate_limit
from boxnb.oauth import Client, Server

# On a busy computer, generating examples is slow. That says nothing about the code under test.
settings.register_profile("boxnb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("boxnb")

RECORD_FOLDER = "BOXNB_SANDBOX_EXCHANGES"  # names the folder in which sandboxes record their responses
JUPYTER = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
FOLDER: pytest.StashKey[Path] = pytest.StashKey()
RESULT: pytest.StashKey[Any] = pytest.StashKey()
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def pytest_configure(config: pytest.Config) -> None:
    """Make all sandboxes of this session, including those of notebooks and kernels, record their responses."""
    # Workers use the folder of the main process.
    if RECORD_FOLDER not in os.environ and not hasattr(config, "workerinput"):
        os.environ[RECORD_FOLDER] = tempfile.mkdtemp(prefix="boxnb-responses-")
        config.stash[FOLDER] = Path(os.environ[RECORD_FOLDER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that cannot run on this system, and say why."""
    for item in items:
        file = item.path.relative_to(Path(__file__).parent).as_posix()
        if why := linux_only.reason(file, getattr(item, "originalname", item.name)):
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the test session if a response does not match the OpenAPI description."""
    folder = session.config.stash.get(FOLDER, None)
    if folder is None or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    from sandbox import recorded

    result = session.config.stash[RESULT] = recorded.check(folder)
    if result.problems:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a summary of the checked responses."""
    result = config.stash.get(RESULT, None)
    if result is not None and result.responses:
        terminalreporter.section("responses of the sandbox", red=bool(result.problems))
        for line in result.lines():
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the recorded responses."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None:
        os.environ.pop(RECORD_FOLDER, None)
        shutil.rmtree(folder, ignore_errors=True)  # a sandbox may still be writing if its test was killed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield this test's own home folder. The sandbox that uses it stops at the end of the test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BOXNB_HOME", str(folder))
    for name in JUPYTER:
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    yield folder
    monkeypatch.setenv("BOXNB_HOME", str(folder))
    if (folder / "sandbox.json").exists():
        boxnb.sandbox.stop()


@pytest.fixture(autouse=True)
def secrets_of_other_tests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget a test's secrets when it ends. Otherwise, later messages would redact a password such as ``token``."""
    monkeypatch.setattr(secret, "_known", dict(secret._known))


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any test that connects to another computer, and name that computer."""
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
    """Yield a sandbox that only this test uses, with its own process, port, state and clock."""
    with boxnb.sandbox.start(private=True, state=tmp_path / "state") as running:
        yield running


@pytest.fixture
def client(sandbox: Any) -> Client:
    """Return the practice app of this test's sandbox."""
    return Client(**sandbox.practice_client(), server=Server(**sandbox.server()))


@pytest.fixture
def free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a sandbox without rate limits, and raise boxnb's own limit so that no call waits."""
    monkeypatch.setitem(rate_limit.LIMITS, "general", rate_limit.Limit(1_000_000))
    with boxnb.sandbox.start(private=True, state=tmp_path / "free", limits="off") as running:
        yield running


@pytest.fixture(scope="module")
def untraced() -> Iterator[None]:
    """Pause the measurement of coverage, for modules that repeat for minutes what other modules measure as well."""
    with measuring.paused():
        yield


@pytest.fixture(scope="session")
def documentation(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the built documentation."""
    own = tmp_path_factory.getbasetemp()
    return documented.built_in(own if worker_id == "master" else own.parent)
