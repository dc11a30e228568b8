"""Backends: where a profile's secrets are saved (its own file, a keyring, an older script's property list, a command).

A backend reads and writes one JSON-like dict: ``client_secret``, ``token`` (a dict or None), ``mail``, ``generation``,
``written``, and ``secrets`` if the profile does not sign in to Box with an authorization code.
Everything that is not secret stays in the profile's file. A write replaces the whole dict, or changes nothing.
"""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeGuard

from ..errors import SettingError, TokenStoreError
from ..local import private_files
from ..oauth.token import Token
from . import entry, property_list
from .entry import Secrets
from .system_keyring import KeyringBackend

COMMAND_SECONDS = 60.0


class Backend(Protocol):
    """The methods that :mod:`boxnb.store` calls to save and read secrets."""

    def read(self) -> Secrets | None:
        """Return the saved secrets, or ``None`` if there are none."""

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""

    def delete(self) -> None:
        """Delete the saved secrets."""


def backend_for(keep: str, entry_name: str, file: Path) -> Backend | None:
    """Return the backend that a profile names; ``None`` for ``"file"``, because those secrets are in the profile's own file.

    Parameters
    ----------
    keep : str
        ``"file"``, ``"keyring"``, ``"plist:PATH"`` or ``"command:PROGRAM ARGUMENTS"``.
    entry_name : str
        The name under which a keyring or command saves the secrets: usually the profile's name.
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
        return KeyringBackend(entry_name, file)
    if backend == "plist" and argument:
        try:
            return PlistBackend(Path(argument).expanduser())
        except RuntimeError:
            raise SettingError(f"There is no user {argument.split('/')[0]!r} on this computer.") from None
    if backend == "command" and argument:
        return CommandBackend(split_command(argument), entry_name, file)
    raise SettingError(
        f"Secrets can be saved in 'file', 'keyring', 'plist:PATH' or 'command:PROGRAM', not in {keep!r}."
    )


def draft_path(file: Path) -> Path:
    """Return the private file next to a profile's file, for secrets that a backend could not save."""
    return file.with_name(f".{file.name}.unsaved")


def replace(backend: Backend, secrets: Secrets, file: Path | None) -> None:
    """Write secrets and read them back.

    A keyring may delete its entry before it writes the new one, and fail or be killed in between. So the secrets are first
    written to a private draft next to ``file`` (the profile's file), where :func:`read` finds them. The caller deletes the
    draft once the profile is saved. If ``file`` is ``None``, no draft is written.

    Raises
    ------
    TokenStoreError
        The backend refused the secrets, or did not return them unchanged.
    """
    draft_error: TokenStoreError | None = None
    if file is not None:
        try:
            private_files.write_private(draft_path(file), json.dumps(secrets).encode())
        except TokenStoreError as error:
            draft_error = error  # the backend may still accept them
    try:
        backend.write(secrets)
        if backend.read() != secrets:
            raise TokenStoreError(
                "The backend did not return the secrets that were written to it. Check it, then try again.",
                draft_path(file) if file is not None else Path(),
            )
    except TokenStoreError as error:
        if file is None:
            raise
        if draft_error is not None:
            raise TokenStoreError(
                f"{error} The secrets could not be saved next to the profile either: {draft_error}", file
            ) from None
        raise TokenStoreError(
            f"{error} For now, the secrets are saved in the private file {draft_path(file)}.", file
        ) from None


class Found(NamedTuple):
    """What :func:`read` found: secrets or ``None``, what is odd about that, and whether reading again may help."""

    secrets: Secrets | None
    warning: str = ""
    may_change: bool = False


def read(backend: Backend, file: Path, content: dict[str, Any]) -> Found:
    """Return the secrets of a profile, from the draft of an interrupted save unless the backend has newer ones.

    An entry that is older than the profile's file is ignored: some keyrings return a cached or synced copy.

    Raises
    ------
    TokenStoreError
        The secrets cannot be read.
    """
    label = str(content.get("keep")).split(":")[0]
    try:
        text = private_files.read_private(draft_path(file))
    except FileNotFoundError:
        saved = backend.read()
        if saved is None:
            missing = f"The secrets of {file.stem!r} are missing from the backend {label!r}. Sign in again."
            return Found(None, missing, may_change=True)
        if entry.is_outdated(saved, content):
            outdated = f"The backend {label!r} returned older secrets of {file.stem!r}, which boxnb ignores. Try again, or sign in again."
            return Found(None, outdated, may_change=True)
        return Found(saved)
    except OSError as error:
        raise private_files.explained(error, draft_path(file), "read") from error
    try:
        saved, is_readable = backend.read(), True
    except TokenStoreError:
        saved, is_readable = None, False
    try:
        drafted = entry.decode(text, file, f"The private draft {draft_path(file)}")
    except TokenStoreError:
        if saved is None or entry.is_outdated(saved, content):
            raise
        return Found(saved, f"The private draft {draft_path(file)} is damaged, so boxnb ignores it.")
    if saved is not None and (saved == drafted or entry.generation(saved) > entry.generation(drafted)):
        return Found(saved)
    unsaved = f"The newest secrets of this profile are in {draft_path(file)} until the backend saves them."
    return Found(drafted, unsaved, may_change=is_readable)


def with_secrets(content: dict[str, Any], found: Found) -> dict[str, Any]:
    """Return the content of a profile's file, completed with the secrets that were found outside it."""
    secrets = {"client_secret": "", "token": None, "mail": None, "generation": 0, **(found.secrets or {})}
    client = {**content["client"], "client_secret": secrets["client_secret"]}
    others: dict[str, Any] = {
        key: secrets[key] for key in ("token", "mail", "generation", "secrets") if key in secrets
    }
    return {**content, "client": client, **others}


def is_separate(backend: Backend | None) -> TypeGuard[Backend]:
    """Return whether a backend has the only copy of the secrets. With a property list, the profile's file has one too."""
    return backend is not None and not isinstance(backend, PlistBackend)


def is_same_storage(backend: Backend | None, other: Backend | None) -> bool:
    """Return whether two backends are the same storage: one property list, or a keyring or command with the same saved secrets."""
    if isinstance(backend, PlistBackend) and isinstance(other, PlistBackend):
        return os.path.realpath(backend.path) == os.path.realpath(other.path)
    if not (is_separate(backend) and is_separate(other)):
        return False
    saved, other_saved = backend.read(), other.read()
    return saved is not None and saved == other_saved and "written" in saved


def split_command(command: str, *, windows: bool = os.name == "nt") -> list[str]:
    """Split a command into words. On Windows a backslash is part of a path, not an escape."""
    words = shlex.split(command, posix=not windows)
    return [word[1:-1] if windows and word[:1] == word[-1:] == '"' else word for word in words]


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
        return entry.decode(text, self._file, f"The output of {self._command[0]}") if text else None

    def write(self, secrets: Secrets) -> None:
        """Replace the saved secrets."""
        self._run("set", json.dumps(secrets))

    def delete(self) -> None:
        """Delete the saved secrets."""
        self._run("delete")


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
