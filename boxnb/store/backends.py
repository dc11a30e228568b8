"""Backends: where a profile's secrets are saved (its own file, a keyring, an older script's property list, a command).

A backend reads and writes one JSON-like dict: ``client_secret``, ``token`` (a dict or None), ``mail`` and ``generation``.
Everything that is not secret stays in the profile's file. A write replaces the whole dict, or changes nothing.
"""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import subprocess
from pathlib import Path
from typing import Any, Protocol

from ..errors import SettingError, TokenStoreError
from ..local import private_files
from ..oauth.token import Token
from . import property_list

Secrets = dict[str, Any]
SERVICE = "boxnb"
COMMAND_SECONDS = 60.0


class Backend(Protocol):
    """The methods that :mod:`boxnb.store` calls to save and read secrets."""

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""

    def delete(self) -> None:
        """Delete the saved secrets."""


def backend_for(keep: str, name: str, file: Path) -> Backend | None:
    """Return the backend that a profile names; ``None`` for ``"file"``, because those secrets are in the profile's own file.

    Parameters
    ----------
    keep : str
        ``"file"``, ``"keyring"``, ``"plist:PATH"`` or ``"command:PROGRAM ARGUMENTS"``.
    name : str
        The profile's name.
    file : Path
        The profile's file, for messages.

    Raises
    ------
    SettingError
        There is no such backend.
    """
    backend, _, argument = keep.partition(":")
    if backend == "file" and not argument:
        return None
    if backend == "keyring" and not argument:
        return KeyringBackend(name, file)
    if backend == "plist" and argument:
        try:
            return PlistBackend(Path(argument).expanduser())
        except RuntimeError:
            raise SettingError(f"There is no user {argument.split('/')[0]!r} on this computer.") from None
    if backend == "command" and argument:
        return CommandBackend(split_command(argument), name, file)
    raise SettingError(
        f"Secrets can be saved in 'file', 'keyring', 'plist:PATH' or 'command:PROGRAM', not in {keep!r}."
    )


def draft_path(file: Path) -> Path:
    """Return the private file next to a profile's file, for secrets that a backend could not save."""
    return file.with_name(f".{file.name}.unsaved")


def replace(backend: Backend, secrets: Secrets, file: Path | None) -> None:
    """Write secrets and read them back.

    A keyring may delete its entry and then fail to write the new one. So if saving fails, the secrets are written to a
    private draft next to ``file`` (the profile's file), where :func:`read` finds them. If ``file`` is ``None``, no draft
    is written.

    Raises
    ------
    TokenStoreError
        The backend refused the secrets, or did not return them unchanged.
    """
    try:
        backend.write(secrets)
        if backend.read() != secrets:
            raise TokenStoreError(
                "The backend did not return the secrets that were written to it. Check it, then try again.",
                draft_path(file) if file is not None else Path(),
            )
    except BaseException as error:
        if file is None:
            raise
        try:
            private_files.write_private(draft_path(file), json.dumps(secrets).encode())
        except TokenStoreError as draft_error:
            raise TokenStoreError(
                f"{error} The secrets could not be saved next to the profile either: {draft_error}", file
            ) from None
        if isinstance(error, TokenStoreError):
            raise TokenStoreError(
                f"{error} For now, the secrets are saved in the private file {draft_path(file)}.", file
            ) from None
        raise


def read(backend: Backend, file: Path) -> Secrets | None:
    """Return the secrets of a profile, from the draft of a failed save unless the backend has newer ones.

    Raises
    ------
    TokenStoreError
        The secrets cannot be read.
    """
    try:
        text = private_files.read_private(draft_path(file))
    except FileNotFoundError:
        return backend.read()
    except OSError as error:
        raise private_files.explained(error, draft_path(file), "read") from error
    drafted = _decode(text, file, "The private draft")
    try:
        saved = backend.read()
    except TokenStoreError:
        saved = None
    if saved is not None and _generation(saved) > _generation(drafted):
        return saved
    private_files.say_once(
        file, f"The newest secrets of this profile are in {draft_path(file)} until the backend saves them."
    )
    return drafted


def pop_secrets(content: dict[str, Any]) -> Secrets:
    """Remove the secrets from the content of a profile's file. Return them with the generation."""
    secrets = {name: content.pop(name) for name in ("token", "mail")}
    secrets["client_secret"] = content["client"].pop("client_secret")
    return {**secrets, "generation": content["generation"]}


