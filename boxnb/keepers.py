"""Where the secrets of a profile are kept: in its file, the system's keyring, an older script's plist, a command.

A keeper reads and writes one JSON-like dict: ``client_secret``, ``token`` (a dict or None) and ``generation``.
Everything that is no secret stays in the profile's file. Each write replaces the whole or nothing.
"""

from __future__ import annotations

import datetime
import json
import os
import plistlib
import shlex
import subprocess
from pathlib import Path
from typing import Any, Protocol
from xml.parsers.expat import ExpatError

from . import disk
from .errors import TokenStoreError

Kept = dict[str, Any]
SERVICE = "boxnb"
COMMAND_SECONDS = 60.0
EARLIEST = 946_684_800.0
"""2000-01-01, seconds since the epoch: a smaller number is a length of time, or nothing."""
_TIMES = ("time", "timestamp", "date", "obtained", "issued")


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
    ValueError
        No such place.
    """
    kind, _, rest = keep.partition(":")
    if kind == "file" and not rest:
        return None
    if kind == "keyring" and not rest:
        return KeyringKeeper(name, file)
    if kind == "plist" and rest:
        return PlistKeeper(Path(rest).expanduser())
    if kind == "command" and rest:
        return CommandKeeper(words(rest), name, file)
    raise ValueError(
        f"Secrets are kept in 'file', 'keyring', 'plist:PATH' or 'command:PROGRAM', not {keep!r}."
    )


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
        backend = keyring.get_keyring()
        backends = [backend, *getattr(backend, "backends", [])]
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
        except keyring.errors.KeyringError as error:
            raise TokenStoreError(
                f"The keyring refused ({type(error).__name__}): unlock it, then try again; nothing was changed.",
                self._file,
            ) from None

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
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeError) as error:
            raise TokenStoreError(
                f"{self._command[0]} could not be run ({type(error).__name__}): check the profile's 'keep'.",
                self._file,
            ) from None
        if done.returncode != 0:
            raise TokenStoreError(
                f"{self._command[0]} {verb} ended with {done.returncode}: run it by hand to see why; "
                "nothing was changed by boxnb.",
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


def _decoded(text: str, file: Path, what: str) -> Kept:
    try:
        kept = json.loads(text)
    except ValueError:
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

    def _load(self) -> dict[str, Any]:
        try:
            content = plistlib.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise disk.explained(error, self.path, "read") from error
        except (plistlib.InvalidFileException, ValueError, ExpatError):
            content = None
        if not isinstance(content, dict):
            raise TokenStoreError(f"{self.path} is no property list with named values.", self.path)
        return content

    def read(self) -> Kept | None:
        """What is kept, or ``None``."""
        content = self._load()
        key = _key(content, "refreshtoken", "refresh")
        if key is None or not str(content[key]).strip():
            return None
        access = _key(content, "accesstoken", "access")
        return {
            "client_secret": _text(content, "clientsecret"),
            "client_id": _text(content, "clientid"),
            "token": {
                "access_token": str(content[access]) if access else "",
                "refresh_token": str(content[key]).strip(),
                "obtained_at": _seconds(content),
                # The older script notes when, not for how long: the first call refreshes.
                "expires_in": 0.0,
            },
        }

    def write(self, kept: Kept) -> None:
        """Replace what is kept."""
        content = self._load()
        token = kept.get("token") or {}
        content[_key(content, "refreshtoken", "refresh") or "refresh_token"] = (
            token.get("refresh_token") or ""
        )
        access = _key(content, "accesstoken", "access")
        if access is not None:
            content[access] = token.get("access_token") or ""
        when = _time_key(content) or "time"
        content[when] = _as_before(content.get(when), float(token.get("obtained_at") or 0))
        disk.write_private(self.path, plistlib.dumps(content, sort_keys=False))

    def delete(self) -> None:
        """Forget it."""
        content = self._load()
        key = _key(content, "refreshtoken", "refresh")
        if key is not None:
            self.write({"token": None})


def _plain(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())


def _key(content: dict[str, Any], *wanted: str) -> str | None:
    """The key that means one of the wanted words, whatever its spelling: ``Refresh Token``, ``refreshToken``."""
    for word in wanted:
        for key in content:
            if _plain(key) in (word, "box" + word) or (len(wanted) == 1 and _plain(key) == word):
                return key
    return None


def _time_key(content: dict[str, Any]) -> str | None:
    """The key whose value is when the token was saved; ``Timeout`` and ``updateUrl`` only sound like it."""
    named = [key for key in content if any(word in _plain(key) for word in _TIMES)]
    empty = (key for key in named if _plain(key).endswith(_TIMES) and content[key] in (None, "", 0))
    return next((key for key in named if _moment(content[key])), next(empty, None))


def _text(content: dict[str, Any], word: str) -> str | None:
    key = _key(content, word)
    return None if key is None else str(content[key])


def _seconds(content: dict[str, Any]) -> float:
    """When the older script got its token, seconds since the epoch; 0 where it does not say."""
    key = _time_key(content)
    return 0.0 if key is None else _moment(content[key])


def _moment(value: Any) -> float:
    """Seconds since the epoch; 0 for what is no time of this century."""
    if isinstance(value, datetime.datetime):  # plists hold UTC without saying so
        return value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp()
    try:
        return seconds if (seconds := float(str(value))) > EARLIEST else 0.0
    except ValueError:
        pass
    try:
        then = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        return 0.0
    return then.astimezone(datetime.UTC).timestamp()


def _as_before(before: Any, seconds: float) -> Any:
    """A time in the form the older script wrote it."""
    then = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    if isinstance(before, bool) or before is None or isinstance(before, datetime.datetime):
        return then.replace(tzinfo=None)
    if isinstance(before, int):
        return int(seconds)
    if isinstance(before, float):
        return seconds
    try:
        float(str(before))
    except ValueError:
        return then.astimezone().replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return str(seconds)
