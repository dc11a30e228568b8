"""For every test: a home of its own, no address beyond loopback, and no server left behind."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import boxnb

JUPYTER = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


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