def with_secrets(name: str, content: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the content of a profile's file, completed with the secrets from its keyring or command."""
    keep = content.get("keep", "file")
    backend = backend_for(keep, name, file)
    if backend is None or isinstance(backend, PlistBackend):
        return content
    saved = read(backend, file)
    if saved is None:  # do not raise: the sign-in panel and delete have to work for such a profile
        private_files.say_once(
            file,
            f"The secrets of {name!r} are missing from the backend '{keep.split(':')[0]}'. Sign in again.",
        )
    secrets = {"client_secret": "", "token": None, "mail": None, "generation": 0, **(saved or {})}
    client = {**content["client"], "client_secret": secrets["client_secret"]}
    return {**content, "client": client, **{key: secrets[key] for key in ("token", "mail", "generation")}}


def _generation(secrets: Secrets) -> int:
    generation = secrets.get("generation")
    return generation if isinstance(generation, int) else 0


def split_command(command: str, *, windows: bool = os.name == "nt") -> list[str]:
    """Split a command into words. On Windows a backslash is part of a path, not an escape."""
    words = shlex.split(command, posix=not windows)
    return [word[1:-1] if windows and word[:1] == word[-1:] == '"' else word for word in words]


class KeyringBackend:
    """The operating system's keyring (extra ``keyring``). boxnb never falls back silently, and never to plain text."""

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._file = file

    def _keyring(self) -> Any:
        try:
            import keyring
        except ImportError:
            raise TokenStoreError(
                "The system's keyring needs one more package: pip install 'boxnb[keyring]'.", self._file
            ) from None
        try:
            backend = keyring.get_keyring()
            backends = [backend, *getattr(backend, "backends", [])]
        except Exception as error:  # noqa: BLE001  keyring libraries raise their own errors
            raise TokenStoreError(
                f"Cannot open the system's keyring ({type(error).__name__}). Save the secrets in 'file' instead.",
                self._file,
            ) from None
        modules = [type(candidate).__module__ for candidate in backends]
        if modules[0].startswith(("keyring.backends.fail", "keyring.backends.null")):
            raise TokenStoreError(
                "This computer has no keyring. Save the secrets in 'file' instead.", self._file
            )
        if any(module.startswith("keyrings.alt") for module in modules):
            raise TokenStoreError(
                "The only keyring on this computer saves plain text. Save the secrets in 'file' instead: that file is private.",
                self._file,
            )
        return keyring

    def _call(self, function: str, *arguments: str) -> Any:
        keyring = self._keyring()
        try:
            return getattr(keyring, function)(SERVICE, self._name, *arguments)
        except Exception as error:  # noqa: BLE001  D-Bus, pywintypes and others do not raise a KeyringError
            reason = f"The keyring refused the request ({type(error).__name__})"
        # Raise outside the handler: the traceback of the error above contains the secrets in plain text.
        del arguments
        raise TokenStoreError(
            f"{reason}. Unlock the keyring and try again, or save the secrets in 'file'.", self._file
        )

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""
        text = self._call("get_password")
        return None if text is None else _decode(text, self._file, "The keyring's entry")

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""
        self._call("set_password", json.dumps(secrets))

    def delete(self) -> None:
        """Delete the saved secrets."""
        if self._call("get_password") is not None:
            self._call("delete_password")


class CommandBackend:
    """A secret manager: ``PROGRAM … get NAME`` prints the JSON, ``… set NAME`` reads it, ``… delete NAME`` deletes it."""

    def __init__(self, command: list[str], name: str, file: Path) -> None:
        self._command = command
        self._name = name
        self._file = file

    def _run(self, verb: str, text: str = "") -> str:
        try:
            process = subprocess.run(  # noqa: S603  the owner of the profile chose the program
                [*self._command, verb, self._name],
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TokenStoreError(
                f"Cannot run {self._command[0]} ({type(error).__name__}). Check the profile's 'keep' setting.",
                self._file,
            ) from None
        if process.returncode != 0:
            raise TokenStoreError(
                f"{self._command[0]} {verb} ended with exit code {process.returncode}. Run it by hand to see why.",
                self._file,
            )
        return process.stdout

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""
        text = self._run("get").strip()
        return _decode(text, self._file, f"The output of {self._command[0]}") if text else None

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""
        self._run("set", json.dumps(secrets))

    def delete(self) -> None:
        """Delete the saved secrets."""
        self._run("delete")


def _decode(text: str | bytes, file: Path, source: str) -> Secrets:
    try:
        secrets = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        secrets = None
    if not isinstance(secrets, dict):
        raise TokenStoreError(f"{source} is not what boxnb saved. Sign in again.", file) from None
    return secrets


class PlistBackend:
    """The property list of an older script: its refresh token and that token's times, under the script's own names.

    The older script and boxnb share one token pair: each uses what the other saved. The older script does not take the
    lock, so do not run both at the same time: one of them may lose its sign-in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def _load(self) -> tuple[dict[str, Any], Any]:
        try:
            return property_list.read(self.path.read_bytes())
        except FileNotFoundError:
            return {}, plistlib.FMT_XML
        except OSError as error:
            raise private_files.explained(error, self.path, "read") from error
        except ValueError as error:
            raise TokenStoreError(f"Cannot use {self.path}: {error}.", self.path) from None

    def _token_part(self, content: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return property_list.token_part(content)
        except ValueError as error:
            raise TokenStoreError(f"Cannot use {self.path}: {error}.", self.path) from None

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""
        content, _ = self._load()
        part = self._token_part(content)
        token = None if part is None else property_list.token_in(part)
        return None if token is None else {"token": token}

    def token(self) -> Token | None:
        """Return the saved token pair, or ``None``."""
        secrets = self.read()
        try:
            return None if secrets is None else Token.from_json(secrets["token"])
        except ValueError:
            raise TokenStoreError(
                f"The token in {self.path} contains characters that cannot be sent.", self.path
            ) from None

    def names(self) -> list[str]:
        """Return the names in the property list, or ``[]`` if one of them is the refresh token."""
        content, _ = self._load()
        return [] if self._token_part(content) is not None else [str(name) for name in content]

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""
        content, plist_format = self._load()
        self._token_part(content)
        try:
            if not property_list.put(content, secrets.get("token") or {}):
                return
            raw = property_list.dump(content, plist_format)
        except (ValueError, OverflowError, OSError) as error:
            raise TokenStoreError(f"{self.path} was not changed: {error}.", self.path) from None
        private_files.write_private(self.path, raw)

    def delete(self) -> None:
        """Delete the saved secrets."""
        content, _ = self._load()
        if self._token_part(content) is not None:
            self.write({"token": None})
