"""A backend that saves secrets in the operating system's keyring (extra ``keyring``)."""

from __future__ import annotations

import contextlib
import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import TokenStoreError, WaitNotice
from . import entry
from .entry import Secrets

SERVICE = "boxnb"
WINDOWS = "keyring.backends.Windows"
LARGEST = 2560
"""The maximum size of an entry on Windows, in bytes of UTF-16. Source: Microsoft Learn, *CREDENTIALW* (``wincred.h``)."""
NOTICED = 5.0
"""Seconds after which a warning says that the keyring has not answered yet."""
PATIENCE = 40.0
"""Seconds after which boxnb no longer waits for the keyring's answer."""


class KeyringBackend:
    """The operating system's keyring. boxnb never falls back silently, and never to plain text."""

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._file = file

    def _keyring(self) -> tuple[Any, bool]:
        """Return the module keyring, and whether it uses the Credential Manager of Windows."""
        try:
            import keyring
        except ImportError:
            raise TokenStoreError(
                "The system's keyring needs one more package: pip install 'boxnb[keyring]'.", self._file
            ) from None
        except Exception as error:  # noqa: BLE001  a package that keyring imports may have the wrong version
            raise TokenStoreError(
                f"The package keyring cannot be imported ({type(error).__name__}). Reinstall it: "
                "pip install --force-reinstall keyring.",
                self._file,
            ) from None
        try:
            backend = keyring.get_keyring()
            modules = [
                type(candidate).__module__ for candidate in [backend, *getattr(backend, "backends", [])]
            ]
        except Exception as error:  # noqa: BLE001  keyring libraries raise their own errors
            raise TokenStoreError(
                f"Cannot open the system's keyring ({type(error).__name__}). Save the secrets in 'file' instead.",
                self._file,
            ) from None
        if modules[0].startswith(("keyring.backends.fail", "keyring.backends.null")):
            raise TokenStoreError(
                "This computer has no keyring. Save the secrets in 'file' instead.", self._file
            )
        if any(module.startswith("keyrings.alt") for module in modules):
            raise TokenStoreError(
                "The only keyring on this computer saves plain text. Save the secrets in 'file' instead: that file is private.",
                self._file,
            )
        return keyring, any(module.startswith(WINDOWS) for module in modules)

    def _call(self, function: str, *arguments: str) -> Any:
        keyring, is_windows = self._keyring()
        # On Windows, keyring has one entry per service, and moves it aside to write that of another user name. Two profiles
        # that are saved at the same time would therefore lose one of their entries.
        service = f"{SERVICE}:{self._name}" if is_windows else SERVICE
        if is_windows and arguments and (size := len(arguments[0].encode("utf-16-le"))) > LARGEST:
            raise TokenStoreError(
                f"Windows saves at most {LARGEST:,} bytes in one entry of its keyring, and these secrets need {size:,}. "
                "Save them in 'file' instead.",
                self._file,
            )
        try:
            return getattr(keyring, function)(service, self._name, *arguments)
        except Exception as error:  # noqa: BLE001  D-Bus, pywintypes and others do not raise a KeyringError
            reason = f"The keyring refused the request ({type(error).__name__})"
        # Raise outside the handler: the traceback of the error above contains the secrets in plain text.
        del arguments
        raise TokenStoreError(
            f"{reason}. Unlock the keyring and try again, or save the secrets in 'file'.", self._file
        )

    def _get(self) -> Any:
        """Return the text of the entry, or ``None``. Give up if the keyring does not answer."""
        answers: list[Any] = []

        def ask() -> None:
            try:
                answers.append(self._call("get_password"))
            except BaseException as error:  # noqa: BLE001  raised again below, in the thread that asked
                answers.append(error)

        # A daemon, because a keyring that waits for a prompt would otherwise keep Python from exiting.
        asking = threading.Thread(target=ask, name="keyring", daemon=True)
        with _announced():
            asking.start()
            asking.join(PATIENCE)
        if not answers:
            raise TokenStoreError(
                f"The keyring did not answer within {PATIENCE:.0f} seconds. It may be showing a prompt on another screen, or "
                "waiting for one that cannot be shown (over SSH, or in a scheduled run). Unlock it and try again, or save the "
                "secrets in 'file'.",
                self._file,
            )
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return answers[0]

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""
        text = self._get()
        return None if text is None else entry.decode(text, self._file, "The keyring's entry")

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""
        with _announced():  # no timeout: an abandoned write could later replace newer secrets
            self._call("set_password", json.dumps(secrets, separators=(",", ":")))

    def delete(self) -> None:
        """Delete the saved secrets."""
        if self._get() is not None:
            with _announced():
                self._call("delete_password")


@contextlib.contextmanager
def _announced() -> Iterator[None]:
    """Warn if a call to the keyring takes long enough to look like a hang."""
    line = "Waiting for the system's keyring. It may be showing a prompt."
    timer = threading.Timer(NOTICED, warnings.warn, (line, WaitNotice))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
