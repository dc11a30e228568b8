"""The keyring of Windows, with the package keyring itself and a Credential Manager in memory. *Not run* on Windows."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import keyring
import pytest

from boxnb import oauth, store
from boxnb.errors import ProfileNameError, TokenStoreError
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.store import files
from boxnb.store.mail_settings import MailSettings

CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback")


class CredentialError(Exception):
    """The error of pywin32."""

    def __init__(self, number: int, function: str) -> None:
        super().__init__(number, function)
        self.winerror, self.funcname = number, function


class CredentialManager(types.ModuleType):
    """The functions of Windows that keyring calls (wincred.h)."""

    CRED_TYPE_GENERIC, CRED_PERSIST_ENTERPRISE = 1, 3

    def __init__(self) -> None:
        super().__init__("win32cred")
        self.entries: dict[str, dict[str, Any]] = {}
        self.pause = threading.Event()  # makes the write of one entry wait until another has ended
        self.waits_for = ""

    def CredRead(self, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803
        """Return an entry."""
        if TargetName not in self.entries:
            raise CredentialError(1168, "CredRead")
        return dict(self.entries[TargetName])

    def CredWrite(self, credential: dict[str, Any], _flags: int) -> None:  # noqa: N802
        """Write an entry. Its secret is UTF-16, of at most 2,560 bytes."""
        blob = credential["CredentialBlob"].encode("utf-16-le")
        if len(blob) > 2560:
            raise CredentialError(1783, "CredWrite")
        if credential["UserName"] == self.waits_for and "@" not in credential["TargetName"]:
            self.pause.wait(10)
        self.entries[credential["TargetName"]] = {**credential, "CredentialBlob": blob}

    def CredDelete(self, Type: int, TargetName: str) -> None:  # noqa: N802, N803
        """Delete an entry."""
        if self.entries.pop(TargetName, None) is None:
            raise CredentialError(1168, "CredDelete")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[CredentialManager]:
    """Yield the Credential Manager that keyring uses."""
    manager, package = CredentialManager(), types.ModuleType("win32ctypes.pywin32")
    package.pywintypes = types.SimpleNamespace(error=CredentialError)  # type: ignore[attr-defined]
    package.win32cred = manager  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "win32ctypes", types.ModuleType("win32ctypes"))
    monkeypatch.setitem(sys.modules, "win32ctypes.pywin32", package)
    windows = importlib.reload(importlib.import_module("keyring.backends.Windows"))
    previous = keyring.get_keyring()
    keyring.set_keyring(windows.WinVaultKeyring())
    yield manager
    keyring.set_keyring(previous)


def profile(name: str, refresh_token: str = "refresh-0a1b2c3d") -> store.Profile:
    token = Token(Secret("access-0a1b2c3d"), Secret(refresh_token), obtained_at=1000.0, expires_in=3600.0)
    return store.Profile(name, CLIENT, token)


def test_secrets_move_to_the_keyring_and_back(manager: CredentialManager) -> None:
    """Two profiles have an entry each, and a deleted profile leaves none."""
    for name in ("acme", "zenith"):
        store.save(profile(name))
        store.migrate(name, "keyring")
    assert {entry["UserName"] for entry in manager.entries.values()} == {"acme", "zenith"}
    assert store.load("acme") == dataclasses.replace(profile("acme"), keep="keyring")
    store.migrate("zenith", "file")
    store.delete("acme")
    assert manager.entries == {} and store.load("zenith") == profile("zenith")


def test_two_profiles_that_are_saved_at_the_same_time_keep_their_secrets(manager: CredentialManager) -> None:
    """Two schedules at 06:30 refresh two profiles. The second write ends while the first one is in progress."""
    for name in ("acme", "zenith"):
        store.save(profile(name))
        store.migrate(name, "keyring")
    manager.waits_for = "zenith"

    def refresh(name: str) -> None:
        store.change(
            name,
            lambda saved: None if saved is None else saved.renewed(profile(name, "new-0a1b2c3d").token, 0.0),  # type: ignore[arg-type]
        )

    slow = threading.Thread(target=refresh, args=("zenith",))
    slow.start()
    refresh("acme")
    manager.pause.set()
    slow.join()
    for name in ("acme", "zenith"):
        loaded = store.load(name)
        assert loaded is not None and loaded.token is not None and loaded.token.refresh_token is not None
        assert loaded.token.refresh_token.reveal() == "new-0a1b2c3d"


def test_secrets_that_are_too_large_are_named_as_the_cause(manager: CredentialManager) -> None:
    """Windows refuses them with an error that does not say why. The sign-in stays in the file."""
    saved = profile("acme", "r" * 1200)
    store.save(saved)
    with pytest.raises(
        TokenStoreError, match=r"at most 2,560 bytes .* these secrets need \d,\d+\. Save them in 'file'"
    ):
        store.migrate("acme", "keyring")
    assert store.load("acme") == saved and manager.entries == {}


def test_secrets_that_become_too_large_are_not_lost(manager: CredentialManager) -> None:
    """A refreshed token of another server can be longer. It is saved next to the profile until it is moved to the file."""
    store.save(profile("acme"))
    store.migrate("acme", "keyring")
    longer = profile("acme", "r" * 1200)
    with pytest.raises(TokenStoreError, match="For now, the secrets are saved in the private file"):
        store.change("acme", lambda saved: dataclasses.replace(saved, token=longer.token))  # type: ignore[type-var]
    with pytest.warns(UserWarning, match="newest secrets"):
        assert store.migrate("acme", "file") == longer
    assert manager.entries == {}


def test_the_secrets_of_a_box_profile_with_mail_settings_fit(manager: CredentialManager) -> None:
    """Box's tokens have 32 and 64 characters. Ten recipients also fit."""
    address = "a.rather.long.name@example.com"
    settings = MailSettings(
        "smtp.example.com", 587, "starttls", address, Secret("ü" * 16), address, (address,) * 10
    )
    saved = dataclasses.replace(profile("acme", "r" * 64), mail=settings)
    store.save(saved)
    store.migrate("acme", "keyring")
    assert store.load("acme") == dataclasses.replace(saved, keep="keyring")
    assert {entry["UserName"] for entry in manager.entries.values()} == {"acme"}


@pytest.mark.usefixtures("manager")
def test_another_spelling_of_a_profile_is_refused_where_it_would_be_the_same_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On Windows and macOS, ``Acme`` would be loaded from the file of ``acme``, without the secrets of its entry."""
    monkeypatch.setattr(files, "IGNORES_CASE", True)
    store.save(profile("acme"))
    store.migrate("acme", "keyring")
    with pytest.raises(
        ProfileNameError, match="There is a profile 'acme', and 'Acme' would be the same file"
    ):
        store.load("Acme")
    store.rename("acme", "Zenith")
    assert store.load("Zenith") is not None and store.load("acme") is None
    monkeypatch.setattr(files, "IGNORES_CASE", False)
    assert store.load("zenith") is None
