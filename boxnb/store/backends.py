"""Where the secrets of a profile are kept: in its file, the system's keyring, an older script's plist, a command.

A keeper reads and writes one JSON-like dict: ``client_secret``, ``token`` (a dict or None) and ``generation``.
Everything that is no secret stays in the profile's file. Each write replaces the whole or nothing.
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

Kept = dict[str, Any]
SERVICE = "boxnb"
COMMAND_SECONDS = 60.0


class Keeper(Protocol):
    """What :mod:`boxnb.store` needs of a place for secrets."""

    def read(self) -> Kept | None:
        """What is kept, or ``None``."""

    def write(self, kept: Kept) -> None:
        """Replace what is kept."""

    def delete(self) -> None:
        """Forget it."""


def keeper(keep: str, name: str, file: Path) -> Keeper | None:
    """The keeper a profile names; ``None`` for ``"file"``, whose secrets are in the profile's own file.

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
        No such place.
    """
    kind, _, rest = keep.partition(":")
    if kind == "file" and not rest:
        return None
    if kind == "keyring" and not rest:
        return KeyringKeeper(name, file)
    if kind == "plist" and rest:
        try:
            return PlistKeeper(Path(rest).expanduser())
        except RuntimeError:
            raise SettingError(f"There is no user {rest.split('/')[0]!r} on this computer.") from None
    if kind == "command" and rest:
        return CommandKeeper(words(rest), name, file)
    raise SettingError(
        f"Secrets are kept in 'file', 'keyring', 'plist:PATH' or 'command:PROGRAM', not {keep!r}."
    )


def draft(file: Path) -> Path:
    """The private file beside a profile's that holds the secrets which their own place did not take."""
    return file.with_name(f".{file.name}.unsaved")


def replace(place: Keeper, kept: Kept, file: Path | None) -> None:
    """Write secrets and read them back.

    A keyring may delete its entry before it writes the new one, and fail in between. So what was not taken is left in
    a private draft beside ``file``, the profile's, unless that is ``None``; :func:`read` takes it up from there.

    Raises
    ------
    TokenStoreError
        The place refused them, or gave back something else.
    """
    try:
        place.write(kept)
        if place.read() != kept:
            raise TokenStoreError(
                "The place for the secrets gave back something else than was written: check it, then try again.",
                draft(file) if file is not None else Path(),
            )
    except BaseException as error:
        if file is None:
            raise
        try:
            private_files.write_private(draft(file), json.dumps(kept).encode())
        except TokenStoreError as second:
            raise TokenStoreError(
                f"{error} They could not be left beside the profile either: {second}", file
            ) from None
        if isinstance(error, TokenStoreError):
            raise TokenStoreError(
                f"{error} Until then the secrets are in the private file {draft(file)}.", file
            ) from None
        raise


def read(place: Keeper, file: Path) -> Kept | None:
    """Return the secrets of a profile: those of the draft that a failed write left, where nothing newer is kept.

    Raises
    ------
    TokenStoreError
        They cannot be read.
    """
    try:
        text = private_files.read_private(draft(file))
    except FileNotFoundError:
        return place.read()
    except OSError as error:
        raise private_files.explained(error, draft(file), "read") from error
    drafted = _decoded(text, file, "The private draft")
    try:
        kept = place.read()
    except TokenStoreError:
        kept = None
    if kept is not None and _generation(kept) > _generation(drafted):
        return kept
    private_files.say_once(
        file, f"The newest secrets of this profile are in {draft(file)} until the place for them takes them."
    )
    return drafted


def taken_out(content: dict[str, Any]) -> Kept:
    """Take the secrets out of what a file would hold."""
    secrets = {name: content.pop(name) for name in ("token", "mail")}
    secrets["client_secret"] = content["client"].pop("client_secret")
    return {**secrets, "generation": content["generation"]}


def with_secrets(name: str, content: dict[str, Any], file: Path) -> dict[str, Any]:
    """The profile's file, completed by what a keyring or a command keeps."""
    keep = content.get("keep", "file")
    place = keeper(keep, name, file)
    if place is None or isinstance(place, PlistKeeper):
        return content
    kept = read(place, file)
    if kept is None:  # registered, as far as anybody knows: the way to the panel and to delete stays open
        private_files.say_once(
            file, f"The secrets of {name!r} are gone from {keep.split(':')[0]}: sign in again."
        )
    kept = {"client_secret": "", "token": None, "mail": None, "generation": 0, **(kept or {})}
    client = {**content["client"], "client_secret": kept["client_secret"]}
    return {**content, "client": client, **{key: kept[key] for key in ("token", "mail", "generation")}}


def _generation(kept: Kept) -> int:
    found = kept.get("generation")
    return found if isinstance(found, int) else 0


def words(command: str, *, windows: bool = os.name == "nt") -> list[str]:
    """A command as its words; on Windows a backslash belongs to a path."""
    found = shlex.split(command, posix=not windows)
    return [word[1:-1] if windows and word[:1] == word[-1:] == '"' else word for word in found]


class KeyringKeeper:
    """The operating system's keyring (extra ``keyring``); never a plain-text one, never a silent fallback."""

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
        except Exception as error:  # noqa: BLE001  of any library that a backend is made of
            raise TokenStoreError(
                f"The system's keyring could not be opened ({type(error).__name__}): keep the secrets in 'file' instead.",
                self._file,
            ) from None
        homes = [type(each).__module__ for each in backends]
        if homes[0].startswith(("keyring.backends.fail", "keyring.backends.null")):
            raise TokenStoreError(
                "This computer has no keyring: keep the secrets in 'file' instead.", self._file
            )
        if any(home.startswith("keyrings.alt") for home in homes):
            raise TokenStoreError(
                "The only keyring here writes plain text: keep the secrets in 'file', which is private, instead.",
                self._file,
            )
        return keyring

    def _do(self, what: str, *arguments: str) -> Any:
        keyring = self._keyring()
        try:
            return getattr(keyring, what)(SERVICE, self._name, *arguments)
        except Exception as error:  # noqa: BLE001  D-Bus, pywintypes, and others that are not a KeyringError
            reason = f"The keyring refused ({type(error).__name__})"
        # Raised here, for the frame of the error above holds the secrets in clear.
        del arguments
        raise TokenStoreError(
            f"{reason}: unlock it, then try again, or keep the secrets in 'file'.", self._file
        )

    def read(self) -> Kept | None:
        """What is kept, or ``None``."""
        text = self._do("get_password")
        return None if text is None else _decoded(text, self._file, "The keyring's entry")

    def write(self, kept: Kept) -> None:
        """Replace what is kept."""
        self._do("set_password", json.dumps(kept))

    def delete(self) -> None:
        """Forget it."""
        if self._do("get_password") is not None:
            self._do("delete_password")


class CommandKeeper:
    """A secret manager: ``PROGRAM … get NAME`` prints the JSON, ``… set NAME`` reads it, ``… delete NAME`` forgets it."""

    def __init__(self, command: list[str], name: str, file: Path) -> None:
        self._command = command
        self._name = name
        self._file = file

    def _run(self, verb: str, text: str = "") -> str:
        try:
            done = subprocess.run(  # noqa: S603  the profile's owner chose the program
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
                f"{self._command[0]} could not be run ({type(error).__name__}): check the profile's 'keep'.",
                self._file,
            ) from None
        if done.returncode != 0:
            raise TokenStoreError(
                f"{self._command[0]} {verb} ended with {done.returncode}: run it by hand to see why.",
                self._file,
            )
        return done.stdout

    def read(self) -> Kept | None:
        """What is kept, or ``None``."""
        text = self._run("get").strip()
        return _decoded(text, self._file, f"What {self._command[0]} printed") if text else None

    def write(self, kept: Kept) -> None:
        """Replace what is kept."""
        self._run("set", json.dumps(kept))

    def delete(self) -> None:
        """Forget it."""
        self._run("delete")


def _decoded(text: str | bytes, file: Path, what: str) -> Kept:
    try:
        kept = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise TokenStoreError(f"{what} is not what boxnb wrote: sign in again.", file) from None
    return kept


class PlistKeeper:
    """The property list of an older script: its refresh token and time, under whatever names it gave them.

    The older script and boxnb share one chain: what either saved, the other uses. The older script takes no lock,
    so run the two one after the other: at the same moment one of them may lose.
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
            raise TokenStoreError(f"{self.path} cannot be used: {error}.", self.path) from None

    def _place(self, content: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return property_list.place_of(content)
        except ValueError as error:
            raise TokenStoreError(f"{self.path} cannot be used: {error}.", self.path) from None

    def read(self) -> Kept | None:
        """What is kept, or ``None``."""
        content, _ = self._load()
        place = self._place(content)
        token = None if place is None else property_list.token_in(place)
        return None if token is None else {"token": token}

    def token(self) -> Token | None:
        """Return the pair that is kept, or ``None``."""
        kept = self.read()
        try:
            return None if kept is None else Token.from_json(kept["token"])
        except ValueError:
            raise TokenStoreError(
                f"The token in {self.path} is not text that can be sent.", self.path
            ) from None

    def names(self) -> list[str]:
        """Return the names in a list where none of them means a refresh token; nothing where one does."""
        content, _ = self._load()
        return [] if self._place(content) is not None else [str(name) for name in content]

    def write(self, kept: Kept) -> None:
        """Replace what is kept."""
        content, form = self._load()
        self._place(content)
        try:
            if not property_list.put(content, kept.get("token") or {}):
                return
            raw = property_list.written(content, form)
        except (ValueError, OverflowError, OSError) as error:
            raise TokenStoreError(f"{self.path} was left as it is: {error}.", self.path) from None
        private_files.write_private(self.path, raw)

    def delete(self) -> None:
        """Forget it."""
        content, _ = self._load()
        if self._place(content) is not None:
            self.write({"token": None})
